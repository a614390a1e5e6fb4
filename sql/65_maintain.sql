-- Housekeeping: folding the log into counts, partitions ahead, retention.
--
-- journey_maintain() runs journey.maintain() as the extension's owner, and so does the worker.  Every part looks
-- first and writes nothing, not even a transaction id, when there is nothing to do.  What needs a lock that an emit
-- may hold waits at most 50 ms for it, and is left to the next round otherwise.

-- A transaction that sees what there was when it began sees neither what has been written since nor what has gone.
CREATE OR REPLACE FUNCTION journey.has_old_snapshot()
RETURNS bool
LANGUAGE sql STABLE PARALLEL SAFE
RETURN pg_catalog.current_setting('transaction_isolation') IN ('repeatable read', 'serializable');
COMMENT ON FUNCTION journey.has_old_snapshot() IS
'Internal. Whether all statements of this transaction have one snapshot.';

-- Add the settled rows of the log to tile_total and move the watermark above them, in one statement: the rows
-- counted and the new watermark come from the same snapshot.  What settled means: journey.horizon in 60_views.sql.
-- They are added as another part (sql/62_forget.sql), and then all parts are added up.
CREATE OR REPLACE FUNCTION journey.fold(everything bool DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
	waiting record;
	folded bigint;
	leaves oid[];
BEGIN
	-- Under a transaction snapshot we would count what somebody has forgotten since.
	IF journey.has_old_snapshot() THEN
		RETURN 0;
	END IF;
	SELECT count(*) AS rows, min(t.received_at) AS since INTO waiting
	  FROM (SELECT u.received_at FROM journey.unfolded u WHERE u.settled LIMIT 10000) t;
	IF waiting.rows > 0
		AND NOT (everything OR waiting.rows = 10000 OR waiting.since < clock_timestamp() - interval '1 minute') THEN
		RETURN 0;
	END IF;
	IF waiting.rows = 0 AND NOT EXISTS (SELECT FROM journey.tile_total t WHERE t.part <> 0)
		AND NOT EXISTS (SELECT FROM journey.forgotten_row f WHERE f.part <> 0) THEN
		RETURN 0;
	END IF;

	-- Whoever holds it is folding already, or has forgotten somebody and not ended yet.
	BEGIN
		LOCK TABLE journey.watermark IN EXCLUSIVE MODE NOWAIT;
	EXCEPTION WHEN lock_not_available THEN
		RETURN 0;
	END;
	INSERT INTO journey.watermark (xact) VALUES (0) ON CONFLICT DO NOTHING;

	WITH counted AS (
		INSERT INTO journey.tile_total
			(journey, version, tile, part, entered, departed, errors, passed, converted)
		SELECT r.journey, r.version, r.tile, -1, sum(r.entered), sum(r.departed), sum(r.errors), sum(r.passed), sum(r.converted)
		  FROM journey.recent r
		 WHERE r.settled
		 GROUP BY r.journey, r.version, r.tile
	), moved AS (
		UPDATE journey.watermark SET xact = h.settled FROM journey.horizon h
	)
	SELECT count(*), array_agg(DISTINCT u.leaf) INTO folded, leaves
	  FROM journey.unfolded u
	 WHERE u.settled;
	PERFORM journey.merge_parts();
	PERFORM journey.summarize(leaves);
	RETURN folded;
END
$$;
COMMENT ON FUNCTION journey.fold(bool) IS
'Internal. Add the rows of transition_row that are settled to tile_total; returns their number. Does nothing for fewer than 10,000 rows, none older than a minute, unless everything is true, and nothing while another fold or a journey_forget is under way, or under a transaction snapshot.';

-- The views find the rows above the watermark by these indexes, and read what is not summarized row by row.
CREATE OR REPLACE FUNCTION journey.summarize(leaves oid[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
SET lock_timeout = '50ms'
AS $$
BEGIN
	PERFORM brin_summarize_new_values(i.indexrelid)
	   FROM pg_index i
	   JOIN pg_class c ON c.oid = i.indexrelid
	   JOIN pg_am m ON m.oid = c.relam
	  WHERE i.indrelid = ANY (leaves) AND m.amname = 'brin';
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
	RAISE DEBUG 'journey: BRIN indexes are not summarized in this round: %', SQLERRM;
END
$$;
COMMENT ON FUNCTION journey.summarize(oid[]) IS
'Internal. Bring the BRIN indexes of these partitions up to date.';

-- Partitions.
--
-- All rows go to the DEFAULT partition at first.  Day partitions (UTC) are made ahead and begin a whole day in the
-- future, so that the partition for "now" never changes under an emit.  A CHECK tells the DEFAULT partition's end,
-- so that ATTACH need not search it for rows of the new one.  Nobody enforces that CHECK on what emit writes:
-- if the day partitions ran out, rows went to DEFAULT again, and it is made anew.

-- OFFSET 0 and LIMIT keep the planner from reading bounds and constraints of other people's tables as times.
CREATE OR REPLACE VIEW journey.leaf AS
SELECT l.log, l.leaf, l.name, l.bound = 'DEFAULT' AS is_default,
	   substring(l.bound FROM $$FROM \('([^']*)'\)$$)::timestamptz AS from_at,
	   substring(l.bound FROM $$TO \('([^']*)'\)$$)::timestamptz AS to_at
  FROM (SELECT p.relname AS log, c.oid AS leaf, c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
		  FROM pg_inherits i
		  JOIN pg_class p ON p.oid = i.inhparent
		  JOIN pg_class c ON c.oid = i.inhrelid
		 WHERE i.inhparent IN ('journey.event'::regclass, 'journey.transition_row'::regclass)
		OFFSET 0) l;

-- Where the DEFAULT partition ends, as its CHECK says; null without one.
CREATE OR REPLACE VIEW journey.default_end AS
SELECT l.log, l.leaf, l.name, k.convalidated AS is_valid,
	   substring(k.definition FROM $$'([^']*)'$$)::timestamptz AS end_at
  FROM journey.leaf l
  LEFT JOIN LATERAL (SELECT c.convalidated, pg_get_constraintdef(c.oid) AS definition
					   FROM pg_constraint c
					  WHERE c.conrelid = l.leaf AND c.contype = 'c' AND c.conname = l.name || '_end'
					  LIMIT 1) k ON true
 WHERE l.is_default;

-- See to it that no row of the DEFAULT partition can be received at or after the time returned: end_at, or what an
-- earlier round began with if that is still a day ahead.  The CHECK is added under a lock that stops emits; a large
-- partition is searched in the next round, when that lock is gone: null then.
CREATE OR REPLACE FUNCTION journey.end_default(log name, end_at timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO'
AS $$
DECLARE
	old record;
BEGIN
	SELECT * INTO STRICT old FROM journey.default_end d WHERE d.log = end_default.log;
	IF old.end_at >= clock_timestamp() + interval '1 day' AND NOT old.is_valid THEN
		end_at := old.end_at;
	ELSE
		IF old.end_at IS NOT NULL THEN
			EXECUTE format('ALTER TABLE journey.%I DROP CONSTRAINT %I', old.name, old.name || '_end');
		END IF;
		EXECUTE format('ALTER TABLE journey.%I ADD CONSTRAINT %I CHECK (received_at < %L) NOT VALID',
					   old.name, old.name || '_end', end_at);
		IF pg_relation_size(old.leaf) > 16 * 1024 * 1024 THEN
			RETURN NULL;
		END IF;
	END IF;
	EXECUTE format('ALTER TABLE journey.%I VALIDATE CONSTRAINT %I', old.name, old.name || '_end');
	RETURN end_at;
END
$$;
COMMENT ON FUNCTION journey.end_default(name, timestamptz) IS
'Internal. Tell where the DEFAULT partition of a log ends; null if that needs another round.';

CREATE OR REPLACE FUNCTION journey.make_leaf(template regclass, leaf name)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
SET default_tablespace = ''
SET default_table_access_method = 'heap'
AS $$
BEGIN
	EXECUTE format('CREATE TABLE journey.%I (LIKE %s INCLUDING ALL EXCLUDING CONSTRAINTS)', leaf, template);
	EXECUTE (SELECT format('ALTER TABLE journey.%I REPLICA IDENTITY USING INDEX %I', leaf, c.relname)
			   FROM pg_index i
			   JOIN pg_class c ON c.oid = i.indexrelid
			  WHERE i.indrelid = format('journey.%I', leaf)::regclass AND i.indisunique);
	PERFORM journey.seal('table', format('journey.%I', leaf), c.relowner, coalesce(c.relacl, acldefault('r', c.relowner)))
	   FROM pg_class c
	  WHERE c.oid = format('journey.%I', leaf)::regclass;
END
$$;
COMMENT ON FUNCTION journey.make_leaf(regclass, name) IS
'Internal. A table like this partition, with its indexes and replica identity, not attached yet.';

-- Seven days ahead.  Two rounds at once exclude each other by the lock on the parent, which no emit takes.
CREATE OR REPLACE FUNCTION journey.make_leaves(log name, prefix text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO'
SET lock_timeout = '50ms'
AS $$
DECLARE
	soonest timestamptz := date_trunc('day', clock_timestamp()) + interval '2 days';
	enough timestamptz := soonest + interval '7 days';
	template regclass;
	last_at timestamptz;
	next_at timestamptz;
	leaf name;
BEGIN
	IF (SELECT max(l.to_at) >= enough FROM journey.leaf l WHERE l.log = make_leaves.log) THEN
		RETURN;
	END IF;
	EXECUTE format('LOCK TABLE ONLY journey.%I IN SHARE UPDATE EXCLUSIVE MODE', log);
	SELECT l.leaf INTO STRICT template FROM journey.leaf l WHERE l.log = make_leaves.log AND l.is_default;
	SELECT max(l.to_at) INTO last_at FROM journey.leaf l WHERE l.log = make_leaves.log;
	next_at := greatest(last_at, soonest);

	-- At first and after a gap there is a new end to tell; a dump does not carry the old one.
	IF next_at IS DISTINCT FROM last_at
		OR NOT EXISTS (SELECT FROM journey.default_end d WHERE d.log = make_leaves.log AND d.is_valid) THEN
		next_at := journey.end_default(log, next_at);
	END IF;
	WHILE next_at < enough LOOP
		leaf := prefix || to_char(next_at, '_YYYYMMDD');
		PERFORM journey.make_leaf(template, leaf);
		EXECUTE format('ALTER TABLE journey.%I ATTACH PARTITION journey.%I FOR VALUES FROM (%L) TO (%L)',
					   log, leaf, next_at, next_at + interval '1 day');
		next_at := next_at + interval '1 day';
	END LOOP;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
	RAISE DEBUG 'journey: no partitions of "%" are made in this round: %', log, SQLERRM;
END
$$;
COMMENT ON FUNCTION journey.make_leaves(name, text) IS
'Internal. Make the day partitions of a log, called prefix_YYYYMMDD, seven days ahead or more.';

-- Retention.

-- False while rows of the partition are neither counted nor known to be nobody's: they must stay.
CREATE OR REPLACE FUNCTION journey.is_folded(log name, leaf name)
RETURNS bool
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
	is_folded bool := true;
BEGIN
	IF log = 'transition_row' THEN
		EXECUTE format('SELECT NOT EXISTS (SELECT FROM journey.%I t
											WHERE t.xact >= (SELECT h.folded FROM journey.horizon h))', leaf)
		   INTO is_folded;
	END IF;
	RETURN is_folded;
END
$$;
COMMENT ON FUNCTION journey.is_folded(name, name) IS
'Internal. Whether every row of this partition is in tile_total; true for the event log.';

CREATE OR REPLACE FUNCTION journey.drop_leaves(log name, before timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO'
SET lock_timeout = '50ms'
AS $$
DECLARE
	old name;
BEGIN
	IF journey.has_old_snapshot() THEN
		RETURN;
	END IF;
	FOR old IN
		SELECT l.name FROM journey.leaf l
		 WHERE l.log = drop_leaves.log AND l.to_at <= before AND journey.is_folded(l.log, l.name)
		 ORDER BY l.to_at
	LOOP
		-- Whoever has written to it for days may have ended just now.
		EXECUTE format('LOCK TABLE journey.%I IN ACCESS EXCLUSIVE MODE', old);
		IF journey.is_folded(log, old) THEN
			EXECUTE format('DROP TABLE journey.%I', old);
		END IF;
	END LOOP;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
	RAISE DEBUG 'journey: no partitions of "%" are dropped in this round: %', log, SQLERRM;
END
$$;
COMMENT ON FUNCTION journey.drop_leaves(name, timestamptz) IS
'Internal. Drop the partitions of a log whose rows were all received before that time and are folded; none under a transaction snapshot.';

-- The DEFAULT partition stays, but what it held at first, or in a gap, goes when all of it is too old.
CREATE OR REPLACE FUNCTION journey.empty_default(log name, before timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO'
SET lock_timeout = '50ms'
AS $$
DECLARE
	old name;
	is_used bool;
BEGIN
	IF journey.has_old_snapshot() THEN
		RETURN;
	END IF;
	SELECT d.name INTO old
	  FROM journey.default_end d
	 WHERE d.log = empty_default.log AND d.is_valid AND d.end_at <= before AND pg_relation_size(d.leaf) > 0;
	IF NOT FOUND OR NOT journey.is_folded(log, old) THEN
		RETURN;
	END IF;
	EXECUTE format('LOCK TABLE journey.%I IN ACCESS EXCLUSIVE MODE', old);
	EXECUTE format('SELECT EXISTS (SELECT FROM journey.%I WHERE received_at >= %L)', old, before) INTO is_used;
	IF NOT is_used AND journey.is_folded(log, old) THEN
		EXECUTE format('TRUNCATE journey.%I', old);
	END IF;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
	RAISE DEBUG 'journey: the DEFAULT partition of "%" is not emptied in this round: %', log, SQLERRM;
END
$$;
COMMENT ON FUNCTION journey.empty_default(name, timestamptz) IS
'Internal. Truncate the DEFAULT partition of a log if all its rows were received before that time and are folded; not under a transaction snapshot.';

-- What is deleted row by row goes in batches, for a second at most: the rest is for the next round.  A row that
-- somebody holds is left.  A plan made while the table was small would compare each row with each of the batch.

CREATE OR REPLACE FUNCTION journey.purge(target regclass, received name, before timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
	deadline timestamptz := clock_timestamp() + interval '1 second';
	batch bigint;
	deleted bigint := 0;
BEGIN
	LOOP
		EXECUTE format('DELETE FROM %1$s d
						 WHERE d.ctid = ANY (ARRAY(SELECT o.ctid FROM %1$s o WHERE o.%2$I < $1 LIMIT 10000
													  FOR UPDATE SKIP LOCKED))', target, received)
		  USING before;
		GET DIAGNOSTICS batch = ROW_COUNT;
		deleted := deleted + batch;
		EXIT WHEN batch < 10000 OR clock_timestamp() > deadline;
	END LOOP;
	RETURN deleted;
END
$$;
COMMENT ON FUNCTION journey.purge(regclass, name, timestamptz) IS
'Internal. Delete the rows of a table with an index on that column whose value is before that time; returns how many.';

-- Members and actions have no index by age: it would cost each of them more than this does.  So the table is looked
-- through, a megabyte at a time, from a random place on, so that no part of a large one is passed over for ever.
CREATE OR REPLACE FUNCTION journey.purge_unsorted(target regclass, is_old text, before timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
	deadline timestamptz := clock_timestamp() + interval '1 second';
	slice int := 1024 * 1024 / current_setting('block_size')::int;		-- in pages
	slices bigint := (pg_relation_size(target) + 1024 * 1024 - 1) / (1024 * 1024);
	begin_at bigint := floor(random() * slices);
	at bigint;
	batch bigint;
	deleted bigint := 0;
BEGIN
	FOR n IN 0 .. slices - 1 LOOP
		at := (begin_at + n) % slices * slice;
		EXECUTE format('DELETE FROM %1$s d
						 WHERE d.ctid = ANY (ARRAY(SELECT o.ctid FROM %1$s o
													WHERE o.ctid >= %2$L AND o.ctid < %3$L AND %4$s
													  FOR UPDATE SKIP LOCKED))',
					   target, format('(%s,0)', at), format('(%s,0)', at + slice), is_old)
		  USING before;
		GET DIAGNOSTICS batch = ROW_COUNT;
		deleted := deleted + batch;
		EXIT WHEN clock_timestamp() > deadline;
	END LOOP;
	RETURN deleted;
END
$$;
COMMENT ON FUNCTION journey.purge_unsorted(regclass, text, timestamptz) IS
'Internal. Delete the rows o of a table for which the condition holds, $1 being that time; returns how many.';

-- A member that has exited, and has sent all it had to send.  Its rows of the log are counted or will be.
CREATE OR REPLACE FUNCTION journey.purge_members(before timestamptz)
RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT journey.purge_unsorted('journey.member_row', $q$o.run <> 0 AND o.exited_at < $1
		AND NOT EXISTS (SELECT FROM journey.action a
						 WHERE a.customer = o.customer AND a.member = o.id AND a.next_attempt_at IS NOT NULL)$q$, before);
END;
COMMENT ON FUNCTION journey.purge_members(timestamptz) IS
'Internal. Delete members who exited before that time; returns how many.';

-- One that has ended, and that nobody waits for any more.
CREATE OR REPLACE FUNCTION journey.purge_actions(before timestamptz)
RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT journey.purge_unsorted('journey.action', $q$o.next_attempt_at IS NULL
		AND o.state IN ('delivered', 'dead', 'cancelled', 'suppressed')
		AND coalesce(o.delivered_at, o.created_at) < $1
		AND NOT EXISTS (SELECT FROM journey.member_row m
						 WHERE m.customer = o.customer AND m.run = 0 AND m.awaits = o.id)$q$, before);
END;
COMMENT ON FUNCTION journey.purge_actions(timestamptz) IS
'Internal. Delete actions that have ended and were delivered, or else made, before that time; returns how many.';

CREATE OR REPLACE FUNCTION journey.setting_interval(name text)
RETURNS interval
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(pg_catalog.current_setting(name, true), '')::interval;
COMMENT ON FUNCTION journey.setting_interval(text) IS
'Internal. A setting that holds an interval; null where it is empty.';

-- Somebody may have meant "never" by ten thousand years.
CREATE OR REPLACE FUNCTION journey.kept_since(setting text, fallback text DEFAULT NULL)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
SET TimeZone = 'UTC'
AS $$
BEGIN
	RETURN clock_timestamp() - coalesce(journey.setting_interval(setting), journey.setting_interval(fallback));
EXCEPTION WHEN datetime_field_overflow THEN
	RETURN '-infinity';
END
$$;
COMMENT ON FUNCTION journey.kept_since(text, text) IS
'Internal. Before which time what has that retention setting is too old; null: everything is kept. Where the setting is empty, the fallback counts.';

-- What the settings say of rows that are deleted one by one.  False: there was more than one round takes.
CREATE OR REPLACE FUNCTION journey.purge_all()
RETURNS bool
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
AS $$
DECLARE
	kind record;
	deleted bigint;
	began timestamptz;
	is_done bool := true;
BEGIN
	FOR kind IN
		SELECT k.name, journey.kept_since('journey.' || k.name || '_retention') AS before
		  FROM unnest('{dedupe, failure, member, action}'::text[]) AS k (name)
	LOOP
		CONTINUE WHEN kind.before IS NULL;
		began := clock_timestamp();
		deleted := CASE kind.name
			WHEN 'dedupe' THEN journey.purge('journey.dedupe', 'received_at', kind.before)
			WHEN 'failure' THEN journey.purge('journey.failure_row', 'at', kind.before)
			WHEN 'member' THEN journey.purge_members(kind.before)
			WHEN 'action' THEN journey.purge_actions(kind.before) END;
		is_done := is_done AND (deleted = 0 OR clock_timestamp() < began + interval '1 second');
	END LOOP;
	RETURN is_done;
END
$$;
COMMENT ON FUNCTION journey.purge_all() IS
'Internal. Delete dedupe keys, failures, members and actions that are older than their settings say. False: something may be left for another round.';

-- What takes locks comes last: they are held until the transaction ends.  The fold goes before the partitions that it
-- makes free to be dropped.
CREATE OR REPLACE FUNCTION journey.maintain()
RETURNS bool
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
SET TimeZone = 'UTC'
AS $$
DECLARE
	log record;
	is_done bool;
BEGIN
	PERFORM journey.sync_jobs();
	PERFORM journey.sweep_sources();
	is_done := journey.purge_all();
	IF journey.has_old_snapshot() THEN
		RAISE WARNING 'counts and partitions of the logs are left as they are'
			USING DETAIL = 'The transaction does not see what was committed since it began.',
				  HINT = 'Call journey_maintain() at isolation level READ COMMITTED.';
		RETURN is_done;
	END IF;
	PERFORM journey.fold(everything => EXISTS (SELECT FROM journey.leaf l
												WHERE l.log = 'transition_row'
												  AND l.to_at <= journey.kept_since('journey.transition_retention', 'journey.retention')));
	PERFORM journey.fold_delivery();
	FOR log IN
		SELECT l.name, l.prefix, journey.kept_since('journey.' || l.prefix || '_retention', 'journey.retention') AS before
		  FROM (VALUES ('event'::name, 'event'), ('transition_row', 'transition')) AS l (name, prefix)
	LOOP
		PERFORM journey.make_leaves(log.name, log.prefix);
		IF log.before IS NOT NULL THEN
			PERFORM journey.drop_leaves(log.name, log.before);
			PERFORM journey.empty_default(log.name, log.before);
		END IF;
	END LOOP;
	RETURN is_done;
END
$$;
COMMENT ON FUNCTION journey.maintain() IS
'Internal. What journey_maintain() does, as the extension''s owner. False: something may be left for another round.';

CREATE OR REPLACE FUNCTION @extschema@.journey_maintain()
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'journey_maintain';
COMMENT ON FUNCTION @extschema@.journey_maintain() IS
'Housekeeping, as the worker does it: makes log partitions a week ahead, drops those older than journey.event_retention and journey.transition_retention (or journey.retention) say, deletes exited members, ended actions, dedupe keys and failures that are older than their settings say, for about a second each, and folds counts. Call it daily where no worker runs, at isolation level READ COMMITTED: under a transaction snapshot counts and partitions are left as they are, with a warning. For superusers and level operate.';
