-- What pg_cron does for journeys, where that extension is in this database.
--
-- Nothing here refers to pg_cron before it is called, so it may come and go.  Its table cron.job is made what
-- journey.wanted_job says, by verbs that change that and by journey.maintain.  pg_cron knows a job by its name and
-- the role that runs it: ours are called "journey: ...", run as the owner of the extension, and call what nobody
-- else may call.  Jobs of others stay as they are, whatever they are called.

CREATE OR REPLACE FUNCTION journey.is_armed()
RETURNS bool
LANGUAGE c STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'journey_is_armed';
COMMENT ON FUNCTION journey.is_armed() IS
'Internal. Whether the journeys of this database may act here: see journey_arm.';

CREATE OR REPLACE FUNCTION journey.enter_scheduled(journey text, trigger int)
RETURNS bigint
LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'journey_enter_scheduled';
COMMENT ON FUNCTION journey.enter_scheduled(text, int) IS
'Internal. Refresh the audience of a trigger by schedule if it has a query, and enter its members by the journey''s entry rules; trigger is its position in "on" of the entry tile, from 0. Returns how many have entered. Nothing happens unless the journey is active, has such a trigger, and the database is armed.';

CREATE OR REPLACE PROCEDURE journey.run_schedule(journey text, trigger int)
LANGUAGE c
AS 'MODULE_PATHNAME', 'journey_run_schedule';
COMMENT ON PROCEDURE journey.run_schedule(text, int) IS
'Internal. What journey.enter_scheduled does, for pg_cron: outside a transaction block the refresh is a transaction of its own.';

-- pg_cron, here and loaded, and running the jobs of this database?  (A setting of a library that is not loaded is none
-- that pg_settings shows.)
CREATE OR REPLACE FUNCTION journey.why_no_cron(OUT message text, OUT hint text)
RETURNS record
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
AS $$
DECLARE
	its_database text := (SELECT s.setting FROM pg_settings s WHERE s.name = 'cron.database_name');
BEGIN
	IF NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
		message := 'entry by schedule needs the extension pg_cron, which is not in this database';
		hint := format('Set shared_preload_libraries to load pg_cron and cron.database_name to %L, restart the server, and CREATE EXTENSION pg_cron.',
					   current_database());
	ELSIF its_database IS NULL THEN
		message := 'entry by schedule needs pg_cron, which is not loaded';
		hint := 'Add pg_cron to shared_preload_libraries and restart the server.';
	ELSIF its_database <> current_database() THEN
		message := format('entry by schedule needs pg_cron, which runs the jobs of database "%s" and not of this one', its_database);
		hint := format('Set cron.database_name to %L and restart the server.', current_database());
	END IF;
END
$$;
COMMENT ON FUNCTION journey.why_no_cron() IS
'Internal. Why pg_cron cannot take jobs from this database, and what to do about that; nulls where it can.';

-- The job is taken back at once.  What has nothing to do with the line is raised as it is.
CREATE OR REPLACE FUNCTION journey.try_schedule(schedule text, OUT state text, OUT message text, OUT hint text)
RETURNS record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
AS $$
BEGIN
	SELECT '0A000', w.message, w.hint INTO state, message, hint
	  FROM journey.why_no_cron() w WHERE w.message IS NOT NULL;
	IF FOUND THEN
		RETURN;
	END IF;
	PERFORM cron.schedule(schedule, 'SELECT 1'::text);
	RAISE SQLSTATE 'JY000';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	-- pg_cron reads the line before it writes the job.
	IF state IN ('JY000', '25006') THEN
		state := NULL;
		message := NULL;
	ELSIF state ~ '^(40|53|57|XX00[12])' THEN
		RAISE;
	END IF;
	hint := nullif(hint, '');
END
$$;
COMMENT ON FUNCTION journey.try_schedule(text) IS
'Internal. What pg_cron says of a line of cron: SQLSTATE, message and perhaps a hint; nulls where it takes it.';

