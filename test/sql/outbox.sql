-- Operating the outbox: journey_retry, journey_cancel, the order of several journeys, and journey.delivery.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
CALL draw('ask', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "send": {"type": "action", "destination": "mail", "retry": {"max": 2}, "expires": "1 hour"},
    "bad": {"type": "exit", "outcome": "failed"},
    "good": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "send"},
    {"from": "send", "to": "bad", "on": "error", "condition": "outcome <> 'cancelled'"},
    {"from": "send", "to": "good"}
  ]
}$$);
CALL draw('tell', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "Y"}]},
    "send": {"type": "action", "destination": "mail"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "send"}, {"from": "send", "to": "done"}]
}$$);
CREATE VIEW sends AS
SELECT journey, customer, state, attempts, next_attempt_at, expires_at, last_error, response, delivered_at
  FROM journey.action ORDER BY created_at, customer;
CREATE FUNCTION id_of(who text) RETURNS uuid LANGUAGE sql STABLE AS
$$ SELECT id FROM journey.action WHERE customer = who $$;
CREATE VIEW delivery AS
SELECT destination, kind, state, pending, due, in_flight, delivered, failed, dead, oldest, p50, p99, breaker, breaker_until, why
  FROM journey.delivery ORDER BY 1;
CALL emit('10:00', 'ann', 'X');
CALL emit('10:01', 'bob', 'Y');
CALL emit('10:02', 'cy', 'X');
CALL emit('10:03', 'dan', 'Y');
CALL at('10:05');
SAVEPOINT sent;

-- Oldest first, whatever journeys they are of; those of a paused one wait for their turn.
SELECT customer FROM journey_claim('mail', 3) WITH ORDINALITY ORDER BY ordinality;
SELECT customer FROM journey_claim('mail', 3);
ROLLBACK TO sent;
SELECT journey_pause('tell');
SELECT customer FROM journey_claim('mail', 1);
SELECT customer FROM journey_claim('mail');
SELECT journey_resume('tell');
SELECT customer FROM journey_claim('mail') WITH ORDINALITY ORDER BY ordinality;

-- so too where there are many of each
ROLLBACK TO sent;
INSERT INTO journey.action (id, member, journey, tile, customer, destination, payload, state, attempts, next_attempt_at, created_at, seq)
SELECT gen_random_uuid(), i, (ARRAY['ask', 'tell', 'other'])[1 + i % 3], 'send', 'c' || i, 'mail', '{}', 'pending', 0,
	   moment('09:00') + i * interval '1 ms', moment('09:00') + i * interval '1 ms', 1
  FROM generate_series(1, 6000) AS i;
SELECT journey_pause('ask');
SELECT count(*), min(created_at) AS oldest, max(created_at) AS newest, count(*) FILTER (WHERE journey = 'ask') AS paused FROM journey_claim('mail', 3000);
SELECT journey_resume('ask');
SELECT count(*), min(created_at) AS oldest, max(created_at) AS newest FROM journey_claim('mail', 1000);
SELECT count(*), max(created_at) AS newest FROM journey_claim('mail', 10000);

-- What is in flight, pending or delivered is not to be retried; what is not pending cannot be cancelled.
ROLLBACK TO sent;
SELECT journey_retry(id_of('ann')) AS pending;
SELECT customer FROM journey_claim('mail', 1);
SELECT journey_retry(id_of('ann')) AS retried, journey_cancel(id_of('ann')) AS cancelled;
SELECT journey_ack(id_of('ann'), '{"ok": true}');
SELECT journey_retry(id_of('ann')) AS retried, journey_cancel(id_of('ann')) AS cancelled;
SELECT journey_retry('00000000-0000-4000-8000-000000000000') AS retried, journey_cancel('00000000-0000-4000-8000-000000000000') AS cancelled;
TABLE sends;

-- A dead one comes back with all attempts before it, under its id; the member has gone on.
ROLLBACK TO sent;
UPDATE journey.action SET next_attempt_at = NULL WHERE customer <> 'ann';
SELECT count(*) FROM journey_claim('mail', 1);
SELECT journey_nack(id_of('ann'), 'no', '0');
SELECT count(*) FROM journey_claim('mail', 1);
SELECT journey_nack(id_of('ann'), 'no', '0');
SELECT * FROM sends WHERE customer = 'ann';
SELECT tile, state, outcome FROM members WHERE customer = 'ann';
SELECT id_of('ann') AS id \gset
CALL at('10:30');
SELECT journey_retry(:'id'), journey_retry(:'id') AS again;
SELECT * FROM sends WHERE customer = 'ann';
SELECT id = :'id' AS same, attempts FROM journey_claim('mail') WHERE customer = 'ann';
SELECT journey_nack(:'id', 'no', '0');
SELECT * FROM sends WHERE customer = 'ann';
SELECT attempts FROM journey_claim('mail');
SELECT journey_ack(:'id');
SELECT * FROM sends WHERE customer = 'ann';
SELECT tile, state, outcome FROM members WHERE customer = 'ann';

-- What had expired does not expire again.
ROLLBACK TO sent;
CALL at('11:30');
SELECT customer FROM journey_claim('mail') ORDER BY 1;
SELECT * FROM sends WHERE journey = 'ask';
SELECT journey_retry(id_of('ann'));
SELECT * FROM sends WHERE customer = 'ann';
SELECT customer FROM journey_claim('mail');

