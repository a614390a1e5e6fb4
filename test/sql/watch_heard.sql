-- Events of watched tables are logged only where somebody names them.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
CREATE TABLE orders (id int PRIMARY KEY, customer int, status text DEFAULT 'new');
CREATE SEQUENCE number;
-- One more order: which events does it give, and is the trigger called at all?
CREATE FUNCTION logged() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM journey.event;
	INSERT INTO orders VALUES (nextval('number'), 7);
	RETURN (SELECT string_agg(event, ' ' ORDER BY id) FROM journey.event);
END $$;
CREATE FUNCTION heard() RETURNS bool LANGUAGE sql AS 'SELECT journey.is_heard(max(id)) FROM journey.source';
CREATE FUNCTION doc(entry text, condition text) RETURNS jsonb LANGUAGE sql AS $$
SELECT jsonb_build_object('tiles', jsonb_build_object(
			'start', jsonb_build_object('type', 'entry', 'on', jsonb_build_array(jsonb_build_object('event', entry, 'condition', condition))),
			'done', '{"type": "exit"}'::jsonb),
		'edges', '[{"from": "start", "to": "done"}]'::jsonb) $$;
CALL draw('first', doc('something', 'true'));
CALL at('10:00');
-- says that nobody listens yet, but not of a name with parts
SELECT journey_watch('orders', 'customer', 'order');
SELECT journey_watch('orders', 'customer', 'order_{status}');
SELECT heard(), logged();

-- A journey that names one of them, as its entry; from then on.
CALL draw('second', doc('order', 'true'));
SELECT heard(), logged();
SELECT count(*) FROM journey.member WHERE journey = 'second';
-- no longer when its newest version names another
SELECT journey_revise('second'), journey_update('second', doc('other', 'true')), journey_activate('second');
SELECT heard(), logged();
-- names that it does not know yet are heard where some event begins so
CALL draw('third', doc('order_new', 'true'));
SELECT heard(), logged();

-- Named in a condition alone, whatever surrounds it.
SELECT journey_unwatch('orders');
SELECT journey_watch('orders', 'customer', 'told');
SELECT heard(), logged();
CALL draw('fourth', doc('x', $$NOT journey_did(customer, 'told') AND 'it''s' IS NOT NULL$$));
SELECT heard(), logged();
SELECT journey_watch('orders', 'customer', 'it''s');
SELECT journey_watch('orders', 'customer', 'tol');
SELECT journey_watch('orders', 'customer', 'told ');
SELECT heard(), logged();

-- One that asks always hears everything.
SELECT journey_unwatch('orders');
SELECT journey_watch('orders', 'customer', 'whatever');
SELECT heard(), logged();
CALL draw('always', $${
  "exit": [{"condition": "key = 'never'", "outcome": "x"}],
  "tiles": {"start": {"type": "entry", "on": [{"event": "y"}]}, "done": {"type": "exit"}},
  "edges": [{"from": "start", "to": "done"}]}$$);
SELECT heard(), logged();
ROLLBACK;
