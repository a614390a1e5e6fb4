-- Members out of their course: journey_move and journey_retry_member.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
\pset null -

SELECT journey_create('cart', $${
  "key": "coalesce(props->>'cart', '')",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go"}]},
    "hold": {"type": "wait", "for": "1 hour"},
    "mail": {"type": "action", "destination": "mail", "payload": {"visits": "{{ visits }}"}},
    "parse": {"type": "wait", "for": "(traits->>'for')::interval"},
    "choose": {"type": "branch"},
    "rest": {"type": "wait"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "rest", "event": "away", "wait": "1 hour"},
    {"from": "hold", "to": "parse", "event": "fail"},
    {"from": "hold", "to": "choose", "event": "choose"},
    {"from": "hold", "to": "mail"},
    {"from": "mail", "to": "rest"},
    {"from": "parse", "to": "done"},
    {"from": "choose", "to": "done", "condition": "(traits->>'score')::int > 5"},
    {"from": "choose", "to": "mail", "condition": "(traits->>'score')::int > 2"},
    {"from": "rest", "to": "done", "event": "end"}
  ]
}$$);
SELECT error_of($$SELECT journey_move('cart', 'ann', 'rest')$$);
SELECT error_of($$SELECT journey_retry_member('cart', 'ann')$$);
SELECT journey_activate('cart');
CALL emit('10:00', 'ann', 'go');
CALL emit('10:00', 'bob', 'go', '{"cart": "A"}');
CALL emit('10:00', 'bob', 'go', '{"cart": "B"}');
CALL emit('10:00', 'cy', 'go');
CALL emit('10:00', 'dan', 'go');
CALL emit('10:10', 'cy', 'away');
CALL emit('10:10', 'dan', 'fail');
TABLE members;
SAVEPOINT clean;

-- ---- move: what is wrong ----
SELECT error_of($$SELECT journey_move('card', 'ann', 'rest')$$);
SELECT error_of($$SELECT journey_move('cart', 'eve', 'rest')$$);
SELECT error_of($$SELECT journey_move('cart', 'ann', 'rest', 'A')$$);
SELECT error_of($$SELECT journey_move('cart', 'bob', 'rest')$$);
SELECT error_of($$SELECT journey_move('cart', 'ann', 'Rest')$$);
SELECT error_of($$SELECT journey_move('cart', 'ann', 'nowhere at all')$$);
SELECT error_of($$SELECT journey_move('cart', 'ann', 'start')$$);
SELECT error_of($$SELECT journey_move(NULL, 'ann', 'rest')$$);
SELECT error_of($$SELECT journey_move('cart', NULL, 'rest')$$);
SELECT error_of($$SELECT journey_move('cart', 'ann', NULL)$$);
SELECT error_of($$SELECT journey_move('cart', '', 'rest')$$);
SELECT error_of($$SELECT journey_move('cart', 'ann', '')$$);
CREATE ROLE regress_other;
SELECT journey_grant('regress_other', 'author');
GRANT USAGE, CREATE ON SCHEMA public TO regress_other;
SET LOCAL ROLE regress_other;
SELECT error_of($$SELECT journey_move('cart', 'ann', 'rest')$$);
SELECT error_of($$SELECT journey_retry_member('cart', 'dan')$$);
RESET ROLE;
-- nothing has happened
SELECT count(*) FROM moves WHERE reason IN ('manual', 'retried');
ROLLBACK TO clean;

