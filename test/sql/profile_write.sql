-- update_profile and journey_identify with a bound table: what is written, as whom, and what becomes of errors.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
\set expect :abs_srcdir '/expect.sql'
BEGIN;
\set ECHO none
\i :helpers
\i :expect
CREATE ROLE regress_profile_author;
CREATE ROLE regress_profile_app;
SELECT journey_grant('regress_profile_author', 'author'), journey_grant('regress_profile_app', 'emit');
SELECT journey_grant('regress_profile_author', 'author', 'mail');
CREATE SCHEMA shop AUTHORIZATION regress_profile_author;
GRANT USAGE ON SCHEMA shop TO regress_profile_app;
-- A journey of the author's: an update_profile tile that sets this, and a branch behind it.
CREATE PROCEDURE mark(name text, sets jsonb, condition text DEFAULT 'true') LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL ROLE regress_profile_author;
	CALL draw(name, jsonb_build_object(
		'key', 'now::text',
		'tiles', jsonb_build_object(
			'start', jsonb_build_object('type', 'entry', 'on', jsonb_build_array(jsonb_build_object('event', name))),
			'mark', jsonb_build_object('type', 'update_profile', 'set', sets),
			'ask', '{"type": "branch"}'::jsonb, 'yes', '{"type": "exit"}'::jsonb, 'no', '{"type": "exit"}'::jsonb),
		'edges', jsonb_build_array(
			'{"from": "start", "to": "mark"}'::jsonb, '{"from": "mark", "to": "ask"}'::jsonb,
			jsonb_build_object('from', 'ask', 'to', 'yes', 'condition', condition), '{"from": "ask", "to": "no"}'::jsonb)));
	RESET ROLE;
