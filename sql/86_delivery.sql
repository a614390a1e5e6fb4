-- How delivery is going: the view journey.delivery, and the counts behind it.

-- Only the rows that are still to leave are read, by the index action_next: the planner cannot know that they are few
-- among those that have ended, and would compile the query for all of them.
CREATE OR REPLACE FUNCTION journey.outbox_count(destination text)
RETURNS TABLE (pending bigint, due bigint, in_flight bigint, oldest timestamptz)
LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, journey, pg_temp
SET enable_seqscan = off
SET jit = off
BEGIN ATOMIC
	SELECT count(*) FILTER (WHERE a.state = 'pending'),
		   count(*) FILTER (WHERE a.state = 'pending' AND a.next_attempt_at <= c.now
							AND a.journey NOT IN (SELECT j.name FROM journey.journey j WHERE j.state = 'paused')),
		   count(*) FILTER (WHERE a.state = 'in_flight'),
		   min(a.created_at) FILTER (WHERE a.state = 'pending')
	  FROM journey.action a
	 CROSS JOIN (SELECT coalesce(nullif(current_setting('journey.now', true), '')::timestamptz, clock_timestamp()) AS now) c
	 WHERE a.destination = outbox_count.destination AND a.next_attempt_at IS NOT NULL;
END;
COMMENT ON FUNCTION journey.outbox_count(text) IS
'Internal. What is to leave for a destination, as journey.delivery shows it.';

CREATE OR REPLACE FUNCTION journey.send_problem(destination text)
RETURNS text
LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'journey_send_problem';
COMMENT ON FUNCTION journey.send_problem(text) IS
'Internal. Why nothing can be sent to a destination: its secret, or its file, is not there. Null where nothing is the matter.';

CREATE OR REPLACE VIEW journey.delivery AS
SELECT d.name AS destination, d.kind,
	   CASE WHEN d.disabled IS NOT NULL THEN 'disabled'
			WHEN d.paused_at IS NOT NULL THEN 'paused'
			WHEN d.breaker <> 'closed' THEN d.breaker
			ELSE 'active' END AS state,
	   q.pending, q.due, q.in_flight,
	   coalesce(t.delivered, 0) AS delivered, coalesce(t.failed, 0) AS failed, coalesce(t.dead, 0) AS dead,
	   q.oldest, t.p50, t.p99, d.breaker, d.breaker_until,
	   CASE WHEN d.disabled IS NOT NULL THEN 'disabled: ' || d.disabled
			WHEN d.paused_at IS NOT NULL THEN 'paused since ' || d.paused_at
			WHEN NOT current_setting('journey.delivery')::bool THEN 'the setting journey.delivery is off'
			WHEN d.kind <> 'pull' THEN
				CASE WHEN p.problem IS NOT NULL THEN p.problem
					 WHEN w.senders = 0 THEN coalesce('no worker: ' || w.why_none, 'no worker: the sender is starting')
					 WHEN w.why_idle IS NOT NULL THEN w.why_idle
					 WHEN d.breaker = 'open' THEN 'too many attempts failed in a row' || coalesce(', the last with "' || d.problem || '"', '')
						  || '; the next is made at ' || d.breaker_until
					 WHEN d.breaker = 'half_open' THEN 'too many attempts failed in a row' || coalesce(', the last with "' || d.problem || '"', '') || '; one is being made' END
	   END AS why
  FROM journey.destination d
 CROSS JOIN LATERAL journey.outbox_count(d.name) q
 CROSS JOIN LATERAL journey.send_problem(d.name) AS p (problem)
  LEFT JOIN (
		SELECT p.destination, sum(p.delivered)::bigint AS delivered, sum(p.failed)::bigint AS failed,
			   sum(p.dead)::bigint AS dead, max(p.p50) AS p50, max(p.p99) AS p99
		  FROM journey.delivery_total p
		 GROUP BY p.destination) t ON t.destination = d.name
 CROSS JOIN (
		SELECT count(*) FILTER (WHERE l.kind = 'sender') AS senders,
			   min(l.why_idle) FILTER (WHERE l.kind = 'sender') AS why_idle,
			   min(l.why_idle) FILTER (WHERE l.pid IS NULL) AS why_none
		  FROM journey.worker_list() l
		  JOIN pg_database b ON b.oid = l.database AND b.datname = current_database()) w;

-- Whoever counts takes a row that nobody holds, or makes one (src/tally.c); this adds up those that nobody holds.
-- Part 0 is the sender's, and left.
CREATE OR REPLACE FUNCTION journey.fold_delivery()
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	WITH free AS MATERIALIZED (
			SELECT t.destination, t.part
			  FROM journey.delivery_total t
			 WHERE t.part <> 0
			   AND EXISTS (SELECT FROM journey.delivery_total o
							WHERE o.destination = t.destination AND o.part <> 0 AND o.part <> t.part)
			   FOR UPDATE OF t SKIP LOCKED),
		kept AS (SELECT f.destination, min(f.part) AS part FROM free f GROUP BY f.destination),
		gone AS (
			DELETE FROM journey.delivery_total t
			 USING free f, kept k
			 WHERE t.destination = f.destination AND t.part = f.part
			   AND k.destination = t.destination AND k.part <> t.part
			RETURNING t.destination, t.delivered, t.failed, t.dead)
	UPDATE journey.delivery_total t
	   SET delivered = t.delivered + s.delivered, failed = t.failed + s.failed, dead = t.dead + s.dead
	  FROM kept k
	  JOIN (SELECT g.destination, sum(g.delivered)::bigint AS delivered, sum(g.failed)::bigint AS failed,
				   sum(g.dead)::bigint AS dead
			  FROM gone g
			 GROUP BY g.destination) s ON s.destination = k.destination
	 WHERE t.destination = k.destination AND t.part = k.part;
END;
COMMENT ON FUNCTION journey.fold_delivery() IS
'Internal. Add up the parts of delivery_total that nobody holds. Not under a transaction snapshot: others may have written them since.';
