-- Errors in conditions, and conditions that take too long: nobody else's concern.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/condition.sql'
\set end :abs_srcdir '/condition_end.sql'
\set ECHO none
\i :helpers
\set ECHO all
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse

CREATE TABLE shop.orders (customer text, total numeric);
INSERT INTO shop.orders VALUES ('ann', 10);
ALTER TABLE shop.orders OWNER TO regress_journey_author;

-- Each kind of error, in a fast condition and in a subquery.
SELECT text || E'\n  ' || probe(text, '{"zero": 0, "text": "x", "big": 1e200}') FROM (VALUES
	(1, '1 / (props->>''zero'')::int = 1'),
	(2, '(select 1 / (props->>''zero'')::int) = 1'),
	(3, '(props->>''text'')::int = 1'),
	(4, '(select (props->>''text'')::uuid) is null'),
	(5, '(props->>''big'')::numeric::int = 1'),
	(6, '(props->>''text'')::timestamptz < now'),
	(7, '(select total from shop.orders, generate_series(1, 2)) = 1'),
	(8, 'substring(props->>''text'' from (props->>''text'')::int) = ''x'''),
	(9, '''x'' ~ (''('' || (props->>''text''))'),
	(10, 'jsonb_path_exists(props, (''$['' || (props->>''text''))::jsonpath)'),
	(11, 'props @@ ''strict $.a == 1'''),
	(12, 'length(repeat(props->>''text'', 2000000000)) > 0'),
	(13, 'array[1, 2] @> (props->>''text'')::int[]'),
	(14, 'xpath_exists(props->>''text'', ''<a/>'')'),
	(15, 'convert_from(''\xff'', ''UTF8'') || customer = ''''')) AS x (n, text)
 ORDER BY n;

-- Many journeys listen to one event: those whose condition errs do not keep the others from it.
CREATE FUNCTION listen(conditions text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL ROLE regress_journey_author;
	FOR i IN 1 .. cardinality(conditions) LOOP
		PERFORM journey_create('many_' || i, jsonb_set(probe_definition(conditions[i], 'many'), '{tiles,hold,for}', '"1 day"'));
		PERFORM journey_activate('many_' || i);
	END LOOP;
	RESET ROLE;
END
$$;
SELECT listen(ARRAY[
	'true',
	'1 / (props->>''zero'')::int = 1',
	'customer > ''''',
	'(select 1 / (props->>''zero'')::int) = 1',
	'exists (select from shop.orders where customer = member.customer)',
	'(props->>''none'')::int is null',
	'(props->>''text'')::int = 1']);
SELECT journey_emit('ann', 'many', '{"zero": 0, "text": "x"}') > 0;
SELECT journey FROM journey.member WHERE journey LIKE 'many%' ORDER BY 1;
SELECT journey, tile, edge, sqlstate, message, count, last_customer FROM journey.failure WHERE journey LIKE 'many%' ORDER BY 1;
-- And in a batch, next to others that have no error.
SELECT journey_emit_batch('{bob,carl,dora}', '{many,many,many}', '{"{\"zero\": 1, \"text\": 1}","{\"zero\": 0, \"text\": 1}","{\"zero\": 1, \"text\": \"x\"}"}'::jsonb[]);
SELECT customer, array_agg(journey ORDER BY journey) FROM journey.member WHERE journey LIKE 'many%' GROUP BY 1 ORDER BY 1;

-- The next trigger, and the next edge, is asked where one errs.
SET ROLE regress_journey_author;
SELECT journey_create('next', '{
	"tiles": {
		"start": {"type": "entry", "on": [{"event": "next", "condition": "1 / (props->>''zero'')::int = 1"}, {"event": "next", "condition": "visits = 0"}]},
		"hold": {"type": "wait", "for": "1 minute"}, "a": {"type": "exit"}, "b": {"type": "exit"}, "c": {"type": "exit"}},
	"edges": [
		{"from": "start", "to": "hold"},
		{"from": "hold", "to": "a", "event": "go", "condition": "1 / (props->>''zero'')::int = 1"},
		{"from": "hold", "to": "b", "event": "go", "condition": "props->>''to'' = ''b''"},
		{"from": "hold", "to": "c", "condition": "1 / (context->>''zero'')::int = 1"}]}');
SELECT journey_activate('next');
RESET ROLE;
SELECT journey_emit('ann', 'next', '{"zero": 0}') > 0, journey_emit('bob', 'next', '{"zero": 0}') > 0, journey_emit('carl', 'next', '{"zero": 1}') > 0;
SELECT journey_emit('ann', 'go', '{"zero": 0, "to": "b"}') > 0, journey_emit('bob', 'go', '{"zero": 0, "to": "c"}') > 0;
SELECT customer, tile, state FROM journey.member WHERE journey = 'next' ORDER BY 1;
BEGIN;
SELECT journey_advance_to(now() + '1 hour');
COMMIT;
SELECT customer, tile, state, outcome, due_at IS NULL FROM journey.member WHERE journey = 'next' ORDER BY 1;
SELECT tile, edge, sqlstate, sum(count) FROM journey.failure WHERE journey = 'next' GROUP BY 1, 2, 3 ORDER BY 1, 2;

