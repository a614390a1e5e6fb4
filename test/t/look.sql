-- All that 012_model.pl compares, a line per row, as Model.pm's dump_tables gives it.
WITH run AS MATERIALIZED (
	SELECT m.*, concat_ws('|', m.journey, m.customer, m.key,
						  row_number() OVER (PARTITION BY m.journey, m.customer, m.key ORDER BY m.id)) AS run
	  FROM journey.member m
)
SELECT concat('member|', r.run, '|', r.version, '|', r.tile, '|', r.state, '|', pg_temp.sec(r.entered_at), '|',
			  pg_temp.sec(r.arrived_at), '|', pg_temp.sec(r.due_at), '|', r.context, '|', r.outcome, '|',
			  pg_temp.sec(r.exited_at), '|', pg_temp.sec(r.converted_at))
  FROM run r
UNION ALL
SELECT concat('move|', r.run, '|', t.seq, '|', t.version, '|', t.from_tile, '|', t.to_tile, '|', t.edge, '|', t.reason, '|',
			  e.event, e.props ->> 'n', '|', pg_temp.sec(t.due_at), '|', pg_temp.sec(t.at))
  FROM journey.transition t
  JOIN run r ON r.id = t.member
  LEFT JOIN journey.event e ON e.customer = t.customer AND e.id = t.event_id
UNION ALL
SELECT concat('action|', r.run, '|', a.tile, '|', pg_temp.sec(a.created_at), '|', pg_temp.sec(a.next_attempt_at), '|',
			  a.state, '|', a.attempts, '|', a.payload)
  FROM journey.action a
  JOIN run r ON r.id = a.member
UNION ALL
SELECT concat('customer|', c.customer, '|', c.traits) FROM journey.customer c
