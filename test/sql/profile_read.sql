-- profile.<column> and traits, where a table of the user's is bound: types, places, keys, and how the row is found.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/condition.sql'
\set end :abs_srcdir '/condition_end.sql'
\set ECHO none
\i :helpers
\set ECHO all
\pset format unaligned
\pset tuples_only on
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- Without a binding the name says what it wants.
SELECT probe_check('profile.vip');
SELECT probe_check('profile is not null');

CREATE TYPE shop.address AS (street text, town text);
CREATE TABLE shop.customers (
	id text PRIMARY KEY, name varchar(20), vip boolean, born date, zone text, patience interval, seen timestamptz,
	until timestamptz, balance numeric(10,2), tags text[], friends text[], prefs jsonb, address shop.address, profile text);
ALTER TABLE shop.customers OWNER TO regress_journey_author;
INSERT INTO shop.customers VALUES
	('ann', 'Ann', true, '1990-05-01', 'Asia/Tokyo', '2 hours', '2026-01-01 10:00+00', '2100-01-01 12:00+00', 12.50, '{a,b}', '{eve,dan}',
	 '{"colour": "red"}', ('High St', 'York'), 'a column of that name'),
	('bob', NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT journey_bind_profile('shop.customers', 'id');
SELECT schema_name, table_name, key_columns, traits_column FROM journey.profile;

-- The columns have their types, wherever an expression stands; ann is asked by an event, bob by a timer.
SELECT probe('profile.vip');
SELECT probe('not profile.vip');
SELECT probe('profile.vip is not null');
SELECT probe('profile.balance * 2 = 25.00');
SELECT probe('profile.born + 1 = ''1990-05-02''');
SELECT probe('extract(year from age(now, profile.born)) > 30');
SELECT probe('''b'' = any (profile.tags)');
SELECT probe('profile.prefs->>''colour'' = ''red''');
SELECT probe('(profile.address).town = ''York''');
SELECT probe('profile.name ilike ''a%'' or profile.name is null');
SELECT probe('profile.seen < now');
SELECT probe('profile.id = customer');
SELECT probe('profile.profile is null');
SELECT probe('case when profile.vip then profile.balance > 10 else true end');
SELECT probe('exists (select where profile.vip)');
SELECT probe('(select count(*) from shop.customers c where c.id = profile.id) = 1');
SELECT probe('(select profile.vip)');
SELECT probe('(select bool_and(profile.vip) from generate_series(1, 3))');
SELECT probe('(with w as (select profile.vip as v) select v from w)');
SELECT probe('exists (select from (values (profile.vip)) as x (v) where v)');
SELECT probe('exists (select from shop.customers c join shop.customers d on d.id = c.id and profile.vip)');

-- traits are the row.
SELECT probe('traits->>''name'' = ''Ann''');
SELECT probe('(traits->''vip'')::bool and member.traits = traits');
SELECT probe('traits->''address''->>''town'' = ''York'' or traits ? ''nonsense''');
SELECT probe('exists (select from shop.customers c where c.prefs = traits->''prefs'')');
SELECT probe('traits->>''profile'' = ''a column of that name''');

-- Whoever is not there has nothing: null, and {}.
DELETE FROM shop.customers WHERE id = 'bob';
SELECT probe('profile.id is null');
SELECT probe('traits = ''{}''');
SELECT probe('traits is not null and profile.name is not distinct from traits->>''name''');

-- In a subquery a table of that name is meant; what is none of ours does not help it out.
SELECT probe('(select profile.id = ''x'' from (values (''x'')) as profile (id))');
SELECT probe('(select profile.vip from (values (''x'')) as profile (id))');
-- The customer, even where a table is called member.
SELECT probe('(select profile.vip from (values (''x'')) as member (customer))');

-- What is wrong is told with its place.
SELECT probe_check('profile.nmae = ''Ann''');
SELECT probe_check('profile.balance + profile.vip > 3');
SELECT probe_check('profile.name');
SELECT probe_check('profile');
SELECT probe_check('profile.* is null');
SELECT probe_check('shop.profile.name is null');
SELECT probe_check('$1 is null');

-- All the places of a definition.
SELECT journey_destination_create('mail', 'pull');
SELECT journey_grant('regress_journey_author', 'author', 'mail');
SET ROLE regress_journey_author;
SELECT journey_create('places', $$ {
	"key": "profile.name",
	"timezone": "profile.zone",
	"tiles": {
		"start": {"type": "entry", "on": [
			{"event": "go", "condition": "profile.vip"},
			{"event": "fan", "customers": "profile.friends"}]},
		"hold": {"type": "wait", "for": "profile.patience"},
		"nap": {"type": "wait", "until": "profile.until"},
		"mail": {"type": "action", "destination": "mail", "payload": {
			"name": "{{ profile.name }}", "vip": "{{ profile.vip }}", "balance": "{{ profile.balance }}",
			"born": "{{ profile.born }}", "tags": "{{ profile.tags }}", "town": "{{ profile.address }}",
			"text": "Dear {{ profile.name }}, since {{ profile.seen }} in {{ (profile.address).town }}{{ profile.profile || '!' }}",
			"none": "{{ nullif(profile.name, 'Ann') }}"}},
		"done": {"type": "exit"}},
	"edges": [
		{"from": "start", "to": "hold"}, {"from": "hold", "to": "nap"},
		{"from": "nap", "to": "mail", "condition": "profile.born < local_now"}, {"from": "nap", "to": "done"},
		{"from": "mail", "to": "done"}]
} $$);
SELECT severity, path, message FROM journey_validate(journey_definition('places', 1));
SELECT journey_activate('places');
RESET ROLE;
INSERT INTO shop.customers (id, name, zone) VALUES ('eve', 'Eve', 'Europe/Paris'), ('dan', 'Dan', 'Nowhere/Land');
BEGIN;
SET LOCAL journey.now = '2099-12-31 23:00+00';
SELECT count(journey_emit('ann', 'go'));
SELECT count(journey_emit('ann', 'fan'));
SELECT customer, key, tile, state, due_at FROM journey.member WHERE journey = 'places' ORDER BY 1;
SELECT journey_advance_to('2100-01-01 12:00+00');
SELECT customer, key, tile, state, outcome FROM journey.member WHERE journey = 'places' ORDER BY 1;
SELECT jsonb_pretty(payload) FROM journey.action;
SELECT tile, sqlstate, last_customer, message FROM journey.failure ORDER BY 1, 3, 4;
ROLLBACK;

-- A jsonb column as the traits.
CREATE TABLE shop.people (id int PRIMARY KEY, traits jsonb, "Vip" bool);
ALTER TABLE shop.people OWNER TO regress_journey_author;
INSERT INTO shop.people VALUES (1, '{"plan": "pro"}', true), (2, NULL, NULL);
SELECT journey_bind_profile('shop.people', 'id', 'traits');
SELECT probe_activate('traits->>''plan'' = ''pro'' or traits = ''{}''') AS name \gset
SELECT probe_emit(:'name', customer => '1');
SELECT probe_emit(:'name', customer => '2');
SELECT probe_emit(:'name', customer => '3');
SELECT probe_check('profile."Vip"');
SELECT probe_check('profile.Vip');

-- A customer whose text is no integer, or none that large, has no row.
SELECT probe_emit(:'name', customer => 'ann');
SELECT probe_activate('props = ''{}'' or profile."Vip"') AS name \gset
SELECT probe_emit(:'name', customer => 'ann');
SELECT probe_emit(:'name', customer => 'ann', props => '{"a": 1}');
SELECT probe_emit(:'name', customer => '99999999999', props => '{"a": 1}');
SELECT count(*) FROM journey.event WHERE event = :'name' AND customer IN ('ann', '99999999999');

-- Other keys, and several columns: their texts with : between, the last takes what is left.
CREATE TABLE shop.by_uuid (id uuid PRIMARY KEY, ok bool);
CREATE TABLE shop.by_number (id numeric UNIQUE, ok bool);
CREATE TABLE shop.by_char (id char(8) PRIMARY KEY, ok bool);
CREATE TABLE shop.by_three (tenant int, kind varchar(10), id text, ok bool, PRIMARY KEY (id, tenant, kind));
ALTER TABLE shop.by_uuid OWNER TO regress_journey_author;
ALTER TABLE shop.by_number OWNER TO regress_journey_author;
ALTER TABLE shop.by_char OWNER TO regress_journey_author;
ALTER TABLE shop.by_three OWNER TO regress_journey_author;
INSERT INTO shop.by_uuid VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', true);
INSERT INTO shop.by_number VALUES (12.5, true);
INSERT INTO shop.by_char VALUES ('ann', true);
INSERT INTO shop.by_three VALUES (7, 'eu', 'x:y:z', true), (7, 'eu', 'x', false), (7, '', '', true);
SELECT journey_bind_profile('shop.by_uuid', 'id');
SELECT probe_activate('profile.ok') AS name \gset
SELECT probe_emit(:'name', customer => 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11');
SELECT probe_emit(:'name', customer => 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12');
-- The same journey goes by whatever is bound.
SELECT journey_bind_profile('shop.by_number', 'id');
SELECT probe_emit(:'name', customer => '12.5'), probe_emit(:'name', customer => '12');
SELECT journey_bind_profile('shop.by_char', 'id');
SELECT probe_emit(:'name'), probe_emit(:'name', customer => 'an');
SELECT journey_bind_profile('shop.by_three', 'tenant, kind, id');
SELECT probe_emit(:'name', customer => '7:eu:x:y:z');
SELECT probe_emit(:'name', customer => '7:eu:x');
SELECT probe_emit(:'name', customer => '7::');
SELECT probe_emit(:'name', customer => 'x:eu:x');
SELECT journey_unbind_profile();
SELECT probe_emit(:'name', customer => '7:eu:x:y');
SELECT count(*) FROM journey.source;

-- The row is found by the key's index, and only where a condition comes to ask for it.
CREATE TABLE shop.many (tenant int, id bigint, ok bool, filler text, UNIQUE (tenant, id));
ALTER TABLE shop.many OWNER TO regress_journey_author;
INSERT INTO shop.many SELECT i % 10, i, true, repeat('x', 50) FROM generate_series(1, 20000) AS i;
ANALYZE shop.many;
SELECT journey_bind_profile('shop.many', 'tenant,id');
SELECT probe_activate('props ? ''ask'' and profile.ok') AS name \gset
SELECT probe_emit(:'name', customer => '3:13');
CREATE VIEW lab.scans AS
SELECT relname, coalesce(seq_scan, 0) AS sequential, coalesce(idx_scan, 0) AS by_index
  FROM pg_stat_xact_all_tables WHERE relid IN ('shop.many'::regclass, 'journey.customer'::regclass);
BEGIN;
CREATE TABLE lab.before AS SELECT * FROM lab.scans;
SELECT probe_emit(:'name', customer => '3:23');
SELECT relname, s.sequential - b.sequential, s.by_index - b.by_index FROM lab.scans s JOIN lab.before b USING (relname) ORDER BY 1;
SELECT probe_emit(:'name', '{"ask": 1}', '3:33');
SELECT relname, s.sequential - b.sequential, s.by_index - b.by_index FROM lab.scans s JOIN lab.before b USING (relname) ORDER BY 1;
ROLLBACK;
BEGIN;
CREATE TABLE lab.before AS SELECT * FROM lab.scans;
SELECT probe_activate('traits->>''tenant'' = ''3'' and (traits->>''ok'')::bool') AS name \gset
SELECT probe_emit(:'name', '{"ask": 1}', '3:33');
-- Two sub-selects, each by the index; and journey.customer is not read.
SELECT relname, s.sequential - b.sequential, s.by_index - b.by_index FROM lab.scans s JOIN lab.before b USING (relname) ORDER BY 1;
ROLLBACK;
SELECT journey_unbind_profile();

-- journey.customer is what it was before.
SELECT journey_identify('ann', '{"old": true}');
SELECT probe_activate('(traits->>''old'')::bool') AS name \gset
SELECT journey_bind_profile('shop.customers', 'id');
SELECT probe_emit(:'name', customer => 'ann');
SELECT journey_unbind_profile();
SELECT probe_emit(:'name', customer => 'ann');

\set ECHO none
\i :end
