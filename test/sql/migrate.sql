-- Members of older versions move to the newest one: journey_migrate (DESIGN rule 10).
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
\pset null -
\set invariants `cat "$PG_ABS_SRCDIR"/t/invariants.sql`
CREATE VIEW violation AS :invariants;

CREATE PROCEDURE redraw(name text, definition jsonb) LANGUAGE sql AS
$$ SELECT journey_revise(name); SELECT journey_update(name, definition); SELECT journey_activate(name) $$;
-- All that is stored of members but what a migration must change.
CREATE VIEW stored AS
SELECT m.id, v.tiles[m.tile + 1] AS tile, m.run, m.entered_at, m.arrived_at, m.due_at, m.ready_at, m.exited_at, m.state, m.tries,
	   m.customer, m.key, m.context, m.outcome, m.holds_until, m.shifted, m.parent, m.awaits, m.result, m.pauses
  FROM journey.member_row m JOIN journey.version_row v USING (journey, version);
CREATE VIEW insides AS
SELECT customer, version, tile, state, arrived_at, due_at FROM journey.member WHERE state <> 'exited' ORDER BY journey, customer, key;
CREATE VIEW counts AS
SELECT version, tile, entered, inside, departed FROM journey.tile_stats WHERE entered > 0 ORDER BY journey, version, tile;

CREATE FUNCTION tour() RETURNS jsonb LANGUAGE sql AS $_$ SELECT $${
  "max_duration": "30 days",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go"}]},
    "fork": {"type": "wait"},
    "hold": {"type": "wait", "for": "2 hours"},
    "watch": {"type": "wait", "for": "1 day", "condition": "traits ? 'seen'", "recheck": "1 hour"},
    "mail": {"type": "action", "destination": "mail", "payload": {"visits": "{{ visits }}"}},
    "sure": {"type": "action", "destination": "mail", "await": true, "expires": "2 days"},
    "sub": {"type": "sub_journey", "journey": "child"},
    "parse": {"type": "wait", "for": "(traits->>'for')::interval"},
    "far": {"type": "wait"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "fork"},
    {"from": "fork", "to": "hold", "event": "hold"},
    {"from": "fork", "to": "watch", "event": "watch"},
    {"from": "fork", "to": "mail", "event": "mail"},
    {"from": "fork", "to": "sure", "event": "sure"},
    {"from": "fork", "to": "sub", "event": "sub"},
    {"from": "fork", "to": "parse", "event": "parse"},
    {"from": "fork", "to": "far", "event": "far", "wait": "3 hours"},
    {"from": "fork", "to": "done", "event": "end", "wait": "5 hours"},
    {"from": "hold", "to": "mail"},
    {"from": "watch", "to": "done"},
    {"from": "mail", "to": "far", "wait": "4 hours"},
    {"from": "sure", "to": "far"},
    {"from": "sub", "to": "far"},
    {"from": "parse", "to": "far"},
    {"from": "far", "to": "done", "wait": "1 day"},
    {"from": "far", "to": "hold", "event": "back"}
  ]
}$$::jsonb $_$;

CALL draw('child', $${"tiles": {"start": {"type": "entry"}, "rest": {"type": "wait"}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "rest"}, {"from": "rest", "to": "done", "event": "home"}]}$$);
CALL draw('tour', tour());
-- somebody in each place
SELECT count(journey_enter('tour', name)) FROM unnest('{fork,hold,watch,mail,sure,sub,parse,far,end,wed}'::text[]) name
 WHERE set_config('journey.now', moment('10:00')::text, true) IS NOT NULL;
SELECT count(journey_emit(name, name)) FROM unnest('{hold,watch,mail,sure,sub,parse,far,end}'::text[]) name;
CALL advance('11:30');
TABLE insides;
SAVEPOINT clean;

