-- "since": "entry": events that came before the member did.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
\set expect :abs_srcdir '/expect.sql'
BEGIN;
\set ECHO none
\i :helpers
\i :expect
\set ECHO all
SELECT $${
  "key": "coalesce(props->>'id', '')",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go"}]},
    "hold": {"type": "wait", "for": "1 hour"},
    "ask": {"type": "wait", "for": "1 hour"},
    "send": {"type": "action", "destination": "mail", "payload": {"n": "{{ (props->>'n')::int }}", "event": "{{ event }}", "now": "{{ now }}"}},
    "silent": {"type": "exit"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "ask", "event": "hurry"},
    {"from": "hold", "to": "ask"},
    {"from": "ask", "to": "send", "event": "said", "condition": "(props->>'n')::int > 1", "since": "entry"},
    {"from": "ask", "to": "silent"},
    {"from": "send", "to": "done"}
  ]
}$$::jsonb AS journey \gset
CALL draw('since', :'journey');
SAVEPOINT drawn;

-- The earliest event that meets the edge is the one, with its props, and the time is
-- the arrival's: 1 does not meet it, 3 comes after 2.
CALL emit('10:00', 'ann', 'go');
CALL emit('10:10', 'ann', 'said', '{"n": 1}');
CALL emit('10:20', 'ann', 'said', '{"n": 2}');
CALL emit('10:30', 'ann', 'said', '{"n": 3}');
SELECT stands('ann', 'hold active');
CALL advance('12:00');
SELECT stands('ann', 'done exited done'), sent('ann', '11:00 send');
SELECT payload FROM journey.action;
SELECT moved('ann', '10:00 start hold entry
	11:00 hold ask timer
	11:00 ask send event
	11:00 send done step');
SELECT e.props, e.at FROM journey.transition t JOIN journey.event e ON e.id = t.event_id WHERE t.from_tile = 'ask';
ROLLBACK TO drawn;

-- Earliest by its own time, however late it came.
CALL emit('10:00', 'ann', 'go');
CALL emit('10:30', 'ann', 'said', '{"n": 3}');
CALL at('10:40');
SELECT journey_emit('ann', 'said', '{"n": 2}', at => moment('10:20')) > 0 AS late;
CALL advance('11:00');
SELECT payload->'n' AS n FROM journey.action;
ROLLBACK TO drawn;

-- At the moment of the entry counts, before it does not; another customer's neither.
CALL emit('09:59:59', 'ann', 'said', '{"n": 2}');
CALL emit('10:00', 'ann', 'go');
CALL emit('10:00', 'bob', 'said', '{"n": 2}');
CALL emit('10:00', 'bob', 'go');
CALL advance('12:00');
SELECT stands('ann', 'silent exited silent'), stands('bob', 'done exited done');
ROLLBACK TO drawn;

-- While it listens, an event that comes moves as any other.
CALL emit('10:00', 'ann', 'go');
CALL advance('11:10');
CALL emit('11:10', 'ann', 'said', '{"n": 1}');
CALL emit('11:20', 'ann', 'said', '{"n": 5}');
SELECT sent('ann', '11:20 send');
ROLLBACK TO drawn;
-- one that came in time, but is told of late, came before the arrival: it does not
-- jump the tile, and the tile does not ask again
CALL emit('10:00', 'bob', 'go');
CALL advance('11:10');
CALL at('11:10');
SELECT journey_emit('bob', 'said', '{"n": 7}', at => moment('10:30')) > 0 AS late;
SELECT customer, tile, state FROM journey.member;
ROLLBACK TO drawn;

-- What arrives by an event looks back too; two members, each for itself.
CALL emit('10:00', 'ann', 'go', '{"id": 1}');
CALL emit('10:15', 'ann', 'said', '{"n": 2}');
CALL emit('10:20', 'ann', 'go', '{"id": 2}');
CALL emit('10:30', 'ann', 'hurry');
SELECT stands('ann', '1 done exited done
	2 ask active');
SELECT sent('ann', '10:30 send');
ROLLBACK TO drawn;

-- Not the event that entered the member, nor one that moved it already.
CALL draw('same', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "said"}]},
    "first": {"type": "wait", "for": "1 hour"},
    "second": {"type": "wait", "for": "1 hour"},
    "third": {"type": "wait", "for": "1 hour"},
    "one": {"type": "exit"}, "two": {"type": "exit"}, "three": {"type": "exit"}, "silent": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "first"},
    {"from": "first", "to": "second", "event": "said", "since": "entry"},
    {"from": "first", "to": "silent"},
    {"from": "second", "to": "third", "event": "said", "since": "entry"},
    {"from": "second", "to": "two"},
    {"from": "third", "to": "three", "event": "said", "since": "entry"},
    {"from": "third", "to": "one"}
  ]
}$$);
CALL emit('10:00', 'ann', 'said', '{"n": 1}');
SELECT stands('ann', 'first active', 'same');
CALL emit('10:10', 'ann', 'said', '{"n": 2}');
SELECT stands('ann', 'second active', 'same');
CALL emit('10:20', 'ann', 'said', '{"n": 3}');
SELECT stands('ann', 'third active', 'same');
CALL advance('13:00');
SELECT stands('ann', 'one exited one', 'same');
ROLLBACK TO drawn;

