-- What holds of every database at any moment (DECISIONS 10): one row for each
-- violation.  Run it in one snapshot.

-- I1: an open member is where its last transition went, and alone there.
SELECT 'I1 position' AS invariant, m.id::text AS what
  FROM journey.member m
  LEFT JOIN LATERAL (SELECT t.to_tile FROM journey.transition t
					  WHERE t.customer = m.customer AND t.member = m.id
					  ORDER BY t.seq DESC LIMIT 1) l ON true
 WHERE m.state <> 'exited' AND m.tile IS DISTINCT FROM l.to_tile
UNION ALL
SELECT 'I1 alone', m.journey || ' ' || m.customer || ' ' || m.key
  FROM journey.member m
 WHERE m.state <> 'exited'
 GROUP BY m.journey, m.customer, m.key
HAVING count(*) > 1

-- I2: the log of a member is gapless, and each move begins where the last ended.
-- Goals, failures and retries move nobody; a goal can come after the exit.
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
