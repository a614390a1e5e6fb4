-- Every key of the language is taken, alone and together, and kept as it was written.
\pset format unaligned
\pset tuples_only on
BEGIN;
\i test/definition.sql

-- All at once: activated, and given back unchanged.
SELECT * FROM journey_validate(pg_temp.whole()) WHERE severity = 'error';
SELECT journey_create('whole', pg_temp.whole());
SELECT journey_activate('whole');
SELECT journey_definition('whole') = pg_temp.whole() AS unchanged,
	   journey_definition('whole', 1) = pg_temp.whole() AS first_version_unchanged;
SELECT name, state, version FROM journey.journey WHERE name = 'whole';

-- One thing changed each time.
CREATE TEMP TABLE good (n int GENERATED ALWAYS AS IDENTITY, at text[], value jsonb);
INSERT INTO good (at, value) VALUES
	('{on_resume}', '"keep"'),
	('{on_resume}', '"restart"'),
	('{max_duration}', '"P91D"'),
	('{timezone}', '"traits->>''timezone''"'),
	('{timezone}', '"america/new_york"'),
	('{timezone}', '"UTC"'),
	('{quiet_hours}', '{"from": "13:00", "to": "14:30:15"}'),
	('{quiet_hours}', '{"from": "13:00", "to": "24:00"}'),
	('{quiet_hours}', '{"from": "23:59:59", "to": "00:00"}'),
	('{cap,max}', '0'),
	('{cap,max}', '1000000'),
	('{cap,max}', '3.0'),
	('{cap,per}', '"1 month"'),
	('{entry_rules}', '{}'),
	('{entry_rules,on_active}', '"ignore"'),
	('{entry_rules,on_active}', '"restart"'),
	('{entry_rules,reentry}', '"never"'),
	('{entry_rules,cooldown}', '"0 days"'),
	('{entry_rules,holdout}', '0'),
	('{entry_rules,holdout}', '0.01'),
	('{entry_rules,holdout}', '100.00'),
	('{goal}', '{"event": "$journey_exited"}'),
	('{exit}', '[]'),
	('{exit}', '[{"condition": "now > entered_at + interval ''30 days''"}]'),
	('{exit}', '[{"audience_left": "vip"}]'),
	('{exit}', '[{"audience_left": "vip", "condition": "traits ? ''email''", "outcome": "left"}]'),
	('{exit,0,event}', '"$audience_left"'),
	('{exit,0,event}', '"$action_failed"'),
	('{exit,0,event}', '"$action_delivered"'),
	('{tiles,start}', '{"type": "entry"}'),
	('{tiles,start,on}', '[]'),
	('{tiles,start,on}', '[{"event": "$profile_changed", "condition": "props->''changed'' ? ''plan''"}]'),
	('{tiles,start,on}', '[{"event": "$audience_entered"}]'),
	('{tiles,start,on}', '[{"event": "A", "customers": "ARRAY[customer, ''ben'']"}]'),
	('{tiles,start,on}', '[{"audience": "vip"}, {"audience": "testers", "condition": "true"}]'),
	('{tiles,start,max_visits}', '1'),
	('{tiles,rest}', '{"type": "wait"}'),
	('{tiles,rest}', '{"type": "wait", "for": "0 minutes"}'),
	('{tiles,rest}', '{"type": "wait", "for": "visits * interval ''1 day''"}'),
	('{tiles,rest}', '{"type": "wait", "until": "2026-12-24"}'),
	('{tiles,rest}', '{"type": "wait", "until": "2026-12-24 18:00"}'),
	('{tiles,rest}', '{"type": "wait", "until": "2026-12-24T18:00:00.5Z"}'),
	('{tiles,rest}', '{"type": "wait", "until": "2026-12-24 18:00+02"}'),
	('{tiles,rest}', '{"type": "wait", "until": "2026-12-24 18:00 Europe/Paris"}'),
	('{tiles,rest}', '{"type": "wait", "until": "''2026-12-24 18:00''"}'),
	('{tiles,rest}', '{"type": "wait", "until": "entered_at + interval ''3 days''"}'),
	('{tiles,rest}', '{"type": "wait", "until": "(context->>''leaves'')::timestamptz - interval ''1 day''"}'),
	('{tiles,rest}', '{"type": "wait", "at": "00:00"}'),
	('{tiles,rest}', '{"type": "wait", "at": "23:59:59"}'),
	('{tiles,rest}', '{"type": "wait", "at": "09:00", "days": ["SUN", "Mon", "tue", "wed", "thu", "fri", "sat"]}'),
	('{tiles,rest}', '{"type": "wait", "window": {"from": "09:00", "to": "17:00"}}'),
	('{tiles,rest}', '{"type": "wait", "window": {"from": "22:00", "to": "06:00", "days": ["fri"]}}'),
	('{tiles,rest}', '{"type": "wait", "window": {"from": "00:00", "to": "24:00", "days": ["sat", "sun"]}}'),
	('{tiles,rest}', '{"type": "wait", "condition": "traits ? ''email''"}'),
	('{tiles,rest}', '{"type": "wait", "condition": "traits ? ''email''", "recheck": "1 second"}'),
	('{tiles,rest}', '{"type": "wait", "for": "1 day", "reset": [{"event": "A"}, {"event": "$profile_changed"}]}'),
	('{tiles,hold,max_visits}', '1'),
	('{tiles,split,max_visits}', '1000000'),
	('{tiles,remind}', '{"type": "action", "destination": "email"}'),
	('{tiles,remind,payload}', '{"subject": "Hi {{ traits->>''name'' }}!", "n": "{{ visits }}", "list": [1, null, true]}'),
	('{tiles,remind,tags}', '[]'),
	('{tiles,remind,retry}', '{}'),
	('{tiles,remind,retry}', '{"max": 1}'),
	('{tiles,remind,retry,factor}', '1'),
	('{tiles,remind,retry,first}', '"6 hours"'),
	('{tiles,remind,expires}', '"1 second"'),
	('{tiles,remind,max_visits}', '2'),
	('{tiles,survey}', '{"type": "sub_journey", "journey": "survey"}'),
	('{tiles,survey,context}', '"{{ context }}"'),
	('{tiles,survey,context}', '{}'),
	('{tiles,survey,max_visits}', '2'),
	('{tiles,mark,set}', '"{{ jsonb_build_object(''seen'', now) }}"'),
	('{tiles,mark,set}', '{"reminded": null}'),
	('{tiles,mark,max_visits}', '3'),
	('{tiles,done,max_visits}', '1'),
	('{edges,1,event}', '"$action_delivered"'),
	('{edges,1,since}', '"tile"'),
	('{edges,1,wait}', '"0 minutes"'),
	('{edges,8}', '{"from": "remind", "to": "lost", "on": "error"}'),
	('{edges,11}', '{"from": "survey", "to": "lost", "on": "error"}'),
	('{edges,9,ui}', '{"bend": [1, 2]}'),
	('{edges,9,description}', '"a day later"'),
	('{cap,description}', '"no more than they can stand"'),
	('{tiles,hold,window,ui}', '"#ff0000"'),
	('{tiles,remind,retry,description}', '["as the mailer wants it"]');
