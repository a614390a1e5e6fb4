-- Watched tables as they are, and as they become.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
CREATE VIEW logged AS
SELECT row_number() OVER (ORDER BY id) AS n, customer, event, props FROM journey.event ORDER BY id;
CREATE VIEW failed AS
SELECT source, sqlstate, left(customer, 20) AS customer, message, count(*) FROM journey.failure_row
 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
CALL at('10:00');
SAVEPOINT clean;

-- Partitions, whose columns are not where the table has them; rows that move between them are deleted and inserted.
CREATE TABLE sale (region text, customer int, amount int DEFAULT 1) PARTITION BY LIST (region);
CREATE TABLE sale_eu (amount int, gone text, customer int, region text);
ALTER TABLE sale_eu DROP COLUMN gone;
CREATE TABLE sale_us PARTITION OF sale FOR VALUES IN ('us');
SELECT journey_watch('sale', 'customer', 'sale_{operation}', condition => 'coalesce(new.amount, old.amount) < 1000', operations => '{insert,update,delete}', always => true);
ALTER TABLE sale ATTACH PARTITION sale_eu FOR VALUES IN ('eu');
SELECT tgrelid::regclass, tgparentid <> 0 AS is_copy FROM pg_trigger WHERE tgname = 'journey_source' ORDER BY 1;
INSERT INTO sale VALUES ('eu', 1, 10), ('us', 2, 20), ('eu', 3, 3000);
INSERT INTO sale_eu VALUES (40, 4, 'eu');
UPDATE sale SET amount = amount + 1;
UPDATE sale SET region = 'us' WHERE customer = 1;
DELETE FROM sale WHERE customer = 2;
TABLE logged;
-- another column: the partitions have it where they have room
ALTER TABLE sale ADD COLUMN since date DEFAULT '2025-01-01', DROP COLUMN amount;
DELETE FROM journey.event;
SELECT journey_watch('sale', 'customer', 'sale_{operation}', operations => '{insert,update,delete}', always => true);
UPDATE sale SET customer = customer + 10;
TABLE logged;
-- a partition that is detached is no longer watched, and can be by itself
ALTER TABLE sale DETACH PARTITION sale_us;
DELETE FROM journey.event;
UPDATE sale_us SET customer = 5;
TABLE logged;
SELECT error_of($$SELECT journey_watch('sale_eu', 'customer', 'other', always => true)$$);
SELECT journey_watch('sale_us', 'customer', 'other', '{}', always => true);
UPDATE sale_us SET customer = 6;
TABLE logged;
SELECT journey_unwatch('sale');
SELECT tgrelid::regclass FROM pg_trigger WHERE tgname = 'journey_source';
ROLLBACK TO clean;

-- A partition of a partition that is detached, gets its columns elsewhere, or others of their names, and is attached again.
CREATE TABLE sale (region text, customer text, amount int) PARTITION BY LIST (region);
CREATE TABLE sale_eu PARTITION OF sale FOR VALUES IN ('es', 'fr') PARTITION BY LIST (region);
CREATE TABLE sale_es PARTITION OF sale_eu FOR VALUES IN ('es');
SELECT journey_watch('sale', 'customer', 'sale', always => true);
INSERT INTO sale VALUES ('es', 'ann', 1);
ALTER TABLE sale_eu DETACH PARTITION sale_es;
ALTER TABLE sale_es DROP COLUMN customer, DROP COLUMN amount;
ALTER TABLE sale_es ADD COLUMN amount int, ADD COLUMN customer text;
UPDATE sale_es SET customer = 'ann', amount = 1;
ALTER TABLE sale_eu ATTACH PARTITION sale_es FOR VALUES IN ('es');
INSERT INTO sale VALUES ('es', 'bob', 2);
INSERT INTO sale_es (region, customer, amount) VALUES ('es', 'cy', 3);
ALTER TABLE sale_eu DETACH PARTITION sale_es;
ALTER TABLE sale_es RENAME COLUMN amount TO c;
ALTER TABLE sale_es RENAME COLUMN customer TO amount;
ALTER TABLE sale_es RENAME COLUMN c TO customer;
ALTER TABLE sale_es ALTER COLUMN customer TYPE text, ALTER COLUMN amount TYPE int USING 2000000000;
UPDATE sale_es SET customer = 'dee', amount = 4;
ALTER TABLE sale_eu ATTACH PARTITION sale_es FOR VALUES IN ('es');
UPDATE sale SET amount = 5;
TABLE logged;
TABLE failed;
ROLLBACK TO clean;

