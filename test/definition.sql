-- A journey with every key of the language, for the tests that read definitions.
-- Included at the start of a transaction that the test rolls back at its end.
DELETE FROM journey.destination;
INSERT INTO journey.destination (name, kind, config) VALUES ('email', 'pull', '{}');
DELETE FROM journey.audience;
INSERT INTO journey.audience (name) VALUES ('testers'), ('vip');
SELECT journey_create('survey', '{
	"tiles": {"start": {"type": "entry"}, "ask": {"type": "action", "destination": "email"}, "asked": {"type": "exit"}},
	"edges": [{"from": "start", "to": "ask"}, {"from": "ask", "to": "asked"}]
}');
SELECT journey_activate('survey');

CREATE FUNCTION pg_temp.whole() RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
SELECT '{
	"description": "Reminds of a cart that was left",
	"ui": {"zoom": 1.5},
	"key": "props->>''cart_id''",
	"timezone": "Europe/Berlin",
	"on_resume": "shift",
	"max_duration": "91 days",
	"quiet_hours": {"from": "21:00", "to": "08:00:30"},
	"cap": {"tag": "promo", "max": 3, "per": "7 days"},
	"entry_rules": {"only": "testers", "on_active": "merge", "reentry": "after_exit", "cooldown": "7 days", "holdout": 12.25},
	"goal": {"event": "PURCHASE", "condition": "props->>''cart_id'' = key", "within": "3 days"},
	"exit": [
		{"event": "PURCHASE", "condition": "props->>''cart_id'' = key", "outcome": "converted"},
		{"audience_left": "vip", "outcome": "no longer ours"},
		{"condition": "traits ? ''blocked''", "outcome": "blocked"}
	],
	"tiles": {
		"start":  {"type": "entry", "ui": {"x": 10, "y": 20}, "on": [
			{"event": "ADD_TO_CART", "condition": "(props->>''total'')::numeric > 0"},
			{"event": "SHARE_CART", "condition": "props ? ''team''", "customers": "ARRAY(SELECT jsonb_array_elements_text(props->''team''))"},
			{"audience": "vip", "condition": "traits ? ''email''"}]},
		"hold":   {"type": "wait", "for": "30 minutes", "until": "2026-12-24 18:00", "at": "09:00", "days": ["mon", "fri"],
				   "window": {"from": "08:00", "to": "20:00", "days": ["mon", "tue", "wed", "thu", "fri"]},
				   "condition": "journey_did(customer, ''REPLIED'', entered_at)", "recheck": "1 hour",
				   "reset": [{"event": "ADD_TO_CART", "condition": "props->>''cart_id'' = key"}], "max_visits": 5},
		"split":  {"type": "branch", "description": "in two"},
		"remind": {"type": "action", "destination": "email", "payload": {"to": "{{ traits->>''email'' }}"}, "tags": ["promo", "cart"],
				   "retry": {"max": 5, "first": "1 minute", "factor": 2.5, "longest": "6 hours"}, "expires": "2 days", "await": true},
		"survey": {"type": "sub_journey", "journey": "survey", "key": "key || ''/survey''", "context": {"cart": "{{ key }}"}, "await": true},
		"mark":   {"type": "update_profile", "set": {"reminded": true}},
		"rest":   {"type": "wait", "for": "1 day"},
		"bought": {"type": "exit"},
		"lost":   {"type": "exit", "outcome": "gave up"},
		"done":   {"type": "exit", "outcome": "reminded"}
	},
	"edges": [
		{"from": "start",  "to": "hold", "label": "in"},
		{"from": "hold",   "to": "bought", "event": "PURCHASE", "condition": "props->>''cart_id'' = key", "since": "entry"},
		{"from": "hold",   "to": "lost", "event": "LEAVE", "wait": "1 minute", "since": "tile"},
		{"from": "hold",   "to": "lost", "on": "past"},
		{"from": "hold",   "to": "lost", "on": "max_visits"},
		{"from": "hold",   "to": "split"},
		{"from": "split",  "to": "remind", "percent": 66.75},
		{"from": "split",  "to": "survey", "percent": 33.25},
		{"from": "remind", "to": "lost", "on": "error", "condition": "visits > 1", "ui": {}},
		{"from": "remind", "to": "mark", "wait": "1 day"},
		{"from": "survey", "to": "mark", "condition": "outcome = ''answered''"},
		{"from": "survey", "to": "lost"},
		{"from": "mark",   "to": "rest", "condition": "visits < 3"},
		{"from": "mark",   "to": "lost"},
		{"from": "rest",   "to": "done"}
	]
}'::jsonb
$$;

-- The same with one thing changed; a value of NULL takes it out.
CREATE FUNCTION pg_temp.changed(at text[], value jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
SELECT CASE WHEN value IS NULL THEN pg_temp.whole() #- at ELSE jsonb_set(pg_temp.whole(), at, value) END
$$;

-- How journey_create answers: the SQLSTATE of its error.
CREATE FUNCTION pg_temp.created(definition jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM journey_create('tried', definition);
	PERFORM journey_delete('tried');
	RETURN 'kept as a draft';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate;
END
$$;
