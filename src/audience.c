/*-------------------------------------------------------------------------
 *
 * audience.c
 *	  The doors for audiences: journey_audience_create, journey_audience_refresh,
 *	  journey_audience_drop, journey_in_audience.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "armed.h"
#include "audience_live.h"
#include "audience_refresh.h"
#include "guc.h"
#include "names.h"
#include "role.h"
#include "schedule.h"
#include "sql.h"

#define MAX_AUDIENCE_LENGTH 128 /* bytes of a name */

PG_FUNCTION_INFO_V1(journey_audience_create);
PG_FUNCTION_INFO_V1(journey_audience_update);
PG_FUNCTION_INFO_V1(journey_audience_refresh);
PG_FUNCTION_INFO_V1(journey_audience_drop);
PG_FUNCTION_INFO_V1(journey_in_audience);
PG_FUNCTION_INFO_V1(journey_refresh_due);

static void
refuse_where_unsafe(const char *verb)
{
	role_refuse_restricted(verb);
	role_refuse_read_only(verb);
}

static char *
argument_name(FunctionCallInfo fcinfo)
{
	return text_to_cstring(argument_text(fcinfo, 0, "name", MAX_AUDIENCE_LENGTH));
}

/* ---- create ---- */

static void
check_name(const char *name)
{
	if (!name_is_printable(name))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_NAME),
				errmsg("%s cannot be the name of an audience", quoted_name(name)),
				errdetail("Names of audiences have no control characters."));
}

/* Null: the audience is refreshed on demand. */
static void
check_interval(const Interval *every)
{
	static const Interval shortest = {.time = USECS_PER_MINUTE};

	if (DatumGetInt32(DirectFunctionCall2(interval_cmp, IntervalPGetDatum(every),
										  IntervalPGetDatum(&shortest))) < 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("refresh must be at least one minute"),
				errhint("An audience over one table that you own needs no refresh: see journey_audience_create()."));
	if (!zone_fits(every))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("refresh must be at most a hundred years"));
}

static void
check_owner(const char *name)
{
	if (!guc_allow_superuser_owner && superuser())
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("audience %s cannot be owned by a superuser", quoted_name(name)),
				errdetail("\"journey.allow_superuser_owner\" is off."),
				errhint("Create it as a role without superuser rights."));
}

static void
insert_audience(FunctionCallInfo fcinfo, const char *name)
{
	static SqlPlan plan = {
		"INSERT INTO journey.audience (name, owner, query, refresh)"
		" VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
		4, {TEXTOID, NAMEOID, TEXTOID, INTERVALOID}
	};
	NameData	owner;
	Datum		values[] = {CStringGetTextDatum(name), NameGetDatum(&owner),
	PG_GETARG_DATUM(1), PG_GETARG_DATUM(2)};
	bool		nulls[] = {false, false, false, PG_ARGISNULL(2)};
	SqlSession	session;
	uint64		n;

	namestrcpy(&owner, GetUserNameFromId(GetUserId(), false));
	sql_begin(&session);
	n = sql_run(&plan, values, nulls);
	sql_end(&session);
	if (n == 0)
		ereport(ERROR,
				errcode(ERRCODE_DUPLICATE_OBJECT),
				errmsg("audience %s already exists", quoted_name(name)));
}

static void
check_query(FunctionCallInfo fcinfo)
{
	(void) argument_text(fcinfo, 1, "query", MAX_QUERY_LENGTH);
	if (!PG_ARGISNULL(2))
		check_interval(PG_GETARG_INTERVAL_P(2));
}

