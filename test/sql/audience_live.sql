-- Audiences in real time: over one table that has our trigger, row by row, in the
-- transaction of the change.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
\set expect :abs_srcdir '/expect.sql'
BEGIN;
\set ECHO none
\i :helpers
\i :expect
\set ECHO all
SET client_min_messages = warning;	-- that some stay as they are is told by audience_update
DELETE FROM journey.audience;
DELETE FROM journey.audience_member;
CREATE SCHEMA shop;
CREATE TABLE shop.customers (id text PRIMARY KEY, name text, total_spent numeric, born timestamptz, traits jsonb);
INSERT INTO shop.customers VALUES ('ann', 'Ann', 2000), ('bob', 'Bob', 10), ('cy', 'Cy', NULL);
\set vip 'SELECT id FROM shop.customers WHERE total_spent >= 1000'
CREATE VIEW raised AS
SELECT customer, event, props->>'audience' AS audience, at FROM journey.event WHERE event LIKE '$%' ORDER BY at, id;
CREATE FUNCTION inside(of text) RETURNS text LANGUAGE sql AS
$$ SELECT coalesce(string_agg(customer, ' ' ORDER BY customer), '') FROM journey.audience_member WHERE audience = of $$;
-- Is there exactly what the query gives?
CREATE FUNCTION is_right(of text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	given text;
BEGIN
	EXECUTE format('SELECT coalesce(string_agg(c, '' '' ORDER BY c COLLATE "C"), '''') FROM (%s) AS q (i), LATERAL (SELECT i::text) AS t (c)',
		(SELECT query FROM journey.audience WHERE name = of)) INTO given;
	RETURN given = inside(of);
END
$$;
SELECT $${
  "key": "now::text",
  "exit": [{"audience_left": "vip", "outcome": "left"}],
  "tiles": {"start": {"type": "entry", "on": [{"audience": "vip"}]}, "hold": {"type": "wait"}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done", "event": "end"}]
}$$ AS care \gset
SAVEPOINT clean;

-- VIPs: in and out by UPDATE, INSERT, DELETE and a new key, at once and in the transaction.
CALL at('10:00');
SELECT journey_audience_create('vip', :'vip');
SELECT name, source IS NOT NULL AS live, source_columns, members FROM journey.audience;
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'shop.customers'::regclass;
CALL draw('care', :'care');
CALL at('10:01');
UPDATE shop.customers SET total_spent = 1000 WHERE id = 'bob';
SELECT inside('vip'), is_right('vip');
CALL at('10:02');
UPDATE shop.customers SET total_spent = 1500 WHERE id = 'bob';
UPDATE shop.customers SET name = 'Robert' WHERE id = 'bob';
CALL at('10:03');
UPDATE shop.customers SET total_spent = NULL WHERE id = 'bob';
CALL at('10:04');
INSERT INTO shop.customers VALUES ('dan', 'Dan', 5000), ('eve', 'Eve', 5);
CALL at('10:05');
DELETE FROM shop.customers WHERE id = 'ann';
CALL at('10:06');
UPDATE shop.customers SET id = 'dora' WHERE id = 'dan';
SELECT inside('vip'), is_right('vip');
SELECT * FROM raised;
SELECT customer, tile, state, outcome FROM members;
-- a savepoint rolled back has had none of it
SAVEPOINT before;
CALL at('10:07');
UPDATE shop.customers SET total_spent = 10000;
SELECT inside('vip'), (SELECT count(*) FROM raised WHERE at = moment('10:07'));
ROLLBACK TO before;
SELECT inside('vip'), (SELECT count(*) FROM raised WHERE at = moment('10:07'));
-- many rows in a statement, COPY, MERGE
CALL at('10:08');
INSERT INTO shop.customers SELECT 'm' || i, 'm', i * 100 FROM generate_series(1, 20) AS i;
SELECT inside('vip'), is_right('vip');
COPY shop.customers (id, total_spent) FROM STDIN;
c1	5000
c2	1
\.
MERGE INTO shop.customers c USING (VALUES ('c1', 1), ('c2', 7000), ('c3', 9000)) AS v (id, spent) ON c.id = v.id
 WHEN MATCHED THEN UPDATE SET total_spent = v.spent WHEN NOT MATCHED THEN INSERT (id, total_spent) VALUES (v.id, v.spent);
SELECT inside('vip'), is_right('vip');
SELECT customer, event FROM raised WHERE customer LIKE 'c_';
-- TRUNCATE passes the trigger by: the next refresh mends it
TRUNCATE shop.customers;
SELECT is_right('vip');
SELECT entered, departed > 10 AS many, members FROM journey_audience_refresh('vip');
SELECT is_right('vip'), (SELECT count(*) FROM journey.member WHERE state = 'active');
-- so do session_replication_role and a trigger that is switched off
SET LOCAL session_replication_role = replica;
INSERT INTO shop.customers VALUES ('ann', 'Ann', 2000);
SET LOCAL session_replication_role = origin;
SELECT inside('vip');
SELECT * FROM journey_audience_refresh('vip');
-- dropped, nothing of ours stays on the table
SELECT journey_complete('care'), journey_audience_drop('vip');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'shop.customers'::regclass;
SELECT count(*) FROM journey.source;

-- Several rows per customer: in as long as one of them holds.  (A null is nobody.)
ROLLBACK TO clean;
CALL at('10:00');
CREATE TABLE shop.orders (number serial PRIMARY KEY, buyer int, recipient int, total numeric);
SELECT journey_audience_create('big', 'SELECT DISTINCT buyer FROM shop.orders WHERE total > 100'), journey_audience_create('loved', 'SELECT recipient FROM shop.orders WHERE total > 100 AND recipient <> buyer');
SELECT name, source_columns FROM journey.audience ORDER BY 1;
SELECT count(DISTINCT source) FROM journey.audience;
INSERT INTO shop.orders (buyer, recipient, total) VALUES (1, 2, 500), (1, 1, 400), (2, 3, 50), (NULL, 5, 1000), (3, NULL, 1000);
SELECT inside('big'), inside('loved');
DELETE FROM shop.orders WHERE total = 500;
SELECT inside('big'), inside('loved');
UPDATE shop.orders SET buyer = 7 WHERE total = 400;
UPDATE shop.orders SET recipient = 8 WHERE total = 50;
SELECT inside('big'), inside('loved');
-- a refresh gives the same; but not where the query gives a null, or a customer twice
INSERT INTO shop.orders (buyer, recipient, total) VALUES (7, 1, 800);
SELECT * FROM journey_audience_refresh('big');
DELETE FROM shop.orders WHERE buyer IS NULL OR recipient IS NULL;
SELECT * FROM journey_audience_refresh('big');
SELECT * FROM journey_audience_refresh('loved');
DELETE FROM shop.orders WHERE total = 400;
SELECT * FROM journey_audience_refresh('loved');
SELECT inside('big'), inside('loved');

-- Types of keys: int, uuid, varchar of a default collation.
ROLLBACK TO clean;
CREATE TABLE shop.by_uuid (id uuid PRIMARY KEY, on_list bool);
CREATE TABLE shop.by_varchar (id varchar(20) PRIMARY KEY, on_list bool);
CREATE TABLE shop.by_bigint (id bigint PRIMARY KEY, on_list bool);
SELECT journey_audience_create('uuid', 'SELECT id FROM shop.by_uuid WHERE on_list'), journey_audience_create('varchar', 'SELECT id FROM shop.by_varchar WHERE on_list'),
	journey_audience_create('bigint', 'SELECT c.id AS customer FROM shop.by_bigint AS c WHERE c.on_list IS NOT FALSE ORDER BY 1 DESC');
INSERT INTO shop.by_uuid VALUES ('aaaaaaaa-0000-0000-0000-000000000001', true), ('aaaaaaaa-0000-0000-0000-000000000002', false);
INSERT INTO shop.by_varchar VALUES ('x ', true), ('X ', false), ('ü', true);
INSERT INTO shop.by_bigint VALUES (-5, NULL), (5, false), (9000000000000000000, true);
SELECT name, inside(name), is_right(name) FROM journey.audience ORDER BY 1;
UPDATE shop.by_uuid SET on_list = NOT on_list;
UPDATE shop.by_varchar SET on_list = NOT on_list;
UPDATE shop.by_bigint SET on_list = NOT on_list;
SELECT name, inside(name), is_right(name) FROM journey.audience ORDER BY 1;

-- Partitioned tables, whose rows move from one partition to another.
ROLLBACK TO clean;
CREATE TABLE shop.parts (id int, country text, total int, PRIMARY KEY (id, country)) PARTITION BY LIST (country);
CREATE TABLE shop.part_es PARTITION OF shop.parts FOR VALUES IN ('es');
CREATE TABLE shop.part_rest (total int, extra int, country text NOT NULL, id int NOT NULL);
ALTER TABLE shop.part_rest DROP COLUMN extra;
ALTER TABLE shop.parts ATTACH PARTITION shop.part_rest DEFAULT;
SELECT journey_audience_create('all', 'SELECT id FROM shop.parts WHERE total >= 10'), journey_audience_create('es', 'SELECT id FROM shop.parts WHERE total >= 10 AND country = ''es''');
INSERT INTO shop.parts VALUES (1, 'es', 10), (2, 'fr', 10), (3, 'es', 9), (4, 'pt', 9);
SELECT inside('all'), inside('es');
UPDATE shop.parts SET country = CASE country WHEN 'es' THEN 'fr' ELSE 'es' END, total = total + id - 2;
SELECT inside('all'), inside('es'), is_right('all'), is_right('es');

-- Which queries are: one table, its own column, a WHERE over nothing but the row.
ROLLBACK TO clean;
CREATE VIEW shop.good AS SELECT id FROM shop.customers WHERE total_spent > 1;
CREATE TABLE shop.parent (id text, x int);
CREATE TABLE shop.child () INHERITS (shop.parent);
CREATE COLLATION shop.loose (provider = icu, locale = 'und', deterministic = false);
CREATE TABLE shop.odd (id text COLLATE shop.loose, n numeric, d date, c char(5), b bool, j jsonb);
CREATE TEMP TABLE temporary (id text);
CREATE FUNCTION is_live(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	columns text;
BEGIN
	PERFORM journey_audience_create('tried', query);
	SELECT CASE WHEN source IS NULL THEN 'no' ELSE array_to_string(source_columns, ' ') END INTO columns FROM journey.audience WHERE name = 'tried';
	PERFORM journey_audience_drop('tried');
	RETURN columns;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT is_live(query), query FROM (VALUES
	('SELECT id FROM shop.customers'), ('SELECT id FROM ONLY shop.customers WHERE true'), ('SELECT ALL (id)::text FROM shop.customers c ORDER BY name'),
	('SELECT id FROM shop.customers WHERE traits->>''plan'' = ''pro'' AND name ~ ''^A'''), ('SELECT id FROM shop.customers WHERE (traits->>''n'')::int > 3 OR total_spent BETWEEN 1 AND 2'),
	('SELECT id FROM shop.customers WHERE born >= ''2000-01-01'''), ('SELECT id FROM shop.customers WHERE extract(year FROM born) = 2000 AND born::date > date ''2000-02-03'''),
	('SELECT id FROM shop.customers WHERE coalesce(total_spent, 0) > 5 AND name IN (''a'', ''b'') AND NOT name = ANY (ARRAY[''c''])'),
	('SELECT name FROM shop.customers WHERE name IS NOT NULL AND id <> ''ann'''),
	('SELECT id FROM shop.odd'), ('SELECT n FROM shop.odd'), ('SELECT d FROM shop.odd'), ('SELECT c FROM shop.odd'), ('SELECT b FROM shop.odd'), ('SELECT id COLLATE "C" FROM shop.odd'),
	('SELECT upper(id) FROM shop.customers'), ('SELECT id::varchar(2) FROM shop.customers'), ('SELECT DISTINCT id FROM shop.customers'), ('SELECT DISTINCT ON (id) id FROM shop.customers ORDER BY id, name'), ('SELECT id FROM shop.customers GROUP BY id'),
	('SELECT max(id) FROM shop.customers'), ('SELECT id FROM shop.customers ORDER BY id LIMIT 2'), ('SELECT id FROM shop.customers OFFSET 0'), ('SELECT id FROM shop.customers UNION SELECT ''x'''),
	('SELECT id FROM shop.customers WHERE born > now() - interval ''1 year'''), ('SELECT id FROM shop.customers WHERE born > CURRENT_DATE'), ('SELECT id FROM shop.customers WHERE age(born) > ''18 years'''),
	('SELECT id FROM shop.customers WHERE name = current_user'), ('SELECT id FROM shop.customers WHERE name::timestamptz > born'),
	('SELECT id FROM shop.customers WHERE EXISTS (SELECT FROM shop.customers)'), ('SELECT a.id FROM shop.customers a JOIN shop.customers b USING (id)'), ('SELECT a.id FROM shop.customers a, (SELECT) b'),
	('SELECT id FROM shop.good'), ('SELECT id FROM shop.parent'), ('SELECT id FROM ONLY shop.parent'), ('SELECT id FROM shop.child'), ('WITH c AS (SELECT id FROM shop.customers) SELECT id FROM c'),
	('SELECT id FROM shop.customers WHERE ctid IS NOT NULL'), ('SELECT id FROM shop.customers c WHERE c IS NOT NULL'), ('SELECT id FROM shop.customers TABLESAMPLE BERNOULLI (100)'),
	('SELECT id FROM shop.customers WHERE journey_did(id, ''x'')'), ('SELECT id FROM shop.customers WHERE journey_in_audience(id, ''tried'')'),
	('SELECT customer FROM journey.customer'), ('SELECT relname FROM pg_class WHERE oid = 1259'), ('SELECT ''x''')) AS q (query);
SELECT count(*) FROM journey.source;
-- not where policies have a say, nor for who does not own the table, even where our trigger is there already: its
-- writers would pay for it, and its refresh would keep them waiting
CREATE ROLE regress_journey_reader;
SELECT journey_grant('regress_journey_reader', 'author');
GRANT USAGE ON SCHEMA shop, public TO regress_journey_reader;
GRANT SELECT ON shop.customers TO regress_journey_reader;
SET LOCAL ROLE regress_journey_reader;
SELECT journey_audience_create('read', :'vip');
RESET ROLE;
SELECT source IS NULL AS not_live FROM journey.audience WHERE name = 'read';
SELECT journey_watch('shop.customers', 'id', 'customer_{operation}');
SET LOCAL ROLE regress_journey_reader;
SELECT journey_audience_create('read too', :'vip');
SELECT * FROM journey_audience_refresh('read');
RESET ROLE;
SELECT name, source IS NULL AS not_live FROM journey.audience WHERE name ~ 'read' ORDER BY 1;
-- nor any more for who does not own it any more
SELECT journey_audience_create('mine', :'vip');
ALTER TABLE shop.customers OWNER TO regress_journey_reader;
UPDATE journey.audience SET owner = 'regress_journey_reader' WHERE name = 'mine';
SELECT * FROM journey_audience_refresh('mine');
SELECT source IS NOT NULL AS live FROM journey.audience WHERE name = 'mine';
CREATE ROLE regress_journey_heir;
ALTER TABLE shop.customers OWNER TO regress_journey_heir;
GRANT SELECT ON shop.customers TO regress_journey_reader;
SELECT * FROM journey_audience_refresh('mine');
SELECT source IS NOT NULL AS live FROM journey.audience WHERE name = 'mine';
ALTER TABLE shop.customers OWNER TO CURRENT_USER;
SELECT journey_audience_drop('mine');
SELECT journey_unwatch('shop.customers');
UPDATE shop.customers SET total_spent = 0 WHERE id = 'ann';
SELECT inside('read'), inside('read too');
SELECT journey_audience_drop('read'), journey_audience_drop('read too');
SELECT count(*) FROM journey.source;
ALTER TABLE shop.customers ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON shop.customers USING (current_user <> 'x');
SELECT is_live(:'vip');
SELECT journey_watch('shop.customers', 'id', 'customer_{operation}');
SET LOCAL ROLE regress_journey_reader;
SELECT journey_audience_create('read', :'vip');
RESET ROLE;
SELECT source IS NULL AS not_live FROM journey.audience WHERE name = 'read';

-- An audience that was there before its table was bound; over the bound profile.
ROLLBACK TO clean;
CREATE ROLE regress_journey_reader;
SELECT journey_grant('regress_journey_reader', 'author');
GRANT USAGE ON SCHEMA shop, public TO regress_journey_reader;
GRANT SELECT ON shop.customers TO regress_journey_reader;
SET LOCAL ROLE regress_journey_reader;
SELECT journey_audience_create('theirs', :'vip');
RESET ROLE;
-- (made over a view that had the table's name)
ALTER TABLE shop.customers RENAME TO kept;
CREATE VIEW shop.customers AS SELECT id, total_spent FROM shop.kept;
SELECT journey_audience_create('vip', :'vip'), journey_audience_create('other', 'SELECT count(*) FROM shop.customers');
DROP VIEW shop.customers;
ALTER TABLE shop.kept RENAME TO customers;
UPDATE shop.customers SET total_spent = 1 WHERE id = 'ann';
SELECT inside('vip');
SELECT journey_bind_profile('shop.customers', 'id');
SELECT inside('vip');
SELECT name, source IS NOT NULL AS live FROM journey.audience ORDER BY 1;
SELECT journey_audience_drop('theirs'), journey_audience_drop('other');
CALL draw('care', :'care');
CALL draw('patch', $${
  "tiles": {"start": {"type": "entry", "on": [{"event": "bought"}]}, "add": {"type": "update_profile", "set": {"total_spent": "{{ (props->>'total')::numeric }}"}}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "add"}, {"from": "add", "to": "done"}]
}$$);
-- by a journey's own write to the profile
CALL emit('10:00', 'bob', 'bought', '{"total": 1200}');
SELECT inside('vip'), (SELECT total_spent FROM shop.customers WHERE id = 'bob');
SELECT journey, customer, tile, state FROM members;
SELECT * FROM raised;
SELECT journey_identify('bob', '{"total_spent": 3}');
SELECT inside('vip');
SELECT journey, customer, tile, state, outcome FROM members;

-- The query errs for a row, or altogether: recorded, nothing changes, and the application goes on.
ROLLBACK TO clean;
CALL at('10:00');
SELECT journey_audience_create('ratio', 'SELECT id FROM shop.customers WHERE 1000 / total_spent < 1');
SELECT inside('ratio');
CALL at('10:01');
UPDATE shop.customers SET total_spent = 0 WHERE id = 'ann';
SELECT inside('ratio');
SELECT source, sqlstate, minute, count, last_customer, message FROM journey.failure;
UPDATE shop.customers SET total_spent = 10 WHERE id = 'ann';
SELECT inside('ratio');
CALL at('10:02');
ALTER TABLE shop.customers RENAME total_spent TO spent;
UPDATE shop.customers SET spent = 5000 WHERE id = 'ann';
SELECT inside('ratio');
SELECT source, sqlstate, minute, count, last_customer, message FROM journey.failure WHERE minute = moment('10:02');
SELECT * FROM journey_audience_refresh('ratio');
ALTER TABLE shop.customers RENAME spent TO total_spent;
SELECT * FROM journey_audience_refresh('ratio');
UPDATE shop.customers SET total_spent = 5 WHERE id = 'ann';
SELECT inside('ratio'), error FROM journey.audience;
-- the table is gone, and another of its name has no trigger of ours
DROP TABLE shop.customers;
SELECT * FROM journey_audience_refresh('ratio');
CREATE TABLE shop.customers (id text, total_spent int);
INSERT INTO shop.customers VALUES ('zoe', 5000);
SELECT * FROM journey_audience_refresh('ratio');
SELECT inside('ratio'), source IS NULL AS not_live, error FROM journey.audience;
-- its role is gone
ROLLBACK TO clean;
CALL at('10:00');
CREATE ROLE regress_journey_reader;
GRANT CREATE ON SCHEMA shop TO regress_journey_reader;
SELECT journey_grant('regress_journey_reader', 'author');
GRANT USAGE ON SCHEMA shop, public TO regress_journey_reader;
ALTER TABLE shop.customers OWNER TO regress_journey_reader;
SET LOCAL ROLE regress_journey_reader;
SELECT journey_audience_create('vip', :'vip');
RESET ROLE;
ALTER TABLE shop.customers OWNER TO CURRENT_USER;
SELECT journey_revoke('regress_journey_reader', 'author');
DROP OWNED BY regress_journey_reader;
UPDATE shop.customers SET total_spent = 0 WHERE id = 'ann';
DROP ROLE regress_journey_reader;
UPDATE shop.customers SET total_spent = 1 WHERE id = 'ann';
SELECT inside('vip');
SELECT source, sqlstate, count, last_customer, message FROM journey.failure ORDER BY 2;
ROLLBACK;

-- A transaction that cannot see the latest changes does not refresh it.
BEGIN ISOLATION LEVEL REPEATABLE READ;
CREATE TABLE public.frozen (id text PRIMARY KEY, x int);
SELECT journey_audience_create('frozen', 'SELECT id FROM public.frozen WHERE x > 1');
ROLLBACK;
