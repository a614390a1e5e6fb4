-- Waits: each key alone, the chain, what ends a hold and what resets it.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
-- A journey of one wait, entered and left by whoever comes.
CREATE PROCEDURE hold(name text, tile jsonb, edges jsonb DEFAULT '[]', more jsonb DEFAULT '{}')
LANGUAGE sql AS $$
CALL draw(name, more || jsonb_build_object(
	'tiles', '{"start": {"type": "entry", "on": [{"event": "come"}]}, "done": {"type": "exit"}}'::jsonb
		|| CASE edges WHEN '[]' THEN '{}' ELSE '{"late": {"type": "exit"}}'::jsonb END
		|| jsonb_build_object('W', '{"type": "wait"}' || tile),
	'edges', '[{"from": "start", "to": "W"}, {"from": "W", "to": "done"}]' || edges)) $$;
-- Where everybody is, and since or until when.
CREATE VIEW held AS
SELECT m.journey, m.customer AS who, m.tile, m.state, m.due_at, r.holds_until, m.exited_at, t.reason
  FROM journey.member m JOIN journey.member_row r USING (id)
  JOIN LATERAL (SELECT reason FROM journey.transition t WHERE t.member = m.id ORDER BY seq DESC LIMIT 1) t ON true
 ORDER BY m.journey, m.customer, m.entered_at;
\set ECHO all

-- Tuesday 4 March 2025, 10:00; each key alone
SAVEPOINT clean;
CALL hold('none', '{}');
CALL hold('for', '{"for": "2 hours"}');
CALL hold('for_sql', '{"for": "make_interval(hours => 24 * visits)"}');
CALL hold('until', '{"until": "(props->>''u'')::timestamptz"}');
CALL hold('until_literal', '{"until": "2025-03-06 08:00"}');
CALL hold('at', '{"at": "09:00"}');
CALL hold('at_now', '{"at": "10:00"}');
CALL hold('at_days', '{"at": "09:00", "days": ["mon", "fri"]}');
CALL hold('at_today', '{"at": "10:00:01", "days": ["tue"]}');
CALL hold('window', '{"window": {"from": "11:00", "to": "12:00"}}');
CALL hold('window_opens', '{"window": {"from": "10:00", "to": "12:00"}}');
CALL hold('window_closes', '{"window": {"from": "09:00", "to": "10:00"}}');
CALL hold('window_days', '{"window": {"from": "00:00", "to": "24:00", "days": ["sun", "sat"]}}');
CALL hold('window_night', '{"window": {"from": "22:00", "to": "06:00", "days": ["mon"]}}');
CALL hold('condition', '{"condition": "traits->>''go'' = ''yes''"}');
CALL hold('condition_met', '{"condition": "props->>''u'' IS NOT NULL"}');
CALL hold('recheck', '{"condition": "traits->>''go'' = ''yes''", "recheck": "1 hour"}');
CALL hold('recheck_for', '{"condition": "traits->>''go'' = ''yes''", "recheck": "1 hour", "for": "90 minutes"}');
CALL emit('10:00', 'ann', 'come', '{"u": "2025-03-05 12:00+00"}');
TABLE held;
-- all are over by then, but for conditions
CALL advance('2025-03-12 00:00');
TABLE held;
TABLE failures;

-- a night's window belongs to the day on which it opens: Monday's till Tuesday six
ROLLBACK TO clean;
CALL hold('night', '{"window": {"from": "22:00", "to": "06:00", "days": ["mon"]}}');
CALL emit('2025-03-03 05:00', 'sunday_night', 'come');
CALL emit('2025-03-03 21:59:59', 'too_early', 'come');
CALL emit('2025-03-03 22:00', 'at_opening', 'come');
CALL emit('2025-03-04 05:59:59', 'just_in', 'come');
CALL emit('2025-03-04 06:00', 'too_late', 'come');
CALL emit('2025-03-04 23:00', 'tuesday', 'come');
TABLE held;

-- the chain: for, until, at, window
ROLLBACK TO clean;
CALL hold('all', '{"for": "2 hours", "until": "(props->>''u'')::timestamptz", "at": "09:00",
	"days": ["mon", "wed"], "window": {"from": "12:00", "to": "14:00", "days": ["wed", "thu"]}}');
CALL hold('for_at', '{"for": "23 hours", "at": "09:00"}');
CALL hold('for_until', '{"for": "1 day", "until": "(props->>''u'')::timestamptz"}');
CALL hold('until_window', '{"until": "(props->>''u'')::timestamptz", "window": {"from": "08:00", "to": "09:00"}}');
CALL emit('10:00', 'next_day', 'come', '{"u": "2025-03-05 08:59+00"}');
CALL emit('10:00', 'after_nine', 'come', '{"u": "2025-03-05 09:00:00.000001+00"}');
CALL emit('10:00', 'past', 'come', '{"u": "2025-03-04 09:59+00"}');
TABLE held;

