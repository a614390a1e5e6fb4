-- What is asked about one customer is asked by an index, also with plans and
-- statistics that are older than the table is large.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
CREATE VIEW scans AS
SELECT relname, seq_scan FROM pg_stat_xact_all_tables
 WHERE schemaname = 'journey'
   AND relname IN ('member_row', 'action', 'audience_member', 'customer', 'held', 'queue', 'dedupe', 'event_default', 'transition_default');
INSERT INTO journey.audience (name) VALUES ('some');
INSERT INTO journey.audience_member SELECT 'some', 'c' || i FROM generate_series(1, 50) AS i;
CALL draw('loop', $${
  "entry_rules": {"cooldown": "1 hour", "only": "some"},
  "cap": {"tag": "promo", "max": 3, "per": "1 day"},
  "exit": [{"event": "stop", "outcome": "out"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go", "customers": "ARRAY(SELECT 'c' || i FROM generate_series(1, 50) AS i)"}]},
    "know": {"type": "update_profile", "set": {"seen": "{{ coalesce((traits->>'seen')::int, 0) + 1 }}"}},
    "send": {"type": "action", "destination": "mail", "tags": ["promo"], "await": true},
    "hold": {"type": "wait", "for": "1 hour"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "know"},
    {"from": "know", "to": "send"},
    {"from": "send", "to": "hold"},
    {"from": "hold", "to": "done", "condition": "visits < 5 AND journey_in_audience(customer, 'some') AND journey_count(customer, 'go') = 0"},
    {"from": "hold", "to": "done", "event": "$journey_exited", "since": "entry"},
    {"from": "hold", "to": "done"}
  ]
}$$);
ANALYZE journey.member_row, journey.action, journey.audience_member, journey.customer, journey.held, journey.queue, journey.dedupe;
CREATE TEMP TABLE before AS TABLE scans;

CALL emit('10:00', 'shop', 'go');
SELECT count(journey_ack(id)) FROM journey_claim('mail', 30);
SELECT count(journey_nack(id, 'no')) FROM journey_claim('mail', 30);
SELECT journey_pause('loop');
SELECT count(journey_emit('c' || i, 'stop')) FROM generate_series(1, 10) AS i;
SELECT journey_resume('loop');
SELECT count(journey_emit('c' || i, 'other', dedupe_key => 'k')) FROM generate_series(1, 40) AS i;
SELECT count(journey_enqueue('c' || i, 'other')) FROM generate_series(1, 40) AS i;
CALL advance('12:00');
CALL emit('12:30', 'shop', 'go');
SELECT journey_identify('c1', '{"a": 1}'), journey_exit('loop', 'c1');
SELECT s.relname, s.seq_scan - b.seq_scan AS scans FROM scans s JOIN before b USING (relname) WHERE s.seq_scan > b.seq_scan;
SELECT state, count(*) FROM journey.member GROUP BY 1 ORDER BY 1;
TABLE failures;
ROLLBACK;
