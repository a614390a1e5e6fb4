-- An audience gets another query while journeys name it.
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/helpers.sql'
BEGIN;
\set ECHO none
\i :helpers
\set ECHO all
CREATE TABLE public.buyers (id text PRIMARY KEY, spent int NOT NULL);
INSERT INTO public.buyers VALUES ('ann', 500), ('bob', 1500), ('cy', 2500);
CREATE VIEW inside AS
SELECT audience, string_agg(customer, ' ' ORDER BY customer) AS customers FROM journey.audience_member GROUP BY 1 ORDER BY 1;
CALL at('10:00');
SELECT journey_audience_create('vip', 'SELECT id FROM public.buyers WHERE spent >= 1000');
CALL draw('care', $${
  "exit": [{"audience_left": "vip", "outcome": "left"}],
  "tiles": {
    "start": {"type": "entry", "on": [{"audience": "vip"}]},
    "stay": {"type": "wait", "for": "30 days"},
    "done": {"type": "exit"}
  },
  "edges": [{"from": "start", "to": "stay"}, {"from": "stay", "to": "done"}]
}$$);
SELECT journey_enter_many('care', ARRAY(SELECT customer FROM journey.audience_member));
SAVEPOINT clean;

-- Who leaves leaves, who is new enters, and the new query is the one that counts.
CALL at('11:00');
SELECT journey_audience_update('vip', 'SELECT id FROM public.buyers WHERE spent >= 2000 OR spent < 1000');
TABLE inside;
SELECT customer, tile, state, outcome, arrived_at FROM members;
SELECT query, source IS NOT NULL AS live, refresh, error FROM journey.audience;
UPDATE public.buyers SET spent = 3000 WHERE id = 'bob';
TABLE inside;
-- no longer live, and the table has no use for a trigger; then live again
SELECT journey_audience_update('vip', 'SELECT id FROM public.buyers WHERE spent >= 2000 AND now() > ''2020-01-01''', '1 day');
SELECT source IS NOT NULL AS live, refresh, refresh_at FROM journey.audience;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'public.buyers'::regclass;
SELECT journey_audience_update('vip', 'SELECT id FROM public.buyers WHERE spent >= 2600');
SELECT source IS NOT NULL AS live, refresh, refresh_at FROM journey.audience;
TABLE inside;
-- to another table
CREATE TABLE public.clubs (id text PRIMARY KEY);
INSERT INTO public.clubs VALUES ('dan');
SELECT journey_audience_update('vip', 'SELECT id FROM public.clubs');
SELECT relation FROM journey.source;
TABLE inside;
INSERT INTO public.clubs VALUES ('eve');
UPDATE public.buyers SET spent = 9000;
TABLE inside;
ROLLBACK TO clean;

-- A query that fails changes nothing.
SELECT error_of($$SELECT journey_audience_update('vip', 'SELECT nobody FROM public.buyers')$$);
SELECT error_of($$SELECT journey_audience_update('vip', 'SELECT id FROM public.buyers', '10 seconds')$$);
SELECT error_of($$SELECT journey_audience_update('vpi', 'SELECT id FROM public.buyers')$$);
SELECT query, error FROM journey.audience;
TABLE inside;

-- Neither live nor refreshed: that is said.
SELECT journey_audience_create('old', 'SELECT id FROM public.buyers WHERE now() > ''2020-01-01''');
SELECT journey_audience_create('young', 'SELECT id FROM public.buyers WHERE now() > ''2020-01-01''', '1 hour');

-- The query runs as the owner: only he gives it.
CREATE ROLE regress_journey_ops;
CREATE ROLE regress_journey_ann;
SELECT journey_grant('regress_journey_ops', 'operate'), journey_grant('regress_journey_ann', 'author');
GRANT USAGE ON SCHEMA public TO regress_journey_ops, regress_journey_ann;
GRANT SELECT ON public.buyers TO regress_journey_ann;
SET LOCAL ROLE regress_journey_ops;
SELECT error_of($$SELECT journey_audience_update('vip', 'SELECT id FROM public.buyers')$$);
SET LOCAL ROLE regress_journey_ann;
SELECT error_of($$SELECT journey_audience_update('vip', 'SELECT id FROM public.buyers')$$);
SELECT journey_audience_create('own', 'SELECT id FROM public.buyers', '1 hour');
SELECT journey_audience_update('own', 'SELECT id FROM public.buyers WHERE spent > 2000', '2 hours');
RESET ROLE;
SELECT owner, query, refresh, source IS NOT NULL AS live FROM journey.audience WHERE name = 'own';
ROLLBACK;