-- A partitioned table that was restored on its own brings another's number along, as do its partitions.
CREATE TABLE orders (id int, customer text);
CREATE TABLE restored (id int, customer text) PARTITION BY LIST (id);
CREATE TABLE restored_1 PARTITION OF restored FOR VALUES IN (1);
SELECT journey_watch('orders', 'customer', 'order', always => true);
SELECT format('CREATE TRIGGER journey_source AFTER INSERT OR UPDATE OR DELETE ON restored FOR EACH ROW EXECUTE FUNCTION journey.row_changed(%L)', id)
  AS command FROM journey.source WHERE relation = 'public.orders' \gset
:command;
INSERT INTO orders VALUES (1, 'ann');
INSERT INTO restored VALUES (1, 'bob');
INSERT INTO restored_1 VALUES (1, 'cy');
TABLE logged;
TABLE failed;
-- watched, it gets a number of its own
SELECT journey_watch('restored', 'customer', 'restored', always => true);
INSERT INTO restored VALUES (1, 'dee');
INSERT INTO orders VALUES (2, 'eve');
TABLE logged;
ROLLBACK TO clean;

-- Columns that come, go, are renamed and change their type, in a long session.
CREATE TABLE orders (id int PRIMARY KEY, customer int, status text, total int DEFAULT 1);
SELECT journey_watch('orders', 'customer', 'all', always => true);
SELECT journey_watch('orders', 'customer', 'some', '{status}', 'new.total > 0', always => true);
INSERT INTO orders VALUES (1, 7, 'new');
TABLE logged;
DELETE FROM journey.event;
ALTER TABLE orders ADD COLUMN extra text DEFAULT 'x';
UPDATE orders SET status = 'added';
ALTER TABLE orders ALTER total TYPE numeric USING total + 0.5;
UPDATE orders SET status = 'typed';
ALTER TABLE orders DROP COLUMN extra;
UPDATE orders SET status = 'dropped';
ALTER TABLE orders RENAME total TO sum;
UPDATE orders SET status = 'renamed';
ALTER TABLE orders RENAME sum TO total;
UPDATE orders SET status = 'back';
ALTER TABLE orders RENAME status TO state;
UPDATE orders SET state = 'other';
ALTER TABLE orders RENAME customer TO who;
UPDATE orders SET state = 'nobody';
TABLE logged;
TABLE failed;
ROLLBACK TO clean;

-- A table that is renamed, moved to another schema, dropped, made again.
CREATE TABLE orders (id int PRIMARY KEY, customer int);
SELECT journey_watch('orders', 'customer', 'order', always => true);
ALTER TABLE orders RENAME TO sales;
CREATE SCHEMA shop;
ALTER TABLE sales SET SCHEMA shop;
INSERT INTO shop.sales VALUES (1, 7);
TABLE logged;
SELECT journey_unwatch('shop.sales');
SELECT journey_watch('shop.sales', 'customer', 'order', always => true);
SELECT relation FROM journey.source;
DROP TABLE shop.sales;
CREATE TABLE shop.sales (id int PRIMARY KEY, customer int);
INSERT INTO shop.sales VALUES (2, 7);
SELECT count(*) FROM journey.event;
-- what it leaves is swept when the next table is watched, and by journey_maintain; as long as there is a table of that
-- name, after a day
CREATE VIEW swept AS SELECT s.relation, w.event, s.missing_since IS NOT NULL AS missing FROM journey.source s LEFT JOIN journey.watch w ON w.source = s.id;
CREATE TABLE other (id int);
SELECT journey_watch('other', 'id', 'other', always => true);
TABLE swept ORDER BY 1;
DROP TABLE other;
SELECT journey.sweep_sources();
TABLE swept ORDER BY 1;
UPDATE journey.source SET missing_since = missing_since - interval '23 hours';
SELECT journey.sweep_sources();
TABLE swept ORDER BY 1;
UPDATE journey.source SET missing_since = missing_since - interval '2 hours';
SELECT journey.sweep_sources();
TABLE swept ORDER BY 1;
SELECT (SELECT count(*) FROM journey.source) AS sources, (SELECT count(*) FROM journey.watch) AS watches;
ROLLBACK TO clean;

