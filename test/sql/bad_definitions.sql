-- Definitions with one thing wrong: what journey_validate says of it, and whether journey_create takes it.
\pset format unaligned
\pset tuples_only on
BEGIN;
\i test/definition.sql

-- 18 writes the setting's name in another way.
CREATE TEMP TABLE bad (n int GENERATED ALWAYS AS IDENTITY, at text[], value jsonb);
CREATE FUNCTION pg_temp.report(lowest int) RETURNS SETOF text LANGUAGE sql AS $$
SELECT format('%s. %s = %s: %s', n, array_to_string(at, '.'), coalesce(left(value::text, 80), 'nothing'),
			  pg_temp.created(pg_temp.changed(at, value))) ||
	   coalesce(string_agg(format(E'\n  %s at %s: %s%s', severity, path, message, E'\n    ' || replace(hint, 'DateStyle', 'datestyle')), '' ORDER BY ordinality)
		FILTER (WHERE severity = 'error'), E'\n  NOTHING')
  FROM bad LEFT JOIN LATERAL journey_validate(pg_temp.changed(at, value)) WITH ORDINALITY ON true
 WHERE n >= lowest
 GROUP BY n, at, value
 ORDER BY n
$$;

-- What is changed has no errors; warnings are none of this test's concern.
SELECT * FROM journey_validate(pg_temp.whole()) WHERE severity = 'error';

-- Keys that nobody knows.
INSERT INTO bad (at, value) VALUES
	('{kye}', '"customer"'),
	('{time_zone}', '"UTC"'),
	('{onresume}', '"keep"'),
	('{max_dur}', '"1 day"'),
	('{quiethours}', '{}'),
	('{caps}', '{}'),
	('{entry-rules}', '{}'),
	('{goals}', '{}'),
	('{exits}', '[]'),
	('{tile}', '{}'),
	('{transitions}', '[]'),
	('{entry_rules,ony}', '"vip"'),
	('{entry_rules,on_activ}', '"ignore"'),
	('{entry_rules,re-entry}', '"never"'),
	('{entry_rules,merge}', 'true'),
	('{entry_rules,cool_down}', '"1 day"'),
	('{entry_rules,hold_out}', '5'),
	('{quiet_hours,until}', '"08:00"'),
	('{quiet_hours,days}', '["mon"]'),
	('{cap,tags}', '["promo"]'),
	('{cap,maximum}', '3'),
	('{cap,every}', '"1 day"'),
	('{goal,withing}', '"1 day"'),
	('{goal,outcome}', '"won"'),
	('{exit,0,outcom}', '"converted"'),
	('{exit,1,audience}', '"vip"'),
	('{tiles,start,event}', '"ADD_TO_CART"'),
	('{tiles,start,for}', '"1 hour"'),
	('{tiles,start,on,0,conditions}', '"true"'),
	('{tiles,start,on,1,customer}', '"ARRAY[customer]"'),
	('{tiles,start,on,2,audiences}', '["vip"]'),
	('{tiles,hold,fro}', '"1 hour"'),
	('{tiles,hold,untill}', '"2027-01-01"'),
	('{tiles,hold,day}', '["mon"]'),
	('{tiles,hold,windows}', '{}'),
	('{tiles,hold,re_check}', '"1 hour"'),
	('{tiles,hold,resets}', '[]'),
	('{tiles,hold,max_visit}', '3'),
	('{tiles,hold,destination}', '"email"'),
	('{tiles,hold,window,day}', '["mon"]'),
	('{tiles,hold,window,until}', '"20:00"'),
	('{tiles,hold,reset,0,outcome}', '"again"'),
	('{tiles,split,condition}', '"true"'),
	('{tiles,remind,template}', '{}'),
	('{tiles,remind,tag}', '"promo"'),
	('{tiles,remind,retries}', '{}'),
	('{tiles,remind,expire}', '"1 day"'),
	('{tiles,remind,wait}', 'true'),
	('{tiles,remind,retry,maximum}', '3'),
	('{tiles,remind,retry,frist}', '"1 minute"'),
	('{tiles,remind,retry,factors}', '2'),
	('{tiles,remind,retry,long}', '"1 hour"'),
	('{tiles,survey,journy}', '"survey"'),
	('{tiles,survey,contxt}', '{}'),
	('{tiles,survey,payload}', '{}'),
	('{tiles,mark,sets}', '{}'),
	('{tiles,mark,await}', 'true'),
	('{tiles,done,outcomes}', '"x"'),
	('{edges,0,form}', '"start"'),
	('{edges,1,events}', '["PURCHASE"]'),
	('{edges,1,cond}', '"true"'),
	('{edges,2,waits}', '"1 day"'),
	('{edges,3,no}', '"past"'),
	('{edges,6,percentage}', '50'),
	('{edges,1,sicne}', '"entry"');