/* The query is new. */
static void
fill(const char *name)
{
	AudienceRow *row;
	Refresh		refresh;

	audience_refresh(audience_lock(name), REFRESH_FIRST, LOCK_WAIT, &refresh);
	if (refresh.error != NULL)
		ReThrowError(refresh.error);
	schedule_sync_jobs(NULL);
	row = audience_lock(name);
	if (row->source == 0 && row->refresh == NULL)
		ereport(NOTICE,
				errcode(ERRCODE_SUCCESSFUL_COMPLETION),
				errmsg("audience %s stays as it is until journey_audience_refresh() is called",
					   quoted_name(name)),
				errdetail("It has no refresh interval, and its query is not one that is kept in real time: a column, and conditions on columns, of one table that its owner owns, whatever the time."),
				errhint("Give it a refresh interval, unless journeys enter it by schedule only: that refreshes it first."));
}

Datum
journey_audience_create(PG_FUNCTION_ARGS)
{
	char	   *name;

	refuse_where_unsafe("journey_audience_create");
	name = argument_name(fcinfo);
	check_name(name);
	check_query(fcinfo);
	check_owner(name);
	insert_audience(fcinfo, name);
	fill(name);
	PG_RETURN_VOID();
}

/* ---- another query ---- */

/* One that was made without a query is written by hand. */
static void
require_query(const AudienceRow *row)
{
	if (row->query == NULL)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("audience %s has no query", quoted_name(row->name)));
}

static void
set_query(FunctionCallInfo fcinfo, const char *name)
{
	static SqlPlan plan = {
		"UPDATE journey.audience SET query = $2, refresh = $3 WHERE name = $1",
		3, {TEXTOID, TEXTOID, INTERVALOID}
	};
	Datum		values[] = {CStringGetTextDatum(name), PG_GETARG_DATUM(1), PG_GETARG_DATUM(2)};
	bool		nulls[] = {false, false, PG_ARGISNULL(2)};
	SqlSession	session;

	sql_begin(&session);
	sql_run(&plan, values, nulls);
	sql_end(&session);
}

/* It runs as the owner: whoever operates audiences may not give it to run. */
static void
check_is_owner(const AudienceRow *row)
{
	Oid			owner = get_role_oid(row->owner, true);

	if (!OidIsValid(owner) || !has_privs_of_role(GetUserId(), owner))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("must be owner of audience %s", quoted_name(row->name)),
				errdetail("Its query runs as role \"%s\".", row->owner));
}

Datum
journey_audience_update(PG_FUNCTION_ARGS)
{
	AudienceRow *row;

	refuse_where_unsafe("journey_audience_update");
	row = audience_lock(argument_name(fcinfo));
	require_query(row);
	check_is_owner(row);
	check_query(fcinfo);
	set_query(fcinfo, row->name);
	audience_unsettle(row);
	fill(row->name);
	audience_release(row, LOCK_WAIT);
	PG_RETURN_VOID();
}

/* ---- refresh ---- */

static void
warn_of_error(const AudienceRow *row, const ErrorData *error)
{
	StringInfoData detail;

	initStringInfo(&detail);
	if (error->detail)
		appendStringInfoString(&detail, error->detail);
	if (row->refreshed_at != NO_TIME)
		appendStringInfo(&detail, "%sIts members are those of %s.", error->detail ? " " : "",
						 timestamptz_to_str(row->refreshed_at));
	ereport(WARNING,
			errcode(error->sqlerrcode),
			errmsg("audience %s was not refreshed: %s", quoted_name(row->name),
				   error->message ? error->message : ""),
			detail.len == 0 ? 0 : errdetail_internal("%s", detail.data),
			error->hint ? errhint("%s", error->hint) : 0);
}

