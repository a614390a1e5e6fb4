/*-------------------------------------------------------------------------
 *
 * pull.c
 *	  The doors for those who take actions out: journey_claim, journey_ack,
 *	  journey_nack.
 *
 * A claim is a lease: it sets next_attempt_at to the lease's end, and an action
 * that is still in flight then can be claimed again.  So a consumer that dies
 * loses nothing, and may see an action twice, under the same id.
 *
 * The end of an action can concern its customer's members; see result.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "arguments.h"
#include "armed.h"
#include "cache.h"
#include "guc.h"
#include "result.h"
#include "retry.h"
#include "rights.h"
#include "role.h"
#include "sql.h"

PG_FUNCTION_INFO_V1(journey_claim);
PG_FUNCTION_INFO_V1(journey_ack);
PG_FUNCTION_INFO_V1(journey_nack);

#define MAX_ERROR_LENGTH 4096

/*
 * A claim looks at that many actions at least for those that are over, and ends
 * about that many at most.
 */
#define LEAST_LOOKED_AT 100
#define MOST_ENDED 10000

#define ABANDONED_ERROR "lease passed without journey_ack() or journey_nack()"

/* ---- who may pull ---- */

static void
require_destination(const char *destination)
{
	if (!rights_use_destination(GetUserId(), destination))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for destination \"%s\"", destination),
				errhint("journey_grant(role, 'author', destination) allows it."));
}

static void
require_existing(text *destination)
{
	static SqlPlan plan = {
		"SELECT FROM journey.destination WHERE name OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	Datum		values[] = {PointerGetDatum(destination)};
	SqlSession	session;
	bool		exists;

	sql_begin(&session);
	exists = sql_run(&plan, values, NULL) > 0;
	sql_end(&session);
	if (!exists)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("destination \"%s\" does not exist",
					   text_to_cstring(destination)));
	require_destination(text_to_cstring(destination));
}

/* ---- one action ---- */

/* Of a member that stays for its result? */
#define IS_AWAITED \
	"EXISTS (SELECT FROM journey.member_row m" \
	" WHERE m.customer OPERATOR(pg_catalog.=) a.customer" \
	" AND m.run OPERATOR(pg_catalog.=) 0 AND m.awaits OPERATOR(pg_catalog.=) a.id)"

/* What is needed of an action when it ends. */
#define END_COLUMNS "a.id, a.customer, a.member, a.journey, a.tile, a.destination, " IS_AWAITED

enum
{
	END_ID = 1,
	END_CUSTOMER,
	END_MEMBER,
	END_JOURNEY,
	END_TILE,
	END_DESTINATION,
	END_AWAITED,
	END_MORE
};

static void
read_end(SqlSession *session, uint64 row, ActionEnd *end)
{
	bool		isnull;

	memset(end, 0, sizeof(ActionEnd));
	end->id = *DatumGetUUIDP(sql_value(row, END_ID, &isnull));
	end->customer = DatumGetTextPP(sql_datum(session, row, END_CUSTOMER, &isnull));
	end->member = DatumGetInt64(sql_value(row, END_MEMBER, &isnull));
	end->journey = sql_text(session, row, END_JOURNEY);
	end->tile = sql_text(session, row, END_TILE);
	end->destination = sql_text(session, row, END_DESTINATION);
	end->is_awaited = DatumGetBool(sql_value(row, END_AWAITED, &isnull));
}

/* An action that somebody has claimed. */
typedef struct InFlight
{
	ActionEnd	end;
	int			attempts;
	RetrySchedule schedule;
} InFlight;

static Datum
argument_id(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("id must not be null"));
	return PG_GETARG_DATUM(0);
}

