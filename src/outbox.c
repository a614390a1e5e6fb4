/*-------------------------------------------------------------------------
 *
 * outbox.c
 *	  The doors for actions: destinations, and the pull interface to them.
 *
 * A claim is a lease: it sets next_attempt_at to the lease's end, and an action
 * that is still in flight then can be claimed again.  So a consumer that dies
 * loses nothing, and may see an action twice, under the same id.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "arguments.h"
#include "armed.h"
#include "guc.h"
#include "rights.h"
#include "role.h"
#include "sql.h"

PG_FUNCTION_INFO_V1(journey_destination_create);
PG_FUNCTION_INFO_V1(journey_claim);
PG_FUNCTION_INFO_V1(journey_ack);
PG_FUNCTION_INFO_V1(journey_nack);

/* The retry schedule where a tile gives none. */
#define MAX_ATTEMPTS 10
#define FIRST_RETRY_SECONDS 30.0
#define LONGEST_RETRY_SECONDS (6 * 3600.0)
#define MAX_ERROR_LENGTH 4096

/* ---- destinations ---- */

static void
check_kind(const char *kind)
{
	if (strcmp(kind, "pull") == 0)
		return;
	if (strcmp(kind, "webhook") == 0 || strcmp(kind, "smtp") == 0 ||
		strcmp(kind, "sql") == 0)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("destination kind \"%s\" is not supported yet", kind),
				errhint("Use \"pull\"."));
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("destination kind \"%s\" does not exist", kind),
			errhint("Use \"pull\"."));
}

static void
check_pull_options(FunctionCallInfo fcinfo)
{
	Jsonb	   *config = argument_object(fcinfo, 2, "config");

	if (JB_ROOT_COUNT(config) > 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("destinations of kind \"pull\" have no configuration"),
				errhint("Give '{}'."));
	if (!PG_ARGISNULL(3))
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("secrets are not supported yet"),
				errhint("Destinations of kind \"pull\" need none."));
}

static void
require_operator(const char *verb)
{
	if (!rights_operate(GetUserId()))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for %s", verb),
				errhint("It needs level operate, see journey_grant()."));
}

Datum
journey_destination_create(PG_FUNCTION_ARGS)
{
	static SqlPlan plan = {
		"INSERT INTO journey.destination (name, kind, config)"
		" VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
		3, {TEXTOID, TEXTOID, JSONBOID}
	};
	text	   *name;
	text	   *kind;
	Datum		values[3];
	SqlSession	session;
	bool		created;

	role_refuse_read_only("journey_destination_create()");
	role_refuse_restricted("journey_destination_create");
	require_operator("journey_destination_create");
	name = argument_text(fcinfo, 0, "name", MAX_EVENT_LENGTH);
	kind = argument_text(fcinfo, 1, "kind", MAX_EVENT_LENGTH);
	check_kind(text_to_cstring(kind));
	check_pull_options(fcinfo);
	values[0] = PointerGetDatum(name);
	values[1] = PointerGetDatum(kind);
	values[2] = PG_GETARG_DATUM(2);
	sql_begin(&session);
	created = sql_run(&plan, values, NULL) == 1;
	sql_end(&session);
	if (!created)
		ereport(ERROR,
				errcode(ERRCODE_DUPLICATE_OBJECT),
				errmsg("destination \"%s\" already exists", text_to_cstring(name)));
	PG_RETURN_VOID();
}

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

/* The attempts of an action in flight, -1 where there is none of that id. */
static int
in_flight_attempts(Datum id)
{
	static SqlPlan plan = {
		"SELECT destination, attempts FROM journey.action"
		" WHERE id OPERATOR(pg_catalog.=) $1 AND state OPERATOR(pg_catalog.=) 'in_flight'",
		1, {UUIDOID}
	};
	Datum		values[] = {id};
	SqlSession	session;
	char	   *destination = NULL;
	int			attempts = -1;
	bool		isnull;

	sql_begin(&session);
	if (sql_run(&plan, values, NULL) > 0)
	{
		destination = sql_text(&session, 0, 1);
		attempts = DatumGetInt32(sql_value(0, 2, &isnull));
	}
	sql_end(&session);
	if (destination != NULL)
		require_destination(destination);
	return attempts;
}

static Datum
argument_id(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("id must not be null"));
	return PG_GETARG_DATUM(0);
}

/* ---- claim, ack, nack ---- */

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

/*
 * What was claimed so often and never answered for does not come back: it may be
 * what kills its consumers.
 */
static void
bury_abandoned(text *destination, TimestampTz now)
{
	static SqlPlan plan = {
		"UPDATE journey.action SET state = 'dead', next_attempt_at = NULL,"
		" last_error = 'lease passed without journey_ack() or journey_nack()'"
		" WHERE destination OPERATOR(pg_catalog.=) $1"
		" AND next_attempt_at OPERATOR(pg_catalog.<=) $2"
		" AND state OPERATOR(pg_catalog.=) 'in_flight'"
		" AND attempts OPERATOR(pg_catalog.>=) $3",
		3, {TEXTOID, TIMESTAMPTZOID, INT4OID}
	};
	Datum		values[] = {PointerGetDatum(destination),
	TimestampTzGetDatum(now), Int32GetDatum(MAX_ATTEMPTS)};
	SqlSession	session;

	sql_begin(&session);
	sql_run(&plan, values, NULL);
	sql_end(&session);
}

