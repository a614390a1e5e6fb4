-- Audiences: a query's customers, refreshed by what is different, and what journeys hear of it.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
\set expect :abs_srcdir '/expect.sql'
BEGIN;
\set ECHO none
\i :helpers
\i :expect
\set ECHO all
SET client_min_messages = warning;	-- that some stay as they are is told by audience_update
DELETE FROM journey.audience;
DELETE FROM journey.audience_member;
CREATE SCHEMA shop;
CREATE TABLE shop.buyer (name text, spent numeric);
INSERT INTO shop.buyer VALUES ('ann', 2000), ('bob', 1500), ('cy', 10), ('dan', 20);
-- a query with an aggregate is not kept in real time
\set query 'SELECT name FROM shop.buyer GROUP BY name HAVING sum(spent) >= 1000'
CREATE VIEW raised AS
SELECT customer, event, props, at FROM journey.event WHERE event LIKE '$%' ORDER BY at, id;
CREATE FUNCTION inside(of text) RETURNS text LANGUAGE sql AS
$$ SELECT coalesce(string_agg(customer, ' ' ORDER BY customer), '') FROM journey.audience_member WHERE audience = of $$;
SAVEPOINT clean;

-- Made of its query at once, then what it gives at each refresh.
CALL at('10:00');
SELECT journey_audience_create('vip', :'query');
SELECT inside('vip');
SELECT name, owner = current_user AS mine, query, refresh, source, members, refreshed_at, refresh_at, error FROM journey.audience;
CALL at('11:00');
SELECT * FROM journey_audience_refresh('vip');
UPDATE shop.buyer SET spent = 5000 WHERE name = 'cy';
DELETE FROM shop.buyer WHERE name = 'ann';
SELECT inside('vip');
SELECT * FROM journey_audience_refresh('vip');
SELECT inside('vip'), members, refreshed_at FROM journey.audience;
SELECT journey.journey_in_audience('cy', 'vip'), journey.journey_in_audience('ann', 'vip'), journey.journey_in_audience(NULL, 'vip'), journey.journey_in_audience('cy', NULL);
SELECT error_of($$SELECT journey.journey_in_audience('cy', 'vpi')$$);
SELECT journey_audience_drop('vip');
SELECT count(*), inside('vip') FROM journey.audience;
-- nobody has heard of it
SELECT count(*) FROM raised;

-- Any type of column, by its output; the name of any shape.
ROLLBACK TO clean;
SELECT journey_audience_create('numbers', 'SELECT * FROM generate_series(1, 3)');
SELECT journey_audience_create('Ids "of" ours''', 'VALUES (uuid ''11111111-1111-1111-1111-111111111111'')');
SELECT journey_audience_create('none', 'SELECT name FROM shop.buyer WHERE false');
SELECT journey_audience_create('with', 'WITH rich AS (SELECT name FROM shop.buyer WHERE spent > 1600), poor AS (SELECT name FROM shop.buyer WHERE spent < 15) (TABLE rich UNION TABLE poor) ORDER BY 1 LIMIT 5');
SELECT audience, customer FROM journey.audience_member ORDER BY 1, 2;
SELECT error_of($$SELECT journey_audience_create('none', 'SELECT 1')$$);
SELECT error_of($$SELECT journey_audience_create('', 'SELECT 1')$$);
SELECT error_of($$SELECT journey_audience_create(E'a\nb', 'SELECT 1')$$);
SELECT error_of($$SELECT journey_audience_create(repeat('x', 129), 'SELECT 1')$$);
SELECT error_of($$SELECT journey_audience_create(NULL, 'SELECT 1')$$);
SELECT error_of($$SELECT journey_audience_create('x', NULL)$$);
SELECT error_of($$SELECT journey_audience_create('x', '')$$);
SELECT error_of($$SELECT journey_audience_create('x', repeat(' ', 70000) || 'SELECT 1')$$);
SELECT error_of($$SELECT journey_audience_create('x', 'SELECT 1', '59 seconds')$$);
SELECT error_of($$SELECT journey_audience_create('x', 'SELECT 1', '-1 day')$$);
SELECT error_of($$SELECT journey_audience_create('x', 'SELECT 1', '200 years')$$);
SELECT error_of($$SELECT journey_audience_refresh('nnone')$$);
SELECT error_of($$SELECT journey_audience_refresh(NULL)$$);
SELECT error_of($$SELECT journey_audience_drop('something else')$$);
-- one that was written by hand
INSERT INTO journey.audience VALUES ('by hand');
SELECT error_of($$SELECT journey_audience_refresh('by hand')$$);
SELECT journey_audience_drop('by hand');