-- past: over the edge at once; at exactly that time it is over, not past
ROLLBACK TO clean;
CALL hold('edge', '{"until": "(props->>''u'')::timestamptz", "for": "2 hours", "at": "09:00"}', '[{"from": "W", "to": "late", "on": "past"}]');
CALL hold('edge_alone', '{"until": "(props->>''u'')::timestamptz"}', '[{"from": "W", "to": "late", "on": "past"}]');
CALL hold('edge_if', '{"until": "(props->>''u'')::timestamptz", "for": "2 hours"}',
	'[{"from": "W", "to": "late", "on": "past", "condition": "customer <> ''past''"}]');
CALL hold('edge_if_alone', '{"until": "(props->>''u'')::timestamptz"}',
	'[{"from": "W", "to": "late", "on": "past", "condition": "customer <> ''past''"}]');
CALL hold('no_edge', '{"until": "(props->>''u'')::timestamptz", "for": "2 hours"}');
CALL hold('no_edge_alone', '{"until": "(props->>''u'')::timestamptz"}');
CALL emit('10:00', 'future', 'come', '{"u": "2025-03-04 10:00:00.000001+00"}');
CALL emit('10:00', 'now', 'come', '{"u": "2025-03-04 10:00+00"}');
CALL emit('10:00', 'past', 'come', '{"u": "2025-03-04 09:59:59.999999+00"}');
TABLE held;

-- null, infinite and wrong: the member fails, and it is recorded
ROLLBACK TO clean;
CALL hold('until', '{"until": "(props->>''u'')::timestamptz"}');
CALL hold('for', '{"for": "(props->>''f'')::interval"}');
CALL emit('10:00', 'null', 'come');
CALL emit('10:00', 'for_ever', 'come', '{"u": "infinity", "f": "101 years"}');
CALL emit('10:00', 'for_ever_past', 'come', '{"u": "-infinity", "f": "-101 years"}');
CALL emit('10:00', 'end_of_time', 'come', '{"u": "294276-12-01", "f": "178000000 years"}');
CALL emit('10:00', 'word', 'come', '{"u": "soon", "f": "a while"}');
CALL emit('10:00', 'far', 'come', '{"u": "9999-12-31", "f": "100 years"}');
TABLE held;
TABLE failures;

-- an event, a change of the profile or a recheck ends a hold by its condition
ROLLBACK TO clean;
CALL hold('plain', '{"condition": "(traits->>''score'')::int >= 50 OR event = ''call''"}');
CALL hold('again', '{"condition": "now >= arrived_at + interval ''150 minutes''", "recheck": "1 hour"}');
CALL hold('bounded', '{"for": "3 hours", "at": "09:00", "condition": "event = ''call''", "recheck": "1 hour"}');
CALL hold('edge_first', '{"condition": "event = ''call''"}', '[{"from": "W", "to": "late", "event": "call"}]');
CALL emit('10:00', 'ann', 'come');
CALL emit('10:00', 'bob', 'come');
TABLE held;
CALL emit('10:20', 'ann', 'other');
CALL emit('10:30', 'ann', 'call');
SELECT journey_identify('bob', '{"score": 49}');
SELECT journey_identify('bob', '{"score": 50}');
TABLE held;
CALL advance('2025-03-06 00:00');
TABLE held;
SELECT journey, seq, from_tile, to_tile, reason, event, due_at, at FROM moves WHERE customer = 'ann';

-- a condition that errs: on arrival as the tile's own, for an event as not met
ROLLBACK TO clean;
CALL hold('arrival', '{"condition": "(props->>''n'')::int = 1", "for": "1 hour"}');
CALL hold('event', '{"condition": "event <> ''come'' AND (props->>''n'')::int = 1", "for": "1 hour"}');
CALL emit('10:00', 'ann', 'come', '{"n": "one"}');
CALL emit('10:10', 'ann', 'other', '{"n": "one"}');
TABLE held;
TABLE failures;
CALL emit('10:20', 'ann', 'other', '{"n": "1"}');
TABLE held;

-- a timer that is worked off late does not open the window
ROLLBACK TO clean;
CALL hold('late', '{"for": "1 hour", "window": {"from": "10:00", "to": "14:00", "days": ["tue", "thu"]}}');
CALL hold('late_at', '{"at": "13:00", "window": {"from": "10:00", "to": "14:00"}}');
CALL emit('10:00', 'ann', 'come');
TABLE held;
CALL at('14:00');
SELECT journey_tick();
TABLE held;
CALL at('2025-03-05 13:59:59');
SELECT journey_tick();
TABLE held;
CALL advance('2025-03-06 10:00');
TABLE held;

