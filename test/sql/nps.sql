-- A survey after a delivery: S7 of the scenarios, every letter.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
\set expect :abs_srcdir '/expect.sql'
BEGIN;
\set ECHO none
\i :helpers
\i :expect
\set ECHO all
CALL draw('nps', $${
  "key": "props->>'order_id'",
  "entry_rules": {"cooldown": "90 days"},
  "timezone": "traits->>'tz'",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "order_delivered"}]},
    "D": {"type": "wait", "for": "10 days"},
    "T": {"type": "wait", "window": {"from": "10:00", "to": "23:00"}},
    "M1": {"type": "action", "destination": "mail", "payload": {"order": "{{ key }}"}},
    "W1": {"type": "wait", "for": "5 days"},
    "M2": {"type": "action", "destination": "mail"},
    "W2": {"type": "wait", "for": "5 days"},
    "no_response": {"type": "exit"},
    "B": {"type": "branch"},
    "M3": {"type": "action", "destination": "mail", "payload": {"text": "Tell others about order {{ key }}"}},
    "promoter": {"type": "exit"},
    "passive": {"type": "exit"},
    "ticket": {"type": "action", "destination": "mail", "payload": {"order_id": "{{ key }}", "score": "{{ (props->>'score')::int }}"}},
    "mark": {"type": "update_profile", "set": {"detractor": true}},
    "detractor": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "D"},
    {"from": "D", "to": "T"},
    {"from": "T", "to": "M1"},
    {"from": "M1", "to": "W1"},
    {"from": "W1", "to": "B", "event": "nps_submitted", "condition": "props->>'order_id' = key", "since": "entry"},
    {"from": "W1", "to": "M2"},
    {"from": "M2", "to": "W2"},
    {"from": "W2", "to": "B", "event": "nps_submitted", "condition": "props->>'order_id' = key", "since": "entry"},
    {"from": "W2", "to": "no_response"},
    {"from": "B", "to": "M3", "condition": "(props->>'score')::int >= 9"},
    {"from": "B", "to": "passive", "condition": "(props->>'score')::int BETWEEN 7 AND 8"},
    {"from": "B", "to": "ticket", "condition": "(props->>'score')::int <= 6"},
    {"from": "M3", "to": "promoter"},
    {"from": "ticket", "to": "mark"},
    {"from": "mark", "to": "detractor"}
  ]
}$$);
SAVEPOINT drawn;
CALL emit('2025-03-01 12:00', 'ann', 'order_delivered', '{"order_id": "o1"}');
SAVEPOINT delivered;

