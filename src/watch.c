/*-------------------------------------------------------------------------
 *
 * watch.c
 *	  The doors for watched tables: journey_watch, journey_unwatch.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "arguments.h"
#include "audience_live.h"
#include "author_draft.h"
#include "columns.h"
#include "compat.h"
#include "isolate.h"
#include "names.h"
#include "rights.h"
#include "source_attach.h"
#include "sql.h"
#include "watch.h"

PG_FUNCTION_INFO_V1(journey_watch);
PG_FUNCTION_INFO_V1(journey_unwatch);
PG_FUNCTION_INFO_V1(journey_sweep_sources);

/* ---- arguments ---- */

/* As journey_watch has them. */
typedef struct WatchArguments
{
	Oid			relid;
	List	   *customer_columns;
	text	   *event;
	Datum		props;			/* text[]; 0: null */
	text	   *condition;		/* NULL: true */
	text	   *mode;
	ArrayType  *operations;
	bool		always;
} WatchArguments;

static Oid
argument_relation(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("relation must not be null"));
	return PG_GETARG_OID(0);
}

/* The elements of an array that is not null, as char *. */
static List *
argument_list(FunctionCallInfo fcinfo, int n, const char *name)
{
	List	   *list = NIL;
	Datum	   *values;
	bool	   *nulls;
	int			count;

	if (PG_ARGISNULL(n))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("%s must not be null", name));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(n), TEXTOID, -1, false, TYPALIGN_INT,
					  &values, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("%s must not contain null", name));
		list = lappend(list, TextDatumGetCString(values[i]));
	}
	return list;
}

static void
check_operations(List *operations)
{
	ListCell   *cell;

	foreach(cell, operations)
	{
		const char *operation = lfirst(cell);

		if (strcmp(operation, "insert") != 0 && strcmp(operation, "update") != 0 &&
			strcmp(operation, "delete") != 0)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("there is no operation %s", quoted_name(operation)),
					errhint("Operations are insert, update and delete."));
	}
	if (operations == NIL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("operations must not be empty"));
}

static void
check_mode(const text *mode)
{
	char	   *name = text_to_cstring(mode);

	if (strcmp(name, "inline") != 0 && strcmp(name, "queued") != 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("there is no mode %s", quoted_name(name)),
				errhint("Modes are inline and queued."));
}

static void
read_arguments(FunctionCallInfo fcinfo, WatchArguments *arguments)
{
	arguments->event = argument_text(fcinfo, 2, "event", MAX_EVENT_LENGTH);
	check_event(arguments->event);
	arguments->props = PG_ARGISNULL(3) ? 0 : PG_GETARG_DATUM(3);
	arguments->condition = PG_ARGISNULL(4) ? NULL : PG_GETARG_TEXT_PP(4);
	arguments->mode = argument_text(fcinfo, 5, "mode", NAMEDATALEN);
	check_mode(arguments->mode);
	check_operations(argument_list(fcinfo, 6, "operations"));
	arguments->operations = PG_GETARG_ARRAYTYPE_P(6);
	if (PG_ARGISNULL(7))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("always must not be null"));
	arguments->always = PG_GETARG_BOOL(7);
}

/* Everything that names something of the table. */
static void
check_names(FunctionCallInfo fcinfo, WatchArguments *arguments)
{
	Relation	rel = relation_open(arguments->relid, AccessShareLock);
	ListCell   *cell;

	arguments->customer_columns =
		columns_by_text(rel, text_to_cstring(argument_text(fcinfo, 1, "customer_column",
														   MaxAllocSize)),
						"customer_column");
	watch_check_event(rel, text_to_cstring(arguments->event));
	if (!PG_ARGISNULL(3))
	{
		foreach(cell, argument_list(fcinfo, 3, "props"))
			watch_check_prop(rel, lfirst(cell));
	}
	relation_close(rel, NoLock);
}

typedef struct ConditionCheck
{
	Expression *condition;
	Author		author;
} ConditionCheck;

static void
compile_condition(void *arg)
{
	ConditionCheck *check = arg;
	uint32		variables;

	expr_check(check->condition, &check->author, &variables);
}

/* As the one who makes the watch, whose rights it will have. */
static void
check_condition(const WatchArguments *arguments, const char *owner)
{
	ConditionCheck check = {.author = {owner}};
	ErrorData  *error;

	/* Without a condition, too, the row is looked at as that role. */
	(void) role_author(owner);
	if (arguments->condition == NULL)
		return;
	check.condition = expr_make_row(text_to_cstring(arguments->condition),
									EXPR_BOOLEAN, arguments->relid);
	error = isolate(compile_condition, &check);
	if (error != NULL)
		ReThrowError(error);
}

/* ---- writing ---- */

