-- What journey_validate says of definitions that are wrong: each case changes one place of a good one.
\pset format unaligned
\pset tuples_only on

INSERT INTO journey.destination (name, kind, config) VALUES ('email', 'pull', '{}');

CREATE FUNCTION pg_temp.good() RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
SELECT '{
	"tiles": {
		"start":  {"type": "entry", "on": [{"event": "ADD_TO_CART"}]},
		"hold":   {"type": "wait", "for": "30 minutes"},
		"split":  {"type": "branch"},
		"remind": {"type": "action", "destination": "email", "payload": {"to": "{{ traits->>''email'' }}"}},
		"mark":   {"type": "update_profile", "set": {"reminded": true}},
		"done":   {"type": "exit", "outcome": "reminded"},
		"bought": {"type": "exit"}
	},
	"edges": [
		{"from": "start",  "to": "hold"},
		{"from": "hold",   "to": "split"},
		{"from": "hold",   "to": "bought", "event": "PURCHASE", "condition": "props->>''cart_id'' = key"},
		{"from": "split",  "to": "remind", "condition": "visits = 1"},
		{"from": "split",  "to": "mark"},
		{"from": "remind", "to": "done"},
		{"from": "mark",   "to": "done"}
	]
}'::jsonb
$$;

CREATE TEMP TABLE bad (n int GENERATED ALWAYS AS IDENTITY, at text[], value jsonb);

CREATE FUNCTION pg_temp.report(lowest int) RETURNS SETOF text LANGUAGE sql AS $$
SELECT format('%s. %s = %s', n, array_to_string(at, '.'), left(value::text, 90)) || coalesce(string_agg(
	format(E'\n  %s at %s: %s%s', severity, path, message, E'\n    ' || hint), '' ORDER BY ordinality)
	FILTER (WHERE severity IS NOT NULL), E'\n  nothing')
  FROM bad LEFT JOIN LATERAL journey_validate(jsonb_set(pg_temp.good(), at, value)) WITH ORDINALITY ON true
 WHERE n >= lowest
 GROUP BY n, at, value
 ORDER BY n
$$;

SELECT * FROM journey_validate(pg_temp.good());

-- Keys that do not exist, and what others have not made.
INSERT INTO bad (at, value) VALUES
	('{tile}', '{}'),
	('{key2}', '"key"'),
	('{whatever}', '1'),
	('{tiles,hold,fro}', '"1 hour"'),
	('{tiles,hold,untill}', '"now"'),
	('{tiles,hold,destination}', '"email"'),
	('{tiles,remind,template}', '{}'),
	('{tiles,start,event}', '"ADD_TO_CART"'),
	('{edges,3,cond}', '"true"'),
	('{edges,3,form}', '"split"'),
	('{goal}', '{"event": "PURCHASE", "withn": "3 days"}'),
	('{exit}', '[{"event": "PURCHASE", "outcom": "converted"}]'),
	('{entry_rules}', '{"on_activ": "ignore"}'),
	('{tiles,hold,reset}', '[{"event": "X", "outcome": "x"}]'),
	('{tiles,start,on,0,conditions}', '"true"'),
	('{ui}', '{"anything": [1, 2]}'),
	('{tiles,hold,ui}', '{"x": 1, "y": 2}'),
	('{edges,0,description}', '"kept for editors"'),
	('{on_resume}', '"keep"'),
	('{max_duration}', '"91 days"'),
	('{quiet_hours}', '{"from": "21:00", "to": "09:00"}'),
	('{cap}', '{"tag": "x", "max": 1, "per": "1 day"}'),
	('{entry_rules}', '{"reentry": "never", "cooldown": "7 days", "holdout": 10, "only": "testers"}'),
	('{entry_rules}', '{"on_active": "merge"}'),
	('{tiles,start,on,0}', '{"audience": "vip"}'),
	('{tiles,start,on,0}', '{"schedule": "0 9 * * 1", "audience": "vip"}'),
	('{tiles,start,on,0,customers}', '"ARRAY[''a'']"'),
	('{tiles,hold}', '{"type": "wait", "until": "now", "at": "09:00", "days": ["mon"], "window": {}, "condition": "true", "recheck": "1 hour"}'),
	('{tiles,remind,await}', 'true'),
	('{tiles,remind,retry}', '{"max": 3}'),
	('{tiles,remind,expires}', '"1 day"'),
	('{tiles,split,max_visits}', '3'),
	('{tiles,remind}', '{"type": "webhook", "destination": "crm"}'),
	('{tiles,remind}', '{"type": "sub_journey", "journey": "other"}'),
	('{edges,1,on}', '"past"'),
	('{edges,2,since}', '"entry"'),
	('{exit}', '[{"audience_left": "vip"}]'),
	('{exit}', '[{"condition": "visits > 3", "outcome": "x"}]'),
	('{edges,2,event}', '"$journey_exited"');
