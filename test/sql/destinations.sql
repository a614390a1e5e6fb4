-- Destinations: what their configurations may say, and how they are made, changed and dropped.
\set VERBOSITY terse
BEGIN;
\ir test/helpers.sql

-- What an attempt to make one says; "none" is: it was made (and is undone).
CREATE FUNCTION complaint(kind text, config jsonb, secret text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
	hint text;
BEGIN
	PERFORM journey_destination_create('tried', kind, config, secret);
	RAISE 'undo' USING ERRCODE = 'ZZ999';
EXCEPTION
	WHEN SQLSTATE 'ZZ999' THEN
		RETURN 'none';
	WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
		RETURN concat_ws(E'\n  ', SQLSTATE || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END
$$;

\echo -- what is good
SELECT label, complaint(kind, config, secret) AS complaint
  FROM (VALUES
	('least', 'webhook', '{"url": "https://example.com/hook"}'::jsonb, NULL),
	('all', 'webhook', '{"url": "https://example.com:8443/a?b={{ payload->>''b'' }}&c=1", "method": "PUT",
		"headers": {"X-Customer": "{{ customer }}", "Authorization": "Bearer {{ secret.key }}", "X-N": "{{ attempt }}/{{ now }}"},
		"body": {"a": ["{{ payload }}", {"b": "{{ local_now }}"}], "c": "{{ tile }}{{ journey }}{{ id }}{{ created_at }}"},
		"content_type": "application/json", "timeout": "10 minutes", "max_in_flight": 10000, "ordered": true,
		"rate": {"max": 100000, "per": "1 minute"}, "retry": {"max": 3, "first": "1 second", "factor": 2, "longest": "1 hour"},
		"breaker": {"failures": 0}, "description": "kept", "ui": {"x": 1}}', '{"key": "k"}'),
	('times', 'webhook', '{"url": "http://[::1]:80", "timeout": "100 ms", "breaker": {"pause": "1 ms"}}', NULL),
	('host by secret', 'webhook', '{"url": "https://{{ secret.host }}/{{ payload->>''x'' }}", "user": "{{ secret.user }}"}', '{"host": "example.com:1", "user": "u"}'),
	('url by secret', 'webhook', '{"url": "{{secret}}?a={{ customer }}"}', 'https://example.com/x'),
	('form', 'webhook', '{"url": "https://example.com", "content_type": "application/x-www-form-urlencoded", "body": {"To": "{{ customer }}"}}', NULL),
	('form by template', 'webhook', '{"url": "https://example.com", "content_type": "application/x-www-form-urlencoded", "body": "{{ payload }}"}', NULL),
	('text', 'webhook', '{"url": "https://example.com", "content_type": "text/plain", "body": "Dear {{ customer }}"}', NULL),
	('user without password', 'webhook', '{"url": "https://example.com", "user": "{{ secret }}"}', 'sk_1'),
	('mail', 'smtp', '{"url": "smtp://mail.example.com:587", "from": "Shop <shop@example.com>"}', NULL),
	('mail, all', 'smtp', '{"url": "smtps://mail.example.com:465", "user": "shop", "password": "{{ secret }}", "from": "{{ payload->>''from'' }}",
		"sender": "bounce@example.com", "to": "{{ payload->>''mail'' }}", "subject": "Hi {{ customer }}", "text": "{{ payload->>''a'' }}",
		"html": "<p>", "reply_to": "x@example.com", "headers": {"List-Unsubscribe": "<https://example.com/u?{{ id }}>"}}', 'x'),
	('relay', 'smtp', '{"url": "smtp://127.0.0.1:2525", "tls": "none", "from": "a@example.com"}', NULL),
	('pull', 'pull', '{}', NULL)) AS v (label, kind, config, secret);

\echo -- keys and types
SELECT label, complaint(kind, config) AS complaint
  FROM (VALUES
	('kind', 'pigeon', '{}'::jsonb),
	('near kind', 'webhok', '{}'),
	('what it is', 'http', '{}'),
	('none', 'webhook', '{}'),
	('near key', 'webhook', '{"url": "https://example.com", "header": {}}'),
	('far key', 'webhook', '{"url": "https://example.com", "zzzzzzzzzz": 1}'),
	('two', 'webhook', '{"methd": "GET"}'),
	('key of another kind', 'smtp', '{"url": "smtp://x", "from": "a@b.c", "method": "GET"}'),
	('pull', 'pull', '{"timeout": "1 second"}'),
	('in rate', 'webhook', '{"url": "https://example.com", "rate": {"max": 1, "pr": "1 s"}}'),
	('rate alone', 'webhook', '{"url": "https://example.com", "rate": {"max": 1}}'),
	('rate too high', 'webhook', '{"url": "https://example.com", "rate": {"max": 100001, "per": "1 s"}}'),
	('rate type', 'webhook', '{"url": "https://example.com", "rate": 5}'),
	('breaker type', 'webhook', '{"url": "https://example.com", "breaker": 5}'),
	('retry type', 'webhook', '{"url": "https://example.com", "retry": 5}'),
	('unit', 'webhook', '{"url": "https://example.com", "timeout": "30"}'),
	('number', 'webhook', '{"url": "https://example.com", "timeout": 30}'),
	('short', 'webhook', '{"url": "https://example.com", "timeout": "99 ms"}'),
	('long', 'webhook', '{"url": "https://example.com", "timeout": "601 s"}'),
	('pause', 'webhook', '{"url": "https://example.com", "breaker": {"pause": "11 minutes"}}'),
	('failures', 'webhook', '{"url": "https://example.com", "breaker": {"failures": -1}}'),
	('in flight', 'webhook', '{"url": "https://example.com", "max_in_flight": 0}'),
	('much in flight', 'webhook', '{"url": "https://example.com", "max_in_flight": 10001}'),
	('ordered', 'webhook', '{"url": "https://example.com", "ordered": "yes"}'),
	('retry', 'webhook', '{"url": "https://example.com", "retry": {"max": 0}}'),
	('longest', 'webhook', '{"url": "https://example.com", "retry": {"first": "1 hour", "longest": "1 minute"}}'),
	('method', 'webhook', '{"url": "https://example.com", "method": "post"}'),
	('content type', 'webhook', '{"url": "https://example.com", "content_type": "application/xml"}'),
	('headers', 'webhook', '{"url": "https://example.com", "headers": ["X"]}'),
	('header', 'webhook', '{"url": "https://example.com", "headers": {"X": 1}}'),
	('form of text', 'webhook', '{"url": "https://example.com", "content_type": "application/x-www-form-urlencoded", "body": "a"}'),
	('form of array', 'webhook', '{"url": "https://example.com", "content_type": "application/x-www-form-urlencoded", "body": ["{{ payload }}"]}'),
	('text of object', 'webhook', '{"url": "https://example.com", "content_type": "text/plain", "body": {}}'),
	('from', 'smtp', '{"url": "smtp://x"}'),
	('to', 'smtp', '{"url": "smtp://x", "from": "a@b.c", "to": ["a"]}'),
	('tls', 'smtp', '{"url": "smtp://x", "from": "a@b.c", "tls": "ssl"}'),
	('tls twice', 'smtp', '{"url": "smtps://x", "from": "a@b.c", "tls": "none"}'),
	('user alone', 'smtp', '{"url": "smtp://x", "from": "a@b.c", "user": "u"}'),
	('function', 'sql', '{}'),
	('no schema', 'sql', '{"function": "send"}'),
	('a call', 'sql', '{"function": "shop.send()"}'),
	('rate', 'sql', '{"function": "shop.send", "rate": {"max": 1, "per": "1 s"}}'),
	('breaker', 'sql', '{"function": "shop.send", "breaker": {"failures": 0}}'),
	('in flight of sql', 'sql', '{"function": "shop.send", "max_in_flight": 1}'),
	('url', 'sql', '{"function": "shop.send", "url": "https://example.com"}')) AS v (label, kind, config);

\echo -- URLs
SELECT url, complaint('webhook', jsonb_build_object('url', url), 'example.com') AS complaint
  FROM unnest(ARRAY[
	'', 'example.com', 'ftp://example.com', 'https:/example.com', 'https://', 'https:///x', 'https://:80', 'HTTPS://example.com',
	'https://user@example.com', 'https://user:{{ secret }}@example.com', 'https://example.com#a', 'https://example.com/#{{ customer }}',
	'https://example.com/a b', E'https://example.com/a\nb', 'https://exämple.com', 'https://example.com\@evil.com', 'https://example.com:0',
	'https://example.com:65536', 'https://example.com:x', 'https://[::1]', 'https://[::1]:443/',
	'https://{{ customer }}/', 'https://{{ customer }}.example.com', 'https://example.com{{ customer }}', 'https://example.com:{{ customer }}',
	'{{ customer }}', '{{ secret }}{{ customer }}', '{{ secret }}.example.com', '{{ secret }}/{{ customer }}', '{{ secret }}@evil.com',
	'https://{{ secret }}{{ customer }}/', '{{ customer }}{{ secret }}', 'https://example.com/{{ customer', 'https://example.com?{{ customer }}']) AS url;
SELECT url, complaint('smtp', jsonb_build_object('url', url, 'from', 'a@b.c'), 'x') AS complaint
  FROM unnest(ARRAY['https://example.com', 'smtp://example.com/', 'smtp://u@example.com', 'smtp://{{ secret }}', '{{ secret }}',
	'{{ secret }}:25', 'smtp://{{ customer }}']) AS url;

\echo -- headers
SELECT name, complaint('webhook', jsonb_build_object('url', 'https://example.com', 'headers', jsonb_build_object(name, value))) AS complaint
  FROM (VALUES ('webhook-id', 'x'), ('Webhook-Signature', 'x'), ('WEBHOOK-TIMESTAMP', 'x'), ('idempotency-key', 'x'), ('Host', 'x'),
	('content-length', '1'), ('Content-Type', 'x'), ('Transfer-Encoding', 'chunked'), ('Connection', 'x'), ('Proxy-Authorization', 'x'),
	('', 'x'), ('X Y', 'x'), (E'X\nY', 'x'), ('Ä', 'x'), ('X:', 'x'), ('X-Fine', E'a\r\nB: c'), ('X-Fine', 'ok'), ('User-Agent', 'mine'),
	('Authorization', 'Bearer abc'), ('authorization', '{{ payload->>''token'' }}'), ('X-Api-Key', 'abc'), ('apikey', 'abc'), ('DD-API-KEY', 'abc'),
	('X-Auth-Token', 'abc'), ('X-Access-Token', 'abc'), ('Cookie', 'a=b'), ('X-Webhook-Secret', 'abc')) AS v (name, value);
SELECT complaint('webhook', '{"url": "https://example.com", "headers": {"X-A": "1", "x-a": "2"}}');
SELECT complaint('webhook', '{"url": "https://example.com", "user": "u", "headers": {"Authorization": "{{ secret }}"}}', 'x');
SELECT complaint('webhook', '{"url": "https://example.com", "password": "{{ secret }}"}', 'x');
SELECT complaint('webhook', '{"url": "https://example.com", "user": "u", "password": "abc"}');
SELECT name, complaint('smtp', jsonb_build_object('url', 'smtp://x', 'from', 'a@b.c', 'headers', jsonb_build_object(name, 'x'))) AS complaint
  FROM unnest(ARRAY['From', 'to', 'Bcc', 'Subject', 'Message-Id', 'Content-Transfer-Encoding', 'X-Campaign']) AS name;

\echo -- templates
CREATE SCHEMA shop;
CREATE TABLE shop.price (item text, price numeric);
CREATE FUNCTION shop.leak() RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$;
SELECT label, complaint(kind, config, secret) AS complaint
  FROM (VALUES
	('no name', 'webhook', '{"url": "https://example.com/{{ custmer }}"}'::jsonb, NULL),
	('name of a member', 'webhook', '{"url": "https://example.com", "body": {"a": [1, "{{ traits->>''x'' }}"]}}', NULL),
	('syntax', 'webhook', '{"url": "https://example.com", "headers": {"X-A": "{{ customer || }}"}}', NULL),
	('type', 'webhook', '{"url": "https://example.com", "body": "{{ payload + 1 }}"}', NULL),
	('unsafe', 'webhook', '{"url": "https://example.com", "body": "{{ shop.leak() }}"}', NULL),
	('open', 'webhook', '{"url": "https://example.com", "body": {"a": "{{ customer"}}', NULL),
	('mail', 'smtp', '{"url": "smtp://x", "from": "a@b.c", "subject": "{{ nothing }}", "to": "{{ nobody }}"}', NULL),
	('secret in body', 'webhook', '{"url": "https://example.com", "body": {"key": "{{ secret.key }}"}}', '{"key": "k"}'),
	('secret in subject', 'smtp', '{"url": "smtp://x", "from": "a@b.c", "subject": "{{ secret }}"}', 'k'),
	('secret in SQL', 'webhook', '{"url": "https://example.com", "headers": {"X-A": "{{ ''Basic '' || secret }}"}}', 'k'),
	('part in SQL', 'webhook', '{"url": "https://example.com", "headers": {"X-A": "{{ md5(secret.key) }}"}}', 'k')) AS v (label, kind, config, secret);

\echo -- presets
SELECT name, complaint(kind, jsonb_build_object('preset', name) || CASE WHEN config ? 'url' THEN '{}' ELSE '{"url": "https://rest.example.com/x"}' END::jsonb,
	CASE WHEN config::text LIKE '%secret.site_id%' THEN '{"site_id": "s", "api_key": "k"}' WHEN config::text LIKE '%secret.account%' THEN '{"account": "AC", "token": "t"}'
		 WHEN name = 'slack' THEN 'https://hooks.slack.com/services/T/B/x' WHEN name = 'signed' THEN 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' ELSE 'key' END) AS complaint
  FROM journey.destination_preset ORDER BY name;
SELECT complaint('webhook', '{"preset": "braze"}', 'key');
SELECT secret, complaint('webhook', '{"preset": "signed", "url": "https://example.com"}', secret)
  FROM unnest(ARRAY[NULL, 'key', '{"key": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}', '{"signing": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}', 'whsec_AAAA']) AS secret;
SELECT complaint('webhook', '{"preset": "slak"}');
SELECT complaint('webhook', '{"preset": "carrier"}');
SELECT complaint('webhook', '{"preset": 1}');
SELECT complaint('smtp', '{"preset": "slack"}', 'x');
SELECT journey_destination_create('chat', 'webhook', '{"preset": "slack", "rate": {"max": 5, "per": "1 second"}}', 'https://hooks.slack.com/services/T/B/x');
SELECT kind, config, owner = current_user AS mine, needs_secret, paused_at, disabled, breaker FROM journey.destination WHERE name = 'chat';
SELECT error_of($$SELECT journey_destination_create('chat', 'pull')$$);
SELECT error_of($$SELECT journey_destination_create(E'a\nb', 'pull')$$);
SELECT error_of($$SELECT journey_destination_create('x', 'webhook', NULL)$$);
SELECT error_of($$SELECT journey_destination_create('x', 'webhook', '[]')$$);

\echo -- update
SELECT journey_destination_update('chat', '{"url": "{{ secret }}", "timeout": "5 seconds"}');
SELECT config, needs_secret FROM journey.destination WHERE name = 'chat';
SELECT secret FROM journey.secret WHERE destination = 'chat';
SELECT journey_destination_update('chat', secret => 'https://hooks.slack.com/services/T/B/y');
SELECT config, secret FROM journey.destination d JOIN journey.secret s ON s.destination = d.name WHERE name = 'chat';
SELECT error_of($$SELECT journey_destination_update('chat', secret => '')$$) AS needed,
	   error_of($$SELECT journey_destination_update('chat', '{"url": "https://{{ secret.host }}"}')$$) AS part,
	   error_of($$SELECT journey_destination_update('chat', '{"url": "https://example.com/{{ nobody }}"}')$$) AS template,
	   error_of($$SELECT journey_destination_update('cat', '{}')$$) AS near,
	   error_of($$SELECT journey_destination_update(NULL, '{}')$$) AS null;
-- Its whole configuration is given, of which the hint reminds.
CREATE FUNCTION hint_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE query;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n  ', SQLERRM, hint);
END
$$;
SELECT hint_of($$SELECT journey_destination_update('chat', '{"timeout": "5 s"}')$$);
SELECT journey_destination_update('chat', '{"preset": "signed", "url": "https://example.com"}', 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA');
SELECT hint_of($$SELECT journey_destination_update('chat', secret => '')$$), hint_of($$SELECT journey_destination_update('chat', secret => 'x')$$);
SELECT journey_destination_update('chat', '{"url": "https://example.com"}', '');
SELECT config ->> 'url' AS url, needs_secret, (SELECT count(*) FROM journey.secret WHERE destination = 'chat') AS secrets FROM journey.destination WHERE name = 'chat';
SELECT error_of($$SELECT journey_destination_update('mail', '{"url": "x"}')$$) AS pull, error_of($$SELECT journey_destination_update('mail', secret => 'x')$$) AS secret;

\echo -- pause and resume
SET LOCAL journey.now = '2025-03-04 10:00';
SELECT journey_destination_pause('chat');
SET LOCAL journey.now = '2025-03-04 11:00';
SELECT journey_destination_pause('chat');
SELECT paused_at FROM journey.destination WHERE name = 'chat';
UPDATE journey.destination SET disabled = 'HTTP status 410', breaker = 'open', breaker_until = now() WHERE name = 'chat';
SELECT journey_destination_resume('chat');
SELECT paused_at, disabled, breaker, breaker_until FROM journey.destination WHERE name = 'chat';
SELECT error_of($$SELECT journey_destination_pause('chta')$$) AS pause, error_of($$SELECT journey_destination_resume('nowhere')$$) AS resume;

\echo -- an update closes the breaker; who wanted no more is asked again where it is somebody else
CREATE FUNCTION stopped() RETURNS void LANGUAGE sql AS $$
	UPDATE journey.destination SET paused_at = '2025-03-04 10:00', disabled = 'HTTP status 410', breaker = 'open', breaker_until = now() WHERE name = 'chat'
$$;
CREATE FUNCTION stops(OUT paused bool, OUT disabled text, OUT breaker text, OUT until timestamptz) LANGUAGE sql AS $$
	SELECT paused_at IS NOT NULL, disabled, breaker, breaker_until FROM journey.destination WHERE name = 'chat'
$$;
SELECT stopped(), journey_destination_update('chat', '{"url": "https://example.com", "timeout": "1 second"}');
SELECT * FROM stops();
SELECT stopped(), journey_destination_update('chat', '{"url": "https://example.com/2", "user": "{{ secret }}"}', 'a');
SELECT * FROM stops();
SELECT stopped(), journey_destination_update('chat', secret => 'b');
SELECT * FROM stops();
SELECT journey_destination_update('chat', '{"url": "{{ secret }}"}', 'https://example.com/2');
SELECT stopped(), journey_destination_update('chat', secret => 'https://example.com/2');
SELECT * FROM stops();
SELECT stopped(), journey_destination_update('chat', secret => 'https://example.com/3');
SELECT * FROM stops();
-- One that changes nothing.
SELECT stopped(), journey_destination_update('chat');
SELECT paused, disabled, breaker FROM stops();
SELECT journey_destination_resume('chat');

\echo -- where nothing can be sent to yet
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT journey_destination_create('near', 'webhook', '{"url": "https://127.0.0.1:8443/x"}');
SELECT journey_destination_update('near', '{"url": "http://[::1]/{{ customer }}"}');
SELECT journey_destination_update('near', '{"url": "https://localhost"}');
SELECT journey_destination_update('near', '{"url": "https://10.1.2.3?a={{ customer }}"}');
SELECT journey_destination_update('near', '{"url": "https://2130706433/"}');
SELECT journey_destination_update('near', '{"url": "http://example.com"}');
SELECT journey_destination_update('near', '{"url": "http://8.8.8.8"}');
SELECT journey_destination_create('relay', 'smtp', '{"url": "smtp://mail.example.com", "tls": "none", "from": "a@example.com"}');
SELECT journey_destination_update('relay', '{"url": "smtp://[fd00::1]:587", "from": "a@example.com"}');
\set VERBOSITY terse
-- Nothing is known of these.
SELECT journey_destination_update('near', url) FROM unnest(ARRAY['{"url": "https://intern.example.com"}', '{"url": "https://8.8.8.8"}']::jsonb[]) AS url;
SELECT journey_destination_update('near', '{"url": "http://{{ secret.host }}"}', '{"host": "127.0.0.1"}');
SELECT journey_destination_update('relay', '{"url": "smtp://mail.example.com", "from": "a@example.com"}');
SELECT journey_destination_drop('near'), journey_destination_drop('relay');

\echo -- drop
CREATE ROLE regress_author;
SELECT journey_grant('regress_author', 'author', 'mail');
CALL draw('winter', '{"tiles": {"start": {"type": "entry", "on": [{"event": "came"}]}, "hold": {"type": "wait", "for": "1 hour"},
	"tell": {"type": "action", "destination": "mail"}, "done": {"type": "exit"}},
	"edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "tell"}, {"from": "tell", "to": "done"}]}');
SELECT journey_duplicate('winter', 'autumn');
CALL emit('12:00', 'ann', 'came');
CALL advance('13:00');
CALL emit('13:00', 'bob', 'came');
SELECT error_of($$SELECT journey_destination_drop('mail')$$) AS all;
SELECT journey_delete('autumn');
SELECT error_of($$SELECT journey_destination_drop('mail')$$) AS one;
-- A new version that does not send there: only who is in the old one.
SELECT journey_revise('winter');
SELECT journey_update('winter', '{"tiles": {"start": {"type": "entry", "on": [{"event": "came"}]}, "done": {"type": "exit"}},
	"edges": [{"from": "start", "to": "done"}]}');
SELECT journey_activate('winter');
SELECT error_of($$SELECT journey_destination_drop('mail')$$) AS inside;
SELECT journey_exit('winter', 'bob', 'gone');
SELECT error_of($$SELECT journey_destination_drop('mail')$$) AS action;
SELECT journey_ack(id) FROM journey_claim('mail');
INSERT INTO journey.delivery_total (destination, part, delivered, failed, dead) VALUES ('mail', 1, 1, 0, 0);
SELECT journey_destination_drop('mail');
SELECT (SELECT count(*) FROM journey.destination WHERE name = 'mail') AS destinations, (SELECT count(*) FROM journey.access WHERE destination = 'mail') AS grants,
	   (SELECT count(*) FROM journey.delivery_total) AS totals, (SELECT count(*) FROM journey.action WHERE destination = 'mail') AS actions,
	   (SELECT string_agg(level, ' ') FROM journey.access WHERE role = 'regress_author') AS levels;
SELECT journey_destination_update('chat', '{"url": "{{ secret }}"}', 'https://example.com/x');
SELECT journey_destination_drop('chat');
SELECT count(*) FROM journey.secret;
SELECT error_of($$SELECT journey_destination_drop('chat')$$);

\echo -- who may
CREATE ROLE regress_operator;
CREATE ROLE regress_other;
SELECT journey_grant('regress_operator', 'operate'), journey_grant('regress_other', 'operate'), journey_grant('regress_author', 'author');
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO PUBLIC;
SET LOCAL ROLE regress_author;
SELECT error_of(format('SELECT journey_destination_%s', call)) AS author
  FROM unnest(ARRAY['create(''x'', ''pull'')', 'update(''x'')', 'drop(''x'')', 'pause(''x'')', 'resume(''x'')']) AS call;
SET LOCAL ROLE regress_operator;
SELECT error_of($$SELECT journey_destination_create('mine', 'webhook', '{"url": "https://example.com", "body": "{{ (SELECT price FROM shop.price) }}"}')$$) AS rights;
SELECT journey_destination_create('mine', 'webhook', '{"url": "https://example.com", "user": "{{ secret }}"}', 'sk');
SELECT owner FROM journey.destination WHERE name = 'mine';
SET LOCAL ROLE regress_other;
SELECT error_of($$SELECT journey_destination_update('mine', '{"url": "https://evil.example", "user": "{{ secret }}"}')$$) AS update,
	   error_of($$SELECT journey_destination_update('mine', secret => '')$$) AS secret;
SELECT journey_destination_pause('mine'), journey_destination_resume('mine');
RESET ROLE;
GRANT regress_operator TO regress_other;
SET LOCAL ROLE regress_other;
SELECT journey_destination_update('mine', '{"url": "https://example.org", "user": "{{ secret }}"}');
SELECT owner, config ->> 'url' AS url FROM journey.destination WHERE name = 'mine';
SELECT journey_destination_drop('mine');
RESET ROLE;
SET LOCAL journey.allow_superuser_owner = off;
SELECT complaint('webhook', '{"url": "https://example.com"}');
SELECT complaint('pull', '{}');
ROLLBACK;