static Datum
refresh_row(FunctionCallInfo fcinfo, const Refresh *refresh)
{
	bool		failed = refresh->error != NULL;
	Datum		values[] = {Int64GetDatum(refresh->entered), Int64GetDatum(refresh->departed),
	Int64GetDatum(refresh->members)};
	bool		nulls[] = {failed, failed, failed};
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

Datum
journey_audience_refresh(PG_FUNCTION_ARGS)
{
	AudienceRow *row;
	Refresh		refresh;

	refuse_where_unsafe("journey_audience_refresh");
	row = audience_lock(argument_name(fcinfo));
	audience_check_rights(row);
	require_query(row);
	audience_refresh(row, REFRESH_AGAIN, LOCK_WAIT, &refresh);
	if (refresh.error != NULL)
		warn_of_error(row, refresh.error);
	return refresh_row(fcinfo, &refresh);
}

/* For pg_cron, where no worker does it; as the extension's owner. */
Datum
journey_refresh_due(PG_FUNCTION_ARGS)
{
	TimestampTz by = guc_clock();

	refuse_where_unsafe("journey.refresh_due");
	if (!armed_check())
		PG_RETURN_VOID();
	while (audience_refresh_due(by))
		CHECK_FOR_INTERRUPTS();
	PG_RETURN_VOID();
}

/* ---- drop ---- */

static void
refuse_where_named(const char *name)
{
	static SqlPlan plan = {
		"SELECT pg_catalog.string_agg(pg_catalog.quote_ident(j.name), ', ' ORDER BY j.name)"
		" FROM journey.journey j WHERE journey.names_audience(j.id, $1)",
		1, {TEXTOID}
	};
	Datum		value = CStringGetTextDatum(name);
	SqlSession	session;
	char	   *journeys;

	sql_begin(&session);
	sql_read(&plan, &value, NULL, GetLatestSnapshot());
	journeys = sql_text(&session, 0, 1);
	sql_end(&session);
	if (journeys != NULL)
		ereport(ERROR,
				errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				errmsg("cannot drop audience %s because journeys name it", quoted_name(name)),
				errdetail("They are: %s.", journeys),
				errhint("Complete them, or activate versions that do not name it."));
}

static void
delete_audience(const char *name)
{
	static SqlPlan member_plan = {
		"DELETE FROM journey.audience_member WHERE audience = $1", 1, {TEXTOID}
	};
	static SqlPlan plan = {"DELETE FROM journey.audience WHERE name = $1", 1, {TEXTOID}};
	Datum		value = CStringGetTextDatum(name);
	SqlSession	session;

	sql_begin(&session);
	sql_run(&member_plan, &value, NULL);
	sql_run(&plan, &value, NULL);
	sql_end(&session);
}

Datum
journey_audience_drop(PG_FUNCTION_ARGS)
{
	AudienceRow *row;

	refuse_where_unsafe("journey_audience_drop");
	row = audience_lock(argument_name(fcinfo));
	audience_check_rights(row);
	refuse_where_named(row->name);
	delete_audience(row->name);
	audience_release(row, LOCK_WAIT);
	schedule_sync_jobs(NULL);
	PG_RETURN_VOID();
}

/* ---- who is in it ---- */

/* An audience that there is not is an error: it would be false for ever. */
Datum
journey_in_audience(PG_FUNCTION_ARGS)
{
	static SqlPlan plan = {
		"SELECT EXISTS (SELECT FROM journey.audience_member"
		" WHERE customer OPERATOR(pg_catalog.=) $1 AND audience OPERATOR(pg_catalog.=) $2),"
		" EXISTS (SELECT FROM journey.audience WHERE name OPERATOR(pg_catalog.=) $2)",
		2, {TEXTOID, TEXTOID}
	};
	Datum		values[2];
	SqlSession	session;
	bool		isnull;
	bool		is_in;
	bool		exists;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_BOOL(false);
	values[0] = PG_GETARG_DATUM(0);
	values[1] = PG_GETARG_DATUM(1);
	sql_begin(&session);
	sql_read(&plan, values, NULL, GetActiveSnapshot());
	is_in = DatumGetBool(sql_value(0, 1, &isnull));
	exists = DatumGetBool(sql_value(0, 2, &isnull));
	sql_end(&session);
	if (!exists)
		audience_raise_missing(TextDatumGetCString(values[1]));
	PG_RETURN_BOOL(is_in);
}
