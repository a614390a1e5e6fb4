-- Who may do what: the levels, what each allows, and the verbs that hand them out.
--
-- A level is a set of ordinary grants.  journey.access remembers who was given which, so that an upgrade can give
-- them the new functions too; the rights themselves are in the system catalogs.

-- The whole matrix.  What is not named here is for superusers and the extension's owner only.
-- journey_advance_to checks besides that the caller may set journey.now.
CREATE OR REPLACE VIEW journey.privilege AS
SELECT l.level, m.kind, n.name
  FROM (VALUES
		('{emit}'::text[], 'function', '{journey_emit, journey_emit_batch, journey_enqueue, journey_enter,
			journey_enter_many, journey_exit, journey_identify}'::text[]),
		('{author, operate}', 'function', '{journey_create, journey_update, journey_validate, journey_activate,
			journey_definition, journey_delete, journey_revise, journey_duplicate, journey_add_tile, journey_add_edge,
			journey_drop_tile, journey_drop_edge, journey_claim, journey_ack, journey_nack}'),
		('{author, operate}', 'function', '{journey_pause, journey_resume, journey_complete, journey_stop,
			journey_move, journey_retry_member, journey_migrate}'),
		('{author, operate}', 'function', '{journey_watch, journey_unwatch, journey_audience_create,
			journey_audience_update, journey_audience_refresh, journey_audience_drop}'),
		('{author, operate}', 'function', '{journey_did, journey_count, journey_last_props, journey_in_audience,
			journey_escape_html}'),
		('{operate}', 'function', '{journey_bind_profile, journey_unbind_profile, journey_forget,
			journey_destination_create, journey_destination_update,
			journey_destination_pause, journey_destination_resume, journey_destination_drop,
			journey_retry, journey_cancel, journey_tick, journey_arm, journey_maintain}'),
		('{emit, author, operate}', 'function', '{journey_advance_to}'),
		('{view, operate}', 'table', '{journey, version, tile, edge, member, event, transition, action, destination,
			destination_preset,
			audience, audience_member, source, watch, profile, customer, queue, pause, held, forgotten, status, tile_stats,
			failure, upcoming, worker, delivery}'),
		('{view, operate}', 'function', '{worker_list, outbox_count, send_problem, move_counts}'),
		('{author, view, operate}', 'schema', '{journey}')) AS m (levels, kind, names)
 CROSS JOIN LATERAL unnest(m.levels) AS l (level)
 CROSS JOIN LATERAL unnest(m.names) AS n (name);

-- Every object of the extension that can be granted, as GRANT and REVOKE name it.
CREATE OR REPLACE VIEW journey.grantable AS
SELECT o.kind, o.name, i.identity, o.owner, coalesce(o.acl, acldefault(o.letter, o.owner)) AS acl
  FROM pg_depend d
 CROSS JOIN LATERAL (
		SELECT CASE p.prokind WHEN 'p' THEN 'routine' ELSE 'function' END AS kind, p.proname AS name, p.proowner AS owner, p.proacl AS acl, 'f'::"char" AS letter
		  FROM pg_proc p
		 WHERE d.classid = 'pg_proc'::regclass AND p.oid = d.objid
		UNION ALL
		SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, c.relname, c.relowner, c.relacl,
			   CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char"
		  FROM pg_class c
		 WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid AND c.relkind IN ('r', 'p', 'v', 'S')
		UNION ALL
		SELECT 'schema', n.nspname, n.nspowner, n.nspacl, 'n'::"char"
		  FROM pg_namespace n
		 WHERE d.classid = 'pg_namespace'::regclass AND n.oid = d.objid) o
 CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) i
 WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
   AND d.refobjid = (SELECT e.oid FROM pg_extension e WHERE e.extname = 'journey');

-- GRANT or REVOKE what a level allows.  A role that may not even look into the schema of the verbs is let in, and
-- that stays on revoke: it is not our schema, and somebody else may have let the role in as well.
CREATE OR REPLACE FUNCTION journey.apply_level(role name, level text, give bool)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
AS $$
DECLARE
	object record;
	verbs name := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
					WHERE e.extname = 'journey');
BEGIN
	FOR object IN
		SELECT g.kind, g.identity,
			   CASE g.kind WHEN 'function' THEN 'EXECUTE' WHEN 'schema' THEN 'USAGE' ELSE 'SELECT' END AS right
		  FROM journey.privilege p
		  JOIN journey.grantable g ON g.kind = p.kind AND g.name = p.name
		 WHERE p.level = apply_level.level
	LOOP
		EXECUTE format(CASE WHEN give THEN 'GRANT %s ON %s %s TO %I' ELSE 'REVOKE %s ON %s %s FROM %I' END,
					   object.right, object.kind, object.identity, role);
	END LOOP;
	IF give AND NOT has_schema_privilege(role, verbs, 'USAGE') THEN
		EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', verbs, role);
	END IF;
END
$$;
COMMENT ON FUNCTION journey.apply_level(name, text, bool) IS
'Internal. Grant (give) or revoke everything journey.privilege names for a level.';

