CREATE EXTENSION journey;

-- Who may do what: the shop's application emits, marketing draws journeys and
-- reads the customers, the mailer takes what is to be sent.
CREATE ROLE shop_app LOGIN;
CREATE ROLE marketing LOGIN;
CREATE ROLE mailer LOGIN;
GRANT USAGE ON SCHEMA shop TO shop_app, marketing;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA shop TO shop_app;
GRANT SELECT ON shop.customers TO marketing;
SELECT journey_destination_create('email', 'pull', '{}');
SELECT journey_grant('shop_app', 'emit');
SELECT journey_grant('marketing', 'author'), journey_grant('marketing', 'author', 'email');
SELECT journey_grant('mailer', 'author', 'email');

SET ROLE marketing;
SELECT journey_create('cart-abandonment', $$
{
	"description": "Remind of carts left behind; waits of seconds, for the demo.",
	"key": "props->>'cart'",
	"goal": {"event": "PURCHASE", "condition": "props->>'cart' = key"},
	"exit": [{"event": "PURCHASE", "condition": "props->>'cart' = key", "outcome": "converted"}],
	"tiles": {
		"cart": {"type": "entry", "on": [{"event": "ADD_TO_CART", "condition": "(props->>'total')::numeric > 0"}]},
		"hold": {"type": "wait", "for": "5 seconds"},
		"size": {"type": "branch"},
		"discount": {"type": "action", "destination": "email", "payload": {
			"to": "{{ (SELECT email FROM shop.customers WHERE id = member.customer) }}",
			"text": "{{ context->>'product' }}, still yours: 10 % off {{ context->>'total' }}"}},
		"reminder": {"type": "action", "destination": "email", "payload": {
			"to": "{{ (SELECT email FROM shop.customers WHERE id = member.customer) }}",
			"text": "You left your {{ context->>'product' }} behind"}},
		"patience": {"type": "wait", "for": "6 seconds"},
		"last_call": {"type": "action", "destination": "email", "payload": {
			"to": "{{ (SELECT email FROM shop.customers WHERE id = member.customer) }}",
			"text": "Last call for your {{ context->>'product' }}"}},
		"given_up": {"type": "exit", "outcome": "given up"}
	},
	"edges": [
		{"from": "cart", "to": "hold"},
		{"from": "hold", "to": "size"},
		{"from": "size", "to": "discount", "condition": "(context->>'total')::numeric >= 50"},
		{"from": "size", "to": "reminder"},
		{"from": "discount", "to": "patience"},
		{"from": "reminder", "to": "patience"},
		{"from": "patience", "to": "last_call"},
		{"from": "last_call", "to": "given_up"}
	]
}
$$);
SELECT journey_activate('cart-abandonment');
RESET ROLE;

-- The journey's tiles in the order in which one walks them.
CREATE VIEW shop.funnel AS
	SELECT tile, type, entered, inside, departed, round(100 * conversion_rate) || ' %' AS converted
	  FROM journey.tile_stats
	 WHERE journey = 'cart-abandonment'
	 ORDER BY array_position('{cart,hold,size,discount,reminder,patience,last_call,given_up}', tile);