Datum
journey_claim(PG_FUNCTION_ARGS)
{
	static SqlPlan plan = {
		"WITH due AS MATERIALIZED (SELECT n.customer, n.id FROM journey.action n"
		" WHERE n.destination OPERATOR(pg_catalog.=) $1"
		" AND n.next_attempt_at OPERATOR(pg_catalog.<=) $2"
		" ORDER BY n.next_attempt_at LIMIT $4 FOR UPDATE SKIP LOCKED)"
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

	role_refuse_read_only("journey_claim()");
	destination = argument_text(fcinfo, 0, "destination", MAX_EVENT_LENGTH);
	require_existing(destination);
	values[0] = PointerGetDatum(destination);
	values[1] = TimestampTzGetDatum(now);
	values[2] = TimestampTzGetDatum(lease_end(fcinfo, 2, now));
	values[3] = Int32GetDatum(argument_max(fcinfo, 1));
	InitMaterializedSRF(fcinfo, 0);
	if (!armed_check() || !guc_delivery)
		return (Datum) 0;
	bury_abandoned(destination, now);
	sql_begin(&session);
	sql_run(&plan, values, NULL);
	sql_return_rows(fcinfo);
	sql_end(&session);
	return (Datum) 0;
}

Datum
journey_ack(PG_FUNCTION_ARGS)
{
	static SqlPlan plan = {
		"UPDATE journey.action SET state = 'delivered', delivered_at = $2,"
		" response = $3, next_attempt_at = NULL, last_error = NULL"
		" WHERE id OPERATOR(pg_catalog.=) $1 AND state OPERATOR(pg_catalog.=) 'in_flight'",
		3, {UUIDOID, TIMESTAMPTZOID, JSONBOID}
	};
	Datum		values[3];
	bool		nulls[3] = {0};
	SqlSession	session;
	bool		acked;

	role_refuse_read_only("journey_ack()");
	values[0] = argument_id(fcinfo);
	if (in_flight_attempts(values[0]) < 0)
		PG_RETURN_BOOL(false);
	nulls[2] = PG_ARGISNULL(1);
	if (!nulls[2])
		check_size(PG_GETARG_DATUM(1), "response");
	values[1] = TimestampTzGetDatum(guc_clock());
	values[2] = nulls[2] ? (Datum) 0 : PG_GETARG_DATUM(1);
	sql_begin(&session);
	acked = sql_run(&plan, values, nulls) > 0;
	sql_end(&session);
	PG_RETURN_BOOL(acked);
}

/*
 * Exponential back-off from the first retry to the longest, with up to a tenth
 * of jitter, so that what failed together does not come back together.
 */
static TimestampTz
scheduled_retry(TimestampTz now, int attempts)
{
	double		seconds = Min(LONGEST_RETRY_SECONDS,
							  FIRST_RETRY_SECONDS * pow(2.0, Max(attempts - 1, 0)));

	seconds *= 1.0 + 0.1 * pg_prng_double(&pg_global_prng_state);
	return now + (TimestampTz) (seconds * USECS_PER_SEC);
}

static TimestampTz
retry_at(FunctionCallInfo fcinfo, int n, TimestampTz now, int attempts)
{
	TimestampTz at;

	if (PG_ARGISNULL(n))
		return scheduled_retry(now, attempts);
	at = after(now, PG_GETARG_INTERVAL_P(n));
	if (at < now)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("retry_in must not be negative"));
	return at;
}

Datum
journey_nack(PG_FUNCTION_ARGS)
{
	static SqlPlan plan = {
		"UPDATE journey.action SET state = $2, last_error = $3, next_attempt_at = $4"
		" WHERE id OPERATOR(pg_catalog.=) $1 AND state OPERATOR(pg_catalog.=) 'in_flight'",
		4, {UUIDOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
	};
	TimestampTz now = guc_clock();
	Datum		values[4];
	bool		nulls[4] = {0};
	SqlSession	session;
	int			attempts;
	bool		nacked;

	role_refuse_read_only("journey_nack()");
	values[0] = argument_id(fcinfo);
	attempts = in_flight_attempts(values[0]);
	if (attempts < 0)
		PG_RETURN_BOOL(false);
	nulls[3] = PG_ARGISNULL(2) && attempts >= MAX_ATTEMPTS;
	values[1] = CStringGetTextDatum(nulls[3] ? "dead" : "pending");
	values[2] = PointerGetDatum(argument_optional_text(fcinfo, 1, "error",
													   MAX_ERROR_LENGTH));
	nulls[2] = DatumGetPointer(values[2]) == NULL;
	values[3] = TimestampTzGetDatum(retry_at(fcinfo, 2, now, attempts));
	sql_begin(&session);
	nacked = sql_run(&plan, values, nulls) > 0;
	sql_end(&session);
	PG_RETURN_BOOL(nacked);
}
