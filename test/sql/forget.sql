-- journey_forget: gone from every table, and the counts stay.
\set VERBOSITY terse
\pset null -
\set home :DBNAME
CREATE DATABASE regress_forget;
ALTER DATABASE regress_forget SET jit = off;
\c regress_forget
SET client_min_messages = warning;
CREATE EXTENSION journey CASCADE;
RESET client_min_messages;
\getenv abs_srcdir PG_ABS_SRCDIR
\set invariants `cat "$PG_ABS_SRCDIR"/t/invariants.sql`
CREATE VIEW violation AS :invariants;
SET timezone = 'UTC';
SELECT journey_maintain();

-- Where a text stands: each column of each table of the schema, partitions too.
CREATE FUNCTION mentions(needle text) RETURNS TABLE (relation text, attribute text) LANGUAGE plpgsql AS $$
DECLARE
	found bool;
BEGIN
	FOR relation, attribute IN
		SELECT c.relname, a.attname
		  FROM pg_class c
		  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		 WHERE c.relnamespace = 'journey'::regnamespace AND c.relkind IN ('r', 'm')
		 ORDER BY 1, 2
	LOOP
		EXECUTE format('SELECT EXISTS (SELECT FROM journey.%I WHERE strpos(%I::text, $1) > 0)', relation, attribute)
		   INTO found USING needle;
		IF found THEN
			RETURN NEXT;
		END IF;
	END LOOP;
END
$$;
-- A table with a customer that does not know this one: it would not be tested.
CREATE FUNCTION untested(needle text) RETURNS SETOF name LANGUAGE sql AS $$
SELECT c.relname
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'customer' AND NOT a.attisdropped
 WHERE c.relnamespace = 'journey'::regnamespace AND c.relkind = 'r'
   AND c.relname NOT IN (SELECT relation FROM mentions(needle) WHERE attribute = 'customer')
   AND c.relname !~ '^(event|transition)_\d+$'
$$;
CREATE PROCEDURE fold() LANGUAGE plpgsql AS $$
BEGIN
	WHILE EXISTS (SELECT FROM journey.unfolded) OR EXISTS (SELECT FROM journey.tile_total WHERE part <> 0) LOOP
		PERFORM journey.fold(true);
		COMMIT;
	END LOOP;
END
$$;

-- The counts before, and what is wrong with those after: whoever was inside has departed, and nothing else differs.
CREATE TABLE before_tile AS SELECT *, 0::bigint AS leaving FROM journey.tile_stats WITH NO DATA;
CREATE TABLE before_status AS SELECT *, 0::bigint AS leaving, 0::bigint AS failing FROM journey.status WITH NO DATA;
CREATE PROCEDURE note(who text) LANGUAGE sql AS $$
TRUNCATE before_tile, before_status;
INSERT INTO before_tile
SELECT s.*, (SELECT count(*) FROM journey.member m
			  WHERE (m.journey, m.version, m.tile) = (s.journey, s.version, s.tile) AND m.customer = who
				AND m.state <> 'exited')
  FROM journey.tile_stats s;
INSERT INTO before_status
SELECT s.*, (SELECT count(*) FROM journey.member m WHERE m.journey = s.journey AND m.customer = who AND m.state <> 'exited'),
	   (SELECT count(*) FROM journey.member m WHERE m.journey = s.journey AND m.customer = who AND m.state = 'failed')
  FROM journey.status s
$$;
CREATE VIEW wrong AS
(SELECT 'tile' AS what, journey, version, tile, type, entered, inside - leaving AS inside, departed + leaving AS departed, errors,
		conversion_rate FROM before_tile
 EXCEPT SELECT 'tile', * FROM journey.tile_stats)
UNION ALL
(SELECT 'status', journey, version, state, NULL, entered, active - leaving, exited + leaving, converted, failed - failing
   FROM before_status
 EXCEPT SELECT 'status', journey, version, state, NULL, entered, active, exited, converted, failed FROM journey.status)
UNION ALL
SELECT 'invariant', invariant, NULL, what, NULL, NULL, NULL, NULL, NULL, NULL FROM violation;

