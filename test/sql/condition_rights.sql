-- What an author may read, and what the caller's session keeps.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/condition.sql'
\set end :abs_srcdir '/condition_end.sql'
\set ECHO none
\i :helpers
\set ECHO all
\pset format unaligned
\pset tuples_only on

CREATE ROLE regress_journey_other;
SELECT journey_grant('regress_journey_other', 'author');
CREATE SCHEMA company;
CREATE TABLE company.salary (customer text, amount int);
INSERT INTO company.salary VALUES ('ann', 5), ('bob', 6);
CREATE VIEW company.total AS SELECT sum(amount) AS total FROM company.salary;
CREATE VIEW company.mine WITH (security_invoker) AS SELECT amount FROM company.salary;
CREATE FUNCTION company.secret() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
GRANT USAGE ON SCHEMA company, shop TO regress_journey_author, regress_journey_other;

-- Neither tables nor columns nor schemas that are not the owner's to read; whoever emits.
SELECT probe('exists (select from company.salary)');
SELECT probe('exists (select from company.total where total > 0)');
SELECT probe('exists (select from journey.event)');
SELECT probe('exists (select from journey.member_row)');
SELECT probe('exists (select from journey.customer)');
SELECT probe('exists (select from pg_authid)');
SELECT probe('exists (select rolpassword from pg_shadow)');
SELECT probe('exists (select from pg_statistic)');
REVOKE USAGE ON SCHEMA company FROM regress_journey_author;
SELECT probe('exists (select from company.salary)');
GRANT USAGE ON SCHEMA company TO regress_journey_author;
GRANT SELECT (customer) ON company.salary TO regress_journey_author;
SELECT probe('exists (select from company.salary where customer = ''ann'')');
SELECT probe('exists (select from company.salary where amount > 0)');
SELECT probe('exists (select * from company.salary)');
GRANT SELECT ON company.total TO regress_journey_author;
SELECT probe('(select total = 11 from company.total)');
GRANT SELECT ON company.mine TO regress_journey_author;
SELECT probe('exists (select from company.mine where amount > 5)');
SELECT probe('exists (select from company.salary)', owner => CURRENT_USER);

-- Rights that go, and come, between two emits of a session.
GRANT SELECT ON company.salary TO regress_journey_author;
SELECT probe_activate('exists (select from company.salary where amount = 5)') AS name \gset
SELECT probe_activate('exists (select from company.mine where amount = 5)') AS view_name \gset
SELECT probe_emit(:'name'), probe_emit(:'view_name');
REVOKE SELECT ON company.salary FROM regress_journey_author;
SELECT probe_emit(:'name', customer => 'carl'), probe_emit(:'view_name', customer => 'carl');
GRANT SELECT ON company.salary TO regress_journey_author;
SELECT count(probe_emit(:'name', customer => 'dora') || probe_emit(:'view_name', customer => 'dora'));
SELECT customer, count(*) FROM journey.member WHERE journey IN (:'name', :'view_name') GROUP BY 1 ORDER BY 1;

-- Rows: by the policies for the owner, not for who emits; a superuser's journey sees all.
CREATE TABLE company.account (customer text, owner name);
INSERT INTO company.account VALUES ('ann', 'regress_journey_author'), ('bob', 'regress_journey_other');
ALTER TABLE company.account ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON company.account USING (owner = current_user);
GRANT SELECT ON company.account TO PUBLIC;
SELECT probe('(select count(*) = 1 and min(customer) = ''ann'' from company.account)'),
	probe('(select count(*) = 1 and min(customer) = ''bob'' from company.account)', owner => 'regress_journey_other'),
	probe('(select count(*) = 2 from company.account)', owner => CURRENT_USER);
SET row_security = off;
SELECT probe('(select count(*) = 1 from company.account)');
SHOW row_security;
RESET row_security;
SELECT probe_activate('(select count(*) = 1 from company.account)') AS name \gset
SELECT probe_emit(:'name');
DROP POLICY own ON company.account;
CREATE POLICY none ON company.account USING (false);
SELECT probe_emit(:'name', customer => 'carl');
CREATE POLICY role ON company.account TO regress_journey_other USING (customer = 'ann');
GRANT regress_journey_other TO regress_journey_author;
SELECT probe_emit(:'name', customer => 'dora');
REVOKE regress_journey_other FROM regress_journey_author;
SELECT probe_emit(:'name', customer => 'emil');
SELECT customer FROM journey.member WHERE journey = :'name' ORDER BY 1;

