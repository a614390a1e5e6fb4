-- Cart abandonment drawn with tiles: S1 of the scenarios, every letter.
\set VERBOSITY terse
SET timezone = 'UTC';
SELECT journey_destination_create('mail', 'pull');
SELECT journey_create('cart', $${
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
SELECT journey_activate('cart');

CREATE FUNCTION at(text) RETURNS void LANGUAGE sql AS
$$ SELECT set_config('journey.now', '2025-03-04 ' || $1 || '+00', true) $$;
CREATE VIEW acts AS
SELECT customer, tile, created_at, payload FROM journey.action ORDER BY created_at, tile;
CREATE VIEW members AS
SELECT customer, key, tile, state, outcome, due_at, converted_at IS NOT NULL AS goal
  FROM journey.member ORDER BY customer, key, entered_at;
CREATE VIEW moves AS
SELECT customer, seq, from_tile, to_tile, edge, reason, event_id IS NOT NULL AS by_event, due_at, at
  FROM journey.transition ORDER BY customer, member, seq;

-- a) a second cart event moves the due time and the total
BEGIN;
SELECT at('10:00');
SELECT journey_emit('ann', 'product_added', '{"cart_id": "A", "total": 80}') > 0 AS id;
SELECT at('10:20');
SELECT journey_emit('ann', 'cart_modified', '{"cart_id": "A", "total": 120}') > 0 AS id;
SELECT * FROM members;
SELECT journey_advance_to('2025-03-06 00:00+00');
SELECT * FROM acts;
SELECT * FROM members;
SELECT * FROM moves;
SELECT tile, type, entered, inside, departed, errors, conversion_rate FROM journey.tile_stats WHERE journey = 'cart' ORDER BY tile;
ROLLBACK;

-- b) an order a second before
BEGIN;
SELECT at('10:00');
SELECT journey_emit('ann', 'product_added', '{"cart_id": "A", "total": 80}') > 0 AS id;
SELECT at('10:29:59');
SELECT journey_emit('ann', 'order_placed', '{"cart_id": "A"}') > 0 AS id;
SELECT journey_advance_to('2025-03-06 00:00+00');
SELECT * FROM acts;
SELECT * FROM members;
SELECT * FROM moves;
SELECT * FROM journey.status WHERE journey = 'cart';
ROLLBACK;

-- c) two carts
BEGIN;
SELECT at('10:00');
SELECT journey_emit('ann', 'product_added', '{"cart_id": "A", "total": 20}') > 0 AS id;
SELECT at('10:10');
SELECT journey_emit('ann', 'product_added', '{"cart_id": "B", "total": 20}') > 0 AS id;
SELECT at('10:15');
SELECT journey_emit('ann', 'order_placed', '{"cart_id": "B"}') > 0 AS id;
SELECT journey_advance_to('2025-03-04 11:00+00');
SELECT * FROM acts;
SELECT * FROM members;
ROLLBACK;

-- d) at exactly the due time, the timer not yet worked off
BEGIN;
SELECT at('10:00');
SELECT journey_emit('ann', 'product_added', '{"cart_id": "A", "total": 80}') > 0 AS id;
SELECT at('10:30:00');
SELECT journey_emit('ann', 'order_placed', '{"cart_id": "A"}') > 0 AS id;
SELECT journey_advance_to('2025-03-06 00:00+00');
SELECT * FROM acts;
SELECT * FROM members;
ROLLBACK;

-- e) an order without a cart
BEGIN;
SELECT at('10:00');
SELECT journey_emit('ann', 'product_added', '{"cart_id": "A", "total": 80}') > 0 AS id;
SELECT journey_emit('ann', 'order_placed') > 0 AS id;
SELECT * FROM members;
ROLLBACK;

-- f) the same emit twice
BEGIN;
SELECT at('10:00');
SELECT journey_emit('ann', 'product_added', '{"cart_id": "A", "total": 80}', dedupe_key => 'k') =
       journey_emit('ann', 'product_added', '{"cart_id": "A", "total": 80}', dedupe_key => 'k') AS same;
SELECT * FROM members;
SELECT count(*) FROM journey.event;
ROLLBACK;

-- g) an event that nobody asked for
BEGIN;
SELECT at('10:00');
SELECT journey_emit('ann', 'product_added', '{"cart_id": "A", "total": 80}') > 0 AS id;
SELECT at('10:29');
SELECT journey_emit('ann', 'page_view', '{"cart_id": "A"}') > 0 AS id;
SELECT * FROM members;
ROLLBACK;

-- h) a savepoint
BEGIN;
SELECT at('10:00');
SAVEPOINT s;
SELECT journey_emit('ann', 'product_added', '{"cart_id": "A", "total": 80}') > 0 AS id;
ROLLBACK TO SAVEPOINT s;
SELECT * FROM members;
SELECT count(*) FROM journey.event;
SELECT journey_advance_to('2025-03-06 00:00+00');
SELECT * FROM acts;
ROLLBACK;
