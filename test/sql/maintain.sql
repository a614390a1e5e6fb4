-- Housekeeping: partitions ahead, retention, dedupe keys; and nothing written where nothing is to do.
\set VERBOSITY terse
\pset null -
\set home :DBNAME
CREATE DATABASE regress_maintain;
\c regress_maintain
SET client_min_messages = warning;
CREATE EXTENSION journey CASCADE;
RESET client_min_messages;

-- What a partition must be: of one UTC day, with the DEFAULT partition's indexes, its replica identity, its own name.
CREATE VIEW state AS
SELECT l.log, count(*) FILTER (WHERE l.from_at > clock_timestamp()) AS ahead,
	   bool_and(l.to_at = l.from_at + interval '24 hours' AND extract(epoch FROM l.from_at)::bigint % 86400 = 0) AS are_days,
	   bool_and(l.name = split_part(l.log, '_', 1) || to_char(l.from_at AT TIME ZONE 'UTC', '_YYYYMMDD')) AS are_named,
	   min(l.from_at) - clock_timestamp() >= interval '1 day' AS begin_a_day_ahead,
	   count(*) = extract(epoch FROM max(l.to_at) - min(l.from_at))::bigint / 86400 AS no_gap
  FROM journey.leaf l
 WHERE NOT l.is_default
 GROUP BY l.log;
CREATE VIEW shape AS
SELECT DISTINCT l.log, c.relreplident, c.relowner = p.relowner AS same_owner,
	   array(SELECT regexp_replace(pg_get_indexdef(i.indexrelid), '^(CREATE.*INDEX) .* USING', '\1 … USING')
				|| CASE WHEN i.indisreplident THEN ' (identity)' ELSE '' END
			   FROM pg_index i WHERE i.indrelid = l.leaf ORDER BY 1) AS indexes
  FROM journey.leaf l
  JOIN pg_class c ON c.oid = l.leaf
  JOIN pg_class p ON p.oid = 'journey.journey'::regclass;
CREATE PROCEDURE drop_last(logs name[], partitions int DEFAULT 1) LANGUAGE plpgsql AS $$
DECLARE
	leaf name;
BEGIN
	FOR leaf IN
		SELECT l.name
		  FROM unnest(logs) AS o (log)
		 CROSS JOIN LATERAL (SELECT l.name FROM journey.leaf l WHERE l.log = o.log AND NOT l.is_default
							  ORDER BY l.to_at DESC LIMIT partitions) l
	LOOP
		EXECUTE format('DROP TABLE journey.%I', leaf);
	END LOOP;
END
$$;

SELECT journey_maintain();
SELECT * FROM state ORDER BY log;
SELECT log, is_valid, end_at = (SELECT min(from_at) FROM journey.leaf l WHERE l.log = d.log) AS ends_where_they_begin
  FROM journey.default_end d ORDER BY log;
\x
SELECT * FROM shape ORDER BY log;
\x

-- Again: nothing, not even a transaction id.
BEGIN;
SELECT journey_maintain();
SELECT journey.fold(true);
SELECT pg_current_xact_id_if_assigned() IS NULL AS wrote_nothing;
COMMIT;

-- The partition for now is the DEFAULT partition yet; rows of later days find theirs.
SELECT journey_emit('ann', 'seen', dedupe_key => 'k') > 0;
SELECT tableoid::regclass, customer FROM journey.event;

-- A day later one begins, and one is missing at the end.
CALL drop_last('{event,transition_row}');
SELECT log, ahead, no_gap FROM state ORDER BY log;

-- An emit that is not over holds the DEFAULT partition: not in this round, and no error.
BEGIN;
SELECT journey_emit('ann', 'seen') > 0;
PREPARE TRANSACTION 'regress_maintain';
SELECT journey_maintain();
SELECT log, ahead FROM state ORDER BY log;
COMMIT PREPARED 'regress_maintain';
SELECT journey_maintain();
SELECT log, ahead, no_gap FROM state ORDER BY log;

-- Nor where somebody else is at it.
BEGIN;
LOCK TABLE journey.event_default IN ACCESS EXCLUSIVE MODE;
PREPARE TRANSACTION 'regress_maintain';
SELECT journey.make_leaves('event', 'event');
COMMIT PREPARED 'regress_maintain';

-- Nobody maintained for weeks: rows go to the DEFAULT partition, past its CHECK, which must not be believed.
CALL drop_last('{event}', 7);
SELECT journey_maintain();
SELECT * FROM state ORDER BY log;
SELECT log, is_valid FROM journey.default_end ORDER BY log;

