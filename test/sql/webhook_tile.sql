-- Tile webhook: a request's path, method, headers and body, rendered when the member arrives.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
INSERT INTO journey.destination (name, kind, config) VALUES ('crm', 'webhook', '{"url": "https://crm.example/api"}');
-- Nothing is sent here: its consumer is us.
CREATE PROCEDURE pull() LANGUAGE sql AS $$ UPDATE journey.destination SET kind = 'pull' WHERE name = 'crm' $$;
CREATE VIEW sends AS
SELECT customer, tile, state, attempts, next_attempt_at, payload, limits
  FROM journey.action ORDER BY created_at, customer, seq;
-- Draw a journey whose tile "call" is that one, and enter.
CREATE PROCEDURE draw_call(tile jsonb, tail jsonb DEFAULT '{}') LANGUAGE sql AS $$
CALL draw('call', jsonb_build_object(
	'key', 'coalesce(props->>''order'', '''')',
	'tiles', jsonb_build_object(
		'start', '{"type": "entry", "on": [{"event": "X"}]}'::jsonb,
		'call', '{"type": "webhook", "destination": "crm"}'::jsonb || tile,
		'fine', '{"type": "exit"}'::jsonb),
	'edges', '[{"from": "start", "to": "call"}, {"from": "call", "to": "fine"}]'::jsonb) || tail)
$$;
SAVEPOINT clean;

-- A tile without any: an empty request, at once, with its mark.
CALL draw_call('{}');
CALL emit('10:00', 'ann', 'X');
TABLE sends;
TABLE members;
SELECT tags, retry, expires_at, seq FROM journey.action;

-- All of them.  Each value of a path stands for itself.
ROLLBACK TO clean;
CALL draw_call($${
  "path": "/orders/{{ key }}/of/{{ customer }}.json?from={{ context->>'from' }}&n={{ visits }}&none={{ null::text }}&list={{ context->'list' }}",
  "method": "PUT",
  "headers": {"X-Order": "{{ key }}", "X-None": "{{ null::text }}", "X-Text": "a {{ null::text }}b {{ visits }}", "X-Number": "{{ visits }}", "X-Plain": "as it is"},
  "body": {"order": "{{ key }}", "total": "{{ (context->>'total')::numeric }}", "none": "{{ null::text }}", "list": ["{{ context->'list' }}", 7]},
  "retry": {"max": 3}
}$$);
CALL emit('10:00', E'a/b?c#d%41 \u00e9;&=+', 'X', '{"order": "4/2", "from": "../x y", "total": "12.50", "list": [1, "ü"]}');
CALL emit('10:00', 'tilde~-._', 'X', '{"order": ".a..", "from": null}');
SELECT customer, p.key, p.value FROM journey.action, jsonb_each(payload) AS p ORDER BY 1, 2;
SELECT customer, retry FROM sends JOIN journey.action USING (customer);
-- what the path says decodes to what was said
SELECT convert_from(decode(string_agg(CASE WHEN part ~ '^%' THEN substr(part, 2) ELSE encode(part::bytea, 'hex') END, '' ORDER BY n), 'hex'), 'UTF8')
  FROM journey.action, regexp_matches(split_part(split_part(payload->>'path', '/', 5), '.json?', 1), '%..|.', 'g') WITH ORDINALITY AS m (found, n), unnest(found) AS part
 WHERE customer LIKE 'a%';
-- a path without a slash gets one; other bodies; a path that is one value
ROLLBACK TO clean;
CALL draw_call('{"path": "orders", "body": "{{ context }}"}');
CALL emit('10:00', 'ann', 'X', '{"order": "1"}');
SELECT journey_revise('call');
SELECT journey_update('call', jsonb_set(jsonb_set(journey_definition('call'), '{tiles,call,path}', '"{{ key }}"'), '{tiles,call,body}', '"plain {{ key }}"'));
SELECT journey_activate('call');
CALL emit('10:01', 'ann', 'X', '{"order": "https://evil.example//@x"}');
SELECT journey_revise('call');
SELECT journey_update('call', jsonb_set(journey_definition('call') #- '{tiles,call,body}', '{tiles,call,path}', '"?q={{ key }}"'));
SELECT journey_activate('call');
CALL emit('10:02', 'ann', 'X', '{"order": "//"}');
SELECT payload FROM sends;

-- What customers say does not change where it goes, nor becomes a header.
ROLLBACK TO clean;
CALL draw_call('{"path": "/orders/{{ key }}{{ context->>''rest'' }}/{{ context->>''last'' }}", "headers": {"X-Name": "{{ context->>''name'' }}", "X-Long": "n: {{ context->>''name'' }}"}}');
CREATE TABLE said (n int GENERATED ALWAYS AS IDENTITY, props jsonb);
INSERT INTO said (props) VALUES
	('{"order": "1", "rest": "2", "last": "ok", "name": "Ann"}'),
	('{"order": "1", "rest": "2", "last": "..", "name": "Ann"}'),
	('{"order": ".", "rest": ".", "last": "ok", "name": "Ann"}'),
	('{"order": "..", "rest": "/", "last": "ok", "name": "Ann"}'),
	('{"order": "a/..", "rest": "/..", "last": "ok", "name": "Ann"}'),
	('{"order": "a", "rest": "b", "last": "..\\admin", "name": "Ann"}'),
	('{"order": "a", "rest": "b", "last": "...", "name": "Ann"}'),
	('{"order": "a", "rest": "b", "last": "%2e%2e", "name": "Ann"}'),
	('{"order": "a", "rest": "b", "last": "", "name": "Ann"}'),
	('{"order": "a", "rest": "b", "name": "Ann"}'),
	('{"order": "a", "rest": "b", "last": "ok", "name": "Ann\r\nX-Evil: 1"}'),
	('{"order": "a", "rest": "b", "last": "ok", "name": "Ann\nX-Evil: 1"}'),
	('{"order": "a", "rest": "b", "last": "ok", "name": "tab\there"}'),
	('{"order": "a", "rest": "b", "last": "ok", "name": "del\u007f"}'),
	('{"order": "a", "rest": "b", "last": "a\r\nb", "name": "Ünal"}');
INSERT INTO said (props) SELECT jsonb_build_object('order', 'a', 'rest', 'b', 'last', 'ok', 'name', repeat('x', 7998));
INSERT INTO said (props) SELECT jsonb_build_object('order', 'a', 'rest', 'b', 'last', repeat('x', 4091), 'name', 'Ann');
CALL at('10:00');
SELECT count(journey_emit(to_char(n, 'FM00'), 'X', props)) FROM said;
SELECT customer, left(payload->>'path', 40) AS path, left(payload->'headers'->>'X-Name', 20) AS name FROM sends;
SELECT m.customer, m.state, f.sqlstate, regexp_replace(f.message, 'x{20,}', '(many)') AS message
  FROM journey.member m
  LEFT JOIN journey.failure_row f ON f.customer = m.customer
 ORDER BY 1;
-- one that failed so goes on when its order is set right
ROLLBACK TO clean;
CALL draw_call('{"path": "/of/{{ traits->>''id'' }}"}');
CALL emit('10:00', 'ann', 'X');
TABLE failures;
SELECT journey_identify('ann', '{"id": 7}');
CALL at('10:05');
SELECT journey_retry_member('call', 'ann');
SELECT state, payload->>'path' AS path FROM sends;
TABLE members;

-- Quiet hours and caps do not touch it; action tiles of the journey they do.
ROLLBACK TO clean;
CALL draw('night', $${
  "quiet_hours": {"from": "09:00", "to": "11:00"},
  "cap": {"tag": "x", "max": 0, "per": "1 day"},
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "call": {"type": "webhook", "destination": "crm"},
    "mail": {"type": "action", "destination": "mail"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "call"}, {"from": "call", "to": "mail"}, {"from": "mail", "to": "done"}]
}$$);
CALL emit('10:00', 'ann', 'X');
TABLE sends;
CALL pull();
SELECT tile FROM journey_claim('crm');

-- Awaited: with an edge on: error, or by await.
ROLLBACK TO clean;
CALL draw('ask', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "ask": {"type": "webhook", "destination": "crm", "path": "/score/{{ customer }}", "method": "GET", "retry": {"max": 2}, "expires": "1 hour"},
    "tell": {"type": "webhook", "destination": "crm", "path": "/told", "body": {"score": "{{ response->'body'->'score' }}", "how": "{{ outcome }}"}, "await": false},
    "high": {"type": "exit"},
    "low": {"type": "exit"},
    "error": {"type": "exit"}
  },
  "edges": [
    {"from": "ask", "to": "error", "on": "error"},
    {"from": "ask", "to": "high", "condition": "(response->'body'->>'score')::int > 10"},
    {"from": "ask", "to": "tell"},
    {"from": "tell", "to": "low"},
    {"from": "start", "to": "ask"}
  ]
}$$);
CALL draw('watch', $${
  "key": "props->>'tile'",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "$action_delivered"}, {"event": "$action_failed", "condition": "props->>'destination' = 'crm'"}]},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "done"}]
}$$);
CALL pull();
CALL emit('10:00', 'high', 'X');
CALL emit('10:00', 'low', 'X');
CALL emit('10:00', 'dead', 'X');
CALL emit('10:00', 'slow', 'X');
SELECT customer, tile, state FROM members;
SELECT customer, payload FROM journey_claim('crm') ORDER BY 1;
SELECT journey_ack(id, '{"status": 200, "body": {"score": 11}}') FROM journey.action WHERE customer = 'high';
SELECT journey_ack(id, '{"status": 200, "body": {"score": 10}}') FROM journey.action WHERE customer = 'low';
SELECT journey_nack(id, 'HTTP status 503', '1 minute') FROM journey.action WHERE customer = 'dead';
SELECT journey_nack(id, 'HTTP status 503', '2 hours') FROM journey.action WHERE customer = 'slow';
CALL at('10:01');
SELECT journey_nack(id, 'HTTP status 404') FROM journey_claim('crm') WHERE customer = 'dead';
CALL advance('11:00');
SELECT journey, customer, key, tile, outcome FROM members;
SELECT customer, tile, state, payload->'body' AS body FROM sends;
SELECT customer, event, props FROM journey.event WHERE event LIKE '$%' ORDER BY at, customer, id;
SELECT journey, tile, type, entered, inside, departed, errors FROM journey.tile_stats WHERE journey = 'ask' ORDER BY tile;
SELECT journey, state, active, entered, exited, failed FROM journey.status ORDER BY journey;

-- Paused: nothing is claimed; the result that comes meanwhile moves on after it.
ROLLBACK TO clean;
CALL draw_call('{"await": true}');
CALL pull();
CALL emit('10:00', 'ann', 'X');
CALL emit('10:01', 'bob', 'X');
SELECT customer FROM journey_claim('crm', 1);
SELECT journey_pause('call');
SELECT count(*) FROM journey_claim('crm');
SELECT journey_ack(id) FROM journey.action WHERE state = 'in_flight';
SELECT customer, tile, state FROM members;
SELECT journey_resume('call');
CALL advance('10:01');
SELECT count(*) FROM journey_claim('crm');
SELECT customer, tile, state, outcome FROM members;
-- moved away, the member waits no more; stopped, nothing is sent; forgotten, nothing is left
SELECT journey_move('call', 'bob', 'call', '');
SELECT customer, tile, state FROM members WHERE state <> 'exited';
SELECT customer, state, seq FROM journey.action ORDER BY customer, seq;
SELECT journey_stop('call');
SELECT customer, state, outcome FROM members;
SELECT customer, state, seq FROM journey.action ORDER BY customer, seq;
SELECT journey_forget('ann');
SELECT journey_forget('bob');
SELECT count(*) FROM journey.action;

-- Another version: what the member awaits it still awaits, be it an action tile's or a webhook's.
ROLLBACK TO clean;
CALL draw_call('{"await": true}');
CALL emit('10:00', 'ann', 'X');
SELECT journey_revise('call');
SELECT journey_update('call', jsonb_set(journey_definition('call'), '{tiles,call}', '{"type": "action", "destination": "mail", "await": true}'));
SELECT journey_activate('call');
SELECT * FROM journey_migrate('call');
CALL pull();
SELECT customer, tile, state FROM members;
SELECT journey_ack(id) FROM journey_claim('crm');
SELECT customer, tile, state, outcome FROM members;
SELECT count(*) FROM journey.action;

-- Row by row.
ROLLBACK TO clean;
SELECT journey_create('rows', '{"tiles": {}, "edges": []}');
SELECT journey_add_tile('rows', 'start', 'entry', '{"on": [{"event": "X"}]}');
SELECT journey_add_tile('rows', 'call', 'webhook', '{"destination": "crm", "path": "/a", "method": "DELETE"}');
SELECT journey_add_tile('rows', 'done', 'exit');
SELECT journey_add_edge('rows', 'start', 'call');
SELECT journey_add_edge('rows', 'call', 'done');
SELECT error_of($$SELECT journey_add_tile('rows', 'bad', 'webhook', '{"destination": "crm", "method": "delete"}')$$);
SELECT error_of($$SELECT journey_add_tile('rows', 'bad', 'webhook', '{"path": "/a"}')$$);
SELECT journey_activate('rows');
SELECT type, config FROM journey.tile WHERE tile = 'call';
CALL emit('10:00', 'ann', 'X');
SELECT payload FROM sends;

-- An action's number is that of its member's move, whatever brought it there.
ROLLBACK TO clean;
CALL draw('child', $${
  "tiles": {
    "start": {"type": "entry"},
    "inner": {"type": "webhook", "destination": "crm"},
    "over": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "inner"}, {"from": "inner", "to": "over"}]
}$$);
CALL draw('order', $${
  "goal": {"event": "G"},
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "first": {"type": "action", "destination": "mail"},
    "second": {"type": "webhook", "destination": "crm"},
    "hold": {"type": "wait", "for": "1 hour"},
    "timed": {"type": "action", "destination": "mail"},
    "sub": {"type": "sub_journey", "journey": "child"},
    "after": {"type": "action", "destination": "mail"},
    "listen": {"type": "wait"},
    "heard": {"type": "action", "destination": "mail"},
    "late": {"type": "webhook", "destination": "crm", "path": "/{{ traits->>'id' }}"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "first"},
    {"from": "first", "to": "second"},
    {"from": "second", "to": "hold"},
    {"from": "hold", "to": "timed"},
    {"from": "timed", "to": "sub"},
    {"from": "sub", "to": "after"},
    {"from": "after", "to": "listen"},
    {"from": "listen", "to": "heard", "event": "Y"},
    {"from": "listen", "to": "late", "event": "Z", "wait": "10 minutes"},
    {"from": "heard", "to": "listen"},
    {"from": "late", "to": "done"}
  ]
}$$);
CALL emit('10:00', 'ann', 'X');
CALL advance('11:00');
CALL emit('11:01', 'ann', 'Y');
CALL emit('11:02', 'ann', 'Y');
CALL emit('11:03', 'ann', 'Z');
CALL emit('11:04', 'ann', 'G');
CALL advance('12:00');
SELECT journey_identify('ann', '{"id": 1}');
SELECT journey_retry_member('order', 'ann');
SELECT journey, seq, tile, created_at FROM journey.action ORDER BY journey, seq;
-- each is of one row, which left the member on that tile, and each arrival has one
SELECT a.journey, a.seq, a.tile, t.to_tile, t.reason
  FROM journey.action a LEFT JOIN journey.transition t USING (member, seq)
 WHERE t.to_tile IS DISTINCT FROM a.tile;
SELECT member, seq FROM journey.action GROUP BY 1, 2 HAVING count(*) > 1;
SELECT t.journey, t.to_tile, count(*) FROM journey.transition t JOIN journey.tile c ON (c.journey, c.version, c.tile) = (t.journey, t.version, t.to_tile)
 WHERE c.type IN ('action', 'webhook') AND t.from_tile IS DISTINCT FROM t.to_tile GROUP BY 1, 2
EXCEPT SELECT journey, tile, count(*) FROM journey.action GROUP BY 1, 2;
ROLLBACK;
