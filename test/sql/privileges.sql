-- Who may do what, read from the catalogs.
\set VERBOSITY terse
\pset null -

-- Functions resolve names where they were made to: in C, bound at creation, or with a pinned search_path.  None
-- lends its owner's rights.
SELECT p.oid::regprocedure AS resolves_names_at_the_caller
  FROM pg_proc p
  JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
				  AND d.refclassid = 'pg_extension'::regclass
				  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'journey')
  JOIN pg_language l ON l.oid = p.prolang
 WHERE p.prosecdef
	OR NOT (l.lanname = 'c' OR p.prosqlbody IS NOT NULL
			OR coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, journey, pg_temp'], false))
 ORDER BY 1;

-- The hot tables: each unique key begins with the customer; no trigger, no foreign key, no row security.
SELECT i.indexrelid::regclass AS unique_key_not_by_customer
  FROM pg_index i
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
 WHERE i.indisunique AND a.attname <> 'customer'
   AND i.indrelid IN (SELECT 'journey.member_row'::regclass UNION ALL SELECT 'journey.action'::regclass
					  UNION ALL SELECT inhrelid FROM pg_inherits
					  WHERE inhparent IN ('journey.event'::regclass, 'journey.transition_row'::regclass));
SELECT count(*) AS unique_keys
  FROM pg_index i
 WHERE i.indisunique
   AND i.indrelid IN ('journey.member_row'::regclass, 'journey.action'::regclass, 'journey.event_default'::regclass,
					  'journey.transition_default'::regclass);
SELECT t.tgrelid::regclass AS has_trigger FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
 WHERE c.relnamespace = 'journey'::regnamespace;
SELECT conrelid::regclass AS has_foreign_key FROM pg_constraint
 WHERE contype = 'f' AND connamespace = 'journey'::regnamespace;
SELECT relname AS has_row_security FROM pg_class
 WHERE relnamespace = 'journey'::regnamespace AND (relrowsecurity OR relforcerowsecurity);

-- At first nobody but the owner may do anything, whatever the default privileges of the installing role.
CREATE ROLE regress_anyone;
CREATE DATABASE regress_privileges;
\set home :DBNAME
\c regress_privileges
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO regress_anyone, PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO regress_anyone;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO regress_anyone;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO regress_anyone;
SET client_min_messages = warning;
CREATE EXTENSION journey CASCADE;
RESET client_min_messages;
SELECT journey_maintain();
SELECT g.kind, g.identity, a.grantee::regrole, a.privilege_type
  FROM journey.grantable g
 CROSS JOIN LATERAL aclexplode(g.acl) a
 WHERE a.grantee <> g.owner
 ORDER BY 2;
SELECT c.relname, a.privilege_type
  FROM pg_class c
 CROSS JOIN LATERAL aclexplode(c.relacl) a
 WHERE c.relnamespace = 'journey'::regnamespace AND a.grantee <> c.relowner;
SELECT count(*) > 40 AS looked_at_many FROM journey.grantable;

-- The levels.
CREATE ROLE regress_emit;
CREATE ROLE regress_author;
CREATE ROLE regress_view;
CREATE ROLE regress_operate;
SELECT journey_grant('regress_' || level, level) FROM unnest('{emit,author,view,operate}'::text[]) level;
SELECT g.kind, g.name, string_agg(substr(a.grantee::regrole::text, 9), ' ' ORDER BY a.grantee::regrole::text) AS levels,
	   string_agg(DISTINCT a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END, ' ') AS may
  FROM journey.grantable g
  LEFT JOIN LATERAL aclexplode(g.acl) a ON a.grantee <> g.owner
 GROUP BY g.kind, g.name, g.identity
 ORDER BY g.kind, g.name COLLATE "C";

-- What the matrix names is there.
SELECT p.* FROM journey.privilege p
 WHERE NOT EXISTS (SELECT FROM journey.grantable g WHERE g.kind = p.kind AND g.name = p.name);
SELECT role, level, destination FROM journey.access ORDER BY 1, 2, 3;

-- In practice.
SET ROLE regress_emit;
SELECT journey_emit('ann', 'seen') > 0 AS emitted;
SELECT count(*) FROM journey.member;
SELECT journey_create('j', '{}');
SELECT journey_grant('regress_emit', 'operate');
SET ROLE regress_view;
SELECT customer, event FROM journey.event;
SELECT count(*) FROM journey.member;
SELECT * FROM journey.status;
SELECT * FROM journey.tile_stats;
SELECT count(*) FROM journey.member_row;
INSERT INTO journey.event VALUES (1, now(), now(), 'x', 'y', '{}');
SELECT journey_emit('ann', 'seen');
SET ROLE regress_author;
SELECT journey.journey_did('ann', 'seen');
SELECT count(*) FROM journey.event;
SELECT journey_maintain();
SET ROLE regress_operate;
SELECT count(*) FROM journey.event;
SELECT journey_maintain();
SELECT journey.maintain();
SELECT journey.fold();
SELECT journey_revoke('regress_view', 'view');
RESET ROLE;

-- Clear errors.
SELECT journey_grant(NULL, 'emit');
SELECT journey_grant('regress_emit', NULL);
SELECT journey_grant('regress_nobody', 'emit');
SELECT journey_grant('public', 'emit');
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT journey_grant('regress_emit', 'admin');
SELECT journey_grant('regress_emit', 'emit', 'mail');
SELECT journey_grant('regress_author', 'author', 'mail');
\set VERBOSITY terse
SELECT journey_revoke('regress_nobody', 'emit');
SELECT journey_revoke('regress_emit', 'admin');
CREATE MATERIALIZED VIEW regress_trap AS SELECT FROM journey_grant('regress_emit', 'operate');
CREATE MATERIALIZED VIEW regress_trap AS SELECT FROM journey_revoke('regress_emit', 'emit');

-- One destination more, one less; the level goes with all of them.
SELECT journey_destination_create('mail', 'pull');
SELECT journey_destination_create('push', 'pull');
SELECT journey_grant('regress_author', 'author', 'mail'), journey_grant('regress_author', 'author', 'push');
SELECT journey_revoke('regress_author', 'author', 'push');
SELECT role, level, destination FROM journey.access WHERE role = 'regress_author' ORDER BY 3;
SELECT has_function_privilege('regress_author', 'journey_create(text, jsonb)', 'EXECUTE');
SELECT journey_revoke('regress_author', 'author');
SELECT role, level, destination FROM journey.access WHERE role = 'regress_author';
SELECT has_function_privilege('regress_author', 'journey_create(text, jsonb)', 'EXECUTE');

-- What two levels allow is kept when one goes.
SELECT journey_grant('regress_operate', 'author');
SELECT journey_revoke('regress_operate', 'author');
SELECT has_function_privilege('regress_operate', 'journey_create(text, jsonb)', 'EXECUTE'),
	   has_schema_privilege('regress_operate', 'journey', 'USAGE');

-- An upgrade gives the levels what they lack, to roles that are still there.
REVOKE ALL ON journey.member FROM regress_view;
CREATE ROLE regress_gone;
SELECT journey_grant('regress_gone', 'view');
DROP OWNED BY regress_gone;
DROP ROLE regress_gone;
SELECT journey.regrant();
SELECT has_table_privilege('regress_view', 'journey.member', 'SELECT');
SELECT journey_revoke('regress_gone', 'view');
SELECT journey_revoke('regress_gone', 'view');

-- Where the verbs are in a schema of their own, the levels may look into it.
DROP EXTENSION journey;
CREATE SCHEMA regress_verbs;
CREATE EXTENSION journey SCHEMA regress_verbs;
SELECT regress_verbs.journey_grant('regress_emit', 'emit');
SET ROLE regress_emit;
SELECT regress_verbs.journey_emit('ann', 'seen') > 0 AS emitted;
RESET ROLE;

\c :home
DROP DATABASE regress_privileges;
DROP ROLE regress_anyone, regress_emit, regress_author, regress_view, regress_operate;
