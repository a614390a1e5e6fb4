-- What a changed row emits: names, props, conditions, operations.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
CREATE TABLE orders (id int PRIMARY KEY, customer bigint, status text, total numeric(10,2), note jsonb);
CREATE VIEW logged AS
SELECT row_number() OVER (ORDER BY id) AS n, customer, event, props FROM journey.event ORDER BY id;
CREATE VIEW failed AS
SELECT source, sqlstate, left(customer, 20) AS customer, message, count(*) FROM journey.failure_row
 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
CALL draw('shop', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "order_inserted", "condition": "(props->>'total')::numeric > 10"}]},
    "hold": {"type": "wait", "for": "1 day"},
    "done": {"type": "exit", "outcome": "paid"}
  },
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done", "event": "order_updated"}]
}$$);
CALL at('10:00');
SAVEPOINT clean;

-- INSERT and UPDATE, all columns, the operation in the name: members enter and move by it.
SELECT journey_watch('orders', 'customer', 'order_{operation}');
INSERT INTO orders VALUES (1, 7, 'new', 20, '{"gift": true}'), (2, 8, 'new', 5, NULL), (3, NULL, 'new', 50, NULL);
TABLE members;
UPDATE orders SET status = 'paid' WHERE id = 1;
TABLE members;
-- what changes nothing is no change, nor is a row not found; and the delete was not asked for
UPDATE orders SET status = status, note = note || '{}';
UPDATE orders SET status = 'paid' WHERE id = 77;
DELETE FROM orders;
TABLE logged;
ROLLBACK TO clean;

-- Only deletes; the last row is what the props are of.
SELECT journey_watch('orders', 'customer', 'order_{operation}', '{id,old.status,$operation,$changed}', operations => '{delete}', always => true);
INSERT INTO orders VALUES (1, 7, 'new', 20);
UPDATE orders SET status = 'paid';
DELETE FROM orders;
TABLE logged;
ROLLBACK TO clean;

-- The forms of props.
SELECT journey_watch('orders', 'customer', 'a', '{id,total}', always => true);
SELECT journey_watch('orders', 'customer', 'b', '{$operation,old.status,old.total}', always => true);
SELECT journey_watch('orders', 'customer', 'c', '{$changed}', always => true);
SELECT journey_watch('orders', 'customer', 'd', '{}', always => true);
SELECT journey_watch('orders', 'customer', 'e', NULL, always => true);
INSERT INTO orders VALUES (1, 7, 'new', 20.5, '{"gift": [1, null]}');
UPDATE orders SET status = NULL, note = '"text"', total = 'NaN';
TABLE logged;
ROLLBACK TO clean;

-- A column in the name; null: no event.  The newest value, of a deleted row the last.
SELECT journey_watch('orders', 'customer', 'order {status}/{id}', '{}', operations => '{insert,update,delete}', always => true);
INSERT INTO orders VALUES (1, 7, 'new', 1), (2, 7, NULL, 1);
UPDATE orders SET status = 'päid' WHERE id = 1;
DELETE FROM orders;
TABLE logged;
-- and names that no event may have: recorded, and the statement goes through
INSERT INTO orders VALUES (3, 7, repeat('x', 128), 1);
SELECT journey_watch('orders', 'customer', '{status}', '{}', always => true);
INSERT INTO orders VALUES (4, 7, '', 1), (5, 7, '$journey_exited', 1), (6, 7, 'fine', 1);
SELECT count(*) FROM orders;
SELECT event FROM journey.event WHERE event NOT LIKE 'order %';
TABLE failed;
ROLLBACK TO clean;

-- Conditions: the row before and after, typed; null is false.
SELECT journey_watch('orders', 'customer', 'rose', '{total}', 'new.total > old.total', always => true);
SELECT journey_watch('orders', 'customer', 'status', '{status}', 'old.status IS DISTINCT FROM new.status', always => true);
SELECT journey_watch('orders', 'customer', 'gift', '{}', $$new.note @> '{"gift": true}' AND event = 'gift' AND customer = '7' AND props = '{}'$$, always => true);
SELECT journey_watch('orders', 'customer', 'first', '{}', $$NOT journey_did(customer, 'first')$$, always => true);
SELECT journey_watch('orders', 'customer', 'biggest', '{id}', $$new.total = (SELECT max(o.total) FROM public.orders o WHERE o.customer = new.customer)$$, always => true);
SELECT journey_watch('orders', 'customer', 'vip', '{}', $$traits->>'tier' = 'gold' AND now = '2025-03-04 10:00Z' AND local_now = '2025-03-04 10:00'$$, always => true);
SELECT journey_watch('orders', 'customer', 'row', '{}', 'new IS NOT NULL AND old IS NULL AND new IS DISTINCT FROM old', always => true);
SELECT journey_identify('8', '{"tier": "gold"}');
INSERT INTO orders VALUES (1, 7, 'new', 20, '{"gift": true}'), (2, 7, 'new', 30, '{}'), (3, 8, NULL, 1, '{}');
TABLE logged;
DELETE FROM journey.event;
UPDATE orders SET total = total + CASE id WHEN 1 THEN 100 ELSE -1 END;
TABLE logged;
ROLLBACK TO clean;