-- A restored dump has the partitions and not the CHECK.
ALTER TABLE journey.event_default DROP CONSTRAINT event_default_end;
CALL drop_last('{event}');
SELECT journey_maintain();
SELECT * FROM state ORDER BY log;
SELECT log, is_valid FROM journey.default_end ORDER BY log;

-- A large DEFAULT partition is searched in a second round, without the lock that stops emits.
CALL drop_last('{event}', 7);
INSERT INTO journey.event_default
SELECT i, now(), now(), 'c' || i, 'bulk', jsonb_build_object('x', repeat('x', 1000)) FROM generate_series(1, 20000) i;
SELECT journey_maintain();
SELECT log, is_valid FROM journey.default_end ORDER BY log;
SELECT log, ahead FROM state ORDER BY log;
SELECT journey_maintain();
SELECT log, is_valid FROM journey.default_end ORDER BY log;
SELECT * FROM state ORDER BY log;

-- Other people's partitioned tables are none of our business.
CREATE TABLE other (x text, CHECK (x < 'y')) PARTITION BY RANGE (x);
CREATE TABLE other_a PARTITION OF other FOR VALUES FROM ('a') TO ('b');
SELECT journey_maintain();

-- Retention.  Rows that are not counted yet keep their partition.
SELECT journey_create('short', '{"tiles": {"in": {"type": "entry", "on": [{"event": "came"}]}, "out": {"type": "exit"}},
	"edges": [{"from": "in", "to": "out"}]}');
SELECT journey_activate('short');
SELECT journey_emit('ann', 'came') > 0;
INSERT INTO journey.transition_row
SELECT 0, t.member, t.event_id, t.due_at, t.at, (SELECT min(from_at) FROM journey.leaf), t.xact, 2, t.journey, t.edge,
	   t.version, t.from_tile, t.to_tile, t.reason, t.customer
  FROM journey.transition_row t;
SELECT min(from_at) + interval '2 days' AS before FROM journey.leaf \gset
SELECT journey.drop_leaves('event', :'before'), journey.drop_leaves('transition_row', :'before');
SELECT log, ahead FROM state ORDER BY log;
DO $$ BEGIN WHILE EXISTS (SELECT FROM journey.unfolded) LOOP PERFORM journey.fold(true); COMMIT; END LOOP; END $$;
-- nor do rows go that a transaction snapshot might not show
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT journey.drop_leaves('event', :'before'), journey.drop_leaves('transition_row', :'before');
SELECT journey.empty_default('event', :'before'), journey.empty_default('transition_row', :'before');
SELECT log, ahead FROM state ORDER BY log;
SELECT (SELECT count(*) FROM journey.event_default) > 0 AS events, (SELECT count(*) FROM journey.transition_default) > 0 AS moves;
SELECT journey_maintain();
COMMIT;
SELECT journey.drop_leaves('transition_row', :'before');
SELECT log, ahead FROM state ORDER BY log;
SELECT entered FROM journey.status;

-- The DEFAULT partition is emptied once all of it is too old, and not before.
SELECT journey.empty_default('event', clock_timestamp()), journey.empty_default('transition_row', clock_timestamp());
SELECT count(*) > 0 AS kept FROM journey.event_default;
SELECT journey.empty_default('event', :'before'), journey.empty_default('transition_row', :'before');
SELECT (SELECT count(*) FROM journey.event_default) AS events, (SELECT count(*) FROM journey.transition_default) AS moves;
SELECT entered FROM journey.status;

-- Dedupe keys and failures.
SELECT count(*) FROM journey.dedupe;
SELECT journey.purge('journey.dedupe', 'received_at', clock_timestamp() - interval '1 day');
INSERT INTO journey.dedupe
SELECT 'c' || i, 'k', i, now() - interval '8 days' FROM generate_series(1, 25000) i;
INSERT INTO journey.failure_row
SELECT now() - d * interval '1 day', 1, 1, NULL, NULL, '22012', 'ann', 'x' FROM generate_series(29, 31) d;
SELECT journey_maintain();
SELECT array_agg(customer) FROM journey.dedupe HAVING count(*) < 9;
SELECT count(*) FROM journey.failure_row;
-- they go before the fold: nobody waits for its lock while they do
BEGIN;
CREATE VIEW is_folding AS
SELECT count(*) FROM pg_locks l WHERE l.relation = 'journey.watermark'::regclass AND l.mode = 'ExclusiveLock' AND l.pid = pg_backend_pid();
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE NOTICE 'locks while it deletes: %', (SELECT count FROM public.is_folding); RETURN NULL; END$$;
CREATE TRIGGER look AFTER DELETE ON journey.failure_row EXECUTE FUNCTION look();
INSERT INTO journey.failure_row
SELECT now() - interval '31 days', 1, 1, NULL, NULL, '22012', 'ann', 'x';
INSERT INTO journey.tile_total VALUES (1, 1, 0, 4711, 0, 0, 0, 0, 0);
SELECT journey_maintain();
TABLE is_folding;
ROLLBACK;

