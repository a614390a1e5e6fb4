-- Trial expiry: S4 of the scenarios, every letter.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
\set expect :abs_srcdir '/expect.sql'
BEGIN;
\set ECHO none
\i :helpers
\i :expect
\set ECHO all
CALL draw('trial', $${
  "key": "props->>'trial_id'",
  "exit": [
    {"event": "trial_converted", "condition": "props->>'trial_id' = key", "outcome": "converted"},
    {"event": "trial_canceled", "condition": "props->>'trial_id' = key", "outcome": "canceled"}
  ],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "trial_started"}]},
    "T1": {"type": "wait", "until": "(context->>'ends_at')::timestamptz - interval '3 days'",
      "reset": [{"event": "trial_extended", "condition": "props->>'trial_id' = key"}]},
    "M1": {"type": "action", "destination": "mail", "payload": {"ends": "{{ context->>'ends_at' }}"}},
    "T2": {"type": "wait", "until": "(context->>'ends_at')::timestamptz - interval '1 day'",
      "reset": [{"event": "trial_extended", "condition": "props->>'trial_id' = key"}]},
    "M2": {"type": "action", "destination": "mail", "payload": {"ends": "{{ context->>'ends_at' }}"}},
    "T3": {"type": "wait", "until": "(context->>'ends_at')::timestamptz",
      "reset": [{"event": "trial_extended", "condition": "props->>'trial_id' = key"}]},
    "M3": {"type": "action", "destination": "mail"},
    "free": {"type": "update_profile", "set": {"plan": "free"}},
    "D": {"type": "wait", "for": "3 days"},
    "M4": {"type": "action", "destination": "mail"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "T1"},
    {"from": "T1", "to": "T2", "on": "past"},
    {"from": "T1", "to": "M1"},
    {"from": "M1", "to": "T2"},
    {"from": "T2", "to": "T3", "on": "past"},
    {"from": "T2", "to": "M2"},
    {"from": "M2", "to": "T3"},
    {"from": "T3", "to": "M3", "on": "past"},
    {"from": "T3", "to": "M3"},
    {"from": "M3", "to": "free"},
    {"from": "free", "to": "D"},
    {"from": "D", "to": "M4"},
    {"from": "M4", "to": "done"}
  ]
}$$);
SAVEPOINT drawn;

