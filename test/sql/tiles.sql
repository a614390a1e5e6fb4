-- Arriving, waiting, and the edges that time opens: rules 2, 3, 4, 6, 7 and 11 of
-- DESIGN 4.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
SAVEPOINT clean;

-- Event-less edges open one after the other.  Whenever one does, all that are
-- open are asked again, in the order of the list.
CALL draw('opening', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "fork": {"type": "branch"},
    "first": {"type": "exit"},
    "second": {"type": "exit"},
    "third": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "fork"},
    {"from": "fork", "to": "first", "wait": "1 hour", "condition": "traits->>'to' = 'first'"},
    {"from": "fork", "to": "second", "wait": "2 hours", "condition": "traits->>'to' IN ('first', 'second')"},
    {"from": "fork", "to": "third", "condition": "traits->>'to' = 'third'"}
  ]
}$$);
CALL emit('10:00', 'ann', 'X');
CALL emit('10:00', 'bob', 'X');
CALL emit('10:00', 'cy', 'X');
SELECT journey_identify('dan', '{"to": "third"}');
CALL emit('10:00', 'dan', 'X');
SELECT journey_identify('eve', '{"to": "first"}');
CALL emit('10:00', 'eve', 'X');
TABLE members;
CALL advance('11:30');
TABLE members;
-- by now the first edge would hold for ann, but nothing asks before the second opens
SELECT journey_identify('ann', '{"to": "first"}');
SELECT journey_identify('bob', '{"to": "second"}');
SELECT journey_identify('cy', '{"to": "third"}');
CALL advance('11:59:59');
SELECT customer, state FROM members;
CALL advance('13:00');
TABLE members;
TABLE moves;

-- A tile's hold comes first, then the edge's wait; a reset begins with both anew,
-- also where the hold was over.
ROLLBACK TO clean;
CALL draw('both', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "hold": {"type": "wait", "for": "1 hour", "reset": [{"event": "again"}]},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold", "wait": "5 minutes"},
    {"from": "hold", "to": "done", "wait": "30 minutes"}
  ]
}$$);
CALL emit('10:00', 'ann', 'X');
TABLE members;
CALL advance('10:30');
TABLE members;
CALL advance('11:10');
TABLE members;
CALL emit('11:20', 'ann', 'again');
TABLE members;
CALL advance('14:00');
TABLE members;
TABLE moves;

-- No edge left: no_path, unless an event edge still listens.
ROLLBACK TO clean;
CALL draw('stuck', $${
  "key": "props->>'to'",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "fork": {"type": "branch"},
    "ears": {"type": "branch"},
    "send": {"type": "action", "destination": "mail"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "fork", "condition": "key = 'fork'"},
    {"from": "start", "to": "ears", "condition": "key = 'ears'"},
    {"from": "start", "to": "send", "condition": "key = 'send'"},
    {"from": "fork", "to": "done", "condition": "false"},
    {"from": "fork", "to": "done", "condition": "NULL::bool", "wait": "1 hour"},
    {"from": "ears", "to": "done", "condition": "false"},
    {"from": "ears", "to": "done", "event": "end"},
    {"from": "send", "to": "done", "condition": "false"}
  ]
}$$);
CALL at('10:00');
SELECT count(journey_emit('ann', 'X', jsonb_build_object('to', key))) FROM unnest('{fork, ears, send, none}'::text[]) AS key;
TABLE members;
CALL advance('12:00');
TABLE members;
TABLE moves;
TABLE acts;
SELECT tile, entered, inside, departed FROM journey.tile_stats WHERE journey = 'stuck' ORDER BY tile;
CALL emit('13:00', 'ann', 'end');
SELECT key, tile, state, outcome FROM members WHERE key = 'ears';

-- An action is sent on arrival; event edges listen from then on, and what time
-- opens counts from then.
ROLLBACK TO clean;
CALL draw('listening', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "send": {"type": "action", "destination": "mail"},
    "opened": {"type": "exit"},
    "silent": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "send"},
    {"from": "send", "to": "opened", "event": "open"},
    {"from": "send", "to": "silent", "wait": "1 day"}
  ]
}$$);
CALL emit('10:00', 'ann', 'X');
CALL emit('10:00', 'bob', 'X');
TABLE acts;
CALL emit('11:00', 'ann', 'open');
CALL advance('2025-03-06 00:00');
TABLE members;
TABLE acts;

