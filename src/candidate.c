/*-------------------------------------------------------------------------
 *
 * candidate.c
 *	  What claim.c found in the outbox, before anything is locked; and the end of
 *	  those that are over.
 *
 * None of these is handed out: it has expired, its journey was stopped, or those
 * who claimed it never answered for it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "candidate.h"
#include "destination.h"
#include "ending.h"
#include "sql.h"

#define ABANDONED_ERROR "lease passed without journey_ack() or journey_nack()"
#define STOPPED_ERROR "journey was stopped"

/* ---- judging ---- */

/*
 * How often an action without a schedule of its own is tried.  What was claimed so
 * often and never answered for does not come back: it may be what kills those who
 * take it.  A worker's attempt that was cut off is made once more, even the last:
 * it may have been the worker's end, and not the action's, and the action may
 * never have been sent.
 */
static void
look_up(Judge *judge)
{
	static SqlPlan plan = {
		"SELECT kind OPERATOR(pg_catalog.=) 'pull' FROM journey.destination"
		" WHERE name OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	Datum		values[] = {PointerGetDatum(judge->order->destination)};
	const RetryPolicy *policy = NULL;
	SqlSession	session;
	bool		isnull;
	bool		is_pull;

	sql_begin(&session);
	is_pull = sql_run(&plan, values, NULL) == 0 || DatumGetBool(sql_value(0, 1, &isnull));
	sql_end(&session);
	if (!is_pull)
	{
		Destination *destination =
			destination_find(text_to_cstring(judge->order->destination));

		policy = destination ? destination->retry : NULL;
	}
	judge->default_max = retry_choose(NULL, policy).max;
	judge->spare = is_pull ? 0 : 1;
}

static bool
is_abandoned(Judge *judge, const OutboxRow *row)
{
	if (!row->is_in_flight)
		return false;
	if (judge->default_max == 0)
		look_up(judge);
	return row->attempts >= judge->spare +
		(row->retry ? retry_schedule(row->retry).max : judge->default_max);
}

const char *
candidate_outcome(Judge *judge, const OutboxRow *row)
{
	if (row->expires_at != NO_TIME && row->expires_at <= judge->order->now)
		return OUTCOME_EXPIRED;
	if (row->is_stopped)
		return OUTCOME_CANCELLED;
	return is_abandoned(judge, row) ? OUTCOME_DEAD : NULL;
}

Candidate *
candidate_make(const OutboxRow *row)
{
	Candidate  *candidate = palloc(sizeof(Candidate));

	candidate->id = *row->id;
	candidate->customer = DatumGetTextPCopy(PointerGetDatum(row->customer));
	candidate->attempts = row->attempts;
	candidate->is_in_flight = row->is_in_flight;
	candidate->limits = row->limits == NULL ? NULL :
		(Jsonb *) PG_DETOAST_DATUM_COPY(JsonbPGetDatum(row->limits));
	candidate->outcome = NULL;
	return candidate;
}

void
candidate_arrays(List *candidates, Datum *arrays)
{
	int			n = list_length(candidates);
	Datum	   *customers = palloc(sizeof(Datum) * Max(n, 1));
	Datum	   *ids = palloc(sizeof(Datum) * Max(n, 1));
	Datum	   *attempts = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
	{
		Candidate  *candidate = list_nth(candidates, i);

		customers[i] = PointerGetDatum(candidate->customer);
		ids[i] = UUIDPGetDatum(&candidate->id);
		attempts[i] = Int32GetDatum(candidate->attempts);
	}
	arrays[0] = sql_array(customers, NULL, n, TEXTOID);
	arrays[1] = sql_array(ids, NULL, n, UUIDOID);
	arrays[2] = sql_array(attempts, NULL, n, INT4OID);
}

/* ---- ending what is over ---- */

/* Locked, of those that nobody holds. */
static SqlPlan over_plan = {
	"SELECT n.number, a.member, a.journey, a.tile, " ACTION_IS_AWAITED("a") ", a.state"
	" FROM " CANDIDATE_ROWS " WHERE " IS_AS_FOUND
	" ORDER BY n.number FOR UPDATE OF a SKIP LOCKED",
	4, {TEXTARRAYOID, UUIDARRAYOID, INT4ARRAYOID, TIMESTAMPTZOID}
};

static const char *
error_of(const char *outcome)
{
	if (strcmp(outcome, OUTCOME_EXPIRED) == 0)
		return EXPIRED_ERROR;
	if (strcmp(outcome, OUTCOME_CANCELLED) == 0)
		return STOPPED_ERROR;
	return strcmp(outcome, OUTCOME_DEAD) == 0 ? ABANDONED_ERROR : NULL;
}

static Ending *
read_ending(SqlSession *session, const ClaimOrder *order, List *over, uint64 row)
{
	Ending	   *ending = MemoryContextAllocZero(session->caller, sizeof(Ending));
	ActionEnd  *end = &ending->end;
	bool		isnull;
	Candidate  *candidate = list_nth(over, DatumGetInt64(sql_value(row, 1, &isnull)) - 1);

	end->id = candidate->id;
	end->customer = candidate->customer;
	end->member = DatumGetInt64(sql_value(row, 2, &isnull));
	end->journey = sql_text(session, row, 3);
	end->tile = sql_text(session, row, 4);
	end->destination = text_to_cstring(order->destination);
	end->is_awaited = DatumGetBool(sql_value(row, 5, &isnull));
	end->outcome = candidate->outcome;
	end->error = error_of(candidate->outcome);
	ending->from = sql_text(session, row, 6);
	ending->attempts = candidate->attempts;
	return ending;
}

void
candidates_end(const ClaimOrder *order, List *over)
{
	int			most_told = Max(Min(order->max, MOST_ENDED), LEAST_LOOKED_AT);
	int			told = 0;
	List	   *endings = NIL;
	SqlSession	session;
	MemoryContext old;
	Datum		values[4];
	uint64		n;

	candidate_arrays(over, values);
	values[3] = TimestampTzGetDatum(order->now);
	sql_begin(&session);
	n = sql_run(&over_plan, values, NULL);
	old = MemoryContextSwitchTo(session.caller);
	for (uint64 i = 0; i < n; i++)
	{
		Ending	   *ending = read_ending(&session, order, over, i);

		if (!action_end_is_heard(&ending->end) || told++ < most_told)
			endings = lappend(endings, ending);
	}
	MemoryContextSwitchTo(old);
	sql_end(&session);
	ending_write_free(endings, order->end_ms);
}