-- Members who have exited and actions that have ended, from a table of several megabytes; not those who are inside,
-- nor whoever has something to send yet, nor what somebody waits for.  The counts stay.
SELECT journey_destination_create('mail', 'pull');
SELECT journey_create('sending', '{"tiles": {"in": {"type": "entry", "on": [{"event": "bought"}]},
	"wait": {"type": "wait", "for": "1 day"}, "send": {"type": "action", "destination": "mail", "await": true}, "out": {"type": "exit"}},
	"edges": [{"from": "in", "to": "wait", "condition": "customer <> ''eve''"}, {"from": "in", "to": "send"}, {"from": "wait", "to": "out"}, {"from": "send", "to": "out"}]}');
SELECT journey_activate('sending');
SELECT count(journey_emit('d' || n, 'bought')) FROM generate_series(1, 20000) n;
SELECT journey_exit('sending', 'd' || n) FROM generate_series(1, 19999) n OFFSET 19998;
SELECT journey_emit('eve', 'bought') > 0;
UPDATE journey.member_row SET exited_at = now() - interval '10 days' WHERE customer LIKE 'd%' AND customer <> 'd7' AND run <> 0;
UPDATE journey.member_row SET entered_at = now() - interval '10 days' WHERE run = 0;
INSERT INTO journey.action (id, member, journey, tile, customer, destination, payload, state, attempts, next_attempt_at, created_at, delivered_at, seq)
SELECT gen_random_uuid(), m.id, 'sending', 'send', m.customer, 'mail', '{}', a.state, 1, a.next_attempt_at, now() - interval '10 days', a.delivered_at, 1
  FROM journey.member_row m
  JOIN (VALUES ('d1', 'pending', now(), NULL), ('d2', 'in_flight', now(), NULL), ('d3', 'delivered', NULL, now() - interval '9 days'),
			   ('d4', 'delivered', NULL, now()), ('d5', 'dead', NULL, NULL), ('d6', 'cancelled', NULL, NULL),
			   ('d8', 'suppressed', NULL, NULL::timestamptz)) a (customer, state, next_attempt_at, delivered_at) USING (customer);
-- what a member still awaits, however it ended
UPDATE journey.action SET state = 'cancelled', next_attempt_at = NULL, created_at = now() - interval '10 days' WHERE customer = 'eve';
CREATE TABLE before AS SELECT journey, tile, entered, inside, departed FROM journey.tile_stats;
SELECT pg_relation_size('journey.member_row') > 3 * 1024 * 1024 AS of_several_megabytes;
SELECT journey.purge_members(now() - interval '11 days'), journey.purge_actions(now() - interval '11 days');
SELECT journey.purge_members(now() - interval '5 days');
SELECT customer, state FROM journey.member WHERE customer IN ('ann', 'd1', 'd2', 'd3', 'd7', 'd20000', 'eve') ORDER BY customer;
SELECT journey.purge_actions(now() - interval '5 days');
SELECT customer, state FROM journey.action ORDER BY customer;
TABLE before EXCEPT SELECT journey, tile, entered, inside, departed FROM journey.tile_stats;
-- nothing is written where nothing is old
BEGIN;
SELECT journey.purge_members(now() - interval '5 days'), journey.purge_actions(now() - interval '5 days'),
	   journey.purge('journey.failure_row', 'at', now() - interval '5 years'), journey.purge('journey.dedupe', 'received_at', now() - interval '5 years');
SELECT pg_current_xact_id_if_assigned() IS NULL AS wrote_nothing;
COMMIT;

-- It refuses to run where it could not write, or might be tricked into it.
BEGIN READ ONLY;
SELECT journey_maintain();
ROLLBACK;
CREATE MATERIALIZED VIEW regress_trap AS SELECT FROM journey_maintain();

-- Partitions are no members of the extension, and go with it all the same.
SELECT count(*) FROM pg_depend d
  JOIN journey.leaf l ON d.classid = 'pg_class'::regclass AND d.objid = l.leaf AND d.deptype = 'e' AND NOT l.is_default;
DROP VIEW state, shape;
DROP TABLE before;
DROP EXTENSION journey;
SELECT count(*) FROM pg_class WHERE relname ~ '^(event|transition)_';

\c :home
DROP DATABASE regress_maintain;