-- A wait with an event edge: whichever comes first.  An event beats a timer that
-- has not been worked off, at its very time and long after.
ROLLBACK TO clean;
CALL draw('either', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "signed_up"}]},
    "hold": {"type": "wait", "for": "1 day"},
    "active": {"type": "exit"},
    "silent": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "active", "event": "app_opened"},
    {"from": "hold", "to": "silent"}
  ]
}$$);
CALL at('10:00');
SELECT count(journey_emit(c, 'signed_up')) FROM unnest('{before, tie, overdue, silent}'::text[]) AS c;
CALL emit('2025-03-05 09:59:59', 'before', 'app_opened');
CALL emit('2025-03-05 10:00', 'tie', 'app_opened');
CALL emit('2025-03-05 20:00', 'overdue', 'app_opened');
SELECT customer, state, due_at FROM members;
SELECT journey_tick();
TABLE members;
TABLE moves;
-- an emit that moves nobody works off no timer either
ROLLBACK TO clean;
CALL draw('lazy', $${
  "exit": [{"event": "leave"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "hold": {"type": "wait", "for": "1 hour"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done"}]
}$$);
CALL emit('10:00', 'ann', 'X');
CALL emit('12:00', 'ann', 'X');
TABLE members;
CALL emit('12:00', 'ann', 'leave');
TABLE members;

-- Time is the moment a timer is worked off: waits do not collapse after an
-- outage, and each counts from there.
ROLLBACK TO clean;
CALL draw('outage', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "w1": {"type": "wait", "for": "1 hour"},
    "m1": {"type": "action", "destination": "mail"},
    "w2": {"type": "wait", "for": "1 hour"},
    "m2": {"type": "action", "destination": "mail"},
    "w3": {"type": "branch"},
    "m3": {"type": "action", "destination": "mail"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "w1"}, {"from": "w1", "to": "m1"}, {"from": "m1", "to": "w2"},
    {"from": "w2", "to": "m2"}, {"from": "m2", "to": "w3"},
    {"from": "w3", "to": "m3", "wait": "1 hour"}, {"from": "m3", "to": "done"}
  ]
}$$);
CALL emit('10:00', 'ann', 'X');
CALL at('20:00');
SELECT journey_tick();
TABLE acts;
TABLE members;
SELECT journey_tick();
CALL at('23:30');
SELECT journey_tick();
TABLE acts;
TABLE members;
SELECT journey_advance_to('2025-03-06 00:00');
TABLE acts;
TABLE moves;
-- as with an event that comes late: the waits count from its time
CALL at('12:00');
SELECT journey_emit('bob', 'X', at => moment('08:00')) > 0 AS id;
SELECT due_at FROM journey.member WHERE customer = 'bob';
SELECT journey_tick();
SELECT customer, tile, created_at FROM acts WHERE customer = 'bob';
SELECT due_at FROM journey.member WHERE customer = 'bob';

-- A wait on an event edge: on the way only goals and exit rules reach the member.
ROLLBACK TO clean;
CALL draw('on-the-way', $${
  "goal": {"event": "goal"},
  "exit": [{"event": "leave", "outcome": "left"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "a": {"type": "wait"},
    "b": {"type": "wait", "for": "1 hour", "reset": [{"event": "reset"}]},
    "c": {"type": "exit"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "a"},
    {"from": "a", "to": "b", "event": "go", "wait": "30 minutes"},
    {"from": "a", "to": "c", "event": "skip", "wait": "1 day"},
    {"from": "b", "to": "c", "event": "skip"},
    {"from": "b", "to": "done", "condition": "visits = 1"}
  ]
}$$);
CALL emit('10:00', 'ann', 'X');
CALL emit('11:00', 'ann', 'go');
TABLE members;
SELECT tile, entered, inside, departed FROM journey.tile_stats WHERE journey = 'on-the-way' AND entered > 0 ORDER BY tile;
SAVEPOINT departed;
CALL emit('11:10', 'ann', 'skip');
CALL emit('11:10', 'ann', 'reset', '{"r": 1}');
CALL emit('11:10', 'ann', 'go');
CALL emit('11:10', 'ann', 'goal');
TABLE members;
SELECT context FROM journey.member;
-- the hold of the tile begins with the arrival, and now it listens
CALL advance('11:30');
TABLE members;
SAVEPOINT arrived;
CALL emit('11:45', 'ann', 'reset');
TABLE members;
ROLLBACK TO arrived;
CALL emit('11:45', 'ann', 'skip');
TABLE members;
ROLLBACK TO arrived;
CALL advance('13:00');
TABLE members;
TABLE moves;
ROLLBACK TO departed;
-- an exit rule; and the event that beats the arrival at its very time
CALL emit('11:30', 'ann', 'leave');
TABLE members;
CALL advance('13:00');
TABLE moves;
SELECT tile, entered, inside, departed FROM journey.tile_stats WHERE journey = 'on-the-way' AND entered > 0 ORDER BY tile;
-- on the way to an exit tile
ROLLBACK TO clean;
CALL draw('last-mile', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "a": {"type": "wait"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "a"},
    {"from": "a", "to": "done", "event": "go", "wait": "30 minutes"}
  ]
}$$);
CALL emit('10:00', 'ann', 'X');
CALL emit('11:00', 'ann', 'go');
TABLE members;
SELECT tile, entered, inside, departed FROM journey.tile_stats WHERE journey = 'last-mile' ORDER BY tile;
SELECT active, entered, exited FROM journey.status WHERE journey = 'last-mile';
CALL advance('12:00');
TABLE members;
SELECT exited_at FROM journey.member;
TABLE moves;
SELECT tile, entered, inside, departed FROM journey.tile_stats WHERE journey = 'last-mile' ORDER BY tile;
SELECT active, entered, exited FROM journey.status WHERE journey = 'last-mile';

