-- What journey_validate says of journeys that can be read but would not do what was meant: each case changes one
-- place of a good one.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
\pset format unaligned
\pset tuples_only on
DELETE FROM journey.audience;
INSERT INTO journey.audience (name) VALUES ('vip'), ('testers');
CALL draw('thanks', '{
  "tiles": {"start": {"type": "entry"}, "bye": {"type": "exit"}},
  "edges": [{"from": "start", "to": "bye"}]
}');

-- Nothing to complain of, with nearly all the language.
CREATE FUNCTION good() RETURNS jsonb LANGUAGE sql IMMUTABLE AS $good$
SELECT $${
  "key": "props->>'order'",
  "entry_rules": {"only": "testers", "reentry": "never", "cooldown": "7 days", "holdout": 10, "on_active": "merge"},
  "timezone": "traits->>'tz'",
  "on_resume": "shift",
  "goal": {"event": "PAID", "within": "91 days"},
  "exit": [
    {"event": "LEFT", "outcome": "left"},
    {"audience_left": "vip", "outcome": "no_vip"},
    {"condition": "(traits->>'score')::int >= 80", "outcome": "hot"},
    {"condition": "event = 'SEEN' AND props ? 'last'", "outcome": "seen"}
  ],
  "quiet_hours": {"from": "21:00", "to": "08:00"},
  "cap": {"tag": "promo", "max": 3, "per": "7 days"},
  "tiles": {
    "start":  {"type": "entry", "on": [
                {"event": "ORDER", "condition": "props ? 'order'"},
                {"event": "GIFT", "customers": "ARRAY[props->>'friend']"},
                {"audience": "vip"},
                {"event": "$journey_exited", "condition": "props->>'journey' = 'thanks'"}]},
    "due":    {"type": "wait", "until": "(context->>'due')::timestamptz",
               "reset": [{"event": "MOVED", "condition": "props->>'order' = key"}]},
    "ask":    {"type": "action", "destination": "mail", "tags": ["promo"], "expires": "1 day",
               "payload": {"to": "{{ traits->>'email' }}", "order": "{{ key }}"}},
    "hold":   {"type": "wait", "for": "24 hours", "at": "09:00", "days": ["mon", "fri"], "max_visits": 3,
               "window": {"from": "08:00", "to": "20:00"}, "condition": "traits ? 'paid'", "recheck": "1 hour"},
    "split":  {"type": "branch"},
    "nudge":  {"type": "action", "destination": "mail"},
    "thank":  {"type": "sub_journey", "journey": "thanks", "key": "key", "context": {"at": "{{ arrived_at }}"}},
    "mark":   {"type": "update_profile", "set": {"thanked": "{{ outcome }}"}},
    "paid":   {"type": "exit"},
    "done":   {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "due"},
    {"from": "due",   "to": "hold", "on": "past"},
    {"from": "due",   "to": "ask"},
    {"from": "ask",   "to": "hold"},
    {"from": "ask",   "to": "done", "on": "error", "condition": "outcome = 'dead'"},
    {"from": "hold",  "to": "thank", "event": "PAID", "condition": "props->>'order' = key", "since": "entry"},
    {"from": "hold",  "to": "done", "on": "max_visits"},
    {"from": "hold",  "to": "split"},
    {"from": "split", "to": "nudge", "percent": 50},
    {"from": "split", "to": "done", "percent": 50},
    {"from": "nudge", "to": "hold"},
    {"from": "thank", "to": "done", "on": "error"},
    {"from": "thank", "to": "mark"},
    {"from": "mark",  "to": "paid"}
  ]
}$$::jsonb
$good$;

CREATE FUNCTION report(definition jsonb) RETURNS text LANGUAGE sql AS $$
SELECT coalesce(string_agg(format(E'  %s at %s: %s%s', severity, path, message, E'\n    ' || hint), E'\n' ORDER BY ordinality), '  nothing')
  FROM journey_validate(definition) WITH ORDINALITY
