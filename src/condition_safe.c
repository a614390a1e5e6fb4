/*-------------------------------------------------------------------------
 *
 * condition_safe.c
 *	  The safe subset: what author code may call (DECISIONS 2).
 *
 * Checked on the tree after rewriting, so that the insides of views and
 * policies count too; condition_gate.c catches at run time what does not show
 * there.  journey.condition_functions = any lifts both; the sandbox stays.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "condition_internal.h"

/*
 * Functions of pg_catalog that run other SQL or other types' code, take a
 * transaction id, or show the caller's session.  A name ending in * stands for
 * all that begin so.
 */
static const char *const denied_functions[] = {
	"table_to_xml*", "schema_to_xml*", "database_to_xml*", "query_to_xml*",
	"cursor_to_xml*", "json_populate_record*", "jsonb_populate_record*",
	"pg_input_*", "fmgr_*", "pg_event_trigger_*",
	"txid_current*", "pg_current_xact_id*",
	"current_setting", "session_user", "system_user", "inet_client_*",
	"inet_server_*", "pg_backend_pid", "pg_client_encoding", "pg_cursor",
	"pg_get_backend_memory_contexts", "pg_listening_channels",
	"pg_my_temp_schema", "pg_prepared_statement", "pg_show_all_settings",
	"pg_trigger_depth"
};

static bool
matches(const char *pattern, const char *name)
{
	size_t		length = strlen(pattern);

	if (pattern[length - 1] == '*')
		return strncmp(pattern, name, length - 1) == 0;
	return strcmp(pattern, name) == 0;
}

static bool
is_denied(const char *name)
{
	for (int i = 0; i < lengthof(denied_functions); i++)
	{
		if (matches(denied_functions[i], name))
			return true;
	}
	return false;
}

bool
is_helper(Oid function)
{
	return function >= FirstNormalObjectId &&
		get_func_namespace(function) == get_namespace_oid("journey", true) &&
		matches("journey_*", get_func_name(function));
}

static bool
is_safe_builtin(Oid function)
{
	return func_volatile(function) != PROVOLATILE_VOLATILE &&
		get_func_namespace(function) == PG_CATALOG_NAMESPACE &&
		!is_denied(get_func_name(function));
}

/*
 * In safe mode.  What is declared of other functions is their owner's word.
 * Asked for each call at each start of a plan, so it remembers the built-in
 * ones, which do not change.
 */
bool
is_safe_function(Oid function)
{
	static enum
	{
		UNKNOWN, SAFE, UNSAFE
	}			verdicts[FirstNormalObjectId];

	if (function >= FirstNormalObjectId)
		return is_helper(function) && func_volatile(function) != PROVOLATILE_VOLATILE;
	if (verdicts[function] == UNKNOWN)
		verdicts[function] = is_safe_builtin(function) ? SAFE : UNSAFE;
	return verdicts[function] == SAFE;
}

/* For messages: who may not do it.  code is NULL where that is not known. */
static const char *
whose(const ExprCode *code)
{
	return code != NULL && code->is_query ? "queries of audiences" :
		"conditions and templates";
}

void
refuse_function(Oid function, const ExprCode *code, int location)
{
	ereport(ERROR,
			errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("function %s is not allowed in %s",
				   format_procedure(function), whose(code)),
			errdetail("They may call functions of pg_catalog that neither write nor show the session, and the journey helpers."),
			errhint("A superuser can allow others by the setting journey.condition_functions."),
			expression_errposition(code, location));
}

/* For check_functions_in_node: gives the first of the node's that is not safe. */
static bool
find_unsafe(Oid function, void *found)
{
	*(Oid *) found = function;
	return !is_safe_function(function);
}

/* ---- types whose input runs somebody's code: domains, and what holds one ---- */

static bool runs_code(Oid type);

static Oid
type_namespace(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Oid			schema = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		schema = ((Form_pg_type) GETSTRUCT(tuple))->typnamespace;
		ReleaseSysCache(tuple);
	}
	return schema;
}

static bool
composite_runs_code(Oid type)
{
	TupleDesc	desc = lookup_rowtype_tupdesc_copy(type, -1);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (!attribute->attisdropped && runs_code(attribute->atttypid))
			return true;
	}
	return false;
}

static bool
runs_code(Oid type)
{
	Oid			element = get_element_type(type);

	check_stack_depth();
	if (OidIsValid(element))
		return runs_code(element);
	switch (get_typtype(type))
	{
		case TYPTYPE_DOMAIN:
			return type_namespace(type) != PG_CATALOG_NAMESPACE;
		case TYPTYPE_COMPOSITE:
			return composite_runs_code(type);
		case TYPTYPE_RANGE:
			return runs_code(get_range_subtype(type));
		case TYPTYPE_MULTIRANGE:
			return runs_code(get_range_subtype(get_multirange_range(type)));
		default:
			return false;
	}
}

