-- Who may watch what, as whom, and what is refused.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
CREATE ROLE regress_shop;
CREATE ROLE regress_clerk;
CREATE ROLE regress_boss;
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
GRANT CREATE, USAGE ON SCHEMA public TO regress_shop;
GRANT USAGE ON SCHEMA public TO regress_clerk, regress_boss;
SELECT journey_grant('regress_shop', 'author'), journey_grant('regress_boss', 'operate');
GRANT CREATE ON SCHEMA public TO regress_boss;
GRANT EXECUTE ON FUNCTION error_of(text) TO regress_shop, regress_boss, regress_clerk;
SET LOCAL ROLE regress_shop;
CREATE TABLE orders (id int PRIMARY KEY, customer int, status text, "Odd, name" int);
CREATE VIEW seen AS SELECT * FROM orders;
CREATE TEMPORARY TABLE passing (customer int);
CREATE TABLE secret (customer int);
INSERT INTO secret VALUES (7);
GRANT INSERT, UPDATE, SELECT ON orders TO regress_clerk;
RESET ROLE;
CREATE MATERIALIZED VIEW kept AS SELECT * FROM orders;
CREATE TABLE others (customer int);
CREATE SEQUENCE numbers;
SAVEPOINT clean;

-- What journey_watch refuses.
SELECT label, error_of(format('SELECT journey_watch(%s)', arguments)) AS error FROM (VALUES
	('null relation', $$NULL, 'customer', 'a'$$),
	('null customer', $$'orders', NULL, 'a'$$),
	('null event', $$'orders', 'customer', NULL$$),
	('no relation', $$0::regclass, 'customer', 'a'$$),
	('view', $$'seen', 'customer', 'a'$$),
	('materialized view', $$'kept', 'customer', 'a'$$),
	('sequence', $$'numbers', 'customer', 'a'$$),
	('index', $$'orders_pkey', 'customer', 'a'$$),
	('temporary', $$'passing', 'customer', 'a'$$),
	('system', $$'pg_class', 'oid', 'a'$$),
	('ours', $$'journey.customer', 'customer', 'a'$$),
	('no column', $$'orders', 'custmer', 'a'$$),
	('no second column', $$'orders', 'id, custmer', 'a'$$),
	('no list', $$'orders', 'id,,customer', 'a'$$),
	('reserved event', $$'orders', 'customer', '$a'$$),
	('long event', $$'orders', 'customer', repeat('a', 129)$$),
	('no such part', $$'orders', 'customer', 'a_{stats}'$$),
	('open brace', $$'orders', 'customer', 'a_{status'$$),
	('no prop', $$'orders', 'customer', 'a', '{id,stats}'$$),
	('no old prop', $$'orders', 'customer', 'a', '{old.stats}'$$),
	('null prop', $$'orders', 'customer', 'a', '{NULL}'$$),
	('no such special prop', $$'orders', 'customer', 'a', '{$old}'$$),
	('mode', $$'orders', 'customer', 'a', mode => 'later'$$),
	('null mode', $$'orders', 'customer', 'a', mode => NULL$$),
	('operation', $$'orders', 'customer', 'a', operations => '{insert,truncate}'$$),
	('no operation', $$'orders', 'customer', 'a', operations => '{}'$$),
	('null operations', $$'orders', 'customer', 'a', operations => NULL$$),
	('null always', $$'orders', 'customer', 'a', always => NULL$$),
	('syntax', $$'orders', 'customer', 'a', condition => 'new.status ='$$),
	('type', $$'orders', 'customer', 'a', condition => 'new.id'$$),
	('operator', $$'orders', 'customer', 'a', condition => 'new.id = new.status'$$),
	('column', $$'orders', 'customer', 'a', condition => 'new.stats = ''a'''$$),
	('name of members', $$'orders', 'customer', 'a', condition => 'key = ''a'''$$),
	('name', $$'orders', 'customer', 'a', condition => 'status = ''a'''$$),
	('not safe', $$'orders', 'customer', 'a', condition => 'random() > 0'$$)) AS v (label, arguments);