-- ---- move: to a wait, an action, an exit, its own tile; the timer goes with it ----
CALL at('10:20');
SELECT journey_move('cart', 'ann', 'rest');
SELECT journey_move('cart', 'bob', 'mail', 'A');
SELECT journey_move('cart', 'bob', 'done', 'B');
TABLE members;
SELECT customer, seq, from_tile, to_tile, edge, reason, at FROM moves WHERE at >= moment('10:20');
TABLE acts;
CALL at('10:30');
SELECT journey_move('cart', 'ann', 'hold');
SELECT tile, state, arrived_at, due_at FROM members WHERE customer = 'ann';
CALL at('10:40');
SELECT journey_move('cart', 'ann', 'hold');
SELECT tile, state, arrived_at, due_at FROM members WHERE customer = 'ann';
-- each is an arrival, onto its own tile too
SELECT journey_move('cart', 'ann', 'mail');
SELECT journey_move('cart', 'ann', 'mail');
SELECT payload FROM acts WHERE customer = 'ann' ORDER BY payload;
-- on the way, and failed
SELECT journey_move('cart', 'cy', 'mail');
SELECT journey_move('cart', 'dan', 'hold');
TABLE members;
SELECT tile, entered, inside, departed FROM journey.tile_stats ORDER BY tile;
-- the one that is done is not inside any more
SELECT error_of($$SELECT journey_move('cart', 'bob', 'rest', 'B')$$);
SELECT journey_move('cart', 'bob', 'rest');
SELECT key, tile FROM members WHERE customer = 'bob';
-- an exit by its own tile
SELECT journey_move('cart', 'dan', 'done');
SELECT tile, state, outcome, due_at FROM members WHERE customer = 'dan';
-- onto a tile that errs: it fails there, nobody is told
SELECT journey_move('cart', 'ann', 'parse');
SELECT tile, state FROM members WHERE customer = 'ann';
TABLE failures;
ROLLBACK TO clean;

-- ---- move: a completed journey, a paused one ----
CALL at('10:20');
SELECT journey_pause('cart');
SELECT journey_move('cart', 'ann', 'rest');
SELECT journey_resume('cart');
SELECT journey_complete('cart');
SELECT journey_move('cart', 'cy', 'rest');
SELECT customer, tile, state FROM members WHERE customer IN ('ann', 'cy');
SELECT journey_stop('cart');
SELECT error_of($$SELECT journey_move('cart', 'ann', 'rest')$$);
ROLLBACK TO clean;

-- ---- retry: what is wrong ----
SELECT error_of($$SELECT journey_retry_member('cart', 'ann')$$);
SELECT error_of($$SELECT journey_retry_member('cart', 'dan', 'A')$$);
SELECT error_of($$SELECT journey_retry_member('cart', 'eve')$$);
SELECT error_of($$SELECT journey_retry_member('cart', 'dan', NULL)$$);
SELECT error_of($$SELECT journey_retry_member('card', 'dan')$$);

-- ---- retry: the same error, then a good value ----
CALL at('10:20');
SELECT journey_retry_member('cart', 'dan');
SELECT tile, state FROM members WHERE customer = 'dan';
SELECT journey_identify('dan', '{"for": "1 hour"}');
CALL at('10:30');
SELECT journey_retry_member('cart', 'dan');
-- the wait counts from the arrival
SELECT tile, state, arrived_at, due_at FROM members WHERE customer = 'dan';
CALL advance('11:10');
SELECT tile, state, outcome FROM members WHERE customer = 'dan';
SELECT seq, from_tile, to_tile, edge, reason, at FROM moves WHERE customer = 'dan';
SELECT tile, entered, inside, departed, errors FROM journey.tile_stats WHERE tile IN ('parse', 'hold') ORDER BY tile;
TABLE failures;
ROLLBACK TO clean;

-- ---- retry: edges that erred ----
SELECT journey_identify('ann', '{"score": "high"}');
CALL emit('10:20', 'ann', 'choose');
SELECT tile, state FROM members WHERE customer = 'ann';
SELECT journey_identify('ann', '{"score": "3"}');
CALL at('10:30');
SELECT journey_retry_member('cart', 'ann');
SELECT tile, state FROM members WHERE customer = 'ann';
SELECT seq, from_tile, to_tile, edge, reason FROM moves WHERE customer = 'ann';
SELECT error_of($$SELECT journey_retry_member('cart', 'ann')$$);
ROLLBACK TO clean;

-- ---- retry: in a pause nobody moves; after it the tile is asked ----
SELECT journey_identify('dan', '{"for": "15 minutes"}');
CALL at('10:20');
SELECT journey_pause('cart');
SELECT journey_retry_member('cart', 'dan');
SELECT tile, state FROM members WHERE customer = 'dan';
CALL advance('10:30');
SELECT tile, state FROM members WHERE customer = 'dan';
SELECT journey_resume('cart');
SELECT journey_tick() > 0 AS moved;
SELECT tile, state, outcome FROM members WHERE customer = 'dan';
ROLLBACK;
