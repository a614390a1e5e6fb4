-- :n more journeys, each listening to the event :event (a % becomes its number)
-- with a condition that does not hold.
SELECT journey_create('other-' || i, format($$
{
	"tiles": {
		"start": {"type": "entry", "on": [{"event": %s, "condition": "(props->>'total')::numeric < 0"}]},
		"hold": {"type": "wait", "for": "1 day"},
		"done": {"type": "exit"}
	},
	"edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "done"}]
}
$$, to_json(replace(:'event', '%', i::text)))::jsonb),
	journey_activate('other-' || i)
  FROM generate_series(1, :n) AS i;
