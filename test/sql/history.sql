-- What a customer did: journey_did, journey_count, journey_last_props.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
SET LOCAL search_path = public, journey;
CALL emit('10:00', 'ann', 'BUY', '{"sku": "a", "n": 1}');
CALL emit('11:00', 'ann', 'BUY', '{"sku": "b", "n": 2}');
CALL emit('11:00', 'ann', 'BUY', '{"sku": "c", "n": 3, "tags": ["x", "y"]}');
CALL emit('12:00', 'ann', 'VIEW', '{"sku": "b"}');
CALL emit('12:00', 'bob', 'BUY', '{"sku": "b"}');

SELECT journey_did('ann', 'BUY') AS buy, journey_did('ann', 'VIEW') AS view, journey_did('bob', 'VIEW') AS bob,
	   journey_did('cy', 'BUY') AS nobody, journey_did('ann', 'buy') AS lower, journey_did('an', 'BUY') AS prefix;
SELECT journey_count('ann', 'BUY'), journey_count('bob', 'BUY'), journey_count('bob', 'VIEW');
-- the latest; the later id where the times are the same
SELECT journey_last_props('ann', 'BUY'), journey_last_props('bob', 'VIEW') IS NULL AS none;

-- since is inclusive
SELECT since, journey_did('ann', 'BUY', since), journey_count('ann', 'BUY', since), journey_last_props('ann', 'BUY', since)
  FROM unnest('{-infinity, 2025-03-04 10:00, 2025-03-04 10:00:00.000001, 2025-03-04 11:00, 2025-03-04 11:00:00.000001, infinity}'::timestamptz[]) AS since;

-- the filter: what props contain
SELECT filter, journey_did('ann', 'BUY', NULL, filter), journey_count('ann', 'BUY', NULL, filter), journey_last_props('ann', 'BUY', NULL, filter)
  FROM unnest(ARRAY[NULL, '{}', '{"sku": "a"}', '{"sku": "c", "n": 3}', '{"sku": "c", "n": 1}', '{"tags": ["y"]}', '{"sku": null}', '[]']::jsonb[]) AS filter;
SELECT journey_count('ann', 'BUY', filter => '{"sku": "b"}', since => '2025-03-04 11:00');

-- what is later than now is not seen
CALL at('10:30');
SELECT journey_count('ann', 'BUY'), journey_did('ann', 'VIEW'), journey_last_props('ann', 'BUY');
SET LOCAL journey.now = '';
SELECT journey_count('ann', 'BUY');

-- to a null nobody did anything
SELECT journey_did(NULL, 'BUY'), journey_did('ann', NULL), journey_count(NULL, NULL), journey_last_props('ann', NULL);

-- In a condition: as of the step, with the step's own event, for late ones too.
CALL draw('third', $${
  "key": "props->>'id'",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "BUY", "condition": "journey_count(customer, 'BUY') >= 3"}]},
    "hold": {"type": "wait", "for": "1 hour"},
    "tell": {"type": "action", "destination": "mail", "payload": {
      "count": "{{ journey_count(customer, 'BUY') }}", "since": "{{ journey_count(customer, 'BUY', entered_at) }}",
      "viewed": "{{ journey_did(customer, 'VIEW', entered_at, jsonb_build_object('id', key)) }}",
      "last": "{{ journey_last_props(customer, 'BUY')->'id' }}"}},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "tell"}, {"from": "tell", "to": "done"}]
}$$);
CALL at('13:00');
SELECT count(journey_emit('ann', 'BUY', '{"id": 4}', at => '2025-03-04 10:30'));	-- the second of then
SELECT count(journey_emit('ann', 'BUY', '{"id": 5}'));
SELECT count(journey_emit('ann', 'VIEW', '{"id": 4}'));
SELECT count(journey_emit('ann', 'BUY', '{"id": 6}', at => '2025-03-04 13:01'));
SELECT count(journey_emit('ann', 'VIEW', '{"id": "6"}', at => '2025-03-04 13:02'));
CALL advance('2025-03-04 15:00');
SELECT key, entered_at FROM journey.member ORDER BY 1;
TABLE acts;
ROLLBACK;
