-- Forgetting a customer: everything that names one goes, the counts stay.
--
-- journey_forget() runs journey.forget() as the extension's owner.  Counts must not move, so what the customer's
-- rows of the log would still have added to them is added to journey.tile_total before they go.  No fold may run
-- meanwhile: it would count them too.  Each transaction adds rows of its own (part), which the next fold adds up:
-- so two that forget never wait for each other, but for the same customer.

-- What the journeys' counts would have come to had these members, of that customer, exited now and had all their
-- rows been folded: the columns of tile_total.  First visits and goals are counted as journey.recent_goal does, but
-- of one customer; test/sql/forget.sql holds the two against each other.
CREATE OR REPLACE FUNCTION journey.unfolded_counts(who text, members bigint[])
RETURNS TABLE (journey int, version smallint, tile smallint, entered bigint, departed bigint, errors bigint, passed bigint,
	converted bigint)
LANGUAGE sql STABLE PARALLEL UNSAFE
BEGIN ATOMIC
WITH theirs AS MATERIALIZED (
		SELECT t.journey, t.version, t.member, t.seq, t.from_tile, t.to_tile, t.reason,
			   t.reason NOT IN ('g', 'f', 'b') AS is_move
		  FROM journey.transition_row t
		 WHERE t.customer = who AND t.member = ANY (members) AND t.xact >= (SELECT h.folded FROM journey.horizon h)
		UNION ALL
		-- The exit of those who are inside.
		SELECT m.journey, m.version, m.id, m.seq + 1, m.tile, NULL, 'u', true
		  FROM journey.member_row m
		 WHERE m.customer = who AND m.id = ANY (members) AND m.run = 0),
	 moves AS (
		SELECT t.journey, t.version, t.from_tile, t.to_tile, t.reason, t.seq = 1 AS is_entry, count(*) AS rows
		  FROM theirs t
		 GROUP BY 1, 2, 3, 4, 5, 6),
	 counted AS (
		SELECT m.journey, m.version, c.tile::smallint AS tile, c.entered * m.rows AS entered, c.departed * m.rows AS departed,
			   c.errors * m.rows AS errors, 0::bigint AS passed, c.converted * m.rows AS converted
		  FROM moves m
		  JOIN journey.version_row v ON v.journey = m.journey AND v.version = m.version
		 CROSS JOIN LATERAL journey.move_counts(v.definition, v.tiles, m.from_tile, m.to_tile, m.reason, m.is_entry) c
		UNION ALL
		SELECT t.journey, c.version, c.tile, 0, 0, 0, c.is_visit::int, c.is_converted::int
		  FROM theirs t
		  JOIN journey.version_row v ON v.journey = t.journey AND v.version = t.version
		 CROSS JOIN LATERAL (
				SELECT t.version, t.from_tile AS tile, true AS is_visit, false AS is_converted
				 WHERE t.seq = 1 AND t.from_tile IS NOT NULL AND t.from_tile IS DISTINCT FROM t.to_tile
				UNION ALL
				SELECT t.version, t.to_tile, true, before.has_goal
				  FROM (SELECT coalesce(bool_or(p.reason = 'g'), false) AS has_goal,
							   coalesce(bool_or(p.version = t.version AND p.reason NOT IN ('g', 'f', 'b')
												AND (p.to_tile = t.to_tile OR (p.seq = 1 AND p.from_tile = t.to_tile))),
										false) AS has_visit
						  FROM journey.transition_row p
						 WHERE t.seq > 1 AND p.customer = who AND p.member = t.member AND p.seq < t.seq) before
				 WHERE t.to_tile IS NOT NULL AND t.is_move AND NOT before.has_visit
				UNION ALL
				(SELECT DISTINCT p.version, a.tile, false, true
				  FROM journey.transition_row p
				 CROSS JOIN LATERAL (VALUES (p.to_tile), (CASE WHEN p.seq = 1 THEN p.from_tile END)) a (tile)
				 WHERE t.reason = 'g' AND p.customer = who AND p.member = t.member AND p.seq < t.seq
				   AND p.reason NOT IN ('g', 'f', 'b') AND a.tile IS NOT NULL)) c
		 WHERE v.definition ? 'goal')