INSERT INTO good (at, value) VALUES
	('{edges}', jsonb_set(jsonb_set(pg_temp.whole()->'edges', '{6,percent}', '100'), '{7,percent}', '0')),
	('{edges}', jsonb_set(jsonb_set(pg_temp.whole()->'edges', '{6,percent}', '99.99'), '{7,percent}', '1e-2'));
INSERT INTO good (at) VALUES
	('{description}'), ('{ui}'), ('{key}'), ('{timezone}'), ('{on_resume}'), ('{max_duration}'), ('{quiet_hours}'), ('{cap}'),
	('{entry_rules}'), ('{entry_rules,only}'), ('{entry_rules,on_active}'), ('{entry_rules,reentry}'), ('{entry_rules,cooldown}'),
	('{entry_rules,holdout}'), ('{goal}'), ('{goal,condition}'), ('{goal,within}'), ('{exit}'), ('{exit,0,condition}'),
	('{exit,0,outcome}'), ('{exit,0,event}'), ('{exit,1,outcome}'), ('{tiles,start,on}'), ('{tiles,start,on,1,condition}'),
	('{tiles,start,on,1,customers}'), ('{tiles,start,on,2,condition}'), ('{tiles,hold,for}'), ('{tiles,hold,days}'), ('{tiles,hold,window}'), ('{tiles,hold,window,days}'), ('{tiles,hold,recheck}'), ('{tiles,hold,reset}'),
	('{tiles,hold,reset,0,condition}'), ('{tiles,remind,payload}'), ('{tiles,remind,tags}'),
	('{tiles,remind,retry}'), ('{tiles,remind,retry,max}'), ('{tiles,remind,retry,first}'), ('{tiles,remind,retry,factor}'),
	('{tiles,remind,retry,longest}'), ('{tiles,remind,expires}'), ('{tiles,remind,await}'), ('{tiles,survey,key}'),
	('{tiles,survey,context}'), ('{tiles,survey,await}'), ('{tiles,done,outcome}'), ('{edges,0,label}'), ('{edges,1,condition}'),
	('{edges,1,since}'), ('{edges,2,wait}'), ('{edges,2,since}'), ('{edges,8,condition}'), ('{edges,9,wait}'), ('{edges,3}');