-- ---- the same document: nothing is different but the version ----
CALL redraw('tour', tour());
CREATE TABLE before AS TABLE stored;
SELECT * FROM journey_migrate('tour', dry_run => true);
SELECT count(*) AS moved FROM moves WHERE reason = 'migrated';
SELECT * FROM journey_migrate('tour');
(TABLE before EXCEPT TABLE stored) UNION ALL (TABLE stored EXCEPT TABLE before);
SELECT version, count(*) FROM journey.member WHERE journey = 'tour' GROUP BY 1 ORDER BY 1;
SELECT seq, from_tile, to_tile, edge, reason, event, due_at, at FROM moves WHERE customer IN ('hold', 'end');
SELECT state, version, active, entered, exited, failed FROM journey.status ORDER BY journey DESC LIMIT 1;
TABLE counts;
TABLE violation;
-- there is nobody left to be moved
SELECT * FROM journey_migrate('tour');
-- and they go on as if nothing had happened
SELECT journey_ack(id) FROM journey_claim('mail', 10);
SELECT count(journey_emit(name, 'home')) FROM unnest('{sub}'::text[]) name;
CALL advance('2025-03-20 10:00');
SELECT md5(string_agg(s::text, ',' ORDER BY id)) AS migrated FROM stored s \gset
SELECT md5(string_agg(concat(customer, tile, created_at, payload), ',' ORDER BY created_at, customer, tile)) AS sent FROM acts \gset
TABLE insides;
TABLE violation;
ROLLBACK TO clean;
SELECT journey_ack(id) FROM journey_claim('mail', 10);
SELECT count(journey_emit(name, 'home')) FROM unnest('{sub}'::text[]) name;
CALL advance('2025-03-20 10:00');
SELECT md5(string_agg(s::text, ',' ORDER BY id)) = :'migrated' AS same_members FROM stored s;
SELECT md5(string_agg(concat(customer, tile, created_at, payload), ',' ORDER BY created_at, customer, tile)) = :'sent' AS same_actions FROM acts;
ROLLBACK TO clean;

-- ---- what is wrong: nobody is moved ----
CALL redraw('tour', jsonb_set(jsonb_set(tour() #- '{tiles,hold}' #- '{edges,16}' #- '{edges,9}', '{tiles,hello}', '{"type": "exit"}'),
							  '{edges,1}', '{"from": "fork", "to": "hello", "event": "hello"}'));
SELECT error_of($$SELECT journey_migrate('tour')$$);
SELECT error_of($$SELECT journey_migrate('tour', dry_run => true)$$);
SELECT error_of($$SELECT journey_migrate('tour', '{"hold": "helo"}')$$);
SELECT error_of($$SELECT journey_migrate('tour', '{"held": "hello"}')$$);
SELECT error_of($$SELECT journey_migrate('tour', '{"hold": "start"}')$$);
SELECT error_of($$SELECT journey_migrate('tour', '{"hold": "far", "mail": "start"}')$$);
SELECT error_of($$SELECT journey_migrate('tour', '{"hold": 1}')$$);
SELECT error_of($$SELECT journey_migrate('tour', '["hold"]')$$);
SELECT error_of($$SELECT journey_migrate('tour', NULL)$$);
SELECT error_of($$SELECT journey_migrate('tour', dry_run => NULL)$$);
SELECT error_of($$SELECT journey_migrate(NULL)$$);
SELECT error_of($$SELECT journey_migrate('tuor')$$);
SELECT journey_create('draft', tour());
SELECT error_of($$SELECT journey_migrate('draft')$$);
CREATE ROLE regress_other;
SELECT journey_grant('regress_other', 'author');
GRANT USAGE, CREATE ON SCHEMA public TO regress_other;
SET LOCAL ROLE regress_other;
SELECT error_of($$SELECT journey_migrate('tour')$$);
RESET ROLE;
SELECT version, count(*) FROM journey.member WHERE journey = 'tour' GROUP BY 1;
-- with only one version there is nobody to be moved
SELECT * FROM journey_migrate('child');
SELECT * FROM journey_migrate('child', '{"rest": "rest"}');
SELECT error_of($$SELECT journey_migrate('child', '{"reste": "rest"}')$$);
-- a tile that only a draft has
SELECT journey_revise('child'), journey_add_tile('child', 'nap', 'wait', '{"for": "1 day"}');
SELECT error_of($$SELECT journey_migrate('child', '{"rest": "nap"}', true)$$);
SELECT error_of($$SELECT journey_migrate('child', '{"nap": "rest"}', true)$$);
ROLLBACK TO clean;

-- ---- another name, other timers ----
-- hold: 2 hours become 5; watch: its condition is another; mail: the way on takes 1 hour instead of 4, and is over;
-- far is called away now, and its way on takes 2 hours instead of a day
CALL redraw('tour', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go"}]},
    "fork": {"type": "wait"},
    "hold": {"type": "wait", "for": "5 hours"},
    "watch": {"type": "wait", "for": "3 hours"},
    "mail": {"type": "action", "destination": "mail", "payload": {"another": true}},
    "sure": {"type": "action", "destination": "mail", "await": true},
    "sub": {"type": "branch"},
    "parse": {"type": "wait"},
    "away": {"type": "wait"},
    "done": {"type": "exit"},
    "end": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "fork"},
    {"from": "fork", "to": "hold", "event": "hold"},
    {"from": "fork", "to": "watch", "event": "watch"},
    {"from": "fork", "to": "mail", "event": "mail"},
    {"from": "fork", "to": "sure", "event": "sure"},
    {"from": "fork", "to": "sub", "event": "sub"},
    {"from": "fork", "to": "parse", "event": "parse"},
    {"from": "fork", "to": "done", "event": "end", "wait": "5 hours"},
    {"from": "hold", "to": "mail"},
    {"from": "watch", "to": "mail"},
    {"from": "mail", "to": "away", "wait": "1 hour"},
    {"from": "sure", "to": "done"},
    {"from": "sub", "to": "end"},
    {"from": "parse", "to": "end"},
    {"from": "away", "to": "done", "wait": "2 hours"}
  ]
}$$);
CALL at('11:40');
SELECT error_of($$SELECT journey_migrate('tour')$$);
SELECT * FROM journey_migrate('tour', '{"far": "away"}', true);
SELECT * FROM journey_migrate('tour', '{"far": "away"}');
TABLE insides;
TABLE violation;
TABLE acts;
-- what is due at once the worker does; the action that was sent is not sent again
SELECT journey_tick() AS moved;
TABLE insides;
TABLE acts;
-- who waited for its child goes on alone, and so does the child
SELECT journey, tile, state, outcome FROM members WHERE customer = 'sub';
CALL emit('11:50', 'sub', 'home');
SELECT journey, tile, state, outcome FROM members WHERE customer = 'sub';
-- who has failed stays so, and tries again on the new version
SELECT journey_retry_member('tour', 'parse');
SELECT version, tile, state, outcome FROM journey.member WHERE customer = 'parse';
-- what was awaited is awaited still
SELECT journey_ack(id) FROM journey_claim('mail', 10) WHERE tile = 'sure';
SELECT version, tile, state, outcome FROM journey.member WHERE customer = 'sure';
CALL advance('2025-03-06 09:00');
SELECT journey, customer, tile, state, outcome FROM members;
SELECT customer, seq, from_tile, to_tile, reason, due_at, at FROM moves WHERE customer IN ('far', 'mail', 'end') AND journey = 'tour';
SELECT state, active, entered, exited FROM journey.status WHERE journey = 'tour';
TABLE counts;
TABLE violation;
ROLLBACK TO clean;