SELECT c.journey, c.version, c.tile, sum(c.entered)::bigint, sum(c.departed)::bigint, sum(c.errors)::bigint,
	   sum(c.passed)::bigint, sum(c.converted)::bigint
  FROM counted c
 GROUP BY c.journey, c.version, c.tile;
END;
COMMENT ON FUNCTION journey.unfolded_counts(text, bigint[]) IS
'Internal. What these members of a customer would add to tile_total if they exited now and all of it were folded.';

-- Called with the table of the watermark locked, so that nobody is adding a part: see journey.fold in 65_maintain.sql.
CREATE OR REPLACE FUNCTION journey.merge_parts()
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	WITH part AS (DELETE FROM journey.tile_total t WHERE t.part <> 0 RETURNING t.*)
	INSERT INTO journey.tile_total AS total (journey, version, tile, entered, departed, errors, passed, converted)
	SELECT p.journey, p.version, p.tile, sum(p.entered), sum(p.departed), sum(p.errors), sum(p.passed), sum(p.converted)
	  FROM part p
	 GROUP BY p.journey, p.version, p.tile
	ON CONFLICT (journey, version, tile, part) DO UPDATE
	   SET entered = total.entered + excluded.entered, departed = total.departed + excluded.departed,
		   errors = total.errors + excluded.errors, passed = total.passed + excluded.passed,
		   converted = total.converted + excluded.converted;
	WITH part AS (DELETE FROM journey.forgotten_row f WHERE f.part <> 0 RETURNING f.*)
	INSERT INTO journey.forgotten_row AS total (journey, tile, destination, delivered)
	SELECT p.journey, p.tile, p.destination, sum(p.delivered)
	  FROM part p
	 GROUP BY p.journey, p.tile, p.destination
	ON CONFLICT (journey, tile, destination, part) DO UPDATE SET delivered = total.delivered + excluded.delivered;
END;
COMMENT ON FUNCTION journey.merge_parts() IS
'Internal. Add up the parts of tile_total and forgotten_row.';

CREATE OR REPLACE VIEW journey.forgotten AS
SELECT f.journey, f.tile, f.destination, sum(f.delivered)::bigint AS delivered
  FROM journey.forgotten_row f
 GROUP BY f.journey, f.tile, f.destination;

CREATE OR REPLACE FUNCTION journey.knows(who text)
RETURNS bool
LANGUAGE sql STABLE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT EXISTS (SELECT FROM journey.member_row m WHERE m.customer = who)
		OR EXISTS (SELECT FROM journey.event e WHERE e.customer = who)
		OR EXISTS (SELECT FROM journey.transition_row t WHERE t.customer = who)
		OR EXISTS (SELECT FROM journey.action a WHERE a.customer = who)
		OR EXISTS (SELECT FROM journey.held h WHERE h.customer = who)
		OR EXISTS (SELECT FROM journey.queue q WHERE q.customer = who)
		OR EXISTS (SELECT FROM journey.dedupe d WHERE d.customer = who)
		OR EXISTS (SELECT FROM journey.audience_member a WHERE a.customer = who)
		OR EXISTS (SELECT FROM journey.customer c WHERE c.customer = who)
		OR EXISTS (SELECT FROM journey.failure_row f WHERE f.customer = who OR strpos(f.message, who) > 0)
		OR EXISTS (SELECT FROM journey.audience a WHERE strpos(a.error, who) > 0);
END;
COMMENT ON FUNCTION journey.knows(text) IS
'Internal. Whether any table names this customer.';

-- The members first and in the order of all (DECISIONS 14).  Other rows a transaction may hold that has not locked
-- the members and is about to: a consumer that claims and acknowledges in one go, say.  So for those nobody waits
-- while holding the members.
CREATE OR REPLACE FUNCTION journey.lock_customer(
	who text,
	OUT members bigint[],
	OUT busy_table name,
	OUT busy_row tid)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
	ours tid[];
	is_theirs text;
