/*-------------------------------------------------------------------------
 *
 * audience_row.c
 *	  The row of an audience: found, locked, and by whom it may be changed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "audience_row.h"
#include "guc.h"
#include "names.h"
#include "rights.h"
#include "sql.h"

#define COLUMNS "name, owner, query, refresh, source, refreshed_at"

void
audience_raise_missing(const char *name)
{
	static SqlPlan plan = {"SELECT name FROM journey.audience ORDER BY name"};
	Nearest		nearest;
	char	   *hint;

	(void) nearest_among(&nearest, &plan, name);
	hint = nearest_hint(&nearest);
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("audience %s does not exist", quoted_name(name)),
			errhint("%s", hint ? hint : "Create it with journey_audience_create()."));
}

static AudienceRow *
row_of_result(SqlSession *session)
{
	AudienceRow *row = MemoryContextAllocZero(session->caller, sizeof(AudienceRow));
	bool		isnull;
	Datum		value;

	row->name = sql_text(session, 0, 1);
	row->owner = sql_text(session, 0, 2);
	row->query = sql_text(session, 0, 3);
	value = sql_datum(session, 0, 4, &isnull);
	row->refresh = isnull ? NULL : DatumGetIntervalP(value);
	value = sql_value(0, 5, &isnull);
	row->source = isnull ? 0 : DatumGetInt32(value);
	value = sql_value(0, 6, &isnull);
	row->refreshed_at = isnull ? NO_TIME : DatumGetTimestampTz(value);
	return row;
}

static AudienceRow *
read_row(SqlPlan *plan, Datum value)
{
	SqlSession	session;
	AudienceRow *row = NULL;

	sql_begin(&session);
	if (sql_run(plan, &value, NULL) > 0)
		row = row_of_result(&session);
	sql_end(&session);
	return row;
}

AudienceRow *
audience_find(const char *name)
{
	static SqlPlan plan = {
		"SELECT " COLUMNS " FROM journey.audience WHERE name = $1 FOR NO KEY UPDATE",
		1, {TEXTOID}
	};

	return read_row(&plan, CStringGetTextDatum(name));
}

AudienceRow *
audience_look(const char *name)
{
	static SqlPlan plan = {
		"SELECT " COLUMNS " FROM journey.audience WHERE name = $1", 1, {TEXTOID}
	};

	return read_row(&plan, CStringGetTextDatum(name));
}

AudienceRow *
audience_lock(const char *name)
{
	AudienceRow *row = audience_find(name);

	if (row == NULL)
		audience_raise_missing(name);
	return row;
}

/* Looking alone locks nothing, and an idle database writes nothing. */
AudienceRow *
audience_lock_due(TimestampTz now)
{
	static SqlPlan plan = {
		"SELECT " COLUMNS " FROM journey.audience WHERE refresh_at <= $1"
		" ORDER BY refresh_at, name LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED",
		1, {TIMESTAMPTZOID}
	};

	return read_row(&plan, TimestampTzGetDatum(now));
}

void
audience_check_rights(const AudienceRow *row)
{
	Oid			owner = row->owner ? get_role_oid(row->owner, true) : InvalidOid;

	if ((OidIsValid(owner) && has_privs_of_role(GetUserId(), owner)) ||
		rights_operate(GetUserId()))
		return;
	ereport(ERROR,
			errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("must be owner of audience %s", quoted_name(row->name)),
			row->owner == NULL ? 0 :
			errhint("The owner is role \"%s\"; roles with level \"operate\" may do it too.",
					row->owner));
}
