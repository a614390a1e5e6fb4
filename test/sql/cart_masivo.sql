-- Cart abandonment as Masivo draws it, with waits on edges: S1m of the scenarios.
-- Twice, and each letter must come out the same: "hold" is a branch in one and a
-- wait without keys in the other.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
SELECT $${
  "key": "props->>'cart_id'",
  "goal": {"event": "PURCHASE", "condition": "props->>'cart_id' = key", "within": "3 days"},
  "exit": [{"event": "PURCHASE", "condition": "props->>'cart_id' = key", "outcome": "converted"}],
  "tiles": {
    "root": {"type": "entry"},
    "hold": {"type": "branch"},
    "email": {"type": "action", "destination": "mail", "payload": {"cart": "{{ key }}", "total": "{{ context->'total' }}"}},
    "done": {"type": "exit", "outcome": "reminded"}
  },
  "edges": [
    {"from": "root", "to": "hold", "event": "ADD_TO_CART", "wait": "30 minutes"},
    {"from": "hold", "to": "email", "condition": "NOT journey_did(customer, 'PURCHASE', entered_at, jsonb_build_object('cart_id', key))"},
    {"from": "email", "to": "done"}
  ]
}$$::jsonb AS cart \gset
CALL draw('with-branch', :'cart');
CALL draw('with-wait', jsonb_set(:'cart', '{tiles,hold}', '{"type": "wait"}'));
SAVEPOINT drawn;

-- The mail goes at 10:30, and the member exits with it.
CALL emit('10:00', 'ann', 'ADD_TO_CART', '{"cart_id": "A", "total": 80}');
TABLE members;
SELECT journey_advance_to('2025-03-06 00:00');
TABLE acts;
TABLE members;
TABLE moves;
SELECT journey, tile, entered, inside, departed, errors, round(conversion_rate, 1) AS rate
  FROM journey.tile_stats WHERE journey LIKE 'with-%' ORDER BY journey, tile;
-- the goal still counts after the exit, within three days of the entry
CALL emit('2025-03-07 10:00', 'ann', 'PURCHASE', '{"cart_id": "A"}');
SELECT journey, goal, state, outcome FROM members;
ROLLBACK TO drawn;

-- A second ADD_TO_CART before changes nothing.
CALL emit('10:00', 'ann', 'ADD_TO_CART', '{"cart_id": "A", "total": 80}');
CALL emit('10:20', 'ann', 'ADD_TO_CART', '{"cart_id": "A", "total": 120}');
TABLE members;
SELECT journey_advance_to('2025-03-06 00:00');
TABLE acts;
ROLLBACK TO drawn;

-- b) a purchase a second before
CALL emit('10:00', 'ann', 'ADD_TO_CART', '{"cart_id": "A", "total": 80}');
CALL emit('10:29:59', 'ann', 'PURCHASE', '{"cart_id": "A"}');
SELECT journey_advance_to('2025-03-06 00:00');
TABLE acts;
TABLE members;
TABLE moves;
SELECT * FROM journey.status WHERE journey LIKE 'with-%' ORDER BY journey;
ROLLBACK TO drawn;

-- c) two carts
CALL emit('10:00', 'ann', 'ADD_TO_CART', '{"cart_id": "A", "total": 80}');
CALL emit('10:10', 'ann', 'ADD_TO_CART', '{"cart_id": "B", "total": 20}');
CALL emit('10:15', 'ann', 'PURCHASE', '{"cart_id": "B"}');
SELECT journey_advance_to('2025-03-04 11:00');
TABLE acts;
TABLE members;
ROLLBACK TO drawn;

-- d) at exactly the due time, the timer not yet worked off
CALL emit('10:00', 'ann', 'ADD_TO_CART', '{"cart_id": "A", "total": 80}');
CALL emit('10:30', 'ann', 'PURCHASE', '{"cart_id": "A"}');
SELECT journey_advance_to('2025-03-06 00:00');
TABLE acts;
TABLE members;
ROLLBACK TO drawn;

-- e) a purchase without a cart
CALL emit('10:00', 'ann', 'ADD_TO_CART', '{"cart_id": "A", "total": 80}');
CALL emit('10:05', 'ann', 'PURCHASE');
TABLE members;
ROLLBACK TO drawn;

-- f) the same emit twice
CALL at('10:00');
SELECT journey_emit('ann', 'ADD_TO_CART', '{"cart_id": "A", "total": 80}', dedupe_key => 'k') =
       journey_emit('ann', 'ADD_TO_CART', '{"cart_id": "A", "total": 80}', dedupe_key => 'k') AS same;
TABLE members;
SELECT count(*) FROM journey.event;
ROLLBACK TO drawn;

-- g) an event that nobody asked for
CALL emit('10:00', 'ann', 'ADD_TO_CART', '{"cart_id": "A", "total": 80}');
CALL emit('10:29', 'ann', 'page_view', '{"cart_id": "A"}');
TABLE members;
ROLLBACK TO drawn;

-- h) a savepoint
SAVEPOINT emitted;
CALL emit('10:00', 'ann', 'ADD_TO_CART', '{"cart_id": "A", "total": 80}');
ROLLBACK TO emitted;
TABLE members;
SELECT count(*) FROM journey.event;
SELECT journey_advance_to('2025-03-06 00:00');
TABLE acts;
ROLLBACK;