SELECT journey_destination_create('mail', 'pull');
SELECT journey_create('loop', $${
  "key": "coalesce(props->>'key', '')",
  "goal": {"event": "bought"},
  "exit": [{"event": "left", "outcome": "gone"}],
  "tiles": {
    "in": {"type": "entry", "on": [{"event": "came"}]},
    "hold": {"type": "wait", "for": "1 hour"},
    "fork": {"type": "branch"},
    "tell": {"type": "action", "destination": "mail", "payload": {"to": "{{ customer }}", "key": "{{ key }}"}},
    "out": {"type": "exit", "outcome": "told"},
    "slow": {"type": "exit"}
  },
  "edges": [
    {"from": "in", "to": "hold"},
    {"from": "hold", "to": "slow", "event": "skip", "wait": "10 minutes"},
    {"from": "hold", "to": "fork"},
    {"from": "fork", "to": "tell", "condition": "1 / (context->>'n')::int > 0"},
    {"from": "fork", "to": "out", "condition": "(context->>'n')::int > 1"},
    {"from": "tell", "to": "hold", "event": "again"},
    {"from": "tell", "to": "out", "wait": "1 day"}
  ]
}$$);
SELECT journey_create('parent', '{"tiles": {"in": {"type": "entry", "on": [{"event": "came"}]},
	"sub": {"type": "sub_journey", "journey": "child"}, "out": {"type": "exit"}},
	"edges": [{"from": "in", "to": "sub"}, {"from": "sub", "to": "out"}]}');
SELECT journey_create('child', '{"tiles": {"in": {"type": "entry"}, "w": {"type": "wait", "for": "3 hours"}, "out": {"type": "exit"}},
	"edges": [{"from": "in", "to": "w"}, {"from": "w", "to": "out"}]}');
SELECT journey_create('resting', '{"tiles": {"in": {"type": "entry", "on": [{"event": "came"}]}, "w": {"type": "wait"}, "out": {"type": "exit"}},
	"edges": [{"from": "in", "to": "w"}, {"from": "w", "to": "out", "event": "told"}]}');
SELECT journey_create('ended', journey_definition('resting')), journey_create('broken', journey_definition('resting'));
-- hears who exits: nobody is to be told of somebody who is forgotten
SELECT journey_create('hearing', '{"tiles": {"in": {"type": "entry", "on": [{"event": "$journey_exited", "condition": "props->>''outcome'' = ''forgotten''"}]}, "out": {"type": "exit"}},
	"edges": [{"from": "in", "to": "out"}]}');
SELECT count(journey_activate(name)) FROM journey.journey;
INSERT INTO journey.audience (name) VALUES ('vip');

-- ann is everywhere.
SELECT journey_identify('ann-123', '{"name": "ann-123"}');
INSERT INTO journey.audience_member VALUES ('vip', 'ann-123'), ('vip', 'bob');
SET journey.now = '2100-01-01 10:00+00';
SELECT count(journey_emit(customer, 'came', jsonb_build_object('n', n, 'key', n, 'me', customer), dedupe_key => 'k' || n))
  FROM unnest('{ann-123, bob}'::text[]) AS customer, generate_series(0, 3) AS n;
SELECT journey_pause('resting');
SELECT journey_revise('loop'), journey_update('loop', jsonb_set(journey_definition('loop'), '{description}', '"2"')), journey_activate('loop'),
	   journey_revise('loop');
SELECT count(journey_emit(customer, 'came', '{"n": 2, "key": 5}')), count(journey_emit(customer, 'told')), count(journey_emit(customer, 'skip'))
  FROM unnest('{ann-123, bob}'::text[]) AS customer;
SELECT count(journey_emit(customer, 'came', jsonb_build_object('n', CASE key WHEN 9 THEN 0 ELSE 1 END, 'key', key)))
  FROM unnest('{ann-123, bob}'::text[]) AS customer, generate_series(6, 9) AS key;
SELECT * FROM journey_migrate('loop', '{}', dry_run => false) WHERE members > 0;
CALL fold();
SET journey.now = '2100-01-01 11:00+00';
SELECT journey_tick() > 0 AS moved;
SELECT count(*) FROM journey_claim('mail', 10);
SELECT payload->>'key' AS key, journey_ack(id, jsonb_build_object('by', customer)) FROM journey.action WHERE payload->>'key' = '6';
SELECT payload->>'key' AS key, journey_nack(id, 'not for ' || customer) FROM journey.action WHERE payload->>'key' = '7';
SELECT count(journey_emit(customer, 'again')), count(journey_emit(customer, 'bought')) FROM unnest('{ann-123, bob}'::text[]) AS customer;
SELECT journey_stop('ended');
SELECT count(journey_enqueue(customer, 'came', jsonb_build_object('me', customer))) FROM unnest('{ann-123, bob}'::text[]) AS customer;
-- in the partition of another day
INSERT INTO journey.event SELECT -id, at, received_at + interval '4 days', customer, event, props FROM journey.event WHERE event = 'skip';
UPDATE journey.version_row SET definition = '{"tiles": {}}' WHERE journey = (SELECT id FROM journey.journey WHERE name = 'broken');

