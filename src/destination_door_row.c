/*-------------------------------------------------------------------------
 *
 * destination_door_row.c
 *	  A destination's row for those who change it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "arguments.h"
#include "destination_door.h"
#include "names.h"
#include "rights.h"
#include "role.h"
#include "sql.h"

void
door_enter(const char *verb)
{
	role_refuse_read_only(psprintf("%s()", verb));
	role_refuse_restricted(verb);
	if (!rights_operate(GetUserId()))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied for %s", verb),
				errhint("It needs level operate, see journey_grant()."));
}

char *
door_name(FunctionCallInfo fcinfo)
{
	return text_to_cstring(argument_text(fcinfo, 0, "name", MAX_EVENT_LENGTH));
}

static void
raise_missing(const char *name)
{
	static SqlPlan plan = {"SELECT name FROM journey.destination ORDER BY name"};
	Nearest		nearest;
	char	   *hint = NULL;

	if (!nearest_among(&nearest, &plan, name))
		hint = nearest_hint(&nearest);
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("destination %s does not exist", quoted_name(name)),
			hint ? errhint("%s", hint) : 0);
}

#define KEPT \
	"SELECT kind, config, owner::text, needs_secret FROM journey.destination" \
	" WHERE name OPERATOR(pg_catalog.=) $1 FOR "

static DestinationKept *
lock(SqlPlan *plan, const char *name)
{
	DestinationKept *kept = palloc0(sizeof(DestinationKept));
	Datum		value = CStringGetTextDatum(name);
	SqlSession	session;
	bool		isnull;
	bool		found;

	kept->name = pstrdup(name);
	sql_begin(&session);
	found = sql_run(plan, &value, NULL) > 0;
	if (found)
	{
		kept->kind = sql_text(&session, 0, 1);
		kept->config = DatumGetJsonbP(sql_datum(&session, 0, 2, &isnull));
		kept->owner = sql_text(&session, 0, 3);
		kept->needs_secret = DatumGetBool(sql_value(0, 4, &isnull));
	}
	sql_end(&session);
	if (!found)
		raise_missing(name);
	return kept;
}

DestinationKept *
door_lock(const char *name)
{
	static SqlPlan plan = {KEPT "NO KEY UPDATE", 1, {TEXTOID}};

	return lock(&plan, name);
}

DestinationKept *
door_lock_wholly(const char *name)
{
	static SqlPlan plan = {KEPT "UPDATE", 1, {TEXTOID}};

	return lock(&plan, name);
}
