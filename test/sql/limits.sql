-- What ends a run that would go on for ever: max_visits and max_duration.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
\set expect :abs_srcdir '/expect.sql'
BEGIN;
\set ECHO none
\i :helpers
\i :expect
\set ECHO all
SELECT $${
  "goal": {"event": "buy"},
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go"}]},
    "hold": {"type": "wait", "for": "10 minutes", "max_visits": 3},
    "send": {"type": "action", "destination": "mail", "payload": {"n": "{{ visits }}"}},
    "tired": {"type": "action", "destination": "mail"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "send"},
    {"from": "hold", "to": "send", "event": "now"},
    {"from": "send", "to": "hold"},
    {"from": "hold", "to": "done", "event": "quit"},
    {"from": "tired", "to": "done"}
  ]
}$$::jsonb AS loop \gset
SELECT jsonb_set(:'loop', '{edges}', '[{"from": "hold", "to": "done", "on": "max_visits", "condition": "traits ? ''quiet''"},
	{"from": "hold", "to": "tired", "on": "max_visits"}]' || (:'loop'::jsonb->'edges')) AS looped \gset
SELECT :'loop'::jsonb #- '{tiles,tired}' #- '{edges,5}' AS loop \gset
SAVEPOINT clean;

-- One arrival too many, and no edge for it: out.
CALL draw('loop', :'loop');
CALL emit('10:00', 'ann', 'go');
CALL advance('12:00');
SELECT sent('ann', '10:10 send
	10:20 send
	10:30 send');
SELECT stands('ann', 'hold exited max_visits');
SELECT moved('ann', '10:00 start hold entry
	10:10 hold send timer
	10:10 send hold step
	10:20 hold send timer
	10:20 send hold step
	10:30 hold send timer
	10:30 send hold step
	10:30 hold - max_visits');
SELECT tile, entered, inside, departed FROM journey.tile_stats WHERE journey = 'loop' ORDER BY 1;
CALL emit('13:00', 'ann', 'buy');
SELECT converted_at FROM journey.member;
-- by events as well; another run counts for itself
CALL emit('13:00', 'ann', 'go');
CALL emit('13:01', 'ann', 'now');
CALL emit('13:02', 'ann', 'now');
SELECT stands('ann', 'hold exited max_visits
	hold active');
CALL emit('13:03', 'ann', 'now');
SELECT sent('ann', '10:10 send
	10:20 send
	10:30 send
	13:01 send
	13:02 send
	13:03 send');
SELECT stands('ann', 'hold exited max_visits
	hold exited max_visits');
ROLLBACK TO clean;

-- The edge for it, the first whose condition holds; the tile itself does nothing.
CALL draw('looped', :'looped');
CALL at('10:00');
SELECT journey_identify('bob', '{"quiet": true}');
SELECT count(journey_emit(c, 'go')) FROM unnest('{ann, bob}'::text[]) AS c;
CALL advance('12:00');
SELECT sent('ann', '10:10 send
	10:20 send
	10:30 send
	10:30 tired');
SELECT sent('bob', '10:10 send
	10:20 send
	10:30 send');
SELECT stands('ann', 'done exited done'), stands('bob', 'done exited done');
SELECT customer, from_tile, to_tile, edge, reason, at FROM moves WHERE edge < 2 ORDER BY 1;
ROLLBACK TO clean;

-- On an action: the second visit sends nothing.
CALL draw('once', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go"}]},
    "send": {"type": "action", "destination": "mail", "max_visits": 1},
    "hold": {"type": "wait", "for": "10 minutes"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "send"}, {"from": "send", "to": "done", "on": "max_visits"}, {"from": "send", "to": "hold"}, {"from": "hold", "to": "send"}]
}$$);
CALL emit('10:00', 'ann', 'go');
CALL advance('12:00');
SELECT sent('ann', '10:00 send'), stands('ann', 'done exited done');
-- a reset is no visit
ROLLBACK TO clean;
CALL draw('reset', jsonb_set(:'loop', '{tiles,hold,reset}', '[{"event": "again"}]'));
CALL emit('10:00', 'ann', 'go');
CALL emit('10:05', 'ann', 'again');
CALL emit('10:14', 'ann', 'again');
CALL emit('10:23', 'ann', 'again');
CALL emit('10:32', 'ann', 'again');
CALL advance('12:00');
SELECT sent('ann', '10:42 send
	10:52 send
	11:02 send');
ROLLBACK TO clean;

-- max_duration: out wherever it is, whatever else time would do.
SELECT $${
  "max_duration": "2 hours",
  "exit": [{"event": "leave", "outcome": "left"}, {"condition": "traits ? 'bad'", "outcome": "bad"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go"}]},
    "hold": {"type": "wait", "for": "(context->>'for')::interval", "reset": [{"event": "again"}]},
    "ears": {"type": "branch"},
    "next": {"type": "action", "destination": "mail"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "ears", "condition": "context->>'for' = '0'"},
    {"from": "hold", "to": "next", "event": "walk", "wait": "1 hour"},
    {"from": "hold", "to": "next", "event": "now"},
    {"from": "hold", "to": "next"},
    {"from": "ears", "to": "next", "event": "now"},
    {"from": "next", "to": "done"}
  ]
}$$::jsonb AS brief \gset
CALL draw('brief', :'brief');
SAVEPOINT brief;
CALL at('10:00');
SELECT count(journey_emit(customer, 'go', jsonb_build_object('for', hold)))
  FROM (VALUES ('less', '01:59:59'), ('tie', '2 hours'), ('more', '3 hours'), ('ears', '0')) AS v (customer, hold);
SELECT customer, tile, state, due_at FROM members ORDER BY 1;
CALL advance('11:59:59');
SELECT stands('less', 'done exited done'), stands('tie', 'hold active');
CALL advance('13:00');
SELECT stands('tie', 'hold exited expired'), stands('more', 'hold exited expired'), stands('ears', 'ears exited expired');
SELECT sent('less', '11:59:59 next'), sent('tie', '');
SELECT customer, from_tile, to_tile, reason, due_at, at FROM moves WHERE to_tile IS NULL ORDER BY 1;
ROLLBACK TO brief;
-- on the way
CALL emit('10:00', 'ann', 'go', '{"for": "1 day"}');
CALL emit('10:00', 'bob', 'go', '{"for": "1 day"}');
CALL emit('10:59:59', 'bob', 'walk');
CALL emit('11:00', 'ann', 'walk');
SELECT stands('ann', 'next in_transit');
CALL advance('13:00');
SELECT stands('bob', 'done exited done'), stands('ann', 'next exited expired'), sent('ann', '');
SELECT exited_at FROM journey.member WHERE customer = 'ann';
ROLLBACK TO brief;
-- an event beats it while it is not worked off; and not a member that it has moved off
CALL emit('10:00', 'ann', 'go', '{"for": "1 day"}');
CALL emit('10:00', 'bob', 'go', '{"for": "1 day"}');
CALL emit('12:00', 'ann', 'now');
CALL emit('12:30', 'bob', 'leave');
SELECT stands('ann', 'done exited done'), stands('bob', 'hold exited left');
ROLLBACK TO brief;
-- a reset puts off the wait, and not the end
CALL emit('10:00', 'ann', 'go', '{"for": "1 hour 30 minutes"}');
CALL emit('11:00', 'ann', 'again');
SELECT due_at FROM journey.member;
CALL advance('13:00');
SELECT stands('ann', 'hold exited expired');
SELECT exited_at FROM journey.member;
ROLLBACK TO brief;
-- worked off late, it comes before the wait that was due earlier, and before the rule
-- that asks without an event
CALL emit('10:00', 'ann', 'go', '{"for": "1 hour"}');
CALL at('10:01');
UPDATE journey.customer SET traits = '{"bad": 1}' WHERE customer = 'ann';
INSERT INTO journey.customer SELECT 'ann', '{"bad": 1}', now() WHERE NOT EXISTS (SELECT FROM journey.customer WHERE customer = 'ann');
SAVEPOINT late;
CALL at('13:00');
SELECT journey_tick();
SELECT stands('ann', 'hold exited expired'), sent('ann', '');
SELECT exited_at FROM journey.member;
ROLLBACK TO late;
CALL advance('11:00');
SELECT stands('ann', 'hold exited bad'), sent('ann', '');
ROLLBACK TO brief;
-- from the entry, not from the restart's or the arrival; each run for itself
CALL emit('10:00', 'ann', 'go', '{"for": "1 day"}');
CALL emit('11:00', 'ann', 'leave');
CALL emit('11:30', 'ann', 'go', '{"for": "1 day"}');
CALL advance('15:00');
SELECT customer, outcome, exited_at FROM journey.member ORDER BY entered_at;
-- who failed does not expire
CALL emit('15:00', 'bob', 'go', '{"for": "soon"}');
CALL advance('20:00');
SELECT stands('bob', 'hold failed');
ROLLBACK TO clean;
-- by the member's calendar: a day from Saturday noon in New York ends on Sunday noon, when
-- the clocks have gone forward
CALL draw('brief', :'brief'::jsonb || '{"max_duration": "1 day", "timezone": "America/New_York"}');
CALL emit('2025-03-08 17:00', 'ann', 'go', '{"for": "3 days"}');
CALL advance('2025-03-10 17:00');
SELECT outcome, exited_at FROM journey.member;
ROLLBACK TO clean;

-- The end moves, by a pause or another zone: what waits for something else, and what is on
-- its way, does not go on at the old one.
CALL draw('child', '{"tiles": {"start": {"type": "entry"}, "rest": {"type": "wait"}, "done": {"type": "exit"}},
	"edges": [{"from": "start", "to": "rest"}, {"from": "rest", "to": "done", "event": "home"}]}');
SELECT $${
  "max_duration": "10 days",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go"}]},
    "hold": {"type": "wait"},
    "sub": {"type": "sub_journey", "journey": "child"},
    "far": {"type": "wait"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "sub", "event": "sub"},
    {"from": "hold", "to": "far", "event": "far", "wait": "11 days"},
    {"from": "sub", "to": "done"},
    {"from": "far", "to": "done", "event": "home"}
  ]
}$$::jsonb AS long \gset
SAVEPOINT long;
CALL draw('long', :'long'::jsonb || '{"on_resume": "shift"}');
CALL at('10:00');
SELECT count(journey_emit(c, e)) FROM unnest('{ann, bob}'::text[]) AS c, unnest('{go, far}'::text[]) AS e WHERE c = 'bob' OR e = 'go';
CALL emit('10:00', 'ann', 'sub');
SELECT customer, tile, state, due_at FROM members WHERE journey = 'long';
CALL at('2025-03-05 10:00');
SELECT journey_pause('long');
CALL at('2025-03-07 10:00');
SELECT journey_resume('long');
CALL advance('2025-03-14 10:00');
SELECT customer, tile, state, due_at FROM members WHERE journey = 'long';
CALL advance('2025-03-16 09:59:59');
SELECT stands('ann', 'sub active', 'long'), stands('bob', 'far in_transit', 'long');
CALL advance('2025-03-16 10:00');
SELECT stands('ann', 'sub exited expired', 'long'), stands('ann', 'rest exited expired', 'child'), stands('bob', 'far exited expired', 'long');
ROLLBACK TO long;
-- ten days from 5 in the morning in New York end at 9 o'clock, for its clocks go forward; in UTC at 10
CALL draw('long', :'long'::jsonb || $${"timezone": "traits->>'zone'"}$$);
CALL at('10:00');
SELECT count(journey_identify(c, '{"zone": "America/New_York"}')) FROM unnest('{ann, bob}'::text[]) AS c;
SELECT count(journey_emit(c, 'go')) FROM unnest('{ann, bob}'::text[]) AS c;
CALL emit('10:00', 'ann', 'sub');
CALL emit('10:00', 'bob', 'far');
SELECT customer, tile, state, due_at FROM members WHERE journey = 'long';
CALL at('2025-03-10 10:00');
SELECT count(journey_identify(c, '{"zone": "UTC"}')) FROM unnest('{ann, bob}'::text[]) AS c;
CALL advance('2025-03-14 09:00');
SELECT customer, tile, state, due_at FROM members WHERE journey = 'long';
CALL advance('2025-03-14 10:00');
SELECT stands('ann', 'sub exited expired', 'long'), stands('bob', 'far exited expired', 'long');
ROLLBACK;
