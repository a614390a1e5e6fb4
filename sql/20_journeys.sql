-- Journeys: the verbs of authors.

CREATE OR REPLACE FUNCTION @extschema@.journey_create(name text, definition jsonb)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_create'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_create(text, jsonb) IS
'Make a journey of this name (1 to 128 bytes) in state draft, owned by the current role. The definition may still be incomplete as a graph and its SQL is not looked at; keys that do not exist, values of a wrong type and what is not supported yet are errors, as is a name that is taken.';

CREATE OR REPLACE FUNCTION @extschema@.journey_update(name text, definition jsonb)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_update'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_update(text, jsonb) IS
'Replace the definition of a journey''s draft; errors as in journey_create, and where the journey has no draft. For its owner and roles with level operate; a superuser''s journey only for superusers.';

CREATE OR REPLACE FUNCTION @extschema@.journey_validate(
	definition jsonb,
	OUT severity text,
	OUT path text,
	OUT message text,
	OUT hint text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'journey_validate'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION @extschema@.journey_validate(jsonb) IS
'All that is wrong with a definition if the current role owned it, one row each and none if all is well: severity (error, or warning, with which it can be activated), path as tiles.hold.for or edges[2].condition, message, and the way out.';

CREATE OR REPLACE FUNCTION @extschema@.journey_activate(name text)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_activate'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_activate(text) IS
'Put the draft of a journey in force: its version never changes again, and customers enter it from each session''s next emit. Members inside stay on the version they are on (see journey_migrate). A paused journey stays paused, a completed one is active again. The first error that journey_validate would show is raised. The first activation in a database arms it (see journey_arm). For the journey''s owner and roles with level operate.';

CREATE OR REPLACE FUNCTION @extschema@.journey_definition(name text, version int DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'journey_definition'
LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.journey_definition(text, int) IS
'The definition of a version of a journey, as it was given; null for the newest version, draft or not. An error where there is no such journey or version. For its owner and roles with level operate.';

CREATE OR REPLACE FUNCTION @extschema@.journey_revise(name text)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_revise'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_revise(text) IS
'Make a draft version beside an active, paused or completed journey, with the definition of its newest version: journey_update changes it, journey_activate publishes it, journey_delete drops it; until then nothing is different for customers. Errors: 55000 the journey is a draft itself or has one already, 42704 no such journey, 42501. For its owner and roles with level operate; a superuser''s journey only for superusers.';

CREATE OR REPLACE FUNCTION @extschema@.journey_duplicate(name text, new_name text)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_duplicate'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_duplicate(text, text) IS
'Make a new journey in state draft with the definition of the newest version of another, draft or not. It is owned by the current role, whose rights its expressions will have. Errors: 42704 no such journey, 42710 the new name is taken, 42602 it cannot be a name, 42501. For the owner of the other journey and roles with level operate.';

CREATE OR REPLACE FUNCTION @extschema@.journey_delete(name text)
RETURNS void
AS 'MODULE_PATHNAME', 'journey_delete'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.journey_delete(text) IS
'Delete a journey that was never activated. Where a draft version stands beside activated ones, only that draft is dropped. Errors: 55000 there is no draft, 42704 no such journey, 42501. For its owner and roles with level operate.';