-- ---- a wait that is over by now, and one that its condition ends ----
SELECT journey_identify('watch', '{"gone": 1}');
CALL redraw('tour', jsonb_set(jsonb_set(tour(), '{tiles,hold,for}', '"1 hour"'), '{tiles,watch,condition}', '"traits ? ''gone''"'));
CALL at('11:40');
SELECT * FROM journey_migrate('tour');
SELECT * FROM insides WHERE customer IN ('hold', 'watch');
SELECT journey_tick() AS moved;
SELECT tile, state, outcome, arrived_at FROM members WHERE customer IN ('hold', 'watch');
SELECT customer, seq, from_tile, to_tile, reason, due_at, at FROM moves WHERE customer IN ('hold', 'watch');
ROLLBACK TO clean;

-- ---- onto an exit tile, onto an action, onto one's own name; and those on their way ----
CALL redraw('tour', jsonb_set(jsonb_set(tour(), '{tiles,bye}', '{"type": "exit", "outcome": "bye"}'),
							  '{tiles,send}', '{"type": "action", "destination": "mail", "payload": {"visits": "{{ visits }}"}}')
			|| jsonb_build_object('edges', tour()->'edges' || '[{"from": "send", "to": "far"}, {"from": "fork", "to": "bye", "event": "bye"}, {"from": "fork", "to": "send", "event": "send"}]'));
