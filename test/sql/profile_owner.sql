-- As whom the bound table is written, and that it is the one that was bound: what its owner has put on it runs with
-- no more than he has, whoever owns the journey, or identifies.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
CREATE ROLE regress_profile_owner;
CREATE ROLE regress_profile_member IN ROLE regress_profile_owner;
CREATE ROLE regress_profile_other;
SELECT journey_grant('regress_profile_owner', 'operate'), journey_grant('regress_profile_member', 'author'), journey_grant('regress_profile_other', 'author');
SELECT journey_grant('regress_profile_owner', 'emit'), journey_grant('regress_profile_other', 'emit');
CREATE SCHEMA shop;
GRANT ALL ON SCHEMA shop TO PUBLIC;
-- A journey of the current role's, which writes its name into the row.
CREATE PROCEDURE mark(name text) LANGUAGE plpgsql AS $$
BEGIN
	CALL draw(name, jsonb_build_object('key', 'now::text', 'tiles', jsonb_build_object(
		'start', jsonb_build_object('type', 'entry', 'on', jsonb_build_array(jsonb_build_object('event', name))),
		'mark', jsonb_build_object('type', 'update_profile', 'set', jsonb_build_object('note', name)), 'done', '{"type": "exit"}'::jsonb),
		'edges', '[{"from": "start", "to": "mark"}, {"from": "mark", "to": "done"}]'::jsonb));
