-- The names in a condition, and the time: the step's, everywhere.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/condition.sql'
\set end :abs_srcdir '/condition_end.sql'
\set ECHO none
\i :helpers
\set ECHO all
\pset format unaligned
\pset tuples_only on
SET timezone = 'UTC';

CREATE TABLE shop.orders (customer text, key text, total numeric, placed_at timestamptz, event text DEFAULT 'o', now text DEFAULT 'column');
INSERT INTO shop.orders VALUES ('ann', 'k', 10, '2025-03-04 09:00+00'), ('eve', 'k', 99, '2025-03-04 09:00+00');
ALTER TABLE shop.orders OWNER TO regress_journey_author;

-- Before a member is in there are no key, no times, no visits and no context.
SELECT text || E'\n  ' || probe(text, '{"a": {"b": 7}, "at": "2025-03-04 10:00+00"}') FROM (VALUES
	(1, 'customer in (''ann'', ''bob'')'),
	(2, 'key is null'),
	(3, 'key = '''''),
	(4, 'entered_at is null and arrived_at is null and visits = 0 and context = ''{}'''),
	(5, 'entered_at = arrived_at and visits = 1 and (context->''a''->>''b'')::int = 7'),
	(6, 'event like ''probe%'' and props @> ''{"a": {"b": 7}}'''),
	(7, 'event is null and props = ''{}'''),
	(8, 'traits = ''{}'' and outcome is null and response is null'),
	(9, 'now <= clock_timestamp()'),
	(10, 'local_now = now at time zone ''UTC'''),
	(11, 'visits > ''0'''),
	(12, '"customer" = member.customer and member.visits = visits'),
	(13, 'Customer is not null and CUSTOMER is not null'),
	(14, '"Customer" is null'),
	(15, 'custommer is null'),
	(16, 'xyzzyx = 1'),
	(17, 'props.a = 1'),
	(18, '(props).a = 1'),
	(19, 'props[''a''][''b''] = ''7'''),
	(20, 'profile.email is null'),
	(21, 'member.email is null'),
	(22, 'member is null'),
	(23, '$1 = ''ann'''),
	(24, 'member.member.key = ''x'''),
	-- A table's own column wins in a subquery; member.* goes around it.
	(25, 'exists (select from shop.orders where customer = ''eve'' and total = 99)'),
	(26, '(select count(*) = 2 from shop.orders o where o.customer = customer)'),
	(27, '(select sum(total) = 10 from shop.orders o where o.customer = member.customer)'),
	(28, '(select bool_and(event = ''o'' and now = ''column'') from shop.orders)'),
	(29, '(select bool_and(member.now <= current_timestamp) from shop.orders)'),
	(30, '(select bool_and(visits >= 0) from shop.orders)'),
	(31, '(select bool_and(nonsense > 0) from shop.orders)'),
	(32, '(select bool_and(exists (select where customer = o.customer)) from shop.orders o)'),
	(33, '(select count(*) > 0 from orders)'),
	(34, '(select profile.total > 0 from shop.orders profile limit 1)'),
	(35, '(select member.total > 0 from shop.orders member limit 1)'),
	(36, '(with customer as (select 1 as x) select x = 1 from customer)'),
	-- The helpers need no schema.
	(37, 'journey_did(customer, event)'),
	(38, 'journey_did(customer, ''probe_39_in'') and journey_count(customer, ''probe_39_in'') = 1')) AS x (n, text)
 ORDER BY n;