SELECT * FROM mentions('ann-123') WHERE relation !~ '_\d+$';
SELECT count(*) FROM mentions('ann-123') WHERE relation ~ '_\d+$';
SELECT * FROM untested('ann-123');
SELECT journey, tile, state, count(*) FROM journey.member WHERE customer = 'ann-123' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT state, count(*) FROM journey.action WHERE customer = 'ann-123' GROUP BY 1 ORDER BY 1;
-- some of it is counted already, and some is not
SELECT count(*) > 0 AS some, count(*) < (SELECT count(*) FROM journey.transition WHERE customer = 'ann-123') AS not_all
  FROM journey.unfolded WHERE customer = 'ann-123';
TABLE violation;

-- Rolled back, nothing has happened.
CALL note('ann-123');
CREATE TABLE everything AS SELECT relation, attribute FROM mentions('ann-123');
BEGIN;
SELECT journey_forget('ann-123');
SELECT * FROM mentions('ann-123');
ROLLBACK;
TABLE everything EXCEPT SELECT * FROM mentions('ann-123');
BEGIN;
SAVEPOINT a;
SELECT journey_forget('ann-123');
ROLLBACK TO a;
COMMIT;
TABLE everything EXCEPT SELECT * FROM mentions('ann-123');

-- Gone.
SELECT id AS claimed FROM journey.action WHERE customer = 'ann-123' AND state = 'in_flight' \gset
SELECT journey_forget('ann-123');
SELECT * FROM mentions('ann-123');
TABLE wrong;
TABLE journey.forgotten;
SELECT journey_ack(:'claimed'), journey_nack(:'claimed', 'late');
CALL fold();
TABLE wrong;
SELECT count(*) FROM journey.tile_total WHERE part <> 0;
SELECT count(*) FROM journey.member WHERE journey = 'hearing';
SELECT journey_emit('ann-123', 'came', '{"n": 1}', dedupe_key => 'k1') > 0 AS back;
SELECT journey, tile, state FROM journey.member WHERE customer = 'ann-123' ORDER BY 1;

-- Errors, of ours and of authors' SQL, that name one: only what is the name goes.
CREATE TABLE public.buyer (id text, n text);
INSERT INTO public.buyer VALUES ('dora@x.org', '1'), ('e+', '2');
SELECT journey_audience_create('dups', 'SELECT id FROM public.buyer GROUP BY id, n');
SELECT journey_audience_create('cast', 'SELECT id FROM public.buyer WHERE n::int > 0 GROUP BY id');
INSERT INTO public.buyer VALUES ('dora@x.org', 'dora@x.org'), ('z', 'e+');
SELECT a, b FROM journey_audience_refresh('dups') AS a, journey_audience_refresh('cast') AS b;
SELECT * FROM mentions('dora@x.org') WHERE relation <> 'buyer';
DELETE FROM public.buyer WHERE id = 'dora@x.org';
SELECT journey_forget('dora@x.org'), journey_forget('n'), journey_forget('i');
SELECT * FROM mentions('dora@x.org');
SELECT name, error FROM journey.audience WHERE error IS NOT NULL ORDER BY 1;
SELECT source, customer, message FROM journey.failure_row WHERE source ~ 'audience' ORDER BY 1;
SELECT * FROM journey_audience_refresh('cast');
SELECT journey_forget('e+');
SELECT name, error FROM journey.audience WHERE error IS NOT NULL ORDER BY 1;
SELECT journey.unnamed(message, who) FROM (VALUES ('"ann": ann1 anna "Ann" .ann', 'ann'), ('a(b)[c]\d^$', '(b)[c]\d^$'), ('is ***:x', '***:x'), ('ñandú ñ', 'ñ')) AS q (message, who);
SELECT journey_audience_drop('dups'), journey_audience_drop('cast');
DROP TABLE public.buyer;
DELETE FROM journey.failure_row WHERE source ~ 'audience';

