-- Compiling again and again, and failing at it, leaves nothing behind in the session.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/condition.sql'
\set end :abs_srcdir '/condition_end.sql'
\set ECHO none
\i :helpers
\set ECHO all
\pset format unaligned
\pset tuples_only on

CREATE TABLE shop.orders (customer text, total int);
GRANT SELECT ON shop.orders TO regress_journey_author;
SELECT probe_activate('exists (select from shop.orders where total > 1)') AS slow, probe_activate('6 / (props->>''n'')::int = 1') AS fast,
	probe_activate('(props->>''n'')::int > 5 and to_char(now, ''YYYY'') > ''2020''') AS stable \gset
CREATE FUNCTION emits(journeys text[], n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. n LOOP
		PERFORM journey_emit('c' || i, name, jsonb_build_object('n', CASE i % 3 WHEN 2 THEN 'x' ELSE (i % 3)::text END)) FROM unnest(journeys) name;
	END LOOP;
END
$$;
-- The memory that could hold what is left behind, by name.
CREATE VIEW contexts AS
SELECT name, count(*) AS number, sum(used_bytes) AS bytes FROM pg_backend_memory_contexts
 WHERE name LIKE 'journey%' OR name LIKE 'Cached%' OR name IN ('TopMemoryContext', 'TopTransactionContext', 'CurTransactionContext')
 GROUP BY name;
CREATE TABLE snapshot AS SELECT 1 AS n, * FROM contexts LIMIT 0;
CREATE FUNCTION grown() RETURNS SETOF text LANGUAGE sql AS $$
SELECT format('%s: %s contexts and %s bytes more', a.name, a.number - coalesce(b.number, 0), a.bytes - coalesce(b.bytes, 0))
  FROM snapshot a LEFT JOIN snapshot b ON b.name = a.name AND b.n = 1
 WHERE a.n = 2 AND (a.number > coalesce(b.number, 0) OR a.bytes > coalesce(b.bytes, 0) + 2000)
$$;
CREATE FUNCTION again(command text, n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. n LOOP
		EXECUTE command;
	END LOOP;
END
$$;

-- Evaluated, also with errors, within a transaction.
BEGIN;
SELECT format('SELECT emits(%L, 5)', ARRAY[:'slow', :'fast', :'stable']) AS command \gset
SELECT again(:'command', 5);
TRUNCATE snapshot;
INSERT INTO snapshot SELECT 1, * FROM contexts;
SELECT again(:'command', 100);
INSERT INTO snapshot SELECT 2, * FROM contexts;
SELECT grown();
COMMIT;
-- Compiled anew because a table or a setting has changed.
SELECT format('ALTER TABLE shop.orders ALTER total SET NOT NULL; SELECT emits(%1$L, 3); ALTER TABLE shop.orders ALTER total DROP NOT NULL; SELECT emits(%1$L, 3)', ARRAY[:'slow', :'fast', :'stable']) AS command \gset
SELECT again(:'command', 5);
TRUNCATE snapshot;
INSERT INTO snapshot SELECT 1, * FROM contexts;
SELECT again(:'command', 100);
INSERT INTO snapshot SELECT 2, * FROM contexts;
SELECT grown();
SELECT format('SET journey.condition_functions = ''any''; SELECT emits(%1$L, 3); RESET journey.condition_functions; SELECT emits(%1$L, 3)', ARRAY[:'slow', :'fast', :'stable']) AS command \gset
SELECT again(:'command', 5);
TRUNCATE snapshot;
INSERT INTO snapshot SELECT 1, * FROM contexts;
SELECT again(:'command', 100);
INSERT INTO snapshot SELECT 2, * FROM contexts;
SELECT grown();
-- Compiled in vain.
BEGIN;
ALTER TABLE shop.orders RENAME TO gone;
SELECT format('SELECT emits(%L, 3)', ARRAY[:'slow', :'fast', :'stable']) AS command \gset
SELECT again(:'command', 5);
TRUNCATE snapshot;
INSERT INTO snapshot SELECT 1, * FROM contexts;
SELECT again(:'command', 100);
INSERT INTO snapshot SELECT 2, * FROM contexts;
SELECT grown();
ALTER TABLE shop.gone RENAME TO orders;
REVOKE SELECT ON shop.orders FROM regress_journey_author;
SELECT format('SELECT emits(%L, 3)', ARRAY[:'slow', :'fast', :'stable']) AS command \gset
SELECT again(:'command', 5);
TRUNCATE snapshot;
INSERT INTO snapshot SELECT 1, * FROM contexts;
SELECT again(:'command', 100);
INSERT INTO snapshot SELECT 2, * FROM contexts;
SELECT grown();
COMMIT;
-- Validated.
\set command 'SELECT probe_check(''exists (select from shop.orders where total > 1)''), probe_check(''exists (select from shop.nothing)''), probe_check(''1 +'')'
SELECT again(:'command', 5);
TRUNCATE snapshot;
INSERT INTO snapshot SELECT 1, * FROM contexts;
SELECT again(:'command', 100);
INSERT INTO snapshot SELECT 2, * FROM contexts;
SELECT grown();
\set ECHO none
\i :end
