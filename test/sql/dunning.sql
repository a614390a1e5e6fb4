-- An invoice that is not paid: charge again by a webhook, remind by mail, suspend after the third time.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
INSERT INTO journey.destination (name, kind, config) VALUES ('billing', 'webhook', '{"url": "https://billing.example/v1"}');
SELECT journey_create('dunning', $${
  "key": "props->>'invoice'",
  "timezone": "traits->>'zone'",
  "quiet_hours": {"from": "21:00", "to": "08:00"},
  "exit": [{"event": "INVOICE_PAID", "condition": "props->>'invoice' = key", "outcome": "paid"}],
  "tiles": {
    "overdue": {"type": "entry", "on": [{"event": "PAYMENT_FAILED"}]},
    "charge": {"type": "webhook", "destination": "billing", "path": "/invoices/{{ key }}/charge", "method": "POST",
               "headers": {"X-Try": "{{ visits }}"}, "body": {"amount": "{{ (context->>'amount')::numeric }}", "customer": "{{ customer }}"},
               "retry": {"max": 3, "first": "1 minute"}, "expires": "6 hours", "await": true, "max_visits": 3},
    "remind": {"type": "action", "destination": "mail", "payload": {"invoice": "{{ key }}", "why": "{{ coalesce(response->'body'->>'reason', outcome) }}"}},
    "patience": {"type": "wait", "for": "3 days"},
    "suspend": {"type": "webhook", "destination": "billing", "path": "/customers/{{ customer }}", "method": "PATCH", "body": {"suspended": true}},
    "recovered": {"type": "exit"},
    "lost": {"type": "exit"}
  },
  "edges": [
    {"from": "overdue", "to": "charge"},
    {"from": "charge", "to": "recovered", "condition": "(response->'body'->>'paid')::bool"},
    {"from": "charge", "to": "remind"},
    {"from": "charge", "to": "remind", "on": "error"},
    {"from": "charge", "to": "suspend", "on": "max_visits"},
    {"from": "remind", "to": "patience"},
    {"from": "patience", "to": "charge"},
    {"from": "suspend", "to": "lost"}
  ]
}$$);
SELECT * FROM journey_validate(journey_definition('dunning'));
SELECT journey_activate('dunning');
-- Nothing is sent here: we are both receivers, and keep which ids we saw.
UPDATE journey.destination SET kind = 'pull' WHERE name = 'billing';
CREATE TABLE seen (customer text, tile text, attempt int, id uuid, path text, headers jsonb, body jsonb);
CREATE FUNCTION receive(moment text, destination text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	CALL advance(moment);
	WITH claimed AS (INSERT INTO seen SELECT customer, tile, attempts, id, payload->>'path', payload->'headers', payload->'body'
		FROM journey_claim(destination) RETURNING 1)
	SELECT count(*) INTO n FROM claimed;
	RETURN n;
END
$$;
CREATE FUNCTION answer(who text, response jsonb) RETURNS bool LANGUAGE sql AS
$$ SELECT journey_ack(id, $2) FROM journey.action WHERE customer = who AND state = 'in_flight' $$;
CREATE FUNCTION refuse(who text, error text) RETURNS bool LANGUAGE sql AS
$$ SELECT journey_nack(id, $2) FROM journey.action WHERE customer = who AND state = 'in_flight' $$;
SELECT journey_identify('ann', '{"zone": "Europe/Madrid"}');
SELECT journey_identify('bob', '{"zone": "Europe/Madrid"}');
CALL emit('19:50', 'ann', 'PAYMENT_FAILED', '{"invoice": "A/1", "amount": "12.50"}');
CALL emit('19:50', 'bob', 'PAYMENT_FAILED', '{"invoice": "B1", "amount": "8"}');
CALL emit('19:50', 'cy', 'PAYMENT_FAILED', '{"invoice": "C1", "amount": "9"}');

-- 503, 503, 200: three attempts of one action, one success.
CALL at('20:00');
SELECT receive('20:00', 'billing');
SELECT refuse('ann', 'HTTP status 503');
SELECT refuse('bob', 'HTTP status 503');
SELECT receive('20:02', 'billing');
SELECT refuse('ann', 'HTTP status 503');
SELECT receive('20:05', 'billing');
SELECT answer('ann', '{"status": 200, "body": {"paid": true}}');
SELECT attempt, path, headers, body FROM seen WHERE customer = 'ann' ORDER BY attempt;
SELECT count(DISTINCT id), count(*) FROM seen WHERE customer = 'ann';
SELECT customer, state, attempts, last_error FROM journey.action WHERE customer = 'ann';
SELECT customer, tile, state, outcome FROM members;

-- bob's third attempt comes to nothing: over the edge for that, and the mail waits for the morning of Madrid.
SELECT refuse('bob', 'HTTP status 503');
SELECT receive('20:10', 'billing');
SELECT refuse('bob', 'HTTP status 503');
SELECT customer, tile, state FROM members WHERE state <> 'exited';
SELECT tile, state, last_error, next_attempt_at, payload FROM journey.action WHERE customer = 'bob' ORDER BY seq;
SELECT receive('2025-03-05 06:59:59', 'mail');
SELECT receive('2025-03-05 07:00', 'mail');
SELECT answer('bob', NULL);
-- declined, and again declined; then no more
SELECT receive('2025-03-07 20:15', 'billing');
SELECT answer('bob', '{"status": 200, "body": {"paid": false, "reason": "declined"}}');
SELECT tile, state, payload FROM journey.action WHERE customer = 'bob' ORDER BY seq DESC LIMIT 1;
SELECT receive('2025-03-10 20:15', 'billing');
SELECT answer('bob', '{"status": 200, "body": {"paid": false, "reason": "declined"}}');
SELECT receive('2025-03-13 20:15', 'billing');
SELECT path, headers, body FROM seen WHERE customer = 'bob' AND tile = 'suspend';
SELECT customer, tile, state, outcome FROM members WHERE customer = 'bob';
SELECT seq, tile, state, attempts FROM journey.action WHERE customer = 'bob' ORDER BY seq;

-- Nobody answers for cy's in time: it expires. Who pays goes, and nothing more is sent.
SELECT tile, state, last_error FROM journey.action WHERE customer = 'cy' ORDER BY seq LIMIT 1;
CALL emit('2025-03-13 20:20', 'cy', 'INVOICE_PAID', '{"invoice": "C1"}');
SELECT customer, state, outcome FROM members WHERE customer = 'cy';
SELECT from_tile, to_tile, reason, at FROM moves WHERE customer = 'cy' AND seq < 4;
SELECT journey, tile, type, entered, inside, departed, errors FROM journey.tile_stats ORDER BY tile;
ROLLBACK;
