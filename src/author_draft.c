/*-------------------------------------------------------------------------
 *
 * author_draft.c
 *	  What the verbs of authors have in common: their arguments, and the
 *	  definitions they read and write.
 *
 * Whatever way a draft comes to its definition, it is parsed and stored here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "author_draft.h"
#include "guc.h"
#include "model.h"
#include "problem.h"
#include "role.h"
#include "sql.h"

#define MAX_JOURNEY_LENGTH 128	/* bytes of a name */

void
author_refuse_where_unsafe(const char *verb)
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

char *
author_text(FunctionCallInfo fcinfo, int number, const char *name)
{
	require_argument(fcinfo, number, name);
	return text_to_cstring(PG_GETARG_TEXT_PP(number));
}

Jsonb *
author_jsonb(FunctionCallInfo fcinfo, int number, const char *name)
{
	require_argument(fcinfo, number, name);
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
void
author_check_owner(const char *name, Oid owner)
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

void
draft_hold_destinations(const Journey *journey)
{
	static SqlPlan plan = {
		"SELECT FROM journey.destination WHERE name OPERATOR(pg_catalog.=) ANY ($1)"
		" ORDER BY name FOR KEY SHARE",
		1, {TEXTARRAYOID}
	};
	SqlSession	session;
	List	   *names = NIL;
	Datum		value;

	for (int i = 0; i < journey->ntiles; i++)
	{
		if (journey->tiles[i].destination)
			names = lappend(names, journey->tiles[i].destination);
	}
	if (names == NIL)
		return;
	value = sql_text_array(names);
	sql_begin(&session);
	sql_run(&plan, &value, NULL);
	sql_end(&session);
}

/* Run one that writes a definition; returns the number of rows. */
static uint64
write_definition(SqlPlan *plan, int32 id, int16 version, Jsonb *definition,
				 const Journey *journey)
{
	SqlSession	session;
	Datum		values[4];
	uint64		rows;

	draft_hold_destinations(journey);
	values[0] = Int32GetDatum(id);
	values[1] = Int16GetDatum(version);
	values[2] = JsonbPGetDatum(definition);
	values[3] = tile_names(journey);
	sql_begin(&session);
	rows = sql_run(plan, values, NULL);
	sql_end(&session);
	return rows;
}

static void
insert_version(int32 id, int16 version, Jsonb *definition, const Journey *journey)
{
	static SqlPlan plan = {
		"INSERT INTO journey.version_row (journey, version, state, definition, tiles)"
		" VALUES ($1, $2, 'draft', $3, $4)",
		4, {INT4OID, INT2OID, JSONBOID, TEXTARRAYOID}
	};

	(void) write_definition(&plan, id, version, definition, journey);
}

void
draft_create(const char *name, Jsonb *definition)
{
	Journey    *journey;
	int32		id;

	check_name(name);
	author_check_owner(name, GetUserId());
	journey = parse_draft(definition);
	id = insert_journey(name, GetUserNameFromId(GetUserId(), false));
	if (id == 0)
		ereport(ERROR,
				errcode(ERRCODE_DUPLICATE_OBJECT),
				errmsg("journey %s already exists", quoted_name(name)));
	insert_version(id, 1, definition, journey);
}

void
draft_add(const JourneyRow *row, int16 version, Jsonb *definition)
{
	insert_version(row->id, version, definition, parse_draft(definition));
}

void
draft_update(const JourneyRow *row, int16 version, Jsonb *definition)
{
	static SqlPlan plan = {
		"UPDATE journey.version_row SET definition = $3, tiles = $4"
		" WHERE journey = $1 AND version = $2",
		4, {INT4OID, INT2OID, JSONBOID, TEXTARRAYOID}
	};

	row_check_written(row, write_definition(&plan, row->id, version, definition,
											parse_draft(definition)));
}

void
draft_drop(const JourneyRow *row, int16 version)
{
	static SqlPlan plan = {
		"DELETE FROM journey.version_row WHERE journey = $1 AND version = $2",
		2, {INT4OID, INT2OID}
	};
	SqlSession	session;
	Datum		values[2];
	uint64		rows;

	values[0] = Int32GetDatum(row->id);
	values[1] = Int16GetDatum(version);
	sql_begin(&session);
	rows = sql_run(&plan, values, NULL);
	sql_end(&session);
	row_check_written(row, rows);
}

int16
version_newest(const JourneyRow *row)
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

Jsonb *
version_definition(const JourneyRow *row, int16 version)
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
