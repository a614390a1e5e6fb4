-- The states of a journey: pause, resume, complete, stop (DESIGN rules 8 to 10).
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
\pset null -
CREATE FUNCTION kyc(on_resume text DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $_$
SELECT jsonb_strip_nulls(jsonb_build_object('on_resume', on_resume)) || $${
  "goal": {"event": "paid"},
  "exit": [{"event": "gone", "outcome": "left"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go"}]},
    "hold": {"type": "wait", "for": "24 hours", "reset": [{"event": "again"}]},
    "nudge": {"type": "action", "destination": "mail"},
    "rest": {"type": "wait"},
    "verified": {"type": "exit"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "verified", "event": "known"},
    {"from": "hold", "to": "nudge"},
    {"from": "nudge", "to": "rest"},
    {"from": "rest", "to": "done", "event": "end"}
  ]
}$$::jsonb
$_$;
CREATE VIEW pauses AS
SELECT j.name, p.number, p.paused_at, p.resumed_at
  FROM journey.pause p JOIN journey.journey j ON j.id = p.journey ORDER BY 1, 2;
CREATE VIEW states AS
SELECT name, state, version, stopped, sweep_after IS NOT NULL AS sweep FROM journey.journey ORDER BY 1;
SAVEPOINT clean;

-- ---- states: from where each verb goes, and what the others say ----
SELECT journey_create('kyc', kyc());
SELECT verb, error_of(format('SELECT journey_%s(%L)', verb, 'kyc'))
  FROM unnest('{pause,resume,complete,stop}'::text[]) verb;
SELECT journey_activate('kyc');
SELECT error_of($$SELECT journey_resume('kyc')$$);
CALL at('08:00');
SELECT journey_pause('kyc');
TABLE states;
TABLE pauses;
SELECT error_of($$SELECT journey_pause('kyc')$$);
CALL at('09:00');
SELECT journey_resume('kyc');
TABLE states;
TABLE pauses;
SELECT journey_pause('kyc');
SAVEPOINT paused;
SELECT journey_complete('kyc');
TABLE states;
TABLE pauses;
SELECT verb, error_of(format('SELECT journey_%s(%L)', verb, 'kyc'))
  FROM unnest('{pause,resume,complete}'::text[]) verb;
-- a completed one can be stopped, a stopped one too
SELECT journey_stop('kyc');
TABLE states;
SELECT journey_stop('kyc');
TABLE states;
ROLLBACK TO paused;
-- a clock that went back does not make a pause of negative length
CALL at('08:30');
SELECT journey_resume('kyc');
TABLE pauses;
SELECT journey_stop('kyc');
TABLE states;
ROLLBACK TO clean;

-- ---- arguments and rights ----
SELECT verb, error_of(format('SELECT journey_%s(NULL)', verb)) AS none,
	   error_of(format('SELECT journey_%s(%L)', verb, '')) AS empty
  FROM unnest('{pause,resume,complete,stop}'::text[]) verb;
CALL draw('kyc', kyc());
SELECT verb, error_of(format('SELECT journey_%s(%L)', verb, 'kyk'))
  FROM unnest('{pause,resume,complete,stop}'::text[]) verb;
CREATE ROLE regress_other;
CREATE ROLE regress_operator;
SELECT journey_grant('regress_other', 'author');
SELECT journey_grant('regress_operator', 'operate');
GRANT USAGE, CREATE ON SCHEMA public TO regress_other, regress_operator;
SET LOCAL ROLE regress_other;
SELECT verb, error_of(format('SELECT journey_%s(%L)', verb, 'kyc'))
  FROM unnest('{pause,resume,complete,stop}'::text[]) verb;
SET LOCAL ROLE regress_operator;
SELECT journey_pause('kyc');
SELECT journey_resume('kyc');
SELECT journey_stop('kyc');
RESET ROLE;
SET TRANSACTION READ ONLY;
SELECT journey_pause('kyc');
ROLLBACK TO clean;

-- ---- completed: nobody enters, members finish ----
CALL draw('kyc', kyc());
CALL emit('10:00', 'ann', 'go');
CALL emit('10:00', 'bob', 'go');
SELECT journey_complete('kyc');
CALL emit('10:10', 'cy', 'go');
SELECT journey_enter('kyc', 'cy') IS NULL AS refused;
CALL emit('10:20', 'ann', 'known');
CALL advance('2025-03-05 12:00');
TABLE members;
TABLE acts;
SELECT state, active, entered, exited FROM journey.status;
CALL emit('2025-03-05 13:00', 'bob', 'end');
TABLE members;
ROLLBACK TO clean;

-- ---- stopped: everybody exits, in whatever state, and nothing is sent ----
CALL draw('kyc', kyc());
CALL draw('other', kyc());
SELECT journey_create('way', $${
  "tiles": {"start": {"type": "entry", "on": [{"event": "go"}]}, "hold": {"type": "wait"}, "far": {"type": "wait"},
			"bad": {"type": "wait", "for": "(context->>'for')::interval"}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "far", "event": "away", "wait": "1 hour"},
			{"from": "hold", "to": "bad", "event": "fail"}, {"from": "bad", "to": "done"},
			{"from": "far", "to": "done", "event": "end"}]
}$$);
SELECT journey_activate('way');
CALL emit('10:00', 'ann', 'go');
CALL emit('10:00', 'bob', 'go');
CALL emit('10:00', 'cy', 'go', '{"for": "soon"}');
CALL advance('2025-03-05 10:00');
CALL emit('2025-03-05 11:00', 'dan', 'go');
CALL emit('2025-03-05 11:00', 'ann', 'away');
CALL emit('2025-03-05 11:00', 'cy', 'fail');
TABLE members;
SELECT count(*) FROM journey_claim('mail', 1);
SELECT journey, state, count(*) FROM journey.action GROUP BY 1, 2 ORDER BY 1, 2;
SAVEPOINT inside;
CALL at('2025-03-05 12:00');
SELECT journey_stop('kyc');
SELECT journey_stop('way');
TABLE members;
SELECT customer, reason, from_tile, to_tile, at FROM moves WHERE reason = 'stopped' ORDER BY journey, customer;
-- what is in flight is with the consumer already
SELECT journey, state, next_attempt_at IS NULL AS never, count(*) FROM journey.action GROUP BY 1, 2, 3 ORDER BY 1, 2;
SELECT journey, state, active, entered, exited, failed FROM journey.status ORDER BY 1;
SELECT journey, tile, entered, inside, departed FROM journey.tile_stats WHERE entered > 0 ORDER BY 1, 2;
-- a goal counts after that too
CALL emit('2025-03-05 12:10', 'ann', 'paid');
SELECT journey, customer, goal FROM members WHERE goal;
CALL emit('2025-03-05 12:20', 'ann', 'go');
SELECT count(*) FROM journey.member WHERE journey = 'kyc';
ROLLBACK TO inside;
-- out of a pause: what came meanwhile moves nobody any more
CALL at('2025-03-05 12:00');
SELECT journey_pause('kyc');
CALL emit('2025-03-05 12:10', 'dan', 'known');
CALL at('2025-03-05 12:20');
SELECT journey_stop('kyc');
SELECT tile, state, outcome FROM members WHERE customer = 'dan' AND journey = 'kyc';
TABLE pauses;
SELECT count(*) FROM journey.held;
ROLLBACK TO clean;

-- ---- a pause: nobody enters, nobody moves, nothing is claimed; goals count at once ----
CALL draw('kyc', kyc());
CALL emit('00:00', 'ann', 'go');
CALL emit('00:00', 'bob', 'go');
CALL advance('2025-03-05 01:00');
CALL emit('2025-03-05 01:00', 'cy', 'go');
CALL emit('2025-03-05 01:00', 'dan', 'go');
SELECT journey_pause('kyc');
CALL emit('2025-03-05 02:00', 'eve', 'go');
SELECT journey_enter('kyc', 'eve') IS NULL AS refused;
CALL emit('2025-03-05 02:00', 'ann', 'end');
CALL emit('2025-03-05 03:00', 'cy', 'paid');
CALL emit('2025-03-05 04:00', 'cy', 'gone');
CALL advance('2025-03-06 12:00');
TABLE members;
SELECT count(*) FROM journey_claim('mail', 10);
-- by hand one can leave, and be moved
SELECT journey_exit('kyc', 'bob', 'bye');
SELECT journey_move('kyc', 'dan', 'rest');
SELECT customer, tile, state, outcome FROM members;
-- what came meanwhile comes before the timers that are overdue
SELECT journey_resume('kyc');
SELECT count(*) > 0 AS waits FROM journey.held;
SELECT journey_tick() >= 0 AS ticked;
SELECT journey_tick() >= 0 AS ticked;
TABLE members;
SELECT customer, seq, from_tile, to_tile, reason, event, due_at, at FROM moves WHERE at > moment('2025-03-05 01:00');
SELECT count(*) FROM journey.held;
SELECT count(*) > 0 AS some FROM journey_claim('mail', 10);
ROLLBACK TO clean;

-- ---- the policies, for those whom nothing has moved: paused at 20 h, resumed at 30 h, touched at 31 h ----
SELECT journey_create(policy, kyc(policy)), journey_activate(policy) FROM unnest('{keep,shift,restart}'::text[]) policy;
CALL emit('2025-03-04 00:00', 'ann', 'go');
CALL emit('2025-03-04 00:00', 'bob', 'go');
CALL advance('2025-03-04 20:00');
SELECT journey_pause(policy) FROM unnest('{keep,shift,restart}'::text[]) policy;
CALL advance('2025-03-05 04:00');
-- two events for bob, in order: the second is not an event of the tile to which the first leads
CALL emit('2025-03-05 04:00', 'bob', 'again');
CALL emit('2025-03-05 05:00', 'bob', 'known');
CALL advance('2025-03-05 06:00');
SELECT journey_resume(policy) FROM unnest('{keep,shift,restart}'::text[]) policy;
CALL at('2025-03-05 07:00');
-- the next emit is a touch, the worker's round another
CALL emit('2025-03-05 07:00', 'ann', 'paid');
TABLE members;
SELECT journey_tick() >= 0 AS ticked;
TABLE members;
SELECT journey, seq, from_tile, to_tile, reason, event, at FROM moves WHERE customer = 'bob' AND seq > 1;
ROLLBACK TO clean;
SELECT journey_create(policy, kyc(policy)), journey_activate(policy) FROM unnest('{keep,shift,restart}'::text[]) policy;
CALL emit('2025-03-04 00:00', 'ann', 'go');
CALL at('2025-03-04 20:00');
SELECT journey_pause(policy) FROM unnest('{keep,shift,restart}'::text[]) policy;
CALL at('2025-03-05 06:00');
SELECT journey_resume(policy) FROM unnest('{keep,shift,restart}'::text[]) policy;
CALL advance('2025-03-08 00:00');
SELECT journey, tile, created_at FROM acts ORDER BY journey;
SELECT journey, tile, state FROM members;
-- a second pause, and one that nobody was in
SELECT journey_pause('keep'), journey_resume('keep');
CALL emit('2025-03-08 01:00', 'ann', 'end');
CALL emit('2025-03-08 02:00', 'ann', 'go');
SELECT journey, tile, state, arrived_at, due_at FROM members WHERE state <> 'exited';
ROLLBACK TO clean;

-- ---- who has only caught up counts as moved, so that a loop over the tick goes on ----
CALL draw('kyc', kyc());
CALL emit('09:00', 'ann', 'go');
CALL at('10:00');
SELECT journey_pause('kyc');
CALL emit('10:30', 'ann', 'again');
CALL at('11:00');
SELECT journey_resume('kyc');
SAVEPOINT resumed;
SELECT journey_tick() AS moved;
SELECT tile, state, arrived_at, due_at FROM members;
SELECT journey_tick() AS moved;
ROLLBACK TO resumed;
-- caught up, and a day after the resume her wait is over
SELECT journey_advance_to('2025-03-05 11:00') AS moved;
SELECT tile, state, arrived_at, due_at FROM members;
ROLLBACK TO clean;

-- ---- what came meanwhile, but is of the time before the member, is not for it ----
CALL draw('kyc', kyc());
CALL emit('10:00', 'ann', 'go');
CALL at('10:05');
SELECT journey_pause('kyc');
CALL at('10:06');
SELECT journey_emit('ann', 'known', at => moment('09:59:59')) > 0 AS id;
SELECT count(*) FROM journey.held;
SAVEPOINT before;
CALL at('10:10');
SELECT journey_resume('kyc');
SELECT journey_tick();
SELECT tile, state FROM members;
ROLLBACK TO before;
SELECT journey_emit('ann', 'known', at => moment('10:00')) > 0 AS id;
SELECT event, at FROM journey.held;
CALL at('10:10');
SELECT journey_resume('kyc');
SELECT journey_tick();
SELECT tile, state FROM members;
ROLLBACK TO clean;

-- ---- a backlog: each event has the limits of an emit to itself ----
CALL draw('tally', $${
  "tiles": {"start": {"type": "entry", "on": [{"event": "go"}]}, "hold": {"type": "wait"},
			"set": {"type": "update_profile", "set": {"n": "{{ visits }}"}}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "set", "event": "one"}, {"from": "set", "to": "hold"},
			{"from": "hold", "to": "done", "event": "end"}]
}$$);
CALL draw('log', $${
  "tiles": {"start": {"type": "entry", "on": [{"event": "$profile_changed", "condition": "false"}]}, "hold": {"type": "wait"}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done", "event": "never"}]
}$$);
SHOW journey.max_steps;
CALL emit('10:00', 'ann', 'go');
SELECT journey_pause('tally');
CALL at('10:10');
SELECT count(journey_emit('ann', 'one')) FROM generate_series(1, 150);
CALL at('10:20');
SELECT journey_resume('tally');
SELECT journey_tick() AS moved;
SELECT traits FROM journey.customer WHERE customer = 'ann';
SELECT count(*) FROM journey.event WHERE event = '$profile_changed';
SELECT count(*) FROM journey.held;
TABLE failures;
ROLLBACK TO clean;

-- ---- a goal after the exit counts where the same emit first catches up with another journey's pause ----
CALL draw('short', '{"goal": {"event": "a"}, "tiles": {"start": {"type": "entry", "on": [{"event": "a"}]}, "done": {"type": "exit"}},
	"edges": [{"from": "start", "to": "done"}]}');
CALL draw('shifts', '{"on_resume": "shift", "tiles": {"start": {"type": "entry", "on": [{"event": "b"}]}, "hold": {"type": "wait", "for": "1 day"}, "done": {"type": "exit"}},
	"edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done"}]}');
CALL emit('10:00', 'ann', 'a');
CALL emit('10:01', 'ann', 'b');
CALL at('10:02');
SELECT journey_pause('shifts');
CALL at('10:12');
SELECT journey_resume('shifts');
CALL emit('10:20', 'ann', 'a');
SELECT journey, tile, state, entered_at, due_at, converted_at FROM journey.member ORDER BY journey, entered_at;
ROLLBACK;
