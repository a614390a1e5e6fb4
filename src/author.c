/*-------------------------------------------------------------------------
 *
 * author.c
 *	  The verbs of authors: create, update, validate, activate, delete.
 *
 * They are the only writers of journeys and their versions.  Whoever changes
 * a journey holds its row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/snapmgr.h"

#include "armed.h"
#include "author_row.h"
#include "guc.h"
#include "model.h"
#include "problem.h"
#include "role.h"
#include "sql.h"

#define MAX_JOURNEY_LENGTH 128	/* bytes of a name */

PG_FUNCTION_INFO_V1(journey_create);
PG_FUNCTION_INFO_V1(journey_update);
PG_FUNCTION_INFO_V1(journey_validate);
PG_FUNCTION_INFO_V1(journey_activate);
PG_FUNCTION_INFO_V1(journey_definition);
PG_FUNCTION_INFO_V1(journey_delete);

static void
refuse_where_unsafe(const char *verb)
{
	role_refuse_restricted(verb);
	role_refuse_read_only(verb);
}

/* The verbs are not STRICT: a null is a mistake that is worth a word. */
static void
require_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("%s must not be null", name));
}

static char *
name_argument(FunctionCallInfo fcinfo)
{
	require_argument(fcinfo, 0, "name");
	return text_to_cstring(PG_GETARG_TEXT_PP(0));
}

static Jsonb *
definition_argument(FunctionCallInfo fcinfo, int number)
{
	require_argument(fcinfo, number, "definition");
	return PG_GETARG_JSONB_P(number);
}

static void
check_name(const char *name)
{
	if (strlen(name) <= MAX_JOURNEY_LENGTH && name_is_printable(name))
		return;
	ereport(ERROR,
			errcode(ERRCODE_INVALID_NAME),
			errmsg("a journey cannot have the name %s", quoted_name(name)),
			errhint("Names have 1 to %d bytes and no control characters.",
					MAX_JOURNEY_LENGTH));
}

/* A superuser's conditions read everything; a cluster may not want that. */
static void
check_superuser_owner(const char *name, Oid owner)
{
	if (guc_allow_superuser_owner || !superuser_arg(owner))
		return;
	ereport(ERROR,
			errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("journey %s cannot be owned by a superuser", quoted_name(name)),
			errdetail("\"journey.allow_superuser_owner\" is off."),
			errhint("Create it as a role without superuser rights."));
}

/* Errors that not even a draft may have are raised. */
static Journey *
parse_draft(Jsonb *definition)
{
	List	   *problems = NIL;
	List	   *of_form = NIL;
	Journey    *journey = definition_parse(definition, &problems);
	ListCell   *lc;

	foreach(lc, problems)
	{
		Problem    *problem = lfirst(lc);

		if (problem->is_form)
			of_form = lappend(of_form, problem);
	}
	problems_raise(of_form);
	return journey;
}

/* Everything that is wrong, as the role would run it; name is NULL where it has none. */
static List *
all_problems(Jsonb *definition, char *name, const char *owner)
{
	List	   *problems = NIL;
	Journey    *journey = definition_parse(definition, &problems);

	journey->name = name;
	journey->author.owner = owner;
	return validate_journey(journey, problems);
}

/* Names of tiles by number, as stored rows refer to them. */
static Datum
tile_names(const Journey *journey)
{
	Datum	   *names = palloc(sizeof(Datum) * journey->ntiles);

	for (int i = 0; i < journey->ntiles; i++)
		names[i] = CStringGetTextDatum(journey->tiles[i].name);
	return PointerGetDatum(construct_array(names, journey->ntiles, TEXTOID,
										   -1, false, TYPALIGN_INT));
}

/* The id of the new row; 0 where the name is taken. */
static int32
insert_journey(const char *name, const char *owner)
{
	static SqlPlan plan = {
		"INSERT INTO journey.journey (name, owner, state, version)"
		" VALUES ($1, $2, 'draft', 1) ON CONFLICT (name) DO NOTHING RETURNING id",
		2, {TEXTOID, NAMEOID}
	};
	SqlSession	session;
	Datum		values[2];
	int32		id = 0;
	bool		isnull;

	values[0] = CStringGetTextDatum(name);
	values[1] = DirectFunctionCall1(namein, CStringGetDatum(owner));
	sql_begin(&session);
	if (sql_run(&plan, values, NULL) > 0)
		id = DatumGetInt32(sql_value(0, 1, &isnull));
	sql_end(&session);
	return id;
}

static void
insert_draft(int32 id, Jsonb *definition, const Journey *journey)
{
	static SqlPlan plan = {
		"INSERT INTO journey.version_row (journey, version, state, definition, tiles)"
		" VALUES ($1, 1, 'draft', $2, $3)",
		3, {INT4OID, JSONBOID, TEXTARRAYOID}
	};
	SqlSession	session;
	Datum		values[3];

	values[0] = Int32GetDatum(id);
	values[1] = JsonbPGetDatum(definition);
	values[2] = tile_names(journey);
	sql_begin(&session);
	sql_run(&plan, values, NULL);
	sql_end(&session);
}

Datum
journey_create(PG_FUNCTION_ARGS)
{
	char	   *name;
	Jsonb	   *definition;
	Journey    *journey;
	int32		id;

	refuse_where_unsafe("journey_create");
	name = name_argument(fcinfo);
	definition = definition_argument(fcinfo, 1);
	check_name(name);
	check_superuser_owner(name, GetUserId());

	journey = parse_draft(definition);
	id = insert_journey(name, GetUserNameFromId(GetUserId(), false));
	if (id == 0)
		ereport(ERROR,
				errcode(ERRCODE_DUPLICATE_OBJECT),
				errmsg("journey %s already exists", quoted_name(name)));
	insert_draft(id, definition, journey);
	PG_RETURN_VOID();
}

