/*-------------------------------------------------------------------------
 *
 * author.c
 *	  The verbs of authors: create, update, validate, activate.
 *
 * They and those of author_version.c and author_rows.c are the only writers of
 * definitions.  Whoever changes a journey holds its row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"

#include "armed.h"
#include "author_draft.h"
#include "model.h"
#include "order.h"
#include "problem.h"
#include "role.h"
#include "schedule.h"
#include "sql.h"

PG_FUNCTION_INFO_V1(journey_create);
PG_FUNCTION_INFO_V1(journey_update);
PG_FUNCTION_INFO_V1(journey_validate);
PG_FUNCTION_INFO_V1(journey_activate);

/* As the role would run it; name is NULL where it has none. */
static Journey *
parse(Jsonb *definition, char *name, const char *owner, List **problems)
{
	Journey    *journey;

	*problems = NIL;
	journey = definition_parse(definition, problems);
	journey->name = name;
	journey->author.owner = owner;
	return journey;
}

/* Raise if anything is wrong with it, and keep what it refers to. */
static void
check_draft(const JourneyRow *row, int16 version)
{
	List	   *problems;
	Journey    *journey = parse(version_definition(row, version), row->name, row->owner,
								&problems);

	draft_hold_destinations(journey);
	problems_raise(validate_journey(journey, problems));
}

Datum
journey_create(PG_FUNCTION_ARGS)
{
	char	   *name;
	Jsonb	   *definition;

	author_refuse_where_unsafe("journey_create");
	name = author_text(fcinfo, 0, "name");
	definition = author_jsonb(fcinfo, 1, "definition");
	draft_create(name, definition);
	PG_RETURN_VOID();
}

Datum
journey_update(PG_FUNCTION_ARGS)
{
	char	   *name;
	Jsonb	   *definition;
	JourneyRow *row;

	author_refuse_where_unsafe("journey_update");
	name = author_text(fcinfo, 0, "name");
	definition = author_jsonb(fcinfo, 1, "definition");

	row = row_lock(name);
	row_check_may_write(row);
	draft_update(row, row_require_draft(row, NO_DRAFT_HINT), definition);
	PG_RETURN_VOID();
}

static void
put_problem(ReturnSetInfo *result, const Problem *problem)
{
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	values[0] = CStringGetTextDatum(problem->is_error ? "error" : "warning");
	values[1] = CStringGetTextDatum(problem->path);
	values[2] = CStringGetTextDatum(problem->position == 0 ? problem->message :
									psprintf("%s at character %d", problem->message,
											 problem->position));
	nulls[3] = (problem->hint == NULL);
	values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(problem->hint);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
journey_validate(PG_FUNCTION_ARGS)
{
	Jsonb	   *definition;
	Journey    *journey;
	List	   *problems;
	ListCell   *lc;

	role_refuse_restricted("journey_validate");
	definition = author_jsonb(fcinfo, 0, "definition");
	journey = parse(definition, NULL, GetUserNameFromId(GetUserId(), false), &problems);
	problems = validate_journey(journey, problems);

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, problems)
		put_problem((ReturnSetInfo *) fcinfo->resultinfo, lfirst(lc));
	return (Datum) 0;
}

static void
publish(const JourneyRow *row, int16 version)
{
	static SqlPlan version_plan = {
		"UPDATE journey.version_row SET state = 'active'"
		" WHERE journey = $1 AND version = $2",
		2, {INT4OID, INT2OID}
	};
	static SqlPlan journey_plan = {
		"UPDATE journey.journey SET version = $2, stopped = false, sweep_after = NULL,"
		" state = CASE state WHEN 'paused' THEN 'paused' ELSE 'active' END"
		" WHERE id = $1",
		2, {INT4OID, INT2OID}
	};
	SqlSession	session;
	Datum		values[2];

	order_finish_stop(row->id);
	values[0] = Int32GetDatum(row->id);
	values[1] = Int16GetDatum(version);
	sql_begin(&session);
	row_check_written(row, sql_run(&version_plan, values, NULL));
	sql_run(&journey_plan, values, NULL);
	sql_end(&session);

	/* What other sessions have compiled is void; drafts they never see. */
	CacheInvalidateRelcacheByRelid(sql_relation("journey"));
	CommandCounterIncrement();
}

Datum
journey_activate(PG_FUNCTION_ARGS)
{
	char	   *name;
	JourneyRow *row;
	int16		version;
	Oid			owner;

	author_refuse_where_unsafe("journey_activate");
	name = author_text(fcinfo, 0, "name");

	row = row_lock(name);
	row_check_rights(row);
	version = row_require_draft(row, NO_DRAFT_HINT);
	owner = get_role_oid(row->owner, false);
	author_check_owner(name, owner);
	check_draft(row, version);
	publish(row, version);
	armed_first();
	schedule_sync_jobs(row->name);
	PG_RETURN_VOID();
}
