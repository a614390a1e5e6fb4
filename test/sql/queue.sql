-- Events that a worker looks at later: journey_enqueue.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
CALL draw('queued', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "a"}]},
    "one": {"type": "wait", "for": "1 hour"},
    "two": {"type": "wait"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "one"},
    {"from": "one", "to": "two", "event": "b"},
    {"from": "one", "to": "done"},
    {"from": "two", "to": "done", "event": "c"}
  ]
}$$);
CREATE VIEW queued AS
SELECT customer, event, props, at, dedupe_key FROM journey.queue ORDER BY received_at, id;
CREATE VIEW logged AS
SELECT row_number() OVER (ORDER BY id) AS n, customer, event, props, at FROM journey.event ORDER BY id;
SAVEPOINT clean;

-- Nothing happens until a tick; then the event has the id that was told.
CALL at('10:00');
SELECT journey_enqueue('ann', 'a', '{"n": 1}', dedupe_key => 'k') AS id \gset
TABLE queued;
SELECT id = :id AS id, received_at BETWEEN transaction_timestamp() AND clock_timestamp() AS received FROM journey.queue;
TABLE logged;
TABLE members;
CALL at('10:10');
SELECT journey_tick();
TABLE queued;
SELECT id = :id AS id, at FROM journey.event;
TABLE members;

-- A customer's events in their order, whatever their times; other customers'
-- need not wait.
ROLLBACK TO clean;
CALL at('10:00');
SELECT count(journey_enqueue(customer, event, at => at::timestamptz)) FROM (VALUES
	('ann', 'a', NULL), ('bob', 'b', NULL), ('ann', 'b', NULL), ('bob', 'a', NULL), ('ann', 'c', NULL)) AS v (customer, event, at);
TABLE queued;
SAVEPOINT filled;
SELECT journey_tick();
TABLE logged;
TABLE members;
TABLE moves;
ROLLBACK TO filled;
-- the oldest lane first, up to the limit
SELECT journey_tick(2);
TABLE queued;
SELECT journey_tick(2);
TABLE queued;
SELECT journey_tick(2), journey_tick(2);
TABLE members;

-- One that is to come holds up those behind it, and a tick waits for its time.
ROLLBACK TO clean;
CALL at('10:00');
SELECT count(journey_enqueue('ann', event, at => at::timestamptz)) FROM (VALUES
	('x', '2025-03-04 09:59'), ('a', '2025-03-04 10:04'), ('b', '2025-03-04 10:01'), ('x', '2025-03-04 10:05'),
	('x', '2025-03-04 10:03')) AS v (event, at);
SELECT count(journey_enqueue('bob', 'a'));
SAVEPOINT filled;
SELECT journey_tick();
TABLE queued;
CALL at('10:03');
SELECT journey_tick();
TABLE queued;
CALL at('10:04');
SELECT journey_tick();
TABLE logged;
TABLE members;
ROLLBACK TO filled;
SELECT journey_advance_to('2025-03-04 10:10');
TABLE queued;
TABLE logged;
TABLE members;

-- An event in the queue beats the timer.
ROLLBACK TO clean;
CALL emit('10:00', 'ann', 'a');
CALL emit('10:00', 'bob', 'a');
CALL at('11:00');
SELECT journey_enqueue('ann', 'b') > 0 AS id;
SELECT journey_tick();
TABLE members;

-- The time of the step is the event's; that it comes late, as with an emit.
ROLLBACK TO clean;
CALL at('10:00');
SELECT journey_enqueue('ann', 'a') > 0 AS id;
CALL at('12:00');
SELECT journey_tick();
TABLE members;
SELECT journey_tick();
TABLE moves;

-- Forward by the clock: what is queued comes in between.
ROLLBACK TO clean;
CALL at('10:00');
SELECT journey_enqueue('ann', 'a', at => '2025-03-04 09:30') > 0 AS id;
SELECT journey_enqueue('bob', 'a', at => '2025-03-04 10:05') > 0 AS id;
SELECT journey_advance_to('2025-03-04 12:00');
TABLE moves;
ROLLBACK;

-- Who moves the clock outside a transaction block is warned: that cannot be taken back.
SELECT journey_advance_to('2000-01-01 UTC');
SET journey.now = '2000-01-01 UTC';
SELECT journey_advance_to('2000-01-02 UTC');
RESET journey.now;
BEGIN;
SELECT journey_advance_to('2000-01-01 UTC');
ROLLBACK;
