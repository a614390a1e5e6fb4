/*-------------------------------------------------------------------------
 *
 * sql.c
 *	  The only file that calls SPI.
 *
 * Statements see pg_catalog and pg_temp alone while they are prepared and while
 * they run: the plan cache analyzes a text anew, as the extension's owner, when
 * the path is another than the one it was prepared under, and the caller's path
 * could put anybody's operator in place of the one we mean.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/tstoreReceiver.h"
#include "funcapi.h"
#include "jit/jit.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "tcop/pquery.h"
#include "tcop/dest.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/snapmgr.h"

#include "sql.h"

#define MAX_KNOWN_RELATIONS 32

void
sql_connect(SqlSession *session)
{
	session->caller = CurrentMemoryContext;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

void
sql_disconnect(SqlSession *session)
{
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	MemoryContextSwitchTo(session->caller);
}

void
sql_begin(SqlSession *session)
{
	role_extension_begin(&session->role);
	role_pin_search_path(&session->role);
	sql_connect(session);
}

/* A setting of the planner, until the end of the nest of settings. */
static void
set_off(const char *name)
{
	(void) set_config_option(name, "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

void
sql_end(SqlSession *session)
{
	sql_disconnect(session);
	role_end(&session->role);
}

static void
prepare(SqlPlan *plan)
{
	SPIPlanPtr	prepared;

	prepared = SPI_prepare(plan->text, plan->nargs, plan->argtypes);
	if (prepared == NULL)
		elog(ERROR, "SPI_prepare failed for \"%s\": %s", plan->text,
			 SPI_result_code_string(SPI_result));
	SPI_keepplan(prepared);
	plan->plan = prepared;
}

/*
 * A plan is kept for long, and may have been made while a table was small: what
 * can be found by an index is found by it from the start.  The cost at which a
 * table is read nevertheless, having none, is no reason to compile anything.
 */
typedef struct Planner
{
	bool		seqscan;
	bool		jit;
} Planner;

static void
prefer_indexes(Planner *saved)
{
	saved->seqscan = enable_seqscan;
	saved->jit = jit_enabled;
	enable_seqscan = jit_enabled = false;
}

static void
prefer_as_before(const Planner *saved)
{
	enable_seqscan = saved->seqscan;
	jit_enabled = saved->jit;
}

static int
execute(SqlPlan *plan, Datum *values, const char *flags, Snapshot snapshot)
{
	Planner		planner;
	int			code = 0;

	prefer_indexes(&planner);
	PG_TRY();
	{
		code = SPI_execute_snapshot(plan->plan, values, flags, snapshot,
									InvalidSnapshot, snapshot != InvalidSnapshot,
									false, 0);
	}
	PG_FINALLY();
	{
		prefer_as_before(&planner);
	}
	PG_END_TRY();
	return code;
}

static uint64
run(SqlPlan *plan, Datum *values, const bool *nulls, Snapshot snapshot)
{
	char		flags[SQL_MAX_ARGS];
	int			code;

	if (plan->plan == NULL)
		prepare(plan);
	for (int i = 0; i < plan->nargs; i++)
		flags[i] = nulls && nulls[i] ? 'n' : ' ';
	code = execute(plan, values, flags, snapshot);
	if (code < 0)
		elog(ERROR, "SPI_execute_snapshot failed for \"%s\": %s", plan->text,
			 SPI_result_code_string(code));
	return SPI_processed;
}

uint64
sql_run(SqlPlan *plan, Datum *values, const bool *nulls)
{
	return run(plan, values, nulls, InvalidSnapshot);
}

uint64
sql_read(SqlPlan *plan, Datum *values, const bool *nulls, Snapshot snapshot)
{
	return run(plan, values, nulls, snapshot);
}

static void
register_rows(const SqlRows *over)
{
	EphemeralNamedRelation relation = palloc0(sizeof(EphemeralNamedRelationData));
	int			code;

	relation->md.name = pstrdup(over->name);
	relation->md.reliddesc = InvalidOid;
	relation->md.tupdesc = over->desc;
	relation->md.enrtype = ENR_NAMED_TUPLESTORE;
	relation->md.enrtuples = tuplestore_tuple_count(over->rows);
	relation->reldata = over->rows;
	code = SPI_register_relation(relation);
	if (code != SPI_OK_REL_REGISTER)
		elog(ERROR, "SPI_register_relation failed: %s", SPI_result_code_string(code));
}

static ParamListInfo
param_list(const SqlPlan *plan, const Datum *values)
{
	ParamListInfo params = makeParamList(plan->nargs);

	for (int i = 0; i < plan->nargs; i++)
	{
		params->params[i].value = values[i];
		params->params[i].isnull = false;
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = plan->argtypes[i];
	}
	return params;
}

uint64
sql_run_over(const SqlPlan *plan, Datum *values, const SqlRows *over,
			 Tuplestorestate *into)
{
	SPIExecuteOptions options = {.params = param_list(plan, values)};
	Oid			types[SQL_MAX_ARGS];
	SPIPlanPtr	prepared;
	int			code;
	int			nest = NewGUCNestLevel();

	set_off("enable_nestloop");
	register_rows(over);
	memcpy(types, plan->argtypes, sizeof(types));
	prepared = SPI_prepare(plan->text, plan->nargs, types);
	if (prepared == NULL)
		elog(ERROR, "SPI_prepare failed for \"%s\": %s", plan->text,
			 SPI_result_code_string(SPI_result));
	if (into != NULL)
	{
		options.dest = CreateDestReceiver(DestTuplestore);
		SetTuplestoreDestReceiverParams(options.dest, into, CurrentMemoryContext,
										false, NULL, NULL);
	}
	code = SPI_execute_plan_extended(prepared, &options);
	if (code < 0)
		elog(ERROR, "SPI_execute_plan_extended failed for \"%s\": %s", plan->text,
			 SPI_result_code_string(code));
	SPI_unregister_relation(over->name);
	AtEOXact_GUC(false, nest);
	return SPI_processed;
}

uint64
sql_run_text(const char *text, int nargs, Oid *argtypes, Datum *values)
{
	int			code = SPI_execute_with_args(text, nargs, argtypes, values, NULL,
											 false, 0);

	if (code < 0)
		elog(ERROR, "SPI_execute_with_args failed for \"%s\": %s", text,
			 SPI_result_code_string(code));
	return SPI_processed;
}

SqlCursor
sql_open(SqlPlan *plan, Datum *values)
{
	Portal		portal;

	if (plan->plan == NULL)
		prepare(plan);
	portal = SPI_cursor_open(NULL, plan->plan, values, NULL, false);
	if (portal == NULL)
		elog(ERROR, "SPI_cursor_open failed for \"%s\": %s", plan->text,
			 SPI_result_code_string(SPI_result));
	return portal;
}

uint64
sql_fetch(SqlCursor cursor, long count)
{
	SPI_cursor_fetch(cursor, true, count);
	return SPI_processed;
}

void
sql_close(SqlCursor cursor)
{
	SPI_cursor_close(cursor);
}

void
sql_commit(void)
{
	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect_ext failed");
	SPI_commit();
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	EnsurePortalSnapshotExists();
}

Datum
sql_value(uint64 row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
						 column, isnull);
}

char *
sql_text(SqlSession *session, uint64 row, int column)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[row],
									 SPI_tuptable->tupdesc, column);

	return value ? MemoryContextStrdup(session->caller, value) : NULL;
}