SELECT * FROM pg_temp.report(1);

-- Keys that are missing.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (at, value) VALUES
	('{quiet_hours,from}', NULL),
	('{quiet_hours,to}', NULL),
	('{cap,tag}', NULL),
	('{cap,max}', NULL),
	('{cap,per}', NULL),
	('{goal,event}', NULL),
	('{exit,2,condition}', NULL),
	('{tiles,hold,type}', NULL),
	('{tiles,start,on,0,event}', NULL),
	('{tiles,start,on,2,audience}', NULL),
	('{tiles,hold,window,from}', NULL),
	('{tiles,hold,window,to}', NULL),
	('{tiles,hold,reset,0,event}', NULL),
	('{tiles,remind,destination}', NULL),
	('{tiles,survey,journey}', NULL),
	('{tiles,mark,set}', NULL),
	('{edges,0,from}', NULL),
	('{edges,0,to}', NULL),
	('{tiles,start}', NULL);
SELECT * FROM pg_temp.report(:next);

-- Values of another type.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (at, value) VALUES
	('{key}', '12'),
	('{timezone}', '2'),
	('{on_resume}', 'true'),
	('{max_duration}', '91'),
	('{quiet_hours}', '"21:00-08:00"'),
	('{quiet_hours,from}', '21'),
	('{quiet_hours,to}', '{"hour": 8}'),
	('{cap}', '3'),
	('{cap,tag}', '["promo"]'),
	('{cap,max}', '"3"'),
	('{cap,per}', '7'),
	('{entry_rules}', '"ignore"'),
	('{entry_rules,only}', '["testers"]'),
	('{entry_rules,on_active}', 'null'),
	('{entry_rules,reentry}', 'false'),
	('{entry_rules,cooldown}', '7'),
	('{entry_rules,holdout}', '"10"'),
	('{goal}', '"PURCHASE"'),
	('{goal,event}', '["PURCHASE"]'),
	('{goal,condition}', 'true'),
	('{goal,within}', '3'),
	('{exit}', '{"event": "PURCHASE"}'),
	('{exit,0}', '"PURCHASE"'),
	('{exit,1,audience_left}', 'true'),
	('{exit,2,outcome}', '1'),
	('{tiles}', '[]'),
	('{tiles,hold}', '"wait"'),
	('{tiles,hold,type}', '["wait"]'),
	('{tiles,hold,max_visits}', '"5"'),
	('{tiles,start,on}', '"ADD_TO_CART"'),
	('{tiles,start,on,0}', '"ADD_TO_CART"'),
	('{tiles,start,on,1,customers}', '["anna", "ben"]'),
	('{tiles,start,on,2,audience}', '{"name": "vip"}'),
	('{tiles,hold,for}', '30'),
	('{tiles,hold,until}', '1798135200'),
	('{tiles,hold,at}', '9'),
	('{tiles,hold,days}', '"mon"'),
	('{tiles,hold,days,0}', '1'),
	('{tiles,hold,window}', '["08:00", "20:00"]'),
	('{tiles,hold,window,from}', '8'),
	('{tiles,hold,window,days}', '{"mon": true}'),
	('{tiles,hold,condition}', 'true'),
	('{tiles,hold,recheck}', '60'),
	('{tiles,hold,reset}', '{"event": "ADD_TO_CART"}'),
	('{tiles,remind,destination}', '["email"]'),
	('{tiles,remind,tags}', '"promo"'),
	('{tiles,remind,tags,1}', '7'),
	('{tiles,remind,retry}', '5'),
	('{tiles,remind,retry,max}', 'true'),
	('{tiles,remind,retry,first}', '60'),
	('{tiles,remind,retry,factor}', '"double"'),
	('{tiles,remind,retry,longest}', '21600'),
	('{tiles,remind,expires}', '2'),
	('{tiles,remind,await}', '"yes"'),
	('{tiles,survey,journey}', '{"name": "survey"}'),
	('{tiles,survey,key}', '1'),
	('{tiles,survey,context}', '["cart"]'),
	('{tiles,survey,await}', 'null'),
	('{tiles,mark,set}', '"reminded"'),
	('{tiles,done,outcome}', 'false'),
	('{edges}', '{}'),
	('{edges,0}', '["start", "hold"]'),
	('{edges,0,from}', '1'),
	('{edges,0,to}', 'null'),
	('{edges,0,label}', '{"en": "in"}'),
	('{edges,1,event}', '["PURCHASE"]'),
	('{edges,2,wait}', '1'),
	('{edges,3,on}', 'true'),
	('{edges,6,percent}', '"66.75"'),
	('{edges,1,since}', '"1 day"');