-- A name of pg_cron has 63 bytes.  A long one is cut off and gets the journey's number, and so does one that looks as
-- if it had one, so that no two are the same.
CREATE OR REPLACE FUNCTION journey.job_name(name text, id bigint, trigger bigint)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, journey, pg_temp
AS $$
DECLARE
	suffix text := ' #' || trigger;
	room int := 63 - octet_length('journey: ' || suffix);
BEGIN
	IF octet_length(name) > room OR name ~ '~[0-9]+$' THEN
		suffix := '~' || id || suffix;
		room := 63 - octet_length('journey: ' || suffix);
		WHILE octet_length(name) > room LOOP
			name := left(name, -1);
		END LOOP;
	END IF;
	RETURN 'journey: ' || name || suffix;
END
$$;
COMMENT ON FUNCTION journey.job_name(text, bigint, bigint) IS
'Internal. The name of the job of pg_cron for a trigger by schedule of the journey of that name and number.';

-- Jobs outlive the extension, and run with great rights: so they look whether it is there before they name what is
-- in its schema, which somebody else may have made anew.
CREATE OR REPLACE FUNCTION journey.job_command(statement text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, journey, pg_temp
AS $$
BEGIN
	RETURN format('DO %L', 'BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_extension e'
				  ' WHERE e.extname OPERATOR(pg_catalog.=) ''journey'') THEN ' || statement || '; END IF; END');
END
$$;
COMMENT ON FUNCTION journey.job_command(text) IS
'Internal. The command of a job of pg_cron that runs this statement of PL/pgSQL where the extension is in the database.';

-- What there is to do for all journeys together.
CREATE OR REPLACE VIEW journey.house_job AS
SELECT j.name, j.schedule, journey.job_command(format('PERFORM journey.%s WHERE journey.is_armed()', j.call)) AS command
  FROM (VALUES ('journey: audiences', '* * * * *', 'refresh_due()'),
			   ('journey: maintain', '17 * * * *', 'maintain()')) AS j (name, schedule, call);

-- A paused journey keeps its jobs: they enter nobody meanwhile.
CREATE OR REPLACE VIEW journey.wanted_job AS
SELECT j.name AS journey, journey.job_name(j.name, j.id, o.position - 1) AS name, o.trigger ->> 'schedule' AS schedule,
	   journey.job_command(format('CALL journey.run_schedule(%L, %s)', j.name, o.position - 1)) AS command
  FROM journey.journey j
  JOIN journey.version_row v ON v.journey = j.id AND v.version = j.version
 CROSS JOIN LATERAL jsonb_each(v.definition -> 'tiles') AS t (name, tile)
 CROSS JOIN LATERAL jsonb_array_elements(t.tile -> 'on') WITH ORDINALITY AS o (trigger, position)
 WHERE j.state IN ('active', 'paused') AND t.tile ->> 'type' = 'entry' AND o.trigger ? 'schedule'
UNION ALL
SELECT NULL, h.name, h.schedule, h.command
  FROM journey.house_job h
 WHERE h.name <> 'journey: audiences' OR EXISTS (SELECT FROM journey.audience a WHERE a.refresh IS NOT NULL);

-- What quote_literal() made; of what it has not made the result is of no use, but no error.
CREATE OR REPLACE FUNCTION journey.unquote(literal text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, journey, pg_temp
AS $$
DECLARE
	body text := replace(substring(literal FROM '^E?''(.*)''$'), '''''', '''');
BEGIN
	RETURN CASE WHEN literal LIKE 'E%' THEN replace(body, repeat(chr(92), 2), chr(92)) ELSE body END;
END
$$;
COMMENT ON FUNCTION journey.unquote(text) IS
'Internal. The text of a literal that quote_literal() has made.';

-- Which trigger of which journey a job of that name and command enters by is read from the command: the journey may be
-- gone.  Ours is what we would write for it, to the letter.  A release that writes another command knows the old, too.
CREATE OR REPLACE FUNCTION journey.is_own_command(name text, command text)
RETURNS bool
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
AS $$
DECLARE
	its_journey text := journey.unquote(substring(journey.unquote(substring(command FROM '^DO (.*)$'))
												  FROM 'CALL journey\.run_schedule\((.*), [0-9]+\); END IF; END$'));
	id text := substring(name FROM '~([0-9]{1,10}) #[0-9]+$');
	trigger text := substring(name FROM ' #([0-9]{1,10})$');
BEGIN
	RETURN EXISTS (SELECT FROM journey.house_job h WHERE h.name = is_own_command.name AND h.command = is_own_command.command)
		OR coalesce(name = journey.job_name(its_journey, coalesce(id, '0')::bigint, trigger::bigint)
					AND command = journey.job_command(format('CALL journey.run_schedule(%L, %s)', its_journey, trigger)), false);
END
$$;
COMMENT ON FUNCTION journey.is_own_command(text, text) IS
'Internal. Whether a job of pg_cron of that name does what journey.sync_jobs gives it to do.';

CREATE OR REPLACE FUNCTION journey.is_own_job(name text, command text, username text)
RETURNS bool
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
AS $$
BEGIN
	-- A dump may bring jobs of an owner that this cluster calls otherwise or does not have.
	RETURN (username = current_user OR coalesce((SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = username), true))
	   AND journey.is_own_command(name, command);
END
$$;
COMMENT ON FUNCTION journey.is_own_job(text, text, text) IS
'Internal. Whether a job of pg_cron is one that journey.sync_jobs has made, here or where the database comes from.';

-- All that is to be done is read in one statement, so that what somebody else does meanwhile is seen whole or not at
-- all.  A DBA who has switched a job of ours off, or given it another node, has done so for a reason: that stays.
CREATE OR REPLACE FUNCTION journey.sync_jobs(must text DEFAULT NULL, anew bool DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
AS $$
DECLARE
	change record;
BEGIN
	IF NOT journey.is_armed() OR (SELECT w.message IS NOT NULL FROM journey.why_no_cron() w) THEN
		RETURN;
	END IF;
	FOR change IN
		WITH job AS MATERIALIZED (
			SELECT j.jobid, j.jobname::text AS name, j.schedule, j.command, j.username = current_user AS is_named,
				   j.username = current_user AND j.database = current_database() AND NOT anew AS is_right,
				   journey.is_own_job(j.jobname::text, j.command, j.username) AS is_own
			  FROM cron.job j
			 WHERE j.jobname::text LIKE 'journey: %'
		), wanted AS MATERIALIZED (TABLE journey.wanted_job)
		SELECT j.jobid, NULL AS journey, j.name, NULL AS schedule, NULL AS command, false AS is_taken
		  FROM job j
		 WHERE j.is_own AND NOT (j.is_right AND EXISTS (SELECT FROM wanted w WHERE w.name = j.name))
		 UNION ALL
		SELECT NULL, w.journey, w.name, w.schedule, w.command,
			   EXISTS (SELECT FROM job j WHERE j.name = w.name AND j.is_named AND NOT j.is_own)
		  FROM wanted w
		 WHERE NOT EXISTS (SELECT FROM job j
							WHERE j.name = w.name AND j.is_own AND j.is_right
							  AND j.schedule = w.schedule AND j.command = w.command)
		 ORDER BY jobid, name
	LOOP
		BEGIN
			IF change.jobid IS NOT NULL THEN
				DELETE FROM cron.job j WHERE j.jobid = change.jobid;
			ELSIF change.is_taken THEN
				RAISE duplicate_object USING
					MESSAGE = format('another job of pg_cron has the name "%s"', change.name),
					HINT = 'Names that begin with "journey: " are for journeys: unschedule it, and schedule it under another name.';
			ELSE
				PERFORM cron.schedule(change.name, change.schedule, change.command);
			END IF;
		EXCEPTION WHEN OTHERS THEN
			IF change.journey = must OR sqlstate ~ '^(40|53|57|XX00[12])' THEN
				RAISE;
			END IF;
			RAISE WARNING 'journey: the job "%" of pg_cron is not as it should be: %', change.name, sqlerrm;
		END;
	END LOOP;
END
$$;
COMMENT ON FUNCTION journey.sync_jobs(text, bool) IS
'Internal, as the extension''s owner. Make the jobs of pg_cron what journeys and audiences want: nothing where pg_cron is not in this database, or the database is not armed. What cannot be done is a warning; an error where it is about the journey must. anew: make all of them again.';