/* False: none of that id is in flight. */
static bool
find_in_flight(FunctionCallInfo fcinfo, InFlight *action)
{
	static SqlPlan plan = {
		"SELECT " END_COLUMNS ", a.attempts, a.retry FROM journey.action a"
		" WHERE a.id OPERATOR(pg_catalog.=) $1"
		" AND a.state OPERATOR(pg_catalog.=) 'in_flight'",
		1, {UUIDOID}
	};
	Datum		values[] = {argument_id(fcinfo)};
	SqlSession	session;
	bool		found;

	sql_begin(&session);
	found = sql_run(&plan, values, NULL) > 0;
	if (found)
	{
		bool		isnull;
		Datum		retry;

		read_end(&session, 0, &action->end);
		action->attempts = DatumGetInt32(sql_value(0, END_MORE, &isnull));
		retry = sql_datum(&session, 0, END_MORE + 1, &isnull);
		action->schedule = retry_schedule(isnull ? NULL : DatumGetJsonbP(retry));
	}
	sql_end(&session);
	if (found)
		require_destination(action->end.destination);
	return found;
}

/* False: it is not in flight any more. */
static bool
set_state(const ActionEnd *end, const char *state, TimestampTz next_attempt_at)
{
	static SqlPlan plan = {
		"UPDATE journey.action SET state = $3, delivered_at = $4, response = $5,"
		" last_error = $6, next_attempt_at = $7"
		" WHERE customer OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2"
		" AND (state OPERATOR(pg_catalog.=) 'in_flight'"
		" OR $3 OPERATOR(pg_catalog.=) 'cancelled' AND state OPERATOR(pg_catalog.=) 'pending')",
		7, {TEXTOID, UUIDOID, TEXTOID, TIMESTAMPTZOID, JSONBOID, TEXTOID, TIMESTAMPTZOID}
	};
	Datum		values[] = {PointerGetDatum(end->customer), UUIDPGetDatum(&end->id),
		CStringGetTextDatum(state), TimestampTzGetDatum(guc_clock()),
		PointerGetDatum(end->response), end->error ? CStringGetTextDatum(end->error) : 0,
	TimestampTzGetDatum(next_attempt_at)};
	bool		nulls[] = {false, false, false, strcmp(state, "delivered") != 0,
	end->response == NULL, end->error == NULL, next_attempt_at == NO_TIME};
	SqlSession	session;
	bool		was_so;

	sql_begin(&session);
	was_so = sql_run(&plan, values, nulls) > 0;
	sql_end(&session);
	return was_so;
}

/* What is left of it: outcomes are named as states, but for what expired. */
static const char *
state_of(const ActionEnd *end)
{
	return strcmp(end->outcome, OUTCOME_EXPIRED) == 0 ? "cancelled" : end->outcome;
}

/*
 * An action comes to its end.  False: it is not in flight any more, or (with
 * LOCK_SKIP) somebody holds the customer, and nothing was done.
 */
static bool
end_action(const ActionEnd *end, LockWait wait)
{
	bool		told = action_end_is_heard(end);

	if (told && !action_end_lock(end, wait))
		return false;
	if (!set_state(end, state_of(end), NO_TIME))
		return false;
	if (told)
		action_end_tell(end);
	return true;
}

/* ---- claim ---- */

static TimestampTz
after(TimestampTz at, Interval *span)
{
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												   TimestampTzGetDatum(at),
												   IntervalPGetDatum(span)));
}

static TimestampTz
lease_end(FunctionCallInfo fcinfo, int n, TimestampTz now)
{
	TimestampTz end;

	if (PG_ARGISNULL(n))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("lease must not be null"));
	end = after(now, PG_GETARG_INTERVAL_P(n));
	if (end <= now)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("lease must be positive"));
	return end;
}

static int32
argument_max(FunctionCallInfo fcinfo, int n)
{
	if (PG_ARGISNULL(n) || PG_GETARG_INT32(n) < 1)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("max must be at least 1"));
	return PG_GETARG_INT32(n);
}

/* Due, and not of a journey that is paused. */
#define IS_DUE \
	"a.destination OPERATOR(pg_catalog.=) $1" \
	" AND a.next_attempt_at OPERATOR(pg_catalog.<=) $2" \
	" AND NOT (a.journey OPERATOR(pg_catalog.=) ANY (SELECT j.name FROM journey.journey j" \
	" WHERE j.state OPERATOR(pg_catalog.=) 'paused'))"

#define HAS_EXPIRED "coalesce(a.expires_at OPERATOR(pg_catalog.<=) $2, false)"