END
$$;
-- Emit as the application; where the member is then, and the errors of this journey at that moment.
CREATE FUNCTION did(moment text, customer text, event text, props jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	CALL at(moment);
	SET LOCAL ROLE regress_profile_app;
	PERFORM journey_emit(customer, event, props);
	RESET ROLE;
	RETURN (SELECT concat_ws(' ', m.tile, m.state, to_char(m.due_at, 'HH24:MI'),
							 (SELECT string_agg(concat_ws(' ', f.sqlstate, f.message), '; ')
								FROM journey.failure_row f JOIN journey.journey j ON j.id = f.journey AND j.name = did.event
							   WHERE f.at = moment(did.moment)))
			  FROM journey.member m WHERE m.journey = did.event AND m.customer = did.customer ORDER BY m.id DESC LIMIT 1);
END
$$;
\set ECHO all
\pset format unaligned
\pset tuples_only on

CREATE TABLE shop.customers (
	id int PRIMARY KEY, name varchar(5) NOT NULL DEFAULT '-', score numeric(6,2) CHECK (score < 1000), tags text[],
	prefs jsonb, told bool, seen timestamptz, twice int GENERATED ALWAYS AS (id * 2) STORED);
ALTER TABLE shop.customers OWNER TO regress_profile_author;
INSERT INTO shop.customers (id) SELECT generate_series(1, 9);
SELECT journey_bind_profile('shop.customers', 'id');

-- Columns take the values as they read JSON; a null sets null. What comes behind sees it, with the event's props.
CALL mark('all', '{"name": "{{ props->>''name'' }}", "score": "{{ coalesce(profile.score, 0) + 1.005 }}", "tags": ["a", "{{ event }}"],
	"prefs": {"deep": {"props": "{{ props }}"}}, "told": true, "seen": "2025-03-04 10:00"}', 'profile.told and profile.name = props->>''name'' and event = ''all''');
SELECT did('10:00', '1', 'all', '{"name": "Ann"}');
TABLE shop.customers LIMIT 0;
SELECT * FROM shop.customers WHERE id = 1;
CALL mark('none', '{"score": null, "tags": null, "told": null, "seen": "{{ null }}"}', 'profile.told is null');
SELECT did('10:01', '1', 'none');
SELECT * FROM shop.customers WHERE id = 1;
SELECT from_tile, to_tile, reason, event_id IS NOT NULL FROM journey.transition ORDER BY journey, seq;
CALL mark('empty', '{}');
SELECT did('10:02', '1', 'empty');
TABLE journey.customer;

-- Errors leave the row as it was: classes 22 and 42 fail the member, others are asked again.
SELECT did('10:03', '2', 'all', '{"name": "Nobody"}');
SELECT did('10:04', '2', 'all');
CALL mark('unknown', '{"told": true, "nmae": "x"}');
SELECT did('10:05', '2', 'unknown');
CALL mark('key', '{"id": 4}');
SELECT did('10:06', '2', 'key');
CALL mark('generated', '{"twice": 4}');
SELECT did('10:07', '2', 'generated');
CALL mark('checked', '{"score": 1000}');
SELECT did('10:08', '2', 'checked');
SELECT did('10:09', '99', 'none');
SELECT did('10:10', 'ann', 'none');
SELECT did('10:10', '99999999999', 'none');
REVOKE UPDATE ON shop.customers FROM regress_profile_author;
SELECT did('10:11', '2', 'none');
GRANT UPDATE (score, tags, seen) ON shop.customers TO regress_profile_author;
SELECT did('10:12', '2', 'none');
GRANT UPDATE ON shop.customers TO regress_profile_author;
SELECT did('10:13', '2', 'none');
SELECT * FROM shop.customers WHERE id = 2;

-- Asked again 1, 5 and 30 minutes later: the row may have come meanwhile, or the member fails.
SELECT did('11:00', '20', 'none'), did('11:00', '21', 'none');
CALL advance('11:01');
INSERT INTO shop.customers (id, told) VALUES (20, true);
CALL advance('12:00');
SELECT customer, tile, state, outcome, due_at FROM members WHERE customer IN ('20', '21');
SELECT customer, at FROM journey.failure_row WHERE customer IN ('20', '21') ORDER BY 1, 2;
INSERT INTO shop.customers (id) VALUES (21);
SELECT journey_retry_member('none', '21', (SELECT key FROM journey.member WHERE customer = '21'));
SELECT customer, tile, state, outcome FROM members WHERE customer IN ('20', '21');

-- By a timer, too, and for several members at once; each in its turn.
CREATE TABLE shop.counter (id text PRIMARY KEY, n int NOT NULL DEFAULT 0);
ALTER TABLE shop.counter OWNER TO regress_profile_author;
INSERT INTO shop.counter VALUES ('ann'), ('bob');
SELECT journey_bind_profile('shop.counter', 'id');
SET LOCAL ROLE regress_profile_author;
CALL draw('counts', '{"key": "props->>''k''", "tiles": {"start": {"type": "entry", "on": [{"event": "in"}]}, "hold": {"type": "wait", "for": "1 hour"},
	"up": {"type": "update_profile", "set": {"n": "{{ profile.n + 1 }}"}}, "more": {"type": "update_profile", "set": {"n": "{{ profile.n + 10 }}"}},
	"mail": {"type": "action", "destination": "mail", "payload": {"n": "{{ profile.n }}", "k": "{{ key }}", "event": "{{ event }}"}}, "done": {"type": "exit"}},
	"edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "up", "event": "go"}, {"from": "hold", "to": "up"}, {"from": "up", "to": "more"},
	{"from": "more", "to": "mail", "condition": "profile.n >= 11"}, {"from": "mail", "to": "done"}]}');
RESET ROLE;
CALL emit('13:00', 'ann', 'in', '{"k": "1"}');
CALL emit('13:00', 'ann', 'in', '{"k": "2"}');
CALL emit('13:10', 'ann', 'in', '{"k": "3"}');
CALL emit('13:20', 'ann', 'go');
SELECT payload FROM acts WHERE customer = 'ann' ORDER BY payload->>'k';
CALL emit('13:30', 'bob', 'in', '{"k": "1"}');
CALL advance('15:00');
SELECT payload FROM acts WHERE customer = 'bob';
SELECT from_tile, to_tile, reason, event, due_at, at FROM moves WHERE customer = 'bob';
TABLE shop.counter;
-- Many at once are not too many: journey.max_steps is about what follows from each other.
SET LOCAL journey.max_steps = 5;
SELECT count(journey_emit('bob', 'in', jsonb_build_object('k', 'k' || i))) FROM generate_series(1, 20) AS i;
CALL emit('15:30', 'bob', 'go');
SELECT tile, state, count(*) FROM members WHERE customer = 'bob' GROUP BY 1, 2;
SELECT n FROM shop.counter WHERE id = 'bob';
RESET journey.max_steps;

-- A traits column: merged there, a null removes the trait.
CREATE TABLE shop.people (tenant int, id text, traits jsonb, note text, PRIMARY KEY (tenant, id));
ALTER TABLE shop.people OWNER TO regress_profile_author;
INSERT INTO shop.people VALUES (1, 'a:b', '{"plan": "free", "old": 1}'), (1, 'c', NULL), (1, 'd', '[1]'), (1, 'e', '"text"');
SELECT journey_bind_profile('shop.people', 'tenant, id', 'traits');
CALL mark('plan', '{"plan": "pro", "old": null, "note": {"a": null}}', 'traits = ''{"plan": "pro", "note": {"a": null}}''');
SELECT did('16:00', '1:a:b', 'plan'), did('16:00', '1:c', 'plan');
SELECT did('16:01', '1:e', 'plan'), did('16:01', '2:c', 'plan'), did('16:01', '1', 'plan');
SELECT * FROM shop.people ORDER BY id;
ALTER TABLE shop.people ALTER COLUMN traits TYPE text;
SELECT did('16:02', '1:c', 'plan');
ALTER TABLE shop.people DROP COLUMN traits;
SELECT did('16:03', '1:c', 'plan');
DROP TABLE shop.people;
SELECT did('16:04', '1:c', 'plan');