SELECT count(*) FROM journey.watch;
SELECT count(*) FROM pg_trigger WHERE tgname = 'journey_source';
SELECT customer_columns FROM journey.watch;
-- a name with a comma in it is a name, and can be one of several
SELECT journey_watch('orders', 'Odd, name', 'a', always => true), journey_watch('orders', 'id,"Odd, name"', 'b', always => true);
SELECT event, customer_columns FROM journey.watch ORDER BY event;
ROLLBACK TO clean;

-- The table's owner watches it, as an author; others do not, and the clerk needs no rights to change rows.
SET LOCAL ROLE regress_shop;
SELECT error_of($$SELECT journey_watch('others', 'customer', 'a')$$);
SELECT journey_watch('orders', 'customer', 'order', '{id}', 'new.customer IN (SELECT s.customer FROM public.secret s)', always => true);
SET LOCAL ROLE regress_boss;
SELECT error_of($$SELECT journey_watch('orders', 'customer', 'a')$$);
SET LOCAL ROLE regress_clerk;
SELECT error_of($$SELECT journey_watch('orders', 'customer', 'a')$$), error_of($$SELECT journey_unwatch('orders')$$);
INSERT INTO orders VALUES (1, 7, 'new'), (2, 8, 'new');
RESET ROLE;
SELECT owner, event FROM journey.watch;
SELECT customer, event, props FROM journey.event;
SELECT source, sqlstate, message FROM journey.failure;
-- the condition has the rights of whoever made the watch
ALTER TABLE secret OWNER TO regress_boss;
SET LOCAL ROLE regress_clerk;
INSERT INTO orders VALUES (3, 7, 'new');
RESET ROLE;
SELECT customer, event, props FROM journey.event;
SELECT source, sqlstate, count, last_customer, message FROM journey.failure;
-- who may operate, may unwatch
SET LOCAL ROLE regress_boss;
SELECT journey_unwatch('orders');
RESET ROLE;
SELECT count(*) FROM pg_trigger WHERE tgname = 'journey_source';
ROLLBACK TO clean;

-- A watch ends to emit when the table is somebody else's, and that is recorded once in a statement; members of the owning
-- role own it, and so does a superuser.
SET LOCAL ROLE regress_shop;
SELECT journey_watch('orders', 'customer', 'shop', '{id}', always => true);
RESET ROLE;
SELECT journey_watch('orders', 'customer', 'super', '{id}', always => true);
INSERT INTO orders VALUES (1, 7, 'new');
ALTER TABLE orders OWNER TO regress_boss;
INSERT INTO orders VALUES (2, 7, 'new'), (3, 7, 'new');
SELECT event, props FROM journey.event ORDER BY event, props;
SELECT source, sqlstate, count, last_customer, message FROM journey.failure;
UPDATE orders SET status = 'old';
SELECT count FROM journey.failure;
GRANT regress_boss TO regress_shop;
INSERT INTO orders VALUES (4, 7, 'new');
REVOKE regress_boss FROM regress_shop;
INSERT INTO orders VALUES (5, 7, 'new');
SELECT props FROM journey.event WHERE event = 'shop' ORDER BY props;
-- a partition's owner is not asked for
CREATE TABLE sale (customer int) PARTITION BY LIST (customer);
ALTER TABLE sale OWNER TO regress_shop;
SET LOCAL ROLE regress_shop;
SELECT journey_watch('sale', 'customer', 'sale', always => true);
RESET ROLE;
CREATE TABLE sale_1 PARTITION OF sale FOR VALUES IN (1);
ALTER TABLE sale_1 OWNER TO regress_boss;
INSERT INTO sale VALUES (1);
ALTER TABLE sale OWNER TO regress_boss;
INSERT INTO sale VALUES (1);
SELECT customer, event FROM journey.event WHERE event = 'sale';
-- the new owner's watch takes the place of the old one
SET LOCAL ROLE regress_boss;
SELECT journey_watch('orders', 'customer', 'shop', '{id}', always => true);
INSERT INTO orders VALUES (6, 7, 'new');
RESET ROLE;
SELECT props FROM journey.event WHERE event = 'shop' ORDER BY props;
ROLLBACK TO clean;

