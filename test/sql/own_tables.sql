-- Journeys over tables that people already have: S10 b of the scenarios, a win-back
-- by schedule, a VIP audience in real time, a price drop that enters many.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
\set expect :abs_srcdir '/expect.sql'
BEGIN;
\set ECHO none
\i :helpers
\i :expect
\set ECHO all
SAVEPOINT empty;

-- S10 b) a hot lead: the table is bound and watched, and the UPDATE alone exits the
-- member and enters the second journey
CREATE TABLE public.leads (email text PRIMARY KEY, lead_score int NOT NULL DEFAULT 0, name text);
INSERT INTO public.leads VALUES ('ann@x', 10, 'Ann'), ('bob@x', 20, 'Bob');
SELECT journey_bind_profile('public.leads', 'email');
SET LOCAL client_min_messages = warning;
SELECT journey_watch('public.leads', 'email', 'lead_{operation}');
RESET client_min_messages;
CALL draw('nurture', $${
  "key": "props->>'topic'",
  "entry_rules": {"reentry": "never"},
  "exit": [
    {"event": "demo_requested", "outcome": "mql"},
    {"condition": "(traits->>'lead_score')::int >= 80", "outcome": "hot"}
  ],
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "ebook_downloaded"}]},
    "M1": {"type": "action", "destination": "mail", "payload": {"text": "Dear {{ profile.name }}"}},
    "W1": {"type": "wait", "for": "3 days"},
    "M2": {"type": "action", "destination": "mail"},
    "W2": {"type": "wait", "for": "4 days"},
    "M3": {"type": "action", "destination": "mail"},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "M1"},
    {"from": "M1", "to": "W1"},
    {"from": "W1", "to": "M2"},
    {"from": "M2", "to": "W2"},
    {"from": "W2", "to": "M3"},
    {"from": "M3", "to": "done"}
  ]
}$$);
CALL draw('sales', $${
  "key": "props->>'key'",
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "$journey_exited", "condition": "props->>'journey' = 'nurture' AND props->>'outcome' = 'hot'"}]},
    "call": {"type": "action", "destination": "mail", "payload": {"about": "{{ key }}", "score": "{{ profile.lead_score }}"}},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "call"}, {"from": "call", "to": "done"}]
}$$);
CALL emit('2025-03-01 12:00', 'ann@x', 'ebook_downloaded', '{"topic": "sql"}');
CALL emit('2025-03-01 12:00', 'bob@x', 'ebook_downloaded', '{"topic": "sql"}');
CALL advance('2025-03-06 12:00');
CALL at('2025-03-06 12:00');
UPDATE public.leads SET lead_score = 79 WHERE email = 'ann@x';
SELECT stands('ann@x', 'sql W2 active');
SAVEPOINT cool;
UPDATE public.leads SET lead_score = 85 WHERE email = 'ann@x';
SELECT stands('ann@x', 'sql W2 exited hot', 'nurture'), stands('ann@x', 'sql done exited done', 'sales');
SELECT stands('bob@x', 'sql W2 active');
SELECT tile, payload FROM journey.action WHERE customer = 'ann@x' ORDER BY created_at, tile;
-- or not at all
ROLLBACK TO cool;
SELECT stands('ann@x', 'sql W2 active', 'nurture');
-- every lead of a statement by itself
UPDATE public.leads SET lead_score = 90;
SELECT customer, journey, outcome FROM journey.member ORDER BY 1, 2;
ROLLBACK TO empty;

-- Win-back: once a day those who have bought nothing for 60 days, at most every 90
-- days; the schedule's work is done by hand here, at its times
CREATE TABLE public.shoppers (id bigint PRIMARY KEY, email text, last_order date);
INSERT INTO public.shoppers VALUES (1, 'one@x', '2025-01-01'), (2, 'two@x', '2025-02-20'), (3, 'three@x', '2024-12-01'), (4, NULL, '2024-12-01');
CALL at('2025-03-10 09:00');
SELECT journey_bind_profile('public.shoppers', 'id');
SELECT journey_audience_create('lapsed', $$SELECT id FROM public.shoppers WHERE last_order <= (now() - interval '60 days')::date$$, '1 hour');
SELECT customer FROM journey.audience_member WHERE audience = 'lapsed' ORDER BY 1;
SELECT journey_create('win-back', $${
  "entry_rules": {"cooldown": "90 days"},
  "exit": [{"event": "order_placed", "outcome": "back"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"audience": "lapsed", "condition": "profile.email IS NOT NULL"}]},
    "miss": {"type": "action", "destination": "mail", "payload": {"to": "{{ profile.email }}"}},
    "wait": {"type": "wait", "for": "14 days"},
    "last": {"type": "action", "destination": "mail", "payload": {"to": "{{ profile.email }}"}},
    "done": {"type": "exit"}
  },
  "edges": [
    {"from": "start", "to": "miss"},
    {"from": "miss", "to": "wait"},
    {"from": "wait", "to": "last"},
    {"from": "last", "to": "done"}
  ]
}$$);
SELECT journey_activate('win-back');
-- who was in the audience before does not enter it now
SELECT count(*) FROM journey.member;
CALL at('2025-04-22 09:00');
SELECT * FROM journey_audience_refresh('lapsed');
SELECT customer, tile, state FROM journey.member ORDER BY 1;
SELECT customer, tile, payload FROM journey.action ORDER BY 1;
CALL emit('2025-04-25 10:00', '2', 'order_placed');
UPDATE public.shoppers SET last_order = '2025-04-25' WHERE id = 2;
SELECT stands('2', ' wait exited back');
CALL at('2025-04-26 09:00');
SELECT * FROM journey_audience_refresh('lapsed');
-- sixty days later again, but within the ninety
CALL at('2025-06-25 09:00');
SELECT * FROM journey_audience_refresh('lapsed');
SELECT count(*) FROM journey.member WHERE customer = '2';
ROLLBACK TO empty;

