-- Templates, traits, and who sees them.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
SAVEPOINT clean;

-- A template's JSON type is its expression's; within a text all is text.
CALL draw('types', $${
  "key": "'k'",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "send": {"type": "action", "destination": "mail", "tags": ["promo", "cart"], "payload": {
      "text": "{{ 'a' || customer }}", "int": "{{ 1 + 1 }}", "bigint": "{{ 5000000000 }}",
      "numeric": "{{ 12.50 }}", "float": "{{ 0.5::float8 }}", "true": "{{ true }}", "null": "{{ NULL::text }}",
      "missing": "{{ context->>'missing' }}", "nan": "{{ 'NaN'::numeric }}",
      "date": "{{ date '2025-03-04' }}", "time": "{{ timestamptz '2025-03-04 10:00+01' }}",
      "interval": "{{ interval '90 minutes' }}", "array": "{{ ARRAY[1, 2] }}",
      "object": "{{ jsonb_build_object('a', ARRAY['x', NULL]) }}", "element": "{{ context->'list'->0 }}",
      "number": "{{ context->'n' }}", "string": "{{ context->'s' }}", "jsonnull": "{{ 'null'::jsonb }}",
      "joined": "Hi {{ customer }}, {{ 1 + 1 }} at {{ 12.50 }}: {{ true }}{{ NULL::text }}, {{ context->'s' }} {{ context->'list' }}!",
      "quotes": "{{ 'a }} b' || '\"' }}", "braces": "{ {{ '{' }} }", "plain": "no {expression}", "empty": "",
      "nested": [1, null, true, "{{ customer }}", {"deep": ["{{ key }}"]}, [], {}]}},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "send"}, {"from": "send", "to": "done"}]
}$$);
CALL emit('10:00', 'ann', 'X', '{"n": 1.5, "s": "it''s", "list": [{"a": 1}, "b"]}');
SELECT jsonb_pretty(payload) FROM journey.action;
SELECT tags, destination, state, attempts, created_at, next_attempt_at FROM journey.action;
-- no payload, no tags
ROLLBACK TO clean;
CALL draw('bare', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "send": {"type": "action", "destination": "mail"},
    "array": {"type": "action", "destination": "mail", "payload": ["{{ customer }}"]},
    "scalar": {"type": "action", "destination": "mail", "payload": "{{ customer }}"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "send"}, {"from": "send", "to": "array"}, {"from": "array", "to": "scalar"},
    {"from": "scalar", "to": "done"}
  ]
}$$);
CALL emit('10:00', 'ann', 'X');
SELECT tile, payload, tags FROM journey.action ORDER BY tile;

-- A visit sends once, the next visit sends anew.
SELECT count(*), count(DISTINCT id), count(DISTINCT member) FROM journey.action;
CALL emit('11:00', 'ann', 'X');
SELECT count(*), count(DISTINCT id), count(DISTINCT member) FROM journey.action;

-- Traits: merged, null removes, nested values are replaced.
ROLLBACK TO clean;
CALL at('10:00');
SELECT journey_identify('ann', '{"a": 1, "b": {"x": 1}, "c": null}');
TABLE journey.customer;
CALL at('10:05');
SELECT journey_identify('ann', '{"a": null, "b": {"y": 2}, "d": [null]}');
TABLE journey.customer;
SELECT journey_identify('ann', '{}');
TABLE journey.customer;
SELECT error_of($$SELECT journey_identify(NULL, '{}')$$);
SELECT error_of($$SELECT journey_identify('', '{}')$$);
SELECT error_of($$SELECT journey_identify(repeat('x', 257), '{}')$$);
SELECT error_of($$SELECT journey_identify('ann', NULL)$$);
SELECT error_of($$SELECT journey_identify('ann', '[1]')$$);
SET LOCAL journey.max_props = 64;
SELECT error_of($$SELECT journey_identify('ann', jsonb_build_object('a', repeat('x', 100)))$$);

-- update_profile: what it sets, the rest of the step sees, and so does every
-- journey after it; null removes.
ROLLBACK TO clean;
CALL draw('profile', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "set": {"type": "update_profile", "set": {
      "stage": "activated", "count": "{{ coalesce((traits->>'count')::int, 0) + 1 }}", "old": null,
      "maybe": "{{ context->>'maybe' }}"}},
    "twice": {"type": "update_profile", "set": {"count": "{{ (traits->>'count')::int * 10 }}"}},
    "fork": {"type": "branch"},
    "send": {"type": "action", "destination": "mail", "payload": "{{ traits }}"},
    "wrong": {"type": "exit"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "set"}, {"from": "set", "to": "twice"}, {"from": "twice", "to": "fork"},
    {"from": "fork", "to": "send", "condition": "traits->>'stage' = 'activated' AND NOT traits ? 'old'"},
    {"from": "fork", "to": "wrong"},
    {"from": "send", "to": "done"}
  ]
}$$);
CALL draw('zafter', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X", "condition": "traits->>'stage' IS NULL"}]},
    "send": {"type": "action", "destination": "mail", "payload": "{{ traits }}"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "send"}, {"from": "send", "to": "done"}]
}$$);
SELECT journey_identify('ann', '{"old": 1, "kept": 2, "maybe": 3}');
CALL emit('10:00', 'ann', 'X');
TABLE acts;
TABLE journey.customer;
CALL emit('10:00', 'bob', 'X', '{"maybe": "yes"}');
SELECT * FROM acts WHERE customer = 'bob';
SELECT * FROM journey.customer WHERE customer = 'bob';
-- the second time the stage is known before
CALL emit('10:05', 'bob', 'X', '{"maybe": "yes"}');
SELECT * FROM acts WHERE customer = 'bob';
SELECT journey, tile, outcome FROM members;
ROLLBACK;
