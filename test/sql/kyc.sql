-- Proof of identity, with a pause: S11 of the scenarios, every letter.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
\set expect :abs_srcdir '/expect.sql'
BEGIN;
\set ECHO none
\i :helpers
\i :expect
\set ECHO all
SELECT $${
  "on_resume": "keep",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "kyc_started"}]},
    "L": {"type": "wait", "for": "visits * interval '24 hours'", "max_visits": 3},
    "verified": {"type": "exit"},
    "B": {"type": "branch"},
    "M1": {"type": "action", "destination": "mail"},
    "M2": {"type": "action", "destination": "mail"},
    "M3": {"type": "action", "destination": "mail"},
    "D": {"type": "wait", "for": "24 hours"},
    "dormant": {"type": "update_profile", "set": {"kyc": "dormant"}},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "L"},
    {"from": "L", "to": "D", "on": "max_visits"},
    {"from": "L", "to": "verified", "event": "kyc_completed"},
    {"from": "L", "to": "B"},
    {"from": "B", "to": "M1", "condition": "traits->>'current_step' = 'doc'"},
    {"from": "B", "to": "M2", "condition": "traits->>'current_step' = 'selfie'"},
    {"from": "B", "to": "M3"},
    {"from": "M1", "to": "L"},
    {"from": "M2", "to": "L"},
    {"from": "M3", "to": "L"},
    {"from": "D", "to": "dormant"},
    {"from": "dormant", "to": "done"}
  ]
}$$::jsonb AS kyc \gset
CALL at('2025-03-01 00:00');
SELECT journey_identify('ann', '{"current_step": "doc"}');
SAVEPOINT clean;
CALL draw('kyc', :'kyc');
CALL emit('2025-03-01 00:00', 'ann', 'kyc_started');
SAVEPOINT started;

-- a) silence: after 24 hours, 48 more, 72 more; then dormant 24 hours later, which
-- is 168 hours, or seven days, from the start
CALL advance('2025-04-30 00:00');
SELECT sent('ann', '2025-03-02 00:00 M1
	2025-03-04 00:00 M1
	2025-03-07 00:00 M1');
SELECT stands('ann', 'done exited done');
SELECT traits FROM journey.customer WHERE customer = 'ann';
SELECT moved('ann', '2025-03-01 00:00 start L entry
	2025-03-02 00:00 L B timer
	2025-03-02 00:00 B M1 step
	2025-03-02 00:00 M1 L step
	2025-03-04 00:00 L B timer
	2025-03-04 00:00 B M1 step
	2025-03-04 00:00 M1 L step
	2025-03-07 00:00 L B timer
	2025-03-07 00:00 B M1 step
	2025-03-07 00:00 M1 L step
	2025-03-07 00:00 L D step
	2025-03-08 00:00 D dormant timer
	2025-03-08 00:00 dormant done step');
ROLLBACK TO started;
-- the step that each is at when it is asked
CALL advance('2025-03-02 12:00');
CALL at('2025-03-02 12:00');
SELECT journey_identify('ann', '{"current_step": "selfie"}');
CALL advance('2025-03-05 12:00');
CALL at('2025-03-05 12:00');
SELECT journey_identify('ann', '{"current_step": null}');
CALL advance('2025-04-30 00:00');
SELECT sent('ann', '2025-03-02 00:00 M1
	2025-03-04 00:00 M2
	2025-03-07 00:00 M3');
ROLLBACK TO started;

-- b) completed after 30 hours: one nudge
CALL advance('2025-03-02 06:00');
CALL emit('2025-03-02 06:00', 'ann', 'kyc_completed');
CALL advance('2025-04-30 00:00');
SELECT sent('ann', '2025-03-02 00:00 M1'), stands('ann', 'verified exited verified');
ROLLBACK TO started;

-- c) paused after 20 hours, completed after 22, resumed after 30: verified with the
-- resume, and no nudge
CALL advance('2025-03-01 20:00');
SELECT journey_pause('kyc');
SELECT state FROM journey.status WHERE journey = 'kyc';
CALL emit('2025-03-01 22:00', 'ann', 'kyc_completed');
SELECT stands('ann', 'L active');
-- nor does a timer fire, nor anybody enter
CALL advance('2025-03-02 05:00');
CALL emit('2025-03-02 05:00', 'bob', 'kyc_started');
SELECT journey_enter('kyc', 'bob') IS NULL AS refused;
SELECT stands('ann', 'L active'), stands('bob', '');
CALL at('2025-03-02 06:00');
SELECT journey_resume('kyc');
CALL advance('2025-04-30 00:00');
SELECT sent('ann', ''), stands('ann', 'verified exited verified');
SELECT moved('ann', '2025-03-01 00:00 start L entry
	2025-03-02 06:00 L verified event');
SELECT e.at FROM journey.event e WHERE e.event = 'kyc_completed';
ROLLBACK TO clean;

-- d) the same pause, and nothing comes: one nudge after 30, 34 and 54 hours
CALL draw('keep', :'kyc');
CALL draw('shift', jsonb_set(:'kyc', '{on_resume}', '"shift"'));
CALL draw('restart', jsonb_set(:'kyc', '{on_resume}', '"restart"'));
CALL emit('2025-03-01 00:00', 'ann', 'kyc_started');
CALL advance('2025-03-01 20:00');
SELECT journey_pause(name) FROM unnest('{keep,shift,restart}'::text[]) AS name;
CALL advance('2025-03-02 05:59:59');
SELECT journey, stands('ann', 'L active', journey) FROM unnest('{keep,shift,restart}'::text[]) AS journey;
CALL at('2025-03-02 06:00');
SELECT journey_resume(name) FROM unnest('{keep,shift,restart}'::text[]) AS name;
-- the second nudge comes 48 hours after the first, the third 72 later, the rest 24 later
CALL advance('2025-04-30 00:00');
SELECT sent('ann', '2025-03-02 06:00 M1
	2025-03-04 06:00 M1
	2025-03-07 06:00 M1', 'keep');
SELECT sent('ann', '2025-03-02 10:00 M1
	2025-03-04 10:00 M1
	2025-03-07 10:00 M1', 'shift');
SELECT sent('ann', '2025-03-03 06:00 M1
	2025-03-05 06:00 M1
	2025-03-08 06:00 M1', 'restart');
-- to start the wait again is no new visit
SELECT journey, count(*) FILTER (WHERE to_tile = 'L') AS visits FROM moves GROUP BY 1 ORDER BY 1;
ROLLBACK;