-- "for" as SQL, with visits; a hold of nothing is ready at once.
ROLLBACK TO clean;
CALL draw('growing', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "hold": {"type": "wait", "for": "visits * interval '1 hour' * coalesce((context->>'factor')::int, 1)"},
    "nudge": {"type": "action", "destination": "mail", "payload": {"n": "{{ visits }}", "text": "{{ visits }}. nudge"}},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "nudge"},
    {"from": "nudge", "to": "hold", "condition": "visits < 3"},
    {"from": "nudge", "to": "done"}
  ]
}$$);
CALL emit('00:00', 'ann', 'X');
CALL emit('00:00', 'bob', 'X', '{"factor": 0}');
TABLE members;
CALL advance('23:00');
TABLE acts;
TABLE members;
SELECT customer, tile, visits FROM (
	SELECT t.customer, t.to_tile AS tile, count(*) AS visits FROM moves t GROUP BY 1, 2) AS v
 WHERE tile IN ('hold', 'nudge') ORDER BY 1, 2;

-- A loop of immediate steps ends with a failure that names its tiles.
ROLLBACK TO clean;
CALL draw('loop', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "hold": {"type": "wait", "for": "interval '0'"},
    "back": {"type": "branch"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "back"},
    {"from": "back", "to": "hold", "condition": "visits < (context->>'rounds')::int"},
    {"from": "back", "to": "done"}
  ]
}$$);
SET LOCAL journey.max_steps = 10;
CALL emit('10:00', 'ann', 'X', '{"rounds": 5}');
CALL emit('10:00', 'bob', 'X', '{"rounds": 6}');
CALL emit('10:00:30', 'cy', 'X', '{"rounds": 7}');
TABLE members;
TABLE failures;
SELECT customer, count(*), max(seq) FROM moves GROUP BY 1 ORDER BY 1;
SELECT * FROM moves WHERE reason = 'failed';

-- One step of many members: the failure names the tiles of its own.
ROLLBACK TO clean;
CALL draw('long', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "a": {"type": "branch"}, "b": {"type": "branch"}, "c": {"type": "branch"}, "d": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "a"}, {"from": "a", "to": "b"}, {"from": "b", "to": "c"}, {"from": "c", "to": "d"}
  ]
}$$);
CALL draw('short', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "z": {"type": "wait", "for": "interval '0'"},
    "zz": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "z"}, {"from": "z", "to": "z", "condition": "context = '{}'"}, {"from": "z", "to": "zz"}]
}$$);
SET LOCAL journey.max_steps = 1;
CALL emit('10:00', 'ann', 'X');
SELECT journey, tile, state FROM members;
TABLE failures;