-- Journeys: who enters it enters, with the condition; who leaves it exits; others hear nothing.
ROLLBACK TO clean;
CALL at('10:00');
SELECT journey_audience_create('vip', :'query'), journey_audience_create('other', 'SELECT name FROM shop.buyer WHERE spent < 100 ORDER BY 1 LIMIT 100');
CALL draw('care', $${
  "exit": [{"audience_left": "vip", "outcome": "no longer"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"audience": "vip", "condition": "customer <> 'bob'"}]},
    "hold": {"type": "wait"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done", "event": "enough"}]
}$$);
-- those who are in it already do not enter
SELECT * FROM journey_audience_refresh('vip');
SELECT count(*) FROM journey.member;
CALL at('10:10');
UPDATE shop.buyer SET spent = 5000 WHERE name IN ('cy', 'dan');
DELETE FROM shop.buyer WHERE name IN ('ann', 'bob');
SELECT * FROM journey_audience_refresh('vip');
SELECT * FROM journey_audience_refresh('other');
SELECT * FROM raised;
SELECT * FROM members;
CALL at('10:20');
UPDATE shop.buyer SET spent = 0 WHERE name = 'cy';
INSERT INTO shop.buyer VALUES ('bob', 10000), ('ann', 10000);
SELECT * FROM journey_audience_refresh('vip');
SELECT * FROM journey_audience_refresh('other');
SELECT * FROM raised WHERE at = moment('10:20');
SELECT * FROM members;
SELECT customer, reason, event, at FROM moves;
SELECT * FROM journey.failure;

-- Many at once, more than fit into memory: each once, in order.
ROLLBACK TO clean;
CALL at('10:00');
SET LOCAL work_mem = '64kB';
CREATE TABLE shop.many AS SELECT 'customer ' || i AS name, i % 2 AS half FROM generate_series(1, 6000) AS i;
SELECT journey_audience_create('half', 'SELECT DISTINCT name FROM shop.many WHERE half = (SELECT 0)');
CALL draw('care', $${
  "exit": [{"audience_left": "half", "outcome": "left"}],
  "tiles": {"start": {"type": "entry", "on": [{"audience": "half"}]}, "hold": {"type": "wait"}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done", "event": "end"}]
}$$);
UPDATE shop.many SET half = 1 - half;
SELECT * FROM journey_audience_refresh('half');
SELECT event, count(*), count(DISTINCT customer), bool_and(is_later) AS in_order
  FROM (SELECT event, customer, coalesce(customer > lag(customer) OVER (ORDER BY id), true) AS is_later FROM journey.event) AS e GROUP BY 1 ORDER BY 1;
UPDATE shop.many SET half = 1 - half;
SELECT * FROM journey_audience_refresh('half');
SELECT state, count(*) FROM journey.member GROUP BY 1 ORDER BY 1;
-- what is not different is not written, whether somebody hears or not
CREATE TABLE shop.before AS SELECT customer, ctid AS place, cmin AS by FROM journey.audience_member;
UPDATE shop.many SET half = 1 - half WHERE name LIKE '%99_';
SELECT * FROM journey_audience_refresh('half');
SELECT count(*), count(*) FILTER (WHERE b.place = m.ctid AND b.by = m.cmin) AS untouched FROM journey.audience_member m LEFT JOIN shop.before b USING (customer);
SELECT journey_complete('care'), journey_stop('care');
UPDATE shop.many SET half = 1 - half WHERE name LIKE '%99_';
SELECT * FROM journey_audience_refresh('half');
SELECT count(*), count(*) FILTER (WHERE b.place = m.ctid AND b.by = m.cmin) AS untouched FROM journey.audience_member m LEFT JOIN shop.before b USING (customer);

-- As event names, with the audience in props: any audience, edges, goals; a transaction rolled back has had none of it.
ROLLBACK TO clean;
SELECT journey_audience_create('vip', :'query'), journey_audience_create('new', 'SELECT name FROM shop.buyer ORDER BY spent LIMIT 0');
CALL draw('named', $${
  "goal": {"event": "$audience_left", "condition": "props->>'audience' = 'vip'"},
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go"}]},
    "hold": {"type": "wait"},
    "up": {"type": "wait"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "up", "event": "$audience_entered", "condition": "props->>'audience' = 'vip' AND journey_in_audience(customer, 'vip')"},
    {"from": "up", "to": "done", "event": "end"}
  ]
}$$);
CALL emit('10:00', 'cy', 'go');
CALL emit('10:00', 'ann', 'go');
SAVEPOINT here;
CALL at('10:10');
UPDATE shop.buyer SET spent = 5000 WHERE name = 'cy';
UPDATE shop.buyer SET spent = 1 WHERE name = 'ann';
SELECT * FROM journey_audience_refresh('vip');
SELECT * FROM raised;
SELECT customer, tile, goal FROM members;
ROLLBACK TO here;
SELECT count(*) FROM raised;
SELECT customer, tile, goal FROM members;
SELECT inside('vip');