-- Two that waited take two edges, one after the other, in their order.
CALL draw('both', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go"}]},
    "hold": {"type": "wait", "for": "1 hour"},
    "first": {"type": "wait", "for": "1 hour"},
    "second": {"type": "wait", "for": "1 hour"},
    "all": {"type": "exit"}, "silent": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "first"},
    {"from": "first", "to": "second", "event": "said", "since": "entry"},
    {"from": "first", "to": "silent"},
    {"from": "second", "to": "all", "event": "said", "since": "entry"},
    {"from": "second", "to": "silent"}
  ]
}$$);
CALL emit('10:00', 'ann', 'go');
CALL emit('10:10', 'ann', 'said', '{"n": 1}');
CALL emit('10:00', 'bob', 'go');
CALL emit('10:10', 'bob', 'said', '{"n": 1}');
CALL emit('10:20', 'bob', 'said', '{"n": 1}');
CALL advance('11:00');
SELECT stands('ann', 'second active', 'both'), stands('bob', 'all exited all', 'both');
SELECT t.customer, t.from_tile, e.at FROM journey.transition t JOIN journey.event e ON e.id = t.event_id
 WHERE t.journey = 'both' AND t.reason = 'event' ORDER BY 1, t.seq;
CALL advance('12:00');
SELECT stands('ann', 'silent exited silent', 'both');
ROLLBACK TO drawn;

-- The edge's condition errs of one event: recorded, and the next is asked.
CALL emit('10:00', 'ann', 'go');
CALL emit('10:10', 'ann', 'said', '{"n": "x"}');
CALL emit('10:20', 'ann', 'said', '{"n": 4}');
CALL advance('11:00');
SELECT sent('ann', '11:00 send'), failed('since ask 3 22P02 1');
SELECT payload->'n' AS n FROM journey.action;
-- with a delay on the way: from the arrival on
ROLLBACK TO drawn;
CALL draw('late', jsonb_set(:'journey', '{edges,3,wait}', '"30 minutes"'));
CALL emit('10:00', 'ann', 'go');
CALL emit('10:20', 'ann', 'said', '{"n": 4}');
CALL advance('11:00');
SELECT stands('ann', 'send in_transit', 'late');
SELECT due_at FROM journey.member WHERE journey = 'late';
CALL advance('11:30');
SELECT stands('ann', 'done exited done', 'late');
-- "since": "tile" is the default
ROLLBACK TO drawn;
CALL draw('tile', jsonb_set(:'journey', '{edges,3,since}', '"tile"'));
CALL emit('10:00', 'ann', 'go');
CALL emit('10:20', 'ann', 'said', '{"n": 4}');
CALL advance('12:00');
SELECT stands('ann', 'silent exited silent', 'tile'), stands('ann', 'done exited done', 'since');
ROLLBACK TO drawn;

-- What was the member's goal, and moved nobody, counts.
CALL draw('goal', :'journey'::jsonb || '{"goal": {"event": "said"}}');
CALL emit('10:00', 'ann', 'go');
CALL emit('10:20', 'ann', 'said', '{"n": 4}');
SELECT tile, goal FROM members WHERE journey = 'goal';
CALL advance('11:00');
SELECT stands('ann', 'done exited done', 'goal'), sent('ann', '11:00 send', 'goal');
SELECT payload FROM journey.action WHERE journey = 'goal';
ROLLBACK;