SELECT * FROM pg_temp.report(1);

-- Values of another type, or none at all.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (at, value) VALUES
	('{tiles}', '[]'),
	('{tiles}', '"none"'),
	('{edges}', '{}'),
	('{tiles,hold}', '[]'),
	('{tiles,hold,type}', '1'),
	('{tiles,hold,type}', '"wiat"'),
	('{tiles,hold,type}', '"email sender"'),
	('{tiles,hold}', '{"for": "1 hour"}'),
	('{edges,1}', '"hold to split"'),
	('{edges,1}', '{"from": "hold"}'),
	('{edges,1}', '{"to": "split"}'),
	('{edges,1,to}', '7'),
	('{edges,3,condition}', 'true'),
	('{edges,3,condition}', '""'),
	('{edges,3,condition}', 'null'),
	('{edges,3,label}', '5'),
	('{edges,2,event}', '["A", "B"]'),
	('{edges,2,event}', '""'),
	('{key}', '12'),
	('{timezone}', '1'),
	('{entry_rules}', '"ignore"'),
	('{entry_rules}', '{"on_active": true}'),
	('{entry_rules}', '{"on_active": "ignor"}'),
	('{goal}', '[]'),
	('{goal}', '{}'),
	('{exit}', '{}'),
	('{exit}', '[{}]'),
	('{exit}', '[{"event": "X", "outcome": ""}]'),
	('{tiles,start,on}', '{"event": "X"}'),
	('{tiles,start,on}', '[{}]'),
	('{tiles,start,on}', '["X"]'),
	('{tiles,remind}', '{"type": "action"}'),
	('{tiles,remind,destination}', '["email"]'),
	('{tiles,remind,tags}', '"promo"'),
	('{tiles,remind,tags}', '["promo", 1]'),
	('{tiles,remind,payload}', '{"to": "Hi {{ key"}'),
	('{tiles,mark}', '{"type": "update_profile"}'),
	('{tiles,mark,set}', '"vip"'),
	('{tiles,mark,set}', '["vip"]'),
	('{tiles,done,outcome}', '"two\nlines"');
SELECT * FROM pg_temp.report(:next);
SELECT severity, path, message FROM journey_validate('[]');
SELECT severity, path, message FROM journey_validate('"x"');
SELECT severity, path, message FROM journey_validate('{}');

-- Intervals, zones, percents, lengths.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (at, value) VALUES
	('{tiles,hold,for}', '30'),
	('{tiles,hold,for}', '"30"'),
	('{tiles,hold,for}', '"-30"'),
	('{tiles,hold,for}', '"1 day 30"'),
	('{tiles,hold,for}', '"1-2"'),
	('{tiles,hold,for}', '"-1 hour"'),
	('{tiles,hold,for}', '"99999999999 years"'),
	('{tiles,hold,for}', '"3 fortnights"'),
	('{tiles,hold,for}', '""'),
	('{edges,1,wait}', '"visits * interval ''1 day''"'),
	('{edges,1,wait}', '15'),
	('{edges,1,wait}', '"15"'),
	('{edges,1,wait}', '"-15 minutes"'),
	('{edges,1,wait}', '"tomorrow"'),
	('{goal}', '{"event": "PURCHASE", "within": "3"}'),
	('{goal}', '{"event": "PURCHASE", "within": "-3 days"}'),
	('{edges,4,percent}', '"50"'),
	('{edges,4,percent}', '101'),
	('{edges,4,percent}', '-1'),
	('{edges,4,percent}', '33.333'),
	('{edges,4,percent}', '50'),
	('{edges,5,percent}', '99.99'),
	('{edges,2,event}', to_jsonb(repeat('E', 129))),
	('{edges,3,condition}', to_jsonb('visits = 1' || repeat(' ', 65536))),
	('{tiles,done,outcome}', to_jsonb(repeat('o', 257)));
