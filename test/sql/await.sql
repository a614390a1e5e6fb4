-- Tiles that await the result of what they send: outcome, response, and the edge on: error.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
CREATE VIEW sends AS
SELECT customer, tile, payload, state, attempts, next_attempt_at, last_error, response
  FROM journey.action ORDER BY created_at, customer, tile;
CREATE VIEW awaiting AS
SELECT m.customer, m.key, m.tile, m.state, m.due_at, r.awaits = a.id AS awaits, r.result, m.outcome
  FROM journey.member m JOIN journey.member_row r ON r.id = m.id AND r.customer = m.customer
  LEFT JOIN journey.action a ON a.member = m.id AND a.tile = m.tile
 ORDER BY m.customer, m.key, m.entered_at;
-- What a consumer answers for a customer's action.
CREATE FUNCTION ack(customer text, response jsonb DEFAULT NULL) RETURNS bool LANGUAGE sql AS
$$ SELECT journey_ack(id, $2) FROM journey.action a WHERE a.customer = $1 AND state = 'in_flight' $$;
CREATE FUNCTION nack(customer text, error text) RETURNS bool LANGUAGE sql AS
$$ SELECT journey_nack(id, $2) FROM journey.action a WHERE a.customer = $1 AND state = 'in_flight' $$;
CREATE PROCEDURE claim(moment text, lease interval DEFAULT '1 minute') LANGUAGE sql AS
$$ CALL at(moment); SELECT journey_claim('mail', 100, lease) $$;
CALL draw('ask', $${
  "key": "props->>'k'",
  "exit": [{"event": "quit", "outcome": "quit"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "X"}]},
    "send": {"type": "action", "destination": "mail", "payload": {"k": "{{ key }}"}, "retry": {"max": 2}, "expires": "1 hour"},
    "seen": {"type": "update_profile", "set": {"outcome": "{{ outcome }}", "response": "{{ response }}", "sent": "{{ response->>'id' }}"}},
    "late": {"type": "exit"},
    "failed": {"type": "exit", "outcome": "failed"},
    "clicked": {"type": "exit"},
    "good": {"type": "exit"},
    "other": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "send"},
    {"from": "send", "to": "late", "on": "error", "condition": "outcome = 'expired'"},
    {"from": "send", "to": "failed", "on": "error", "condition": "key IS DISTINCT FROM 'careless'"},
    {"from": "send", "to": "clicked", "event": "click"},
    {"from": "send", "to": "seen"},
    {"from": "seen", "to": "good", "condition": "(response->>'code')::int = 250"},
    {"from": "seen", "to": "other"}
  ]
}$$);
CALL emit('10:00', 'ann', 'X', '{"k": ""}');
SAVEPOINT sent;

-- The member stays; an edge on: error makes a tile await.
TABLE awaiting;
TABLE moves;
CALL claim('10:01');
CALL at('10:02');
SELECT ack('ann', '{"code": 250, "id": "m1"}');
TABLE awaiting;
SELECT traits FROM journey.customer;
TABLE moves;
TABLE sends;
SELECT journey_ack(id), journey_nack(id) FROM journey.action;
TABLE failures;
-- without a response, and with one that is no object
ROLLBACK TO sent;
CALL claim('10:01');
SELECT ack('ann');
SELECT state, outcome, traits FROM awaiting JOIN journey.customer USING (customer);
ROLLBACK TO sent;
CALL claim('10:01');
SELECT ack('ann', '"accepted"');
SELECT state, outcome, result, traits FROM awaiting JOIN journey.customer USING (customer);

-- by a consumer that may do nothing but answer
ROLLBACK TO sent;
CREATE ROLE regress_consumer;
SELECT journey_grant('regress_consumer', 'author', 'mail');
CALL claim('10:01');
SELECT id FROM journey.action \gset
SET LOCAL ROLE regress_consumer;
SELECT journey_ack(:'id', '{"code": 250}');
RESET ROLE;
SELECT tile, state, outcome FROM awaiting;

-- Nothing happens while attempts are left; the last failure takes the edge on: error.
ROLLBACK TO sent;
CALL claim('10:01');
SELECT nack('ann', 'try later');
TABLE awaiting;
CALL claim('10:05');
CALL at('10:06');
SELECT nack('ann', 'no such mailbox');
TABLE awaiting;
TABLE sends;
TABLE moves;
-- its condition is asked; where none holds the member goes on as if it were ready
ROLLBACK TO sent;
CALL emit('10:01', 'bob', 'X', '{"k": "careless"}');
CALL claim('10:01');
SELECT nack('bob', 'no');
CALL claim('10:05');
SELECT nack('bob', 'never');
SELECT customer, key, tile, state, result, outcome FROM awaiting WHERE customer = 'bob';
SELECT traits FROM journey.customer;

