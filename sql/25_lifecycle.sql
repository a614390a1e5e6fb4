-- Journeys: their life cycle, and members moved by hand.

CREATE OR REPLACE FUNCTION @extschema@.journey_pause(name text)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_pause'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_pause(text) IS
'Pause an active journey, from each session''s next emit: nobody enters, members stay where they are, no timer fires and nothing of it is claimed or sent. Goals still count; events are kept for the members until journey_resume. Errors: 42704 no such journey, 55000 it is not active, 42501. For its owner and roles with level operate.';

CREATE OR REPLACE FUNCTION @extschema@.journey_resume(name text)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_resume'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_resume(text) IS
'Make a paused journey active again. Each member first gets the events of the pause in order, then its waits go on as on_resume of the definition says; the worker, journey_tick or the customer''s next emit does that. Errors: 42704 no such journey, 55000 it is not paused, 42501. For its owner and roles with level operate.';

CREATE OR REPLACE FUNCTION @extschema@.journey_complete(name text)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_complete'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_complete(text) IS
'End an active or paused journey: nobody enters any more, members inside finish (a pause ends). Errors: 42704 no such journey, 55000 it is neither active nor paused, 42501. For its owner and roles with level operate.';

CREATE OR REPLACE FUNCTION @extschema@.journey_stop(name text)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_stop'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_stop(text) IS
'End a journey that is active, paused or completed at once: nobody enters any more, all members inside exit with outcome stopped, in this transaction, and its actions that are still pending are cancelled. Waits for transactions that hold its members. Errors: 42704 no such journey, 55000 it is a draft, 42501. For its owner and roles with level operate.';

CREATE OR REPLACE FUNCTION @extschema@.journey_move(
	journey text,
	customer text,
	tile text,
	key text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_move'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_move(text, text, text, text) IS
'Put a customer''s member of a journey on another tile of its version, from wherever it is; it arrives there and goes on. key may be null where the customer has one member inside only. Also during a pause, and for a member that has failed. Errors: 42704 no such journey, member or tile, 22023 several members, or the entry tile, 55000 the journey is a draft, 42501. For the journey''s owner and roles with level operate.';

CREATE OR REPLACE FUNCTION @extschema@.journey_retry_member(
	journey text,
	customer text,
	key text DEFAULT '')
RETURNS void
AS 'MODULE_PATHNAME', 'journey_retry_member'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_retry_member(text, text, text) IS
'Let a member that has failed try again: its tile, or the edges leaving it, are asked anew. In a paused journey that happens after journey_resume. Errors: 42704 no such journey, or no failed member of that key (the hint names the keys that have failed), 55000 the journey is a draft, 42501. For the journey''s owner and roles with level operate.';

CREATE OR REPLACE FUNCTION @extschema@.journey_migrate(
	name text,
	tile_map jsonb DEFAULT '{}',
	dry_run boolean DEFAULT false,
	OUT tile text,
	OUT to_tile text,
	OUT members bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'journey_migrate'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION @extschema@.journey_migrate(text, jsonb, boolean) IS
'Move all members inside a journey, on whatever older version, to its newest activated one. Each goes to the tile to which tile_map ({"old tile": "new tile"}) sends its tile, else to the one of the same name; what its tile has sent is not sent again, and where the tile or its edges have changed, timers are computed anew from the arrival. Returns how many went from which tile to which; with dry_run nothing is done. A draft is no target: activate it first, in a transaction that can be rolled back after the dry run. Errors, with which nobody is moved: 42704 no such journey, or a tile of the map that does not exist, 55000 the journey is a draft, or members stand on a tile without counterpart, 22023 a tile other than entry is sent to entry, 42501. For the journey''s owner and roles with level operate.';