SELECT * FROM pg_temp.report(:next);

-- Intervals and zones that are fine, whatever the session's style.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (at, value) VALUES
	('{tiles,hold,for}', '"1 day 02:30"'),
	('{tiles,hold,for}', '"P1DT30M"'),
	('{tiles,hold,for}', '"1.5 hours"'),
	('{tiles,hold,for}', '"@ 1 minute"'),
	('{tiles,hold,for}', '"00:30:00"'),
	('{tiles,hold,for}', '"visits * interval ''1 day''"'),
	('{timezone}', '"Europe/Berlin"'),
	('{timezone}', '"traits->>''timezone''"'),
	('{edges,1,wait}', '"2 weeks"');
SET intervalstyle = sql_standard;
SELECT * FROM pg_temp.report(:next);
RESET intervalstyle;

-- Percents that do and do not add up.
SELECT severity, path, message
  FROM journey_validate(jsonb_set(jsonb_set(pg_temp.good(), '{edges,3}', '{"from": "split", "to": "remind", "percent": 66.67}'),
	'{edges,4}', '{"from": "split", "to": "mark", "percent": 33.33}'));
SELECT severity, path, message, hint
  FROM journey_validate(jsonb_set(jsonb_set(pg_temp.good(), '{edges,3}', '{"from": "split", "to": "remind", "percent": 66.67}'),
	'{edges,4}', '{"from": "split", "to": "mark", "percent": 33.3}'));

-- The graph.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (at, value) VALUES
	('{edges,5,to}', '"dome"'),
	('{edges,5,from}', '"nowhere at all"'),
	('{tiles,start2}', '{"type": "entry"}'),
	('{tiles,start,type}', '"branch"'),
	('{tiles,done}', '{"type": "branch"}'),
	('{tiles,island}', '{"type": "exit"}'),
	('{edges,5,to}', '"start"'),
	('{edges,5,from}', '"done"'),
	('{edges,5,to}', '"remind"'),
	('{edges,5,to}', '"split"'),
	('{edges,5}', '{"from": "remind", "to": "split", "wait": "0 minutes"}'),
	('{edges,5}', '{"from": "remind", "to": "split", "wait": "1 minute"}'),
	('{edges,5,to}', '"hold"'),
	('{tiles,hold}', '{"type": "wait"}'),
	('{tiles,hold}', '{"type": "wait", "for": "0 minutes"}'),
	('{edges,1,event}', '"PURCHASE"'),
	('{edges,1}', '{"from": "hold", "to": "split", "event": "PURCHASE"}'),
	('{edges,4,condition}', '"visits = 2"'),
	('{edges,3,condition}', '"TRUE"'),
	('{edges,5,event}', '"OPENED"'),
	('{edges,7}', '{"from": "remind", "to": "mark"}'),
	('{edges,7}', '{"from": "hold", "to": "mark", "wait": "1 hour"}'),
	('{edges,7}', '{"from": "remind", "to": "mark", "event": "OPENED"}'),
	('{tiles,start,on,1}', '{"event": "ADD_TO_CART", "condition": "visits = 0"}'),
	('{exit}', '[{"event": "PURCHASE"}, {"event": "PURCHASE", "outcome": "converted"}]');
SELECT * FROM pg_temp.report(:next);