-- a) two weeks of trial, until 15 March 12:00
CALL emit('2025-03-01 12:00', 'ann', 'trial_started', '{"trial_id": "t", "ends_at": "2025-03-15 12:00Z"}');
SELECT stands('ann', 't T1 active');
SELECT due_at = '2025-03-12 12:00' AS three_days_before FROM journey.member;
CALL advance('2025-03-15 11:59:59');
SELECT stands('ann', 't T3 active');
SELECT count(*) FROM journey.customer WHERE traits ? 'plan';
CALL advance('2025-04-30 00:00');
SELECT sent('ann', '2025-03-12 12:00 M1
	2025-03-14 12:00 M2
	2025-03-15 12:00 M3
	2025-03-18 12:00 M4');
SELECT stands('ann', 't done exited done');
SELECT traits FROM journey.customer WHERE customer = 'ann';
SELECT moved('ann', '2025-03-01 12:00 start T1 entry
	2025-03-12 12:00 T1 M1 timer
	2025-03-12 12:00 M1 T2 step
	2025-03-14 12:00 T2 M2 timer
	2025-03-14 12:00 M2 T3 step
	2025-03-15 12:00 T3 M3 timer
	2025-03-15 12:00 M3 free step
	2025-03-15 12:00 free D step
	2025-03-18 12:00 D M4 timer
	2025-03-18 12:00 M4 done step');
ROLLBACK TO drawn;

-- b) converted on 13 March; another trial's event is not this one's
CALL emit('2025-03-01 12:00', 'ann', 'trial_started', '{"trial_id": "t", "ends_at": "2025-03-15 12:00Z"}');
CALL advance('2025-03-13 09:00');
CALL emit('2025-03-13 09:00', 'ann', 'trial_converted', '{"trial_id": "other"}');
SELECT stands('ann', 't T2 active');
CALL emit('2025-03-13 10:00', 'ann', 'trial_converted', '{"trial_id": "t"}');
CALL advance('2025-04-30 00:00');
SELECT sent('ann', '2025-03-12 12:00 M1'), stands('ann', 't T2 exited converted');
ROLLBACK TO drawn;
CALL emit('2025-03-01 12:00', 'ann', 'trial_started', '{"trial_id": "t", "ends_at": "2025-03-15 12:00Z"}');
CALL emit('2025-03-02 12:00', 'ann', 'trial_canceled', '{"trial_id": "t"}');
CALL advance('2025-04-30 00:00');
SELECT sent('ann', ''), stands('ann', 't T1 exited canceled');
ROLLBACK TO drawn;

-- c) a trial of two days: the first moment is past on arrival
CALL emit('2025-03-01 12:00', 'ann', 'trial_started', '{"trial_id": "t", "ends_at": "2025-03-03 12:00Z"}');
SELECT stands('ann', 't T2 active');
CALL advance('2025-04-30 00:00');
SELECT sent('ann', '2025-03-02 12:00 M2
	2025-03-03 12:00 M3
	2025-03-06 12:00 M4');
SELECT moved('ann', '2025-03-01 12:00 start T1 entry
	2025-03-01 12:00 T1 T2 step
	2025-03-02 12:00 T2 M2 timer
	2025-03-02 12:00 M2 T3 step
	2025-03-03 12:00 T3 M3 timer
	2025-03-03 12:00 M3 free step
	2025-03-03 12:00 free D step
	2025-03-06 12:00 D M4 timer
	2025-03-06 12:00 M4 done step');
ROLLBACK TO drawn;
-- of three days to the second: not past, and over
CALL emit('2025-03-01 12:00', 'ann', 'trial_started', '{"trial_id": "t", "ends_at": "2025-03-04 12:00Z"}');
SELECT sent('ann', '2025-03-01 12:00 M1'), stands('ann', 't T2 active');
-- a second less is past
CALL emit('2025-03-01 12:00', 'bob', 'trial_started', '{"trial_id": "t", "ends_at": "2025-03-04 11:59:59Z"}');
SELECT sent('bob', ''), stands('bob', 't T2 active');
-- and one that is over already goes through at once, but for the last three days
CALL emit('2025-03-01 12:00', 'cy', 'trial_started', '{"trial_id": "t", "ends_at": "2025-02-01 12:00Z"}');
SELECT sent('cy', '2025-03-01 12:00 M3'), stands('cy', 't D active');
ROLLBACK TO drawn;

-- d) extended on 13 March to 25 March: the second mail waits, the first is not repeated
CALL emit('2025-03-01 12:00', 'ann', 'trial_started', '{"trial_id": "t", "ends_at": "2025-03-15 12:00Z"}');
CALL advance('2025-03-13 12:00');
CALL emit('2025-03-13 12:00', 'ann', 'trial_extended', '{"trial_id": "t", "ends_at": "2025-03-25 12:00Z"}');
SELECT stands('ann', 't T2 active');
SELECT arrived_at = '2025-03-13 12:00' AS reset, due_at = '2025-03-24 12:00' AS due FROM journey.member;
CALL advance('2025-04-30 00:00');
SELECT sent('ann', '2025-03-12 12:00 M1
	2025-03-24 12:00 M2
	2025-03-25 12:00 M3
	2025-03-28 12:00 M4');
SELECT tile, payload FROM journey.action WHERE payload <> '{}' ORDER BY created_at;
ROLLBACK TO drawn;
-- before the first mail: that one waits too
CALL emit('2025-03-01 12:00', 'ann', 'trial_started', '{"trial_id": "t", "ends_at": "2025-03-15 12:00Z"}');
CALL emit('2025-03-05 12:00', 'ann', 'trial_extended', '{"trial_id": "t", "ends_at": "2025-03-25 12:00Z"}');
CALL advance('2025-04-30 00:00');
SELECT sent('ann', '2025-03-22 12:00 M1
	2025-03-24 12:00 M2
	2025-03-25 12:00 M3
	2025-03-28 12:00 M4');
ROLLBACK TO drawn;
-- shortened, so that the moment is past: over the edge at once, with the event
CALL emit('2025-03-01 12:00', 'ann', 'trial_started', '{"trial_id": "t", "ends_at": "2025-03-15 12:00Z"}');
CALL emit('2025-03-05 12:00', 'ann', 'trial_extended', '{"trial_id": "t", "ends_at": "2025-03-07 12:00Z"}');
CALL advance('2025-04-30 00:00');
SELECT sent('ann', '2025-03-06 12:00 M2
	2025-03-07 12:00 M3
	2025-03-10 12:00 M4');
ROLLBACK TO drawn;

-- e) an end that is no time: failed, and nothing sent
CALL emit('2025-03-01 12:00', 'ann', 'trial_started', '{"trial_id": "t", "ends_at": "soon"}');
CALL advance('2025-04-30 00:00');
SELECT sent('ann', ''), stands('ann', 't T1 failed'), failed('trial T1 - 22007 1');
SELECT journey, tile, sqlstate, message ~ '"soon"' AS names_the_value, last_customer FROM journey.failure;
-- none at all, and one that never comes
CALL emit('2025-04-30 12:00', 'bob', 'trial_started', '{"trial_id": "t"}');
CALL emit('2025-04-30 12:00', 'cy', 'trial_started', '{"trial_id": "t", "ends_at": "infinity"}');
SELECT stands('bob', 't T1 failed'), stands('cy', 't T1 failed'), failed('trial T1 - 22007 1
	trial T1 - 22004 1
	trial T1 - 22008 1');
-- an exit rule reaches those who failed
CALL emit('2025-04-30 13:00', 'ann', 'trial_canceled', '{"trial_id": "t"}');
SELECT stands('ann', 't T1 exited canceled');
ROLLBACK;