-- What nobody answers for dies with its last lease, and the claim tells the member.
ROLLBACK TO sent;
CALL claim('10:01');
CALL claim('10:03');
CALL claim('10:05');
TABLE awaiting;
TABLE sends;

-- Expired: by the member's timer, unless it is in flight; then when the lease has passed.
ROLLBACK TO sent;
CALL advance('10:59:59.999');
SELECT customer, tile, due_at FROM awaiting;
CALL advance('11:00');
TABLE awaiting;
TABLE sends;
TABLE moves;
SELECT count(*) FROM journey_claim('mail');
ROLLBACK TO sent;
CALL claim('10:50', '30 minutes');
CALL advance('11:00');
TABLE awaiting;
CALL advance('11:19');
SELECT ack('ann', '{"code": 250}') AS delivered_after_all;
SELECT tile, state, outcome FROM awaiting;
ROLLBACK TO sent;
CALL claim('10:50', '30 minutes');
CALL advance('11:20');
TABLE awaiting;
TABLE sends;
SELECT ack('ann') AS too_late;
-- by a claim that comes upon it before
ROLLBACK TO sent;
CALL claim('11:00');
TABLE awaiting;
TABLE sends;
CALL advance('12:00');
TABLE moves;

-- An event edge takes the member away: what comes of the action moves nobody.
ROLLBACK TO sent;
CALL claim('10:01');
CALL emit('10:02', 'ann', 'click');
SELECT ack('ann', '{"code": 250}');
TABLE awaiting;
TABLE sends;
TABLE moves;
SELECT count(*) FROM journey.customer;
-- nor one that has quit, and nobody is told that it expired
ROLLBACK TO sent;
CALL emit('10:01', 'ann', 'quit');
CALL emit('10:01', 'ann', 'X', '{"k": ""}');
CALL claim('10:02');
SELECT journey_ack(a.id, '1') FROM journey.action a JOIN journey.member m ON m.id = a.member WHERE m.state = 'exited';
TABLE awaiting;
SELECT journey_ack(a.id, '{"code": 250}') FROM journey.action a JOIN journey.member m ON m.id = a.member WHERE m.state = 'active';
TABLE awaiting;
-- each member its own
ROLLBACK TO sent;
CALL emit('10:00', 'ann', 'X', '{"k": "b"}');
CALL claim('10:01');
SELECT journey_ack(id, '{"code": 250}') FROM journey.action WHERE payload->>'k' = 'b';
SELECT key, tile, state, awaits, outcome FROM awaiting;

-- A rolled back savepoint takes back the answer and what it moved.
ROLLBACK TO sent;
CALL claim('10:01');
SAVEPOINT answer;
SELECT ack('ann', '{"code": 250}');
SELECT tile, state, outcome FROM awaiting;
ROLLBACK TO answer;
TABLE awaiting;
TABLE moves;
SELECT ack('ann', '{"code": 550}');
SELECT tile, state, outcome FROM awaiting;

-- While the journey is paused the result waits for it.
ROLLBACK TO sent;
CALL claim('10:01');
CALL at('10:02');
SELECT journey_pause('ask');
CALL at('10:03');
SELECT ack('ann', '{"code": 250}');
CALL advance('10:30');
SELECT tile, state, awaits, result, outcome FROM awaiting;
SELECT state, delivered_at FROM journey.action;
SELECT journey_resume('ask');
CALL advance('10:40');
SELECT tile, state, result, outcome FROM awaiting;
SELECT from_tile, to_tile, reason, at FROM moves;
-- a bad one too
ROLLBACK TO sent;
CALL claim('10:01');
SELECT nack('ann', 'no');
CALL claim('10:05');
SELECT journey_pause('ask');
SELECT nack('ann', 'never');
SELECT tile, state, result FROM awaiting;
CALL at('10:20');
SELECT journey_resume('ask');
CALL advance('10:40');
SELECT tile, state, result, outcome FROM awaiting;
-- nothing expires during the pause
ROLLBACK TO sent;
CALL at('10:10');
SELECT journey_pause('ask');
CALL advance('12:00');
SELECT count(*) FROM journey_claim('mail');
SELECT tile, state, awaits FROM awaiting;
CALL at('13:00');
SELECT journey_resume('ask');
CALL advance('13:00');
SELECT tile, state, outcome FROM awaiting;
SELECT from_tile, to_tile, reason, due_at, at FROM moves;