CALL at('11:40');
SELECT * FROM journey_migrate('tour', '{"hold": "send", "mail": "send", "far": "bye", "done": "bye", "watch": "bye"}');
TABLE violation;
TABLE insides;
SELECT customer, tile, outcome FROM members WHERE state = 'exited' AND journey = 'tour';
SELECT journey_tick() AS moved;
SELECT customer, tile, created_at, payload FROM acts;
TABLE violation;
SELECT active, entered, exited FROM journey.status WHERE journey = 'tour';
CALL advance('2025-03-04 16:00');
SELECT customer, version, tile, outcome FROM journey.member WHERE state = 'exited' AND journey = 'tour' ORDER BY 1;
TABLE violation;
SELECT active, entered, exited FROM journey.status WHERE journey = 'tour';
ROLLBACK TO clean;
-- on its way to an exit, sent to a wait instead
CALL redraw('tour', jsonb_set(tour(), '{tiles,lull}', '{"type": "wait"}')
			|| jsonb_build_object('edges', tour()->'edges' || '[{"from": "lull", "to": "done", "event": "x"}, {"from": "fork", "to": "lull", "event": "lull"}]'));
SELECT * FROM journey_migrate('tour', '{"done": "lull"}') WHERE tile = 'done';
TABLE violation;
CALL advance('2025-03-04 16:00');
SELECT tile, state, arrived_at FROM members WHERE customer = 'end';
TABLE violation;
ROLLBACK TO clean;

-- ---- visits are counted by name; a migration is one only where the name is another ----
SAVEPOINT visits;
CREATE FUNCTION loop(wait text, hour text DEFAULT '1 hour') RETURNS jsonb LANGUAGE sql AS $_$ SELECT replace(replace($${
  "tiles": {"start": {"type": "entry", "on": [{"event": "loop"}]}, "a0": {"type": "branch"},
			"nap": {"type": "wait", "for": "visits * interval '1 hour'"}, "back": {"type": "branch"}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "a0"}, {"from": "a0", "to": "nap"}, {"from": "nap", "to": "back"},
			{"from": "back", "to": "nap", "condition": "visits < 4"}, {"from": "back", "to": "done"}]}$$, 'nap', wait), '1 hour', hour)::jsonb $_$;
CALL draw('loop', loop('nap'));
CALL emit('12:00', 'ann', 'loop');
CALL advance('13:30');
SELECT tile, arrived_at, due_at FROM members WHERE journey = 'loop';
SAVEPOINT round;
-- one more tile, whose name comes first: the numbers are others
CALL redraw('loop', jsonb_set(loop('nap'), '{tiles,a}', '{"type": "exit"}')
			|| jsonb_build_object('edges', loop('nap')->'edges' || '[{"from": "back", "to": "a"}]'));
SELECT * FROM journey_migrate('loop');
CALL advance('15:00');
SELECT tile, arrived_at, due_at FROM members WHERE journey = 'loop';
CALL advance('2025-03-05 15:00');
SELECT tile, outcome, arrived_at FROM members WHERE journey = 'loop';
ROLLBACK TO round;
-- another name: one visit so far, from the same arrival
CALL redraw('loop', loop('rest', '55 minutes'));
SELECT * FROM journey_migrate('loop', '{"nap": "rest"}');
SELECT tile, arrived_at, due_at FROM members WHERE journey = 'loop';
CALL advance('13:55');
SELECT tile, arrived_at, due_at FROM members WHERE journey = 'loop';
TABLE violation;
ROLLBACK TO clean;

-- ---- from two versions, in a pause, in a completed journey ----
CALL redraw('tour', tour());
CALL emit('11:35', 'new', 'go');
CALL redraw('tour', jsonb_set(tour(), '{tiles,fork}', '{"type": "wait", "for": "1 hour"}'));
CALL emit('11:35', 'newest', 'go');
SELECT journey_pause('tour');
SELECT tile, to_tile, members FROM journey_migrate('tour') WHERE tile = 'fork';
SELECT customer, version, tile, due_at FROM insides WHERE tile = 'fork';
TABLE violation;
CALL emit('11:50', 'fork', 'hold');
CALL at('12:00');
SELECT journey_resume('tour');
SELECT journey_tick() > 0 AS moved;
SELECT customer, version, tile, due_at FROM insides WHERE customer IN ('fork', 'wed');
SELECT journey_complete('tour');
CALL redraw('tour', tour());
SELECT state, version FROM journey.journey WHERE name = 'tour';
SELECT journey_complete('tour');
SELECT sum(members) FROM journey_migrate('tour');
SELECT version, count(*) FROM journey.member WHERE journey = 'tour' AND state <> 'exited' GROUP BY 1;
TABLE violation;
ROLLBACK TO clean;

