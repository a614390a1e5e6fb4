-- Secrets of destinations: what can be one, and that nothing shows it.
\set VERBOSITY terse
BEGIN;
\ir test/helpers.sql

CREATE FUNCTION complaint(config jsonb, secret text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
	hint text;
	context text;
BEGIN
	PERFORM journey_destination_create('tried', 'webhook', '{"url": "https://example.com"}'::jsonb || config, secret);
	RAISE 'undo' USING ERRCODE = 'ZZ999';
EXCEPTION
	WHEN SQLSTATE 'ZZ999' THEN
		RETURN 'none';
	WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
		RETURN CASE WHEN position('hush' IN concat(message, detail, hint, context)) > 0 THEN 'WRONG: it shows the secret: ' ELSE '' END
			   || concat_ws(E'\n  ', SQLSTATE || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END
$$;

\echo -- its form
SELECT label, complaint(config, secret)
  FROM (VALUES
	('text', '{"user": "{{ secret }}"}'::jsonb, 'hush'),
	('blanks', '{"user": "{{ secret }}"}', 'hush hush'),
	('object', '{"user": "{{ secret.a }}", "password": "{{ secret.b }}"}', '{"a": "hush", "b": "hush"}'),
	('object as it is', '{"user": "{{ secret }}"}', '{"a": "hush"}'),
	('keys', '{}', 'whsec_' || encode(repeat('hush', 6)::bytea, 'base64') || ' whsec_' || replace(encode(repeat('hush', 16)::bytea, 'base64'), E'\n', '')),
	('signing', '{"user": "{{ secret.a }}"}', '{"a": "hush", "signing": "whsec_' || encode(repeat('hush', 6)::bytea, 'base64') || '"}'),
	('none', '{"user": "{{ secret }}"}', NULL),
	('none of that name', '{"user": "{{ secret.a }}"}', NULL),
	('empty', '{"user": "{{ secret }}"}', ''),
	('line end', '{"user": "{{ secret }}"}', E'hush\r\nX: y'),
	('line end at the end', '{"user": "{{ secret }}"}', E'hush\n'),
	('long', '{"user": "{{ secret }}"}', repeat('hush', 20000)),
	('no JSON', '{"user": "{{ secret.a }}"}', '{"a": hush}'),
	('half JSON', '{"user": "{{ secret.a }}"}', '{"a": "hush"'),
	('number', '{"user": "{{ secret.a }}"}', '{"a": "hush", "b": 1}'),
	('nested', '{"user": "{{ secret.a }}"}', '{"a": {"b": "hush"}}'),
	('line end in a text', '{"user": "{{ secret.a }}"}', '{"a": "hush\r\n"}'),
	('empty text', '{"user": "{{ secret.a }}"}', '{"a": "", "b": "hush"}'),
	('nul', '{"user": "{{ secret.a }}"}', '{"a": "hush\u0000"}'),
	('text instead of object', '{"user": "{{ secret.a }}"}', 'hush'),
	('other names', '{"user": "{{ secret.a }}"}', '{"hush": "hush"}'),
	('short key', '{}', 'whsec_' || encode('hush', 'base64')),
	('long key', '{}', 'whsec_' || replace(encode(repeat('hush', 17)::bytea, 'base64'), E'\n', '')),
	('no base64', '{}', 'whsec_hush!hush!hush!hush!hush!hush!hu'),
	('second key', '{}', 'whsec_' || encode(repeat('hush', 6)::bytea, 'base64') || ' hush'),
	('signing is no key', '{"user": "{{ secret.a }}"}', '{"a": "hush", "signing": "hush"}'),
	('file with a path', '{"user": "{{ secret }}"}', 'file:../hush'),
	('file that hides', '{"user": "{{ secret }}"}', 'file:.hush'),
	('no file', '{"user": "{{ secret }}"}', 'file:')) AS v (label, config, secret);

\echo -- warnings
SELECT journey_destination_create('unused', 'webhook', '{"url": "https://example.com"}', 'hush');
SELECT journey_destination_create('unused mail', 'smtp', '{"url": "smtp://example.com", "from": "a@example.com"}', 'hush');
SELECT journey_destination_create('later', 'webhook', '{"url": "https://example.com", "user": "{{ secret }}"}', 'file:smtp_password');
SELECT secret FROM journey.secret WHERE destination = 'later';

\echo -- nobody but superusers reads it
SELECT journey_destination_create('hushed', 'webhook', '{"url": "https://example.com/{{ secret.path }}", "user": "{{ secret.user }}"}', '{"user": "hush", "path": "hush"}');
CREATE ROLE regress_all;
SELECT journey_grant('regress_all', level) FROM unnest('{emit,author,view,operate}'::text[]) AS level;
SELECT has_table_privilege('regress_all', 'journey.secret', 'SELECT, INSERT, UPDATE, DELETE') AS reads,
	   has_any_column_privilege('regress_all', 'journey.secret', 'SELECT, INSERT, UPDATE') AS columns,
	   (SELECT bool_or(a.grantee <> c.relowner) FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = 'journey.secret'::regclass) AS anybody;
-- (A view may ask whether there is one: its first column.)
SELECT coalesce(string_agg(dependent.relname, ' '), 'none') AS views
  FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class dependent ON dependent.oid = r.ev_class
 WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = 'journey.secret'::regclass AND d.refobjsubid <> 1;
SELECT extconfig @> ARRAY['journey.secret'::regclass::oid] AS dumped FROM pg_extension WHERE extname = 'journey';
-- Whatever he may read, it is not there.
CREATE FUNCTION found_by(role name) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	relation record;
	found text := '';
	n bigint;
BEGIN
	FOR relation IN
		SELECT c.oid::regclass AS name FROM pg_class c
		 WHERE c.relnamespace = 'journey'::regnamespace AND c.relkind IN ('r', 'v', 'p') AND has_table_privilege(role, c.oid, 'SELECT')
	LOOP
		EXECUTE format('SELECT count(*) FROM %s AS r WHERE r::text LIKE ''%%hush"%%''', relation.name) INTO n;
		IF n > 0 THEN
			found := found || relation.name::text || ' ';
		END IF;
	END LOOP;
	RETURN coalesce(nullif(found, ''), 'nowhere');
END
$$;
SELECT found_by('regress_all');
SELECT found_by(current_user) AS superuser;
SET LOCAL ROLE regress_all;
SAVEPOINT asked;
SELECT * FROM journey.secret;
ROLLBACK TO asked;
SELECT needs_secret, config FROM journey.destination WHERE name = 'hushed';

\echo -- nor for those who may read everything
RESET ROLE;
CREATE ROLE regress_reader IN ROLE pg_read_all_data;
ANALYZE journey.secret;
SET LOCAL ROLE regress_reader;
SELECT count(*) FROM journey.secret;
SELECT count(*) FROM pg_stats WHERE tablename = 'secret' AND attname = 'secret';
RESET ROLE;
SELECT count(*) FROM pg_stats WHERE tablename = 'secret' AND attname = 'secret';

\echo -- who looks at the statement sees another
RESET ROLE;
DO $$
BEGIN
	PERFORM journey_destination_update('hushed', secret => '{"user": "hushhush", "path": "hushhush"}');
	PERFORM pg_stat_clear_snapshot();
	RAISE NOTICE 'shown: %, %', (SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()), current_query();
END
$$;

\echo -- savepoints take it back
SAVEPOINT before;
SELECT journey_destination_update('hushed', '{"url": "https://example.com"}', '');
SELECT needs_secret, (SELECT count(*) FROM journey.secret WHERE destination = 'hushed') AS secrets FROM journey.destination WHERE name = 'hushed';
ROLLBACK TO before;
SELECT needs_secret, (SELECT secret FROM journey.secret WHERE destination = 'hushed') AS secret FROM journey.destination WHERE name = 'hushed';
-- Several times in one transaction, and what was there before by accident.
SELECT journey_destination_update('hushed', secret => '{"user": "hush1", "path": "x"}');
SELECT journey_destination_update('hushed', secret => '{"user": "hush2", "path": "x"}');
SELECT secret FROM journey.secret WHERE destination = 'hushed';
SELECT journey_destination_drop('hushed');
INSERT INTO journey.secret VALUES ('hushed', 'of another time');
SELECT journey_destination_create('hushed', 'webhook', '{"url": "https://example.com"}');
SELECT count(*) FROM journey.secret WHERE destination = 'hushed';

\echo -- a copy from a dump has none
SELECT journey_destination_update('hushed', '{"url": "https://example.com"}', 'whsec_' || encode(repeat('hush', 6)::bytea, 'base64'));
DELETE FROM journey.secret WHERE destination = 'hushed';
SELECT journey_destination_update('hushed', '{"url": "https://example.com/2"}');
SELECT needs_secret FROM journey.destination WHERE name = 'hushed';
ROLLBACK;