/*
 * What was claimed so often and never answered for does not come back: it may be
 * what kills its consumers.
 */
#define IS_ABANDONED \
	"a.state OPERATOR(pg_catalog.=) 'in_flight' AND a.attempts OPERATOR(pg_catalog.>=)" \
	" coalesce((a.retry OPERATOR(pg_catalog.->>) 'max')::pg_catalog.int4, " \
	DEFAULT_MAX_ATTEMPTS_SQL ")"

#define IS_OVER "(" HAS_EXPIRED " OR " IS_ABANDONED ")"

/* Of a row found by its key; in a form that no index on the time can be used for. */
#define IS_STILL_DUE \
	"coalesce(a.next_attempt_at, 'infinity') OPERATOR(pg_catalog.<=) $2"

/*
 * Among the first that are due, end those that are over and concern nobody, and
 * return all that are over, the others in the order of customers.  All of them
 * are locked; those that somebody holds are left.
 */
static SqlPlan end_plan = {
	"WITH head AS MATERIALIZED (SELECT a.customer, a.id, " IS_OVER " AS is_over"
	" FROM journey.action a WHERE " IS_DUE " ORDER BY a.next_attempt_at LIMIT $3),"
	" over AS MATERIALIZED (SELECT " END_COLUMNS " AS is_awaited, " HAS_EXPIRED " AS expired"
	" FROM head JOIN journey.action a ON a.customer OPERATOR(pg_catalog.=) head.customer"
	" AND a.id OPERATOR(pg_catalog.=) head.id"
	" WHERE head.is_over AND " IS_STILL_DUE " AND " IS_OVER
	" FOR UPDATE OF a SKIP LOCKED),"
	" ended AS (UPDATE journey.action a SET next_attempt_at = NULL,"
	" state = CASE WHEN over.expired THEN 'cancelled' ELSE 'dead' END,"
	" last_error = CASE WHEN over.expired THEN '" EXPIRED_ERROR "' ELSE '" ABANDONED_ERROR "' END"
	" FROM over WHERE NOT ($4 OR over.is_awaited)"
	" AND a.customer OPERATOR(pg_catalog.=) over.customer"
	" AND a.id OPERATOR(pg_catalog.=) over.id)"
	" SELECT over.*, $4 OR over.is_awaited FROM over ORDER BY over.customer",
	4, {TEXTOID, TIMESTAMPTZOID, INT4OID, BOOLOID}
};

/* Those that are over and concern somebody, an array; *others: how many do not. */
static ActionEnd *
find_over(text *destination, TimestampTz now, int limit, int *n, int *others)
{
	Datum		values[] = {PointerGetDatum(destination), TimestampTzGetDatum(now),
	Int32GetDatum(limit), BoolGetDatum(action_failure_is_heard())};
	SqlSession	session;
	ActionEnd  *ends;
	uint64		found;

	*n = *others = 0;
	sql_begin(&session);
	found = sql_run(&end_plan, values, NULL);
	ends = MemoryContextAlloc(session.caller, (found + 1) * sizeof(ActionEnd));
	for (uint64 i = 0; i < found; i++)
	{
		bool		isnull;
		bool		expired = DatumGetBool(sql_value(i, END_MORE, &isnull));

		if (!DatumGetBool(sql_value(i, END_MORE + 1, &isnull)))
		{
			(*others)++;
			continue;
		}
		read_end(&session, i, &ends[*n]);
		ends[*n].outcome = expired ? OUTCOME_EXPIRED : OUTCOME_DEAD;
		ends[*n].error = expired ? EXPIRED_ERROR : ABANDONED_ERROR;
		(*n)++;
	}
	sql_end(&session);
	return ends;
}

/*
 * End what has expired or was abandoned, as far as the claim would come upon it.
 * Where that concerns a customer whom somebody holds, the action waits for the
 * next claim, as do those that are too many for one; none is handed out.
 */