-- What a condition reads can go, change and come back.
SELECT probe_activate('exists (select from shop.orders where total > 5)') AS name \gset
SELECT probe_emit(:'name');
DROP TABLE shop.orders;
SELECT probe_emit(:'name', customer => 'bert');
BEGIN;
SELECT probe_emit(:'name', customer => 'carl');
CREATE TABLE shop.orders (customer text, total text);
GRANT SELECT ON shop.orders TO regress_journey_author;
SELECT count(probe_emit(:'name', customer => 'carl'));
SAVEPOINT a;
ALTER TABLE shop.orders ALTER total TYPE int USING total::int;
INSERT INTO shop.orders VALUES ('x', 6);
SELECT count(probe_emit(:'name', customer => 'dora'));
SELECT customer FROM journey.member WHERE journey = :'name' ORDER BY 1;
ROLLBACK TO a;
SELECT count(probe_emit(:'name', customer => 'emil'));
ALTER TABLE shop.orders ALTER total TYPE numeric USING total::numeric;
INSERT INTO shop.orders VALUES ('x', 6);
SELECT count(probe_emit(:'name', customer => 'fred'));
COMMIT;
SELECT customer FROM journey.member WHERE journey = :'name' ORDER BY 1;
SELECT DISTINCT sqlstate, message FROM journey.failure WHERE journey = :'name' ORDER BY 1;

-- A wait can be asked to be longer than time.  And a message that holds a value is cut.
SET ROLE regress_journey_author;
SELECT journey_create('long', jsonb_set(probe_definition('true', 'long'), '{tiles,hold,for}', '"(props->>''for'')::interval"'));
SELECT journey_activate('long');
RESET ROLE;
SELECT journey_emit('c' || n, 'long_in', format('{"for": "%s"}', span)::jsonb, '2025-01-01') > 0
  FROM (VALUES (1, '170000000 years'), (2, '-170000000 years'), (3, '2000000000 days'), (4, '9000 days'), (5, '1'), (6, 'x'), (7, '2000000000 months 2000000000 days')) AS x (n, span) ORDER BY n;
SELECT customer, tile, state, due_at AT TIME ZONE 'UTC' FROM journey.member WHERE journey = 'long' ORDER BY 1;
SELECT probe_activate('repeat(customer, 100000)::int > 0') AS name \gset
SELECT length(probe_emit(:'name')) > 0, length(probe_emit(:'name', customer => 'ä')) > 0;
SELECT length(message), octet_length(message), left(message, 50) FROM journey.failure_row WHERE message LIKE 'invalid input syntax for type integer: "%...' ORDER BY 1;

