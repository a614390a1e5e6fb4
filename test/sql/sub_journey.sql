-- Journeys within journeys.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
\set expect :abs_srcdir '/expect.sql'
BEGIN;
\set ECHO none
\i :helpers
\i :expect
\set ECHO all
SELECT $${
  "exit": [{"event": "stop", "outcome": "stopped"}],
  "tiles": {
    "start": {"type": "entry"},
    "send": {"type": "action", "destination": "mail", "payload": {"key": "{{ key }}", "context": "{{ context }}"}},
    "hold": {"type": "wait", "for": "1 hour"},
    "bought": {"type": "exit"},
    "tired": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "send"},
    {"from": "send", "to": "hold"},
    {"from": "hold", "to": "bought", "event": "buy"},
    {"from": "hold", "to": "tired"}
  ]
}$$::jsonb AS child \gset
SELECT $${
  "key": "coalesce(props->>'id', '')",
  "exit": [{"event": "cancel", "outcome": "canceled"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go"}]},
    "sub": {"type": "sub_journey", "journey": "child", "context": {"total": "{{ (context->>'total')::int }}", "from": "{{ key }}"}},
    "fork": {"type": "branch"},
    "won": {"type": "exit"},
    "lost": {"type": "exit"},
    "skipped": {"type": "wait", "for": "1 day"}
  },
  "edges": [
    {"from": "start", "to": "sub"},
    {"from": "sub", "to": "skipped", "event": "skip"},
    {"from": "sub", "to": "fork"},
    {"from": "skipped", "to": "lost"},
    {"from": "fork", "to": "won", "condition": "outcome = 'bought'"},
    {"from": "fork", "to": "lost"}
  ]
}$$::jsonb AS parent \gset
CALL draw('child', :'child');
SAVEPOINT child;

-- The parent awaits the child, and goes on with its outcome, in the same call.
CALL draw('parent', :'parent');
SAVEPOINT drawn;
CALL emit('10:00', 'ann', 'go', '{"id": "a", "total": 50}');
SELECT stands('ann', 'a sub active', 'parent'), stands('ann', 'a hold active', 'child'), sent('ann', '10:00 send');
SELECT payload FROM journey.action;
SELECT context FROM journey.member WHERE journey = 'child';
SELECT due_at IS NULL AS waits_for_no_time FROM journey.member WHERE journey = 'parent';
SELECT moved('ann', '10:00 start send entry
	10:00 send hold step', 'child');
SAVEPOINT inside;
CALL emit('10:30', 'ann', 'buy');
SELECT stands('ann', 'a won exited won', 'parent'), stands('ann', 'a bought exited bought', 'child');
SELECT from_tile, to_tile, at = moment('10:30') AS at_once FROM moves WHERE journey = 'parent';
-- by the child's timer, its exit rule, by hand
ROLLBACK TO inside;
CALL advance('10:59:59');
SELECT stands('ann', 'a sub active', 'parent');
CALL advance('11:00');
SELECT stands('ann', 'a lost exited lost', 'parent'), stands('ann', 'a tired exited tired', 'child');
SELECT from_tile, to_tile, at = moment('11:00') AS at_once FROM moves WHERE journey = 'parent' AND seq > 1;
ROLLBACK TO inside;
CALL emit('10:30', 'ann', 'stop');
SELECT stands('ann', 'a lost exited lost', 'parent'), stands('ann', 'a hold exited stopped', 'child');
ROLLBACK TO inside;
CALL at('10:30');
SELECT journey_exit('child', 'ann', 'bought');
SELECT stands('ann', 'a won exited won', 'parent'), stands('ann', 'a hold exited bought', 'child');

-- The parent exits: so does the child, for the same reason, with the same outcome.
ROLLBACK TO inside;
CALL emit('10:30', 'ann', 'cancel');
SELECT stands('ann', 'a sub exited canceled', 'parent'), stands('ann', 'a hold exited canceled', 'child');
SELECT journey, reason, at FROM moves WHERE to_tile IS NULL;
CALL advance('12:00');
SELECT stands('ann', 'a sub exited canceled', 'parent'), stands('ann', 'a hold exited canceled', 'child');
ROLLBACK TO inside;
CALL at('10:30');
SELECT journey_exit('parent', 'ann', 'by hand');
SELECT stands('ann', 'a hold exited by hand', 'child');

-- It leaves by an event: the child goes on alone, and its end concerns nobody.
ROLLBACK TO inside;
CALL emit('10:30', 'ann', 'skip');
SELECT stands('ann', 'a skipped active', 'parent'), stands('ann', 'a hold active', 'child');
CALL emit('10:40', 'ann', 'buy');
SELECT stands('ann', 'a skipped active', 'parent'), stands('ann', 'a bought exited bought', 'child');
CALL advance('2025-03-05 10:30');
SELECT stands('ann', 'a lost exited lost', 'parent');
ROLLBACK TO inside;
CALL emit('10:30', 'ann', 'skip');
CALL emit('10:40', 'ann', 'cancel');
SELECT stands('ann', 'a skipped exited canceled', 'parent'), stands('ann', 'a hold active', 'child');
ROLLBACK TO inside;

-- Another run awaits a child of its own.
CALL emit('10:10', 'ann', 'go', '{"id": "b", "total": 60}');
CALL emit('10:10', 'bob', 'go', '{"id": "a", "total": 70}');
CALL at('10:30');
SELECT journey_exit('child', 'ann', 'bought', 'b');
SELECT stands('ann', 'a sub active
	b won exited won', 'parent'), stands('bob', 'a sub active', 'parent');

-- Rolled back, all of it is.
ROLLBACK TO drawn;
CALL emit('10:00', 'ann', 'go', '{"id": "a", "total": 50}');
ROLLBACK TO drawn;
SELECT count(*) FROM journey.member;
-- in a batch, and by hand
CALL at('10:00');
SELECT journey_emit_batch('{bob, ann}', '{go, go}', array_fill('{"total": 1}'::jsonb, '{2}'));
SELECT journey_enter_many('parent', '{cy, dan}');
SELECT journey, tile, state, count(*) FROM journey.member GROUP BY 1, 2, 3 ORDER BY 1;
ROLLBACK TO child;

-- A child that ends at once: the parent goes on at once.
CALL draw('quick', $${
  "tiles": {"start": {"type": "entry"}, "bought": {"type": "exit"}},
  "edges": [{"from": "start", "to": "bought"}]
}$$);
CALL draw('parent', jsonb_set(:'parent', '{tiles,sub}', '{"type": "sub_journey", "journey": "quick"}'));
CALL emit('10:00', 'ann', 'go');
SELECT stands('ann', 'bought exited bought', 'quick'), stands('ann', 'won exited won', 'parent');
ROLLBACK TO child;

-- The parent's edge waits from the child's end on.
CALL draw('parent', jsonb_set(:'parent', '{edges,2,wait}', '"15 minutes"'));
CALL emit('10:00', 'ann', 'go', '{"total": 50}');
CALL emit('10:30', 'ann', 'buy');
SELECT stands('ann', 'sub active', 'parent');
SELECT due_at FROM journey.member WHERE journey = 'parent';
CALL advance('11:00');
SELECT stands('ann', 'won exited won', 'parent');
SELECT at FROM moves WHERE journey = 'parent' AND from_tile = 'sub';
ROLLBACK TO child;

-- Without await: the child begins, the parent goes on, and its outcome is not touched.
CALL draw('parent', jsonb_set(jsonb_set(:'parent', '{tiles,sub,await}', 'false'), '{tiles,fork}', '{"type": "wait", "for": "1 day"}'));
CALL emit('10:00', 'ann', 'go', '{"total": 50}');
SELECT stands('ann', 'fork active', 'parent'), stands('ann', 'hold active', 'child');
CALL emit('10:30', 'ann', 'buy');
SELECT stands('ann', 'fork active', 'parent'), stands('ann', 'bought exited bought', 'child');
CALL advance('2025-03-05 10:00');
SELECT stands('ann', 'lost exited lost', 'parent');
-- nor is the child touched by the parent's exit
CALL emit('2025-03-06 10:00', 'bob', 'go', '{"total": 50}');
CALL emit('2025-03-06 10:10', 'bob', 'cancel');
SELECT stands('bob', 'fork exited canceled', 'parent'), stands('bob', 'hold active', 'child');
ROLLBACK TO child;

-- A key of the child's own.
CALL draw('parent', jsonb_set(:'parent', '{tiles,sub,key}', '"context->>''cart''"'));
CALL emit('10:00', 'ann', 'go', '{"id": "a", "total": 50, "cart": "c1"}');
SELECT stands('ann', 'a sub active', 'parent'), stands('ann', 'c1 hold active', 'child');
-- a null one is no entry
CALL emit('10:00', 'bob', 'go', '{"id": "a", "total": 50}');
SELECT stands('bob', '', 'child');
SELECT tile, state FROM journey.member WHERE customer = 'bob';
SELECT journey, count(*) FROM journey.failure GROUP BY 1;
ROLLBACK TO child;

-- The child's rules refuse: the parent goes on, with outcome "refused".
SELECT jsonb_set(:'parent', '{edges,4,condition}', '"outcome = ''refused''"') AS minds \gset
CALL draw('parent', :'minds');
CALL at('10:00');
SELECT journey_enter('child', 'ann', '{}') > 0 AS inside;
CALL emit('10:00', 'ann', 'go', '{"total": 50}');
SELECT stands('ann', 'won exited won', 'parent'), stands('ann', 'hold active', 'child');
-- a child that is paused
SELECT journey_pause('child');
CALL emit('10:00', 'bob', 'go', '{"total": 50}');
SELECT stands('bob', 'won exited won', 'parent'), stands('bob', '', 'child');
SELECT journey_resume('child');
-- completed
SELECT journey_complete('child');
CALL emit('10:01', 'cy', 'go', '{"total": 50}');
SELECT stands('cy', 'won exited won', 'parent'), stands('cy', '', 'child');
SELECT count(*) FROM journey.failure;
ROLLBACK TO child;
-- by reentry, and over the edge for errors where there is one
CALL draw('once', jsonb_set(:'child', '{entry_rules}', '{"reentry": "never"}'));
CALL draw('parent', jsonb_set(jsonb_set(:'parent', '{tiles,sub,journey}', '"once"'), '{edges}',
	'[{"from": "sub", "to": "skipped", "on": "error", "condition": "outcome = ''refused''"}]' || (:'parent'::jsonb->'edges')));
CALL emit('10:00', 'ann', 'go', '{"total": 50}');
CALL emit('10:30', 'ann', 'buy');
SELECT stands('ann', 'won exited won', 'parent'), stands('ann', 'bought exited bought', 'once');
CALL emit('10:40', 'ann', 'go', '{"total": 50}');
SELECT stands('ann', 'won exited won
	skipped active', 'parent'), stands('ann', 'bought exited bought', 'once');
ROLLBACK TO child;

-- The context template errs: the parent fails, and no child enters.
CALL draw('parent', :'parent');
CALL emit('10:00', 'ann', 'go', '{"total": "much"}');
SELECT stands('ann', 'sub failed', 'parent'), stands('ann', '', 'child'), failed('parent sub - 22P02 1');
ROLLBACK TO child;

-- Grandchildren: the end of the last goes up, the exit of the first goes down.
CALL draw('middle', jsonb_set(:'parent', '{tiles,start}', '{"type": "entry"}'));
CALL draw('top', jsonb_set(jsonb_set(:'parent', '{tiles,sub}', '{"type": "sub_journey", "journey": "middle", "context": {"total": 2}}'),
	'{edges,4,condition}', '"outcome = ''won''"')
	|| '{"exit": [{"event": "abort", "outcome": "aborted"}]}');
CALL emit('10:00', 'ann', 'go');
SELECT stands('ann', 'sub active', 'top'), stands('ann', 'sub active', 'middle'), stands('ann', 'hold active', 'child');
SAVEPOINT three;
CALL emit('10:30', 'ann', 'buy');
SELECT stands('ann', 'won exited won', 'top'), stands('ann', 'won exited won', 'middle'), stands('ann', 'bought exited bought', 'child');
ROLLBACK TO three;
CALL emit('10:30', 'ann', 'abort');
SELECT stands('ann', 'sub exited aborted', 'top'), stands('ann', 'sub exited aborted', 'middle'), stands('ann', 'hold exited aborted', 'child');
ROLLBACK TO child;

-- Pauses: what ends while the parent is paused waits for its resume; an exit of the
-- parent reaches a paused child; what a paused child heard counts from its resume.
CALL draw('parent', :'parent');
CALL emit('10:00', 'ann', 'go', '{"total": 1}');
SAVEPOINT inside;
CALL at('10:10');
SELECT journey_pause('parent');
CALL emit('10:20', 'ann', 'buy');
SELECT stands('ann', 'sub active', 'parent'), stands('ann', 'bought exited bought', 'child');
CALL at('10:30');
SELECT journey_resume('parent');
CALL advance('10:30');
SELECT stands('ann', 'won exited won', 'parent');
ROLLBACK TO inside;
CALL at('10:10');
SELECT journey_pause('parent');
CALL advance('11:20');
SELECT stands('ann', 'sub active', 'parent'), stands('ann', 'tired exited tired', 'child');
CALL at('11:30');
SELECT journey_resume('parent');
SELECT journey_tick();
SELECT stands('ann', 'lost exited lost', 'parent');
ROLLBACK TO inside;
CALL at('10:10');
SELECT journey_pause('child');
CALL emit('10:20', 'ann', 'buy');
SELECT stands('ann', 'hold active', 'child');
SAVEPOINT paused;
CALL emit('10:25', 'ann', 'cancel');
SELECT stands('ann', 'sub exited canceled', 'parent'), stands('ann', 'hold exited canceled', 'child');
CALL at('10:30');
SELECT journey_resume('child');
CALL advance('12:00');
SELECT stands('ann', 'hold exited canceled', 'child');
ROLLBACK TO paused;
CALL at('10:30');
SELECT journey_resume('child');
CALL advance('10:30');
SELECT stands('ann', 'won exited won', 'parent'), stands('ann', 'bought exited bought', 'child');
SELECT DISTINCT at FROM moves WHERE seq > 2 OR (seq = 2 AND journey = 'parent');
ROLLBACK TO inside;

-- Stops: of the child, of the parent; and a parent that is moved away.
CALL at('10:10');
SELECT journey_stop('child');
SELECT stands('ann', 'lost exited lost', 'parent'), stands('ann', 'hold exited stopped', 'child');
ROLLBACK TO inside;
CALL at('10:10');
SELECT journey_stop('parent');
SELECT stands('ann', 'sub exited stopped', 'parent'), stands('ann', 'hold exited stopped', 'child');
ROLLBACK TO inside;
CALL at('10:10');
SELECT journey_move('parent', 'ann', 'skipped');
SELECT stands('ann', 'skipped active', 'parent'), stands('ann', 'hold active', 'child');
CALL emit('10:20', 'ann', 'buy');
SELECT stands('ann', 'skipped active', 'parent'), stands('ann', 'bought exited bought', 'child');
ROLLBACK TO child;

-- A journey that cannot end, for it holds itself, is refused; so is one that there is
-- not, and a circle of two.
SELECT error_of($$CALL draw('self', '{
  "tiles": {"start": {"type": "entry", "on": [{"event": "go"}]}, "sub": {"type": "sub_journey", "journey": "self"}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "sub"}, {"from": "sub", "to": "done"}]}')$$);
SELECT error_of($$CALL draw('lonely', '{
  "tiles": {"start": {"type": "entry", "on": [{"event": "go"}]}, "sub": {"type": "sub_journey", "journey": "chidl"}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "sub"}, {"from": "sub", "to": "done"}]}')$$);
SELECT journey_create(name, jsonb_build_object('tiles', jsonb_build_object('start', '{"type": "entry", "on": [{"event": "circle"}]}'::jsonb,
		'sub', jsonb_build_object('type', 'sub_journey', 'journey', other), 'done', '{"type": "exit"}'::jsonb),
	'edges', '[{"from": "start", "to": "sub"}, {"from": "sub", "to": "done"}]'::jsonb))
  FROM (VALUES ('yin', 'yang'), ('yang', 'yin')) AS v (name, other);
SELECT error_of($$SELECT journey_activate('yin'), journey_activate('yang')$$);
-- one that holds itself with another key, as long as there is less to do, ends
SELECT $${
  "key": "coalesce(props->>'n', '')",
  "tiles": {"start": {"type": "entry", "on": [{"event": "go"}]}, "more": {"type": "branch"}, "breath": {"type": "wait", "for": "1 minute"},
    "sub": {"type": "sub_journey", "journey": "down", "key": "((context->>'n')::int - 1)::text", "context": {"n": "{{ (context->>'n')::int - 1 }}"}}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "more"}, {"from": "more", "to": "breath", "condition": "(context->>'n')::int > 0"}, {"from": "more", "to": "done"},
    {"from": "breath", "to": "sub"}, {"from": "sub", "to": "done"}]
}$$::jsonb AS down \gset
CALL draw('down', :'down');
CALL emit('10:00', 'ann', 'go', '{"n": 3}');
CALL advance('10:02');
SELECT stands('ann', '3 sub active
	2 sub active
	1 breath active');
CALL advance('10:03');
SELECT stands('ann', '3 done exited done
	2 done exited done
	1 done exited done
	0 done exited done');
SELECT max(exited_at), min(exited_at) FROM journey.member;
ROLLBACK TO child;

-- By hand, all keys of one that holds itself: each member exits once.
CALL draw('down', :'down');
CALL emit('10:00', 'ann', 'go', '{"n": 3}');
CALL advance('10:02');
SELECT journey_exit('down', 'ann', 'bye');
SELECT stands('ann', '3 sub exited bye
	2 sub exited bye
	1 breath exited bye');
SELECT m.key, count(*) AS exits FROM journey.transition t JOIN journey.member m ON m.id = t.member WHERE t.to_tile IS NULL GROUP BY 1 ORDER BY 1;
SELECT tile, entered, inside, departed FROM journey.tile_stats WHERE journey = 'down' AND entered > 0 ORDER BY 1;
SELECT active, entered, exited FROM journey.status WHERE journey = 'down';
ROLLBACK TO child;

-- One event, and more children than journey.max_steps: those that are dropped leave no
-- parent that would wait for ever.
SELECT $${"tiles": {"start": {"type": "entry"}, "rest": {"type": "wait"}, "done": {"type": "exit"}},
	"edges": [{"from": "start", "to": "rest"}, {"from": "rest", "to": "done", "event": "home"}]}$$::jsonb AS rest \gset
CALL draw('rest', :'rest');
CALL draw('many', $${
  "key": "props->>'id'",
  "tiles": {"start": {"type": "entry", "on": [{"event": "go"}]}, "hold": {"type": "wait"}, "sub": {"type": "sub_journey", "journey": "rest"}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "sub", "event": "next"}, {"from": "sub", "to": "done"}]
}$$);
CALL at('10:00');
SELECT count(journey_emit('ann', 'go', jsonb_build_object('id', id::text))) FROM generate_series(1, 6) AS id;
SET LOCAL journey.max_steps = 3;
CALL emit('10:10', 'ann', 'next');
SELECT journey, tile, state, count(*) FROM journey.member GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT failed('many - - 54000 1
	many sub - 54000 3');
CALL at('10:20');
SELECT count(journey_retry_member('many', 'ann', key)) FROM journey.member WHERE state = 'failed';
SELECT journey, tile, state, count(*), count(DISTINCT key) FROM journey.member GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
RESET journey.max_steps;
CALL emit('10:30', 'ann', 'home');
SELECT journey, tile, state, count(*) FROM journey.member GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
ROLLBACK TO child;

-- Who leaves a tile whose child is still to enter drops that one, and no other.
CALL draw('rest', :'rest');
CALL draw('two', $${
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "go"}]},
    "set": {"type": "update_profile", "set": {"a": 1}},
    "s1": {"type": "sub_journey", "journey": "rest", "key": "'one'", "await": false},
    "s2": {"type": "sub_journey", "journey": "rest", "key": "'two'"},
    "left": {"type": "wait"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "set"}, {"from": "set", "to": "s1"}, {"from": "s1", "to": "s2"},
    {"from": "s2", "to": "left", "event": "$profile_changed"}, {"from": "s2", "to": "done"}, {"from": "left", "to": "done", "event": "never"}]
}$$);
CALL emit('10:00', 'ann', 'go');
SELECT stands('ann', 'left active', 'two'), stands('ann', 'one rest active', 'rest');
ROLLBACK TO child;

-- A context that is no object, and one that is too large.
CALL draw('parent', jsonb_set(:'parent', '{tiles,sub,context}', '"{{ 5 }}"'));
CALL emit('10:00', 'ann', 'go');
SELECT stands('ann', 'sub failed', 'parent'), stands('ann', '', 'child'), failed('parent sub - 22023 1');
SELECT message FROM failures;
ROLLBACK TO child;
CALL draw('parent', jsonb_set(:'parent', '{tiles,sub,context}', '{"long": "{{ repeat(''x'', (context->>''n'')::int) }}"}'));
SET LOCAL journey.max_props = '1kB';
CALL emit('10:00', 'bob', 'go', '{"n": 900}');
CALL emit('10:00', 'ann', 'go', '{"n": 1100}');
SELECT stands('bob', 'sub active', 'parent'), stands('bob', 'hold active', 'child'), stands('ann', '', 'child');
-- such an error may pass: asked again after 1, 5 and 30 minutes
SELECT stands('ann', 'sub active', 'parent'), failed('parent sub - 54000 1');
CALL advance('10:36');
SELECT stands('ann', 'sub failed', 'parent'), stands('ann', '', 'child'), failed('parent sub - 54000 4');
SELECT DISTINCT message FROM failures;
ROLLBACK TO child;

-- The parent's owner may not enter members any more: refused, and recorded.
CREATE ROLE regress_parent;
SELECT journey_grant('regress_parent', 'author'), journey_grant('regress_parent', 'emit');
SET LOCAL ROLE regress_parent;
SELECT journey_create('parent', :'minds');
SELECT journey_activate('parent');
RESET ROLE;
CALL emit('10:00', 'ann', 'go', '{"total": 1}');
SELECT stands('ann', 'sub active', 'parent'), stands('ann', 'hold active', 'child');
SELECT journey_revoke('regress_parent', 'emit');
CALL emit('10:00', 'bob', 'go', '{"total": 1}');
SELECT stands('bob', 'won exited won', 'parent'), stands('bob', '', 'child'), failed('parent sub - 42501 1');
SELECT message FROM failures;
-- whom it has entered before it has entered
CALL emit('10:10', 'ann', 'buy');
SELECT stands('ann', 'lost exited lost', 'parent'), stands('ann', 'bought exited bought', 'child');
ROLLBACK;
