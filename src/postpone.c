/*-------------------------------------------------------------------------
 *
 * postpone.c
 *	  What is due and cannot leave before a time that is known.
 *
 * A claim would look through all of these each time, and whoever waits for it, be it
 * a destination that has nothing to do with them, waits with it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/timestamp.h"

#include "hold.h"
#include "postpone.h"
#include "sql.h"

List *
postpone_quiet(const ClaimOrder *order, List *candidates, int *postponed)
{
	static SqlPlan plan = {
		"WITH held AS MATERIALIZED (SELECT a.customer, a.id, u.until FROM " CANDIDATE_ROWS
		" JOIN pg_catalog.unnest($5) WITH ORDINALITY AS u (until, number)"
		" ON u.number OPERATOR(pg_catalog.=) n.number"
		" WHERE " IS_AS_FOUND " ORDER BY n.number FOR UPDATE OF a SKIP LOCKED)"
		" UPDATE journey.action a SET state = 'pending', next_attempt_at = h.until FROM held h"
		" WHERE a.customer OPERATOR(pg_catalog.=) h.customer"
		" AND a.id OPERATOR(pg_catalog.=) h.id",
		5, {TEXTARRAYOID, UUIDARRAYOID, INT4ARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZARRAYOID}
	};
	Datum	   *ends = palloc(sizeof(Datum) * Max(list_length(candidates), 1));
	List	   *quiet = NIL;
	List	   *others = NIL;
	Datum		values[5];
	SqlSession	session;
	ListCell   *cell;

	foreach(cell, candidates)
	{
		Candidate  *candidate = lfirst(cell);
		TimestampTz until = candidate->limits == NULL ? NO_TIME :
			hold_quiet_until(candidate->limits, order->now);

		if (until == NO_TIME || until <= order->now)
		{
			others = lappend(others, candidate);
			continue;
		}
		ends[list_length(quiet)] = TimestampTzGetDatum(until);
		quiet = lappend(quiet, candidate);
	}
	if (quiet == NIL)
		return others;
	candidate_arrays(quiet, values);
	values[3] = TimestampTzGetDatum(order->now);
	values[4] = sql_array(ends, NULL, list_length(quiet), TIMESTAMPTZOID);
	sql_begin(&session);
	*postponed += sql_run(&plan, values, NULL);
	sql_end(&session);
	return others;
}
