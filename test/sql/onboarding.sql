-- Onboarding: S2 of the scenarios, every letter.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
\set expect :abs_srcdir '/expect.sql'
BEGIN;
\set ECHO none
\i :helpers
\i :expect
\set ECHO all
SELECT journey_destination_create('sms', 'pull');
CALL draw('onboarding', $${
  "timezone": "traits->>'tz'",
  "entry_rules": {"reentry": "never"},
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "signed_up"}]},
    "M1": {"type": "action", "destination": "mail", "payload": {"text": "Welcome, {{ traits->>'name' }}"}},
    "W": {"type": "wait", "for": "1 day"},
    "U": {"type": "update_profile", "set": {"onboarding_stage": "activated"}},
    "activated": {"type": "exit"},
    "B": {"type": "branch"},
    "M2": {"type": "action", "destination": "sms"},
    "M3": {"type": "action", "destination": "mail"},
    "T": {"type": "wait", "at": "09:00", "days": ["mon", "tue", "wed", "thu", "fri"]},
    "M4": {"type": "action", "destination": "mail"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "M1"},
    {"from": "M1", "to": "W"},
    {"from": "W", "to": "U", "event": "app_opened"},
    {"from": "W", "to": "B"},
    {"from": "U", "to": "activated"},
    {"from": "B", "to": "M2", "condition": "traits ? 'mobile' AND (traits->>'sms_consent')::boolean"},
    {"from": "B", "to": "M3"},
    {"from": "M2", "to": "T"},
    {"from": "M3", "to": "T"},
    {"from": "T", "to": "M4"},
    {"from": "M4", "to": "done"}
  ]
}$$);
SAVEPOINT drawn;

-- a) Friday 20:00 in New York is Saturday 01:00 UTC; the clocks there go forward on
-- Sunday at 07:00 UTC, so Monday 09:00 is 13:00 UTC, no longer 14:00
SELECT journey_identify('ann', '{"tz": "America/New_York", "name": "Ann"}');
CALL emit('2025-03-08 01:00', 'ann', 'signed_up');
SELECT stands('ann', 'W active'), sent('ann', '2025-03-08 01:00 M1');
SELECT due_at = '2025-03-09 01:00' AS a_day_later FROM journey.member;
CALL advance('2025-03-09 01:00');
SELECT stands('ann', 'T active');
SELECT due_at = '2025-03-10 13:00' AS monday_at_nine FROM journey.member;
CALL advance('2025-03-10 12:59:59');
SELECT stands('ann', 'T active');
CALL advance('2025-03-20 00:00');
SELECT sent('ann', '2025-03-08 01:00 M1
	2025-03-09 01:00 M3
	2025-03-10 13:00 M4');
SELECT stands('ann', 'done exited done');
SELECT moved('ann', '2025-03-08 01:00 start M1 entry
	2025-03-08 01:00 M1 W step
	2025-03-09 01:00 W B timer
	2025-03-09 01:00 B M3 step
	2025-03-09 01:00 M3 T step
	2025-03-10 13:00 T M4 timer
	2025-03-10 13:00 M4 done step');
SELECT failed('');
-- on a weekday the same evening leads to the next morning: Tuesday 4 March 20:00
-- there is Wednesday 01:00 UTC, a day later Thursday; 09:00 EST is 14:00 UTC
ROLLBACK TO drawn;
SELECT journey_identify('tue', '{"tz": "America/New_York"}');
CALL emit('2025-03-05 01:00', 'tue', 'signed_up');
CALL advance('2025-03-20 00:00');
SELECT sent('tue', '2025-03-05 01:00 M1
	2025-03-06 01:00 M3
	2025-03-06 14:00 M4');
ROLLBACK TO drawn;

-- who may get an SMS does: a number and a consent, both
SELECT journey_identify('both', '{"mobile": "+571", "sms_consent": true}'),
	   journey_identify('refuses', '{"mobile": "+571", "sms_consent": false}'),
	   journey_identify('asked', '{"mobile": "+571"}'),
	   journey_identify('consents', '{"sms_consent": true}');
CALL at('2025-03-03 10:00');
SELECT count(journey_emit(c, 'signed_up')) FROM unnest('{both, refuses, asked, consents}'::text[]) AS c;
CALL advance('2025-03-20 00:00');
SELECT sent('both', '2025-03-03 10:00 M1
	2025-03-04 10:00 M2
	2025-03-05 09:00 M4');
SELECT sent(c, '2025-03-03 10:00 M1
	2025-03-04 10:00 M3
	2025-03-05 09:00 M4') FROM unnest('{refuses, asked, consents}'::text[]) AS c;
SELECT destination, count(*) FROM journey.action GROUP BY 1 ORDER BY 1;
ROLLBACK TO drawn;

-- b) the app opened a second before the timeout
CALL emit('2025-03-08 01:00', 'ann', 'signed_up');
CALL emit('2025-03-09 00:59:59', 'ann', 'app_opened');
SELECT traits FROM journey.customer WHERE customer = 'ann';
SELECT stands('ann', 'activated exited activated');
CALL advance('2025-03-20 00:00');
SELECT sent('ann', '2025-03-08 01:00 M1');
SELECT moved('ann', '2025-03-08 01:00 start M1 entry
	2025-03-08 01:00 M1 W step
	2025-03-09 00:59:59 W U event
	2025-03-09 00:59:59 U activated step');
ROLLBACK TO drawn;

-- c) no zone: the setting's, UTC, and nothing to record
SELECT journey_identify('ann', '{"tz": null}');
CALL emit('2025-03-08 01:00', 'ann', 'signed_up');
CALL emit('2025-03-08 01:00', 'bob', 'signed_up');
CALL advance('2025-03-20 00:00');
SELECT sent(c, '2025-03-08 01:00 M1
	2025-03-09 01:00 M3
	2025-03-10 09:00 M4') FROM unnest('{ann, bob}'::text[]) AS c;
SELECT failed('');
ROLLBACK TO drawn;

-- d) a second sign-up, inside and after
CALL emit('2025-03-08 01:00', 'ann', 'signed_up');
CALL emit('2025-03-08 02:00', 'ann', 'signed_up');
SELECT stands('ann', 'W active');
CALL emit('2025-03-08 03:00', 'ann', 'app_opened');
CALL emit('2025-03-08 04:00', 'ann', 'signed_up');
SELECT journey_enter('onboarding', 'ann') IS NULL AS refused;
CALL advance('2025-03-20 00:00');
SELECT stands('ann', 'activated exited activated'), sent('ann', '2025-03-08 01:00 M1');
SELECT entered, exited FROM journey.status WHERE journey = 'onboarding';
ROLLBACK TO drawn;

-- e) a zone that there is not: UTC, and recorded
SELECT journey_identify('ann', '{"tz": "Mars/Base"}');
CALL emit('2025-03-08 01:00', 'ann', 'signed_up');
CALL advance('2025-03-20 00:00');
SELECT sent('ann', '2025-03-08 01:00 M1
	2025-03-09 01:00 M3
	2025-03-10 09:00 M4');
SELECT stands('ann', 'done exited done');
SELECT bool_and(message ~ 'Mars/Base') AS named, bool_and(last_customer = 'ann') AS whose, count(*) > 0 AS recorded FROM journey.failure;
ROLLBACK;
