/*-------------------------------------------------------------------------
 *
 * author_version.c
 *	  The verbs of authors about versions: definition, revise, duplicate,
 *	  delete.
 *
 * A version never changes once it was activated, and stays: members and the
 * log refer to it.  A change is a draft beside it, with the next number.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"

#include "author_draft.h"
#include "problem.h"
#include "sql.h"

PG_FUNCTION_INFO_V1(journey_definition);
PG_FUNCTION_INFO_V1(journey_revise);
PG_FUNCTION_INFO_V1(journey_duplicate);
PG_FUNCTION_INFO_V1(journey_delete);

Datum
journey_definition(PG_FUNCTION_ARGS)
{
	char	   *name = author_text(fcinfo, 0, "name");
	JourneyRow *row = row_read(name);
	Jsonb	   *definition = NULL;
	int32		version;

	row_check_rights(row);
	version = PG_ARGISNULL(1) ? version_newest(row) : PG_GETARG_INT32(1);
	if (version > 0 && version <= PG_INT16_MAX)
		definition = version_definition(row, (int16) version);
	if (definition == NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("journey %s has no version %d", quoted_name(name), version));
	PG_RETURN_JSONB_P(definition);
}

/* One draft at a time: a second would have to say which it follows. */
static void
require_no_draft(const JourneyRow *row)
{
	int16		version = row_draft(row);

	if (strcmp(row->state, "draft") == 0)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("journey %s is a draft", quoted_name(row->name)),
				errhint("Change it with journey_update(), publish it with journey_activate()."));
	if (version != 0)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("journey %s has a draft already", quoted_name(row->name)),
				errdetail("It is version %d.", version),
				errhint("Change it with journey_update(), publish it with journey_activate(),"
						" or drop it with journey_delete()."));
}

Datum
journey_revise(PG_FUNCTION_ARGS)
{
	char	   *name;
	JourneyRow *row;
	int16		newest;

	author_refuse_where_unsafe("journey_revise");
	name = author_text(fcinfo, 0, "name");

	row = row_lock(name);
	row_check_may_write(row);
	require_no_draft(row);
	newest = version_newest(row);
	if (newest == PG_INT16_MAX)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("journey %s cannot have more than %d versions",
					   quoted_name(name), PG_INT16_MAX),
				errhint("Go on with a copy of it: journey_duplicate()."));
	draft_add(row, newest + 1, version_definition(row, newest));
	PG_RETURN_VOID();
}

Datum
journey_duplicate(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *new_name;
	JourneyRow *row;

	author_refuse_where_unsafe("journey_duplicate");
	name = author_text(fcinfo, 0, "name");
	new_name = author_text(fcinfo, 1, "new_name");

	/* Locked, so that the newest version is not dropped as we read it. */
	row = row_lock(name);
	row_check_rights(row);
	draft_create(new_name, version_definition(row, version_newest(row)));
	PG_RETURN_VOID();
}

static void
delete_journey(const JourneyRow *row)
{
	static SqlPlan plan = {
		"DELETE FROM journey.journey WHERE id = $1", 1, {INT4OID}
	};
	SqlSession	session;
	Datum		value = Int32GetDatum(row->id);

	sql_begin(&session);
	sql_run(&plan, &value, NULL);
	sql_end(&session);
}

Datum
journey_delete(PG_FUNCTION_ARGS)
{
	char	   *name;
	JourneyRow *row;
	int16		version;

	author_refuse_where_unsafe("journey_delete");
	name = author_text(fcinfo, 0, "name");

	row = row_lock(name);
	row_check_rights(row);
	version = row_require_draft(row,
								"A version that was activated is part of its members' history and stays;"
								" journey_complete() and journey_stop() end a journey.");
	draft_drop(row, version);
	if (strcmp(row->state, "draft") == 0)
		delete_journey(row);
	PG_RETURN_VOID();
}