-- a) nine points on the twelfth day
CALL advance('2025-03-13 12:00');
CALL emit('2025-03-13 12:00', 'ann', 'nps_submitted', '{"order_id": "o2", "score": 1}');
SELECT stands('ann', 'o1 W1 active');
CALL emit('2025-03-13 12:00', 'ann', 'nps_submitted', '{"order_id": "o1", "score": 9}');
CALL advance('2025-04-30 00:00');
SELECT sent('ann', '2025-03-11 12:00 M1
	2025-03-13 12:00 M3');
SELECT stands('ann', 'o1 promoter exited promoter');
SELECT moved('ann', '2025-03-01 12:00 start D entry
	2025-03-11 12:00 D T timer
	2025-03-11 12:00 T M1 step
	2025-03-11 12:00 M1 W1 step
	2025-03-13 12:00 W1 B event
	2025-03-13 12:00 B M3 step
	2025-03-13 12:00 M3 promoter step');
ROLLBACK TO delivered;
-- after the reminder
CALL advance('2025-03-20 12:00');
CALL emit('2025-03-20 12:00', 'ann', 'nps_submitted', '{"order_id": "o1", "score": 10}');
CALL advance('2025-04-30 00:00');
SELECT sent('ann', '2025-03-11 12:00 M1
	2025-03-16 12:00 M2
	2025-03-20 12:00 M3');
ROLLBACK TO delivered;

-- b) six points
CALL advance('2025-03-13 12:00');
CALL emit('2025-03-13 12:00', 'ann', 'nps_submitted', '{"order_id": "o1", "score": 6}');
CALL advance('2025-04-30 00:00');
SELECT sent('ann', '2025-03-11 12:00 M1
	2025-03-13 12:00 ticket');
SELECT payload FROM journey.action WHERE tile = 'ticket';
SELECT traits FROM journey.customer WHERE customer = 'ann';
SELECT stands('ann', 'o1 detractor exited detractor');
ROLLBACK TO delivered;

-- c) eight points on the fourth day, before anybody asked
CALL emit('2025-03-05 12:00', 'ann', 'nps_submitted', '{"order_id": "o1", "score": 8}');
SELECT stands('ann', 'o1 D active');
CALL advance('2025-04-30 00:00');
SELECT sent('ann', '2025-03-11 12:00 M1'), stands('ann', 'o1 passive exited passive');
SELECT moved('ann', '2025-03-01 12:00 start D entry
	2025-03-11 12:00 D T timer
	2025-03-11 12:00 T M1 step
	2025-03-11 12:00 M1 W1 step
	2025-03-11 12:00 W1 B event
	2025-03-11 12:00 B passive step');
-- the step is that of the event
SELECT t.from_tile, e.event, e.at, t.at FROM journey.transition t JOIN journey.event e ON e.id = t.event_id
 WHERE t.from_tile = 'W1';
ROLLBACK TO delivered;

-- d) a second delivery: refused within 90 days, whatever the order; 31 days of March
-- less one, 30 of April, 30 of May
CALL emit('2025-03-20 12:00', 'ann', 'order_delivered', '{"order_id": "o2"}');
CALL advance('2025-05-01 00:00');
CALL emit('2025-05-30 11:59:59', 'ann', 'order_delivered', '{"order_id": "o3"}');
SELECT stands('ann', 'o1 no_response exited no_response');
CALL emit('2025-05-30 12:00', 'ann', 'order_delivered', '{"order_id": "o4"}');
SELECT stands('ann', 'o1 no_response exited no_response
	o4 D active');
-- and that is the customer's alone
CALL emit('2025-05-30 12:00', 'bob', 'order_delivered', '{"order_id": "o5"}');
SELECT stands('bob', 'o5 D active');
ROLLBACK TO drawn;

-- e) due at 02:00 in Bogota, 07:00 UTC: held to 10:00 there, 15:00 UTC
SELECT journey_identify('ann', '{"tz": "America/Bogota"}');
CALL emit('2025-03-01 07:00', 'ann', 'order_delivered', '{"order_id": "o1"}');
CALL advance('2025-04-30 00:00');
SELECT sent('ann', '2025-03-11 15:00 M1
	2025-03-16 15:00 M2');
SELECT stands('ann', 'o1 no_response exited no_response');
SELECT moved('ann', '2025-03-01 07:00 start D entry
	2025-03-11 07:00 D T timer
	2025-03-11 15:00 T M1 timer
	2025-03-11 15:00 M1 W1 step
	2025-03-16 15:00 W1 M2 timer
	2025-03-16 15:00 M2 W2 step
	2025-03-21 15:00 W2 no_response timer');
ROLLBACK TO drawn;
-- the edges of the window: 10:00 is inside, 23:00 is not
CALL at('2025-03-01 00:00');
SELECT count(journey_emit('at-' || h, 'order_delivered', '{"order_id": "o"}', at => at))
  FROM (VALUES ('0959', '2025-02-28 09:59:59+00'::timestamptz), ('1000', '2025-02-28 10:00+00'),
			   ('2259', '2025-02-28 22:59:59+00'), ('2300', '2025-02-28 23:00+00')) AS v (h, at);
CALL advance('2025-03-12 00:00');
SELECT sent('at-0959', '2025-03-10 10:00 M1'), sent('at-1000', '2025-03-10 10:00 M1'),
	   sent('at-2259', '2025-03-10 22:59:59 M1'), sent('at-2300', '2025-03-11 10:00 M1');
ROLLBACK TO drawn;

-- f) no number: all three conditions err, and that is not "no path"
CALL emit('2025-03-01 12:00', 'ann', 'order_delivered', '{"order_id": "o1"}');
SAVEPOINT delivered;
CALL advance('2025-03-13 12:00');
CALL emit('2025-03-13 12:00', 'ann', 'nps_submitted', '{"order_id": "o1", "score": "n/a"}');
CALL advance('2025-04-30 00:00');
SELECT sent('ann', '2025-03-11 12:00 M1'), stands('ann', 'o1 B failed');
SELECT failed('nps B 9 22P02 1
	nps B 10 22P02 1
	nps B 11 22P02 1');
SELECT bool_and(message ~ 'n/a') AS named FROM journey.failure;
ROLLBACK TO delivered;
-- the same on arrival, of an answer that came before the question
CALL emit('2025-03-05 12:00', 'ann', 'nps_submitted', '{"order_id": "o1", "score": "n/a"}');
CALL advance('2025-04-30 00:00');
SELECT sent('ann', '2025-03-11 12:00 M1'), stands('ann', 'o1 B failed');
ROLLBACK;
