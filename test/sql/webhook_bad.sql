-- Webhook tiles with one thing wrong: what journey_validate says of it, and whether a draft may have it.
\pset format unaligned
\pset tuples_only on
BEGIN;
\i test/definition.sql
INSERT INTO journey.destination (name, kind, config) VALUES ('crm', 'webhook', '{"url": "https://crm.example/api"}');
CREATE FUNCTION pg_temp.with_tile(tile jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
SELECT jsonb_set(pg_temp.whole(), '{tiles,remind}', '{"type": "webhook", "destination": "crm"}'::jsonb || tile)
$$;
CREATE TEMP TABLE bad (n int GENERATED ALWAYS AS IDENTITY, tile jsonb);
CREATE FUNCTION pg_temp.report(lowest int) RETURNS SETOF text LANGUAGE sql AS $$
SELECT format('%s. %s: %s', n, left(tile::text, 100), pg_temp.created(pg_temp.with_tile(tile))) ||
	   coalesce(string_agg(format(E'\n  %s at %s: %s%s', severity, path, message, E'\n    ' || hint), '' ORDER BY ordinality)
		FILTER (WHERE path LIKE 'tiles.remind%'), E'\n  NOTHING')
  FROM bad LEFT JOIN LATERAL journey_validate(pg_temp.with_tile(tile)) WITH ORDINALITY ON true
 WHERE n >= lowest
 GROUP BY n, tile
 ORDER BY n
$$;

-- Where nothing is wrong: every key, and the edges of paths and headers.
INSERT INTO bad (tile) VALUES
	('{"path": "/orders/{{ key }}", "method": "PATCH", "headers": {"X-Order": "{{ key }}", "accept": "application/json"}, "body": {"total": "{{ context->''total'' }}"}, "retry": {"max": 3}, "expires": "1 day", "await": true, "max_visits": 3}'),
	('{"path": "orders;v=1/a~b/$(x),*''!/.well-known/a..b/%41?a=b&c=/..//?@:"}'),
	('{"path": "/a:b/@c"}'),
	('{"path": "?a={{ key }}"}'),
	('{"path": "{{ key }}/{{ customer }}"}'),
	('{"headers": {}}'),
	('{"headers": {"!#$%&''*+-.^_`|~09azAZ": "x"}}'),
	('{"headers": {"X": ""}}'),
	('{"body": null}'),
	('{"body": "{{ props }}"}'),
	('{"method": "GET"}');
SELECT pg_temp.report(1);

-- Keys that it has not, or other tiles have.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (tile) VALUES
	('{"payload": {}}'),
	('{"tags": ["promo"]}'),
	('{"pat": "/x"}'),
	('{"header": {}}'),
	('{"url": "https://elsewhere.example"}'),
	('{"secret": "x"}');
SELECT pg_temp.report(:next);

-- Its destination.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (tile) VALUES
	('{"destination": "cmr"}'),
	('{"destination": "email"}'),
	('{"destination": "nowhere at all"}'),
	('{"destination": 7}');
SELECT pg_temp.report(:next);
SELECT * FROM journey_validate(pg_temp.with_tile('{}') #- '{tiles,remind,destination}') WHERE path LIKE 'tiles.remind%';

-- Methods.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (tile) VALUES
	('{"method": "post"}'),
	('{"method": "HEAD"}'),
	('{"method": "CONNECT"}'),
	('{"method": "{{ key }}"}'),
	('{"method": ""}'),
	('{"method": ["GET"]}');
SELECT pg_temp.report(:next);

-- Paths: below the destination's URL, and of what a URL can have.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (tile) VALUES
	('{"path": ""}'),
	('{"path": 7}'),
	('{"path": ["a"]}'),
	('{"path": "//evil.example/x"}'),
	('{"path": "/a//b"}'),
	('{"path": "https://evil.example/"}'),
	('{"path": "https:evil"}'),
	('{"path": "user@evil.example/x"}'),
	('{"path": "{{ key }}:{{ customer }}"}'),
	('{"path": ":80/"}'),
	('{"path": ".."}'),
	('{"path": "/a/../b"}'),
	('{"path": "/a/."}'),
	('{"path": "/a/%2e%2E/b"}'),
	('{"path": "/a/..%2fb"}'),
	('{"path": "/a%5C.%2e"}'),
	('{"path": "/a b"}'),
	('{"path": "/ä"}'),
	('{"path": "/a\nb"}'),
	('{"path": "/a\\b"}'),
	('{"path": "/a#b"}'),
	('{"path": "/a%4"}'),
	('{"path": "/a%{{ key }}"}'),
	('{"path": "/a%zz"}'),
	('{"path": "/{{ key"}'),
	('{"path": "/{{ }}"}'),
	('{"path": "/{{ secret }}"}'),
	('{"path": "/{{ kye }}"}'),
	('{"path": "/{{ journey_emit(customer, ''X'') }}"}');
INSERT INTO bad (tile) SELECT jsonb_build_object('path', '/' || repeat('x', 4096));
SELECT pg_temp.report(:next);

-- Headers.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (tile) VALUES
	('{"headers": []}'),
	('{"headers": "X: y"}'),
	('{"headers": {"X": 7}}'),
	('{"headers": {"X": null}}'),
	('{"headers": {"X": {"a": "b"}}}'),
	('{"headers": {"": "x"}}'),
	('{"headers": {"X Y": "x"}}'),
	('{"headers": {"X:": "x"}}'),
	('{"headers": {"X\r\nY": "x"}}'),
	('{"headers": {"Ü": "x"}}'),
	('{"headers": {"{{ key }}": "x"}}'),
	('{"headers": {"webhook-id": "x", "Webhook-Signature": "y", "WEBHOOK-TIMESTAMP": "z"}}'),
	('{"headers": {"idempotency-key": "x"}}'),
	('{"headers": {"host": "evil.example"}}'),
	('{"headers": {"Content-Length": "0"}}'),
	('{"headers": {"transfer-encoding": "chunked"}}'),
	('{"headers": {"Connection": "close"}}'),
	('{"headers": {"Content-Type": "text/html"}}'),
	('{"headers": {"Proxy-Authorization": "x"}}'),
	('{"headers": {"authorization": "Bearer {{ secret }}"}}'),
	('{"headers": {"X-Api-Key": "x"}}'),
	('{"headers": {"Cookie": "x"}}'),
	('{"headers": {"X-A": "1", "x-a": "2"}}'),
	('{"headers": {"X": "a\r\nY: b"}}'),
	('{"headers": {"X": "{{ key }}\n"}}'),
	('{"headers": {"X": "{{ key"}}'),
	('{"headers": {"X": "{{ key + 1 }}"}}');
INSERT INTO bad (tile) SELECT jsonb_build_object('headers', jsonb_object_agg('X-' || i, 'x')) FROM generate_series(1, 51) AS i;
SELECT pg_temp.report(:next);

-- The rest, and what only warns: props where a timer asks.
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (tile) VALUES
	('{"body": "{{ props"}'),
	('{"body": {"a": ["{{ nothing }}"]}}'),
	('{"await": "yes"}'),
	('{"await": false}'),
	('{"retry": {"max": 0}}'),
	('{"expires": "1"}'),
	('{"path": "/{{ props->>''a'' }}", "headers": {"X": "{{ props->>''a'' }}"}, "body": {"a": [1, "{{ props->>''a'' }}"]}}'),
	('{"path": "/{{ response->>''a'' }}"}');
SELECT pg_temp.report(:next);

-- A body that GET does not send, unless the destination reads it.
INSERT INTO journey.destination (name, kind, config) VALUES ('fetch', 'webhook', '{"url": "https://crm.example/api", "method": "GET"}'),
	('find', 'webhook', '{"url": "https://crm.example/api?q={{ payload->>''q'' }}", "method": "GET"}');
SELECT max(n) + 1 AS next FROM bad \gset
INSERT INTO bad (tile) VALUES
	('{"method": "GET", "body": {"a": 1}}'),
	('{"destination": "fetch", "body": {"a": 1}}'),
	('{"destination": "fetch", "path": "/x"}'),
	('{"destination": "fetch", "method": "POST", "body": {"a": 1}}'),
	('{"destination": "find", "body": {"q": 1}}');
SELECT pg_temp.report(:next);

-- Only who may use the destination.
CREATE ROLE regress_hook_author;
SELECT journey_grant('regress_hook_author', 'author');
SET ROLE regress_hook_author;
SELECT severity, path, message, hint FROM journey_validate('{
	"tiles": {"start": {"type": "entry"}, "call": {"type": "webhook", "destination": "crm"}, "done": {"type": "exit"}},
	"edges": [{"from": "start", "to": "call"}, {"from": "call", "to": "done"}]
}');
RESET ROLE;
SELECT journey_grant('regress_hook_author', 'author', 'crm');
SET ROLE regress_hook_author;
SELECT count(*) FROM journey_validate('{
	"tiles": {"start": {"type": "entry"}, "call": {"type": "webhook", "destination": "crm"}, "done": {"type": "exit"}},
	"edges": [{"from": "start", "to": "call"}, {"from": "call", "to": "done"}]
}');
RESET ROLE;
ROLLBACK;