-- An owner that is gone: recorded, and the emit goes on; one of the same name is another.
SELECT probe_activate('true', 'regress_journey_other') AS fast, probe_activate('(select true from company.account limit 1)', 'regress_journey_other') AS slow,
	probe_activate('true') AS good \gset
SELECT probe_emit(:'fast'), probe_emit(:'slow');
DROP OWNED BY regress_journey_other;
DROP ROLE regress_journey_other;
SELECT probe_emit(:'fast', customer => 'carl'), probe_emit(:'slow', customer => 'carl'), probe_emit(:'good', customer => 'carl');
SELECT probe_timer(:'fast'), probe_timer(:'slow'), probe_timer(:'good');
SELECT journey, state, count(*) FROM journey.member WHERE journey IN (:'fast', :'slow', :'good') GROUP BY 1, 2 ORDER BY 1, 2;
CREATE ROLE regress_journey_other;
SELECT count(probe_emit(:'fast', customer => 'dora') || probe_emit(:'slow', customer => 'dora'));
SELECT journey, customer FROM journey.member WHERE journey IN (:'fast', :'slow') AND customer = 'dora' ORDER BY 1;
SELECT probe_failures(:'slow');
ALTER ROLE regress_journey_other RENAME TO regress_journey_renamed;
SELECT count(probe_emit(:'fast', customer => 'emil'));
SELECT count(*) FROM journey.member WHERE journey = :'fast' AND customer = 'emil';
DROP OWNED BY regress_journey_renamed;
DROP ROLE regress_journey_renamed;

-- A superuser as an owner is the cluster's choice, also later.
SELECT probe_activate('true', CURRENT_USER) AS name \gset
SET journey.allow_superuser_owner = off;
SELECT replace(probe_emit(:'name'), CURRENT_USER, 'SUPERUSER');
SELECT probe_activate('true', CURRENT_USER);
RESET journey.allow_superuser_owner;

-- The caller's session is as before, also after errors, in and out of a transaction.
SELECT probe_activate('(select to_char(now, ''YYYY'') = ''2025'')') AS fine,
	probe_activate('(select 1 / (props->>''zero'')::int = 1)') AS bad \gset
CREATE FUNCTION session_state() RETURNS text LANGUAGE sql VOLATILE AS $$
SELECT concat_ws(' ', current_user, session_user = current_user, current_setting('search_path'), current_setting('TimeZone'), current_setting('DateStyle'),
	current_setting('IntervalStyle'), current_setting('row_security'), current_setting('client_min_messages'), current_setting('transaction_read_only'),
	current_setting('lc_time'), current_setting('extra_float_digits'), current_setting('bytea_output'), current_setting('standard_conforming_strings'),
	current_setting('default_text_search_config'), current_setting('role'))
$$;
SET search_path = shop, lab, public;
SET TimeZone = 'Asia/Tokyo';
SET DateStyle = 'German';
SET IntervalStyle = 'iso_8601';
SET extra_float_digits = -5;
SET bytea_output = 'escape';
SET ROLE regress_journey_app;
BEGIN;
SELECT session_state() AS state \gset
SELECT journey_emit('ann', :'fine') > 0, journey_emit('ann', :'bad', '{"zero": 0}') > 0, journey_emit('ann', :'bad', '{"zero": 1}') > 0;
SELECT session_state() = :'state';
SAVEPOINT a;
SELECT journey_emit('bob', :'bad', '{"zero": 0}') > 0;
ROLLBACK TO a;
SELECT session_state() = :'state';
COMMIT;
SELECT journey_emit('bob', :'bad', '{"zero": "x"}') > 0;
SELECT session_state() = :'state';
RESET ROLE;
RESET ALL;
SET search_path = lab, public;
SELECT probe_failures(:'bad');

-- Nothing is told to the client but the result; nothing of an error either.
SET client_min_messages = debug1;
SELECT journey_emit('ann', :'bad', '{"zero": 0}') > 0, journey_emit('ann', :'fine') > 0;
RESET client_min_messages;
SELECT probe('to_tsquery(''english'', ''the'') is not null and (select to_tsquery(''english'', ''a'') is not null)');

-- A read-only transaction stays one.
BEGIN READ ONLY;
SELECT journey_emit('ann', :'fine');
ROLLBACK;

SET client_min_messages = warning;
DROP SCHEMA company CASCADE;
\set ECHO none
\i :end
