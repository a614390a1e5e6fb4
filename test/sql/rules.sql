-- What one event does, in which order, and to whom: rule 1 of DESIGN 4.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
SAVEPOINT clean;

-- Everything that can listen listens to X; its props say what shall.
CALL draw('order', $${
  "goal": {"event": "X", "condition": "props ? 'goal'"},
  "exit": [
    {"event": "X", "condition": "props ? 'exit'", "outcome": "first"},
    {"event": "X", "condition": "props ? 'exit'", "outcome": "second"}
  ],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go"}, {"event": "X"}]},
    "hold": {"type": "wait", "for": "1 hour", "reset": [{"event": "X", "condition": "props ? 'reset'"}]},
    "a": {"type": "wait", "for": "1 hour"},
    "b": {"type": "exit"},
    "c": {"type": "exit"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "c", "event": "X", "condition": "context ? 'mark'"},
    {"from": "hold", "to": "a", "event": "X", "condition": "props ? 'edge'"},
    {"from": "hold", "to": "b", "event": "X", "condition": "props ? 'edge'"},
    {"from": "hold", "to": "done"},
    {"from": "a", "to": "b", "event": "X"},
    {"from": "a", "to": "done"}
  ]
}$$);
CALL emit('10:00', 'ann', 'go');
SAVEPOINT inside;

-- Goals, then the first exit rule that holds; nothing after that, and for the
-- trigger the member is still inside.
CALL emit('10:10', 'ann', 'X', '{"goal": 1, "exit": 1, "reset": 1, "edge": 1}');
TABLE members;
SELECT context FROM journey.member;
TABLE moves;
-- the next such event enters
CALL emit('10:20', 'ann', 'X', '{"edge": 1}');
TABLE members;
ROLLBACK TO inside;

-- A reset, then the first edge that holds, and no further one.
CALL emit('10:10', 'ann', 'X', '{"reset": 1, "edge": 1}');
TABLE members;
SELECT context FROM journey.member;
TABLE moves;
-- the next X takes the next edge
CALL emit('10:20', 'ann', 'X');
TABLE members;
ROLLBACK TO inside;

-- A reset alone: not a move, not a visit.
CALL emit('10:10', 'ann', 'X', '{"reset": 1}');
TABLE members;
SELECT context FROM journey.member;
TABLE moves;
SELECT tile, entered, inside FROM journey.tile_stats WHERE journey = 'order' AND entered > 0 ORDER BY tile;
ROLLBACK TO inside;

-- The edge is asked of the member as it was before the event's own reset.
CALL emit('10:10', 'ann', 'X', '{"reset": 1, "mark": 1}');
TABLE members;
CALL emit('10:20', 'ann', 'X');
TABLE members;
ROLLBACK TO inside;

-- An event edge that leads to an exit: the same event does not come back in.
CALL emit('10:10', 'ann', 'X', '{"edge": 1}');
CALL emit('10:20', 'ann', 'X');
TABLE members;

-- The event that enters moves no further, the next one does.
ROLLBACK TO clean;
CALL draw('enters', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "a": {"type": "wait"},
    "b": {"type": "wait"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "a"},
    {"from": "a", "to": "b", "event": "X"},
    {"from": "b", "to": "done", "event": "X"}
  ]
}$$);
CALL emit('10:00', 'ann', 'X');
TABLE members;
CALL emit('10:01', 'ann', 'X');
TABLE members;
-- as the member leaves for good, it still is inside for the trigger
CALL emit('10:02', 'ann', 'X');
TABLE members;
CALL emit('10:03', 'ann', 'X');
TABLE members;
TABLE moves;