$$;
-- A journey with one tile between entry and exit, and edges [0] and [1].
CREATE FUNCTION around(tile jsonb, more jsonb DEFAULT '[]', journey jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
SELECT journey || jsonb_build_object(
	'tiles', jsonb_build_object('start', '{"type": "entry", "on": [{"event": "GO"}]}'::jsonb, 'x', tile, 'out', '{"type": "exit"}'::jsonb),
	'edges', '[{"from": "start", "to": "x"}, {"from": "x", "to": "out"}]'::jsonb || more)
$$;
SELECT report(good());

CREATE TABLE bad (n int GENERATED ALWAYS AS IDENTITY, at text[], value jsonb);
CREATE FUNCTION reports(lowest int) RETURNS SETOF text LANGUAGE sql AS $$
SELECT format(E'%s. %s = %s\n%s', n, array_to_string(at, '.'), left(value::text, 100), report(jsonb_set(good(), at, value)))
  FROM bad WHERE n >= lowest ORDER BY n
$$;

-- Rules of entry, and of what is sent.
INSERT INTO bad (at, value) VALUES
	('{entry_rules}', '{"holdout": 100}'),
	('{entry_rules}', '{"holdout": 99.99}'),
	('{entry_rules}', '{"only": "tester"}'),
	('{exit,1}', '{"audience_left": "nobody at all"}'),
	('{tiles,start,on,2,audience}', '"VIP"'),
	('{cap,tag}', '"promos"'),
	('{cap,tag}', '"something else"');
SELECT reports(1);
SELECT report(good() - 'key' #- '{entry_rules,cooldown}');
SELECT report(jsonb_set(good(), '{key}', '"customer"'));
SELECT report(around('{"type": "wait", "for": "1 day"}', '[]', '{"entry_rules": {"reentry": "never", "cooldown": "7 days"}}'));
SELECT report(around('{"type": "wait", "for": "1 day"}', '[]', '{"entry_rules": {"cooldown": "7 days"}}'));
SELECT report(around('{"type": "wait", "for": "1 day"}', '[]', '{"quiet_hours": {"from": "21:00", "to": "08:00"}}'));

-- Edges with "on".
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (at, value) VALUES
	('{edges,7,on}', '"past"'),
	('{edges,2,on}', '"max_visits"'),
	('{edges,2,on}', '"error"'),
	('{edges,13,on}', '"error"'),
	('{edges,12,on}', '"error"'),
	('{tiles,ask,await}', 'false'),
	('{tiles,thank,await}', 'false'),
	('{tiles,nudge,await}', 'true'),
	('{edges,14}', '{"from": "ask", "to": "hold", "on": "error", "condition": "outcome = ''expired''"}'),
	('{edges,14}', '{"from": "hold", "to": "paid", "on": "max_visits"}'),
	('{edges,3,on}', '"error"'),
	('{edges,14}', '{"from": "start", "to": "ask", "on": "past"}'),
	('{edges,0}', '{"from": "start", "to": "due", "event": "ORDER2", "since": "entry"}'),
	('{tiles,start,max_visits}', '1'),
	('{tiles,done,max_visits}', '1');
SELECT reports(:next);

-- Waits.
CREATE TABLE waits (n int GENERATED ALWAYS AS IDENTITY, wait jsonb, edges jsonb, journey jsonb);
INSERT INTO waits (wait, edges, journey) VALUES
	('{}', '[]', '{}'),
	('{"for": "0 days"}', '[]', '{}'),
	('{"until": "now + interval ''1 day''"}', '[]', '{}'),
	('{"at": "09:00"}', '[]', '{}'),
	('{"window": {"from": "09:00", "to": "17:00"}}', '[]', '{}'),
	('{"condition": "traits ? ''paid''"}', '[]', '{}'),
	('{"condition": "traits ? ''paid''"}', '[]', '{"max_duration": "30 days"}'),
	('{"condition": "traits ? ''paid''", "at": "09:00"}', '[]', '{}'),
	('{"condition": "traits ? ''paid''", "recheck": "1 day"}', '[]', '{}'),
	('{"condition": "TRUE ", "for": "1 day"}', '[]', '{}'),
	('{"condition": "false", "for": "1 day"}', '[]', '{}'),
	('{"condition": "traits ? ''paid''", "for": "1 hour", "recheck": "60 minutes"}', '[]', '{}'),
	('{"condition": "traits ? ''paid''", "for": "1 hour", "recheck": "2 hours"}', '[]', '{}'),
	('{"condition": "traits ? ''paid''", "for": "1 hour", "at": "09:00", "recheck": "2 hours"}', '[]', '{}'),
	('{"for": "31 days"}', '[]', '{"max_duration": "30 days"}'),
	('{"for": "30 days"}', '[]', '{"max_duration": "30 days"}'),
	('{"at": "07:00", "window": {"from": "08:00", "to": "20:00"}}', '[]', '{}'),
	('{"at": "20:00", "window": {"from": "08:00", "to": "20:00"}}', '[]', '{}'),
	('{"at": "09:00", "days": ["sat", "sun"], "window": {"from": "08:00", "to": "20:00", "days": ["mon"]}}', '[]', '{}'),
	('{"at": "01:00", "days": ["tue"], "window": {"from": "20:00", "to": "02:00", "days": ["mon"]}}', '[]', '{}'),
	('{"at": "01:00", "days": ["mon"], "window": {"from": "20:00", "to": "02:00", "days": ["mon"]}}', '[]', '{}'),
	('{"at": "23:00", "days": ["sun"], "window": {"from": "20:00", "to": "02:00", "days": ["sun"]}}', '[]', '{}'),
	('{"at": "00:00", "days": ["sun"], "window": {"from": "20:00", "to": "02:00", "days": ["sat"]}}', '[]', '{}'),
	('{"for": "1 day"}', '[{"from": "x", "to": "out", "event": "E"}]', '{}'),
	('{"for": "1 day"}', '[{"from": "x", "to": "out", "on": "past"}]', '{}'),
	('{}', '[{"from": "x", "to": "out", "event": "E"}]', '{}'),
	('{}', '[{"from": "x", "to": "out", "event": "E", "since": "entry"}]', '{}');
SELECT format(E'%s. %s %s %s\n%s', n, wait, edges, journey, report(around(wait || '{"type": "wait"}', edges, journey)))
  FROM waits ORDER BY n;

-- Members who may stay for ever: edge [1] is not taken by everybody.
CREATE FUNCTION leaving(tile jsonb, edge jsonb, journey jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
SELECT format(E'%s by %s\n%s', tile, edge, report(jsonb_set(around(tile, '[]', journey), '{edges,1}', edge || '{"from": "x", "to": "out"}')))
$$;
SELECT leaving('{"type": "wait"}', '{"event": "E"}');
SELECT leaving('{"type": "wait"}', '{"event": "E"}', '{"max_duration": "30 days"}');
SELECT leaving('{"type": "wait", "for": "1 day"}', '{"event": "E"}', '{"max_duration": "30 days"}');
SELECT leaving('{"type": "wait", "for": "1 day"}', '{"event": "E"}');
SELECT leaving('{"type": "wait", "for": "1 day"}', '{"condition": "visits = 1"}');
SELECT leaving('{"type": "branch"}', '{"condition": "visits = 1"}');
SELECT leaving('{"type": "branch"}', '{"condition": " FALSE"}');
SELECT leaving('{"type": "sub_journey", "journey": "thanks"}', '{"event": "E"}');
SELECT report(around('{"type": "wait", "for": "1 day"}', '[{"from": "x", "to": "out", "event": "E"}]') #- '{edges,1,condition}');
SELECT report(jsonb_set(around('{"type": "wait", "for": "1 day"}', '[{"from": "x", "to": "out", "event": "E"}]'), '{edges,1,condition}', '"visits = 1"'));
SELECT report(jsonb_set(around('{"type": "wait", "for": "1 day"}', '[{"from": "x", "to": "out", "event": "E"}]', '{"max_duration": "9 days"}'), '{edges,1,condition}', '"visits = 1"'));
-- an event edge of a tile that holds nobody, perhaps, and for sure
SELECT report(around('{"type": "wait", "until": "now + interval ''1 day''"}', '[{"from": "x", "to": "out", "event": "E"}]'));
SELECT report(around('{"type": "action", "destination": "mail", "await": true}', '[{"from": "x", "to": "out", "event": "E"}]'));
SELECT report(around('{"type": "action", "destination": "mail"}', '[{"from": "x", "to": "out", "event": "E"}]'));
SELECT report(around('{"type": "update_profile", "set": {"a": 1}}', '[{"from": "x", "to": "out", "event": "E"}]'));
SELECT report(around('{"type": "sub_journey", "journey": "thanks", "await": false}', '[{"from": "x", "to": "out", "event": "E"}]'));
-- rules that are never true, or come behind one that always is
SELECT report(around('{"type": "wait", "for": "1 day", "reset": [{"event": "A", "condition": "false"}]}', '[]',
	'{"exit": [{"event": "A", "condition": "False"}, {"condition": "false\n"}, {"event": "B"}, {"event": "B", "condition": "visits = 1"}]}'));
-- but audiences are told apart
SELECT report(around('{"type": "wait", "for": "1 day"}', '[]', '{"exit": [{"audience_left": "vip"}, {"audience_left": "testers"}]}'));

-- Loops: edge [3] leads from y back to x.
CREATE FUNCTION looping(tile jsonb, edge jsonb DEFAULT '{}', more jsonb DEFAULT '[]') RETURNS text LANGUAGE sql AS $$
SELECT format(E'%s by %s %s\n%s', tile, edge, more, report(jsonb_set(jsonb_set(around(tile), '{tiles,y}', '{"type": "branch"}'), '{edges}',
	'[{"from": "start", "to": "x"}, {"from": "x", "to": "y"}, {"from": "y", "to": "out", "condition": "visits > 3"}]'::jsonb
	|| (edge || '{"from": "y", "to": "x"}') || more)))
$$;
SELECT looping('{"type": "branch"}');
SELECT looping('{"type": "branch"}', '{"wait": "1 minute"}');
SELECT looping('{"type": "branch", "max_visits": 3}');
SELECT looping('{"type": "branch", "max_visits": 3}', '{}', '[{"from": "x", "to": "out", "on": "max_visits"}]');
SELECT looping('{"type": "branch", "max_visits": 3}', '{}', '[{"from": "x", "to": "y", "on": "max_visits"}]');
SELECT looping('{"type": "wait", "for": "1 day", "max_visits": 3}', '{}', '[{"from": "x", "to": "y", "on": "max_visits"}]');
SELECT looping('{"type": "wait", "for": "1 day", "max_visits": 3}');
SELECT looping('{"type": "wait", "for": "visits * interval ''1 day''", "condition": "traits ? ''paid''"}');
SELECT looping('{"type": "wait", "at": "09:00"}');
SELECT looping('{"type": "wait", "at": "09:00", "for": "1 minute"}');
SELECT looping('{"type": "wait", "window": {"from": "09:00", "to": "17:00"}}');
SELECT looping('{"type": "wait", "until": "(context->>''due'')::timestamptz"}');
SELECT looping('{"type": "wait", "until": "(context->>''due'')::timestamptz"}', '{}', '[{"from": "x", "to": "y", "on": "past"}]');
SELECT looping('{"type": "wait", "until": "(context->>''due'')::timestamptz", "for": "1 day"}');
SELECT looping('{"type": "wait", "condition": "traits ? ''paid''"}');
SELECT looping('{"type": "action", "destination": "mail"}');
SELECT looping('{"type": "action", "destination": "mail", "await": true}');
SELECT looping('{"type": "action", "destination": "mail"}', '{}', '[{"from": "x", "to": "x", "on": "error"}]');
SELECT looping('{"type": "sub_journey", "journey": "thanks"}');
SELECT looping('{"type": "sub_journey", "journey": "thanks", "await": false}');
SELECT looping('{"type": "branch"}', '{"condition": "false"}');

-- Who asks: no event where only a timer or a result does.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (at, value) VALUES
	('{tiles,due,until}', '"(props->>''due'')::timestamptz"'),
	('{tiles,hold,condition}', '"props ? ''paid''"'),
	('{tiles,hold,condition}', '"event = ''PAID'' AND props ? ''paid''"'),
	('{exit,2,condition}', '"props ? ''score''"'),
	('{edges,1,condition}', '"props ? ''order''"'),
	('{edges,2,condition}', '"props ? ''order''"'),
	('{edges,3,condition}', '"props ? ''order''"'),
	('{edges,4,condition}', '"event = ''PAID''"'),
	('{edges,6,condition}', '"props ? ''order''"'),
	('{edges,7,condition}', '"props ? ''order''"'),
	('{edges,12,condition}', '"props ? ''order''"'),
	('{tiles,thank,key}', '"props->>''order''"'),
	('{tiles,mark,set}', '{"a": "{{ props->>''order'' }}"}'),
	('{tiles,start,on,1,customers}', '"ARRAY[context->>''friend'']"');
SELECT reports(:next);
SELECT report(around('{"type": "wait", "until": "(props->>''due'')::timestamptz"}'));
SELECT report(jsonb_set(around('{"type": "wait", "for": "1 day"}'), '{edges,1,condition}', '"props ? ''a''"'));
-- a wait that an event ends, or may let through
SELECT report(jsonb_set(around('{"type": "wait", "for": "1 day", "condition": "traits ? ''a''"}'), '{edges,1,condition}', '"props ? ''a''"'));
SELECT report(jsonb_set(around('{"type": "wait", "window": {"from": "09:00", "to": "17:00"}}'), '{edges,1,condition}', '"props ? ''a''"'));
-- behind a delay on the way a timer asks, an edge of what happened before brings its props
SELECT report(jsonb_set(jsonb_set(good(), '{edges,5,to}', '"mark"'), '{tiles,mark,set}', '{"a": "{{ props->>''order'' }}"}'));
SELECT report(jsonb_set(jsonb_set(jsonb_set(good(), '{edges,5,to}', '"mark"'), '{tiles,mark,set}', '{"a": "{{ props->>''order'' }}"}'), '{edges,5,wait}', '"1 hour"'));

-- Outcome and response where no tile has given any.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (at, value) VALUES
	('{tiles,due,until}', '"(response->>''due'')::timestamptz"'),
	('{edges,2,condition}', '"outcome = ''sent''"'),
	('{edges,3,condition}', '"outcome = ''delivered''"'),
	('{exit,2,condition}', '"outcome = ''dead''"'),
	('{key}', '"outcome"'),
	('{tiles,start,on,0,condition}', '"response IS NULL"');
SELECT reports(:next);
SELECT report(jsonb_set(around('{"type": "action", "destination": "mail"}', '[]', '{"goal": {"event": "A", "condition": "outcome = ''dead''"}}'),
	'{edges,1,condition}', '"outcome = ''dead''"'));
SELECT report(jsonb_set(around('{"type": "action", "destination": "mail", "await": true}', '[]', '{"goal": {"event": "A", "condition": "outcome = ''dead''"}}'),
	'{edges,1,condition}', '"outcome = ''dead''"'));

-- The SQL of each place.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (at, value) VALUES
	('{tiles,due,until}', '"visits"'),
	('{tiles,due,until}', '"nosuch"'),
	('{tiles,due,reset,0,condition}', '"nosuch"'),
	('{tiles,hold,condition}', '"visits"'),
	('{tiles,start,on,1,customers}', '"props->>''friend''"'),
	('{tiles,start,on,1,customers}', '"ARRAY[1, 2]"'),
	('{tiles,start,on,1,customers}', '"nosuch"'),
	('{exit,2,condition}', '"nosuch"'),
	('{edges,4,condition}', '"EXISTS (SELECT FROM nosuch.orders)"'),
	('{tiles,thank,key}', '"nosuch"'),
	('{tiles,thank,context}', '{"a": ["{{ nosuch }}"]}');
SELECT reports(:next);

-- Other journeys: there, to be entered, and by this author.
SELECT journey_create('later', '{"tiles": {"start": {"type": "entry"}}}');
CALL draw('thank you', journey_definition('thanks'));
UPDATE journey.journey SET state = 'completed' WHERE name = 'thank you';
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (at, value) VALUES
	('{tiles,thank,journey}', '"thank"'),
	('{tiles,thank,journey}', '"something else"'),
	('{tiles,thank,journey}', '"thank you"'),
	('{tiles,thank,journey}', '"later"');
SELECT reports(:next);
CREATE ROLE regress_linter;
CREATE ROLE regress_linter_owner;
GRANT USAGE ON SCHEMA journey TO regress_linter;
SELECT journey_grant('regress_linter', 'author');
GRANT EXECUTE ON FUNCTION around, report TO regress_linter;
UPDATE journey.journey SET owner = 'regress_linter_owner' WHERE name = 'thanks';
SET LOCAL ROLE regress_linter;
SELECT report(around('{"type": "sub_journey", "journey": "thanks"}'));
RESET ROLE;
SELECT journey_grant('regress_linter', 'emit');
SET LOCAL ROLE regress_linter;
SELECT report(around('{"type": "sub_journey", "journey": "thanks"}'));
RESET ROLE;
SELECT journey_revoke('regress_linter', 'emit');
SELECT journey_grant('regress_linter', 'operate');
SET LOCAL ROLE regress_linter;
SELECT report(around('{"type": "sub_journey", "journey": "thanks"}'));
RESET ROLE;
SELECT journey_revoke('regress_linter', 'operate');
GRANT regress_linter_owner TO regress_linter;
SET LOCAL ROLE regress_linter;
SELECT report(around('{"type": "sub_journey", "journey": "thanks"}'));
RESET ROLE;
REVOKE regress_linter_owner FROM regress_linter;
UPDATE journey.journey SET owner = 'regress_gone' WHERE name = 'thanks';
SET LOCAL ROLE regress_linter;
SELECT report(around('{"type": "sub_journey", "journey": "thanks"}'));
RESET ROLE;

-- A schema that the author may not use.
CREATE SCHEMA shut;
CREATE TABLE shut.orders (customer text);
SET LOCAL ROLE regress_linter;
SELECT report(around('{"type": "wait", "condition": "EXISTS (SELECT FROM shut.orders o WHERE o.customer = member.customer)", "for": "1 day"}'));
RESET ROLE;

-- Journeys that enter each other: a journey is x between entry and exit.
CREATE FUNCTION activation(name text, definition jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM journey_create(name, definition);
	RETURN error_of(format('SELECT journey_activate(%L)', name));
END
$$;
CREATE FUNCTION child(journey text, tile jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS
$$ SELECT tile || jsonb_build_object('type', 'sub_journey', 'journey', journey) $$;
-- behind a wait: from the entry to the wait w, then to x
CREATE FUNCTION waiting(definition jsonb) RETURNS jsonb LANGUAGE sql AS $$
SELECT jsonb_set(jsonb_set(definition, '{tiles,w}', '{"type": "wait", "for": "1 day"}'), '{edges}',
	jsonb_set(definition->'edges', '{0,to}', '"w"') || '[{"from": "w", "to": "x"}]')
$$;
-- past x, too
CREATE FUNCTION passing(definition jsonb, edge jsonb DEFAULT '{"condition": "visits = 0"}') RETURNS jsonb LANGUAGE sql AS $$
SELECT jsonb_set(definition, '{edges}', jsonb_build_array(edge || '{"from": "w", "to": "out"}') || (definition->'edges'))
$$;
SAVEPOINT journeys;
SELECT activation('self', around(child('self')));
SELECT activation('self2', around(child('self2', '{"await": false}')));
SELECT activation('self3', waiting(around(child('self3'))));
SELECT activation('self4', waiting(around(child('self4', '{"await": false}'))));
SELECT activation('self5', passing(waiting(around(child('self5')))));
SELECT activation('self6', passing(waiting(around(child('self6'))), '{"event": "E"}'));
SELECT activation('self7', waiting(around(child('self7'), '[]', '{"exit": [{"event": "E"}]}')));
SELECT activation('self8', waiting(around(child('self8'), '[]', '{"max_duration": "30 days"}')));
SELECT activation('self9', waiting(around(child('self9'), '[{"from": "x", "to": "out", "event": "E"}]')));
SELECT activation('self10', waiting(around(child('self10'), '[{"from": "x", "to": "out", "on": "error"}]')));
-- its only edge may not hold
SELECT activation('self11', jsonb_set(waiting(around(child('self11'))), '{edges,2,condition}', '"traits ? ''more''"'));
-- over several journeys; drafts are read as they are
SELECT journey_create('b', around(child('c')));
SELECT journey_create('c', around('{"type": "wait", "for": "1 day"}'));
SELECT activation('a', around(child('b')));
SELECT journey_update('c', around(child('a')));
SELECT error_of($$SELECT journey_activate('c')$$);
SELECT journey_update('c', waiting(around(child('a'))));
SELECT error_of($$SELECT journey_activate('c')$$);
SELECT journey_update('c', passing(waiting(around(child('a')))));
SELECT error_of($$SELECT journey_activate('c')$$);
SELECT error_of($$SELECT journey_activate('b')$$);
-- one that another keeps for ever, by no fault of its own
SELECT journey_create('e', waiting(around(child('e'))));
SELECT activation('d', around(child('e')));
SELECT report(around(child('e')));
SELECT report(waiting(around(child('e'), '[]', '{"exit": [{"event": "E"}]}')));
-- what cannot be read is nobody's error here
SELECT journey_create('f', '{"tiles": {}}');
SELECT report(around(child('f')));
-- a long way
SELECT count(journey_create('chain' || i, around(child('chain' || i % 40 + 1)))) FROM generate_series(1, 40) AS i;
SELECT error_of($$SELECT journey_activate('chain7')$$);
ROLLBACK TO journeys;

-- Journeys as they are drawn give no error, and no warning that says nothing.
CREATE TABLE scenario (n int GENERATED ALWAYS AS IDENTITY, name text, definition jsonb);
INSERT INTO scenario (name, definition) VALUES ('cart', '{
  "key": "props->>''cart_id''",
  "entry_rules": {"on_active": "ignore"},
  "goal": {"event": "order_placed", "condition": "props->>''cart_id'' = key", "within": "3 days"},
  "exit": [{"event": "order_placed", "condition": "props->>''cart_id'' = key", "outcome": "converted"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "product_added"}, {"event": "cart_modified"}]},
    "W": {"type": "wait", "for": "30 min", "reset": [{"event": "cart_modified", "condition": "props->>''cart_id'' = key"}]},
    "B": {"type": "branch"},
    "M1": {"type": "action", "destination": "mail"},
    "M2": {"type": "action", "destination": "mail"},
    "D": {"type": "wait", "for": "24 hours"},
    "M3": {"type": "action", "destination": "mail"},
    "end": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "W"},
    {"from": "W", "to": "B"},
    {"from": "B", "to": "M1", "condition": "(context->>''total'')::numeric >= 50"},
    {"from": "B", "to": "M2"},
    {"from": "M1", "to": "D"},
    {"from": "M2", "to": "D"},
    {"from": "D", "to": "M3"},
    {"from": "M3", "to": "end"}
  ]
}'), ('cart, as Masivo draws it', '{
  "exit": [{"event": "PURCHASE"}],
  "tiles": {
    "root": {"type": "entry"},
    "hold": {"type": "branch"},
    "email": {"type": "action", "destination": "mail"},
    "end": {"type": "exit"}
  },
  "edges": [
    {"from": "root", "to": "hold", "event": "ADD_TO_CART", "wait": "30 minutes"},
    {"from": "hold", "to": "email", "condition": "NOT journey_did(customer, ''PURCHASE'', entered_at)"},
    {"from": "email", "to": "end"}
  ]
}'), ('onboarding', '{
  "entry_rules": {"reentry": "never"},
  "timezone": "traits->>''tz''",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "signed_up"}]},
    "M1": {"type": "action", "destination": "mail"},
    "W": {"type": "wait", "for": "1 day"},
    "U": {"type": "update_profile", "set": {"onboarding_stage": "activated"}},
    "activated": {"type": "exit"},
    "B": {"type": "branch"},
    "M2": {"type": "action", "destination": "mail"},
    "M3": {"type": "action", "destination": "mail"},
    "T": {"type": "wait", "at": "09:00", "days": ["mon", "tue", "wed", "thu", "fri"]},
    "M4": {"type": "action", "destination": "mail"},
    "end": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "M1"},
    {"from": "M1", "to": "W"},
    {"from": "W", "to": "U", "event": "app_opened"},
    {"from": "U", "to": "activated"},
    {"from": "W", "to": "B"},
    {"from": "B", "to": "M2", "condition": "traits ? ''mobile'' AND (traits->>''sms_consent'')::boolean"},
    {"from": "B", "to": "M3"},
    {"from": "M2", "to": "T"},
    {"from": "M3", "to": "T"},
    {"from": "T", "to": "M4"},
    {"from": "M4", "to": "end"}
  ]
}'), ('trial', '{
  "key": "props->>''trial_id''",
  "exit": [
    {"event": "trial_converted", "condition": "props->>''trial_id'' = key", "outcome": "converted"},
    {"event": "trial_canceled", "condition": "props->>''trial_id'' = key", "outcome": "canceled"}
  ],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "trial_started"}]},
    "T1": {"type": "wait", "until": "(context->>''ends_at'')::timestamptz - interval ''3 days''",
           "reset": [{"event": "trial_extended", "condition": "props->>''trial_id'' = key"}]},
    "M1": {"type": "action", "destination": "mail"},
    "T2": {"type": "wait", "until": "(context->>''ends_at'')::timestamptz - interval ''1 day''",
           "reset": [{"event": "trial_extended", "condition": "props->>''trial_id'' = key"}]},
    "M2": {"type": "action", "destination": "mail"},
    "T3": {"type": "wait", "until": "(context->>''ends_at'')::timestamptz",
           "reset": [{"event": "trial_extended", "condition": "props->>''trial_id'' = key"}]},
    "M3": {"type": "action", "destination": "mail"},
    "U": {"type": "update_profile", "set": {"plan": "free"}},
    "D": {"type": "wait", "for": "3 days"},
    "M4": {"type": "action", "destination": "mail"},
    "end": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "T1"},
    {"from": "T1", "to": "T2", "on": "past"},
    {"from": "T1", "to": "M1"},
    {"from": "M1", "to": "T2"},
    {"from": "T2", "to": "T3", "on": "past"},
    {"from": "T2", "to": "M2"},
    {"from": "M2", "to": "T3"},
    {"from": "T3", "to": "M3"},
    {"from": "M3", "to": "U"},
    {"from": "U", "to": "D"},
    {"from": "D", "to": "M4"},
    {"from": "M4", "to": "end"}
  ]
}'), ('nps', '{
  "key": "props->>''order_id''",
  "entry_rules": {"cooldown": "90 days"},
  "timezone": "traits->>''tz''",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "order_delivered"}]},
    "D": {"type": "wait", "for": "10 days"},
    "T": {"type": "wait", "window": {"from": "10:00", "to": "23:00"}},
    "M1": {"type": "action", "destination": "mail"},
    "W1": {"type": "wait", "for": "5 days"},
    "M2": {"type": "action", "destination": "mail"},
    "W2": {"type": "wait", "for": "5 days"},
    "B": {"type": "branch"},
    "M3": {"type": "action", "destination": "mail"},
    "ticket": {"type": "action", "destination": "mail", "payload": {"order": "{{ key }}", "score": "{{ props->>''score'' }}"}},
    "U": {"type": "update_profile", "set": {"detractor": true}},
    "no_response": {"type": "exit"},
    "passive": {"type": "exit"},
    "end": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "D"},
    {"from": "D", "to": "T"},
    {"from": "T", "to": "M1"},
    {"from": "M1", "to": "W1"},
    {"from": "W1", "to": "B", "event": "nps_submitted", "condition": "props->>''order_id'' = key", "since": "entry"},
    {"from": "W1", "to": "M2"},
    {"from": "M2", "to": "W2"},
    {"from": "W2", "to": "B", "event": "nps_submitted", "condition": "props->>''order_id'' = key", "since": "entry"},
    {"from": "W2", "to": "no_response"},
    {"from": "B", "to": "M3", "condition": "(props->>''score'')::int >= 9"},
    {"from": "B", "to": "passive", "condition": "(props->>''score'')::int BETWEEN 7 AND 8"},
    {"from": "B", "to": "ticket", "condition": "(props->>''score'')::int <= 6"},
    {"from": "M3", "to": "end"},
    {"from": "ticket", "to": "U"},
    {"from": "U", "to": "end"}
  ]
}'), ('nurture', '{
  "key": "props->>''topic''",
  "entry_rules": {"reentry": "never"},
  "exit": [
    {"event": "demo_requested", "outcome": "mql"},
    {"event": "unsubscribed", "outcome": "unsubscribed"},
    {"condition": "(traits->>''lead_score'')::int >= 80", "outcome": "hot"}
  ],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "ebook_downloaded"}]},
    "M1": {"type": "action", "destination": "mail"},
    "D1": {"type": "wait", "for": "3 days"},
    "M2": {"type": "action", "destination": "mail"},
    "D2": {"type": "wait", "for": "4 days"},
    "AB": {"type": "branch"},
    "M3a": {"type": "action", "destination": "mail"},
    "M3b": {"type": "action", "destination": "mail"},
    "D3": {"type": "wait", "for": "7 days"},
    "M4": {"type": "action", "destination": "mail"},
    "end": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "M1"},
    {"from": "M1", "to": "D1"},
    {"from": "D1", "to": "M2"},
    {"from": "M2", "to": "D2"},
    {"from": "D2", "to": "AB"},
    {"from": "AB", "to": "M3a", "percent": 50},
    {"from": "AB", "to": "M3b", "percent": 50},
    {"from": "M3a", "to": "D3"},
    {"from": "M3b", "to": "D3"},
    {"from": "D3", "to": "M4"},
    {"from": "M4", "to": "end"}
  ]
}'), ('hot leads', '{
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "$journey_exited", "condition": "props->>''journey'' = ''nurture'' AND props->>''outcome'' = ''hot''"}]},
    "call": {"type": "action", "destination": "mail", "payload": {"topic": "{{ props->>''key'' }}"}},
    "end": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "call"}, {"from": "call", "to": "end"}]
}'), ('kyc', '{
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "kyc_started"}]},
    "L": {"type": "wait", "for": "visits * interval ''24 hours''", "max_visits": 3},
    "verified": {"type": "exit"},
    "B": {"type": "branch"},
    "M1": {"type": "action", "destination": "mail"},
    "M2": {"type": "action", "destination": "mail"},
    "M3": {"type": "action", "destination": "mail"},
    "D": {"type": "wait", "for": "24 hours"},
    "U": {"type": "update_profile", "set": {"kyc": "dormant"}},
    "end": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "L"},
    {"from": "L", "to": "verified", "event": "kyc_completed"},
    {"from": "L", "to": "D", "on": "max_visits"},
    {"from": "L", "to": "B"},
    {"from": "B", "to": "M1", "condition": "traits->>''current_step'' = ''doc''"},
    {"from": "B", "to": "M2", "condition": "traits->>''current_step'' = ''selfie''"},
    {"from": "B", "to": "M3"},
    {"from": "M1", "to": "L"},
    {"from": "M2", "to": "L"},
    {"from": "M3", "to": "L"},
    {"from": "D", "to": "U"},
    {"from": "U", "to": "end"}
  ]
}');
SELECT name || E'\n' || report(definition) FROM scenario ORDER BY n;

ROLLBACK;
