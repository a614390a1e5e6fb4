-- journey_bind_profile and journey_unbind_profile: who may, what can be bound, and what is wrong otherwise.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
CREATE ROLE regress_profile_operator;
CREATE ROLE regress_profile_author;
SELECT journey_grant('regress_profile_operator', 'operate'), journey_grant('regress_profile_author', 'author');
CREATE SCHEMA shop;
GRANT ALL ON SCHEMA shop TO regress_profile_operator, regress_profile_author;
\set ECHO all
\pset format unaligned
\pset tuples_only on

CREATE TABLE shop.customers (id int PRIMARY KEY, "a,b" text UNIQUE, "Name" text, mail text, born date UNIQUE, tags text[], traits jsonb, "old""one" int);
CREATE UNIQUE INDEX ON shop.customers (lower(mail));
CREATE UNIQUE INDEX ON shop.customers (mail) WHERE mail IS NOT NULL;
CREATE UNIQUE INDEX ON shop.customers ("Name", mail) INCLUDE (born);
ALTER TABLE shop.customers ADD CONSTRAINT later UNIQUE ("Name") DEFERRABLE;

-- The key: by the exact name of a column, or a list as SQL has it.
SELECT error_of($$SELECT journey_bind_profile('shop.customers', 'id')$$);
SELECT error_of($$SELECT journey_bind_profile('shop.customers', 'a,b')$$);
SELECT key_columns, traits_column FROM journey.profile;
SELECT error_of($$SELECT journey_bind_profile('shop.customers', '"a,b"', 'traits')$$);
SELECT error_of($$SELECT journey_bind_profile('shop.customers', 'MAIL, "Name"')$$);
SELECT key_columns, traits_column FROM journey.profile;
SELECT count(*) FROM journey.source;
SELECT error_of($$SELECT journey_bind_profile('shop.customers', 'ID')$$);
SELECT error_of($$SELECT journey_bind_profile('shop.customers', 'idd')$$);
SELECT error_of($$SELECT journey_bind_profile('shop.customers', 'Name')$$);
SELECT error_of($$SELECT journey_bind_profile('shop.customers', 'mail')$$);
SELECT error_of($$SELECT journey_bind_profile('shop.customers', 'id, mail')$$);
SELECT error_of($$SELECT journey_bind_profile('shop.customers', 'id,')$$);
SELECT error_of($$SELECT journey_bind_profile('shop.customers', 'id, id')$$);
SELECT error_of($$SELECT journey_bind_profile('shop.customers', '')$$);
SELECT error_of($$SELECT journey_bind_profile('shop.customers', 'born')$$);
SELECT error_of($$SELECT journey_bind_profile('shop.customers', 'tags')$$);
SELECT error_of($$SELECT journey_bind_profile('shop.customers', 'ctid')$$);
SELECT error_of($$SELECT journey_bind_profile('shop.customers', NULL)$$);
SELECT error_of($$SELECT journey_bind_profile(NULL, 'id')$$);
SELECT error_of($$SELECT journey_bind_profile('shop.nothing', 'id')$$);
SELECT error_of($$SELECT journey_bind_profile(1::oid, 'id')$$);
SELECT error_of($$SELECT journey_bind_profile('shop.customers', 'id', 'trait')$$);
SELECT error_of($$SELECT journey_bind_profile('shop.customers', 'id', 'mail')$$);
CREATE DOMAIN shop.number AS int CHECK (VALUE > 0);
CREATE TABLE shop.by_domain (id shop.number PRIMARY KEY);
SELECT error_of($$SELECT journey_bind_profile('shop.by_domain', 'id')$$);
CREATE TABLE shop.wide (a int, b int, c int, d int, e int, f int, g int, h int, i int, UNIQUE (a, b, c, d, e, f, g, h, i), UNIQUE (a, b, c, d, e, f, g, h));
SELECT error_of($$SELECT journey_bind_profile('shop.wide', 'a,b,c,d,e,f,g,h,i')$$);
SELECT error_of($$SELECT journey_bind_profile('shop.wide', 'h,b,c,d,e,f,g,a')$$);
SELECT key_columns FROM journey.profile;
-- A failed try leaves what was bound, and no trigger.
SELECT tgrelid::regclass FROM pg_trigger WHERE tgname = 'journey_source';

