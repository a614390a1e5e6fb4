-- The caller's search_path steps into none of our own SQL: operators that stand
-- before those of pg_catalog would raise.
\getenv abs_srcdir PG_ABS_SRCDIR
\set verbs :abs_srcdir '/every_verb.sql'
\set VERBOSITY terse
CREATE SCHEMA evil;
CREATE FUNCTION evil.trap() RETURNS bool LANGUAGE plpgsql AS
$$ BEGIN RAISE 'the caller''s operator ran as %', current_user; END $$;
DO $$
DECLARE
	type text;
	operator text;
BEGIN
	FOREACH type IN ARRAY '{text, int4, int8, int2, name, bool, timestamptz, uuid, oid, jsonb}'::text[] LOOP
		EXECUTE format('CREATE FUNCTION evil.f(%1$s, %1$s) RETURNS bool LANGUAGE sql AS ''SELECT evil.trap()''', type);
		FOREACH operator IN ARRAY '{=, <>, <, <=, >, >=}'::text[] LOOP
			EXECUTE format('CREATE OPERATOR evil.%2$s (LEFTARG = %1$s, RIGHTARG = %1$s, FUNCTION = evil.f)', type, operator);
		END LOOP;
	END LOOP;
END $$;

-- in a session that has done nothing yet
\c -
SET client_min_messages = error;
SET search_path = evil, pg_catalog;
SELECT 1 = 1 AS trapped;
BEGIN;
\set ECHO none
\o /dev/null
\i :verbs
\o
\set ECHO all
ROLLBACK;
SHOW search_path;

-- and where everything was prepared before the path changed
\c -
SET client_min_messages = error;
BEGIN;
\set ECHO none
\o /dev/null
\i :verbs
\o
\set ECHO all
ROLLBACK;
SET search_path = evil, pg_catalog;
BEGIN;
\set ECHO none
\o /dev/null
\i :verbs
\o
\set ECHO all
ROLLBACK;
RESET client_min_messages;
SET client_min_messages = warning;
DROP SCHEMA evil CASCADE;