BEGIN
	LOOP
		members := ARRAY(SELECT m.id FROM journey.member_row m
						  WHERE m.customer = who
						  ORDER BY m.entered_at, m.id
							FOR UPDATE);
		-- Whoever we waited for may have entered others.
		EXIT WHEN NOT EXISTS (SELECT FROM journey.member_row m WHERE m.customer = who AND m.id <> ALL (members));
	END LOOP;
	FOREACH busy_table IN ARRAY '{action, queue, held, customer, audience_member, failure_row, audience}'::name[] LOOP
		is_theirs := CASE busy_table
						WHEN 'audience' THEN 'strpos(t.error, $1) > 0'
						WHEN 'failure_row' THEN '(t.customer = $1 OR strpos(t.message, $1) > 0)'
						ELSE 't.customer = $1' END;
		EXECUTE format('SELECT ARRAY(SELECT t.ctid FROM journey.%I t WHERE %s FOR UPDATE SKIP LOCKED)',
					   busy_table, is_theirs)
		   INTO ours USING who;
		EXECUTE format('SELECT t.ctid FROM journey.%I t WHERE %s AND t.ctid <> ALL ($2) LIMIT 1',
					   busy_table, is_theirs)
		   INTO busy_row USING who, ours;
		IF busy_row IS NOT NULL THEN
			RETURN;
		END IF;
	END LOOP;
	busy_table := NULL;
END
$$;
COMMENT ON FUNCTION journey.lock_customer(text) IS
'Internal. Lock the members of a customer, waiting for who holds them, and the customer''s rows of other tables, without: then busy_row says which row of busy_table somebody holds.';