-- All may ask who listens, and learn nothing else by it.
SELECT journey_watch('others', 'customer', 'a', '{}', always => true);
SET LOCAL ROLE regress_shop;
SELECT error_of('SELECT journey.row_changed()');
SET LOCAL ROLE regress_clerk;
SELECT error_of('SELECT journey.is_heard(1)');
RESET ROLE;
-- A trigger that is made by hand: elsewhere it errs, and another table's rows are nobody's (a table restored on its own).
CREATE TRIGGER mine BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION journey.row_changed('1');
SELECT error_of($$INSERT INTO orders VALUES (1)$$);
DROP TRIGGER mine ON orders;
DO $$ BEGIN
EXECUTE format('CREATE TRIGGER mine AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION journey.row_changed(%L)', (SELECT max(id) FROM journey.source));
END $$;
INSERT INTO orders VALUES (1, 7, 'new');
ALTER TABLE orders RENAME customer TO who;
INSERT INTO orders VALUES (3, 7, 'new');
SELECT customer, event, props FROM journey.event;
SELECT source, sqlstate, message FROM journey.failure;
DROP TRIGGER mine ON orders;
CREATE TRIGGER mine AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION journey.row_changed('1000000');
INSERT INTO orders VALUES (2, 7, 'new');
SELECT count(*) FROM journey.event;
ROLLBACK TO clean;

-- The owner of a watched partitioned table adds partitions, of partitions too, and so does a superuser for him.
SET LOCAL ROLE regress_shop;
CREATE TABLE sale (region text, customer int) PARTITION BY LIST (region);
SELECT journey_watch('sale', 'customer', 'sale', always => true);
CREATE TABLE sale_es PARTITION OF sale FOR VALUES IN ('es');
CREATE TABLE sale_fr (customer int, region text);
ALTER TABLE sale ATTACH PARTITION sale_fr FOR VALUES IN ('fr');
CREATE TABLE sale_us PARTITION OF sale FOR VALUES IN ('us') PARTITION BY LIST (customer);
CREATE TABLE sale_us_3 PARTITION OF sale_us FOR VALUES IN (3);
INSERT INTO sale VALUES ('es', 1), ('fr', 2), ('us', 3);
INSERT INTO sale_fr VALUES (4, 'fr');
UPDATE sale SET customer = 5 WHERE region = 'es';
RESET ROLE;
CREATE TABLE sale_de PARTITION OF sale FOR VALUES IN ('de');
INSERT INTO sale VALUES ('de', 6);
-- who owns one that a superuser watches need have nothing of ours
GRANT CREATE ON SCHEMA public TO regress_clerk;
SET LOCAL ROLE regress_clerk;
CREATE TABLE visit (region text, customer int) PARTITION BY LIST (region);
RESET ROLE;
SELECT journey_watch('visit', 'customer', 'visit', '{}', always => true);
SET LOCAL ROLE regress_clerk;
CREATE TABLE visit_es PARTITION OF visit FOR VALUES IN ('es');
CREATE TABLE visit_fr (customer int, region text);
ALTER TABLE visit ATTACH PARTITION visit_fr FOR VALUES IN ('fr');
INSERT INTO visit VALUES ('es', 7), ('fr', 8);
RESET ROLE;
SELECT customer, event, props FROM journey.event ORDER BY customer;
SELECT source, sqlstate, message FROM journey.failure;
ROLLBACK TO clean;

-- Who makes a trigger of our function with another's number, on a table of his own, partitioned or not, or on the watched
-- one, which he may put triggers on, gets nothing emitted, nor anything of that watch.
SET LOCAL ROLE regress_shop;
CREATE TABLE sale (region text, customer int) PARTITION BY LIST (region);
CREATE TABLE sale_es PARTITION OF sale FOR VALUES IN ('es');
SELECT journey_watch('orders', 'customer', 'order', '{id}', always => true), journey_watch('sale', 'customer', 'sale', always => true);
GRANT TRIGGER, INSERT ON orders, sale, sale_es TO regress_clerk;
RESET ROLE;
GRANT CREATE ON SCHEMA public TO regress_clerk;
CREATE PROCEDURE forge(name, relation regclass) LANGUAGE plpgsql AS $$ BEGIN
	EXECUTE format('CREATE TRIGGER %I AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION journey.row_changed(%L)',
		$1, $2, current_setting('regress.number'));
