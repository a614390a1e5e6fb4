-- What the tests of the engine share.  Included at the start of a transaction
-- that the test rolls back at its end, so that nothing stays for the others.
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO';

-- Nor does what others left: their journeys would hear our events.
DELETE FROM journey.journey;
DELETE FROM journey.version_row;
DELETE FROM journey.pause;
DELETE FROM journey.held;
DELETE FROM journey.member_row;
DELETE FROM journey.event;
DELETE FROM journey.transition_row;
DELETE FROM journey.action;
DELETE FROM journey.failure_row;
DELETE FROM journey.queue;
DELETE FROM journey.dedupe;
DELETE FROM journey.destination;
DELETE FROM journey.customer;

-- The clock; a time without a day is one of Tuesday 4 March 2025.
CREATE FUNCTION moment(text) RETURNS timestamptz LANGUAGE sql STABLE AS
$$ SELECT (CASE WHEN $1 ~ '^\d\d:' THEN '2025-03-04 ' ELSE '' END || $1)::timestamptz $$;
CREATE PROCEDURE at(moment text) LANGUAGE sql AS
$$ SELECT set_config('journey.now', moment(moment)::text, true) $$;
CREATE PROCEDURE emit(moment text, customer text, event text, props jsonb DEFAULT '{}')
LANGUAGE sql AS
$$ CALL at(moment); SELECT journey_emit(customer, event, props) $$;
CREATE PROCEDURE advance(moment text) LANGUAGE sql AS
$$ SELECT journey_advance_to(moment(moment)) $$;

-- Create and activate.
CREATE PROCEDURE draw(name text, definition jsonb) LANGUAGE sql AS
$$ SELECT journey_create(name, definition); SELECT journey_activate(name) $$;

CREATE VIEW members AS
SELECT journey, customer, key, tile, state, outcome, arrived_at, due_at,
	   converted_at IS NOT NULL AS goal
  FROM journey.member ORDER BY journey, customer, key, entered_at, id;
CREATE VIEW moves AS
SELECT t.journey, t.customer, t.seq, t.from_tile, t.to_tile, t.edge, t.reason, e.event, t.due_at, t.at
  FROM journey.transition t LEFT JOIN journey.event e ON e.id = t.event_id
 ORDER BY t.journey, t.customer, t.member, t.seq;
CREATE VIEW acts AS
SELECT journey, customer, tile, created_at, payload
  FROM journey.action ORDER BY created_at, journey, customer, tile;
CREATE VIEW failures AS
SELECT journey, tile, edge, sqlstate, minute, count, last_customer, message
  FROM journey.failure ORDER BY minute, journey, tile, edge, sqlstate;

-- What a command raises.
CREATE FUNCTION error_of(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text;
	message text;
	detail text;
	hint text;
BEGIN
	EXECUTE command;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n  ', state || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END
$$;

SELECT journey_destination_create('mail', 'pull');