-- Restart: out with the old member, in with a new one; one exited by the same
-- event, or moved by it, is replaced all the same.
ROLLBACK TO clean;
CALL draw('again', $${
  "key": "props->>'id'",
  "entry_rules": {"on_active": "restart"},
  "exit": [{"event": "X", "condition": "props ? 'exit'", "outcome": "ruled"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "hold": {"type": "wait", "for": "1 hour"},
    "sent": {"type": "action", "destination": "mail"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "sent", "event": "X", "condition": "props ? 'edge' AND props->>'id' = key"},
    {"from": "hold", "to": "done"},
    {"from": "sent", "to": "done", "wait": "1 day"}
  ]
}$$);
CALL emit('10:00', 'ann', 'X', '{"id": 1}');
CALL emit('10:10', 'ann', 'X', '{"id": 2}');
CALL emit('10:20', 'ann', 'X', '{"id": 1, "n": 2}');
TABLE members;
CALL emit('10:30', 'ann', 'X', '{"id": 1, "exit": 1}');
TABLE members;
CALL emit('10:40', 'ann', 'X', '{"id": 1, "edge": 1}');
TABLE members;
TABLE acts;
TABLE moves;

-- Goals: the first hit counts, within its time from the entry, whatever has become
-- of the member; each run for itself.
ROLLBACK TO clean;
CALL draw('goals', $${
  "key": "coalesce(props->>'id', '')",
  "entry_rules": {"on_active": "restart"},
  "goal": {"event": "buy", "condition": "(props->>'total')::int >= (context->>'least')::int", "within": "1 hour"},
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go"}]},
    "hold": {"type": "wait", "for": "(context->>'for')::interval"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done"}]
}$$);
CALL emit('10:00', 'ann', 'go', '{"id": "old", "least": 1, "for": "10 hours"}');
CALL emit('10:10', 'ann', 'go', '{"id": "a", "least": 1, "for": "0"}');
CALL emit('10:10', 'ann', 'go', '{"id": "b", "least": 100, "for": "1 day"}');
CALL emit('10:10', 'ann', 'go', '{"id": "c", "least": 1, "for": "soon"}');
CALL emit('10:10', 'ann', 'go', '{"id": "d", "least": 1, "for": "1 day"}');
CALL emit('10:20', 'ann', 'go', '{"id": "d", "least": 1, "for": "1 day"}');
CALL emit('11:00:01', 'ann', 'buy', '{"total": 10}');
CALL emit('11:05', 'ann', 'buy', '{"total": 1000}');
CALL emit('11:15', 'ann', 'buy', '{"total": 1000}');
SELECT key, state, outcome, entered_at, converted_at FROM journey.member ORDER BY key, entered_at;
SELECT customer, seq, from_tile, to_tile, reason, at FROM moves WHERE reason = 'goal';
SELECT entered, converted FROM journey.status;
SELECT tile, round(conversion_rate, 2) AS rate FROM journey.tile_stats ORDER BY tile;

-- Late events: those before the arrival take no edge, those before the entry
-- do nothing at all.
ROLLBACK TO clean;
CALL draw('late', $${
  "goal": {"event": "goal"},
  "exit": [{"event": "exit"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go"}]},
    "a": {"type": "wait", "for": "1 hour"},
    "b": {"type": "wait", "for": "1 hour", "reset": [{"event": "reset"}]},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "a"},
    {"from": "a", "to": "b"},
    {"from": "b", "to": "done", "event": "edge"},
    {"from": "b", "to": "done"}
  ]
}$$);
CALL emit('10:00', 'ann', 'go');
CALL advance('11:30');
TABLE members;
SAVEPOINT arrived;
SELECT count(journey_emit('ann', event, '{"late": 1}', at => moment('09:59:59')))
  FROM unnest('{goal, exit, reset, edge}'::text[]) AS event;
TABLE members;
SELECT count(journey_emit('ann', 'edge', at => moment('10:59:59')));
TABLE members;
-- at the very moment of the arrival
SELECT count(journey_emit('ann', 'edge', at => moment('11:00')));
TABLE members;
SELECT event, at FROM journey.event ORDER BY at, id;
ROLLBACK TO arrived;
-- between entry and arrival: a reset counts from the event's time
SELECT count(journey_emit('ann', 'reset', '{"late": 1}', at => moment('10:45')));
TABLE members;
SELECT context FROM journey.member;
ROLLBACK TO arrived;
SELECT count(journey_emit('ann', 'goal', at => moment('10:00')));
TABLE members;
SELECT count(journey_emit('ann', 'exit', at => moment('10:30')));
TABLE members;
SELECT converted_at, exited_at FROM journey.member;
ROLLBACK TO arrived;
-- a late event enters as of its time
SELECT count(journey_emit('bob', 'go', at => moment('09:00')));
SELECT customer, entered_at, arrived_at, due_at FROM journey.member ORDER BY 1;

-- Only the first trigger that matches counts, "on" before edges; a key that it
-- does not give is not asked of the next one.
ROLLBACK TO clean;
CALL draw('triggers', $${
  "key": "props->>'id'",
  "tiles": {
    "start": {"type": "entry", "on": [
      {"event": "X", "condition": "props->>'to' = 'on'"},
      {"event": "X", "condition": "props->>'to' = 'on'"}]},
    "on": {"type": "wait"},
    "a": {"type": "wait"},
    "b": {"type": "wait"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "a", "event": "X", "condition": "props->>'to' IN ('on', 'a')"},
    {"from": "start", "to": "b", "event": "X", "condition": "props->>'to' <> 'none'"},
    {"from": "start", "to": "on"},
    {"from": "on", "to": "done", "event": "end"},
    {"from": "a", "to": "done", "event": "end"},
    {"from": "b", "to": "done", "event": "end"}
  ]
}$$);
CALL at('10:00');
SELECT count(journey_emit('ann', 'X', props)) FROM (VALUES
	('{"id": 1, "to": "on"}'::jsonb), ('{"id": 2, "to": "a"}'), ('{"id": 3, "to": "b"}'),
	('{"id": 4, "to": "none"}'), ('{"id": 5}'), ('{"to": "on"}')) AS v (props);
TABLE members;
TABLE moves;
TABLE failures;

-- What a trigger's condition, the key and the first edge can name.
ROLLBACK TO clean;
CALL draw('names', $${
  "key": "'k' || (key IS NULL AND entered_at IS NULL AND arrived_at IS NULL AND visits = 0 AND context = '{}')::text",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X", "condition":
      "customer = 'ann' AND event = 'X' AND props = '{\"n\": 1}' AND context = '{}' AND traits = '{\"t\": 2}' AND now = '2025-03-04 10:00+00' AND local_now = '2025-03-04 10:00' AND key IS NULL AND entered_at IS NULL AND arrived_at IS NULL AND visits = 0 AND outcome IS NULL AND response IS NULL"}]},
    "hold": {"type": "wait", "for": "1 hour"},
    "tell": {"type": "action", "destination": "mail", "payload": {
      "customer": "{{ customer }}", "key": "{{ key }}", "event": "{{ event }}", "props": "{{ props }}",
      "context": "{{ context }}", "traits": "{{ traits }}", "now": "{{ now = '2025-03-04 11:00+00' }}",
      "entered": "{{ entered_at = '2025-03-04 10:00+00' }}", "arrived": "{{ arrived_at = now }}",
      "visits": "{{ visits }}", "outcome": "{{ outcome }}", "response": "{{ response }}",
      "member": "{{ member.customer || member.key || member.visits }}"}},
    "done": {"type": "exit"},
    "wrong": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "wrong", "condition": "NOT (customer = 'ann' AND event = 'X' AND props = '{\"n\": 1}' AND context = props AND key = 'ktrue' AND entered_at = now AND arrived_at = now AND visits = 1)"},
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "tell"},
    {"from": "tell", "to": "done"}
  ]
}$$);
SELECT journey_identify('ann', '{"t": 2}');
CALL emit('10:00', 'ann', 'X', '{"n": 1}');
TABLE members;
CALL advance('11:00');
SELECT tile, jsonb_pretty(payload) FROM journey.action;

