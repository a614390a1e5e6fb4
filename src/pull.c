/*-------------------------------------------------------------------------
 *
 * pull.c
 *	  The doors for those who take actions out: journey_claim, journey_ack,
 *	  journey_nack.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "arguments.h"
#include "armed.h"
#include "cache.h"
#include "claim.h"
#include "destination.h"
#include "ending.h"
#include "guc.h"
#include "rights.h"
#include "role.h"
#include "sql.h"

PG_FUNCTION_INFO_V1(journey_claim);
PG_FUNCTION_INFO_V1(journey_ack);
PG_FUNCTION_INFO_V1(journey_nack);

#define MAX_ERROR_LENGTH 4096

/* ---- who may ---- */

static void
require_destination(const char *destination)
{
	if (!rights_use_destination(GetUserId(), destination))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for destination \"%s\"", destination),
				errhint("journey_grant(role, 'author', destination) allows it."));
}

/* ---- claim ---- */

static void
raise_no_destination(const char *destination)
{
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("destination \"%s\" does not exist", destination));
}

static void
raise_no_pull(const char *destination, const char *kind, const char *hint)
{
	ereport(ERROR,
			errcode(ERRCODE_WRONG_OBJECT_TYPE),
			errmsg("destination \"%s\" is not of kind \"pull\"", destination),
			errdetail("It is of kind \"%s\": a worker sends its actions.", kind),
			errhint("%s", hint));
}

/* It must be one to pull from.  False: nothing is to be taken from it now. */
static bool
check_destination(text *destination)
{
	static SqlPlan plan = {
		"SELECT kind, paused_at IS NULL AND disabled IS NULL FROM journey.destination"
		" WHERE name OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	Datum		values[] = {PointerGetDatum(destination)};
	char	   *name = text_to_cstring(destination);
	SqlSession	session;
	char	   *kind;
	bool		isnull;
	bool		is_open;

	sql_begin(&session);
	kind = sql_run(&plan, values, NULL) > 0 ? sql_text(&session, 0, 1) : NULL;
	is_open = kind != NULL && DatumGetBool(sql_value(0, 2, &isnull));
	sql_end(&session);
	if (kind == NULL)
		raise_no_destination(name);
	require_destination(name);
	if (strcmp(kind, "pull") != 0)
		raise_no_pull(name, kind,
					  "Consumers claim from destinations of kind \"pull\"; what this one does is in the view journey.delivery.");
	return is_open;
}

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

Datum
journey_claim(PG_FUNCTION_ARGS)
{
	ClaimOrder	order = {.now = guc_clock()};
	SqlSession	session;
	bool		is_open;

	role_refuse_read_only("journey_claim()");
	order.destination = argument_text(fcinfo, 0, "destination", MAX_EVENT_LENGTH);
	is_open = check_destination(order.destination);
	order.max = argument_max(fcinfo, 1);
	order.lease_end = lease_end(fcinfo, 2, order.now);
	InitMaterializedSRF(fcinfo, 0);
	if (!is_open || !armed_check() || !guc_delivery)
		return (Datum) 0;
	cache_refresh();
	sql_begin(&session);
	claim_rows(&order);
	sql_return_rows(fcinfo);
	sql_end(&session);
	return (Datum) 0;
}

/* ---- one action, by its id ---- */

/*
 * What a worker has under way only the worker answers for: it would be sent twice,
 * or count as delivered without having been.  One whose destination is gone has no
 * worker.
 */
static void
check_is_pulled(const char *destination)
{
	static SqlPlan plan = {
		"SELECT kind FROM journey.destination WHERE name OPERATOR(pg_catalog.=) $1"
		" AND kind OPERATOR(pg_catalog.<>) 'pull'",
		1, {TEXTOID}
	};
	Datum		values[] = {CStringGetTextDatum(destination)};
	SqlSession	session;
	char	   *kind;

	sql_begin(&session);
	kind = sql_run(&plan, values, NULL) > 0 ? sql_text(&session, 0, 1) : NULL;
	sql_end(&session);
	if (kind != NULL)
		raise_no_pull(destination, kind,
					  "The worker answers for them; journey_retry() sends a dead or cancelled one again, journey_cancel() keeps a pending one from being sent.");
}

static bool
find_in_flight(FunctionCallInfo fcinfo, ActionFound *found)
{
	if (!ending_find(argument_id(fcinfo, 0), "in_flight", found))
		return false;
	require_destination(found->ending.end.destination);
	check_is_pulled(found->ending.end.destination);
	return true;
}

/* ---- ack, nack ---- */

Datum
journey_ack(PG_FUNCTION_ARGS)
{
	ActionFound found;

	role_refuse_read_only("journey_ack()");
	if (!find_in_flight(fcinfo, &found))
		PG_RETURN_BOOL(false);
	if (!PG_ARGISNULL(1))
	{
		check_size(PG_GETARG_DATUM(1), "response");
		found.ending.end.response = PG_GETARG_JSONB_P(1);
	}
	found.ending.end.outcome = OUTCOME_DELIVERED;
	cache_refresh();
	PG_RETURN_BOOL(ending_write(&found.ending));
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

static bool
is_stopped(const char *journey)
{
	const JourneyState *state = cache_by_name(journey);

	return state != NULL && state->is_stopped;
}

/*
 * By the schedule, unless the consumer says when; how often only the schedule
 * says, and never again where the journey was stopped.
 */
Datum
journey_nack(PG_FUNCTION_ARGS)
{
	TimestampTz now = guc_clock();
	ActionFound found;
	RetrySchedule schedule;
	text	   *error;

	role_refuse_read_only("journey_nack()");
	if (!find_in_flight(fcinfo, &found))
		PG_RETURN_BOOL(false);
	error = argument_optional_text(fcinfo, 1, "error", MAX_ERROR_LENGTH);
	found.ending.end.error = error ? text_to_cstring(error) : NULL;
	schedule = retry_choose(found.retry, NULL);
	found.ending.again = PG_ARGISNULL(2) ? retry_time(&schedule, found.attempts, now) :
		retry_after(fcinfo, 2, now);
	cache_refresh();
	if (is_stopped(found.ending.end.journey))
		found.ending.end.outcome = OUTCOME_CANCELLED;
	else if (found.attempts >= schedule.max)
		found.ending.end.outcome = OUTCOME_DEAD;
	PG_RETURN_BOOL(ending_write(&found.ending));
}
