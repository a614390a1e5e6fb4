-- What the tests condition_*.sql share: two roles, and what becomes of a condition.
--
-- probe() makes a journey of regress_journey_author in which a condition is asked twice: by an event (the entry's
-- trigger) and by a timer (an edge that leaves a wait), and says what came of both.

CREATE SCHEMA lab;
GRANT USAGE ON SCHEMA lab TO PUBLIC;
SET search_path = lab, public;

CREATE ROLE regress_journey_author;
CREATE ROLE regress_journey_app;
SELECT journey_grant('regress_journey_author', 'author'), journey_grant('regress_journey_app', 'emit');
CREATE SCHEMA shop AUTHORIZATION regress_journey_author;

CREATE SEQUENCE probe_number;
GRANT USAGE ON SEQUENCE probe_number TO PUBLIC;

-- A journey whose entry asks the condition on the event go, and whose wait asks it when a timer fires.
CREATE FUNCTION probe_definition(condition text, event text DEFAULT 'go') RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
SELECT jsonb_build_object(
	'tiles', jsonb_build_object(
		'start', jsonb_build_object('type', 'entry', 'on', jsonb_build_array(
			jsonb_build_object('event', event, 'condition', condition),
			jsonb_build_object('event', event || '_in'))),
		'hold', '{"type": "wait", "for": "1 minute"}'::jsonb,
		'yes', '{"type": "exit"}'::jsonb,
		'no', '{"type": "exit"}'::jsonb),
	'edges', jsonb_build_array(
		'{"from": "start", "to": "hold"}'::jsonb,
		jsonb_build_object('from', 'hold', 'to', 'yes', 'condition', condition),
		'{"from": "hold", "to": "no"}'::jsonb))
$$;

-- The journey of the next number, active; its name and event.
CREATE FUNCTION probe_activate(condition text, owner name DEFAULT 'regress_journey_author') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	name text := 'probe_' || nextval('probe_number');
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', owner);
	PERFORM journey_create(name, probe_definition(condition, name));
	PERFORM journey_activate(name);
	RESET ROLE;
	RETURN name;
EXCEPTION WHEN OTHERS THEN
	RETURN format('not activated: %s %s', SQLSTATE, SQLERRM);
END
$$;

-- The errors that a journey has recorded; journey.failure shows one message a minute.
CREATE FUNCTION probe_failures(name text) RETURNS text LANGUAGE sql AS $$
SELECT string_agg(DISTINCT concat_ws(' ', f.sqlstate, f.message), '; ')
  FROM journey.failure_row f JOIN journey.journey j ON j.id = f.journey
 WHERE j.name = probe_failures.name
$$;

-- yes: in, or its outcome; an error where it erred.
CREATE FUNCTION probe_emit(name text, props jsonb DEFAULT '{}', customer text DEFAULT 'ann') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL ROLE regress_journey_app;
	PERFORM journey_emit(customer, name, props);
	PERFORM journey_emit('bob', name || '_in', props);
	RESET ROLE;
	RETURN coalesce(probe_failures(name),
					CASE WHEN EXISTS (SELECT FROM journey.member m WHERE m.journey = name AND m.customer = probe_emit.customer)
						 THEN 'yes' ELSE 'no' END);
END
$$;
CREATE FUNCTION probe_timer(name text) RETURNS text LANGUAGE plpgsql
SET client_min_messages = error AS $$
BEGIN
	PERFORM journey_advance_to((SELECT max(due_at) FROM journey.member m WHERE m.journey = name));
	RETURN coalesce((SELECT outcome FROM journey.member m WHERE m.journey = name AND m.customer = 'bob'), 'stays');
END
$$;

CREATE FUNCTION probe(condition text, props jsonb DEFAULT '{}', owner name DEFAULT 'regress_journey_author') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	name text := probe_activate(condition, owner);
	by_event text;
BEGIN
	IF name LIKE 'not%' THEN
		RETURN name;
	END IF;
	by_event := probe_emit(name, props);
	RETURN format('event: %s, timer: %s', by_event, probe_timer(name));
END
$$;

-- What a check of the definition says of the condition, as its author.
CREATE FUNCTION probe_check(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
BEGIN
	SET LOCAL ROLE regress_journey_author;
	SELECT concat_ws(' | ', v.message, v.hint) INTO said
	  FROM journey_validate(probe_definition(condition)) v WHERE v.path = 'tiles.start.on[0].condition' LIMIT 1;
	RESET ROLE;
	RETURN coalesce(said, 'ok');
END
$$;