-- Keys of any type that a key can be of, each whole.
CREATE TABLE shop.chars (id char(3) PRIMARY KEY, n int);
CREATE TABLE shop.varchars (id varchar(3) PRIMARY KEY, n int);
CREATE TABLE shop.numbers (id numeric(6,2) PRIMARY KEY, n int);
CREATE TABLE shop.uuids (id uuid PRIMARY KEY, n int);
INSERT INTO shop.chars VALUES ('a'), ('abc'), ('ab');
INSERT INTO shop.varchars VALUES ('a'), ('abc');
INSERT INTO shop.numbers VALUES (1), (1.25);
INSERT INTO shop.uuids VALUES ('00000000-0000-0000-0000-00000000000a');
SELECT journey_bind_profile('shop.chars', 'id');
SELECT journey_identify('abc', '{"n": 1}'), journey_identify('ab', '{"n": 2}');
SELECT error_of($$SELECT journey_identify('abcd', '{"n": 3}')$$);
SELECT journey_bind_profile('shop.varchars', 'id');
SELECT journey_identify('abc', '{"n": 1}');
SELECT error_of($$SELECT journey_identify('abcd', '{"n": 3}')$$);
SELECT journey_bind_profile('shop.numbers', 'id');
SELECT journey_identify('1.25', '{"n": 1}');
SELECT error_of($$SELECT journey_identify('1.254', '{"n": 3}')$$);
SELECT journey_bind_profile('shop.uuids', 'id');
SELECT journey_identify('00000000-0000-0000-0000-00000000000a', '{"n": 1}');
SELECT * FROM shop.chars ORDER BY id;
SELECT * FROM shop.varchars ORDER BY id;
SELECT * FROM shop.numbers ORDER BY id;
TABLE shop.uuids;

-- journey_identify: the same, as the caller and nobody else.
SELECT journey_bind_profile('shop.customers', 'id');
SELECT journey_identify('3', '{"name": "Cleo", "score": 7, "tags": ["x"]}');
SELECT journey_identify('3', '{"tags": null}');
SELECT journey_identify('3', '{}');
SELECT * FROM shop.customers WHERE id = 3;
SELECT error_of($$SELECT journey_identify('77', '{"score": 7}')$$);
SELECT error_of($$SELECT journey_identify('77', '{}')$$);
SELECT error_of($$SELECT journey_identify('cleo', '{"score": 7}')$$);
SELECT error_of($$SELECT journey_identify('3', '{"scroe": 7}')$$);
SELECT error_of($$SELECT journey_identify('3', '{"score": 1000}')$$);
SELECT error_of($$SELECT journey_identify('3', '{"name": "Cleopatra"}')$$);
SELECT error_of($$SELECT journey_identify('3', '{"id": 5}')$$);
SET LOCAL ROLE regress_profile_app;
SELECT error_of($$SELECT journey_identify('3', '{"score": 8}')$$);
RESET ROLE;
GRANT SELECT (id), UPDATE (score) ON shop.customers TO regress_profile_app;
SET LOCAL ROLE regress_profile_app;
SELECT journey_identify('3', '{"score": 8}');
SELECT error_of($$SELECT journey_identify('3', '{"name": "x"}')$$);
-- The caller's objects do not come between.
CREATE TEMPORARY TABLE customers (id int, score int);
CREATE FUNCTION pg_temp.eq(int, int) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR pg_temp.= (LEFTARG = int, RIGHTARG = int, FUNCTION = pg_temp.eq);
SET LOCAL search_path = pg_temp, pg_catalog, public;
SELECT journey_identify('3', '{"score": 9}');
RESET ROLE;
RESET search_path;
SELECT id, score FROM shop.customers WHERE score IS NOT NULL ORDER BY 1;
-- Row-level security, and triggers that keep the row as it is.
ALTER TABLE shop.customers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY see ON shop.customers USING (id <> 5) WITH CHECK (score IS NULL OR score < 50);
SET LOCAL ROLE regress_profile_app;
SELECT error_of($$SELECT journey_identify('5', '{"score": 8}')$$);
SELECT error_of($$SELECT journey_identify('3', '{"score": 50}')$$);
RESET ROLE;
SELECT did('17:00', '5', 'none');
CALL mark('fifty', '{"score": 50}');
SELECT did('17:01', '4', 'fifty');
ALTER TABLE shop.customers DISABLE ROW LEVEL SECURITY;
CREATE FUNCTION shop.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER keep BEFORE UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.keep();
SELECT did('17:02', '4', 'fifty');
SET LOCAL ROLE regress_profile_app;
SELECT error_of($$SELECT journey_identify('3', '{"score": 10}')$$);
RESET ROLE;
DROP TRIGGER keep ON shop.customers;
-- Without a binding it is journey.customer again.
SELECT journey_unbind_profile();
SELECT journey_identify('3', '{"score": 8}');
SELECT did('17:03', '4', 'fifty');
SELECT customer, traits FROM journey.customer ORDER BY 1;
ROLLBACK;
