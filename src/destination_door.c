/*-------------------------------------------------------------------------
 *
 * destination_door.c
 *	  The doors for destinations.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "arguments.h"
#include "rights.h"
#include "role.h"
#include "sql.h"

PG_FUNCTION_INFO_V1(journey_destination_create);

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
		"INSERT INTO journey.destination (name, kind, config, owner)"
		" VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
		4, {TEXTOID, TEXTOID, JSONBOID, NAMEOID}
	};
	text	   *name;
	text	   *kind;
	Datum		values[4];
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
	values[3] = CStringGetDatum(GetUserNameFromId(GetUserId(), false));
	sql_begin(&session);
	created = sql_run(&plan, values, NULL) == 1;
	sql_end(&session);
	if (!created)
		ereport(ERROR,
				errcode(ERRCODE_DUPLICATE_OBJECT),
				errmsg("destination \"%s\" already exists", text_to_cstring(name)));
	PG_RETURN_VOID();
}
