/*-------------------------------------------------------------------------
 *
 * condition_safe.c
 *	  The safe subset: what author code may call (DECISIONS 2).
 *
 * Checked on the tree after rewriting, so that the insides of views and
 * policies count too.  journey.condition_functions = any lifts these checks;
 * the sandbox stays.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "condition_internal.h"

/*
 * STABLE functions of pg_catalog that run other SQL, take a transaction id or
 * show the caller's session.  A name ending in * stands for all that begin so.
 */
static const char *const denied_functions[] = {
	"table_to_xml*", "schema_to_xml*", "database_to_xml*", "query_to_xml*",
	"cursor_to_xml*", "txid_current*", "pg_current_xact_id*",
	"current_setting", "json_populate_record*", "jsonb_populate_record*",
	"pg_get_backend_memory_contexts", "pg_show_all_settings", "pg_cursor",
	"pg_prepared_statement"
};

static Oid
journey_namespace(void)
{
	return get_namespace_oid("journey", true);
}

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

static bool
is_safe_function(Oid function)
{
	Oid			schema = get_func_namespace(function);

	if (func_volatile(function) == PROVOLATILE_VOLATILE)
		return false;
	if (schema == PG_CATALOG_NAMESPACE)
		return !is_denied(get_func_name(function));
	return schema == journey_namespace();
}

/* For check_functions_in_node: raises, or says that all is well. */
static bool
refuse_unsafe(Oid function, void *context)
{
	if (is_safe_function(function))
		return false;
	ereport(ERROR,
			errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("function %s is not allowed in conditions and templates",
				   format_procedure(function)),
			errdetail("They may call functions of pg_catalog that neither write nor show the session, and the journey helpers."),
			errhint("A superuser can allow others by the setting journey.condition_functions."));
	return false;
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
refuse_type(Oid type)
{
	if (OidIsValid(type) && runs_code(type))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("conversion to type %s is not allowed in conditions and templates",
					   format_type_be(type)),
				errdetail("The checks of a domain can run any code."),
				errhint("Convert to the domain's base type."));
}

/* Literals are converted while they are parsed, so casts are looked at before. */
static bool
raw_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, TypeCast))
		refuse_type(LookupTypeNameOid(NULL, ((TypeCast *) node)->typeName, true));
	if (IsA(node, FuncCall) && list_length(((FuncCall *) node)->args) == 1)
		refuse_type(LookupTypeNameOid(NULL,
									  makeTypeNameFromNameList(((FuncCall *) node)->funcname),
									  true));
	return raw_expression_tree_walker(node, raw_walker, context);
}

void
safe_check_raw(RawStmt *raw)
{
	raw_walker(raw->stmt, NULL);
}

static bool
converts(Node *node)
{
	return IsA(node, FuncExpr) || IsA(node, CoerceViaIO) ||
		IsA(node, CoerceToDomain) || IsA(node, ArrayCoerceExpr) ||
		IsA(node, ConvertRowtypeExpr) || IsA(node, RowExpr) || IsJsonExpr(node);
}

static void
check_column_types(List *types)
{
	ListCell   *cell;

	foreach(cell, types)
		refuse_type(lfirst_oid(cell));
}

/* Functions in FROM, with the column types that they are asked to give. */
static void
check_range_table(Query *query)
{
	ListCell   *cell;

	foreach(cell, query->rtable)
	{
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, cell);
		ListCell   *function;

		foreach(function, entry->functions)
			check_column_types(lfirst_node(RangeTblFunction, function)->funccoltypes);
		if (entry->tablefunc)
			check_column_types(entry->tablefunc->coltypes);
	}
}

static bool
safe_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		if (query->commandType != CMD_SELECT || query->rowMarks != NIL)
			ereport(ERROR,
					errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("conditions and templates cannot write or lock rows"));
		check_range_table(query);
		return query_tree_walker(query, safe_walker, context, 0);
	}
	(void) check_functions_in_node(node, refuse_unsafe, NULL);
	if (converts(node))
		refuse_type(exprType(node));
	return expression_tree_walker(node, safe_walker, context);
}

void
safe_check_queries(List *queries)
{
	ListCell   *cell;

	foreach(cell, queries)
		safe_walker(lfirst(cell), NULL);
}

/* ---- what the evaluator must prepare ---- */

/* A helper reads tables, but takes everything else from its arguments. */
static bool
is_helper(Oid function, void *context)
{
	return get_func_namespace(function) == journey_namespace();
}

static bool
is_mutable(Oid function, void *context)
{
	return func_volatile(function) != PROVOLATILE_IMMUTABLE &&
		!is_helper(function, NULL);
}

static bool
helper_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return check_functions_in_node(node, is_helper, NULL) ||
		expression_tree_walker(node, helper_walker, context);
}

static bool
settings_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return IsA(node, SQLValueFunction) || IsA(node, XmlExpr) ||
		IsJsonExpr(node) || check_functions_in_node(node, is_mutable, NULL) ||
		expression_tree_walker(node, settings_walker, context);
}

bool
calls_helper(Node *node)
{
	return helper_walker(node, NULL);
}

bool
depends_on_settings(Node *node)
{
	return settings_walker(node, NULL);
}