static void
refuse_type(Oid type, const ExprCode *code, int location)
{
	if (OidIsValid(type) && runs_code(type))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("conversion to type %s is not allowed in %s",
					   format_type_be(type), whose(code)),
				errdetail("The checks of a domain can run any code."),
				errhint("Convert to the domain's base type."),
				expression_errposition(code, location));
}

/* A temporary table is another one in each session. */
static void
refuse_temporary(const ExprCode *code, int location)
{
	ereport(ERROR,
			errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("%s cannot read temporary tables", whose(code)),
			expression_errposition(code, location));
}

/* f(x) can be a conversion to the type f. */
static Oid
type_called(const FuncCall *call)
{
	if (list_length(call->args) != 1)
		return InvalidOid;
	return LookupTypeNameOid(NULL, makeTypeNameFromNameList(call->funcname), true);
}

/*
 * Literals are converted while they are parsed, and tables opened, so types and
 * names are looked at before.
 */
static bool
raw_walker(Node *node, void *code)
{
	if (node == NULL)
		return false;
	if (IsA(node, TypeName))
		refuse_type(LookupTypeNameOid(NULL, (TypeName *) node, true), code,
					((TypeName *) node)->location);
	else if (IsA(node, FuncCall))
		refuse_type(type_called((FuncCall *) node), code,
					((FuncCall *) node)->location);
	else if (IsA(node, RangeVar) && ((RangeVar *) node)->schemaname &&
			 matches("pg_temp*", ((RangeVar *) node)->schemaname))
		refuse_temporary(code, ((RangeVar *) node)->location);
	return raw_expression_tree_walker(node, raw_walker, code);
}

void
safe_check_raw(ExprCode *code, RawStmt *raw)
{
	raw_walker(raw->stmt, code);
}

static bool
converts(Node *node)
{
	return IsA(node, FuncExpr) || IsA(node, CoerceViaIO) ||
		IsA(node, CoerceToDomain) || IsA(node, ArrayCoerceExpr) ||
		IsA(node, ConvertRowtypeExpr) || IsA(node, RowExpr) || IsJsonExpr(node);
}

static void
check_column_types(const ExprCode *code, List *types)
{
	ListCell   *cell;

	foreach(cell, types)
		refuse_type(lfirst_oid(cell), code, -1);
}

/* Tables, and functions in FROM with the column types that they are to give. */
static void
check_range_table(const ExprCode *code, Query *query)
{
	ListCell   *cell;

	foreach(cell, query->rtable)
	{
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, cell);
		ListCell   *function;

		if (entry->rtekind == RTE_RELATION &&
			get_rel_persistence(entry->relid) == RELPERSISTENCE_TEMP)
			refuse_temporary(code, -1);
		foreach(function, entry->functions)
			check_column_types(code, lfirst_node(RangeTblFunction, function)->funccoltypes);
		if (entry->tablefunc)
			check_column_types(code, entry->tablefunc->coltypes);
	}
}

static void
check_query(const ExprCode *code, Query *query)
{
	if (query->commandType != CMD_SELECT || query->rowMarks != NIL)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("%s cannot write or lock rows", whose(code)));
	check_range_table(code, query);
}

static void
check_operator(const ExprCode *code, Oid operator)
{
	if (OidIsValid(operator) && !is_safe_function(get_opcode(operator)))
		refuse_function(get_opcode(operator), code, -1);
}

/* ORDER BY, GROUP BY and DISTINCT call the operators of a type's order. */
static void
check_order(const ExprCode *code, const SortGroupClause *clause)
{
	check_operator(code, clause->eqop);
	check_operator(code, clause->sortop);
}

/* Nodes of views and policies have no location: the position is the author's. */
static bool
safe_walker(Node *node, void *code)
{
	Oid			unsafe;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		check_query(code, (Query *) node);
		return query_tree_walker((Query *) node, safe_walker, code,
								 QTW_EXAMINE_SORTGROUP);
	}
	if (IsA(node, SortGroupClause))
		check_order(code, (SortGroupClause *) node);
	if (check_functions_in_node(node, find_unsafe, &unsafe))
		refuse_function(unsafe, code, exprLocation(node));
	if (converts(node))
		refuse_type(exprType(node), code, exprLocation(node));
	if (IsA(node, SQLValueFunction) &&
		((SQLValueFunction *) node)->op == SVFOP_SESSION_USER)
		refuse_function(F_SESSION_USER, code, exprLocation(node));
	return expression_tree_walker(node, safe_walker, code);
}

void
safe_check_queries(ExprCode *code, List *queries)
{
	ListCell   *cell;

	foreach(cell, queries)
		safe_walker(lfirst(cell), code);
}
