-- Entry by schedule, where pg_cron is not in the database: what is said of that, and what its jobs would do.  With
-- pg_cron: t/020_cron.pl.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
\set expect :abs_srcdir '/expect.sql'
BEGIN;
\set ECHO none
\i :helpers
\i :expect
\set ECHO all
DELETE FROM journey.audience;
DELETE FROM journey.audience_member;
INSERT INTO journey.audience (name) VALUES ('lapsed'), ('vip');
SELECT $${
  "entry_rules": {"cooldown": "7 days"},
  "exit": [{"event": "PURCHASE", "outcome": "won"}],
  "tiles": {
    "start": {"type": "entry", "on": [
      {"event": "LEFT_CART"},
      {"schedule": "0 9 * * *", "audience": "lapsed", "condition": "journey_count(customer, 'PURCHASE', now - '30 days'::interval) = 0"}]},
    "remind": {"type": "action", "destination": "mail"},
    "hold": {"type": "wait", "for": "2 days"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "remind"}, {"from": "remind", "to": "hold"}, {"from": "hold", "to": "done"}]
}$$::jsonb AS winback \gset
SAVEPOINT clean;

-- A draft may have it; it cannot be activated.
SELECT journey_create('winback', :'winback');
SELECT * FROM journey_validate(:'winback') \gx
SELECT error_of('SELECT journey_activate(''winback'')');
SELECT state FROM journey.journey WHERE name = 'winback';

-- What is wrong with its form, pg_cron or not.
SELECT left(trigger::text, 60) AS trigger, path, message, hint
  FROM (VALUES (1, '{"schedule": "0 9 * * *"}'::jsonb), (2, '{"schedule": 9, "audience": "vip"}'), (3, '{"schedule": "", "audience": "vip"}'),
			   (4, '{"schedule": null, "audience": "vip"}'), (5, '{"schedule": ["0 9 * * *"], "audience": "vip"}'),
			   (6, '{"schedule": "0 9 * * *\n* * * * *", "audience": "vip"}'), (7, '{"schedule": "0 9 * * lün", "audience": "vip"}'),
			   (8, '{"schedule": "0 9 * * *", "event": "E"}'), (9, '{"schedule": "0 9 * * *", "audience": "vip", "event": "E"}'),
			   (10, '{"schedule": "0 9 * * *", "audience": "vip", "customers": "ARRAY[customer]"}'),
			   (11, '{"shedule": "0 9 * * *", "audience": "vip"}'), (12, '{"cron": "0 9 * * *", "audience": "vip"}'),
			   (13, jsonb_build_object('schedule', repeat('* ', 200), 'audience', 'vip')),
			   (14, '{"schedule": "0 9 * * *", "audience": "vpi"}')) AS t (n, trigger)
 CROSS JOIN LATERAL journey_validate(jsonb_set(:'winback', '{tiles,start,on,1}', trigger)) WITH ORDINALITY
 WHERE severity = 'error' AND message !~ 'pg_cron'
 ORDER BY n, ordinality \gx

-- pg_cron may know lines by seconds; they are for whoever writes jobs himself.
SELECT schedule, path, message, hint
  FROM unnest(ARRAY['1 second', '59 seconds', ' 1 SECONDS ', '5seconds', '-4294967291 seconds', '* * * * *', '@daily']) WITH ORDINALITY AS s (schedule, n)
  LEFT JOIN LATERAL journey_validate(jsonb_set(:'winback', '{tiles,start,on,1,schedule}', to_jsonb(schedule))) ON severity = 'error' AND message !~ 'pg_cron'
 ORDER BY n;
SELECT journey_create('often', jsonb_set(:'winback', '{tiles,start,on,1,schedule}', '"30 seconds"'));
SELECT error_of('SELECT journey_activate(''often'')');

-- What is read where a schedule asks.
SELECT severity, path, message, hint
  FROM journey_validate(jsonb_set(:'winback', '{tiles,start,on,1,condition}', '"props ? ''x'' AND visits = 0"')) WHERE severity = 'warning';
SELECT severity, path, message, hint
  FROM journey_validate(jsonb_set(:'winback', '{tiles,start,on,1,condition}', '"event = ''x'' OR outcome = ''y''"')) WHERE severity = 'warning';