-- Only: those in it enter, from the refresh on; and conditions ask.
ROLLBACK TO clean;
SELECT journey_audience_create('vip', :'query');
CALL draw('few', $${
  "entry_rules": {"only": "vip"},
  "tiles": {"start": {"type": "entry", "on": [{"event": "go"}]}, "hold": {"type": "wait"}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done", "event": "end"}]
}$$);
CALL draw('asks', $${
  "tiles": {"start": {"type": "entry", "on": [{"event": "go", "condition": "NOT journey_in_audience(customer, 'vip')"}]}, "hold": {"type": "wait"}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done", "event": "end"}]
}$$);
CALL emit('10:00', 'ann', 'go');
CALL emit('10:00', 'cy', 'go');
UPDATE shop.buyer SET spent = 5000 WHERE name = 'cy';
SELECT * FROM journey_audience_refresh('vip');
CALL emit('10:10', 'cy', 'go');
SELECT journey, customer, arrived_at FROM members;

-- Named by a journey, it stays: in its entries, exits, rules and conditions, in drafts too.
ROLLBACK TO clean;
SELECT journey_audience_create('vip', :'query'), journey_audience_create('vi', :'query');
CREATE FUNCTION draft(name text, entry jsonb, more jsonb) RETURNS void LANGUAGE sql AS $$
SELECT journey_create(name, more || jsonb_build_object('tiles', jsonb_build_object(
		'start', jsonb_build_object('type', 'entry', 'on', jsonb_build_array(entry)), 'hold', '{"type": "wait", "for": "1 hour"}'::jsonb, 'done', '{"type": "exit"}'::jsonb),
	'edges', '[{"from": "start", "to": "hold"}, {"from": "hold", "to": "done"}]'::jsonb))
$$;
SELECT draft('entry', '{"audience": "vip"}', '{}'), draft('exit', '{"event": "go"}', '{"exit": [{"event": "no"}, {"audience_left": "vip"}]}'),
	draft('only', '{"event": "go"}', '{"entry_rules": {"only": "vip"}}'),
	draft('literal', '{"event": "go", "condition": "journey_in_audience(customer, ''vip'')"}', '{}'),
	draft('none', '{"event": "vip", "condition": "customer <> ''vip''"}', '{}');
SELECT error_of($$SELECT journey_audience_drop('vip')$$);
SELECT journey_audience_drop('vi');
SELECT journey_delete('exit'), journey_delete('only'), journey_delete('literal'), journey_activate('entry');
SELECT error_of($$SELECT journey_audience_drop('vip')$$);
-- an old version, as long as somebody is on it
CALL at('10:00');
SELECT journey_enter('entry', 'ann') > 0 AS entered;
SELECT journey_revise('entry'), journey_update('entry', journey_definition('none')), journey_activate('entry');
SELECT error_of($$SELECT journey_audience_drop('vip')$$);
CALL advance('12:00');
SAVEPOINT version;
SELECT journey_audience_drop('vip');
ROLLBACK TO version;
-- a completed journey does not count, its draft does
SELECT journey_revise('entry'), journey_update('entry', jsonb_set(journey_definition('none'), '{tiles,start,on,0}', '{"audience": "vip"}')), journey_activate('entry');
SELECT journey_complete('entry');
SAVEPOINT completed;
SELECT journey_audience_drop('vip');
ROLLBACK TO completed;
SELECT journey_revise('entry');
SELECT error_of($$SELECT journey_audience_drop('vip')$$);

-- By interval: those due, by the clock; an hour after each, in the zone of journeys.
ROLLBACK TO clean;
CALL at('10:00');
SELECT journey_audience_create('hourly', :'query', '1 hour'), journey_audience_create('daily', :'query', '1 day'), journey_audience_create('never', :'query');
SELECT name, refreshed_at, refresh_at FROM journey.audience ORDER BY 1;
-- (not where nothing was ever activated)
DELETE FROM journey.armed;
CALL at('11:00');
SELECT journey.refresh_due();
SELECT name, refreshed_at, refresh_at FROM journey.audience ORDER BY 1;
SELECT journey_arm();
DELETE FROM shop.buyer WHERE name = 'ann';
CALL at('10:59:59');
SELECT journey.refresh_due();
SELECT name, inside(name), refreshed_at FROM journey.audience ORDER BY 1;
CALL at('11:00');
SELECT journey.refresh_due();
SELECT name, inside(name), refreshed_at, refresh_at FROM journey.audience ORDER BY 1;
-- after an outage once, and from then on
CALL at('2025-03-06 15:00');
SELECT journey.refresh_due();
SELECT name, inside(name), refreshed_at, refresh_at FROM journey.audience ORDER BY 1;
-- never within a minute, whatever a month, or a day, comes to
SAVEPOINT short;
CALL at('2025-02-10 10:00');
SELECT journey_audience_create('less', :'query', '1 mon -29 days'), journey_audience_create('none', :'query', '1 mon -28 days');
CALL at('2025-02-11 10:00');
SELECT journey.refresh_due();
SELECT name, refreshed_at, refresh_at FROM journey.audience WHERE name IN ('less', 'none') ORDER BY 1;
ROLLBACK TO short;
-- one that fails waits for its next time, as the others
DELETE FROM shop.buyer;
INSERT INTO shop.buyer VALUES (NULL, 1000);
CALL at('2025-03-06 16:00');
SELECT journey.refresh_due();
SELECT name, inside(name), refreshed_at, refresh_at, error, error_at FROM journey.audience ORDER BY 1;
SELECT source, sqlstate, minute, count, message FROM journey.failure;
ROLLBACK;