SELECT * FROM pg_temp.report(:next);

-- Words and names.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (at, value) VALUES
	('{on_resume}', '"shfit"'),
	('{on_resume}', '"go on as if nothing had happened"'),
	('{entry_rules,on_active}', '"mrege"'),
	('{entry_rules,reentry}', '"nevr"'),
	('{entry_rules,reentry}', '"always"'),
	('{entry_rules,only}', '""'),
	('{tiles,hold,type}', '"wiat"'),
	('{tiles,hold,type}', '"Wait"'),
	('{tiles,survey,type}', '"subjourney"'),
	('{tiles,survey,type}', '"a journey of its own"'),
	('{edges,3,on}', '"eror"'),
	('{edges,3,on}', '"timeout"'),
	('{edges,1,since}', '"enrty"'),
	('{edges,1,event}', '""'),
	('{edges,1,event}', '"$jorney_exited"'),
	('{goal,event}', '"$audience_enter"'),
	('{exit,0,event}', '"$action_fialed"'),
	('{tiles,start,on,0,event}', '"$purchase"'),
	('{tiles,hold,reset,0,event}', '"$profile_change"'),
	('{edges,1,event}', to_jsonb(repeat('E', 129))),
	('{cap,tag}', '""'),
	('{cap,tag}', to_jsonb(repeat('t', 257))),
	('{exit,0,outcome}', '"two\nlines"'),
	('{tiles,done,outcome}', to_jsonb(repeat('o', 257))),
	('{tiles,""}', '{"type": "exit"}'),
	('{tiles,remind,tags,0}', '""'),
	('{edges,0,to}', '"hodl"'),
	('{edges,0,from}', '"sttart"'),
	('{tiles,remind,destination}', '"emial"'),
	('{tiles,survey,journey}', '"survy"'),
	('{tiles,survey,journey}', '"not drawn yet"'),
	('{tiles,start,on,2,audience}', '"vpi"'),
	('{exit,1,audience_left}', '"VIP"'),
	('{entry_rules,only}', '"tester"');
SELECT * FROM pg_temp.report(:next);

-- Zones, intervals and points in time.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (at, value) VALUES
	('{timezone}', '"Europe/Berln"'),
	('{timezone}', '"Mars/Olympus_Mons"'),
	('{timezone}', '""'),
	('{max_duration}', '"91"'),
	('{max_duration}', '"0 days"'),
	('{max_duration}', '"-1 day"'),
	('{max_duration}', '"200 years"'),
	('{cap,per}', '"0 s"'),
	('{cap,per}', '"weekly"'),
	('{entry_rules,cooldown}', '"-7 days"'),
	('{entry_rules,cooldown}', '"a week"'),
	('{goal,within}', '"3"'),
	('{tiles,hold,for}', '"30"'),
	('{tiles,hold,for}', '"3 fortnights"'),
	('{tiles,hold,for}', '"-1 hour"'),
	('{tiles,hold,recheck}', '"0 minutes"'),
	('{tiles,hold,recheck}', '"1 hour 30"'),
	('{tiles,remind,expires}', '"0"'),
	('{tiles,remind,expires}', '"0 days"'),
	('{tiles,remind,retry,first}', '"00:00"'),
	('{tiles,remind,retry,first}', '"7 hours"'),
	('{tiles,remind,retry,longest}', '"-6 hours"'),
	('{edges,2,wait}', '"tomorrow"'),
	('{edges,9,wait}', '"-1 day"'),
	('{tiles,hold,until}', '"24.12.2026"'),
	('{tiles,hold,until}', '"12/24/2026"'),
	('{tiles,hold,until}', '"2026-02-30"'),
	('{tiles,hold,until}', '"2026-12-24 25:00"'),
	('{tiles,hold,until}', '"2026-12-24 18:00 Mars/Base"'),
	('{tiles,hold,until}', '"  "');