-- Long loops are found without recursion, and named in part.
WITH ring AS (
	SELECT jsonb_object_agg('t' || i, '{"type": "branch"}'::jsonb) AS tiles,
		   jsonb_agg(jsonb_build_object('from', 't' || i, 'to', 't' || i % 9000 + 1) ORDER BY i) AS edges
	  FROM generate_series(1, 9000) AS i)
SELECT severity, path, message
  FROM ring, journey_validate(jsonb_build_object(
	'tiles', tiles || '{"start": {"type": "entry"}, "done": {"type": "exit"}}',
	'edges', '[{"from": "start", "to": "t1"}, {"from": "t1", "to": "done", "condition": "visits = 2"}]'::jsonb || edges));

-- Too many tiles.
SELECT severity, path, message
  FROM journey_validate(jsonb_build_object('tiles',
	(SELECT jsonb_object_agg('t' || i, '{"type": "branch"}'::jsonb) FROM generate_series(1, 10001) AS i)));

-- The SQL.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (at, value) VALUES
	('{edges,3,condition}', '"visits ="'),
	('{edges,3,condition}', '"visitz = 1"'),
	('{edges,3,condition}', '"visits"'),
	('{edges,3,condition}', '"true; DROP TABLE journey.member_row"'),
	('{edges,3,condition}', '"EXISTS (SELECT 1 FROM nosuch.orders)"'),
	('{edges,3,condition}', '"journey_emit(customer, ''X'') > 0"'),
	('{edges,3,condition}', '"journey_did(customer)"'),
	('{edges,3,condition}', '"nosuch_function(customer)"'),
	('{edges,2,condition}', '"props->cart_id = key"'),
	('{tiles,start,on,0,condition}', '"nosuch"'),
	('{tiles,hold,for}', '"visits * 2"'),
	('{tiles,hold,reset}', '[{"event": "X", "condition": "nosuch"}]'),
	('{tiles,remind,payload}', '{"to": ["{{ traits->>''email'' }}", "Hi {{ nosuch }}!"]}'),
	('{tiles,mark,set}', '{"stage": "{{ nosuch }}"}'),
	('{goal}', '{"event": "PURCHASE", "condition": "nosuch"}'),
	('{exit}', '[{"event": "X"}, {"event": "PURCHASE", "condition": "nosuch"}]'),
	('{key}', '"nosuch"'),
	('{timezone}', '"Mars/Base"'),
	('{timezone}', '"zone"'),
	('{tiles,remind,destination}', '"emial"'),
	('{tiles,remind,destination}', '"pigeon"');
SELECT * FROM pg_temp.report(:next);

-- Props where only a timer asks.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (at, value) VALUES
	('{edges,1,condition}', '"props ? ''total''"'),
	('{edges,3,condition}', '"props ? ''total''"'),
	('{edges,3,condition}', '"event = ''PURCHASE''"'),
	('{tiles,remind,payload}', '{"cart": "{{ props->>''cart_id'' }}"}'),
	('{tiles,hold,for}', '"(props->>''hours'')::int * interval ''1 hour''"');
SELECT * FROM pg_temp.report(:next);
-- the tile is reached by an event
SELECT * FROM journey_validate(jsonb_set(jsonb_set(pg_temp.good(), '{edges,2,to}', '"mark"'),
	'{tiles,mark,set}', '{"cart": "{{ props->>''cart_id'' }}"}') #- '{tiles,bought}');

-- All at once, in the order of the document; none hides another.
SELECT * FROM journey_validate('{
	"kye": "customer",
	"tiles": {
		"start": {"type": "entry", "on": [{"event": "A", "condition": "nosuch"}]},
		"hold": {"type": "wait", "for": "30"},
		"send": {"type": "action", "destination": "emial"},
		"done": {"type": "exit", "outcome": 1}
	},
	"edges": [
		{"from": "start", "to": "hold"},
		{"from": "hold", "to": "sendd"},
		{"from": "send", "to": "send", "condition": "visits ="}
	]
}');

SELECT * FROM journey_validate(NULL);

DELETE FROM journey.destination WHERE name = 'email';