static void
end_overdue(text *destination, TimestampTz now, int max)
{
	int			limit = Max(Min(max, MOST_ENDED), LEAST_LOOKED_AT);
	int			most_told = limit;
	int			told = 0;
	int			all = 0;
	int			ended;

	do
	{
		int			n;
		ActionEnd  *ends = find_over(destination, now, limit, &n, &ended);

		for (int i = 0; i < n && told < most_told; i++, told++)
		{
			CHECK_FOR_INTERRUPTS();
			ended += end_action(&ends[i], LOCK_SKIP);
		}
		all += ended;
		/* Each time we pass again over those that are ended. */
		limit *= 2;
	} while (ended > 0 && all < MOST_ENDED && told < most_told);
}

Datum
journey_claim(PG_FUNCTION_ARGS)
{
	static SqlPlan plan = {
		"WITH due AS MATERIALIZED (SELECT a.customer, a.id FROM journey.action a"
		" WHERE " IS_DUE " AND NOT " IS_OVER
		" ORDER BY a.next_attempt_at LIMIT $4 FOR UPDATE SKIP LOCKED)"
		" UPDATE journey.action a SET state = 'in_flight',"
		" attempts = a.attempts OPERATOR(pg_catalog.+) 1, next_attempt_at = $3"
		" FROM due WHERE a.customer OPERATOR(pg_catalog.=) due.customer"
		" AND a.id OPERATOR(pg_catalog.=) due.id RETURNING a.*",
		4, {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID}
	};
	text	   *destination;
	Datum		values[4];
	TimestampTz now = guc_clock();
	SqlSession	session;
	int32		max;

	role_refuse_read_only("journey_claim()");
	destination = argument_text(fcinfo, 0, "destination", MAX_EVENT_LENGTH);
	require_existing(destination);
	max = argument_max(fcinfo, 1);
	values[0] = PointerGetDatum(destination);
	values[1] = TimestampTzGetDatum(now);
	values[2] = TimestampTzGetDatum(lease_end(fcinfo, 2, now));
	values[3] = Int32GetDatum(max);
	InitMaterializedSRF(fcinfo, 0);
	if (!armed_check() || !guc_delivery)
		return (Datum) 0;
	cache_refresh();
	end_overdue(destination, now, max);
	sql_begin(&session);
	sql_run(&plan, values, NULL);
	sql_return_rows(fcinfo);
	sql_end(&session);
	return (Datum) 0;
}

/* ---- ack, nack ---- */

Datum
journey_ack(PG_FUNCTION_ARGS)
{
	InFlight	action;

	role_refuse_read_only("journey_ack()");
	if (!find_in_flight(fcinfo, &action))
		PG_RETURN_BOOL(false);
	if (!PG_ARGISNULL(1))
	{
		check_size(PG_GETARG_DATUM(1), "response");
		action.end.response = PG_GETARG_JSONB_P(1);
	}
	action.end.outcome = OUTCOME_DELIVERED;
	cache_refresh();
	PG_RETURN_BOOL(end_action(&action.end, LOCK_WAIT));
}

static TimestampTz
retry_after(FunctionCallInfo fcinfo, int n, TimestampTz now)
{
	TimestampTz at = after(now, PG_GETARG_INTERVAL_P(n));

	if (at < now)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("retry_in must not be negative"));
	return at;
}

/* By the schedule, unless the consumer says when; how often only the schedule says. */
Datum
journey_nack(PG_FUNCTION_ARGS)
{
	TimestampTz now = guc_clock();
	InFlight	action;
	TimestampTz next;
	text	   *error;

	role_refuse_read_only("journey_nack()");
	if (!find_in_flight(fcinfo, &action))
		PG_RETURN_BOOL(false);
	error = argument_optional_text(fcinfo, 1, "error", MAX_ERROR_LENGTH);
	action.end.error = error ? text_to_cstring(error) : NULL;
	next = PG_ARGISNULL(2) ? retry_time(&action.schedule, action.attempts, now) :
		retry_after(fcinfo, 2, now);
	if (action.attempts < action.schedule.max)
		PG_RETURN_BOOL(set_state(&action.end, "pending", next));
	action.end.outcome = OUTCOME_DEAD;
	cache_refresh();
	PG_RETURN_BOOL(end_action(&action.end, LOCK_WAIT));
}
