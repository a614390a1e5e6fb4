-- journey.condition_functions = safe, the default: no code but the server's own runs for an author.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/condition.sql'
\set end :abs_srcdir '/condition_end.sql'
\set ECHO none
\i :helpers
\set ECHO all
\pset format unaligned
\pset tuples_only on

-- What an author brings along.  trap() tells that it ran by a lock that outlives the transaction.
SET ROLE regress_journey_author;
CREATE TABLE shop.orders (customer text, total numeric);
INSERT INTO shop.orders VALUES ('ann', 10);
CREATE FUNCTION shop.trap(x anyelement) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM pg_advisory_lock(42);
	RETURN true;
END
$$;
CREATE FUNCTION shop.trap_text(x anyelement) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM pg_advisory_lock(42);
	RETURN 'x';
END
$$;
CREATE FUNCTION shop.trap_sql(x int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT pg_advisory_lock(42) IS NOT NULL';
CREATE FUNCTION shop.harmless(x int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT x > 0';
CREATE OPERATOR shop.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq);
CREATE FUNCTION shop.trap_int(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT shop.trap($1)';
CREATE OPERATOR shop.!!! (RIGHTARG = int, FUNCTION = shop.trap_int);
CREATE DOMAIN shop.checked AS text CHECK (shop.trap(VALUE));
CREATE DOMAIN shop.plain AS int CHECK (VALUE > 0);
CREATE DOMAIN shop.truth AS bool;
CREATE TYPE shop.pair AS (a int, b shop.checked);
CREATE TYPE shop.pair_of_pairs AS (a shop.pair[]);
CREATE TYPE shop.span AS RANGE (SUBTYPE = shop.checked, MULTIRANGE_TYPE_NAME = shop.multispan);
CREATE TYPE shop.simple AS (a int, b text);
CREATE TYPE shop.mood AS ENUM ('good', 'bad');
CREATE TABLE shop.moods (mood shop.mood, number shop.plain, is_true shop.truth);
INSERT INTO shop.moods VALUES ('good', 1, true);
CREATE FUNCTION shop.mood_json(shop.mood) RETURNS json LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM pg_advisory_lock(42);
	RETURN '"mood"';
END
$$;
CREATE CAST (shop.mood AS json) WITH FUNCTION shop.mood_json(shop.mood);
CREATE TYPE shop.color AS ENUM ('red', 'blue');
CREATE FUNCTION shop.color_json(shop.color) RETURNS json LANGUAGE sql IMMUTABLE AS 'SELECT to_json(pg_advisory_lock(42) IS NULL)';
CREATE CAST (shop.color AS json) WITH FUNCTION shop.color_json(shop.color);
CREATE AGGREGATE shop.every(bool) (SFUNC = booland_statefunc, STYPE = bool);
CREATE VIEW shop.rolling AS SELECT customer, random() > 2 AS x FROM shop.orders;
CREATE VIEW shop.trapped AS SELECT customer FROM shop.orders WHERE shop.trap(customer);
CREATE VIEW shop.locking AS SELECT customer FROM shop.orders FOR UPDATE;
CREATE VIEW shop.good AS SELECT customer, total FROM shop.orders WHERE total > 0;
CREATE TABLE shop.guarded (customer text);
INSERT INTO shop.guarded VALUES ('ann');
CREATE POLICY by_function ON shop.guarded USING (shop.trap(customer));
ALTER TABLE shop.guarded ENABLE ROW LEVEL SECURITY;
ALTER TABLE shop.guarded FORCE ROW LEVEL SECURITY;
CREATE TABLE shop.indexed (customer text, a int);
INSERT INTO shop.indexed VALUES ('ann', 1);
CREATE INDEX ON shop.indexed (a) WHERE shop.trap(1);
CREATE TABLE shop.indexed_sql (customer text, a int);
INSERT INTO shop.indexed_sql VALUES ('ann', 1);
CREATE INDEX ON shop.indexed_sql (a) WHERE shop.trap_sql(1);
CREATE TABLE shop.by_expression (customer text, a int);
INSERT INTO shop.by_expression VALUES ('ann', 1);
CREATE INDEX ON shop.by_expression (shop.harmless(a));
CREATE SEQUENCE shop.counter;
RESET ROLE;
SELECT pg_advisory_unlock_all();

-- A line for each: refused when it is activated, or when it is asked, or what it gave.  Never a lock.
CREATE FUNCTION attack(conditions text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	condition text;
BEGIN
	FOREACH condition IN ARRAY regexp_split_to_array(trim(E'\n\t' FROM conditions), E'\n\t*') LOOP
		RETURN NEXT condition;
		RETURN NEXT '  ' || replace(probe(condition, '{"a": 1}'), '"on[0].condition" of tile "start": ', '');
		IF EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) THEN
			RETURN NEXT '  *** IT RAN';
			PERFORM pg_advisory_unlock_all();
		END IF;
	END LOOP;
END
$$;

-- Functions of the server that write, lock, wait, tell or show what is not the author's.
SELECT attack($$
	U&"pg\005Fsleep"(5) is not null
	random() > 2
	clock_timestamp() > now
	timeofday() = ''
	set_config('search_path', 'evil', false) is not null
	set_config('row_security', 'off', false) is not null
	current_setting('search_path') is not null
	current_setting('is_superuser', true) = 'on'
	pg_advisory_lock(42) is not null
	pg_try_advisory_xact_lock(42)
	pg_notify('x', 'y') is not null
	lo_create(0) > 0
	lo_from_bytea(0, '') > 0
	lo_get(1) is not null
	nextval('shop.counter') > 0
	setval('shop.counter', 1) > 0
	currval('shop.counter') > 0
	lastval() > 0
	query_to_xml('select shop.trap(1)', true, true, '') is not null
	cursor_to_xml('c', 1, true, true, '') is not null
	table_to_xml('shop.trapped', true, true, '') is not null
	schema_to_xml('shop', true, true, '') is not null
	database_to_xml(true, true, '') is not null
	query_to_xmlschema('select shop.trap(1)', true, true, '') is not null
	ts_stat('select shop.trap_text(1)::tsvector') is not null
	(select count(*) > 0 from ts_stat('select shop.trap_text(1)::tsvector'))
	ts_rewrite('a'::tsquery, 'select shop.trap_text(1)::tsquery, $1') is not null
	txid_current() > 0
	pg_current_xact_id() is not null
	txid_current_if_assigned() is null
	pg_current_xact_id_if_assigned() is null
	pg_export_snapshot() is not null
	pg_terminate_backend(1)
	pg_cancel_backend(1)
	pg_reload_conf()
	pg_read_file('postgresql.conf') is not null
	pg_ls_dir('.') is not null
	pg_stat_reset() is null
	pg_backend_pid() > 0
	inet_client_addr() is null
	pg_my_temp_schema() = 0
	pg_trigger_depth() = 0
	session_user = current_user
	session_user() = current_user
	current_query() = ''
	(select count(*) > 0 from pg_settings)
	(select count(*) > 0 from pg_prepared_statements)
	(select count(*) > 0 from pg_cursors)
	(select count(*) > 0 from pg_locks)
	(select count(*) > 0 from pg_listening_channels())
	json_populate_record(null::shop.pair, '{"b": "x"}') is null
	jsonb_populate_record(null::shop.simple, '{"b": "x"}') is null
	(select count(*) > 0 from jsonb_populate_recordset(null::shop.pair, '[{"b": "x"}]'))
	fmgr_sql_validator('shop.harmless'::regproc) is null
	current_user = 'regress_journey_author' and current_role = user
	pg_has_role('regress_journey_app', 'usage')
	has_table_privilege('shop.orders', 'select')
	current_schema = 'pg_catalog'
	version() is not null$$);

-- Functions, operators, aggregates and types of somebody's own.
SELECT attack($$
	shop.trap(1)
	shop.trap(customer)
	shop.harmless(1)
	exists (select from shop.orders where shop.harmless(1))
	(select shop.every(total > 0) from shop.orders)
	customer operator(shop.===) 'ann'
	operator(shop.!!!) 1
	customer = any (array['ann']) and customer operator(shop.===) any (array['ann'])
	row(customer, 1) operator(shop.===) row('ann', 1)
	'x'::shop.checked is not null
	cast('x' as shop.checked) is not null
	shop.checked 'x' is not null
	shop.checked('x') is not null
	customer::shop.checked is not null
	(props->>'a')::shop.plain > 0
	'{x}'::shop.checked[] is not null
	array['x']::shop.checked[] is not null
	'(1,x)'::shop.pair is not null
	row(1, 'x')::shop.pair is not null
	'("{""(1,x)""}")'::shop.pair_of_pairs is not null
	'[a,b]'::shop.span is not null
	'{[a,b]}'::shop.multispan is not null
	shop.span('a', 'b') is not null
	'(x,1)'::shop.orders is not null
	row('ann', 1)::shop.orders is not null
	row(1, 'x')::shop.simple = row(1, 'x')::shop.simple
	'good'::shop.mood = 'good'
	exists (select from jsonb_to_record('{"a": "x"}') as x (a shop.checked))
	exists (select from jsonb_to_recordset('[{"a": "x"}]') as x (a int, b shop.pair))
	exists (select from json_to_recordset('[{"a": 1}]') as x (a int, b text))
	exists (select from rows from (jsonb_to_record('{"a": "x"}') as (a shop.checked), generate_series(1, 2)))
	exists (select from xmltable('/a' passing '<a/>' columns b shop.checked path '.'))
	exists (select from xmltable('/a' passing '<a/>' columns b text path '.'))
	xmlserialize(content '<a/>'::xml as shop.checked) is not null
	exists (select 'x'::shop.checked union select 'y')
	exists (with recursive r as (select 'x'::shop.checked as a union all select a from r) select from r)
	exists (values ('x'::shop.checked))
	(select case when true then 'x' else 'y'::shop.checked end) is not null
	coalesce(null, 'y'::shop.checked) is not null
	'x'::pg_temp.checked is not null
	pg_temp.f()
	exists (select from pg_temp.t)
	'cardinal_number'::information_schema.cardinal_number > 0
	exists (select from information_schema.tables)$$);

-- What an author's own tables, views and policies would run.
SELECT attack($$
	exists (select from shop.rolling where x)
	exists (select from shop.trapped)
	exists (select from shop.locking)
	exists (select from shop.good where total > 5)
	exists (select from shop.guarded)
	exists (select from shop.orders for update)
	exists (select from shop.orders for key share)
	exists (with o as (select * from shop.orders for share) select from o)
	(select number > 0 from shop.moods)
	(select is_true from shop.moods)
	exists (select from shop.indexed where a = 1)
	exists (select from shop.indexed_sql where a = 1)
	exists (select from shop.by_expression where a = 1)
	(select mood = 'good' from shop.moods)
	(select to_jsonb(mood) = '"mood"' from shop.moods)
	(select to_json(mood) is not null from shop.moods)
	(select row_to_json(m) is not null from shop.moods m)
	(select row_to_json(x) is not null from (select mood from shop.moods) x)
	(select json_agg(mood) is not null from shop.moods)
	(select jsonb_object_agg('a', mood) is not null from shop.moods)
	(select json_build_object('a', mood) is not null from shop.moods)
	(select jsonb_build_array(variadic array[mood]) is not null from shop.moods)
	(select json_build_array(mood::text) is not null from shop.moods)
	to_jsonb(enum_first(null::shop.mood)) is not null$$);

-- Which function is named, the cast's or the one that it calls, depends on the server's version.
SELECT probe('to_jsonb(''red''::shop.color) is not null') LIKE 'event: 42501 function %, timer: no',
	probe('(select jsonb_agg(x) is not null from unnest(enum_range(null::shop.color)) x)') LIKE 'event: 42501 function %, timer: no';
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();

-- Planning for an author leaves the application's indexes as they are.
CREATE TABLE shop.many AS SELECT i AS a FROM generate_series(1, 1000) i;
CREATE INDEX many_harmless ON shop.many (shop.harmless(a)) WHERE shop.harmless(a);
GRANT SELECT ON shop.many TO regress_journey_author;
ANALYZE shop.many;
\c
SET search_path = lab, public;
SELECT probe('exists (select from shop.many where a = 1)');
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT FROM shop.many WHERE shop.harmless(a);
RESET enable_seqscan;

-- Somebody's own table, index and type can change after the activation.
SELECT probe_activate('exists (select from shop.by_expression where a = 1)') AS name \gset
SELECT probe_emit(:'name');
SET ROLE regress_journey_author;
CREATE INDEX sneaky ON shop.by_expression (a) WHERE shop.trap(2);
RESET ROLE;
SELECT pg_advisory_unlock_all();
SELECT probe_emit(:'name', customer => 'carl');
DROP INDEX shop.sneaky;
SELECT probe_emit(:'name', customer => 'dora');
SELECT customer FROM journey.member WHERE journey = :'name' ORDER BY 1;
SELECT probe_activate('(select count(*) > 0 from shop.good)') AS name \gset
SELECT probe_emit(:'name');
CREATE OR REPLACE VIEW shop.good AS SELECT customer, total FROM shop.orders WHERE shop.trap(total);
SELECT probe_emit(:'name', customer => 'carl');
SELECT probe_activate('exists (select from shop.moods where mood = ''good''::shop.mood)') AS name \gset
SELECT probe_emit(:'name');
ALTER TABLE shop.moods ALTER mood TYPE text;
SET client_min_messages = warning;
DROP TYPE shop.mood CASCADE;
CREATE DOMAIN shop.mood AS text CHECK (shop.trap(VALUE));
SELECT probe_emit(:'name', customer => 'carl');
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();

-- Who emits cannot put his own types, tables and functions in the way either.
CREATE DOMAIN pg_temp.date AS text CHECK (shop.trap(VALUE));
CREATE DOMAIN pg_temp.own AS text;
CREATE TABLE pg_temp.orders (customer text, total numeric);
CREATE TABLE pg_temp.pg_class (oid oid);
CREATE FUNCTION pg_temp.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'hijacked' $$;
SELECT attack($$
	'2025-01-01'::date < now and date '2025-01-01' < now
	(props->>'day')::date is null
	exists (select from orders)
	exists (select from pg_temp.orders)
	exists (with orders as (select 1) select from orders)
	exists (select from pg_class)
	lower('ANN') = 'ann'
	customer::own is not null$$);
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();

\set ECHO none
\i :end