END $$;
SELECT set_config('regress.number', max(id)::text, true) IS NULL AS f FROM journey.source WHERE relation = 'public.orders';
SET LOCAL ROLE regress_clerk;
CREATE TABLE forged (id int, customer int, status text);
CREATE TABLE forged_all (id int, customer int, status text) PARTITION BY LIST (id);
CREATE TABLE forged_1 PARTITION OF forged_all FOR VALUES IN (1);
SELECT error_of('CREATE TRIGGER mine AFTER INSERT ON forged FOR EACH ROW EXECUTE FUNCTION journey.row_changed(''1'')');
RESET ROLE;
SELECT journey_grant('regress_clerk', 'author');
SET LOCAL ROLE regress_clerk;
CALL forge('journey_source', 'forged');
CALL forge('journey_source', 'forged_all');
CALL forge('a', 'orders');
INSERT INTO forged VALUES (1, 1);
INSERT INTO forged_all VALUES (1, 2);
INSERT INTO orders VALUES (1, 3);
RESET ROLE;
SELECT set_config('regress.number', max(id)::text, true) IS NULL AS f FROM journey.source WHERE relation = 'public.sale';
SET LOCAL ROLE regress_clerk;
CALL forge('z', 'sale');
CALL forge('a', 'sale_es');
CALL forge('a', 'forged_all');
INSERT INTO sale VALUES ('es', 4);
INSERT INTO forged_all VALUES (1, 5);
RESET ROLE;
SELECT customer, event, props FROM journey.event ORDER BY customer;
SELECT source, sqlstate, message FROM journey.failure;
-- not his is the watch, either; nor when its table is gone
SET LOCAL ROLE regress_clerk;
SELECT error_of($$SELECT journey_unwatch('forged')$$), error_of($$SELECT journey_unwatch('forged_all')$$);
RESET ROLE;
DROP TABLE orders, sale CASCADE;
ALTER TABLE forged RENAME TO orders;
INSERT INTO orders VALUES (6, 6);
INSERT INTO forged_all VALUES (1, 7);
SELECT count(*) FROM journey.event;
-- whose own watch of such a table is his
SET LOCAL ROLE regress_clerk;
SELECT journey_watch('orders', 'customer', 'own', '{id}', always => true);
INSERT INTO orders VALUES (8, 8);
RESET ROLE;
SELECT customer, event, props FROM journey.event WHERE event = 'own';
ROLLBACK TO clean;

-- A trigger of our name that is not ours.
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER journey_source AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT error_of($$SELECT journey_watch('orders', 'customer', 'a')$$);
ROLLBACK TO clean;

-- Nobody's function or type steps in: a cast to json that its type's owner has made does not run for whoever
-- changes the row.
SET LOCAL ROLE regress_shop;
CREATE TYPE colour AS ENUM ('red');
RESET ROLE;
CREATE FUNCTION leak(colour) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'leak ran as %', current_user; END $$;
CREATE CAST (colour AS json) WITH FUNCTION leak(colour);
ALTER TABLE orders ADD COLUMN colour colour;
SET LOCAL ROLE regress_shop;
SELECT journey_watch('orders', 'customer', 'order', '{id}', always => true);
SELECT journey_watch('orders', 'customer', 'colour', '{colour}', always => true);
RESET ROLE;
INSERT INTO orders VALUES (1, 7, 'new', NULL, 'red');
SELECT customer, event, props FROM journey.event;
SELECT source, sqlstate, message FROM journey.failure;
ROLLBACK;
DROP ROLE regress_shop, regress_clerk, regress_boss;