SELECT severity, path, message, hint
  FROM journey_validate(jsonb_set(:'winback' #- '{tiles,start,on,0}', '{key}', '"props->>''id''"')) WHERE severity = 'warning';
SELECT count(*) AS warnings_where_an_event_enters_too
  FROM journey_validate(jsonb_set(:'winback', '{key}', '"coalesce(props->>''id'', '''')"')) WHERE severity = 'warning';

ROLLBACK TO clean;

-- From here on with a journey that is active, as a dump brings it from where pg_cron is.
CREATE PROCEDURE restore(name text, definition jsonb) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM journey_create(name, jsonb_set(definition, '{tiles,start,on}', '[]'));
	PERFORM journey_activate(name);
	UPDATE journey.version_row v SET definition = restore.definition
	  FROM journey.journey j WHERE j.name = restore.name AND v.journey = j.id AND v.version = j.version;
	PERFORM journey_pause(name), journey_resume(name);
	DELETE FROM journey.pause;
END
$$;
SAVEPOINT clean;

-- Win-back, daily.  Bob has bought within 30 days; Dan is none of the audience.
CALL at('2025-02-20 12:00');
CALL restore('winback', :'winback');
INSERT INTO journey.audience_member (audience, customer) VALUES ('lapsed', 'Zoe'), ('lapsed', 'ann'), ('lapsed', 'bob'), ('vip', 'dan');
SELECT FROM journey_emit('bob', 'PURCHASE');
CALL at('2025-03-01 09:00');
SELECT journey.enter_scheduled('winback', 1);
SELECT string_agg(customer, ' ' ORDER BY id) AS in_order_of_bytes FROM journey.member;
SELECT moved('ann', '2025-03-01 09:00 start remind entry
	2025-03-01 09:00 remind hold step');
SELECT journey, customer, key, context, entered_at FROM journey.member ORDER BY customer COLLATE "C";
SELECT sent('ann', '2025-03-01 09:00 remind'), sent('Zoe', '2025-03-01 09:00 remind'), sent('bob', ''), sent('dan', '');
-- the next day nobody: inside, and then in the cooldown, until it is over; Bob's purchase is past then, too
CALL advance('2025-03-02 09:00');
SELECT journey.enter_scheduled('winback', 1);
CALL advance('2025-03-07 09:00');
SELECT stands('ann', 'done exited done'), journey.enter_scheduled('winback', 1);
CALL advance('2025-03-08 09:00');
INSERT INTO journey.audience_member (audience, customer) VALUES ('lapsed', 'eve');
DELETE FROM journey.audience_member WHERE customer = 'Zoe';
SELECT journey.enter_scheduled('winback', 1);
SELECT customer, count(*) FROM journey.member GROUP BY 1 ORDER BY 1;
CALL advance('2025-03-25 09:00');
SELECT journey.enter_scheduled('winback', 1) AS bob_too;
-- events work as ever, and none enters by the schedule
CALL at('2025-04-10 09:00');
SELECT FROM journey_emit('dan', 'LOOKED');
SELECT FROM journey_emit('fay', 'LEFT_CART');
SELECT stands('dan', ''), stands('fay', 'hold active');
SELECT stands('ann', 'done exited done
	done exited done
	hold active');
SELECT FROM journey_emit('ann', 'PURCHASE');
SELECT stands('ann', 'done exited done
	done exited done
	hold exited won');
SELECT failed('');
ROLLBACK TO clean;

-- An audience with a query is refreshed first; where that fails, those enter whom it gave last.
CREATE SCHEMA shop;
CREATE TABLE shop.orders (customer text, at timestamptz);
INSERT INTO shop.orders VALUES ('ann', moment('2024-10-01 12:00')), ('ann', moment('2024-12-20 12:00')), ('bob', moment('2024-12-01 12:00')), ('cyd', moment('2024-12-05 12:00'));
CALL at('2025-03-01 09:00');
SELECT journey_audience_create('quiet', 'SELECT customer FROM shop.orders GROUP BY customer HAVING max(at) < now() - interval ''90 days''');
CALL restore('winback', jsonb_set(:'winback', '{tiles,start,on,1,audience}', '"quiet"'));
SELECT name FROM journey.wanted_job ORDER BY name;
SELECT customer FROM journey.audience_member WHERE audience = 'quiet' ORDER BY customer;
CALL at('2025-03-05 12:00');
SELECT journey.enter_scheduled('winback', 1);
SELECT stands('bob', 'hold active'), stands('cyd', '');
CALL at('2025-03-06 09:00');
SELECT journey.enter_scheduled('winback', 1);
SELECT stands('ann', ''), stands('bob', 'hold active'), stands('cyd', 'hold active');
SELECT customer FROM journey.audience_member WHERE audience = 'quiet' ORDER BY customer;
CALL advance('2025-04-10 09:00');
ALTER TABLE shop.orders RENAME TO sales;
SELECT journey.enter_scheduled('winback', 1);
SELECT stands('ann', ''), stands('bob', 'done exited done
	hold active');
SELECT source, sqlstate, message FROM journey.failure;
ALTER TABLE shop.sales RENAME TO orders;
SELECT journey.enter_scheduled('winback', 1);
SELECT stands('ann', 'hold active');
-- as the job calls it, and with nulls
DELETE FROM journey.member_row;
CALL journey.run_schedule('winback', 1);
SELECT stands('ann', 'hold active');
CALL journey.run_schedule(NULL, 1);
CALL journey.run_schedule('winback', NULL);
CALL journey.run_schedule('winback', 7);
-- one without is as it was written; one that is gone is an error
DELETE FROM journey.audience WHERE name = 'quiet';
SELECT error_of('SELECT journey.enter_scheduled(''winback'', 1)');
ROLLBACK TO clean;

-- So is one that is kept in real time, which may have missed something: TRUNCATE, or a table dropped and made again.
CREATE SCHEMA shop;
CREATE TABLE shop.customers (id text PRIMARY KEY, lapsed bool);
INSERT INTO shop.customers VALUES ('ann', true), ('bob', true), ('cyd', false);
CALL at('2025-03-01 09:00');
SELECT journey_audience_create('quiet', 'SELECT id FROM shop.customers WHERE lapsed');
SELECT name FROM journey.audience WHERE source IS NOT NULL;
CALL restore('winback', jsonb_set(:'winback', '{tiles,start,on,1,audience}', '"quiet"'));
TRUNCATE shop.customers;
INSERT INTO shop.customers VALUES ('bob', true), ('dan', true);
SELECT customer FROM journey.audience_member WHERE audience = 'quiet' ORDER BY customer;
SELECT journey.enter_scheduled('winback', 1);
SELECT customer FROM journey.member ORDER BY customer;
SELECT customer FROM journey.audience_member WHERE audience = 'quiet' ORDER BY customer;
SELECT name FROM journey.audience WHERE source IS NOT NULL;
DROP TABLE shop.customers;
CREATE TABLE shop.customers (id text PRIMARY KEY, lapsed bool);
INSERT INTO shop.customers VALUES ('eve', true);
SELECT journey.enter_scheduled('winback', 1);
SELECT customer FROM journey.member ORDER BY customer;
ROLLBACK TO clean;

-- The condition: no event asks, so event is null and props is empty; null is false; one that errs is recorded and
-- concerns nobody else.
INSERT INTO journey.audience_member (audience, customer) VALUES ('lapsed', '0'), ('lapsed', '1'), ('lapsed', '2');
CALL restore('bare', jsonb_set(:'winback', '{tiles,start,on}', '[
	{"schedule": "@daily", "audience": "lapsed", "condition": "event IS NULL AND props = ''{}'' AND context = ''{}'' AND key IS NULL AND customer > ''0''"},
	{"schedule": "@daily", "audience": "lapsed", "condition": "nullif(customer, ''1'') = ''0''"},
	{"schedule": "@daily", "audience": "lapsed", "condition": "1 / (customer::int - 1) > 0"},
	{"schedule": "@daily", "audience": "lapsed"}, {"schedule": "@daily", "audience": "vip"}]') - 'entry_rules');
CALL at('09:00');
SAVEPOINT asked;
SELECT journey.enter_scheduled('bare', 0);
SELECT customer FROM journey.member ORDER BY 1;
ROLLBACK TO asked;
SELECT journey.enter_scheduled('bare', 1);
SELECT customer FROM journey.member ORDER BY 1;
ROLLBACK TO asked;
SELECT journey.enter_scheduled('bare', 2);
SELECT customer FROM journey.member ORDER BY 1;
SELECT failed('bare start - 22012 1');
ROLLBACK TO asked;
SELECT journey.enter_scheduled('bare', 3), journey.enter_scheduled('bare', 4);
ROLLBACK TO clean;

-- The other rules of entry.
INSERT INTO journey.audience_member (audience, customer) SELECT 'lapsed', 'c' || i FROM generate_series(10, 19) i;
INSERT INTO journey.audience_member (audience, customer) VALUES ('vip', 'c11'), ('vip', 'c12');
CALL at('09:00');
CALL restore('only', jsonb_set(:'winback', '{entry_rules}', '{"only": "vip"}'));
CALL restore('never', jsonb_set(:'winback', '{entry_rules}', '{"reentry": "never"}'));
CALL restore('again', jsonb_set(:'winback', '{entry_rules}', '{"on_active": "restart"}'));
CALL restore('held_out', jsonb_set(:'winback', '{entry_rules}', '{"holdout": 100}'));
CALL restore('keyed', jsonb_set(:'winback', '{key}', '"''all'' || customer"'));
CALL restore('keyless', jsonb_set(:'winback', '{key}', '"props->>''id''"'));
SELECT name, journey.enter_scheduled(name, 1) FROM journey.journey ORDER BY name;
SELECT journey, state, outcome, min(key), count(*) FROM journey.member GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT failed('keyless start - 22004 10');
CALL advance('2025-03-20 09:00');
SELECT name, journey.enter_scheduled(name, 1) FROM journey.journey WHERE name <> 'keyless' ORDER BY name;
ROLLBACK TO clean;

-- A schedule that nobody could follow is not made up for: while the journey is paused, nobody enters.
INSERT INTO journey.audience_member (audience, customer) VALUES ('lapsed', 'ann');
CALL restore('winback', :'winback');
CALL at('09:00');
SELECT journey_pause('winback');
SELECT journey.enter_scheduled('winback', 1);
SELECT name, schedule FROM journey.wanted_job ORDER BY name;
CALL advance('10:00');
SELECT journey_resume('winback');
CALL advance('11:00');
SELECT stands('ann', '');
SAVEPOINT resumed;
SELECT journey.enter_scheduled('winback', 1);
ROLLBACK TO resumed;
SELECT journey_complete('winback');
SELECT journey.enter_scheduled('winback', 1);
ROLLBACK TO resumed;
SELECT journey_stop('winback');
SELECT journey.enter_scheduled('winback', 1);
SELECT name, schedule FROM journey.wanted_job ORDER BY name;
ROLLBACK TO resumed;
-- no such trigger, no such journey, nulls
SELECT n, journey.enter_scheduled('winback', n) FROM unnest('{-2147483648, -1, 0, 2, 2147483647, NULL}'::int[]) n;
SELECT journey.enter_scheduled('winbakc', 1), journey.enter_scheduled('', 1), journey.enter_scheduled(NULL, 1);
-- a draft has no jobs, and the newest activated version is what counts
SELECT journey_revise('winback');
SELECT journey_update('winback', jsonb_set(:'winback', '{tiles,start,on,1,schedule}', '"5 5 * * *"'));
SELECT schedule FROM journey.wanted_job WHERE journey = 'winback';
UPDATE journey.version_row SET state = 'active' WHERE version = 2;
UPDATE journey.journey SET version = 2;
SELECT schedule FROM journey.wanted_job WHERE journey = 'winback';
ROLLBACK TO clean;

-- A copy never acts, nor does what was never activated.
INSERT INTO journey.audience_member (audience, customer) VALUES ('lapsed', 'ann');
CALL restore('winback', :'winback');
SELECT journey.is_armed();
SAVEPOINT armed;
UPDATE journey.armed SET system_identifier = system_identifier + 1;
SELECT journey.is_armed(), journey.enter_scheduled('winback', 1);
SELECT error_of('SELECT journey_tick()');
SELECT journey_arm();
SELECT journey.is_armed(), journey.enter_scheduled('winback', 1);
ROLLBACK TO armed;
DELETE FROM journey.armed;
SELECT journey.is_armed(), journey.enter_scheduled('winback', 1);
ROLLBACK TO armed;
-- in a transaction that cannot write
SET TRANSACTION READ ONLY;
SELECT journey.enter_scheduled('winback', 1);
ROLLBACK TO clean;

-- The jobs: their names, and which are ours.
INSERT INTO journey.audience (name, query, refresh) VALUES ('young', 'SELECT', '1 hour');
CALL restore(E'a "b" \\ ''c''; DROP', :'winback');
SELECT name, schedule, command FROM journey.wanted_job ORDER BY name;
SELECT n, octet_length(job) AS bytes, job
  FROM (VALUES (1, 'plain'), (2, repeat('x', 51)), (3, repeat('x', 52)), (4, repeat('x', 128)), (5, 'x~17'), (6, 'x~17 #0'), (7, repeat('ä', 64)), (8, '')) AS t (n, name)
 CROSS JOIN LATERAL journey.job_name(name, 17, 0) AS job ORDER BY n;
SELECT octet_length(journey.job_name(repeat('x', 128), 2147483647, 49999)) AS longest;
CREATE ROLE regress_somebody;
SELECT n, journey.is_own_job(name, command, username)
  FROM (VALUES (1, 'journey: winback #0', journey.job_command('CALL journey.run_schedule(''winback'', 0)'), current_user::text),
			   (2, 'journey: winback #0', journey.job_command('CALL journey.run_schedule(''winback'', 0)'), 'regress_somebody'),
			   (3, 'journey: winback #0', journey.job_command('CALL journey.run_schedule(''winback'', 0)'), 'regress_of_elsewhere'),
			   (4, 'journey: winback #0', 'SELECT public.report()', current_user),
			   (5, 'journey: winback', journey.job_command('CALL journey.run_schedule(''winback'', 0)'), current_user),
			   (6, 'my journey: winback #0', journey.job_command('CALL journey.run_schedule(''winback'', 0)'), current_user),
			   (7, 'journey: maintain', journey.job_command('PERFORM journey.maintain() WHERE journey.is_armed()'), current_user),
			   (8, 'journey: maintain', 'SELECT public.maintain()', current_user),
			   (9, 'journey: maintain', 'SELECT journey_maintain()', current_user),
			   (10, 'journey: tick', 'SELECT journey_tick()', current_user),
			   (11, 'journey: audiences', journey.job_command('PERFORM journey.maintain() WHERE journey.is_armed()'), current_user),
			   (12, 'journey: audiences', journey.job_command('PERFORM journey.refresh_due() WHERE journey.is_armed()'), current_user),
			   -- a DBA's own, that only begin as ours
			   (13, 'journey: maintain', 'DO $$BEGIN PERFORM journey.maintain(); PERFORM public.report(); END$$', current_user),
			   (14, 'journey: maintain', journey.job_command('PERFORM journey.maintain() WHERE journey.is_armed()') || '; VACUUM', current_user),
			   (15, 'journey: winback #0', journey.job_command('CALL journey.run_schedule(''winback'', 0); CALL public.report()'), current_user),
			   (16, 'journey: winback #0', journey.job_command('CALL journey.run_schedule(''winback'', 1)'), current_user),
			   (17, 'journey: winback #0', journey.job_command('CALL journey.run_schedule(''other'', 0)'), current_user),
			   (18, 'journey: winback #00', journey.job_command('CALL journey.run_schedule(''winback'', 0)'), current_user),
			   (19, 'journey: x~99999999999999999999 #99999999999999999999', journey.job_command('CALL journey.run_schedule(''x'', 0)'), current_user),
			   (20, 'journey: winback #0', 'DO', current_user)) AS t (n, name, command, username)
 ORDER BY n;
-- whatever the journey is called
SELECT name FROM unnest(ARRAY['plain', '', 'it''s', E'a "b" \\ ''c''; DROP', E'\\', E'\\''', 'x~17', 'x~17 #0', 'x #3', '~0', repeat('x', 128),
		repeat('ä', 64), repeat('''', 60), repeat(E'\\', 60), 'E''', '$1%L', 'a'', 1); END IF; END', 'CALL journey.run_schedule(''x'', 3); END IF; END']) name
 WHERE journey.is_own_job(journey.job_name(name, 17, 3), journey.job_command(format('CALL journey.run_schedule(%L, 3)', name)), current_user) IS NOT TRUE;
-- nothing to make them in
SELECT journey.sync_jobs(), journey.sync_jobs('winback', true);
SELECT state, message IS NOT NULL AS says_why FROM journey.try_schedule('0 9 * * *');
ROLLBACK TO clean;

-- All of it is for the owner of the extension alone.
CREATE ROLE regress_operator;
SELECT journey_grant('regress_operator', level) FROM unnest('{author, operate, emit, view}'::text[]) level;
GRANT USAGE ON SCHEMA journey TO regress_operator;
SET LOCAL ROLE regress_operator;
SELECT error_of('SELECT journey.' || call)
  FROM unnest('{"enter_scheduled(''x'', 0)", "sync_jobs()", "try_schedule(''* * * * *'')", "is_armed()"}'::text[]) call;
SELECT error_of('TABLE journey.wanted_job');
SELECT error_of('CALL journey.run_schedule(''x'', 0)');
RESET ROLE;
ROLLBACK;