-- Only tables.
CREATE VIEW shop.seen AS SELECT * FROM shop.customers;
CREATE MATERIALIZED VIEW shop.kept AS SELECT * FROM shop.customers;
CREATE TEMPORARY TABLE passing (id int PRIMARY KEY);
SELECT error_of($$SELECT journey_bind_profile('shop.seen', 'id')$$);
SELECT error_of($$SELECT journey_bind_profile('shop.kept', 'id')$$);
SELECT error_of($$SELECT journey_bind_profile('passing', 'id')$$);
SELECT error_of($$SELECT journey_bind_profile('pg_class', 'oid')$$);
SELECT error_of($$SELECT journey_bind_profile('journey.customer', 'customer')$$);
CREATE TABLE shop.parts (id text, region text, note text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE shop.parts_eu PARTITION OF shop.parts FOR VALUES IN ('eu');
CREATE TABLE shop.parts_us (note text, region text NOT NULL, id text NOT NULL);
ALTER TABLE shop.parts ATTACH PARTITION shop.parts_us FOR VALUES IN ('us');
SELECT error_of($$SELECT journey_bind_profile('shop.parts', 'region, id')$$);
SELECT error_of($$SELECT journey_bind_profile('shop.parts_eu', 'id, region')$$);

-- A partitioned one: read, written and heard of, also where a row moves to another partition.
INSERT INTO shop.parts VALUES ('ann', 'us', 'x');
CALL draw('j', '{"tiles": {"start": {"type": "entry", "on": [{"event": "go", "condition": "profile.note = ''x''"}]}, "mark": {"type": "update_profile", "set": {"note": "y"}},
	"hold": {"type": "wait"}, "done": {"type": "exit"}}, "edges": [{"from": "start", "to": "mark"}, {"from": "mark", "to": "hold"},
	{"from": "hold", "to": "done", "event": "$profile_changed", "condition": "profile.note = ''z''"}]}');
CALL emit('10:00', 'us:ann', 'go');
SELECT customer, tile FROM members;
SELECT tableoid::regclass, * FROM shop.parts;
UPDATE shop.parts SET note = 'z' WHERE id = 'ann';
SELECT customer, tile, outcome FROM members;
UPDATE shop.parts SET region = 'eu';
SELECT customer, event, props FROM journey.event WHERE event LIKE '$%' ORDER BY at, id;

-- Who may: level operate, and the owner of the table.
SET LOCAL ROLE regress_profile_author;
CREATE TABLE shop.mine (id int PRIMARY KEY);
SELECT error_of($$SELECT journey_bind_profile('shop.mine', 'id')$$);
SELECT error_of($$SELECT journey_unbind_profile()$$);
SET LOCAL ROLE regress_profile_operator;
SELECT error_of($$SELECT journey_bind_profile('shop.mine', 'id')$$);
CREATE TABLE shop.ours (id int PRIMARY KEY);
SELECT error_of($$SELECT journey_bind_profile('shop.ours', 'id')$$);
RESET ROLE;
SELECT schema_name, table_name FROM journey.profile;
-- What is bound no longer has no trigger any more.
SELECT tgrelid::regclass FROM pg_trigger WHERE tgname = 'journey_source';
-- Not by stealth: in what a superuser's REINDEX or ANALYZE of somebody's table runs.
CREATE FUNCTION shop.binds(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.journey_unbind_profile(); RETURN i; END $$;
INSERT INTO shop.ours VALUES (1);
SELECT error_of($$CREATE INDEX ON shop.ours (shop.binds(id))$$);
SET LOCAL ROLE regress_profile_operator;
SELECT error_of($$SELECT journey_unbind_profile()$$);
SELECT error_of($$SELECT journey_unbind_profile()$$);
RESET ROLE;
SELECT count(*) FROM journey.source;
SAVEPOINT readonly;
SET TRANSACTION READ ONLY;
SELECT error_of($$SELECT journey_bind_profile('shop.ours', 'id')$$);
ROLLBACK TO readonly;
-- The table goes with its trigger; to bind another, and to unbind, still works.
SELECT journey_bind_profile('shop.ours', 'id');
DROP TABLE shop.ours;
SELECT journey_bind_profile('shop.customers', 'id');
DROP TABLE shop.customers CASCADE;
SELECT journey_unbind_profile();
SELECT count(*) FROM journey.profile, journey.source;
ROLLBACK;