CREATE FUNCTION pg_temp.kept(definition jsonb) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	kept bool;
BEGIN
	PERFORM journey_create('tried', definition);
	kept := journey_definition('tried') = definition AND journey_definition('tried')::text = definition::text;
	PERFORM journey_delete('tried');
	RETURN kept;
END
$$;
-- Nothing is wrong with any of them, and each is kept as it is.
SELECT n, at, value, path, message
  FROM good, journey_validate(pg_temp.changed(at, value))
 WHERE severity = 'error'
 ORDER BY n;
SELECT count(*), bool_and(pg_temp.changed(at, value)::text <> pg_temp.whole()::text) AS each_changes_something,
	   bool_and(pg_temp.kept(pg_temp.changed(at, value))) AS each_is_kept
  FROM good;

-- Each can be activated, read by those who run it, and entered.
INSERT INTO journey.audience_member (audience, customer) VALUES ('testers', 'anna'), ('testers', 'ben'), ('vip', 'anna');
SET LOCAL journey.now = '2025-03-04 12:00+00';
CREATE FUNCTION pg_temp.runs(definition jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	inside text;
BEGIN
	PERFORM journey_create('tried', definition);
	PERFORM journey_activate('tried');
	PERFORM journey_emit('anna', 'ADD_TO_CART', '{"total": 5, "cart_id": "c"}');
	PERFORM journey_advance_to('2025-03-04 12:10+00');
	SELECT string_agg(concat_ws(' ', customer, tile, state, outcome), ', ' ORDER BY customer, key) INTO inside
	  FROM journey.member WHERE journey = 'tried';
	SELECT coalesce(inside, 'nobody') || coalesce(': ' || string_agg(message, ', '), '') INTO inside
	  FROM journey.failure WHERE journey = 'tried';
	RAISE SQLSTATE 'UNDO0';
EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
	RETURN inside;
END
$$;
SELECT inside COLLATE "C", count(*), (array_agg(n ORDER BY n))[1:12] AS first
  FROM (SELECT n, pg_temp.runs(pg_temp.changed(at, value)) AS inside FROM good) AS run
 GROUP BY 1 ORDER BY 1;

-- None of that hangs on how the session writes dates and intervals.
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL intervalstyle = sql_standard;
SET LOCAL timezone = 'Asia/Tokyo';
SELECT n, path, message FROM good, journey_validate(pg_temp.changed(at, value)) WHERE severity = 'error';

-- A point in time without a zone is the member's, whoever asks: here New York's, 5 hours behind UTC.
CREATE FUNCTION pg_temp.until(until text) RETURNS timestamp LANGUAGE plpgsql AS $$
DECLARE
	due timestamp;
BEGIN
	PERFORM journey_create('tried', jsonb_build_object('timezone', 'America/New_York',
		'tiles', jsonb_build_object('in', '{"type": "entry"}'::jsonb, 'hold', jsonb_build_object('type', 'wait', 'until', until),
			'out', '{"type": "exit"}'::jsonb),
		'edges', '[{"from": "in", "to": "hold"}, {"from": "hold", "to": "out"}]'::jsonb));
	PERFORM journey_activate('tried');
	PERFORM journey_enter('tried', 'ben', '{"day": "2025-03-07"}');
	SELECT due_at AT TIME ZONE 'UTC' INTO due FROM journey.member WHERE journey = 'tried';
	RAISE SQLSTATE 'UNDO0';
EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
	RETURN due;
END
$$;
SET LOCAL datestyle = 'ISO';
SELECT until, pg_temp.until(until) AS due_in_utc
  FROM unnest(ARRAY['2025-03-05', '2025-03-05 09:00', '2025-03-05T09:00:30', '2025-03-05 09:00Z', '2025-03-05 09:00+02',
	'2025-03-05 09:00 Europe/Berlin', '2025-07-05 09:00', $$'2025-03-05 09:00'$$, $$'2025-03-05 09:00'::timestamptz$$,
	$$timestamp '2025-03-05 09:00'$$, $$context->>'day'$$, $$(context->>'day')::date + time '09:00'$$,
	$$date_trunc('day', local_now) + interval '33 hours'$$]) AS until;
ROLLBACK;
