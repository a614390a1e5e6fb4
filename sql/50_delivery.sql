-- Actions on their way out.

CREATE OR REPLACE FUNCTION @extschema@.journey_destination_create(
	name text,
	kind text,
	config jsonb DEFAULT '{}',
	secret text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_destination_create'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_destination_create(text, text, jsonb, text) IS
'Make a destination for actions (name of 1 to 128 bytes). kind: pull, from which applications take actions with journey_claim; it has no configuration and no secret. Errors: a name that is taken, another kind. For level operate.';

CREATE OR REPLACE FUNCTION @extschema@.journey_claim(
	destination text,
	max int DEFAULT 100,
	lease interval DEFAULT '5 minutes')
RETURNS SETOF journey.action
AS 'MODULE_PATHNAME', 'journey_claim'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION @extschema@.journey_claim(text, int, interval) IS
'Take at most max actions of a destination that are due, oldest first: they are in flight until journey_ack or journey_nack, or until the lease has passed, when they can be claimed again; after the last attempt of their retry schedule (10) they are dead instead. Those whose expires_at has come, and those of stopped journeys, are cancelled instead, those of paused journeys left. Commit before acting on them. Nothing while journey.delivery is off; an error in a copy of the database that is not armed (see journey_arm). For level operate, and roles that were granted the destination.';

CREATE OR REPLACE FUNCTION @extschema@.journey_ack(id uuid, response jsonb DEFAULT NULL)
RETURNS bool
AS 'MODULE_PATHNAME', 'journey_ack'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_ack(uuid, jsonb) IS
'Say that a claimed action was delivered, with what came back (at most journey.max_props bytes). A member that awaits it goes on at once, with outcome delivered and that response. False where it is not in flight.';

CREATE OR REPLACE FUNCTION @extschema@.journey_nack(
	id uuid,
	error text DEFAULT NULL,
	retry_in interval DEFAULT NULL)
RETURNS bool
AS 'MODULE_PATHNAME', 'journey_nack'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_nack(uuid, text, interval) IS
'Say that a claimed action was not delivered, and why (at most 4096 bytes). It can be claimed again after retry_in; null: when the retry schedule of its tile says (by default 30 seconds, doubling to 6 hours, with jitter). After the schedule''s last attempt (10) it is dead, with retry_in too, and a member that awaits it goes on with outcome dead. One of a stopped journey is cancelled. False where it is not in flight.';
