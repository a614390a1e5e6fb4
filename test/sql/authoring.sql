-- The verbs of authors, and who may call them.
\set SHOW_CONTEXT never
CREATE ROLE regress_journey_author;
CREATE ROLE regress_journey_other;
CREATE ROLE regress_journey_operator;
CREATE ROLE regress_journey_nobody;
CREATE ROLE regress_journey_super SUPERUSER;
INSERT INTO journey.destination (name, kind, config) VALUES ('mail', 'pull', '{}'), ('fax', 'pull', '{}');
SELECT journey_grant('regress_journey_author', 'author'), journey_grant('regress_journey_author', 'author', 'mail'),
	   journey_grant('regress_journey_other', 'author'), journey_grant('regress_journey_operator', 'operate');

CREATE TEMP TABLE document (name text, definition jsonb);
GRANT SELECT ON document TO PUBLIC;
INSERT INTO document VALUES
	('good', '{
		"description": "kept as it is",
		"tiles": {
			"start": {"type": "entry", "on": [{"event": "SIGNUP"}]},
			"hold": {"type": "wait", "for": "1 day"},
			"greet": {"type": "action", "destination": "mail", "payload": {"name": "{{ traits->>''name'' }}"}},
			"done": {"type": "exit"}
		},
		"edges": [{"from": "start", "to": "hold"}, {"from": "hold", "to": "greet"}, {"from": "greet", "to": "done"}]
	}'),
	('half', '{
		"tiles": {"start": {"type": "entry"}, "send": {"type": "action", "destination": "pigeon"}},
		"edges": [{"from": "start", "to": "somewhere"}, {"from": "send", "to": "send", "condition": "visits ="}]
	}'),
	('typo', '{"tiles": {"start": {"type": "entry", "no": []}, "hold": {"type": "wait", "for": 30}}}'),
	('lacking', '{"tiles": {"start": {"type": "entry"}, "call": {"type": "webhook"}}}');
CREATE FUNCTION pg_temp.doc(text) RETURNS jsonb LANGUAGE sql STABLE AS 'SELECT definition FROM document WHERE name = $1';

-- A draft may be incomplete as a graph, and its SQL is not looked at.
SET ROLE regress_journey_author;
SELECT journey_create('welcome', pg_temp.doc('half'));
RESET ROLE;
SELECT name, owner, state, version FROM journey.journey;
SELECT version, state, tiles FROM journey.version_row;
SET ROLE regress_journey_author;

-- What no draft may have; the error counts the others.
SELECT journey_create('typo', pg_temp.doc('typo'));
\echo :LAST_ERROR_SQLSTATE
SELECT journey_create('lacking', pg_temp.doc('lacking'));
\echo :LAST_ERROR_SQLSTATE
SELECT journey_create('list', '[]');
SELECT journey_update('welcome', pg_temp.doc('typo'));

-- Names.
SELECT journey_create('welcome', '{}');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_create('', '{}');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_create(repeat('n', 129), '{}');
SELECT journey_create(E'two\nlines', '{}');
SELECT journey_create(repeat('n', 128), '{}'), journey_delete(repeat('n', 128));
SELECT journey_update('wellcome', '{}');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_activate('nothing like it');

-- Nulls.
SELECT journey_create(NULL, '{}');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_create('x', NULL);
SELECT journey_update(NULL, '{}');
SELECT journey_update('welcome', NULL);
SELECT journey_validate(NULL);
SELECT journey_activate(NULL);
SELECT journey_definition(NULL);
SELECT journey_delete(NULL);

-- Activation raises the first error, and nothing has changed.
SELECT journey_activate('welcome');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT name, state, version FROM journey.journey;

-- Others may not touch it, but operators and the owner's members may.
SET ROLE regress_journey_other;
SELECT journey_update('welcome', pg_temp.doc('good'));
\echo :LAST_ERROR_SQLSTATE
SELECT journey_activate('welcome');
SELECT journey_definition('welcome');
SELECT journey_delete('welcome');
RESET ROLE;
GRANT regress_journey_author TO regress_journey_other;
SET ROLE regress_journey_other;
SELECT journey_update('welcome', pg_temp.doc('good'));
RESET ROLE;
REVOKE regress_journey_author FROM regress_journey_other;
SET ROLE regress_journey_operator;
SELECT journey_definition('welcome') = pg_temp.doc('good') AS same;
RESET ROLE;
SET ROLE regress_journey_nobody;
SELECT journey_activate('welcome');
RESET ROLE;

