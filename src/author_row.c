/*-------------------------------------------------------------------------
 *
 * author_row.c
 *	  The row of a journey: found, locked, and by whom it may be changed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "author_row.h"
#include "problem.h"
#include "rights.h"
#include "sql.h"

static char *
nearest_journey_hint(const char *name)
{
	static SqlPlan plan = {"SELECT name FROM journey.journey ORDER BY name"};
	Nearest		nearest;

	(void) nearest_among(&nearest, &plan, name);
	return nearest_hint(&nearest);
}

static void
raise_no_journey(const char *name)
{
	char	   *hint = nearest_journey_hint(name);

	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("journey %s does not exist", quoted_name(name)),
			hint ? errhint("%s", hint) : 0);
}

static JourneyRow *
row_of_result(SqlSession *session)
{
	JourneyRow *row = MemoryContextAlloc(session->caller, sizeof(JourneyRow));
	bool		isnull;

	row->id = DatumGetInt32(sql_value(0, 1, &isnull));
	row->version = DatumGetInt16(sql_value(0, 2, &isnull));
	row->name = sql_text(session, 0, 3);
	row->owner = sql_text(session, 0, 4);
	row->state = sql_text(session, 0, 5);
	return row;
}

JourneyRow *
row_read(const char *name)
{
	static SqlPlan plan = {
		"SELECT id, version, name, owner, state FROM journey.journey WHERE name = $1",
		1, {TEXTOID}
	};
	SqlSession	session;
	JourneyRow *row = NULL;
	Datum		value = CStringGetTextDatum(name);

	sql_begin(&session);
	if (sql_read(&plan, &value, NULL, GetLatestSnapshot()) > 0)
		row = row_of_result(&session);
	sql_end(&session);
	if (row == NULL)
		raise_no_journey(name);
	return row;
}

JourneyRow *
row_lock(const char *name)
{
	static SqlPlan plan = {
		"SELECT id, version, name, owner, state FROM journey.journey WHERE name = $1 FOR UPDATE",
		1, {TEXTOID}
	};
	SqlSession	session;
	JourneyRow *row = NULL;
	Datum		value = CStringGetTextDatum(name);

	sql_begin(&session);
	if (sql_run(&plan, &value, NULL) > 0)
		row = row_of_result(&session);
	sql_end(&session);
	if (row == NULL)
		raise_no_journey(name);
	return row;
}

static bool
is_owned_by(Oid role, const JourneyRow *row)
{
	Oid			owner = get_role_oid(row->owner, true);

	return OidIsValid(owner) && has_privs_of_role(role, owner);
}

void
row_check_rights(const JourneyRow *row)
{
	if (is_owned_by(GetUserId(), row) || rights_operate(GetUserId()))
		return;
	ereport(ERROR,
			errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("must be owner of journey %s", quoted_name(row->name)),
			errhint("The owner is role \"%s\"; roles with level \"operate\" may do it too.",
					row->owner));
}

void
row_check_may_write(const JourneyRow *row)
{
	Oid			owner = get_role_oid(row->owner, true);

	row_check_rights(row);
	if (OidIsValid(owner) && superuser_arg(owner) && !superuser())
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("must be superuser to change journey %s",
					   quoted_name(row->name)),
				errdetail("Its owner \"%s\" is a superuser.", row->owner));
}

int16
row_draft(const JourneyRow *row)
{
	static SqlPlan plan = {
		"SELECT version FROM journey.version_row WHERE journey = $1 AND state = 'draft'",
		1, {INT4OID}
	};
	SqlSession	session;
	Datum		value = Int32GetDatum(row->id);
	int16		version = 0;
	bool		isnull;

	sql_begin(&session);
	if (sql_read(&plan, &value, NULL, GetLatestSnapshot()) > 0)
		version = DatumGetInt16(sql_value(0, 1, &isnull));
	sql_end(&session);
	return version;
}

int16
row_require_draft(const JourneyRow *row, const char *hint)
{
	int16		version = row_draft(row);

	if (version == 0)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("journey %s has no draft", quoted_name(row->name)),
				errdetail("Its state is \"%s\".", row->state),
				errhint("%s", hint));
	return version;
}

void
row_check_written(const JourneyRow *row, uint64 rows)
{
	if (rows == 0)
		ereport(ERROR,
				errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				errmsg("could not change journey %s: its versions changed after the transaction began",
					   quoted_name(row->name)),
				errhint("Try the transaction again."));
}
