-- What holds of every database at any moment (DECISIONS 10): one row for each
-- violation.  Run it in one snapshot.

-- I1: an open member is where its last transition went, on that version, and alone there.
SELECT 'I1 position' AS invariant, m.id::text AS what
  FROM journey.member m
  LEFT JOIN LATERAL (SELECT t.version, t.to_tile FROM journey.transition t
					  WHERE t.customer = m.customer AND t.member = m.id
					  ORDER BY t.seq DESC LIMIT 1) l ON true
 WHERE m.state <> 'exited' AND (m.tile IS DISTINCT FROM l.to_tile OR m.version IS DISTINCT FROM l.version)
UNION ALL
SELECT 'I1 alone', m.journey || ' ' || m.customer || ' ' || m.key
  FROM journey.member m
 WHERE m.state <> 'exited'
 GROUP BY m.journey, m.customer, m.key
HAVING count(*) > 1

-- I2: the log of a member is gapless, and each move begins where the last ended.
-- Goals, failures and retries move nobody; a goal can come after the exit.  A
-- migration leaves the old version in one row and enters a newer one in the next.
UNION ALL
SELECT 'I2 dense', t.member::text
  FROM journey.transition t
 GROUP BY t.member
HAVING min(t.seq) <> 1 OR max(t.seq) <> count(*)
UNION ALL
SELECT 'I2 linked', t.member || ' ' || t.seq
  FROM (SELECT member, seq, from_tile,
			   lag(to_tile) OVER (PARTITION BY member ORDER BY seq) AS previous
		  FROM journey.transition
		 WHERE reason NOT IN ('goal', 'failed', 'retried')) t
 WHERE t.seq > 1 AND t.from_tile IS DISTINCT FROM t.previous
UNION ALL
SELECT 'I2 migrated', t.member || ' ' || t.seq
  FROM (SELECT member, seq, version, reason, from_tile, to_tile,
			   lag(version) OVER w AS version_before, lag(reason) OVER w AS reason_before,
			   lag(to_tile) OVER w AS to_before
		  FROM journey.transition WINDOW w AS (PARTITION BY member ORDER BY seq)) t
 WHERE t.seq > 1
   AND ((t.version IS DISTINCT FROM t.version_before
		 AND (t.reason <> 'migrated' OR t.reason_before <> 'migrated' OR t.version < t.version_before))
		OR (t.reason = 'migrated' AND num_nulls(t.from_tile, t.to_tile) <> 1)
		OR (t.reason = 'migrated' AND t.from_tile IS NULL
			AND (t.reason_before <> 'migrated' OR t.to_before IS NOT NULL)))
UNION ALL
SELECT 'I2 logged', m.id::text
  FROM journey.member m
 WHERE NOT EXISTS (SELECT FROM journey.transition t
					WHERE t.customer = m.customer AND t.member = m.id)

-- I3: an event moves a member over an edge once.
UNION ALL
SELECT 'I3 once', t.event_id || ' ' || t.member || ' ' || t.edge
  FROM journey.transition t
 WHERE t.event_id IS NOT NULL AND t.edge IS NOT NULL
 GROUP BY t.event_id, t.member, t.edge
HAVING count(*) > 1

-- I4: what the counts say is what is there.
UNION ALL
SELECT 'I4 counts', s.journey || ' ' || s.version || ' ' || s.tile || ': '
	   || s.entered || ' in, ' || s.departed || ' out, ' || s.inside || ' inside, found '
	   || coalesce(m.members, 0)
  FROM journey.tile_stats s
  LEFT JOIN (SELECT journey, version, tile, count(*) AS members
			   FROM journey.member
			  WHERE state <> 'exited'
			  GROUP BY journey, version, tile) m USING (journey, version, tile)
 WHERE s.entered <> s.inside + s.departed OR s.inside <> coalesce(m.members, 0)
UNION ALL
SELECT 'I4 status', s.journey || ': ' || s.entered || ' in, ' || s.exited || ' out, '
	   || s.active || ' active, found ' || coalesce(m.members, 0)
  FROM journey.status s
  LEFT JOIN (SELECT journey, count(*) AS members
			   FROM journey.member
			  WHERE state <> 'exited'
			  GROUP BY journey) m USING (journey)
 WHERE s.entered <> s.active + s.exited OR s.active <> coalesce(m.members, 0)

-- I7: no timer early; those who wait have one, those who do not have none.
UNION ALL
SELECT 'I7 early', t.member || ' ' || t.seq
  FROM journey.transition t
 WHERE t.at < t.due_at
UNION ALL
SELECT 'I7 due', m.id || ' ' || m.state
  FROM journey.member m
 WHERE (m.state = 'in_transit' AND m.due_at IS NULL)
	OR (m.state IN ('failed', 'exited') AND m.due_at IS NOT NULL)