-- ---- more time than the new version allows: the worker ends the run ----
CALL redraw('tour', tour() || '{"max_duration": "1 hour"}');
CALL at('11:40');
SELECT sum(members) FROM journey_migrate('tour');
SELECT journey_tick() AS moved;
SELECT customer, state, outcome FROM members WHERE journey = 'tour';
TABLE violation;
ROLLBACK TO clean;

-- ---- a goal, whichever version it was reached on, counts for the tiles passed on both ----
CALL draw('sale', '{"goal": {"event": "buy"}, "tiles": {"start": {"type": "entry"}, "one": {"type": "wait"}, "done": {"type": "exit"}},
	"edges": [{"from": "start", "to": "one"}, {"from": "one", "to": "done", "event": "x"}]}');
SELECT count(journey_enter('sale', c)) FROM unnest('{ann,bob}'::text[]) c;
CALL emit('11:40', 'ann', 'buy');
CALL redraw('sale', '{"goal": {"event": "buy"}, "tiles": {"start": {"type": "entry"}, "two": {"type": "wait"}, "done": {"type": "exit"}},
	"edges": [{"from": "start", "to": "two"}, {"from": "two", "to": "done", "event": "x"}]}');
SELECT * FROM journey_migrate('sale', '{"one": "two"}');
SELECT version, tile, entered, inside, conversion_rate FROM journey.tile_stats WHERE journey = 'sale' AND entered > 0 ORDER BY 1, 2;
CALL emit('11:50', 'bob', 'buy');
SELECT version, tile, entered, inside, conversion_rate FROM journey.tile_stats WHERE journey = 'sale' AND entered > 0 ORDER BY 1, 2;
SELECT active, entered, converted FROM journey.status WHERE journey = 'sale';
TABLE violation;
-- folded, the counts are the same
SELECT journey.fold(true) >= 0 AS folded;
SELECT version, tile, entered, inside, conversion_rate FROM journey.tile_stats WHERE journey = 'sale' AND entered > 0 ORDER BY 1, 2;
ROLLBACK TO clean;

-- ---- S10 c: version 2 is published on day 8 with M3c added at day 10 ----
CALL draw('nurture', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "ebook"}]},
    "m1": {"type": "action", "destination": "mail"}, "w1": {"type": "wait", "for": "3 days"},
    "m2": {"type": "action", "destination": "mail"}, "w2": {"type": "wait", "for": "4 days"},
    "m3": {"type": "action", "destination": "mail"}, "w3": {"type": "wait", "for": "7 days"},
    "m4": {"type": "action", "destination": "mail"}, "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "m1"}, {"from": "m1", "to": "w1"}, {"from": "w1", "to": "m2"}, {"from": "m2", "to": "w2"},
    {"from": "w2", "to": "m3"}, {"from": "m3", "to": "w3"}, {"from": "w3", "to": "m4"}, {"from": "m4", "to": "done"}
  ]
}$$);
CALL emit('2025-04-01 10:00', 'early', 'ebook');
CALL advance('2025-04-05 10:00');
CALL emit('2025-04-05 10:00', 'ann', 'ebook');
CALL advance('2025-04-13 10:00');
CALL emit('2025-04-13 10:00', 'late', 'ebook');
CALL redraw('nurture', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "ebook"}]},
    "m1": {"type": "action", "destination": "mail"}, "w1": {"type": "wait", "for": "3 days"},
    "m2": {"type": "action", "destination": "mail"}, "w2": {"type": "wait", "for": "4 days"},
    "m3": {"type": "action", "destination": "mail"}, "w3": {"type": "wait", "for": "3 days"},
    "m3c": {"type": "action", "destination": "mail"}, "w3c": {"type": "wait", "for": "4 days"},
    "m4": {"type": "action", "destination": "mail"}, "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "m1"}, {"from": "m1", "to": "w1"}, {"from": "w1", "to": "m2"}, {"from": "m2", "to": "w2"},
    {"from": "w2", "to": "m3"}, {"from": "m3", "to": "w3"}, {"from": "w3", "to": "m3c"}, {"from": "m3c", "to": "w3c"},
    {"from": "w3c", "to": "m4"}, {"from": "m4", "to": "done"}
  ]
}$$);
SAVEPOINT published;
-- those of version 1 do not notice
CALL advance('2025-05-01 10:00');
SELECT customer, string_agg(tile || ' ' || created_at::date, ', ' ORDER BY created_at, tile) AS got FROM acts WHERE journey = 'nurture' GROUP BY 1 ORDER BY 1;
ROLLBACK TO published;
SELECT * FROM journey_migrate('nurture');
SELECT customer, tile, arrived_at, due_at FROM insides WHERE customer IN ('early', 'ann', 'late');
CALL advance('2025-05-01 10:00');
SELECT customer, string_agg(tile || ' ' || created_at::date, ', ' ORDER BY created_at, tile) AS got FROM acts WHERE journey = 'nurture' GROUP BY 1 ORDER BY 1;
TABLE violation;
ROLLBACK TO clean;

