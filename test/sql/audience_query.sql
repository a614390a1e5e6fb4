-- The query of an audience: what it may do, and that the last good members stand when it fails.
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
CREATE ROLE regress_journey_reader;
CREATE ROLE regress_journey_other;
SELECT journey_grant('regress_journey_reader', 'author'), journey_grant('regress_journey_other', 'author');
CREATE SCHEMA shop;
CREATE TABLE shop.buyer (name text, spent numeric, born timestamptz);
INSERT INTO shop.buyer VALUES ('ann', 2000, '2000-01-01 10:00+00'), ('bob', 1500, NULL), ('cy', 10, '2025-03-01 10:00+00');
CREATE TABLE shop.secret (name text);
CREATE FUNCTION shop.volatile(text) RETURNS text LANGUAGE plpgsql VOLATILE AS 'BEGIN INSERT INTO shop.buyer VALUES ($1); RETURN $1; END';
CREATE FUNCTION shop.pure(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE DOMAIN shop.checked AS text CHECK (shop.pure(VALUE) IS NOT NULL);
CREATE VIEW shop.through AS SELECT shop.pure(name) AS name FROM shop.buyer;
CREATE VIEW shop.rich AS SELECT name FROM shop.buyer WHERE spent > 1000;
GRANT USAGE ON SCHEMA shop, public TO regress_journey_reader, regress_journey_other;
GRANT SELECT ON shop.buyer, shop.through, shop.rich TO regress_journey_reader, regress_journey_other;
CREATE FUNCTION inside(of text) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS
$$ SELECT coalesce(string_agg(customer, ' ' ORDER BY customer), '') FROM journey.audience_member WHERE audience = of $$;
-- What creating it raises; whatever it makes is taken back.
CREATE FUNCTION tried(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	BEGIN
		PERFORM journey_audience_create('tried', query);
		SELECT inside('tried') INTO found;
		RAISE no_data_found;
	EXCEPTION WHEN no_data_found THEN
		RETURN 'gives: ' || found;
	END;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SAVEPOINT clean;
CALL at('10:00');

-- As its author, for whom a journey's SQL holds as well.
SET LOCAL ROLE regress_journey_reader;
SELECT tried('SELECT name FROM shop.buyer WHERE spent > 1000'), tried('SELECT name FROM shop.rich'), tried('TABLE shop.rich');
SELECT tried('SELECT name FROM shop.secret');
SELECT tried('SELECT name FROM buyer');
SELECT tried('SELECT rolname FROM pg_authid');
SELECT tried('SELECT customer FROM journey.member');
SELECT tried('SELECT name FROM shop.buyer; SELECT 1');
SELECT tried('SELECT name FROM shop.buyer;');
SELECT tried('DELETE FROM shop.buyer RETURNING name');
SELECT tried('WITH gone AS (DELETE FROM shop.buyer RETURNING name) SELECT name FROM gone');
SELECT tried('SELECT name INTO shop.copy FROM shop.buyer');
SELECT tried('SELECT name FROM shop.buyer FOR SHARE');
SELECT tried('SELECT b.name FROM (SELECT name FROM shop.buyer FOR UPDATE) AS b');
SELECT tried('COPY shop.buyer TO STDOUT'), tried('EXPLAIN SELECT 1'), tried('CALL shop.x()'), tried('-- nothing'), tried('SELEC 1');
SELECT tried('SELECT name, spent FROM shop.buyer'), tried('SELECT FROM shop.buyer'), tried('SELECT * FROM shop.buyer');
SELECT tried('SELECT name FROM shop.buyer ORDER BY spent'), tried('SELECT DISTINCT ON (name) name FROM shop.buyer ORDER BY name, spent');
-- functions, operators and types of others, in views too
SELECT tried('SELECT shop.volatile(name) FROM shop.buyer');
SELECT tried('SELECT shop.pure(name) FROM shop.buyer');
SELECT tried('SELECT name FROM shop.through');
SELECT tried('SELECT name::shop.checked FROM shop.buyer');
SELECT tried('SELECT pg_advisory_lock(1)'), tried('SELECT random()'), tried('SELECT clock_timestamp()'), tried('SELECT pg_terminate_backend(1)');
SELECT tried('SELECT set_config(''work_mem'', ''1MB'', false)'), tried('SELECT current_setting(''work_mem'')');
SELECT tried('SELECT journey_audience_drop(''tried'')::text');
SELECT tried('SELECT query_to_xml(''SELECT 1'', true, true, '''')::text');
SELECT tried('SELECT nextval(''journey.event_id'')');
-- none of the names of expressions
SELECT tried('SELECT customer FROM shop.buyer');
SELECT tried('SELECT traits->>''x'''), tried('SELECT member.customer'), tried('SELECT now'), tried('SELECT $1::text'), tried('SELECT name FROM shop.buyer WHERE name = $1');
RESET ROLE;

-- The time is the clock's, in the zone of journeys; whatever the session's settings are.
SET LOCAL TimeZone = 'Pacific/Auckland';
SET LOCAL DateStyle = 'German';
SET LOCAL ROLE regress_journey_reader;
SELECT tried('SELECT now()'), tried('SELECT CURRENT_DATE'), tried('SELECT localtimestamp'), tried('SELECT born FROM shop.buyer WHERE name = ''ann'''),
	tried('SELECT name FROM shop.buyer WHERE born > now() - interval ''7 days'''), tried('SELECT name FROM shop.buyer WHERE born = ''2000-01-01 10:00''');
SELECT tried('SELECT name FROM shop.buyer WHERE born < ''now''');
RESET ROLE;

-- Nobody's search_path, temporary table or operator steps in.
ROLLBACK TO clean;
CREATE SCHEMA evil;
CREATE FUNCTION evil.upper(text) RETURNS text LANGUAGE sql AS $$ SELECT 'evil' $$;
CREATE FUNCTION evil.ge(numeric, numeric) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR evil.>= (LEFTARG = numeric, RIGHTARG = numeric, FUNCTION = evil.ge);
CREATE FUNCTION evil.equal(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.equal);
CREATE TEMP TABLE fresh (customer text);
INSERT INTO fresh VALUES ('evil');
CREATE TEMP TABLE audience_member (audience text, customer text);
GRANT USAGE ON SCHEMA evil TO PUBLIC;
GRANT SELECT ON fresh TO PUBLIC;
SET LOCAL search_path = evil, pg_temp, pg_catalog, public;
SET LOCAL ROLE regress_journey_reader;
SELECT tried('SELECT upper(name) FROM shop.buyer WHERE spent >= 1000');
SELECT tried('SELECT customer FROM fresh'), tried('SELECT customer FROM pg_temp.fresh');
SELECT journey_audience_create('vip', 'SELECT name FROM shop.buyer WHERE spent >= 1000');
SELECT * FROM journey_audience_refresh('vip');
SELECT inside('vip');
RESET ROLE;

-- Row-level security is that of the author, not of whoever refreshes.
ROLLBACK TO clean;
CALL at('10:00');
ALTER TABLE shop.buyer ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON shop.buyer USING (name <> 'ann' OR current_user = 'regress_journey_other');
SET LOCAL ROLE regress_journey_reader;
SELECT journey_audience_create('mine', 'SELECT name FROM shop.buyer');
SET LOCAL ROLE regress_journey_other;
SELECT journey_audience_create('theirs', 'SELECT name FROM shop.buyer');
RESET ROLE;
SELECT inside('mine'), inside('theirs');
SELECT * FROM journey_audience_refresh('mine');
SET LOCAL row_security = off;
SELECT * FROM journey_audience_refresh('mine');
-- somebody else's: not his to refresh or drop; but whoever operates may
SET LOCAL ROLE regress_journey_other;
SELECT error_of($$SELECT journey_audience_refresh('mine')$$);
SELECT error_of($$SELECT journey_audience_drop('mine')$$);
RESET ROLE;
CREATE ROLE regress_journey_operator;
SELECT journey_grant('regress_journey_operator', 'operate');
SET LOCAL ROLE regress_journey_operator;
SELECT * FROM journey_audience_refresh('mine');
SELECT journey_audience_drop('theirs');
RESET ROLE;

-- Fails: the last good members stand, and it is said, in the row, by a warning and in journey.failure.
ROLLBACK TO clean;
\set VERBOSITY verbose
\set SHOW_CONTEXT never
CALL at('10:00');
SET LOCAL ROLE regress_journey_reader;
SELECT journey_audience_create('vip', 'SELECT name FROM shop.buyer WHERE spent / 10 >= 100');
RESET ROLE;
\set VERBOSITY default
SAVEPOINT good;
CALL at('11:00');
-- null, twice, empty, too long
INSERT INTO shop.buyer VALUES (NULL, 5000);
SELECT * FROM journey_audience_refresh('vip');
SELECT inside('vip'), members, refreshed_at, error, error_at FROM journey.audience;
CALL at('12:00');
UPDATE shop.buyer SET name = 'ann' WHERE name IS NULL;
SELECT * FROM journey_audience_refresh('vip');
CALL at('12:01');
UPDATE shop.buyer SET name = '' WHERE spent = 5000;
SELECT * FROM journey_audience_refresh('vip');
CALL at('12:02');
UPDATE shop.buyer SET name = repeat('é', 129) WHERE spent = 5000;
SELECT * FROM journey_audience_refresh('vip');
SELECT inside('vip'), members, refreshed_at, error, error_at FROM journey.audience;
SELECT source, sqlstate, minute, count, last_customer, message FROM journey.failure ORDER BY minute;
-- mended: 256 bytes are a customer
CALL at('12:03');
UPDATE shop.buyer SET name = repeat('é', 128) WHERE spent = 5000;
SELECT * FROM journey_audience_refresh('vip');
SELECT members, refreshed_at, error, error_at FROM journey.audience;
-- raises; takes too long; may no longer read; column, table, role gone
ROLLBACK TO good;
SET LOCAL ROLE regress_journey_reader;
SELECT journey_audience_create('ratio', 'SELECT name FROM shop.buyer WHERE 1000 / spent < 1');
RESET ROLE;
UPDATE shop.buyer SET spent = 0 WHERE name = 'cy';
SELECT * FROM journey_audience_refresh('ratio');
ROLLBACK TO good;
UPDATE shop.buyer SET spent = 0;
SET LOCAL ROLE regress_journey_reader;
SELECT journey_audience_create('slow', 'SELECT name FROM shop.buyer WHERE (SELECT count(*) FROM generate_series(1, spent::bigint) AS i, generate_series(1, 1000000) AS j) > 1');
RESET ROLE;
UPDATE shop.buyer SET spent = 1000000;
SET LOCAL journey.audience_timeout = '100ms';
SELECT * FROM journey_audience_refresh('slow');
SELECT name, error FROM journey.audience WHERE name = 'slow';
SAVEPOINT slow;
SELECT journey_audience_create('slower', 'SELECT i::text FROM generate_series(1, 1000000000) AS i');
ROLLBACK TO slow;
-- the caller's own limit is the caller's
SET LOCAL journey.audience_timeout = 0;
SET LOCAL statement_timeout = '100ms';
SELECT journey_audience_refresh('slow');
ROLLBACK TO good;
REVOKE SELECT ON shop.buyer FROM regress_journey_reader;
SELECT * FROM journey_audience_refresh('vip');
ROLLBACK TO good;
ALTER TABLE shop.buyer RENAME spent TO paid;
SELECT * FROM journey_audience_refresh('vip');
ROLLBACK TO good;
DROP TABLE shop.buyer CASCADE;
SELECT * FROM journey_audience_refresh('vip');
SELECT inside('vip');
ROLLBACK TO good;
SELECT journey_revoke('regress_journey_reader', 'author');
DROP OWNED BY regress_journey_reader;
DROP ROLE regress_journey_reader;
SELECT * FROM journey_audience_refresh('vip');
SELECT inside('vip');
SELECT source, sqlstate, message FROM journey.failure;
SELECT journey_audience_drop('vip');
-- a superuser's, where they may not own what runs
ROLLBACK TO good;
SET LOCAL journey.allow_superuser_owner = off;
SELECT error_of($$SELECT journey_audience_create('x', 'SELECT 1')$$);
SELECT * FROM journey_audience_refresh('vip');

-- Where nothing may be written, or somebody else's code runs.
ROLLBACK TO good;
CREATE FUNCTION shop.sneak() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT public.journey_audience_refresh('vip')::text $$;
CREATE TABLE shop.trap (x text);
INSERT INTO shop.trap VALUES ('x');
SELECT error_of('CREATE INDEX ON shop.trap ((x || shop.sneak()))');
SET TRANSACTION READ ONLY;
SELECT error_of($$SELECT journey_audience_refresh('vip')$$);
SELECT error_of($$SELECT journey_audience_create('x', 'SELECT 1')$$);
SELECT error_of($$SELECT journey_audience_drop('vip')$$);
ROLLBACK;
