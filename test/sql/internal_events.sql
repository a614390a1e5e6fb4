-- Events that journeys raise themselves: rule 15 of DESIGN 4.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
\set expect :abs_srcdir '/expect.sql'
BEGIN;
\set ECHO none
\i :helpers
\i :expect
\set ECHO all
SELECT journey_create('draft', '{}');
CREATE VIEW raised AS
SELECT customer, event, props, at FROM journey.event WHERE event LIKE '$%' ORDER BY at, id;
SAVEPOINT clean;

-- Where nobody names it, nothing is raised and nothing logged.
SELECT $${
  "key": "coalesce(props->>'id', '')",
  "exit": [{"event": "leave", "outcome": "left"}],
  "entry_rules": {"on_active": "restart"},
  "max_duration": "1 day",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go"}]},
    "hold": {"type": "wait", "for": "(context->>'for')::interval"},
    "done": {"type": "exit", "outcome": "finished"}
  },
  "edges": [
    {"from": "start", "to": "hold"},
    {"from": "hold", "to": "done", "event": "end"},
    {"from": "hold", "to": "done", "condition": "NOT context ? 'stuck'"}
  ]
}$$::jsonb AS first \gset
CALL draw('first', :'first');
CALL emit('10:00', 'ann', 'go', '{"for": "0"}');
CALL at('10:01');
SELECT journey_identify('ann', '{"plan": "pro"}');
SELECT stands('ann', 'done exited finished');
SELECT count(*) FROM raised;

-- Where an active journey does, every exit is raised: what for, and by whom.
CALL draw('log', $${
  "key": "now::text || (props->>'journey') || (props->>'key')",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "$journey_exited", "condition": "props->>'journey' = 'first'"}]},
    "hold": {"type": "wait"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done", "event": "never"}]
}$$);
CALL emit('10:10', 'ann', 'go', '{"id": "step", "for": "0"}');
CALL emit('10:11', 'ann', 'go', '{"id": "event", "for": "1 hour"}');
CALL emit('10:12', 'ann', 'end');
CALL emit('10:13', 'ann', 'go', '{"id": "timer", "for": "1 minute"}');
CALL advance('10:20');
CALL emit('10:20', 'ann', 'go', '{"id": "rule", "for": "1 hour"}');
CALL emit('10:21', 'ann', 'leave');
CALL emit('10:22', 'ann', 'go', '{"id": "no path", "for": "0", "stuck": 1}');
CALL advance('10:30');
CALL emit('10:30', 'ann', 'go', '{"id": "manual", "for": "1 hour"}');
CALL at('10:31');
SELECT journey_exit('first', 'ann', 'by hand', 'manual');
CALL emit('10:32', 'ann', 'go', '{"id": "restart", "for": "1 hour"}');
CALL emit('10:33', 'ann', 'go', '{"id": "restart", "for": "2 days"}');
CALL advance('2025-03-06 00:00');
SELECT compare(ARRAY(SELECT stamp(line) FROM unnest(lines('10:10 step finished
	10:12 event finished
	10:14 timer finished
	10:21 rule left
	10:31 manual by hand
	10:33 restart restarted
	2025-03-05 10:22 no path expired
	2025-03-05 10:33 restart expired')) AS line),
	ARRAY(SELECT concat_ws(' ', at, props->>'key', props->>'outcome') FROM raised WHERE event = '$journey_exited'));
SELECT DISTINCT customer, event, props - 'key' - 'outcome' AS props, (SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(props) AS k) AS keys FROM raised;
-- each entered the journey that names it
SELECT count(*) FROM journey.member WHERE journey = 'log';
-- it and what it entered stand in the log
SELECT e.event, t.to_tile, t.reason, t.at = e.at AS same_time
  FROM journey.transition t JOIN journey.event e ON e.id = t.event_id
 WHERE t.journey = 'log' GROUP BY 1, 2, 3, 4;

-- A chain of journeys, all in one call; rolled back, all of it is.
ROLLBACK TO clean;
SELECT $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "$journey_exited", "condition": "props->>'journey' = 'j0' AND props->>'outcome' = 'won'"}]},
    "send": {"type": "action", "destination": "mail", "payload": {"before": "{{ props->>'journey' }}"}},
    "done": {"type": "exit", "outcome": "won"}
  },
  "edges": [{"from": "start", "to": "send"}, {"from": "send", "to": "done"}]
}$$::text AS link \gset
CALL draw('j0', $${
  "tiles": {"start": {"type": "entry", "on": [{"event": "go"}]}, "hold": {"type": "wait", "for": "1 hour"}, "won": {"type": "exit"}, "lost": {"type": "exit"}},
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "won", "event": "win"}, {"from": "hold", "to": "lost"}]
}$$);
CALL draw('j1', :'link'::jsonb);
CALL draw('j2', replace(:'link', '''j0''', '''j1''')::jsonb);
CALL draw('j3', replace(:'link', '''j0''', '''j2''')::jsonb);
CALL at('10:00');
SELECT count(journey_emit(c, 'go')) FROM unnest('{ann, bob, cy}'::text[]) AS c;
SAVEPOINT going;
CALL emit('10:30', 'ann', 'win');
SELECT sent('ann', '10:30 send', 'j1'), sent('ann', '10:30 send', 'j2'), sent('ann', '10:30 send', 'j3');
SELECT journey, payload FROM journey.action ORDER BY 1;
SELECT stands('ann', 'won exited won', 'j0'), stands('ann', 'done exited won', 'j3');
-- j3's exit concerns the triggers of j1 .. j3 too, and meets none
SELECT props->>'journey' AS journey FROM raised;
ROLLBACK TO going;
SELECT count(*) FROM raised;
-- by timer: lost, so nobody enters; by tick or by advance_to
CALL advance('11:00');
SELECT journey, count(*) FROM journey.member GROUP BY 1 ORDER BY 1;
-- in a batch
ROLLBACK TO going;
CALL at('10:30');
SELECT journey_emit_batch('{bob, ann, cy, nobody}', '{win, win, go, win}', array_fill('{}'::jsonb, '{4}'));
SELECT customer, count(*) FROM journey.action GROUP BY 1 ORDER BY 1;
-- by hand, for all of them
ROLLBACK TO going;
CALL at('10:30');
SELECT journey_exit('j0', c, 'won') FROM unnest('{ann, bob}'::text[]) AS c;
SELECT customer, count(*) FROM journey.action GROUP BY 1 ORDER BY 1;