END
$$;
-- Run it; where the member is, and the error.
CREATE FUNCTION did(moment text, event text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	CALL emit(moment, 'ann', event);
	RETURN (SELECT concat_ws(' ', m.tile, m.state, (SELECT string_agg(concat_ws(' ', f.sqlstate, f.message), '; ') FROM journey.failure_row f WHERE f.at = moment(moment)))
			  FROM journey.member m WHERE m.journey = did.event ORDER BY m.id DESC LIMIT 1);
END
$$;
\set ECHO all
\pset format unaligned
\pset tuples_only on
SET LOCAL client_min_messages = warning;

-- The owner's own table, with everything on it that can run code of his.
SET LOCAL ROLE regress_profile_owner;
CREATE TABLE shop.ran (n int GENERATED ALWAYS AS IDENTITY, what text, as_whom text, restricted text);
GRANT ALL ON shop.ran TO PUBLIC;
CREATE FUNCTION shop.run(what text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	restricted text := 'no';
BEGIN
	BEGIN
		CREATE TEMPORARY TABLE IF NOT EXISTS tried (a int);
	EXCEPTION WHEN insufficient_privilege THEN
		restricted := 'yes';
	END;
	INSERT INTO shop.ran (what, as_whom, restricted) VALUES (what, current_user, restricted);
	RETURN true;
END
$$;
CREATE FUNCTION shop.run_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM shop.run(tg_when || ' ' || tg_level); RETURN new; END $$;
CREATE TABLE shop.customers (id text PRIMARY KEY, note text, CHECK (note IS NULL OR shop.run('check')));
INSERT INTO shop.customers VALUES ('ann'), ('bob');
CREATE TRIGGER a BEFORE UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.run_trigger();
CREATE TRIGGER b AFTER UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.run_trigger();
CREATE TRIGGER c BEFORE UPDATE ON shop.customers FOR EACH STATEMENT EXECUTE FUNCTION shop.run_trigger();
CREATE POLICY p ON shop.customers USING (shop.run('policy'));
ALTER TABLE shop.customers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT journey_bind_profile('shop.customers', 'id');
RESET ROLE;
CREATE VIEW whoever AS SELECT as_whom, restricted, string_agg(DISTINCT what, ', ' ORDER BY what) FROM shop.ran GROUP BY 1, 2 ORDER BY 1, 2;

-- A superuser's journey, and one of a member of the owner: as the owner.
CALL mark('by_superuser');
SET LOCAL ROLE regress_profile_member;
CALL mark('by_member');
RESET ROLE;
SELECT did('10:00', 'by_superuser');
SELECT note FROM shop.customers WHERE id = 'ann';
TABLE whoever;
DELETE FROM shop.ran;
SELECT did('10:01', 'by_member');
SELECT note FROM shop.customers WHERE id = 'ann';
TABLE whoever;
DELETE FROM shop.ran;
-- Of somebody else: as himself, with the rights that he has.
SET LOCAL ROLE regress_profile_other;
CALL mark('by_other');
RESET ROLE;
SELECT did('10:02', 'by_other');
GRANT SELECT, UPDATE ON shop.customers TO regress_profile_other;
SELECT did('10:03', 'by_other');
SELECT note FROM shop.customers WHERE id = 'ann';
SELECT DISTINCT as_whom, restricted FROM shop.ran;
DELETE FROM shop.ran;

-- journey_identify: a superuser and a member become the owner; the owner and others are themselves, as by hand.
SELECT journey_identify('bob', '{"note": "x"}');
TABLE whoever;
DELETE FROM shop.ran;
SELECT current_user = session_user;
SET LOCAL ROLE regress_profile_member;
SELECT journey_identify('bob', '{"note": "y"}');
SELECT current_user;
RESET ROLE;
SELECT DISTINCT as_whom, restricted FROM shop.ran;
DELETE FROM shop.ran;
SET LOCAL ROLE regress_profile_other;
SELECT journey_identify('bob', '{"note": "z"}');
RESET ROLE;
SELECT DISTINCT as_whom, restricted FROM shop.ran;
DROP TABLE pg_temp.tried;
DELETE FROM shop.ran;
SET LOCAL ROLE regress_profile_owner;
SELECT journey_identify('bob', '{"note": "z"}');
RESET ROLE;
SELECT DISTINCT as_whom, restricted FROM shop.ran;
DROP TABLE pg_temp.tried;
DELETE FROM shop.ran;

-- A superuser's table is written by those who may, as themselves.
ALTER TABLE shop.customers OWNER TO CURRENT_USER;
SELECT did('10:04', 'by_member');
SELECT did('10:05', 'by_other');
SELECT DISTINCT as_whom, restricted FROM shop.ran;
SELECT did('10:06', 'by_superuser');
DELETE FROM shop.ran;

-- Another table of that name is not written to, whoever has made it: nobody has bound it.
ALTER TABLE shop.customers RENAME TO away;
SET LOCAL ROLE regress_profile_other;
CREATE TABLE shop.customers (id text PRIMARY KEY, note text);
INSERT INTO shop.customers VALUES ('ann'), ('bob');
GRANT ALL ON shop.customers TO PUBLIC;
CREATE TRIGGER a BEFORE UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.run_trigger();
RESET ROLE;
SELECT did('11:00', 'by_superuser');
SELECT did('11:01', 'by_member');
SELECT did('11:02', 'by_other');
SELECT error_of($$SELECT journey_identify('ann', '{"note": "n"}')$$);
SELECT error_of($$SELECT journey_identify('ann', '{}')$$);
TABLE shop.customers;
TABLE whoever;
SAVEPOINT other;
SELECT journey_bind_profile('shop.customers', 'id');
SELECT did('11:03', 'by_other');
ROLLBACK TO other;
-- Nor a view of it, or what is put where it was.
DROP TABLE shop.customers;
CREATE VIEW shop.customers AS TABLE shop.away;
SELECT error_of($$SELECT journey_identify('ann', '{"note": "n"}')$$);
DROP VIEW shop.customers;
ALTER TABLE shop.away RENAME TO customers;
SELECT did('11:04', 'by_superuser');
-- Not without its trigger either, of which nobody would hear.
DROP TRIGGER journey_source ON shop.customers;
SELECT error_of($$SELECT journey_identify('ann', '{"note": "n"}')$$);
SELECT journey_bind_profile('shop.customers', 'id');
SELECT journey_identify('ann', '{"note": "n"}');
SELECT note FROM shop.customers WHERE id = 'ann';
ROLLBACK;