-- A condition that errs, one that is slow, one of a role that is gone: recorded; the others' events and the
-- statement go through.
SELECT journey_watch('orders', 'customer', 'a', '{}', '1 / (new.total - 20) > 0', always => true);
SELECT journey_watch('orders', 'customer', 'b', '{}', always => true);
SELECT journey_watch('orders', 'customer', 'c', '{}', $$(SELECT count(*) FROM generate_series(1, 1000000000)) > 0$$, always => true);
SET LOCAL journey.condition_timeout = 20;
INSERT INTO orders VALUES (1, 7, 'new', 20), (2, 7, 'new', 30);
TABLE logged;
TABLE failed;
UPDATE journey.watch SET owner = 'regress_gone' WHERE event = 'b';
SELECT journey_watch('orders', 'customer', 'c', '{}', always => true);
DELETE FROM journey.failure_row;
DELETE FROM journey.event;
INSERT INTO orders VALUES (3, 8, 'new', 20);
TABLE logged;
TABLE failed;
-- the application's own limits and cancels are its own
SELECT journey_watch('orders', 'customer', 'c', '{}', $$(SELECT count(*) FROM generate_series(1, 1000000000)) > 0$$, always => true);
SET LOCAL journey.condition_timeout = 0;
SET LOCAL journey.emit_budget = 0;
SET LOCAL statement_timeout = 200;
SAVEPOINT slow;
\set VERBOSITY terse
INSERT INTO orders VALUES (4, 8, 'new', 20);
\set VERBOSITY default
ROLLBACK TO slow;
ROLLBACK TO clean;

-- Customers: other types, several columns, null in one of them, empty, too long.
CREATE TABLE visit (tenant smallint, who uuid, page varchar(400), at timestamptz, paid boolean, code char(4), ip inet);
SELECT journey_watch('visit', 'who', 'who', '{}', always => true);
SELECT journey_watch('visit', 'tenant, who', 'both', '{}', always => true);
SELECT journey_watch('visit', 'page', 'page', '{}', always => true);
SELECT journey_watch('visit', 'at,paid,code,ip', 'odd', '{}', always => true);
SET LOCAL timezone = 'Asia/Tokyo';
SET LOCAL datestyle = 'SQL, DMY';
INSERT INTO visit VALUES (1, '00000000-0000-0000-0000-0000000000AA', 'home', '2025-03-04 10:00Z', true, 'ab', '10.0.0.1'),
	(NULL, '00000000-0000-0000-0000-0000000000BB', '', NULL, NULL, NULL, NULL),
	(2, NULL, repeat('é', 128), NULL, NULL, NULL, NULL), (2, NULL, repeat('é', 128) || 'x', NULL, NULL, NULL, NULL);
SELECT event, left(customer, 60) AS customer, octet_length(customer) FROM journey.event ORDER BY id;
TABLE failed;
RESET timezone;
RESET datestyle;
ROLLBACK TO clean;

-- Props that are too large, and a value that could never be small enough.
SELECT journey_watch('orders', 'customer', 'a', always => true);
SELECT journey_watch('orders', 'customer', 'b', '{id}', always => true);
INSERT INTO orders VALUES (1, 7, repeat('x', 70000), 1), (2, 7, repeat('x', 1000000), 1);
TABLE logged;
TABLE failed;
-- an unchanged value that is stored elsewhere is no change
ALTER TABLE orders ALTER status SET STORAGE EXTERNAL;
UPDATE orders SET status = repeat('y', 70000);
DELETE FROM journey.event;
UPDATE orders SET status = status;
UPDATE orders SET status = repeat('y', 70000);
TABLE logged;
UPDATE orders SET id = -id;
TABLE logged;
ROLLBACK TO clean;

-- Again for the same event: replaces.  Unwatch one, then all.
SELECT journey_watch('orders', 'customer', 'a', '{id}', always => true);
SELECT journey_watch('orders', 'customer', 'b', '{id}', always => true);
SELECT journey_watch('orders', 'customer', 'a', '{total}', 'new.total > 1', 'queued', '{insert}', true);
SELECT event, customer_columns, props, condition, mode, operations, always FROM journey.watch ORDER BY event;
INSERT INTO orders VALUES (1, 7, 'new', 20);
TABLE logged;
SELECT customer, event, props FROM journey.queue;
SELECT journey_tick();
TABLE logged;
SELECT journey_unwatch('orders', 'a');
INSERT INTO orders VALUES (2, 7, 'new', 20);
TABLE logged;
SELECT error_of($$SELECT journey_unwatch('orders', 'a')$$);
SELECT journey_unwatch('orders');
INSERT INTO orders VALUES (3, 7, 'new', 20);
TABLE logged;
SELECT count(*) FROM pg_trigger WHERE tgname = 'journey_source';
SELECT count(*) FROM journey.source;
SELECT error_of($$SELECT journey_unwatch('orders')$$);
SELECT journey_watch('orders', 'customer', 'b', '{id}', always => true);
INSERT INTO orders VALUES (4, 7, 'new', 20);
TABLE logged;
ROLLBACK;