static void
write_watch(int source, const WatchArguments *arguments, const char *owner)
{
	static SqlPlan plan = {
		"INSERT INTO journey.watch AS w"
		" (source, event, owner, customer_columns, props, condition, mode, operations, always)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
		" ON CONFLICT (source, event) DO UPDATE SET owner = excluded.owner,"
		" customer_columns = excluded.customer_columns, props = excluded.props,"
		" condition = excluded.condition, mode = excluded.mode,"
		" operations = excluded.operations, always = excluded.always",
		9, {INT4OID, TEXTOID, NAMEOID, TEXTARRAYOID, TEXTARRAYOID, TEXTOID, TEXTOID,
		TEXTARRAYOID, BOOLOID}
	};
	Datum		values[] = {Int32GetDatum(source), PointerGetDatum(arguments->event),
		CStringGetDatum(owner), sql_text_array(arguments->customer_columns),
		arguments->props, PointerGetDatum(arguments->condition),
		PointerGetDatum(arguments->mode), PointerGetDatum(arguments->operations),
	BoolGetDatum(arguments->always)};
	bool		nulls[] = {false, false, false, false, arguments->props == 0,
	arguments->condition == NULL, false, false, false};
	SqlSession	session;

	sql_begin(&session);
	sql_run(&plan, values, nulls);
	sql_end(&session);
}

/* An event with a part that the row gives may come to be called anything. */
static void
notice_unheard(const WatchArguments *arguments)
{
	char	   *event = text_to_cstring(arguments->event);

	cache_refresh();
	if (arguments->always || event[watch_prefix(event)] != '\0' || cache_names(event))
		return;
	ereport(NOTICE,
			errcode(ERRCODE_SUCCESSFUL_COMPLETION),
			errmsg("no live journey names the event %s yet", quoted_name(event)),
			errdetail("Until one does, it is neither logged nor run."),
			errhint("Use always => true to log it nevertheless."));
}

Datum
journey_watch(PG_FUNCTION_ARGS)
{
	WatchArguments arguments;
	char	   *owner = GetUserNameFromId(GetUserId(), false);
	List	   *readers = NIL;
	int			source;

	author_refuse_where_unsafe("journey_watch");
	arguments.relid = argument_relation(fcinfo);
	source_check_table(arguments.relid);
	read_arguments(fcinfo, &arguments);
	check_names(fcinfo, &arguments);
	check_condition(&arguments, owner);
	if (source_find(arguments.relid) == 0)
		readers = audience_readers(arguments.relid);
	source = source_attach(arguments.relid);
	write_watch(source, &arguments, owner);
	source_touch();
	audience_relive(readers);
	notice_unheard(&arguments);
	PG_RETURN_VOID();
}

/* ---- journey_unwatch ---- */

static void
check_may_unwatch(Oid relid)
{
	char	   *name = get_rel_name(relid);

	if (name == NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("relation with OID %u does not exist", relid));
	if (!relation_ownercheck_compat(relid, GetUserId()) && !rights_operate(GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, name);
}

/* event: NULL for all; how many there were. */
static uint64
delete_watches(int source, text *event)
{
	static SqlPlan plan = {
		"DELETE FROM journey.watch WHERE source OPERATOR(pg_catalog.=) $1"
		" AND ($2 IS NULL OR event OPERATOR(pg_catalog.=) $2)",
		2, {INT4OID, TEXTOID}
	};
	Datum		values[] = {Int32GetDatum(source), PointerGetDatum(event)};
	bool		nulls[] = {false, event == NULL};
	SqlSession	session;
	uint64		n;

	sql_begin(&session);
	n = sql_run(&plan, values, nulls);
	sql_end(&session);
	return n;
}

static void
refuse_unwatched(Oid relid, text *event)
{
	if (event == NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("table \"%s\" is not watched", get_rel_name(relid)));
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("table \"%s\" is not watched for the event %s", get_rel_name(relid),
				   quoted_name(text_to_cstring(event))));
}

/*
 * The table is locked before our rows, as journey_watch does it; and at once as
 * it must be for its trigger to be dropped.  Who has read it and goes on to write
 * would be waited for with a lock that he waits for.
 */
Datum
journey_unwatch(PG_FUNCTION_ARGS)
{
	Oid			relid;
	text	   *event;
	int			source;

	author_refuse_where_unsafe("journey_unwatch");
	relid = argument_relation(fcinfo);
	event = PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1);
	check_may_unwatch(relid);
	LockRelationOid(relid, AccessExclusiveLock);
	source = source_find(relid);
	if (source == 0 || delete_watches(source, event) == 0)
		refuse_unwatched(relid, event);
	source_release(source);
	PG_RETURN_VOID();
}

Datum
journey_sweep_sources(PG_FUNCTION_ARGS)
{
	source_sweep();
	PG_RETURN_VOID();
}