-- reset: the hold anew, as an arrival at the event's time
ROLLBACK TO clean;
CALL hold('for', '{"for": "2 hours", "reset": [{"event": "again", "condition": "props->>''ok'' = ''yes''"}]}');
CALL hold('until', '{"until": "(context->>''u'')::timestamptz", "reset": [{"event": "again"}]}', '[{"from": "W", "to": "late", "on": "past"}]');
CALL hold('at', '{"at": "11:00", "reset": [{"event": "again"}]}');
CALL hold('window', '{"window": {"from": "11:00", "to": "11:15"}, "reset": [{"event": "again"}]}');
CALL hold('condition', '{"condition": "context->>''ok'' = ''yes''", "recheck": "1 hour", "reset": [{"event": "again"}]}');
CALL emit('10:00', 'ann', 'come', '{"u": "2025-03-04 12:00+00"}');
CALL emit('10:30', 'ann', 'again', '{"u": "2025-03-04 13:00+00"}');
TABLE held;
CALL emit('10:40', 'ann', 'again', '{"u": "2025-03-04 10:39+00", "ok": "yes"}');
TABLE held;

-- each in his own zone; a day keeps the hour over a change of the clock
ROLLBACK TO clean;
CALL hold('day', '{"for": "1 day"}', '[]', '{"timezone": "context->>''tz''"}');
CALL hold('hours', '{"for": "24 hours"}', '[]', '{"timezone": "context->>''tz''"}');
CALL hold('nine', '{"at": "09:00", "days": ["mon"]}', '[]', '{"timezone": "context->>''tz''"}');
CALL hold('working', '{"window": {"from": "09:00", "to": "17:00", "days": ["mon", "tue", "wed", "thu", "fri"]}}',
	'[]', '{"timezone": "context->>''tz''"}');
CALL hold('fixed', '{"at": "09:00"}', '[]', '{"timezone": "Asia/Kolkata"}');
CALL hold('midnight', '{"until": "2025-03-10 00:00"}', '[]', '{"timezone": "context->>''tz''"}');
CALL emit('2025-03-08 20:00', 'newyork', 'come', '{"tz": "America/New_York"}');
CALL emit('2025-03-08 20:00', 'tokyo', 'come', '{"tz": "Asia/Tokyo"}');
CALL emit('2025-03-08 20:00', 'nowhere', 'come');
CALL emit('2025-03-29 20:00', 'berlin', 'come', '{"tz": "Europe/Berlin"}');
TABLE held;
TABLE failures;

-- while a window holds what is over, the condition is asked on
ROLLBACK TO clean;
CALL hold('shut', '{"for": "1 hour", "window": {"from": "10:00", "to": "14:00"}, "condition": "now >= ''2025-03-04 17:00+00''", "recheck": "3 hours"}');
CALL hold('opened', '{"for": "1 hour", "window": {"from": "10:00", "to": "14:00"}, "condition": "now >= ''2025-03-07 00:00+00''", "recheck": "10 hours"}');
CALL emit('10:00', 'ann', 'come');
CALL at('14:30');
SELECT journey_tick();
TABLE held;
CALL advance('17:30');
TABLE held;
CALL advance('2025-03-06 00:00');
TABLE held;

-- nor does a pause that puts off a time of day by a day put off the condition by as much
ROLLBACK TO clean;
CALL hold('shifted', '{"at": "07:00", "condition": "now >= ''2025-03-05 08:00+00''", "recheck": "22 hours"}', '[]', '{"on_resume": "shift"}');
CALL emit('10:00', 'ann', 'come');
CALL at('12:00');
SELECT journey_pause('shifted');
CALL at('12:01');
SELECT journey_resume('shifted');
CALL emit('12:01', 'ann', 'other');
TABLE held;
CALL advance('2025-03-05 07:01');
TABLE held;
CALL advance('2025-03-06 07:00');
TABLE held;

-- an interval between rechecks that is none in February moves the clock all the same
ROLLBACK TO clean;
CALL hold('short', '{"condition": "now >= entered_at + interval ''3 seconds''", "recheck": "1 month -29 days"}');
CALL emit('2025-02-10 10:00', 'ann', 'come');
CALL advance('2025-02-10 12:00');
TABLE held;

-- a day more each time
ROLLBACK TO clean;
CALL draw('again', '{
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "come"}]},
    "L": {"type": "wait", "for": "make_interval(hours => 24 * visits)", "until": "entered_at", "max_visits": 3},
    "M": {"type": "action", "destination": "mail"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "L"},
    {"from": "L", "to": "M"},
    {"from": "M", "to": "L"},
    {"from": "L", "to": "done", "on": "max_visits"}
  ]
}');
CALL emit('10:00', 'ann', 'come');
CALL advance('2025-04-01 00:00');
TABLE acts;
SELECT seq, from_tile, to_tile, reason, due_at, at FROM moves;
ROLLBACK;
