-- Taking actions out of the database: journey_claim, journey_ack, journey_nack.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
SELECT journey_destination_create('push', 'pull');
CALL draw('sender', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "send": {"type": "action", "destination": "mail", "payload": {"n": "{{ context->'n' }}"}},
    "other": {"type": "action", "destination": "push", "payload": {"n": "{{ context->'n' }}"}},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "send"}, {"from": "send", "to": "other"}, {"from": "other", "to": "done"}]
}$$);
CREATE VIEW mails AS
SELECT customer, payload->'n' AS n, state, attempts, next_attempt_at, last_error, response, delivered_at
  FROM journey.action WHERE destination = 'mail' ORDER BY created_at;
CALL emit('10:02', 'ann', 'X', '{"n": 2}');
CALL emit('10:01', 'bob', 'X', '{"n": 1}');
CALL emit('10:03', 'cy', 'X', '{"n": 3}');
SAVEPOINT sent;

-- The oldest first, each to one consumer until its lease has passed.
CALL at('10:05');
SELECT journey, tile, customer, destination, payload, tags, state, attempts, next_attempt_at, created_at
  FROM journey_claim('mail', 2, '1 minute') ORDER BY created_at;
SELECT customer, attempts FROM journey_claim('mail');
SELECT customer FROM journey_claim('mail');
TABLE mails;
CALL at('10:05:59.999');
SELECT customer FROM journey_claim('mail');
CALL at('10:06');
SELECT customer, attempts FROM journey_claim('mail', lease => '1 second') ORDER BY created_at;
CALL at('10:10');
SELECT customer, attempts FROM journey_claim('mail') ORDER BY created_at;
-- nothing that is to come
ROLLBACK TO sent;
CALL at('10:01:30');
SELECT customer FROM journey_claim('mail');

-- Ack: delivered, once.
ROLLBACK TO sent;
CALL at('10:05');
SELECT id FROM journey_claim('mail', 1) \gset
SELECT journey_ack(:'id', '{"code": 250}');
TABLE mails;
SELECT journey_ack(:'id'), journey_nack(:'id', 'late');
CALL at('10:30');
SELECT customer FROM journey_claim('mail') ORDER BY created_at;
SELECT journey_ack(id) FROM journey.action WHERE destination = 'mail' ORDER BY created_at;
TABLE mails;
-- what is not in flight
SELECT journey_ack(id), journey_nack(id) FROM journey.action WHERE destination = 'push' AND customer = 'ann';
SELECT journey_ack('00000000-0000-4000-8000-000000000000'), journey_nack('00000000-0000-4000-8000-000000000000');

-- Nack: again after retry_in, or by the schedule, and after ten attempts never.
ROLLBACK TO sent;
CALL at('10:05');
SELECT id FROM journey_claim('mail', 1) \gset
SELECT journey_nack(:'id', 'mailbox full', '10 minutes');
TABLE mails;
-- the others meanwhile
SELECT customer, journey_ack(id) FROM journey_claim('mail') ORDER BY created_at;
SELECT journey_ack(:'id');
CALL at('10:14:59');
SELECT customer FROM journey_claim('mail');
CALL at('10:15');
SELECT customer, attempts, last_error FROM journey_claim('mail');
SELECT journey_nack(:'id', retry_in => '0');
SELECT customer, attempts, last_error FROM journey_claim('mail');
SELECT journey_ack(:'id');
TABLE mails;
ROLLBACK TO sent;
-- the same action fails at all of its attempts, each when it is due
CREATE FUNCTION keep_failing() RETURNS TABLE (attempt int, state text, after interval, jitter bool) LANGUAGE plpgsql AS $$
DECLARE
	next timestamptz := '2025-03-05 00:00';
	now timestamptz;
	action journey.action;
BEGIN
	WHILE next IS NOT NULL LOOP
		now := next;
		CALL at(now::text);
		SELECT * INTO action FROM journey_claim('mail', 1);
		PERFORM journey_nack(action.id, 'attempt ' || action.attempts);
		SELECT a.* INTO action FROM journey.action a WHERE a.id = action.id;
		attempt := action.attempts;
		state := action.state;
		after := least(interval '6 hours', interval '30 seconds' * 2 ^ (attempt - 1));
		jitter := action.next_attempt_at - now BETWEEN after AND after * 1.1;
		next := action.next_attempt_at;
		RETURN NEXT;
	END LOOP;
END
$$;
UPDATE journey.action SET next_attempt_at = NULL WHERE customer <> 'bob';
SELECT attempt, state, CASE WHEN state = 'pending' THEN after END AS after, jitter FROM keep_failing();
SELECT customer, state, attempts, next_attempt_at, last_error FROM mails WHERE customer = 'bob';
CALL at('2026-01-01 00:00');
SELECT customer FROM journey_claim('mail');