-- Keep nothing while we wait: what a subtransaction has locked is free again when it is undone.
CREATE OR REPLACE FUNCTION journey.hold_customer(who text)
RETURNS bigint[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
AS $$
DECLARE
	held record;
BEGIN
	LOOP
		BEGIN
			held := journey.lock_customer(who);
			IF held.busy_table IS NULL THEN
				RETURN held.members;
			END IF;
			RAISE SQLSTATE 'JRNYB';
		EXCEPTION WHEN SQLSTATE 'JRNYB' THEN
		END;
		BEGIN
			EXECUTE format('SELECT FROM journey.%I t WHERE t.ctid = $1 FOR UPDATE', held.busy_table) USING held.busy_row;
			RAISE SQLSTATE 'JRNYB';
		EXCEPTION WHEN SQLSTATE 'JRNYB' THEN
		END;
	END LOOP;
END
$$;
COMMENT ON FUNCTION journey.hold_customer(text) IS
'Internal. Lock the members of a customer, whose ids it returns, and the customer''s rows in action, queue, held, customer, audience_member, and errors that mention the customer.';

-- Errors of authors' SQL quote values.  Part of a longer word it is somebody else, or no customer at all.
CREATE OR REPLACE FUNCTION journey.unnamed(message text, who text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT regexp_replace(message,
						  CASE WHEN who ~ '^[[:alnum:]]' THEN '(?<![[:alnum:]])' ELSE '' END
						  || regexp_replace(who, '([][(){}.*+?^$|\\])', '\\\1', 'g')
						  || CASE WHEN who ~ '[[:alnum:]]$' THEN '(?![[:alnum:]])' ELSE '' END,
						  '…', 'g');
END;
COMMENT ON FUNCTION journey.unnamed(text, text) IS
'Internal. An error message without that customer.';

-- What others have entered and committed since the members were locked stays: it is somebody new.  Under a
-- transaction snapshot there may be rows that we cannot see; then not all could be forgotten.
CREATE OR REPLACE FUNCTION journey.forget(who text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, journey, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
	mine bigint;
	members bigint[];
BEGIN
	IF NOT journey.knows(who) THEN
		RETURN;
	END IF;

	-- No fold from here on until we have ended; and, under a transaction snapshot, none since it was taken.  A fold may
	-- take its time: we wait for it before we hold the members.  It does not wait for us.
	LOCK TABLE journey.watermark IN ROW SHARE MODE;
	IF journey.has_old_snapshot() THEN
		INSERT INTO journey.watermark (xact) VALUES (0) ON CONFLICT DO NOTHING;
		PERFORM FROM journey.watermark FOR SHARE;
	END IF;
	members := journey.hold_customer(who);

	-- Of members that are gone rows of the log may be left.
	members := members || ARRAY(SELECT DISTINCT t.member FROM journey.transition_row t
								 WHERE t.customer = who
								   AND NOT EXISTS (SELECT FROM journey.member_row m
													WHERE m.customer = who AND m.id = t.member));
	mine := pg_current_xact_id()::text::bigint;
	INSERT INTO journey.tile_total AS total
		   (journey, version, tile, part, entered, departed, errors, passed, converted)
	SELECT c.journey, c.version, c.tile, mine, c.entered, c.departed, c.errors, c.passed, c.converted
	  FROM journey.unfolded_counts(who, members) c
	ON CONFLICT ON CONSTRAINT tile_total_pkey DO UPDATE
	   SET entered = total.entered + excluded.entered, departed = total.departed + excluded.departed,
		   errors = total.errors + excluded.errors, passed = total.passed + excluded.passed,
		   converted = total.converted + excluded.converted;
	DELETE FROM journey.transition_row t WHERE t.customer = who AND t.member = ANY (members);
	DELETE FROM journey.member_row m WHERE m.customer = who AND m.id = ANY (members);

	WITH gone AS (
		DELETE FROM journey.action a
		 WHERE a.customer = who
		   AND NOT EXISTS (SELECT FROM journey.member_row m WHERE m.customer = who AND m.id = a.member)
		RETURNING a.journey, a.tile, a.destination, a.state)
	INSERT INTO journey.forgotten_row AS total (journey, tile, destination, part, delivered)
	SELECT g.journey, g.tile, g.destination, mine, count(*)
	  FROM gone g
	 WHERE g.state = 'delivered'
	 GROUP BY g.journey, g.tile, g.destination
	ON CONFLICT ON CONSTRAINT forgotten_row_pkey DO UPDATE SET delivered = total.delivered + excluded.delivered;
	DELETE FROM journey.held h
	 WHERE h.customer = who
	   AND NOT EXISTS (SELECT FROM journey.member_row m WHERE m.customer = who AND m.journey = h.journey);
	DELETE FROM journey.event e WHERE e.customer = who;
	DELETE FROM journey.queue q WHERE q.customer = who;
	DELETE FROM journey.dedupe d WHERE d.customer = who;
	DELETE FROM journey.audience_member a WHERE a.customer = who;
	DELETE FROM journey.customer c WHERE c.customer = who;
	DELETE FROM journey.failure_row f WHERE f.customer = who;
	UPDATE journey.failure_row f SET message = journey.unnamed(f.message, who) WHERE strpos(f.message, who) > 0;
	UPDATE journey.audience a SET error = journey.unnamed(a.error, who) WHERE strpos(a.error, who) > 0;
END
$$;
COMMENT ON FUNCTION journey.forget(text) IS
'Internal. What journey_forget() does, as the extension''s owner.';

CREATE OR REPLACE FUNCTION @extschema@.journey_forget(customer text)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'journey_forget';
COMMENT ON FUNCTION @extschema@.journey_forget(text) IS
'Erase a customer (1 to 256 bytes) from every table of journey, in this transaction: members, events, transitions, actions, queue, profile, audiences, failures. The members inside exit, and nothing hears of it. Counts of journeys and tiles stay; of what was delivered a count is left in journey.forgotten. What a consumer has claimed cannot be acknowledged any more. Your own tables are not touched, and whoever comes again is somebody new. Nothing happens for a customer nobody knows. Errors: 22004, 22023, and 40001 under a transaction snapshot that others have overtaken. Level operate.';