-- VIPs in real time, over a table of customers with traits in jsonb
CREATE TABLE public.customers (id uuid PRIMARY KEY, spent numeric NOT NULL DEFAULT 0, attributes jsonb);
INSERT INTO public.customers
SELECT ('00000000-0000-0000-0000-00000000000' || i)::uuid, i * 100, jsonb_build_object('name', 'n' || i) FROM generate_series(1, 9) AS i;
SELECT journey_bind_profile('public.customers', 'id', 'attributes');
SELECT journey_audience_create('vip', 'SELECT id FROM public.customers WHERE spent >= 1000');
SELECT journey_audience_create('good', 'SELECT id FROM public.customers WHERE spent >= 500');
SELECT name, source IS NOT NULL AS is_live, members FROM journey.audience ORDER BY 1;
CALL draw('vip-care', $${
  "exit": [{"audience_left": "vip", "outcome": "left"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"audience": "vip"}]},
    "hello": {"type": "action", "destination": "mail", "payload": {"name": "{{ traits->>'name' }}", "good": "{{ journey_in_audience(customer, 'good') }}"}},
    "stay": {"type": "wait", "for": "30 days"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "hello"}, {"from": "hello", "to": "stay"}, {"from": "stay", "to": "done"}]
}$$);
CALL at('2025-03-04 10:00');
UPDATE public.customers SET spent = spent + 600;
SELECT right(customer, 1) AS customer, tile, state FROM journey.member ORDER BY 1;
SELECT right(customer, 1) AS customer, payload FROM journey.action ORDER BY 1;
SELECT audience, count(*) FROM journey.audience_member GROUP BY 1 ORDER BY 1;
CALL at('2025-03-04 11:00');
UPDATE public.customers SET spent = 0 WHERE id::text LIKE '%9';
DELETE FROM public.customers WHERE id::text LIKE '%8';
INSERT INTO public.customers VALUES ('00000000-0000-0000-0000-0000000000aa', 5000, '{"name": "new"}');
SELECT right(customer, 1) AS customer, tile, state, outcome FROM journey.member ORDER BY 1;
ROLLBACK TO empty;

-- The price drops: one row changes, ten thousand enter in the same transaction
CREATE TABLE public.products (sku text PRIMARY KEY, price numeric NOT NULL);
CREATE TABLE public.wishes (sku text, customer text, PRIMARY KEY (sku, customer));
INSERT INTO public.products VALUES ('lamp', 100), ('chair', 50);
INSERT INTO public.wishes SELECT 'lamp', 'c' || i FROM generate_series(1, 10000) AS i;
INSERT INTO public.wishes SELECT 'chair', 'c' || i FROM generate_series(1, 5) AS i;
SET LOCAL client_min_messages = warning;
SELECT journey_watch('public.products', 'sku', 'price_dropped', '{sku,price,old.price}', 'new.price < old.price * 0.9');
RESET client_min_messages;
CALL draw('price-drop', $${
  "key": "props->>'sku'",
  "entry_rules": {"cooldown": "7 days"},
  "tiles": {
    "start": {"type": "entry", "on": [{"event": "price_dropped", "customers": "ARRAY(SELECT w.customer FROM public.wishes w WHERE w.sku = props->>'sku')"}]},
    "tell": {"type": "action", "destination": "mail", "payload": {"sku": "{{ key }}", "was": "{{ context->'old'->'price' }}", "is": "{{ context->'price' }}"}},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "tell"}, {"from": "tell", "to": "done"}]
}$$);
CALL at('2025-03-04 10:00');
UPDATE public.products SET price = 95 WHERE sku = 'lamp';
SELECT count(*) FROM journey.member;
UPDATE public.products SET price = 70 WHERE sku = 'lamp';
SELECT count(*), count(DISTINCT customer), min(payload::text), max(payload::text) FROM journey.action;
SELECT customer, event, props FROM journey.event;
-- the cool-down is the customer's, over all keys
CALL at('2025-03-05 10:00');
UPDATE public.products SET price = 10 WHERE sku = 'chair';
SELECT count(*) FROM journey.action;
CALL at('2025-03-11 10:00');
UPDATE public.products SET price = 5 WHERE sku = 'chair';
SELECT count(*) FROM journey.action;
SELECT source, message FROM journey.failure;
ROLLBACK;