SELECT * FROM pg_temp.report(:next);

-- Times of day and days of the week.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (at, value) VALUES
	('{tiles,hold,at}', '"9:00"'),
	('{tiles,hold,at}', '"9 am"'),
	('{tiles,hold,at}', '"24:00"'),
	('{tiles,hold,at}', '"09:60"'),
	('{tiles,hold,at}', '"09:00:60"'),
	('{tiles,hold,at}', '"09-00"'),
	('{tiles,hold,window,from}', '"24:00"'),
	('{tiles,hold,window,to}', '"24:01"'),
	('{tiles,hold,window,to}', '"08:00"'),
	('{quiet_hours,to}', '"21:00:00"'),
	('{quiet_hours}', '{"from": "00:00", "to": "24:00"}'),
	('{quiet_hours,from}', '"midnight"'),
	('{tiles,hold,days}', '[]'),
	('{tiles,hold,days}', '["mon", "Mon"]'),
	('{tiles,hold,days}', '["Wednesday"]'),
	('{tiles,hold,days}', '["mno"]'),
	('{tiles,hold,days}', '["weekend"]'),
	('{tiles,hold,days}', '["TUESDAY"]'),
	('{tiles,hold,days}', '[""]'),
	('{tiles,hold,window,days}', '["fri", "tuesd"]'),
	('{tiles,hold,window,days}', '[]');
SELECT * FROM pg_temp.report(:next);

-- Numbers.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (at, value) VALUES
	('{entry_rules,holdout}', '100.01'),
	('{entry_rules,holdout}', '-1'),
	('{entry_rules,holdout}', '0.005'),
	('{edges,6,percent}', '101'),
	('{edges,6,percent}', '33.333'),
	('{edges,6,percent}', '60'),
	('{cap,max}', '-1'),
	('{cap,max}', '1.5'),
	('{cap,max}', '1e30'),
	('{tiles,hold,max_visits}', '0'),
	('{tiles,hold,max_visits}', '2.5'),
	('{tiles,remind,retry,max}', '0'),
	('{tiles,remind,retry,max}', '2000000'),
	('{tiles,remind,retry,factor}', '0.5'),
	('{tiles,remind,retry,factor}', '1e400');
SELECT * FROM pg_temp.report(:next);

-- Keys that contradict each other, or say nothing alone.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (at, value) VALUES
	('{tiles,hold,at}', NULL),
	('{tiles,hold,condition}', NULL),
	('{exit,1,event}', '"PURCHASE"'),
	('{tiles,start,on,2,event}', '"ADD_TO_CART"'),
	('{tiles,start,on,2,customers}', '"ARRAY[customer]"'),
	('{tiles,start,on,0,schedule}', '"0 9 * * 1"'),
	('{edges,3,event}', '"PURCHASE"'),
	('{edges,3,wait}', '"1 day"'),
	('{edges,3,percent}', '10'),
	('{edges,3,since}', '"entry"'),
	('{edges,1,event}', NULL),
	('{edges,7,percent}', NULL);
SELECT * FROM pg_temp.report(:next);

-- Edges that nothing leads over.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (at, value) VALUES
	('{tiles,hold,until}', NULL),
	('{tiles,hold,max_visits}', NULL),
	('{tiles,remind,await}', 'false'),
	('{edges,0,on}', '"error"'),
	('{edges,9,on}', '"past"'),
	('{edges,0}', '{"from": "start", "to": "hold", "event": "A", "since": "entry"}');
SELECT * FROM pg_temp.report(:next);

-- What comes with pg_cron.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (at, value) VALUES
	('{tiles,start,on,2}', '{"schedule": "0 9 * * 1", "audience": "vip"}');
SELECT * FROM pg_temp.report(:next);

