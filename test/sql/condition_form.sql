-- A condition is one SQL expression.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/condition.sql'
\set end :abs_srcdir '/condition_end.sql'
\set ECHO none
\i :helpers
\set ECHO all
\pset format unaligned
\pset tuples_only on
\set VERBOSITY default

CREATE TABLE shop.orders (customer text, total numeric, placed_at timestamptz);
ALTER TABLE shop.orders OWNER TO regress_journey_author;

-- Nothing but an expression gets in, whatever the grammar of expressions lets stand there.
SELECT text || E'\n  ' || probe_check(text) FROM (VALUES
	(1, 'true'),
	(2, ' true -- and a comment'),
	(3, 'true /* or'),
	(4, ''),
	(5, '  '),
	(6, 'true; drop table shop.orders'),
	(7, 'true); create table shop.injected (a int); select (true'),
	(8, 'false) or (true'),
	(9, 'true from shop.orders'),
	(10, 'true from shop.orders where true'),
	(11, 'true where true'),
	(12, 'true group by 1'),
	(13, 'true having true'),
	(14, 'true order by 1'),
	(15, 'true limit 1'),
	(16, 'true offset 1'),
	(17, 'true for update'),
	(18, 'true window w as ()'),
	(19, 'distinct true'),
	(20, 'true union select true'),
	(21, 'true intersect select true'),
	(22, 'true into shop.injected'),
	(23, 'select true'),
	(24, 'with x as (select 1) select true'),
	(25, 'values (true)'),
	(26, 'true as alias'),
	(27, 'true alias'),
	(28, 'true, true'),
	(29, '*'),
	(30, 'member.*'),
	(31, '(select o from shop.orders o).*'),
	(32, 'count(*) > 0'),
	(33, 'bool_or(true)'),
	(34, 'row_number() over () = 1'),
	(35, 'generate_series(1, 2) > 1'),
	(36, 'unnest(array[true, false])'),
	(37, 'grouping(1) = 1'),
	(38, 'delete from shop.orders'),
	(39, 'exists (delete from shop.orders returning 1)'),
	(40, '(with x as (delete from shop.orders returning 1) select true)'),
	(41, '(select true into x)'),
	(42, '(select max(total) > 0 from shop.orders)'),
	(43, '(select bool_or(total > 0) from (select sum(total) over () as total from shop.orders) t)'),
	(44, 'exists (table shop.orders)'),
	(45, '5'),
	(46, 'null'),
	(47, 'null::boolean'),
	(48, '''true'''),
	(49, 'key := ''x'''),
	(50, 'true = any (select total > 1 from shop.orders)')) AS x (n, text)
 ORDER BY n;
SELECT count(*) FROM pg_class WHERE relname = 'injected';

-- Where it is wrong is shown in the author's text, in characters.
SELECT probe_check('(props->>''größe'')::int > 5 and proops = ''{}''');
SET ROLE regress_journey_author;
SELECT journey_create('form', probe_definition('(props->>''größe'')::int > 5 and proops = ''{}'''));
SELECT journey_activate('form');
SELECT journey_update('form', probe_definition('key = ''a'' and and true'));
SELECT journey_activate('form');
SELECT journey_update('form', probe_definition('key = ''a'' and U&"pg\005Fsleep"(1) is null'));
SELECT journey_activate('form');
SELECT journey_update('form', probe_definition('key = ''a'' and key::shop.nothing is null'));
SELECT journey_activate('form');
SELECT journey_update('form', probe_definition('''2025-13-13'' < now'));
SELECT journey_activate('form');
SELECT journey_delete('form');
RESET ROLE;

-- Texts at and over the limit, and deep ones: an error, and the session goes on.
SELECT left(probe_check('true' || repeat(' ', 65532)), 60);
SELECT left(probe_check('true' || repeat(' ', 65533)), 60);
SELECT left(probe_check(repeat('(', 30000) || '1' || repeat(')', 30000)), 120);
SELECT left(probe_check(repeat('not ', 16000) || 'true'), 120);
SELECT left(probe_check(repeat('-', 60000) || '1'), 120);
SELECT left(probe_check('1' || repeat('+1', 30000) || ' > 0'), 120);
SELECT left(probe_check('props' || repeat('->0', 20000) || ' = ''1'''), 120);

\set ECHO none
\i :end