-- What is raised waits its turn: the step that raised it is over, all of it.
ROLLBACK TO clean;
CALL draw('two', $${
  "key": "props->>'id'",
  "exit": [{"event": "end", "outcome": "ended"}],
  "tiles": {"start": {"type": "entry", "on": [{"event": "go"}]}, "hold": {"type": "wait", "for": "1 hour"}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done"}]
}$$);
CALL draw('count', $${
  "key": "props->>'key'",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "$journey_exited", "condition": "props->>'journey' = 'two'"}]},
    "send": {"type": "action", "destination": "mail", "payload": {"open": "{{ (SELECT count(*) FROM journey.member m WHERE m.customer = member.customer AND m.journey = 'two' AND m.state <> 'exited') }}",
      "exits": "{{ journey_count(customer, '$journey_exited') }}"}},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "send"}, {"from": "send", "to": "done"}]
}$$);
CALL emit('10:00', 'ann', 'go', '{"id": 1}');
CALL emit('10:01', 'ann', 'go', '{"id": 2}');
CALL emit('10:02', 'ann', 'go', '{"id": 3}');
CALL emit('10:10', 'ann', 'end');
SELECT key, payload FROM journey.action JOIN journey.member ON member.id = action.member ORDER BY 1;

-- A circle ends: recorded, and what is left is dropped.
ROLLBACK TO clean;
CALL draw('circle', $${
  "tiles": {"start": {"type": "entry", "on": [{"event": "go"}, {"event": "$journey_exited", "condition": "props->>'journey' = 'circle'"}]}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "done"}]
}$$);
SET LOCAL journey.max_steps = 10;
CALL emit('10:00', 'ann', 'go');
SELECT count(*) BETWEEN 10 AND 11 AS bounded, count(*) FILTER (WHERE state <> 'exited') AS inside FROM journey.member;
SELECT journey, sqlstate, count, last_customer FROM journey.failure;
-- by a timer too; and the next event begins anew
ROLLBACK TO clean;
CALL draw('circle', $${
  "tiles": {"start": {"type": "entry", "on": [{"event": "go"}, {"event": "$journey_exited", "condition": "props->>'journey' = 'circle'"}]},
    "hold": {"type": "wait", "for": "(context->>'for')::interval"}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "hold", "condition": "context ? 'for'"}, {"from": "start", "to": "done"}, {"from": "hold", "to": "done"}]
}$$);
SET LOCAL journey.max_steps = 10;
CALL emit('10:00', 'ann', 'go', '{"for": "1 hour"}');
CALL advance('11:00');
SELECT count(*) BETWEEN 10 AND 12 AS bounded FROM journey.member;
SELECT sqlstate, count FROM journey.failure;
CALL emit('12:00', 'ann', 'go', '{"for": "1 hour"}');
SELECT count(*) FROM journey.member WHERE state <> 'exited';