-- A subquery's own column wins over a name of ours; member.x is always ours.
ROLLBACK TO clean;
CREATE TABLE orders (customer text, key int);
INSERT INTO orders VALUES ('ann', 1), ('bob', 2), ('bob', 3);
CALL draw('subquery', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "tell": {"type": "action", "destination": "mail", "payload": {
      "mine": "{{ (SELECT count(*) FROM public.orders o WHERE o.customer = member.customer) }}",
      "all": "{{ (SELECT count(*) FROM public.orders WHERE customer = customer) }}"}},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "tell"}, {"from": "tell", "to": "done"}]
}$$);
CALL emit('10:00', 'ann', 'X');
CALL emit('10:00', 'bob', 'X');
TABLE acts;

-- Conditions see the event itself in the log.
ROLLBACK TO clean;
CALL draw('seen', $${
  "exit": [{"event": "X", "condition": "journey_count(customer, 'X') = 3", "outcome": "third"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X", "condition": "journey_did(customer, 'X', now, props)"}]},
    "hold": {"type": "wait"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "done", "event": "X", "condition": "journey_last_props(customer, 'X')->>'n' = '2'"}
  ]
}$$);
CALL emit('10:00', 'ann', 'X', '{"n": 1}');
TABLE members;
SAVEPOINT one;
CALL emit('10:00', 'ann', 'X', '{"n": 2}');
TABLE members;
ROLLBACK TO one;
CALL emit('10:00', 'ann', 'X', '{"n": 0}');
TABLE members;
CALL emit('10:00', 'ann', 'X', '{"n": 0}');
TABLE members;

-- One event reaches all members of its customer, in all journeys, and nobody
-- else's.
ROLLBACK TO clean;
SELECT $${
  "key": "props->>'id'",
  "exit": [{"event": "X", "outcome": "out"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go"}]},
    "hold": {"type": "wait"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done", "event": "end"}]
}$$::jsonb AS journey \gset
CALL draw('one', :'journey');
CALL draw('two', :'journey');
CALL draw('three', jsonb_set(:'journey', '{tiles,start,on,0,event}', '"X"'));
CALL emit('10:00', 'ann', 'go', '{"id": 1}');
CALL emit('10:00', 'ann', 'go', '{"id": 2}');
CALL emit('10:00', 'bob', 'go', '{"id": 1}');
CALL emit('10:10', 'ann', 'X', '{"id": 1}');
TABLE members;
ROLLBACK;
