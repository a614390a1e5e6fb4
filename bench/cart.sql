-- The cart journey, as every row of the table meets it: entry with a condition
-- and a key, a wait, a branch, an action; an exit rule of the member's cart.
CREATE EXTENSION IF NOT EXISTS journey;
SELECT journey_destination_create('mail', 'pull', '{}');
SELECT journey_create('cart', $$
{
	"key": "props->>'cart_id'",
	"exit": [{"event": "PURCHASE", "condition": "props->>'cart_id' = key", "outcome": "converted"}],
	"tiles": {
		"start": {"type": "entry",
			"on": [{"event": "ADD_TO_CART", "condition": "(props->>'total')::numeric > 0"}]},
		"hold": {"type": "wait", "for": "30 minutes"},
		"size": {"type": "branch"},
		"discount": {"type": "action", "destination": "mail",
			"payload": {"to": "{{ customer }}", "cart": "{{ key }}", "percent": 10}},
		"reminder": {"type": "action", "destination": "mail",
			"payload": {"to": "{{ customer }}", "cart": "{{ key }}"}},
		"done": {"type": "exit", "outcome": "reminded"}
	},
	"edges": [
		{"from": "start", "to": "hold"},
		{"from": "hold", "to": "size"},
		{"from": "size", "to": "discount", "condition": "(context->>'total')::numeric >= 50"},
		{"from": "size", "to": "reminder"},
		{"from": "discount", "to": "done"},
		{"from": "reminder", "to": "done"}
	]
}
$$);
SELECT journey_activate('cart');