static void
update_draft(const JourneyRow *row, int16 version, Jsonb *definition,
			 const Journey *journey)
{
	static SqlPlan plan = {
		"UPDATE journey.version_row SET definition = $3, tiles = $4"
		" WHERE journey = $1 AND version = $2",
		4, {INT4OID, INT2OID, JSONBOID, TEXTARRAYOID}
	};
	SqlSession	session;
	Datum		values[4];

	values[0] = Int32GetDatum(row->id);
	values[1] = Int16GetDatum(version);
	values[2] = JsonbPGetDatum(definition);
	values[3] = tile_names(journey);
	sql_begin(&session);
	sql_run(&plan, values, NULL);
	sql_end(&session);
}

Datum
journey_update(PG_FUNCTION_ARGS)
{
	char	   *name;
	Jsonb	   *definition;
	Journey    *journey;
	JourneyRow *row;
	int16		version;

	refuse_where_unsafe("journey_update");
	name = name_argument(fcinfo);
	definition = definition_argument(fcinfo, 1);

	row = row_lock(name);
	row_check_may_write(row);
	version = row_require_draft(row, "An activated version never changes: create another journey.");
	journey = parse_draft(definition);
	update_draft(row, version, definition, journey);
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
	List	   *problems;
	ListCell   *lc;

	role_refuse_restricted("journey_validate");
	definition = definition_argument(fcinfo, 0);
	problems = all_problems(definition, NULL, GetUserNameFromId(GetUserId(), false));

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, problems)
		put_problem((ReturnSetInfo *) fcinfo->resultinfo, lfirst(lc));
	return (Datum) 0;
}

/* NULL where there is no such version. */
static Jsonb *
read_definition(const JourneyRow *row, int16 version)
{
	static SqlPlan plan = {
		"SELECT definition FROM journey.version_row WHERE journey = $1 AND version = $2",
		2, {INT4OID, INT2OID}
	};
	SqlSession	session;
	Datum		values[2];
	Jsonb	   *definition = NULL;
	bool		isnull;

	values[0] = Int32GetDatum(row->id);
	values[1] = Int16GetDatum(version);
	sql_begin(&session);
	if (sql_read(&plan, values, NULL, GetLatestSnapshot()) > 0)
		definition = DatumGetJsonbP(sql_datum(&session, 0, 1, &isnull));
	sql_end(&session);
	return definition;
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
		"UPDATE journey.journey SET version = $2,"
		" state = CASE state WHEN 'paused' THEN 'paused' ELSE 'active' END"
		" WHERE id = $1",
		2, {INT4OID, INT2OID}
	};
	SqlSession	session;
	Datum		values[2];

	values[0] = Int32GetDatum(row->id);
	values[1] = Int16GetDatum(version);
	sql_begin(&session);
	sql_run(&version_plan, values, NULL);
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

	refuse_where_unsafe("journey_activate");
	name = name_argument(fcinfo);

	row = row_lock(name);
	row_check_rights(row);
	version = row_require_draft(row, "Only drafts are activated.");
	owner = get_role_oid(row->owner, false);
	check_superuser_owner(name, owner);
	problems_raise(all_problems(read_definition(row, version), row->name, row->owner));
	publish(row, version);
	armed_first();
	PG_RETURN_VOID();
}

static int16
newest_version(const JourneyRow *row)
{
	static SqlPlan plan = {
		"SELECT max(version) FROM journey.version_row WHERE journey = $1",
		1, {INT4OID}
	};
	SqlSession	session;
	Datum		value = Int32GetDatum(row->id);
	int16		version;
	bool		isnull;

	sql_begin(&session);
	sql_read(&plan, &value, NULL, GetLatestSnapshot());
	version = DatumGetInt16(sql_value(0, 1, &isnull));
	sql_end(&session);
	return version;
}

Datum
journey_definition(PG_FUNCTION_ARGS)
{
	char	   *name = name_argument(fcinfo);
	JourneyRow *row = row_read(name);
	Jsonb	   *definition = NULL;
	int32		version;

	row_check_rights(row);
	version = PG_ARGISNULL(1) ? newest_version(row) : PG_GETARG_INT32(1);
	if (version > 0 && version <= PG_INT16_MAX)
		definition = read_definition(row, (int16) version);
	if (definition == NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("journey %s has no version %d", quoted_name(name), version));
	PG_RETURN_JSONB_P(definition);
}

static void
delete_rows(const JourneyRow *row)
{
	static SqlPlan version_plan = {
		"DELETE FROM journey.version_row WHERE journey = $1", 1, {INT4OID}
	};
	static SqlPlan journey_plan = {
		"DELETE FROM journey.journey WHERE id = $1", 1, {INT4OID}
	};
	SqlSession	session;
	Datum		value = Int32GetDatum(row->id);

	sql_begin(&session);
	sql_run(&version_plan, &value, NULL);
	sql_run(&journey_plan, &value, NULL);
	sql_end(&session);
}

Datum
journey_delete(PG_FUNCTION_ARGS)
{
	char	   *name;
	JourneyRow *row;

	refuse_where_unsafe("journey_delete");
	name = name_argument(fcinfo);

	row = row_lock(name);
	row_check_rights(row);
	if (strcmp(row->state, "draft") != 0)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("journey %s is not a draft", quoted_name(name)),
				errdetail("Its state is \"%s\".", row->state),
				errhint("A journey that was activated is part of its members' history and stays."));
	delete_rows(row);
	PG_RETURN_VOID();
}
