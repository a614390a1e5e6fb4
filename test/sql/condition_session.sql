-- The same in every session: what an application has set, or made, changes no result.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/condition.sql'
\set end :abs_srcdir '/condition_end.sql'
\set ECHO none
\i :helpers
\set ECHO all
\pset format unaligned
\pset tuples_only on

-- As unlike the usual session as it gets.
CREATE SCHEMA evil;
CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'evil' $$;
CREATE FUNCTION evil.plus(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 666';
CREATE OPERATOR evil.+ (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.plus);
CREATE DOMAIN evil.date AS text;
CREATE TABLE evil.pg_class (a int);
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE FUNCTION be_odd() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	setting text[];
BEGIN
	FOREACH setting SLICE 1 IN ARRAY ARRAY[
		['search_path', 'evil, pg_catalog, lab, public, pg_temp'], ['TimeZone', 'Asia/Kathmandu'], ['timezone_abbreviations', 'Australia'],
		['DateStyle', 'SQL, DMY'], ['IntervalStyle', 'sql_standard'], ['extra_float_digits', '-10'], ['bytea_output', 'escape'],
		['lc_time', 'POSIX'], ['lc_numeric', 'POSIX'], ['lc_monetary', 'POSIX'], ['standard_conforming_strings', 'off'],
		['backslash_quote', 'on'], ['escape_string_warning', 'on'], ['transform_null_equals', 'on'], ['array_nulls', 'off'],
		['xmlbinary', 'hex'], ['xmloption', 'document'], ['quote_all_identifiers', 'on'], ['default_text_search_config', 'pg_catalog.german'],
		['gin_fuzzy_search_limit', '1'], ['row_security', 'off'], ['plan_cache_mode', 'force_custom_plan'], ['client_min_messages', 'error'],
		['enable_seqscan', 'off'], ['default_transaction_deferrable', 'on']]
	LOOP
		PERFORM set_config(setting[1], setting[2], false);
	END LOOP;
END
$$;

CREATE TABLE shop.orders (customer text, total float8, placed_at timestamptz, took interval, photo bytea);
INSERT INTO shop.orders VALUES ('ann', 1.1::float8 / 3, '2025-07-01 10:00+00', '1 day 02:03:04.5', '\x00ff5c');
ALTER TABLE shop.orders OWNER TO regress_journey_author;
SET ROLE regress_journey_author;
SELECT journey_create('everywhere', jsonb_build_object('timezone', 'traits->>''zone''', 'tiles', jsonb_build_object(
	'start', '{"type": "entry", "on": [{"event": "look"}]}'::jsonb,
	'hold', '{"type": "wait", "for": "1 minute"}'::jsonb,
	'note', jsonb_build_object('type', 'update_profile', 'set', (
		SELECT jsonb_object_agg(e, '{{ ' || e || ' }}') FROM regexp_split_to_table($$now
			now::text
			'at ' || now
			to_char(now, 'TMDay TMMonth HH24:MI TZ')
			date '01/02/2025'
			('01/02/' || '2025')::date
			(context->>'day')::date::text
			(context->>'day')::timestamptz
			timestamptz '2025-07-01 10:00'
			timestamptz '2025-07-01 10:00 EST'
			(context->>'abbreviation')::timestamptz
			tstzrange(now, null)::text
			interval '1 day 02:03:04.5'
			(interval '1 day 02:03:04.5')::text
			interval '1-2'
			((context->>'float')::float8 / 3)::text
			1.1::float8 / 3
			array[0.1::float4, 1.1::float8 / 3]::text
			point(0.1::float8, 1.1::float8 / 3)::text
			('\x00ff5c'::bytea)::text
			convert_to(context->>'text', 'UTF8')::text
			'back\slash'
			E'back\tslash'
			length('a\\b')
			(null = null) is null
			'{a,NULL,"NULL"}'::text[]
			(context->>'array')::text[]
			quote_ident('plain') || format(' %I', 'plain')
			to_tsvector('running dogs and Häuser')::text
			1234.5::money::text
			to_char(1234567.891, 'L9G999G999D99')
			to_number('1,234.5', '9G999D9')
			lower('UPPER')
			1 + 1
			1 + visits
			'pg_class'::regclass::text
			to_regclass('shop.orders')::text
			current_schemas(true)::text
			xmlelement(name a, '\x00ff'::bytea)::text
			xmlparse(content 'a<b/>')::text
			(select total::text || ' ' || placed_at || ' ' || took || ' ' || photo from shop.orders)
			(select to_jsonb(o) from shop.orders o)
			(select array_agg(total)::text from shop.orders where placed_at < '2025-07-02')
			(select count(*) from shop.orders where placed_at::text like '2025-07-01%')
			(select null = null from shop.orders) is null
			age(timestamptz '2025-01-01')::text
			date_trunc('day', now)::text
			extract(dow from local_now)
			make_timestamptz(2025, 1, 2, 3, 4, 5)
			jsonb_path_query_first_tz(jsonb_build_array(context->'day'), '$[*].datetime("DD/MM/YYYY") < "2025-07-01".datetime()')$$, '\n\s*') e)),
	'yes', '{"type": "exit"}'::jsonb, 'no', '{"type": "exit"}'::jsonb),
	'edges', '[{"from": "start", "to": "hold"}, {"from": "hold", "to": "note"},
		{"from": "note", "to": "yes", "condition": "(traits->>''1 + 1'')::int = 2 and now::text like ''%-04'' or (select current_date > ''03/01/2025'')"},
		{"from": "note", "to": "no"}]'::jsonb));
SELECT journey_activate('everywhere');
RESET ROLE;
CREATE TABLE look_props AS SELECT '{"day": "01/02/2025", "abbreviation": "2025-01-01 10:00 EST", "float": 1.1, "text": "ä\\", "array": "{a,NULL}"}'::jsonb AS props;
CREATE FUNCTION look(customer text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM journey_identify(customer, '{"zone": "America/New_York"}');
	PERFORM set_config('journey.now', '2025-03-04 12:00:00+00', true);
	PERFORM journey_emit(customer, 'look', props) FROM look_props;
	PERFORM journey_advance_to('2025-03-04 12:01:00+00');
END
$$;

-- Compiled in an odd session and asked in it, then in the same one when it is usual again; and the other way round.
\c
SELECT lab.be_odd();
SELECT lab.look('odd');
RESET ALL;
SET search_path = lab, public;
SELECT look('then usual');
\c
SET search_path = lab, public;
SELECT look('usual');
SELECT be_odd();
SELECT look('then odd');
SHOW DateStyle;
SHOW xmloption;
RESET ALL;
SET search_path = lab, public;
SELECT sqlstate, message FROM journey.failure;
SELECT customer, tile FROM journey.member ORDER BY 1;
SELECT count(DISTINCT traits) FROM journey.customer;
SELECT key || E'\n    ' || string_agg(DISTINCT value::text, E'\n *** ') FROM journey.customer, jsonb_each(traits) GROUP BY key ORDER BY key COLLATE "C";

-- A zone is one that has a name: every other rule would stay in the server's memory.
SELECT journey_identify('posix', '{"zone": "AAA5BBB"}'), journey_identify('named', '{"zone": "est5edt"}');
SELECT journey_emit(customer, 'look') > 0 FROM unnest('{posix,named}'::text[]) AS customer;
SELECT last_customer, sqlstate, message FROM journey.failure;

-- Templates: what to_jsonb() makes of values that JSON does not have, and texts around them.
CREATE FUNCTION rendered(template jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	name text := 'template_' || nextval('probe_number');
BEGIN
	SET LOCAL ROLE regress_journey_author;
	PERFORM journey_create(name, jsonb_build_object('tiles', jsonb_build_object('start', jsonb_build_object('type', 'entry', 'on',
		jsonb_build_array(jsonb_build_object('event', name))), 'note', jsonb_build_object('type', 'update_profile', 'set', template),
		'end', '{"type": "exit"}'::jsonb), 'edges', '[{"from": "start", "to": "note"}, {"from": "note", "to": "end"}]'::jsonb));
	PERFORM journey_activate(name);
	RESET ROLE;
	PERFORM journey_emit(name, name, '{"n": null, "list": [1, "a"], "text": "\"}}"}');
	RETURN coalesce(probe_failures(name), (SELECT traits::text FROM journey.customer WHERE customer = name));
EXCEPTION WHEN OTHERS THEN
	RETURN format('not activated: %s %s', SQLSTATE, SQLERRM);
END
$$;
SELECT left(template::text, 160) || E'\n    ' || rendered(template) FROM (VALUES
	(1, '{"a": "{{ ''NaN''::numeric }}", "b": "{{ ''Infinity''::numeric }}", "c": "{{ ''-inf''::numeric }}", "d": "is {{ ''NaN''::numeric }}"}'::jsonb),
	(2, '{"a": "{{ ''NaN''::float8 }}", "b": "{{ ''inf''::float4 }}", "d": "{{ 12.50 }}", "e": "{{ -0.0 }}"}'),
	(3, '{"a": "{{ 1 }}", "b": "{{ 2::smallint }}", "c": "{{ 3::bigint }}", "d": "{{ 4::text }}", "e": "{{ true }}", "f": "{{ ''x''::name }}"}'),
	(4, '{"a": "{{ null::jsonb }}x", "b": "{{ context->''n'' }}x", "c": "{{ context->''list'' }}", "d": "{{ context->''list'' }}{{ 1 }}"}'),
	(5, '{"a": "{{ ''}}'' }}", "b": "{{ ''it''''s }}'' }}", "c": "{{ context->>''text'' }}", "d": "{{ 1 as \"}}\" }}"}'),
	(6, '{"a": "{{ array[1,null] }}", "b": "{{ row(1,''x'') }}", "c": "{{ ''{\"k\": 1}''::json }}", "d": "{{ ''{}''::jsonb }}", "e": "{{ array[]::int[] }}"}'),
	(7, '{"a": ["{{ 1 }}", ["{{ customer }}", {"b": "{{ key }}"}], [], {}], "b": "no {{ 1 }} {{ 2 }}{{ 3 }} end"}'),
	(8, '{"a": "open {{ 1", "b": "{{ 1 }}"}'),
	(9, '{"a": "{{ ''open }}"}'),
	(10, '{"a": "{{ }}"}'),
	(11, '{"a": "{{ 1; 2 }}"}'),
	(12, '{"a": "{{ 1, 2 }}"}'),
	(13, '{"a": "}} {single} { {", "b{{ 1 }}": 1}'),
	(14, '{"a": "{{ count(*) }}", "b": "{{ random() }}"}'),
	(15, '{"a": "{{ 1 / (visits - 1) }}", "b": 2}'),
	(16, '{"a": "{{ lo_create(0) }}"}'),
	(17, '{"a": "{{ (select jsonb_object_agg(k, v) from jsonb_each(context) as e (k, v)) }}"}'),
	(18, ('{"a": ' || repeat('[', 90) || '"{{ 1 }}"' || repeat(']', 90) || '}')::jsonb),
	(19, ('{"a": ' || repeat('[', 200) || '"{{ 1 }}"' || repeat(']', 200) || '}')::jsonb),
	(20, '{"a": "{{ customer::regclass }}"}'),
	(21, '{"a": "{{ (select o from shop.orders o) }}"}'),
	(22, '"{{ 1 }}"'),
	(23, '"{{ context - ''text'' }}"')) AS x (n, template)
 ORDER BY n;

\set ECHO none
SET client_min_messages = warning;
DROP SCHEMA evil CASCADE;
\i :end