-- The validation is the owner's, whoever activates: it may not send to fax.
SELECT journey_update('welcome', jsonb_set(pg_temp.doc('good'), '{tiles,greet,destination}', '"fax"'));
SELECT journey_activate('welcome');
\echo :LAST_ERROR_SQLSTATE
SELECT severity, path, message FROM journey_validate(journey_definition('welcome'));
SET ROLE regress_journey_author;
SELECT severity, path, message FROM journey_validate(journey_definition('welcome'));
SELECT journey_update('welcome', pg_temp.doc('good'));
SELECT severity, path, message FROM journey_validate(journey_definition('welcome'));

-- Nor read what it may not read.
SELECT severity, path, message FROM journey_validate(
	jsonb_set(journey_definition('welcome'), '{edges,0,condition}', '"EXISTS (SELECT 1 FROM pg_catalog.pg_authid)"'));

-- Activation arms the database the first time.
RESET ROLE;
BEGIN;
DELETE FROM journey.armed;
SET LOCAL ROLE regress_journey_author;
SELECT journey_activate('welcome');
RESET ROLE;
SELECT a.database = d.oid AS here FROM journey.armed a LEFT JOIN pg_database d ON d.datname = current_database();
ROLLBACK;
SELECT name, state FROM journey.journey;
SET ROLE regress_journey_author;
SELECT journey_activate('welcome');
RESET ROLE;
SELECT name, owner, state, version FROM journey.journey;
SELECT version, state, tiles FROM journey.version_row;

-- From then on it does not change.
SET ROLE regress_journey_author;
SELECT journey_update('welcome', pg_temp.doc('good'));
\echo :LAST_ERROR_SQLSTATE
SELECT journey_activate('welcome');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_delete('welcome');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_definition('welcome') = pg_temp.doc('good') AS same, journey_definition('welcome', 1) ->> 'description' AS description;
SELECT journey_definition('welcome', 2);
\echo :LAST_ERROR_SQLSTATE
SELECT journey_definition('welcome', 70000);
SELECT journey_definition('welcome', 0);

-- A superuser's journey: an operator may activate it, but not write what runs as a superuser.
SET ROLE regress_journey_super;
SELECT journey_create('admin', pg_temp.doc('good'));
SET ROLE regress_journey_operator;
SELECT journey_update('admin', pg_temp.doc('half'));
\echo :LAST_ERROR_SQLSTATE
SELECT journey_activate('admin');
RESET ROLE;
SET journey.allow_superuser_owner = off;
SELECT journey_create('admin2', pg_temp.doc('good'));
\echo :LAST_ERROR_SQLSTATE
RESET journey.allow_superuser_owner;
SELECT journey_create('admin2', pg_temp.doc('good'));
SET journey.allow_superuser_owner = off;
SELECT journey_activate('admin2');
\echo :LAST_ERROR_SQLSTATE
RESET journey.allow_superuser_owner;

-- An owner that is gone.
SET ROLE regress_journey_other;
SELECT journey_create('orphan', pg_temp.doc('good'));
RESET ROLE;
SELECT journey_revoke('regress_journey_other', 'author');
ALTER ROLE regress_journey_other RENAME TO regress_journey_renamed;
SELECT journey_activate('orphan');
\echo :LAST_ERROR_SQLSTATE
SELECT journey_delete('orphan');
ALTER ROLE regress_journey_renamed RENAME TO regress_journey_other;

-- Where nothing can be written, and where somebody else's hand may guide the call.
BEGIN READ ONLY;
SELECT journey_create('ro', '{}');
ROLLBACK;
BEGIN READ ONLY;
SELECT count(*) FROM journey_validate('{}');
SELECT journey_definition('admin2') ->> 'description' AS description;
ROLLBACK;
CREATE MATERIALIZED VIEW trap AS SELECT journey_create('trap', '{}')::text AS created;
\echo :LAST_ERROR_SQLSTATE
CREATE MATERIALIZED VIEW trap AS SELECT message FROM journey_validate('{}');

-- An error is like any other: what went before stays.
BEGIN;
SELECT journey_create('kept', '{}');
SAVEPOINT s;
SELECT journey_create('kept', '{}');
ROLLBACK TO SAVEPOINT s;
SELECT journey_update('kept', pg_temp.doc('good'));
COMMIT;
SELECT name, state FROM journey.journey ORDER BY name;
SELECT journey_delete('kept'), journey_delete('admin2');
SELECT name, state FROM journey.journey ORDER BY name;
SELECT count(*) AS versions FROM journey.version_row;

-- Clean up.
DELETE FROM journey.version_row;
DELETE FROM journey.journey;
DELETE FROM journey.destination;
SELECT journey_revoke('regress_journey_author', 'author'), journey_revoke('regress_journey_author', 'author', 'mail'),
	   journey_revoke('regress_journey_operator', 'operate');
DROP TABLE document CASCADE;
DROP ROLE regress_journey_author, regress_journey_other, regress_journey_operator, regress_journey_nobody,
	regress_journey_super;