-- ---- a later end of the run: what the earlier one had cut short goes on ----
CREATE FUNCTION slow(days int) RETURNS jsonb LANGUAGE sql AS $_$
SELECT jsonb_build_object('max_duration', days || ' days') || $${
  "tiles": {"start": {"type": "entry", "on": [{"event": "slow"}]}, "hold": {"type": "wait"}, "sub": {"type": "sub_journey", "journey": "child"},
			"far": {"type": "wait"}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "far", "event": "away", "wait": "60 days"},
			{"from": "hold", "to": "sub", "event": "down"}, {"from": "sub", "to": "done"}, {"from": "far", "to": "done", "event": "home"}]}$$::jsonb $_$;
CREATE VIEW slows AS
SELECT customer, version, tile, state, outcome, arrived_at, due_at FROM journey.member WHERE journey = 'slow' ORDER BY 1;
CALL draw('slow', slow(10));
CALL at('12:00');
SELECT count(journey_emit(c, 'slow')) FROM unnest('{ann, bob}'::text[]) AS c;
CALL emit('12:00', 'ann', 'away');
CALL emit('12:00', 'bob', 'down');
TABLE slows;
CALL redraw('slow', slow(200));
SELECT * FROM journey_migrate('slow');
CALL advance('2025-03-14 12:00');
TABLE slows;
CALL advance('2025-05-03 11:59:59');
TABLE slows;
CALL advance('2025-05-03 12:00');
TABLE slows;
CALL emit('2025-05-03 13:00', 'bob', 'home');
TABLE slows;
TABLE violation;
ROLLBACK TO clean;

-- ---- who has failed on what is an exit now exits ----
CALL redraw('tour', jsonb_set(tour() #- '{edges,14}', '{tiles,parse}', '{"type": "exit", "outcome": "parsed"}'));
CALL at('11:40');
SELECT * FROM journey_migrate('tour') WHERE tile = 'parse';
SELECT customer, tile, state, outcome, due_at FROM members WHERE customer = 'parse';
SELECT seq, from_tile, to_tile, reason, at FROM moves WHERE customer = 'parse';
SELECT active, entered, exited, failed FROM journey.status WHERE journey = 'tour';
SELECT version, tile, entered, inside, departed, errors FROM journey.tile_stats WHERE journey = 'tour' AND tile = 'parse' AND entered > 0 ORDER BY 1;
TABLE violation;
ROLLBACK TO clean;

-- ---- back onto an action that was sent: not sent again; onto one that was not: sent ----
SELECT $${
  "tiles": {"start": {"type": "entry", "on": [{"event": "twice"}]}, "m": {"type": "action", "destination": "mail"},
			"n": {"type": "action", "destination": "mail"}, "w": {"type": "wait", "for": "1 hour"}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "m", "condition": "customer = 'ann'"}, {"from": "start", "to": "n"}, {"from": "m", "to": "w"},
			{"from": "n", "to": "w"}, {"from": "w", "to": "done"}]}$$::jsonb AS twice \gset
CALL draw('twice', :'twice');
CALL at('12:00');
SELECT count(journey_emit(c, 'twice')) FROM unnest('{ann, bob}'::text[]) AS c;
SELECT customer, tile, state FROM insides WHERE customer IN ('ann', 'bob');
CALL redraw('twice', :'twice'::jsonb #- '{tiles,w}' || '{"edges": [{"from": "start", "to": "m"}, {"from": "start", "to": "n"}, {"from": "m", "to": "done"}, {"from": "n", "to": "done"}]}');
CALL at('12:10');
SELECT * FROM journey_migrate('twice', '{"w": "m"}');
SELECT journey_tick() >= 2 AS ticked;
SELECT customer, tile, state FROM members WHERE customer IN ('ann', 'bob');
SELECT customer, tile, created_at FROM acts WHERE customer IN ('ann', 'bob') ORDER BY customer, created_at;
TABLE violation;
ROLLBACK;