-- A stopped journey sends nothing any more: what is in flight then may still be
-- delivered, but does not come back by a nack, nor by its lease's end.
ROLLBACK TO sent;
CALL at('10:05');
SELECT id AS bob FROM journey_claim('mail', 1) \gset
SELECT id AS ann FROM journey_claim('mail', 1) \gset
SELECT id AS cy FROM journey_claim('mail', 1) \gset
SELECT journey_stop('sender');
TABLE mails;
SELECT journey_nack(:'bob', 'mailbox full', '1 minute'), journey_nack(:'bob'), journey_ack(:'cy');
TABLE mails;
CALL at('10:20');
SELECT customer FROM journey_claim('mail');
TABLE mails;
SELECT journey_ack(:'ann');
-- nor does what a transaction that was there before has left
UPDATE journey.action SET state = 'pending', next_attempt_at = moment('10:15') WHERE customer = 'ann';
SELECT destination FROM journey_claim('mail') UNION ALL SELECT destination FROM journey_claim('push');
SELECT destination, state, last_error FROM journey.action WHERE customer = 'ann' ORDER BY 1;
-- published again, the journey sends again
SELECT journey_revise('sender'), journey_activate('sender');
CALL emit('10:25', 'dan', 'X');
SELECT customer FROM journey_claim('mail');
-- where somebody listens
ROLLBACK TO sent;
CALL draw('failures', $${
  "tiles": {"start": {"type": "entry", "on": [{"event": "$action_failed"}]}, "hold": {"type": "wait"}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done", "event": "never"}]
}$$);
CALL at('10:05');
SELECT count(*) FROM journey_claim('mail', 2);
SELECT journey_stop('sender');
SELECT journey_nack(id, 'mailbox full') FROM journey.action WHERE customer = 'bob' AND state = 'in_flight';
CALL at('10:20');
SELECT customer FROM journey_claim('mail');
TABLE mails;
SELECT customer, props FROM journey.event WHERE event = '$action_failed' ORDER BY customer;

-- What they refuse.
ROLLBACK TO sent;
SELECT id FROM journey_claim('mail', 1) \gset
SELECT label, error_of('SELECT ' || replace(call, 'ID', :'id')) AS error FROM (VALUES
	('unknown', $$journey_claim('nosuch')$$),
	('null', $$journey_claim(NULL)$$),
	('none', $$journey_claim('mail', 0)$$),
	('null max', $$journey_claim('mail', NULL)$$),
	('no lease', $$journey_claim('mail', 1, '0')$$),
	('negative lease', $$journey_claim('mail', 1, '-1 minute')$$),
	('null lease', $$journey_claim('mail', 1, NULL)$$),
	('null id', $$journey_ack(NULL)$$),
	('large response', $$journey_ack('ID', jsonb_build_object('a', repeat('x', 65536)))$$),
	('null id', $$journey_nack(NULL)$$),
	('long error', $$journey_nack('ID', repeat('x', 4097))$$),
	('empty error', $$journey_nack('ID', '')$$),
	('negative retry', $$journey_nack('ID', 'x', '-1 minute')$$),
	('taken', $$journey_destination_create('mail', 'pull')$$),
	('no name', $$journey_destination_create('', 'pull')$$),
	('kind', $$journey_destination_create('x', 'pigeon')$$),
	('configuration', $$journey_destination_create('x', 'pull', '{"a": 1}')$$),
	('secret', $$journey_destination_create('x', 'pull', '{}', 'secret')$$)) AS v (label, call);

-- Who may: operators, and authors who were given the destination.
ROLLBACK TO sent;
CREATE ROLE regress_sender;
CREATE ROLE regress_operator;
CREATE ROLE regress_nobody;
SELECT journey_grant('regress_sender', 'author', 'mail'), journey_grant('regress_operator', 'operate');
CALL at('10:05');
SELECT id AS mail FROM journey_claim('mail', 1) \gset
SELECT id AS push FROM journey_claim('push', 1) \gset
GRANT EXECUTE ON FUNCTION error_of(text) TO PUBLIC;
SET LOCAL ROLE regress_sender;
SELECT error_of(format('SELECT journey_ack(%L)', :'mail')) AS mail, error_of(format('SELECT journey_ack(%L)', :'push')) AS push;
SELECT error_of(format('SELECT journey_nack(%L)', :'push')) AS push, error_of($$SELECT journey_claim('push')$$) AS claim,
	   error_of($$SELECT journey_destination_create('mine', 'pull')$$) AS destination;
SELECT customer, state FROM journey_claim('mail') ORDER BY created_at;
RESET ROLE;
SET LOCAL ROLE regress_operator;
SELECT error_of(format('SELECT journey_nack(%L)', :'push')) AS push;
SELECT customer, state FROM journey_claim('push') ORDER BY created_at;
RESET ROLE;
SET LOCAL ROLE regress_nobody;
SELECT error_of($$SELECT journey_claim('mail')$$) AS claim, error_of(format('SELECT journey_ack(%L)', :'mail')) AS ack;
RESET ROLE;
SELECT journey_revoke('regress_sender', 'author', 'mail');
SET LOCAL ROLE regress_sender;
SELECT error_of($$SELECT journey_claim('mail')$$) AS claim;
ROLLBACK;
