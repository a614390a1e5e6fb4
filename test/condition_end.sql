-- The end of the tests condition_*.sql: nothing of them stays for the others.
RESET ALL;
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA lab, shop CASCADE;
DROP OWNED BY regress_journey_author, regress_journey_app;
DROP ROLE regress_journey_author, regress_journey_app;
DELETE FROM journey.journey;
DELETE FROM journey.version_row;
DELETE FROM journey.member_row;
DELETE FROM journey.event;
DELETE FROM journey.transition_row;
DELETE FROM journey.action;
DELETE FROM journey.failure_row;
DELETE FROM journey.customer;
DELETE FROM journey.destination;