-- $profile_changed: what has changed, from what to what; null where it was or is not.
ROLLBACK TO clean;
CALL draw('pro', $${
  "key": "now::text",
  "tiles": {"start": {"type": "entry", "on": [{"event": "$profile_changed", "condition": "props->'changed' ? 'plan' AND props->'changed'->'plan'->>1 = 'pro'"}]},
    "hold": {"type": "wait"}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done", "event": "$profile_changed", "condition": "props->'changed'->'plan'->>0 = 'pro'"}]
}$$);
CALL at('10:00');
SELECT journey_identify('ann', '{"name": "Ann", "plan": "free", "tags": ["a"]}');
SELECT props FROM raised;
SELECT stands('ann', '');
CALL at('10:01');
SELECT journey_identify('ann', '{"plan": "pro", "name": "Ann", "since": {"y": 2025}}');
SELECT props FROM raised WHERE at = moment('10:01');
SELECT tile, state FROM journey.member;
-- nothing new is nothing
CALL at('10:02');
SELECT journey_identify('ann', '{"plan": "pro", "none": null}'), journey_identify('ann', '{}');
SELECT count(*) FROM raised WHERE at = moment('10:02');
CALL at('10:03');
SELECT journey_identify('ann', '{"plan": null, "since": {"y": 2026}}');
SELECT props FROM raised WHERE at = moment('10:03');
SELECT tile, state FROM journey.member;

-- by update_profile; as goal, as exit rule, and the condition sees the new traits
ROLLBACK TO clean;
CALL draw('mark', $${
  "tiles": {"start": {"type": "entry", "on": [{"event": "mark"}]}, "set": {"type": "update_profile", "set": {"plan": "{{ context->>'plan' }}", "old": null}}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "set"}, {"from": "set", "to": "done"}]
}$$);
CALL draw('heeds', $${
  "goal": {"event": "$profile_changed", "condition": "props->'changed'->'plan'->>1 = 'pro'"},
  "exit": [{"event": "$profile_changed", "condition": "traits->>'plan' = 'gone'", "outcome": "gone"}],
  "tiles": {"start": {"type": "entry", "on": [{"event": "go"}]}, "hold": {"type": "wait", "for": "1 day"}, "moved": {"type": "wait", "for": "1 day"}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "moved", "event": "$profile_changed", "condition": "traits->>'plan' = 'mid'"}, {"from": "hold", "to": "done"}, {"from": "moved", "to": "done"}]
}$$);
CALL at('10:00');
SELECT journey_identify('ann', '{"old": 1}');
CALL emit('10:00', 'ann', 'go');
CALL emit('10:01', 'ann', 'mark', '{"plan": "mid"}');
SELECT props FROM raised WHERE at = moment('10:01');
SELECT stands('ann', 'moved active', 'heeds');
CALL emit('10:02', 'ann', 'mark', '{"plan": "mid"}');
SELECT count(*) FROM raised WHERE at = moment('10:02');
CALL emit('10:03', 'ann', 'mark', '{"plan": "pro"}');
SELECT converted_at FROM journey.member WHERE journey = 'heeds';
CALL emit('10:04', 'ann', 'mark', '{"plan": "gone"}');
SELECT stands('ann', 'moved exited gone', 'heeds');
SELECT t.reason, e.event, t.at FROM journey.transition t JOIN journey.event e ON e.id = t.event_id WHERE t.journey = 'heeds' ORDER BY seq;

-- Not logged where only a condition without event asks: the rule is asked all the same.
ROLLBACK TO clean;
CALL draw('asks', $${
  "exit": [{"condition": "traits ? 'stop'", "outcome": "stopped"}],
  "tiles": {"start": {"type": "entry", "on": [{"event": "go"}]}, "hold": {"type": "wait", "condition": "traits ? 'go on'"}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done"}]
}$$);
CALL at('10:00');
SELECT count(journey_emit(c, 'go')) FROM unnest('{ann, bob, cy}'::text[]) AS c;
CALL at('10:01');
SELECT journey_identify('ann', '{"stop": 1}'), journey_identify('bob', '{"go on": 1}'), journey_identify('cy', '{"name": "Cy"}');
SELECT stands('ann', 'hold exited stopped'), stands('bob', 'done exited done'), stands('cy', 'hold active');
SELECT count(*) FROM raised;

-- Applications cannot say that it happened.
SELECT error_of($$SELECT journey_emit('ann', '$journey_exited', '{"journey": "asks"}')$$);
SELECT error_of($$SELECT journey_emit('ann', '$anything')$$);
SELECT error_of($$SELECT journey_emit_batch('{ann}', '{$profile_changed}', '{"{}"}')$$);
SELECT error_of($$SELECT journey_enqueue('ann', '$profile_changed')$$);
ROLLBACK;