-- The time of the step, at the member's place, wherever it is asked for.
CREATE FUNCTION shop_time(zone text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	name text := 'time_' || nextval('probe_number');
BEGIN
	SET LOCAL ROLE regress_journey_author;
	PERFORM journey_create(name, jsonb_build_object('timezone', zone,
		'tiles', jsonb_build_object(
			'start', jsonb_build_object('type', 'entry', 'on', jsonb_build_array(jsonb_build_object('event', name))),
			'hold', '{"type": "wait", "for": "1 hour"}'::jsonb,
			'note', jsonb_build_object('type', 'update_profile', 'set', (
				SELECT jsonb_object_agg(e, '{{ ' || e || ' }}') FROM regexp_split_to_table('now|now()|transaction_timestamp()|statement_timestamp()|CURRENT_TIMESTAMP|CURRENT_TIMESTAMP(1)|
					CURRENT_DATE|CURRENT_TIME|CURRENT_TIME(0)|LOCALTIME|LOCALTIME(1)|LOCALTIMESTAMP|LOCALTIMESTAMP(0)|
					local_now|(select now())|(select CURRENT_DATE from shop.orders limit 1)|(select x from now() x)|
					(select x::text from (values (LOCALTIMESTAMP)) v(x) group by x)|age(timestamptz ''2025-01-01'')|
					age(timestamp ''2025-01-01'')|age(now - interval ''1 day'')|date_part(''hour'', now)|
					timestamptz ''2025-07-01 12:00''|timestamptz ''2025-07-01 12:00+00''|
					timestamptz ''2025-07-01 12:00 Asia/Tokyo''|''2025-07-01 12:00''::timestamptz(0)|
					(select timestamptz ''2025-07-01'')|''infinity''::timestamptz|now - interval ''1 day''|''2025-07-01''::date', '\|\s*') e)),
			'end', '{"type": "exit"}'::jsonb),
		'edges', '[{"from": "start", "to": "hold"}, {"from": "hold", "to": "note"}, {"from": "note", "to": "end"}]'::jsonb));
	PERFORM journey_activate(name);
	RESET ROLE;
	SET LOCAL journey.now = '2025-03-04 23:30:00.56+00';
	PERFORM journey_emit(zone, name);
	PERFORM journey_advance_to('2025-03-05 00:30:00.56+00');
END
$$;
SELECT shop_time('UTC');
SELECT shop_time('America/New_York');
SELECT key || E'\n  ' || string_agg(format('%s: %s', customer, value), E'\n  ' ORDER BY customer DESC)
  FROM journey.customer, jsonb_each(traits) GROUP BY key ORDER BY key COLLATE "C";

-- An event's own time is the step's time.
SELECT probe_activate('now() = ''2025-01-02 03:04+00'' and (select CURRENT_TIMESTAMP) = now and (select LOCALTIME) = ''03:04''') AS name \gset
SELECT journey_emit('carl', :'name', at => '2025-01-02 03:04+00') > 0, journey_emit('dora', :'name', at => '2025-01-02 03:05+00') > 0;
SELECT customer FROM journey.member WHERE journey = :'name';

-- Words that mean the moment in which a literal is read would mean that of the compilation.
SELECT text || E'\n  ' || probe_check(text) FROM (VALUES
	(1, 'now > ''today'''),
	(2, 'now > timestamptz ''NOW'''),
	(3, 'local_now::date = ''yesterday''::date'),
	(4, 'exists (select from shop.orders where placed_at > '' tomorrow 10:00'')'),
	(5, 'props->>''when'' = ''now'''),
	(6, '(props->>''when'')::timestamptz > now'),
	(7, 'now > ''nowhere'''),
	(8, 'now > ''epoch''')) AS x (n, text)
 ORDER BY n;

-- Also when the server has to look at the text again because a table has changed.
BEGIN;
SELECT probe_activate('exists (select from shop.orders where placed_at < now() - interval ''1 hour'')') AS name \gset
SAVEPOINT s;
SELECT journey_emit('a', :'name', at => '2025-03-04 10:30+00') > 0, journey_emit('b', :'name', at => '2025-03-04 09:30+00') > 0;
SELECT customer FROM journey.member WHERE journey = :'name' ORDER BY 1;
ROLLBACK TO s;
ALTER TABLE shop.orders ADD extra int;
SELECT journey_emit('a', :'name', at => '2025-03-04 10:30+00') > 0, journey_emit('b', :'name', at => '2025-03-04 09:30+00') > 0;
SELECT customer FROM journey.member WHERE journey = :'name' ORDER BY 1;
CREATE INDEX ON shop.orders (placed_at);
ANALYZE shop.orders;
ALTER TABLE shop.orders DROP extra;
CREATE TEMP TABLE first_temporary_table (a int);
SELECT journey_emit('c', :'name', at => '2025-03-04 10:30+00') > 0, journey_emit('d', :'name', at => '2025-03-04 09:30+00') > 0;
SELECT customer FROM journey.member WHERE journey = :'name' ORDER BY 1;
SELECT count(*) FROM journey.failure WHERE journey = :'name';
COMMIT;

-- A policy that goes by the time is not led astray by that of an event.
CREATE TABLE shop.embargo (customer text, until timestamptz);
INSERT INTO shop.embargo VALUES ('ann', '2025-06-01');
ALTER TABLE shop.embargo ENABLE ROW LEVEL SECURITY;
CREATE POLICY over ON shop.embargo USING (until > now());
GRANT SELECT ON shop.embargo TO regress_journey_author;
SELECT probe_activate('exists (select from shop.embargo)') AS name \gset
SELECT journey_emit('ann', :'name', at => '2025-01-02 03:04+00') > 0;
SELECT customer FROM journey.member WHERE journey = :'name';

\set ECHO none
\i :end
