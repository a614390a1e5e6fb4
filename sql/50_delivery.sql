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
'Take at most max actions of a destination that are due, oldest first: they are in flight until journey_ack or journey_nack, or until the lease has passed, when they can be claimed again; after the last attempt of their retry schedule (10) they are dead instead. Those whose expires_at has come, and those of stopped journeys, are cancelled instead, those of paused journeys left. Commit before acting on them. Those that would leave in the quiet hours of their journey wait for their end, and one too many for its cap is suppressed. Nothing while journey.delivery is off, or the destination is paused or disabled; an error in a copy of the database that is not armed (see journey_arm). Errors: 42704 no such destination, 42809 it is not of kind pull, 22023 max or lease not positive, 42501. For level operate, and roles that were granted the destination.';

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

CREATE OR REPLACE FUNCTION @extschema@.journey_retry(id uuid)
RETURNS bool
AS 'MODULE_PATHNAME', 'journey_retry'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_retry(uuid) IS
'Send an action after all that is dead or was cancelled, at once, under the same id, with all attempts of its schedule before it; one that had expired does not expire again. A member that awaited it has gone on and hears nothing more of it. False where it is in another state, or there is none. Errors: 55000 its journey was stopped, 42704 its destination does not exist any more. For level operate.';

CREATE OR REPLACE FUNCTION @extschema@.journey_cancel(id uuid)
RETURNS bool
AS 'MODULE_PATHNAME', 'journey_cancel'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_cancel(uuid) IS
'Do not send an action that is pending, also between two attempts. A member that awaits it goes on at once, with outcome cancelled. False where it is in another state (what is in flight cannot be called back), or there is none. For level operate.';