-- A tick takes at most as many as it is told, the oldest first.
ROLLBACK TO clean;
CALL draw('many', $${
  "key": "props->>'id'",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "hold": {"type": "wait", "for": "1 hour"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done"}]
}$$);
CALL emit('10:02', 'ann', 'X', '{"id": 1}');
CALL emit('10:05', 'ann', 'X', '{"id": 2}');
CALL emit('10:06', 'ann', 'X', '{"id": 3}');
CALL emit('10:01', 'bob', 'X', '{"id": 1}');
CALL emit('10:03', 'cy', 'X', '{"id": 1}');
CALL emit('10:04', 'cy', 'X', '{"id": 2}');
CALL at('12:00');
SELECT journey_tick(1);
SELECT customer, key, due_at FROM members WHERE due_at IS NOT NULL ORDER BY due_at;
SELECT journey_tick(2);
SELECT customer, key, due_at FROM members WHERE due_at IS NOT NULL ORDER BY due_at;
SELECT journey_tick(), journey_tick();
SELECT error_of('SELECT journey_tick(0)'), error_of('SELECT journey_tick(NULL)');
-- the clock of a session goes forward only
SELECT error_of($$SELECT journey_advance_to('2025-03-04 11:59')$$);
SELECT error_of($$SELECT journey_advance_to(NULL)$$);
SELECT error_of($$SELECT journey_advance_to('infinity')$$);
SELECT journey_advance_to('2025-03-04 12:00');
SHOW journey.now;

-- Time in the member's zone: a day keeps the local hour.  A zone's name, SQL,
-- null, and one that there is not.
ROLLBACK TO clean;
SELECT $${
  "timezone": "America/New_York",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "day": {"type": "wait", "for": "1 day"},
    "hours": {"type": "wait", "for": "24 hours"},
    "send": {"type": "action", "destination": "mail", "payload": {
      "local": "{{ local_now }}", "today": "{{ CURRENT_DATE }}", "text": "{{ now }}",
      "same": "{{ now() = now AND CURRENT_TIMESTAMP = now AND transaction_timestamp() = now AND LOCALTIMESTAMP = local_now AND LOCALTIME = local_now::time AND CURRENT_TIME::time = local_now::time AND statement_timestamp() = now }}",
      "zone": "{{ (extract(timezone FROM now) / 3600)::int }}"}},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "day"}, {"from": "day", "to": "hours"}, {"from": "hours", "to": "send"},
    {"from": "send", "to": "done"}
  ]
}$$::jsonb AS journey \gset
CALL draw('literal', :'journey');
CALL draw('by-sql', jsonb_set(:'journey', '{timezone}', '"traits->>''tz''"'));
CALL draw('setting', :'journey'::jsonb - 'timezone');
SELECT journey_identify('ann', '{"tz": "Europe/Berlin"}');
SELECT journey_identify('eve', '{"tz": "Mars/Base"}');
-- New York's clocks go forward on Sunday 9 March, at 07:00 UTC
CALL at('2025-03-08 14:00');
SELECT count(journey_emit(c, 'X')) FROM unnest('{ann, bob, eve}'::text[]) AS c;
SELECT journey, customer, due_at FROM members;
CALL advance('2025-03-12 00:00');
SELECT journey, customer, created_at, payload FROM acts ORDER BY journey, customer;
TABLE failures;
-- Berlin's go back on Sunday 26 October, at 01:00 UTC
CALL emit('2025-10-25 12:00', 'ann', 'X');
SELECT journey, due_at FROM members WHERE state = 'active';
-- weeks and months are calendar time as well; hours are not
ROLLBACK TO clean;
CALL draw('calendar', $${
  "timezone": "America/New_York",
  "goal": {"event": "goal", "within": "1 day"},
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "month": {"type": "wait", "for": "1 month"},
    "week": {"type": "branch"},
    "far": {"type": "wait"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "month"},
    {"from": "month", "to": "far", "event": "go", "wait": "1 day"},
    {"from": "month", "to": "week"},
    {"from": "week", "to": "done", "wait": "1 week"},
    {"from": "far", "to": "done", "wait": "1 day"}
  ]
}$$);
CALL emit('2025-01-31 12:00', 'ann', 'X');
CALL emit('2025-03-08 14:00', 'bob', 'X');
CALL emit('2025-03-08 14:00', 'cy', 'X');
CALL emit('2025-03-08 14:00', 'bob', 'go');
SELECT customer, tile, state, due_at FROM members;
-- the goal's day has 23 hours
CALL emit('2025-03-09 13:00', 'bob', 'goal');
CALL emit('2025-03-09 13:00:01', 'cy', 'goal');
SELECT customer, goal FROM members;
CALL advance('2025-03-09 13:30');
SELECT customer, tile, state, due_at FROM members;
ROLLBACK;
