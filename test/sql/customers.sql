-- customers: an event enters others, also one that a journey has raised itself.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
\set expect :abs_srcdir '/expect.sql'
BEGIN;
\set ECHO none
\i :helpers
\i :expect
\set ECHO all
CALL draw('one', $${"key": "now::text", "tiles": {"start": {"type": "entry", "on": [{"event": "go"}]}, "h": {"type": "wait", "for": "1 hour"}, "done": {"type": "exit"}}, "edges": [{"from": "start", "to": "h"}, {"from": "h", "to": "done", "event": "fin"}, {"from": "h", "to": "done"}]}$$);
CALL draw('others', $${"key": "now::text", "tiles": {"start": {"type": "entry", "on": [{"event": "$journey_exited", "condition": "props->>'journey' = 'one'", "customers": "ARRAY['team']"}]}, "hold": {"type": "wait"}, "done": {"type": "exit"}}, "edges": [{"from": "start", "to": "hold"},{"from":"hold","to":"done","event":"zz"}]}$$);
CALL draw('prof', $${"key": "now::text", "tiles": {"start": {"type": "entry", "on": [{"event": "$profile_changed", "customers": "ARRAY['boss']"}]}, "hold": {"type": "wait"}, "done": {"type": "exit"}}, "edges": [{"from": "start", "to": "hold"},{"from":"hold","to":"done","event":"zz"}]}$$);
CALL emit('10:00', 'ann', 'go');
CALL emit('10:10', 'ann', 'fin');
SELECT customer, journey, state, arrived_at FROM members;
CALL emit('11:00', 'ann', 'go');
CALL advance('12:00');
SELECT customer, journey, state, arrived_at FROM members;
CALL at('12:10');
SELECT journey_identify('ann', '{"a": 1}');
CALL emit('12:10', 'ann', 'go');
CALL at('12:11');
SELECT journey_exit('one', 'ann');
SELECT customer, journey, state, arrived_at FROM members;
SELECT customer, event FROM journey.event ORDER BY at;
TABLE failures;
ROLLBACK;
