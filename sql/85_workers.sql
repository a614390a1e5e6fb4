-- The workers: what they do, and whether they may.

CREATE OR REPLACE FUNCTION journey.worker_list(
	OUT database oid, OUT kind text, OUT number int, OUT pid int, OUT started_at timestamptz,
	OUT heartbeat timestamptz, OUT moved bigint, OUT sent bigint, OUT why_idle text)
RETURNS SETOF record
LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'journey_worker_list';
COMMENT ON FUNCTION journey.worker_list() IS
'The rows of journey.worker, with the database as its OID.';

CREATE OR REPLACE VIEW journey.worker AS
SELECT d.datname AS database, w.kind, w.number, w.pid, w.started_at, w.heartbeat, w.moved, w.sent, w.why_idle
  FROM journey.worker_list() w
  JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) w.database;
COMMENT ON VIEW journey.worker IS
'The workers of all databases of the server: kind (scheduler: moves members; sender: sends webhooks and mails; caller: calls the function of a destination), number among those of its kind in the database (of a caller the id of its destination), when it started, when it last looked for something due, members moved and queue rows worked off or attempts to send since it started, and why it stands idle. Where this database has no scheduler, a row without a pid says why.';

CREATE OR REPLACE FUNCTION journey.wake_launcher()
RETURNS void
LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'journey_wake_launcher';
COMMENT ON FUNCTION journey.wake_launcher() IS
'Internal. When this transaction commits, the launcher looks whether this database wants schedulers. Does nothing where the library is not preloaded.';

CREATE OR REPLACE FUNCTION @extschema@.journey_arm()
RETURNS void
LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'journey_arm';
COMMENT ON FUNCTION @extschema@.journey_arm() IS
'Lets the journeys of this database act, where it is a restored dump or a copy: due timers fire and actions can be claimed from the commit on. Level operate. Does nothing in a database that is armed.';

-- Workers come as soon as the extension is there.
SELECT journey.wake_launcher();
