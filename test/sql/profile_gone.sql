-- What becomes of the bound table later, in a session that has plans for it: a failure in the record, an emit that
-- goes through, nobody else's rights.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/condition.sql'
\set end :abs_srcdir '/condition_end.sql'
\set ECHO none
\i :helpers
CREATE TABLE shop.notes (customer text, note text);
-- Asks two journeys about a new customer each time; what they say, or how they err.
CREATE SEQUENCE shopper;
GRANT ALL ON SEQUENCE shopper TO PUBLIC;
CREATE FUNCTION asks(OUT by_column text, OUT by_traits text, OUT event text) LANGUAGE plpgsql AS $$
DECLARE
	who text := 'c' || nextval('shopper');
BEGIN
	EXECUTE format('INSERT INTO shop.notes VALUES (%L)', who);
	DELETE FROM journey.failure_row;
	SET LOCAL ROLE regress_journey_app;
	PERFORM journey_emit(who, 'look');
	RESET ROLE;
	by_column := coalesce(probe_failures('by_column'), (SELECT 'in' FROM journey.member m WHERE m.customer = who AND m.journey = 'by_column'), 'out');
	by_traits := coalesce(probe_failures('by_traits'), (SELECT 'in' FROM journey.member m WHERE m.customer = who AND m.journey = 'by_traits'), 'out');
	event := (SELECT 'logged' FROM journey.event e WHERE e.customer = who);
END
$$;
CREATE PROCEDURE make_customers(owner name DEFAULT 'regress_journey_author') LANGUAGE plpgsql AS $$
BEGIN
	CREATE TABLE shop.customers (id text PRIMARY KEY, vip bool, secret text);
	EXECUTE format('ALTER TABLE shop.customers OWNER TO %I', owner);
	INSERT INTO shop.customers SELECT 'c' || i, true, 'x' FROM generate_series(1, 100) AS i;
END
$$;
\set ECHO all
\pset format unaligned
\pset tuples_only on
CALL make_customers();
SELECT journey_bind_profile('shop.customers', 'id');
SET ROLE regress_journey_author;
SELECT journey_create('by_column', jsonb_set(probe_definition('profile.vip', 'look'), '{tiles,start,on,1}', '{"event": "x"}'));
SELECT journey_create('by_traits', jsonb_set(probe_definition('(traits->>''vip'')::bool', 'look'), '{tiles,start,on,1}', '{"event": "x"}'));
SELECT journey_activate('by_column'), journey_activate('by_traits');
RESET ROLE;
SELECT * FROM asks();

-- A column that goes, and comes back as another type.
ALTER TABLE shop.customers DROP COLUMN vip;
SELECT * FROM asks();
ALTER TABLE shop.customers ADD COLUMN vip text;
SELECT * FROM asks();
ALTER TABLE shop.customers ALTER COLUMN vip TYPE bool USING true;
SELECT * FROM asks();

-- The key.
ALTER TABLE shop.customers RENAME COLUMN id TO ident;
SELECT * FROM asks();
ALTER TABLE shop.customers RENAME COLUMN ident TO id;
ALTER TABLE shop.customers DROP CONSTRAINT customers_pkey;
INSERT INTO shop.customers (id, vip) SELECT 'c' || i, true FROM generate_series(1, 100) AS i;
SELECT * FROM asks();
DELETE FROM shop.customers WHERE secret IS NULL;
ALTER TABLE shop.customers ALTER COLUMN id TYPE int USING substr(id, 2)::int;
SELECT * FROM asks();
ALTER TABLE shop.customers ALTER COLUMN id TYPE varchar(10) USING 'c' || id;
SELECT * FROM asks();