-- Awaiting without an edge for errors; a tile that does not await leaves outcome alone.
ROLLBACK TO sent;
CALL draw('said', $${
  "cap": {"tag": "promo", "max": 1, "per": "1 day"},
  "max_duration": "3 hours",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "Y"}]},
    "send": {"type": "action", "destination": "mail", "tags": ["promo"], "await": true, "retry": {"max": 1}},
    "also": {"type": "action", "destination": "mail", "payload": {"was": "{{ outcome }}", "response": "{{ response }}"}},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "send"},
    {"from": "send", "to": "also", "wait": "10 minutes"},
    {"from": "also", "to": "done"}
  ]
}$$);
DELETE FROM journey.action;
CALL emit('10:00', 'bob', 'Y');
CALL claim('10:01');
SELECT nack('bob', 'no');
SELECT tile, state, due_at, awaits, result FROM awaiting WHERE customer = 'bob';
CALL advance('11:00');
SELECT tile, state, outcome FROM awaiting WHERE customer = 'bob';
-- nothing is sent, so nothing is awaited
CALL emit('11:00', 'bob', 'Y');
SELECT tile, state, due_at, result FROM awaiting WHERE customer = 'bob' AND state = 'active';
CALL advance('11:10');
SELECT tile, payload, state, next_attempt_at FROM sends;
-- and max_duration ends a stay that nobody answers
CALL emit('11:10', 'cy', 'Y');
SELECT tile, state, due_at FROM awaiting WHERE customer = 'cy';
CALL claim('11:20', '1 day');
CALL advance('14:10');
SELECT tile, state, outcome FROM awaiting WHERE customer = 'cy';
SELECT ack('cy');
SELECT tile, state, outcome FROM awaiting WHERE customer = 'cy';

-- $action_delivered and $action_failed, where a journey names them.
ROLLBACK TO sent;
SAVEPOINT deaf;
CALL claim('10:01');
SELECT ack('ann');
SELECT count(*) FROM journey.event WHERE event LIKE '$%';
ROLLBACK TO deaf;
CALL draw('listener', $${
  "key": "(props->>'key') || '/' || (props->>'tile')",
  "entry_rules": {"on_active": "restart"},
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "$action_delivered"}, {"event": "$action_failed", "condition": "props->>'journey' <> 'listener'"}]},
    "note": {"type": "action", "destination": "mail", "payload": {"event": "{{ event }}", "props": "{{ props }}"}},
    "hold": {"type": "wait"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "note"}, {"from": "note", "to": "hold"}, {"from": "hold", "to": "done", "event": "end"}]
}$$);
CREATE VIEW heard AS
SELECT e.customer, e.event, e.props, e.at FROM journey.event e WHERE e.event LIKE '$%' ORDER BY e.at, e.id;
SAVEPOINT heard;
CALL claim('10:01');
CALL at('10:02');
SELECT ack('ann', '{"code": 250}');
TABLE heard;
TABLE moves;
SELECT tile, payload->'event' AS event, state FROM sends;
-- a failure, after which the member is on its way over on: error
ROLLBACK TO heard;
CALL claim('10:01');
SELECT nack('ann', 'no');
SELECT count(*) FROM heard;
CALL claim('10:05');
SELECT nack('ann', 'never');
TABLE heard;
SELECT journey, customer, key, tile, state, outcome FROM members;
-- it expired: by the timer, or by the claim, and where nobody awaits it
ROLLBACK TO heard;
CALL advance('11:00');
TABLE heard;
SELECT journey, customer, key, tile, state, outcome FROM members;
ROLLBACK TO heard;
CALL claim('11:30');
TABLE heard;
SELECT journey, customer, key, tile, state, outcome FROM members;
CALL advance('12:00');
SELECT count(*) FROM heard;
ROLLBACK TO heard;
CALL emit('10:01', 'ann', 'click');
CALL claim('11:30');
TABLE heard;
-- lost by its consumers
ROLLBACK TO heard;
CALL claim('10:01');
CALL claim('10:03');
CALL claim('10:05');
TABLE heard;
SELECT journey, customer, key, tile, state, outcome FROM members;
-- of a member that is gone altogether nobody hears
ROLLBACK TO heard;
CALL claim('10:01');
DELETE FROM journey.member_row;
SELECT ack('ann');
TABLE heard;
SELECT state FROM sends;
ROLLBACK;