-- A cancelled one is not sent, and the member that awaits it goes on.
ROLLBACK TO sent;
SELECT journey_cancel(id_of('ann')), journey_cancel(id_of('bob')), journey_cancel(id_of('bob')) AS again;
TABLE sends;
SELECT customer, tile, state, outcome FROM members ORDER BY 1;
SELECT customer FROM journey_claim('mail') ORDER BY 1;
SELECT journey_retry(id_of('ann'));
SELECT customer FROM journey_claim('mail') ORDER BY 1;
-- between two attempts too
ROLLBACK TO sent;
SELECT customer FROM journey_claim('mail', 1);
SELECT journey_nack(id_of('ann'), 'later');
SELECT journey_cancel(id_of('ann'));
SELECT * FROM sends WHERE customer = 'ann';

-- A stopped journey sends nothing any more, nor does a destination that is gone.
ROLLBACK TO sent;
SELECT journey_stop('tell');
SELECT state, error_of(format('SELECT journey_retry(%L)', id)) AS error FROM journey.action WHERE customer = 'bob';
SELECT journey_revise('tell'), journey_activate('tell');
SELECT journey_retry(id_of('bob'));
SELECT journey_cancel(id_of('bob'));
DELETE FROM journey.destination WHERE name = 'mail';
SELECT error_of(format('SELECT journey_retry(%L)', id_of('bob'))) AS error;
SELECT error_of('SELECT journey_retry(NULL)') AS retry, error_of('SELECT journey_cancel(NULL)') AS cancel;

-- Nothing is claimed from a destination that is paused or disabled, or that is not there to be pulled from.
ROLLBACK TO sent;
UPDATE journey.destination SET paused_at = moment('10:04');
SELECT count(*) FROM journey_claim('mail');
UPDATE journey.destination SET paused_at = NULL, disabled = 'gone';
SELECT count(*) FROM journey_claim('mail');
UPDATE journey.destination SET disabled = NULL, kind = 'webhook';
SELECT error_of($$SELECT journey_claim('mail')$$) AS error;
-- what a worker has under way is the worker's to answer for
UPDATE journey.action SET state = 'in_flight', attempts = 1 WHERE customer = 'ann';
SELECT error_of(format('SELECT journey_ack(%L)', id_of('ann'))) AS ack, error_of(format('SELECT journey_nack(%L)', id_of('ann'))) AS nack;
SELECT state, attempts FROM journey.action WHERE customer = 'ann';

-- The view: what is to leave, and why nothing does.
ROLLBACK TO sent;
SELECT journey_destination_create('idle', 'pull');
TABLE delivery;
SELECT journey_pause('tell');
SELECT customer FROM journey_claim('mail', 1);
SELECT journey_nack(id_of('ann'), 'later', '1 hour');
SELECT customer FROM journey_claim('mail', 1);
SELECT pending, due, in_flight, oldest FROM delivery WHERE destination = 'mail';
INSERT INTO journey.delivery_total VALUES ('mail', 0, 0, 0, 0, 1.5, 20), ('mail', 5, 10, 2, 1, NULL, NULL), ('mail', 7, 1, 1, 1, NULL, NULL),
	('mail', 9, 1, 1, 1, NULL, NULL), ('idle', 3, 4, 5, 6, NULL, NULL);
SELECT delivered, failed, dead, p50, p99 FROM delivery;
SELECT journey.fold_delivery();
SELECT * FROM journey.delivery_total ORDER BY destination, part;
SELECT delivered, failed, dead, p50, p99 FROM delivery;
UPDATE journey.destination SET paused_at = moment('10:04') WHERE name = 'mail';
UPDATE journey.destination SET disabled = 'HTTP status 410', paused_at = moment('10:04') WHERE name = 'idle';
SELECT destination, state, why FROM delivery;
UPDATE journey.destination SET disabled = NULL, paused_at = NULL, kind = 'webhook';
SELECT destination, state, why FROM delivery;
UPDATE journey.destination SET config = '{"url": "https://hooks.example.com/"}';
SELECT destination, state, why FROM delivery;
UPDATE journey.destination SET needs_secret = true, breaker = 'open', breaker_until = moment('10:07') WHERE name = 'mail';
SELECT destination, state, breaker, breaker_until, why FROM delivery;
INSERT INTO journey.secret VALUES ('mail', 's');
SELECT destination, state, why FROM delivery WHERE destination = 'mail';

-- Who may: operators; who may only look sees it.
ROLLBACK TO sent;
CREATE ROLE regress_viewer;
CREATE ROLE regress_sender;
CREATE ROLE regress_operator;
SELECT journey_grant('regress_viewer', 'view'), journey_grant('regress_sender', 'author', 'mail'), journey_grant('regress_operator', 'operate');
GRANT EXECUTE ON FUNCTION error_of(text) TO PUBLIC;
SELECT id_of('ann') AS id \gset
SET LOCAL ROLE regress_viewer;
SELECT destination, pending FROM journey.delivery;
SELECT error_of('SELECT * FROM journey.delivery_total'), error_of(format('SELECT journey_cancel(%L)', :'id')) AS cancel;
RESET ROLE;
SET LOCAL ROLE regress_sender;
SELECT error_of(format('SELECT journey_cancel(%L)', :'id')) AS cancel, error_of(format('SELECT journey_retry(%L)', :'id')) AS retry, error_of('SELECT * FROM journey.delivery') AS delivery;
RESET ROLE;
GRANT EXECUTE ON FUNCTION journey_cancel(uuid), journey_retry(uuid) TO regress_sender;
SET LOCAL ROLE regress_sender;
SELECT error_of(format('SELECT journey_cancel(%L)', :'id')) AS cancel, error_of(format('SELECT journey_retry(%L)', :'id')) AS retry;
RESET ROLE;
SET LOCAL ROLE regress_operator;
SELECT journey_cancel(:'id'), journey_retry(:'id');
SELECT destination, pending FROM journey.delivery;
RESET ROLE;
ROLLBACK;
