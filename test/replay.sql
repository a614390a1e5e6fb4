-- Replays purchases through a win-back journey and compares what it sent with
-- one window-function query.
--
-- Expects a table purchase(line, customer, bought_on, ...).  Each purchase is
-- emitted at noon of its day, on a clock that goes from day to day: entry, or
-- from the start again, wait 30 days, win_back.  A purchase at exactly the hour
-- at which the wait ends beats it.

SELECT journey_destination_create('outbox', 'pull', '{}');
SELECT journey_create('win-back', $$
{
	"entry_rules": {"on_active": "restart"},
	"tiles": {
		"bought": {"type": "entry", "on": [{"event": "PURCHASE"}]},
		"quiet": {"type": "wait", "for": "30 days"},
		"win_back": {"type": "action", "destination": "outbox"},
		"done": {"type": "exit"}
	},
	"edges": [
		{"from": "bought", "to": "quiet"},
		{"from": "quiet", "to": "win_back"},
		{"from": "win_back", "to": "done"}
	]
}
$$);
SELECT journey_activate('win-back');

CREATE FUNCTION pg_temp.replay(day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	noon timestamptz := (day + time '12:00') AT TIME ZONE 'UTC';
BEGIN
	PERFORM set_config('journey.now', noon::text, true);
	PERFORM journey_emit(customer, 'PURCHASE', props)
	   FROM (SELECT customer, to_jsonb(p) - 'customer' - 'bought_on' AS props
			   FROM purchase p
			  WHERE bought_on = day
			  ORDER BY line) AS today;
	PERFORM journey_advance_to(noon);
END
$$;

-- A transaction per day, unless the caller has one open.
SELECT format('DO $do$ BEGIN PERFORM pg_temp.replay(%L); END $do$', day::date)
  FROM (SELECT min(bought_on) AS first, max(bought_on) + 30 AS last FROM purchase) AS p,
	   generate_series(first, last, interval '1 day') AS day
\gexec

-- Purchases after which the customer bought nothing for 30 days.
CREATE TEMPORARY VIEW expected AS
	SELECT customer COLLATE "C" AS customer,
		   (bought_on + 30 + time '12:00') AT TIME ZONE 'UTC' AS at
	  FROM (SELECT customer, bought_on,
				   lead(bought_on) OVER (PARTITION BY customer ORDER BY bought_on, line) AS next
			  FROM purchase) AS p
	 WHERE next IS NULL OR next > bought_on + 30;
CREATE TEMPORARY VIEW sent AS
	SELECT customer, created_at AS at
	  FROM journey.action
	 WHERE journey = 'win-back' AND tile = 'win_back';

SELECT (SELECT count(*) FROM expected) AS expected,
	   (SELECT count(*) FROM sent) AS sent,
	   (SELECT count(*) FROM (TABLE expected EXCEPT ALL TABLE sent) AS e) AS missing,
	   (SELECT count(*) FROM (TABLE sent EXCEPT ALL TABLE expected) AS s) AS too_many;
