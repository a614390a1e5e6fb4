-- journey.condition_functions = any: an author's own functions, contained all the same.
--
-- What a superuser allows with it, and nothing here keeps an author's function from: session advisory locks and
-- NOTIFY, large objects (up to 15), DEALLOCATE and CLOSE of what the session has, catching query_canceled for
-- ever, and raising an error of class 40 or 57014, which is then taken for the server's own and is not isolated.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/condition.sql'
\set end :abs_srcdir '/condition_end.sql'
\set ECHO none
\i :helpers
\set ECHO all
\pset format unaligned
\pset tuples_only on
SET journey.condition_functions = 'any';
-- Deep recursion is to end before journey.condition_timeout does, on any machine.
SET max_stack_depth = '300kB';
SET journey.condition_timeout = '100ms';

SET ROLE regress_journey_author;
CREATE TABLE shop.written (a int);
CREATE SEQUENCE shop.counter;
CREATE FUNCTION shop.run(command text) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN true;
END
$$;
-- The same, and claims to be harmless.
CREATE FUNCTION shop.run_immutable(command text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM shop.run(command);
	RETURN true;
END
$$;
CREATE FUNCTION shop.setting(name text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT current_setting(name)';
CREATE FUNCTION shop.who() RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT current_user::text';
CREATE FUNCTION shop.deep(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN shop.deep(i + 1); END $$;
CREATE FUNCTION shop.swallow() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	PERFORM U&"pg\005Fsleep"(10);
	RETURN false;
EXCEPTION WHEN query_canceled THEN
	RETURN true;
END
$$;
CREATE FUNCTION shop.tell() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE 'from inside';
	RAISE WARNING 'from inside';
	RETURN true;
END
$$;
CREATE DOMAIN shop.checked AS text CHECK (shop.run('SET search_path = evil'));
CREATE FUNCTION shop.definer() RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = shop AS 'SELECT current_user::text';
RESET ROLE;

-- Everything of the session that an author would like to have changed.
CREATE FUNCTION session_state() RETURNS text LANGUAGE sql VOLATILE AS $$
SELECT concat_ws(' ', current_user, session_user, current_setting('role'), current_setting('search_path'), current_setting('row_security'),
	current_setting('transaction_read_only'), current_setting('default_transaction_read_only'), current_setting('transaction_isolation'),
	current_setting('TimeZone'), current_setting('DateStyle'), current_setting('client_min_messages'),
	current_setting('work_mem'), current_setting('statement_timeout'),
	(SELECT count(*) FROM pg_class WHERE relpersistence = 't'), (SELECT count(*) FROM pg_cursors), (SELECT count(*) FROM shop.written),
	(SELECT count(*) FROM pg_class WHERE relname = 'made'), (SELECT count(*) FROM pg_listening_channels()),
	(SELECT count(*) FROM pg_prepared_statements), (SELECT last_value FROM shop.counter))
$$;
CREATE FUNCTION attack(conditions text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	condition text;
	before text := session_state();
BEGIN
	FOREACH condition IN ARRAY regexp_split_to_array(trim(E'\n\t' FROM conditions), E'\n\t*') LOOP
		RETURN NEXT condition;
		RETURN NEXT '  ' || replace(probe(condition, '{"a": 1}'), '"on[0].condition" of tile "start": ', '');
		IF session_state() <> before THEN
			RETURN NEXT '  *** CHANGED ' || session_state();
		END IF;
	END LOOP;
	RESET ROLE;
	INSERT INTO shop.written VALUES (1);
	DELETE FROM shop.written;
END
$$;

-- As whom, and where.
SELECT attack($$
	shop.who() = 'regress_journey_author'
	shop.definer() = 'regress_journey_author'
	shop.setting('search_path') = 'pg_catalog, journey, pg_temp'
	shop.setting('transaction_read_only') = 'on'
	shop.setting('row_security') || shop.setting('DateStyle') || shop.setting('TimeZone') = 'onISO, MDYUTC'
	(select shop.who() || shop.setting('client_min_messages')) = 'regress_journey_authorerror'
	shop.run('SET ROLE NONE')
	shop.run('SET ROLE regress_journey_app')
	shop.run('RESET ROLE')
	shop.run('SET SESSION AUTHORIZATION postgres')
	shop.run('RESET SESSION AUTHORIZATION')
	shop.run('SET LOCAL ROLE NONE')
	set_config('role', 'none', false) is not null
	set_config('session_authorization', 'postgres', false) is not null$$);

-- Writing, and what outlives a statement.
SELECT attack($$
	shop.run('INSERT INTO shop.written VALUES (1)')
	shop.run_immutable('INSERT INTO shop.written VALUES (1)')
	(select shop.run_immutable('INSERT INTO shop.written VALUES (1)'))
	shop.run_immutable(customer || 'x')
	nextval('shop.counter') > 0
	shop.run('TRUNCATE shop.written')
	shop.run('CREATE TABLE shop.made (a int)')
	shop.run('CREATE TEMP TABLE made (a int)')
	shop.run('CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql RETURN 1')
	shop.run('DROP TABLE shop.written')
	shop.run('GRANT ALL ON shop.written TO PUBLIC')
	shop.run('DECLARE c CURSOR WITH HOLD FOR SELECT 1')
	shop.run('LISTEN x')
	shop.run('PREPARE made AS SELECT 1')
	shop.run('LOCK TABLE shop.written')
	shop.run('SELECT FROM shop.written FOR UPDATE')
	shop.run('REFRESH MATERIALIZED VIEW shop.made')
	shop.run('ANALYZE shop.written')
	shop.run('VACUUM')
	shop.run('COMMIT')
	shop.run('ROLLBACK')
	shop.run('SAVEPOINT x')
	shop.run('SET TRANSACTION READ WRITE')
	shop.run('SET transaction_read_only = off')
	set_config('transaction_read_only', 'off', true) is not null
	shop.run('SELECT public.journey_emit(''x'', ''y'')')
	shop.run('SELECT public.journey_create(''x'', ''{}'')')
	shop.run('SELECT * FROM public.journey_validate(''{}'')')
	shop.run('DO LANGUAGE plpgsql ''BEGIN INSERT INTO shop.written VALUES (1); END''')$$);

-- Settings.
SELECT attack($$
	set_config('search_path', 'evil', false) is not null
	set_config('row_security', 'off', false) is not null
	shop.run('SET search_path = evil')
	shop.run_immutable('SET search_path = evil')
	shop.run_immutable('SET work_mem = 64')
	shop.run('SET TimeZone = ''Asia/Tokyo''; SET DateStyle = German')
	shop.run('SET default_transaction_read_only = on')
	shop.run('SET statement_timeout = 1')
	shop.run('SET client_min_messages = debug5')
	shop.run('RESET ALL')
	shop.run('DISCARD ALL')
	shop.run('SET journey.now = ''2020-01-01''')
	shop.run('SET journey.condition_functions = safe')
	shop.run('SET session_replication_role = replica')
	'x'::shop.checked is not null
	customer::shop.checked is not null
	shop.tell()
	shop.run('SET search_path = evil') and shop.run('SELECT 1/0')
	(select shop.run('SET search_path = evil') and 1/0 = 1)$$);

-- Errors, and time.  (No test here waits: these are stopped.)
SELECT attack($$
	shop.deep(1) > 0
	U&"pg\005Fsleep"(5) is not null
	(select U&"pg\005Fsleep"(5)) is not null
	shop.run('SELECT U&"pg\005Fsleep"(5)')
	shop.run('SET statement_timeout = 1; SELECT U&"pg\005Fsleep"(5)')
	shop.swallow()
	shop.run('DO $x$BEGIN RAISE SQLSTATE ''22023''; END$x$')$$);

-- The mode is that of the session, at each evaluation.
SELECT probe_activate('shop.who() = ''regress_journey_author''') AS name \gset
SELECT probe_emit(:'name');
SET journey.condition_functions = 'safe';
SELECT probe_emit(:'name', customer => 'carl');
SET journey.condition_functions = 'any';
SELECT customer FROM journey.member WHERE journey = :'name' ORDER BY 1;
SET ROLE regress_journey_author;
SET journey.condition_functions = 'any';
RESET ROLE;

-- Who may no longer call a function is told so.
SELECT probe_activate('shop.definer() <> ''''') AS name \gset
SELECT probe_emit(:'name');
ALTER FUNCTION shop.definer() OWNER TO CURRENT_USER;
REVOKE ALL ON FUNCTION shop.definer() FROM PUBLIC, regress_journey_author;
SELECT probe_emit(:'name', customer => 'carl');
SELECT probe('shop.definer() <> ''''');

\set ECHO none
\i :end