CREATE OR REPLACE FUNCTION journey.check_access(role name, level text, destination text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
AS $$
BEGIN
	IF role IS NULL OR level IS NULL THEN
		RAISE null_value_not_allowed USING MESSAGE = 'role and level must not be null';
	END IF;
	IF level NOT IN ('emit', 'author', 'view', 'operate') THEN
		RAISE invalid_parameter_value USING
			MESSAGE = format('level "%s" does not exist', level),
			HINT = 'Levels are "emit", "author", "view" and "operate".';
	END IF;
	IF destination IS NOT NULL AND level <> 'author' THEN
		RAISE invalid_parameter_value USING
			MESSAGE = format('level "%s" is not for a single destination', level),
			HINT = 'Only "author" is granted for a destination; "operate" includes all of them.';
	END IF;
END
$$;
COMMENT ON FUNCTION journey.check_access(name, text, text) IS
'Internal. Raise 22004 for a null role or level, 22023 for no such level or a destination with another level than author.';

CREATE OR REPLACE FUNCTION @extschema@.journey_grant(role name, level text, destination text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
AS $$
BEGIN
	PERFORM journey.refuse_restricted('journey_grant');
	PERFORM journey.check_access(role, level, destination);
	IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = journey_grant.role) THEN
		RAISE undefined_object USING MESSAGE = format('role "%s" does not exist', role);
	END IF;
	IF destination IS NOT NULL
		AND NOT EXISTS (SELECT FROM journey.destination d WHERE d.name = journey_grant.destination) THEN
		RAISE undefined_object USING
			MESSAGE = format('destination "%s" does not exist', destination),
			HINT = 'Create it with journey_destination_create().';
	END IF;
	INSERT INTO journey.access (role, level, destination)
	VALUES (journey_grant.role, journey_grant.level, ''),
		   (journey_grant.role, journey_grant.level, coalesce(journey_grant.destination, ''))
	ON CONFLICT DO NOTHING;
	PERFORM journey.apply_level(role, level, true);
END
$$;
COMMENT ON FUNCTION @extschema@.journey_grant(name, text, text) IS
'Give a role a level: emit (say what happened), author (own journeys), view (read), operate (run it all). With a destination, level author, also the right to send there. Errors: 42704 no such role or destination, 22023 no such level. For superusers and the owner of the extension.';

-- What another level of the role allows too is given back at the end.
CREATE OR REPLACE FUNCTION @extschema@.journey_revoke(role name, level text, destination text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
AS $$
DECLARE
	role_exists bool := EXISTS (SELECT FROM pg_roles r WHERE r.rolname = journey_revoke.role);
	was_granted bool;
BEGIN
	PERFORM journey.refuse_restricted('journey_revoke');
	PERFORM journey.check_access(role, level, destination);
	DELETE FROM journey.access a
	 WHERE a.role = journey_revoke.role AND a.level = journey_revoke.level
	   AND (journey_revoke.destination IS NULL OR a.destination = journey_revoke.destination);
	was_granted := FOUND;
	IF NOT role_exists AND NOT was_granted THEN
		RAISE undefined_object USING MESSAGE = format('role "%s" does not exist', role);
	END IF;
	IF NOT role_exists OR destination IS NOT NULL THEN
		RETURN;
	END IF;
	PERFORM journey.apply_level(role, level, false);
	PERFORM journey.apply_level(a.role, a.level, true)
	   FROM journey.access a
	  WHERE a.role = journey_revoke.role AND a.destination = '';
END
$$;
COMMENT ON FUNCTION @extschema@.journey_revoke(name, text, text) IS
'Take a level from a role, with all its destinations; with a destination, only that. Nothing happens where the role does not have it. Also forgets a role that was dropped. Errors: 42704 no such role, 22023 no such level. For superusers and the owner of the extension.';

CREATE OR REPLACE FUNCTION journey.regrant()
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT journey.apply_level(a.role, a.level, true)
	  FROM journey.access a
	  JOIN pg_catalog.pg_roles r ON r.rolname OPERATOR(pg_catalog.=) a.role
	 WHERE a.destination OPERATOR(pg_catalog.=) '';
END;
COMMENT ON FUNCTION journey.regrant() IS
'Internal. Give all roles in journey.access what their levels allow now; the last statement of each upgrade script.';

-- Default privileges of whoever installs or maintains would open our tables to others.
CREATE OR REPLACE FUNCTION journey.seal(kind text, identity text, owner oid, acl aclitem[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
AS $$
DECLARE
	grantee text;
BEGIN
	FOR grantee IN
		SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
		  FROM aclexplode(acl) a
		 WHERE a.grantee <> owner
	LOOP
		EXECUTE format('REVOKE ALL ON %s %s FROM %s', kind, identity, grantee);
	END LOOP;
END
$$;
COMMENT ON FUNCTION journey.seal(text, text, oid, aclitem[]) IS
'Internal. Revoke all that anyone but the owner may do with an object.';