Datum
sql_datum(SqlSession *session, uint64 row, int column, bool *isnull)
{
	Form_pg_attribute attribute = TupleDescAttr(SPI_tuptable->tupdesc, column - 1);
	Datum		value = sql_value(row, column, isnull);
	MemoryContext old;

	if (*isnull)
		return (Datum) 0;
	old = MemoryContextSwitchTo(session->caller);
	if (attribute->attlen == -1)
		value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
	else
		value = datumCopy(value, attribute->attbyval, attribute->attlen);
	MemoryContextSwitchTo(old);
	return value;
}

/* Relations by name, until an invalidation. */
static struct
{
	const char *name;
	Oid			relid;
}			known_relations[MAX_KNOWN_RELATIONS];

void
sql_invalidate(Oid relid)
{
	for (int i = 0; i < MAX_KNOWN_RELATIONS; i++)
	{
		if (relid == InvalidOid || known_relations[i].relid == relid)
			known_relations[i].name = NULL;
	}
}

static Oid
look_up_relation(const char *name)
{
	Oid			schema = get_namespace_oid("journey", true);
	Oid			relation = OidIsValid(schema) ? get_relname_relid(name, schema)
		: InvalidOid;

	if (!OidIsValid(relation))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("relation \"journey.%s\" does not exist", name),
				errhint("Create the extension journey in this database."));
	return relation;
}

/* The names are literals, of which each caller has its own: few in all. */
Oid
sql_relation(const char *name)
{
	int			place = 0;
	Oid			relid;

	for (int i = 0; i < MAX_KNOWN_RELATIONS; i++)
	{
		if (known_relations[i].name == name)
			return known_relations[i].relid;
		if (known_relations[i].name == NULL)
			place = i;
	}
	relid = look_up_relation(name);
	known_relations[place].relid = relid;
	known_relations[place].name = name;
	return relid;
}

Datum
sql_array(Datum *values, const bool *nulls, int n, Oid type)
{
	int			dims[] = {n};
	int			bounds[] = {1};
	int16		length;
	bool		byval;
	char		align;

	get_typlenbyvalalign(type, &length, &byval, &align);
	return PointerGetDatum(construct_md_array(values, unconstify(bool *, nulls), 1, dims,
											  bounds, type, length, byval, align));
}

Datum
sql_text_array(List *names)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(list_length(names), 1));
	int			n = 0;
	ListCell   *cell;

	foreach(cell, names)
		values[n++] = CStringGetTextDatum(lfirst(cell));
	return PointerGetDatum(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* The caller has set up the result set with InitMaterializedSRF. */
void
sql_return_rows(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
}