-- Nobody knows them: nothing is written.
BEGIN;
SELECT journey_forget('nobody');
SELECT pg_current_xact_id_if_assigned() IS NULL AS wrote_nothing;
COMMIT;
SELECT journey_forget(NULL);
SELECT journey_forget('');
SELECT journey_forget(repeat('x', 257));
BEGIN READ ONLY;
SELECT journey_forget('bob');
ROLLBACK;
CREATE MATERIALIZED VIEW regress_trap AS SELECT FROM journey_forget('bob');

-- In one transaction: first the events of somebody, then the forgetting, then events again.
BEGIN;
SELECT journey_emit('cleo', 'came', '{"n": 1}') > 0;
SELECT journey_forget('cleo'), journey_forget('bob');
SELECT * FROM mentions('cleo') UNION ALL SELECT * FROM mentions('bob');
SELECT journey_emit('cleo', 'came', '{"n": 1}') > 0;
TABLE violation;
COMMIT;
SELECT journey, entered, active FROM journey.status ORDER BY journey;

-- Rows of the log whose member is gone already.
SELECT journey_exit('parent', 'cleo'), journey_exit('loop', 'cleo');
CALL note('cleo');
DELETE FROM journey.member_row WHERE customer = 'cleo' AND run <> 0;
SELECT journey_forget('cleo');
SELECT * FROM mentions('cleo');
TABLE wrong;

-- Many customers, at whatever point of their way, with the log folded in between, or held back by a transaction.
UPDATE journey.version_row SET definition = (SELECT definition FROM journey.version WHERE journey = 'resting')
 WHERE journey = (SELECT id FROM journey.journey WHERE name = 'broken');
\c
SET timezone = 'UTC';
SELECT journey_resume('resting');
CREATE FUNCTION dice(n int, salt text, sides int) RETURNS int LANGUAGE sql IMMUTABLE AS
$$ SELECT ('x' || left(md5(n || salt), 7))::bit(28)::int % sides $$;
CREATE PROCEDURE act(first int, last int) LANGUAGE plpgsql AS $$
BEGIN
	FOR n IN first .. last LOOP
		PERFORM set_config('journey.now', (timestamptz '2100-02-01 00:00+00' + n * interval '5 minutes')::text, false);
		PERFORM journey_emit('c' || dice(n, 'customer', 30),
			(ARRAY['came', 'came', 'skip', 'again', 'bought', 'left', 'told', 'other'])[1 + dice(n, 'event', 8)],
			jsonb_build_object('n', dice(n, 'n', 3), 'key', dice(n, 'key', 2)));
		IF n % 10 = 0 THEN
			PERFORM journey_tick();
		END IF;
		IF n % 100 = 50 THEN
			CALL fold();
		END IF;
	END LOOP;
END
$$;
CALL act(1, 500);
BEGIN;
SELECT journey_emit('someone', 'came') > 0;
PREPARE TRANSACTION 'regress_forget';
CALL act(501, 540);
SELECT count(*) > 5 AS unfolded, bool_or(NOT settled) AS unsettled FROM journey.unfolded;
SELECT journey, state, count(DISTINCT customer) > 1 AS some FROM journey.member WHERE customer ~ '^c\d' GROUP BY 1, 2 ORDER BY 1, 2;
CREATE PROCEDURE forget_each(first int, last int) LANGUAGE plpgsql AS $$
DECLARE
	fault record;
BEGIN
	FOR n IN first .. last LOOP
		CALL note('c' || n);
		PERFORM journey_forget('c' || n);
		COMMIT;
		FOR fault IN SELECT * FROM wrong LOOP
			RAISE WARNING 'c%: %', n, fault;
		END LOOP;
		PERFORM FROM mentions('c' || n) WHERE attribute = 'customer' AND n >= 10;
		IF FOUND THEN
			RAISE WARNING 'c% is not forgotten', n;
		END IF;
		IF n % 10 = 5 THEN
			PERFORM journey.fold(true);
			COMMIT;
		END IF;
	END LOOP;
END
$$;
CALL forget_each(0, 14);
COMMIT PREPARED 'regress_forget';
CALL forget_each(15, 24);
CALL fold();
CALL forget_each(25, 29);
SELECT count(*) FROM journey.member WHERE customer ~ '^c\d';
CALL fold();
TABLE wrong;
SELECT count(*) FROM journey.tile_total WHERE part <> 0;

-- Under a transaction snapshot no fold counts what somebody has forgotten since.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT journey.fold(true);
SELECT journey_forget('someone');
COMMIT;
SELECT * FROM mentions('someone');
TABLE violation;

\c :home
DROP DATABASE regress_forget;