-- Rights: of the journeys' owner, not of who emits, nor of who bound it.
ALTER TABLE shop.customers OWNER TO CURRENT_USER;
GRANT SELECT ON shop.customers TO regress_journey_app;
SELECT * FROM asks();
GRANT SELECT (id, vip) ON shop.customers TO regress_journey_author;
SELECT * FROM asks();
GRANT SELECT ON shop.customers TO regress_journey_author;
SELECT * FROM asks();
ALTER TABLE shop.customers ENABLE ROW LEVEL SECURITY;
SELECT * FROM asks();
CREATE POLICY none ON shop.customers TO regress_journey_author USING (secret = 'y');
SELECT * FROM asks();
UPDATE shop.customers SET secret = 'y';
SELECT * FROM asks();
-- A policy is somebody's code as well.
CREATE FUNCTION shop.spy(t text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN INSERT INTO shop.notes VALUES ('spy', t); RETURN true; END $$;
CREATE POLICY spy ON shop.customers AS RESTRICTIVE USING (shop.spy(secret));
SELECT * FROM asks();
ALTER TABLE shop.customers DISABLE ROW LEVEL SECURITY;
SELECT * FROM asks();
ALTER SCHEMA shop OWNER TO CURRENT_USER;
SELECT * FROM asks();
GRANT USAGE ON SCHEMA shop TO regress_journey_author;
SELECT * FROM asks();

-- The table is gone, and another is there; a renamed one is not followed.
ALTER TABLE shop.customers RENAME TO elsewhere;
SELECT * FROM asks();
ALTER TABLE shop.elsewhere RENAME TO customers;
ALTER SCHEMA shop RENAME TO market;
CREATE TABLE lab.notes (customer text, note text);
CREATE SCHEMA shop AUTHORIZATION regress_journey_author;
CREATE TABLE shop.notes (customer text, note text);
SELECT * FROM asks();
DROP SCHEMA shop CASCADE;
ALTER SCHEMA market RENAME TO shop;
SELECT * FROM asks();
DROP TABLE shop.customers;
SELECT * FROM asks();
CALL make_customers();
SELECT * FROM asks();

-- Views, with whatever is in them.
ALTER TABLE shop.customers RENAME TO base;
CREATE VIEW shop.customers AS SELECT * FROM shop.base;
ALTER VIEW shop.customers OWNER TO regress_journey_author;
SELECT * FROM asks();
CREATE OR REPLACE VIEW shop.customers AS SELECT id, vip AND shop.spy(id) AS vip, secret FROM shop.base;
SELECT * FROM asks();
CREATE OR REPLACE VIEW shop.customers AS SELECT id, vip AND random() < 2 AS vip, secret FROM shop.base;
SELECT * FROM asks();
CREATE OR REPLACE VIEW shop.customers AS SELECT id, vip AND 1 / (length(id) - length(id)) > 0 AS vip, secret FROM shop.base;
SELECT * FROM asks();
CREATE OR REPLACE VIEW shop.customers AS SELECT b.id, n.note IS NULL AS vip, b.secret FROM shop.base b JOIN shop.notes n ON n.customer = b.id;
ALTER TABLE shop.notes OWNER TO regress_journey_author;
SELECT * FROM asks();
-- Types with code of their own, which to_jsonb() would run.
DROP VIEW shop.customers;
CREATE TYPE shop.sly AS ENUM ('x', 'y');
CREATE FUNCTION shop.sly_json(s shop.sly) RETURNS json LANGUAGE plpgsql AS $$ BEGIN INSERT INTO shop.notes VALUES ('sly', current_user); RETURN '1'; END $$;
CREATE CAST (shop.sly AS json) WITH FUNCTION shop.sly_json(shop.sly);
CREATE VIEW shop.customers AS SELECT id, vip, secret::shop.sly AS secret FROM shop.base;
ALTER VIEW shop.customers OWNER TO regress_journey_author;
SELECT * FROM asks();
DROP VIEW shop.customers;
CREATE DOMAIN shop.checked AS text CHECK (shop.spy(VALUE));
CREATE VIEW shop.customers AS SELECT id::shop.checked AS id, vip, secret FROM shop.base;
ALTER VIEW shop.customers OWNER TO regress_journey_author;
SELECT * FROM asks();
DROP VIEW shop.customers;
CREATE MATERIALIZED VIEW shop.customers AS SELECT * FROM shop.base;
ALTER MATERIALIZED VIEW shop.customers OWNER TO regress_journey_author;
SELECT * FROM asks();
DROP MATERIALIZED VIEW shop.customers;
SELECT note FROM shop.notes WHERE customer IN ('spy', 'sly');

-- A temporary table is not looked at.
CREATE TEMPORARY TABLE customers (id text PRIMARY KEY, vip bool);
SELECT * FROM asks();
DROP TABLE pg_temp.customers;
-- The role is gone; and back.
ALTER TABLE shop.base RENAME TO customers;
ALTER ROLE regress_journey_author RENAME TO regress_journey_away;
SELECT * FROM asks();
ALTER ROLE regress_journey_away RENAME TO regress_journey_author;
SELECT * FROM asks();

-- Undone with its transaction: what was bound, and what is compiled.
BEGIN;
SELECT journey_unbind_profile();
SELECT * FROM asks();
SAVEPOINT before;
SELECT journey_bind_profile('shop.customers', 'id');
SELECT * FROM asks();
ROLLBACK TO before;
SELECT * FROM asks();
ROLLBACK;
SELECT * FROM asks();
BEGIN;
DROP TABLE shop.customers;
SELECT * FROM asks();
ROLLBACK;
SELECT * FROM asks();
SELECT journey_unbind_profile();

\set ECHO none
DROP SCHEMA IF EXISTS market CASCADE;
\i :end