-- A dump is restored over what there is: tables, then what we know of them, and in the end their triggers.  A table that
-- was renamed is found again.
CREATE TABLE orders (id int PRIMARY KEY, customer int);
CREATE TABLE "Odd, table" (id int, customer int) PARTITION BY LIST (id);
SELECT journey_watch('orders', 'customer', 'order', always => true), journey_watch('"Odd, table"', 'customer', 'odd', always => true);
ALTER TABLE "Odd, table" RENAME TO "Odder. table";
SELECT journey.sweep_sources();
SELECT relation FROM journey.source ORDER BY id;
SELECT pg_get_triggerdef(oid) AS first FROM pg_trigger WHERE tgrelid = 'orders'::regclass \gset
SELECT pg_get_triggerdef(oid) AS second FROM pg_trigger WHERE tgrelid = '"Odder. table"'::regclass \gset
DROP TABLE orders, "Odder. table";
CREATE TABLE orders (id int PRIMARY KEY, customer int);
CREATE TABLE "Odder. table" (id int, customer int) PARTITION BY LIST (id);
CREATE TABLE odd_1 PARTITION OF "Odder. table" FOR VALUES IN (1);
SELECT journey_maintain();
INSERT INTO orders VALUES (1, 1);
:first;
:second;
INSERT INTO orders VALUES (2, 2);
INSERT INTO "Odder. table" VALUES (1, 3);
SELECT journey_maintain();
SELECT relation, trigger = (SELECT t.oid FROM pg_trigger t WHERE t.tgrelid = s.relation::regclass) AS is_known, missing_since FROM journey.source s ORDER BY id;
INSERT INTO orders VALUES (4, 4);
INSERT INTO "Odder. table" VALUES (1, 5);
TABLE logged;
ROLLBACK TO clean;

-- ON CONFLICT, MERGE, generated columns, WITH, TRUNCATE.
CREATE TABLE stock (id int PRIMARY KEY, who text, n int, double int GENERATED ALWAYS AS (n * 2) STORED);
SELECT journey_watch('stock', 'who', 'stock_{operation}', operations => '{insert,update,delete}', always => true);
INSERT INTO stock VALUES (1, 'ann', 1), (2, 'bob', 2);
INSERT INTO stock VALUES (1, 'ann', 5) ON CONFLICT DO NOTHING;
INSERT INTO stock VALUES (1, 'ann', 5), (3, 'cy', 3) ON CONFLICT (id) DO UPDATE SET n = excluded.n;
INSERT INTO stock VALUES (1, 'ann', 5) ON CONFLICT (id) DO UPDATE SET n = excluded.n;
MERGE INTO stock s USING (VALUES (2), (4)) AS v (id) ON s.id = v.id
 WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (v.id, 'dee', 4);
WITH gone AS (DELETE FROM stock WHERE id = 3 RETURNING *) INSERT INTO stock SELECT 33, who, n FROM gone;
TRUNCATE stock;
TABLE logged;
ROLLBACK TO clean;

-- A savepoint that is rolled back takes the events along; a constraint that fails at the end, too.
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
SELECT journey_watch('child', 'id', 'child', '{}', always => true);
INSERT INTO child VALUES (1, 1);
SAVEPOINT half;
INSERT INTO child VALUES (2, 1);
TABLE logged;
ROLLBACK TO half;
TABLE logged;
SELECT error_of('SET CONSTRAINTS ALL IMMEDIATE');
INSERT INTO parent VALUES (1);
SET CONSTRAINTS ALL IMMEDIATE;
TABLE logged;
-- no events of replicated rows, whatever applies them (P11)
SET LOCAL session_replication_role = replica;
INSERT INTO child VALUES (3, 1);
TABLE logged;
SET LOCAL session_replication_role = origin;
ROLLBACK TO clean;

-- Other triggers of the table: what a BEFORE trigger makes of the row is what counts, and an AFTER trigger that
-- changes the row again is one more change.
CREATE TABLE orders (id int PRIMARY KEY, customer int, n int);
CREATE FUNCTION up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.n := new.n + 1; RETURN new; END $$;
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE orders SET n = 100 WHERE id = new.id; RETURN NULL; END $$;
CREATE TRIGGER up BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION up();
CREATE TRIGGER again AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION again();
SELECT journey_watch('orders', 'customer', 'order_{operation}', '{n}', always => true);
INSERT INTO orders VALUES (1, 7, 1);
TABLE logged;
ROLLBACK TO clean;

-- Queued, in order per customer, and at once where a row is changed twice.
CREATE TABLE orders (id int PRIMARY KEY, customer int, n int);
CALL draw('shop', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "order_inserted"}]},
    "hold": {"type": "wait", "for": "1 day"},
    "done": {"type": "exit", "outcome": "changed"}
  },
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done", "event": "order_updated"}]
}$$);
SELECT journey_watch('orders', 'customer', 'order_{operation}', '{n}', mode => 'queued');
INSERT INTO orders SELECT i, i, 1 FROM generate_series(1, 3) i;
UPDATE orders SET n = 2 WHERE id < 3;
TABLE members;
SELECT customer, event, props, at FROM journey.queue ORDER BY received_at, id;
SELECT journey_tick();
TABLE members;
SELECT journey_tick();
ROLLBACK;
