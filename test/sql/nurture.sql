-- Nurturing a lead: S10 of the scenarios, letters a, c and d, and the half of b that
-- needs no watched table.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
\set expect :abs_srcdir '/expect.sql'
BEGIN;
\set ECHO none
\i :helpers
\i :expect
\set ECHO all
SELECT $${
  "key": "props->>'topic'",
  "entry_rules": {"reentry": "never"},
  "exit": [
    {"event": "demo_requested", "outcome": "mql"},
    {"event": "unsubscribed", "outcome": "unsubscribed"},
    {"condition": "(traits->>'lead_score')::int >= 80", "outcome": "hot"}
  ],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "ebook_downloaded"}]},
    "M1": {"type": "action", "destination": "mail", "payload": {"topic": "{{ key }}"}},
    "W1": {"type": "wait", "for": "3 days"},
    "M2": {"type": "action", "destination": "mail"},
    "W2": {"type": "wait", "for": "4 days"},
    "split": {"type": "branch"},
    "M3a": {"type": "action", "destination": "mail"},
    "M3b": {"type": "action", "destination": "mail"},
    "W3": {"type": "wait", "for": "7 days"},
    "M4": {"type": "action", "destination": "mail"},
    "W4": {"type": "wait", "for": "7 days"},
    "M5": {"type": "action", "destination": "mail"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "M1"},
    {"from": "M1", "to": "W1"},
    {"from": "W1", "to": "M2"},
    {"from": "M2", "to": "W2"},
    {"from": "W2", "to": "split"},
    {"from": "split", "to": "M3a", "percent": 50},
    {"from": "split", "to": "M3b", "percent": 50},
    {"from": "M3a", "to": "W3"},
    {"from": "M3b", "to": "W3"},
    {"from": "W3", "to": "M4"},
    {"from": "M4", "to": "W4"},
    {"from": "W4", "to": "M5"},
    {"from": "M5", "to": "done"}
  ]
}$$::jsonb AS nurture \gset
CALL draw('nurture', :'nurture');
CALL draw('sales', $${
  "key": "props->>'key'",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "$journey_exited", "condition": "props->>'journey' = 'nurture' AND props->>'outcome' = 'hot'"}]},
    "call": {"type": "action", "destination": "mail", "payload": {"about": "{{ context->>'key' }}", "score": "{{ (traits->>'lead_score')::int }}"}},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "call"}, {"from": "call", "to": "done"}]
}$$);
-- Which half: the bucket of DECISIONS 23, computed once more; ann's and bob's differ.
CREATE FUNCTION half(customer text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
SELECT CASE WHEN (('x' || left(md5(concat_ws(chr(31), 'nurture', 'split', customer)), 8))::bit(32)::bigint & 4294967295) % 10000 < 5000
			THEN 'M3a' ELSE 'M3b' END
$$;
CREATE FUNCTION one_of_each(n int) RETURNS text LANGUAGE sql AS $$
SELECT min('lead-' || i) FROM generate_series(1, 20) AS i WHERE half('lead-' || i) = CASE n WHEN 1 THEN 'M3a' ELSE 'M3b' END
$$;
SELECT one_of_each(1) AS ann, one_of_each(2) AS bob \gset
SAVEPOINT drawn;
CALL at('2025-03-01 12:00');
SELECT count(journey_emit(c, 'ebook_downloaded', '{"topic": "sql"}')) FROM unnest(ARRAY[:'ann', :'bob']) AS c;
SAVEPOINT downloaded;

-- a) nothing happens
CALL advance('2025-04-30 00:00');
SELECT sent(:'ann', '2025-03-01 12:00 M1
	2025-03-04 12:00 M2
	2025-03-08 12:00 M3a
	2025-03-15 12:00 M4
	2025-03-22 12:00 M5');
SELECT sent(:'bob', '2025-03-01 12:00 M1
	2025-03-04 12:00 M2
	2025-03-08 12:00 M3b
	2025-03-15 12:00 M4
	2025-03-22 12:00 M5');
SELECT stands(:'ann', 'sql done exited done'), stands(:'bob', 'sql done exited done');
-- once per topic; another topic is another run, over the same half
CALL emit('2025-05-01 12:00', :'ann', 'ebook_downloaded', '{"topic": "sql"}');
CALL emit('2025-05-01 12:00', :'ann', 'ebook_downloaded', '{"topic": "c"}');
SELECT stands(:'ann', 'sql done exited done
	c W1 active');
CALL advance('2025-05-08 12:00');
SELECT stands(:'ann', 'sql done exited done
	c W3 active');
SELECT count(*) FROM journey.action WHERE customer = :'ann' AND tile = 'M3a';
-- nobody went to sales
SELECT count(*) FROM journey.member WHERE journey = 'sales';
ROLLBACK TO downloaded;

-- b) a hot lead on the fifth day: exits where it is, and enters the second journey
-- with the same call
CALL advance('2025-03-06 12:00');
CALL at('2025-03-06 12:00');
SELECT journey_identify(:'ann', '{"lead_score": 79}');
SELECT stands(:'ann', 'sql W2 active');
SELECT journey_identify(:'ann', '{"lead_score": 85}');
SELECT stands(:'ann', 'sql W2 exited hot', 'nurture'), stands(:'ann', 'sql done exited done', 'sales');
SELECT stands(:'bob', 'sql W2 active');
CALL advance('2025-04-30 00:00');
SELECT sent(:'ann', '2025-03-01 12:00 M1
	2025-03-04 12:00 M2
	2025-03-06 12:00 call');
SELECT payload FROM journey.action WHERE tile = 'call';
SELECT moved(:'ann', '2025-03-06 12:00 start call entry
	2025-03-06 12:00 call done step', 'sales');
ROLLBACK TO downloaded;
-- eighty is hot; and a score that was there before is seen by the next event or timer
CALL at('2025-03-02 12:00');
SELECT journey_identify(:'ann', '{"lead_score": 80}');
SELECT stands(:'ann', 'sql W1 exited hot', 'nurture');
UPDATE journey.customer SET traits = '{"lead_score": 80}' WHERE customer = :'bob';
INSERT INTO journey.customer SELECT :'bob', '{"lead_score": 80}', now() WHERE NOT EXISTS (SELECT FROM journey.customer WHERE customer = :'bob');
SELECT stands(:'bob', 'sql W1 active');
SAVEPOINT scored;
CALL emit('2025-03-03 12:00', :'bob', 'page_view');
SELECT stands(:'bob', 'sql W1 exited hot', 'nurture');
ROLLBACK TO scored;
CALL advance('2025-03-04 12:00');
SELECT stands(:'bob', 'sql W1 exited hot', 'nurture');
SELECT sent(:'bob', '2025-03-01 12:00 M1', 'nurture'), sent(:'bob', '2025-03-04 12:00 call', 'sales');
ROLLBACK TO downloaded;
-- a score that is no number is an error of the rule, and nothing else
CALL at('2025-03-02 12:00');
SELECT journey_identify(:'ann', '{"lead_score": "high"}');
SELECT stands(:'ann', 'sql W1 active'), failed('nurture - - 22P02 1');
CALL advance('2025-03-04 12:00');
SELECT stands(:'ann', 'sql W2 active');
ROLLBACK TO downloaded;

-- d) two reasons to leave in one transaction: the first decides
CALL advance('2025-03-05 12:00');
CALL emit('2025-03-05 12:00', :'ann', 'unsubscribed');
CALL emit('2025-03-05 12:00', :'ann', 'demo_requested');
SELECT stands(:'ann', 'sql W2 exited unsubscribed');
-- and of two rules that one event meets, the first in the list
UPDATE journey.customer SET traits = '{"lead_score": 90}' WHERE customer = :'bob';
INSERT INTO journey.customer SELECT :'bob', '{"lead_score": 90}', now() WHERE NOT EXISTS (SELECT FROM journey.customer WHERE customer = :'bob');
CALL emit('2025-03-05 12:00', :'bob', 'demo_requested');
SELECT stands(:'bob', 'sql W2 exited mql');
ROLLBACK TO downloaded;

-- c) version 2, on the eighth day, has one mail more, on the tenth.  The nurturing
-- days are 3, 7, 10, 14 and 21.
SELECT jsonb_set(jsonb_set(:'nurture', '{tiles}', (:'nurture'::jsonb->'tiles') || '{
	"W3": {"type": "wait", "for": "3 days"}, "M3c": {"type": "action", "destination": "mail"}, "W3c": {"type": "wait", "for": "4 days"}}'),
	'{edges}', '[
    {"from": "start", "to": "M1"},
    {"from": "M1", "to": "W1"},
    {"from": "W1", "to": "M2"},
    {"from": "M2", "to": "W2"},
    {"from": "W2", "to": "split"},
    {"from": "split", "to": "M3a", "percent": 50},
    {"from": "split", "to": "M3b", "percent": 50},
    {"from": "M3a", "to": "W3"},
    {"from": "M3b", "to": "W3"},
    {"from": "W3", "to": "M3c"},
    {"from": "M3c", "to": "W3c"},
    {"from": "W3c", "to": "M4"},
    {"from": "M4", "to": "W4"},
    {"from": "W4", "to": "M5"},
    {"from": "M5", "to": "done"}]') AS second \gset
CALL advance('2025-03-09 12:00');
CALL at('2025-03-09 12:00');
SELECT journey_revise('nurture');
SELECT journey_update('nurture', :'second');
SELECT journey_activate('nurture');
SELECT version, state FROM journey.version WHERE journey = 'nurture' ORDER BY 1;
CALL emit('2025-03-09 12:00', 'new', 'ebook_downloaded', '{"topic": "sql"}');
SELECT customer = 'new' AS is_new, version, count(*) FROM journey.member GROUP BY 1, 2 ORDER BY 1;
SAVEPOINT published;

-- those of version 1 are unaffected; who enters has the mail
CALL advance('2025-04-30 00:00');
SELECT sent(:'ann', '2025-03-01 12:00 M1
	2025-03-04 12:00 M2
	2025-03-08 12:00 M3a
	2025-03-15 12:00 M4
	2025-03-22 12:00 M5');
SELECT sent('new', '2025-03-09 12:00 M1
	2025-03-12 12:00 M2
	2025-03-16 12:00 ' || half('new') || '
	2025-03-19 12:00 M3c
	2025-03-23 12:00 M4
	2025-03-30 12:00 M5');
ROLLBACK TO published;

-- migrated, they get it once, and nothing again
SELECT * FROM journey_migrate('nurture', '{}', true) ORDER BY 1;
SELECT version, count(*) FROM journey.member GROUP BY 1 ORDER BY 1;
SELECT * FROM journey_migrate('nurture', '{}', false) ORDER BY 1;
SELECT version, count(*) FROM journey.member GROUP BY 1 ORDER BY 1;
CALL advance('2025-04-30 00:00');
SELECT sent(:'ann', '2025-03-01 12:00 M1
	2025-03-04 12:00 M2
	2025-03-08 12:00 M3a
	2025-03-11 12:00 M3c
	2025-03-15 12:00 M4
	2025-03-22 12:00 M5');
SELECT sent(:'bob', '2025-03-01 12:00 M1
	2025-03-04 12:00 M2
	2025-03-08 12:00 M3b
	2025-03-11 12:00 M3c
	2025-03-15 12:00 M4
	2025-03-22 12:00 M5');
ROLLBACK TO published;

-- migrated on the twelfth day only: the mail is late, and comes at once
CALL advance('2025-03-13 12:00');
CALL at('2025-03-13 12:00');
SELECT count(*) FROM journey_migrate('nurture', '{}', false);
CALL advance('2025-04-30 00:00');
SELECT sent(:'ann', '2025-03-01 12:00 M1
	2025-03-04 12:00 M2
	2025-03-08 12:00 M3a
	2025-03-13 12:00 M3c
	2025-03-17 12:00 M4
	2025-03-24 12:00 M5');
ROLLBACK TO published;

-- a version without the tile that members are on refuses the whole migration, until
-- the map says where they go
SELECT journey_revise('nurture');
SELECT journey_update('nurture', replace(:'second', '"W3"', '"pause"')::jsonb);
SELECT journey_activate('nurture');
CALL at('2025-03-09 13:00');
SELECT error_of($$SELECT count(*) FROM journey_migrate('nurture', '{}', false)$$) ~ 'W3' AS names_the_tile;
SELECT error_of($$SELECT count(*) FROM journey_migrate('nurture', '{"W3": "W9"}', false)$$) ~ 'W9' AS names_the_tile;
SELECT version, count(*) FROM journey.member GROUP BY 1 ORDER BY 1;
SELECT * FROM journey_migrate('nurture', '{"W3": "pause"}', false) ORDER BY 1;
SELECT stands(:'ann', 'sql pause active'), stands('new', 'sql W1 active');
CALL advance('2025-04-30 00:00');
SELECT sent(:'ann', '2025-03-01 12:00 M1
	2025-03-04 12:00 M2
	2025-03-08 12:00 M3a
	2025-03-11 12:00 M3c
	2025-03-15 12:00 M4
	2025-03-22 12:00 M5');
ROLLBACK;