-- Time.  bomb: on the fast path, in a subquery, in the compilation; and a condition of each sort beside it.
SET journey.condition_timeout = '150ms';
SET journey.emit_budget = '3s';
CREATE FUNCTION took(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	start timestamptz := clock_timestamp();
	took interval;
BEGIN
	EXECUTE statement;
	-- A cancel that was left behind would show here.
	PERFORM count(*) FROM generate_series(1, 100000);
	took := clock_timestamp() - start;
	RETURN CASE WHEN took < '10 s' THEN 'soon' ELSE took::text END;
END
$$;
\set fast_bomb 'repeat(customer, 101) ~ ''^([an]+)([an]+)([an]+)([an]+)\\1\\2\\3\\4$'''
\set slow_bomb '(select count(*) from generate_series(1, (props->>''n'')::bigint * 100000000)) > 0'
\set folded_bomb 'repeat(''ann'', 101) ~ ''^([an]+)([an]+)([an]+)([an]+)\\1\\2\\3\\4$'''
SELECT probe_check(:'folded_bomb');
SELECT probe_check('(select ' || :'folded_bomb' || ')');
SELECT probe_activate(:'fast_bomb') AS fast, probe_activate(:'slow_bomb') AS slow \gset
SELECT took(format('SELECT journey_emit(%L, %L)', 'ann', :'fast'));
SELECT took(format('SELECT journey_emit(%L, %L, %L)', 'ann', :'slow', '{"n": 1}'));
SELECT probe_failures(:'fast');
SELECT probe_failures(:'slow');

-- Several bombs in one emit, and others before, between and after them.
CREATE FUNCTION surrounded(name text, conditions text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL ROLE regress_journey_author;
	FOR i IN 1 .. cardinality(conditions) LOOP
		PERFORM journey_create(format('%s_%s', name, i), probe_definition(conditions[i], name));
		PERFORM journey_activate(format('%s_%s', name, i));
	END LOOP;
	RESET ROLE;
END
$$;
SELECT surrounded('around', ARRAY['true', 'exists (select from shop.orders)', :'fast_bomb', 'customer = ''ann''', 'exists (select from shop.orders)',
	:'slow_bomb', 'visits = 0', '(select true)', :'slow_bomb', 'props <> ''{}''', '(select count(*) > 0 from shop.orders)']);
BEGIN;
SELECT took(format('SELECT journey_emit(%L, %L, %L)', 'ann', 'around', '{"n": 1}'));
SELECT took(format('SELECT journey_emit(%L, %L, %L)', 'bob', 'around', '{"n": 0}'));
SELECT customer, array_agg(substr(journey, 8)::int ORDER BY substr(journey, 8)::int) FROM journey.member WHERE journey LIKE 'around%' GROUP BY 1 ORDER BY 1;
SELECT journey, sqlstate, message FROM journey.failure WHERE journey LIKE 'around%' ORDER BY 1;
COMMIT;

-- By a timer too; there the edge is as good as not met, and the next is taken.
SELECT surrounded('timer', ARRAY['(select count(*) from generate_series(1, visits * 100000000::bigint)) > 0']);
SELECT journey_emit('ann', 'timer_in') > 0;
SELECT took('SELECT probe_timer(''timer_1'')');
SELECT DISTINCT tile, sqlstate, message FROM journey.failure WHERE journey = 'timer_1' AND edge IS NOT NULL;

-- Limits that end just when the condition does, or an error, or the emit: no cancel is ever left behind.
SELECT probe_activate('(select count(*) from generate_series(1, (props->>''n'')::int)) > 0 and 6 / ((props->>''n'')::int % 3) <> 0') AS name \gset
SET journey.condition_timeout = '1ms';
SET journey.emit_budget = '3ms';
CREATE FUNCTION many_emits(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 300 LOOP
		PERFORM journey_emit('c' || i, name, jsonb_build_object('n', i * 40 % 9000));
		PERFORM count(*) FROM generate_series(1, 300);
	END LOOP;
END
$$;
SELECT took(format('SELECT many_emits(%L)', :'name'));
SELECT DISTINCT sqlstate FROM journey.failure WHERE journey = :'name' AND sqlstate NOT IN ('57014', '22012');
SELECT count(*) > 0 FROM journey.member WHERE journey = :'name';

-- No limit at all.
SET journey.condition_timeout = 0;
SET journey.emit_budget = 0;
SELECT journey_emit('z', :'name', '{"n": 400000}') > 0;
SELECT customer FROM journey.member WHERE journey = :'name' AND customer = 'z';

-- The caller's own timeout is the caller's, and so is the error.
SET journey.condition_timeout = '10s';
SET journey.emit_budget = '20s';
SET statement_timeout = '100ms';
SELECT journey_emit('bob', :'slow', '{"n": 1}');
SELECT journey_emit('bob', :'fast') FROM generate_series(1, 100000000);
BEGIN;
SAVEPOINT a;
SELECT journey_emit('bob', :'slow', '{"n": 1}');
ROLLBACK TO a;
SELECT journey_emit('bob', :'slow', '{"n": 0}') > 0;
COMMIT;
RESET statement_timeout;
SELECT count(*) FROM generate_series(1, 100000);
-- Also where both have passed when the code can be stopped at last.
SET journey.condition_timeout = '50ms';
SET statement_timeout = '60ms';
SELECT journey_emit('z', :'slow', '{"n": 1}') FROM generate_series(1, 100000);
RESET statement_timeout;
RESET journey.condition_timeout;
RESET journey.emit_budget;

-- So are errors that are not about one journey: raised here by a function of the author's.
SET journey.condition_functions = 'any';
CREATE FUNCTION shop.raise(code text) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	RAISE USING ERRCODE = code, MESSAGE = 'raised ' || code;
END
$$;
GRANT USAGE ON SCHEMA shop TO PUBLIC;
SELECT probe_activate('shop.raise(props->>''code'')') AS name \gset
SELECT journey_emit('ann', :'name', '{"code": "40001"}');
SELECT journey_emit('ann', :'name', '{"code": "40P01"}');
SELECT journey_emit('ann', :'name', '{"code": "53100"}');
SELECT journey_emit('ann', :'name', '{"code": "53300"}');
SELECT journey_emit('ann', :'name', '{"code": "57P01"}');
SELECT journey_emit('ann', :'name', '{"code": "XX001"}');
SELECT journey_emit('ann', :'name', '{"code": "XX002"}');
SELECT journey_emit('ann', :'name', format('{"code": "%s"}', code)::jsonb) > 0
  FROM unnest('{XX000, 53200, 55P03, 25006, P0001, 22012, 08006, 54001}'::text[]) code;
SELECT sqlstate, message FROM journey.failure WHERE journey = :'name' ORDER BY 1;
RESET journey.condition_functions;

-- Asking takes no transaction id, whether it errs or not.
BEGIN;
SET LOCAL ROLE regress_journey_author;
SELECT count(*) FROM journey_validate(probe_definition('exists (select from shop.orders)'));
SELECT count(*) FROM journey_validate(probe_definition('1 / 0 = 1'));
SELECT pg_current_xact_id_if_assigned() IS NULL;
RESET ROLE;
SELECT count(journey_emit('x' || i, 'many', jsonb_build_object('zero', i % 2))) FROM generate_series(1, 200) i;
SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND pid = pg_backend_pid();
ROLLBACK;

\set ECHO none
\i :end
