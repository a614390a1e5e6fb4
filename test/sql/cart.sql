-- Cart abandonment drawn with tiles: S1 of the scenarios, every letter.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
CALL draw('cart', $${
  "key": "props->>'cart_id'",
  "entry_rules": {"on_active": "ignore"},
  "goal": {"event": "order_placed", "condition": "props->>'cart_id' = key", "within": "3 days"},
  "exit": [{"event": "order_placed", "condition": "props->>'cart_id' = key", "outcome": "converted"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "product_added"}, {"event": "cart_modified"}]},
    "W": {"type": "wait", "for": "30 minutes", "reset": [{"event": "cart_modified", "condition": "props->>'cart_id' = key"}]},
    "B": {"type": "branch"},
    "M1": {"type": "action", "destination": "mail", "payload": {"cart": "{{ key }}", "total": "{{ (context->>'total')::numeric }}"}},
    "M2": {"type": "action", "destination": "mail", "payload": {"text": "Your cart {{ key }} waits."}},
    "D": {"type": "wait", "for": "24 hours"},
    "M3": {"type": "action", "destination": "mail"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "W"},
    {"from": "W", "to": "B"},
    {"from": "B", "to": "M1", "condition": "(context->>'total')::numeric >= 50"},
    {"from": "B", "to": "M2"},
    {"from": "M1", "to": "D"},
    {"from": "M2", "to": "D"},
    {"from": "D", "to": "M3"},
    {"from": "M3", "to": "done"}
  ]
}$$);
SAVEPOINT drawn;

-- a) a second cart event moves the due time and the total
CALL emit('10:00', 'ann', 'product_added', '{"cart_id": "A", "total": 80}');
CALL emit('10:20', 'ann', 'cart_modified', '{"cart_id": "A", "total": 120}');
TABLE members;
SELECT journey_advance_to('2025-03-06 00:00');
TABLE acts;
TABLE members;
TABLE moves;
SELECT tile, type, entered, inside, departed, errors, round(conversion_rate, 1) AS rate
  FROM journey.tile_stats WHERE journey = 'cart' ORDER BY tile;
-- the goal still counts after the exit, within three days of the entry
CALL emit('2025-03-07 10:00', 'ann', 'order_placed', '{"cart_id": "A"}');
SELECT goal, state, outcome FROM members;
SELECT * FROM journey.status WHERE journey = 'cart';
ROLLBACK TO drawn;

-- b) an order a second before
CALL emit('10:00', 'ann', 'product_added', '{"cart_id": "A", "total": 80}');
CALL emit('10:29:59', 'ann', 'order_placed', '{"cart_id": "A"}');
SELECT journey_advance_to('2025-03-06 00:00');
TABLE acts;
TABLE members;
TABLE moves;
SELECT * FROM journey.status WHERE journey = 'cart';
SELECT tile, entered, inside, departed, round(conversion_rate, 1) AS rate
  FROM journey.tile_stats WHERE journey = 'cart' AND entered > 0 ORDER BY tile;
ROLLBACK TO drawn;

-- c) two carts
CALL emit('10:00', 'ann', 'product_added', '{"cart_id": "A", "total": 20}');
CALL emit('10:10', 'ann', 'product_added', '{"cart_id": "B", "total": 20}');
CALL emit('10:15', 'ann', 'order_placed', '{"cart_id": "B"}');
SELECT journey_advance_to('2025-03-04 11:00');
TABLE acts;
TABLE members;
ROLLBACK TO drawn;

-- d) at exactly the due time, the timer not yet worked off
CALL emit('10:00', 'ann', 'product_added', '{"cart_id": "A", "total": 80}');
CALL emit('10:30', 'ann', 'order_placed', '{"cart_id": "A"}');
SELECT journey_advance_to('2025-03-06 00:00');
TABLE acts;
TABLE members;
ROLLBACK TO drawn;

-- e) an order without a cart
CALL emit('10:00', 'ann', 'product_added', '{"cart_id": "A", "total": 80}');
CALL emit('10:05', 'ann', 'order_placed');
TABLE members;
ROLLBACK TO drawn;

-- f) the same emit twice
CALL at('10:00');
SELECT journey_emit('ann', 'product_added', '{"cart_id": "A", "total": 80}', dedupe_key => 'k') =
       journey_emit('ann', 'product_added', '{"cart_id": "A", "total": 80}', dedupe_key => 'k') AS same;
TABLE members;
SELECT count(*) FROM journey.event;
ROLLBACK TO drawn;

-- g) an event that nobody asked for
CALL emit('10:00', 'ann', 'product_added', '{"cart_id": "A", "total": 80}');
CALL emit('10:29', 'ann', 'page_view', '{"cart_id": "A"}');
TABLE members;
ROLLBACK TO drawn;

-- h) a savepoint
SAVEPOINT emitted;
CALL emit('10:00', 'ann', 'product_added', '{"cart_id": "A", "total": 80}');
ROLLBACK TO emitted;
TABLE members;
SELECT count(*) FROM journey.event;
SELECT journey_advance_to('2025-03-06 00:00');
TABLE acts;
ROLLBACK;