-- Expressions and templates.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (at, value) VALUES
	('{key}', '""'),
	('{key}', '"cart_id"'),
	('{goal,condition}', '"props->>''cart_id''"'),
	('{exit,2,condition}', '"traits->blocked"'),
	('{exit,2,condition}', to_jsonb(repeat(' ', 65537))),
	('{tiles,start,on,0,condition}', '"total > 0"'),
	('{tiles,hold,for}', '"visits * 2"'),
	('{tiles,start,on,1,customers}', '"props->''team''"'),
	('{tiles,start,on,1,customers}', '"props->>''team''"'),
	('{tiles,start,on,1,customers}', '"ARRAY[customer"'),
	('{tiles,hold,until}', '"visits"'),
	('{tiles,hold,until}', '"tomorrow"'),
	('{tiles,hold,until}', '"''tomorrow''"'),
	('{tiles,hold,until}', '"''2026-13-24''"'),
	('{tiles,hold,condition}', '"interval ''1 day''"'),
	('{tiles,hold,reset,0,condition}', '"key ="'),
	('{tiles,survey,key}', '"kee"'),
	('{tiles,remind,payload}', '{"to": "Hi {{ key"}'),
	('{tiles,remind,payload}', '{"to": ["{{ emial }}"]}'),
	('{tiles,survey,context}', '{"cart": "{{ }}"}'),
	('{tiles,mark,set}', '{"reminded": "{{ nwo }}"}'),
	('{edges,12,condition}', '"visitz < 3"'),
	('{edges,12,condition}', '"visits"');
SELECT * FROM pg_temp.report(:next);

-- How many there are; each has an error, and each error a place and words.
SELECT count(*) FROM bad;
SELECT n, at FROM bad
 WHERE NOT EXISTS (SELECT FROM journey_validate(pg_temp.changed(at, value)) WHERE severity = 'error');
SELECT n, found.*
  FROM bad, journey_validate(pg_temp.changed(at, value)) AS found
 WHERE coalesce(path, '') = '' OR coalesce(message, '') = '';

-- A name that nobody knows comes with the nearest one, or with those there are.
SELECT count(*)
  FROM bad, journey_validate(pg_temp.changed(at, value)) AS found
 WHERE message ~ '^unrecognized|does not exist' AND hint LIKE 'Did you mean "%"?';
SELECT n, message, hint
  FROM bad, journey_validate(pg_temp.changed(at, value)) AS found
 WHERE message ~ '^unrecognized|does not exist' AND hint IS NULL;

-- Something else wherever something stands: it is reported or taken, nothing breaks.
CREATE TEMP TABLE place AS
WITH RECURSIVE place (at, value) AS (
	SELECT '{}'::text[], pg_temp.whole()
	UNION ALL
	SELECT at || child.key, child.value
	  FROM place, LATERAL (
		SELECT each.key, each.value
		  FROM jsonb_each(CASE jsonb_typeof(place.value) WHEN 'object' THEN place.value ELSE '{}' END) AS each
		UNION ALL
		SELECT (ordinality - 1)::text, item
		  FROM jsonb_array_elements(CASE jsonb_typeof(place.value) WHEN 'array' THEN place.value ELSE '[]' END)
			   WITH ORDINALITY AS items (item, ordinality)) AS child)
SELECT at FROM place WHERE at <> '{}';
CREATE TEMP TABLE answer AS
SELECT at, value, pg_temp.created(pg_temp.changed(at, value)) AS created,
	   (SELECT count(*) FROM journey_validate(pg_temp.changed(at, value)) WHERE severity = 'error') AS errors
  FROM place,
	   jsonb_array_elements('[null, true, 1, -1.5, "", "x", "1 day", [], [null], ["x"], [[]], {}, {"x": {}}]') AS value;
SELECT count(*) > 2000 AS enough FROM answer;
SELECT created, bool_and(errors > 0) AS each_has_errors
  FROM answer GROUP BY created ORDER BY created COLLATE "C";

-- journey_create and journey_update name the first error, and how many there are besides.
SAVEPOINT s;
SELECT journey_create('tried', pg_temp.changed('{tiles,hold,days}', '["moon"]'));
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
SELECT journey_create('tried', pg_temp.changed('{edges,3,wait}', '"1 day"') || '{"kye": "customer", "cap": {}}');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
SELECT journey_create('tried', pg_temp.whole());
SELECT journey_update('tried', pg_temp.changed('{tiles,remind,await}', '1'));
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
SELECT journey_update('tried', pg_temp.whole());
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
SELECT journey_create('', pg_temp.whole());
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
SELECT journey_create(repeat('j', 129), pg_temp.whole());
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
SELECT journey_create('survey', pg_temp.whole());
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
SELECT journey_create('tried', '[]');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
SELECT journey_create('tried', NULL);
ROLLBACK;
