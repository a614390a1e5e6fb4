/*-------------------------------------------------------------------------
 *
 * condition_needs.c
 *	  What the evaluator must prepare for an expression that reads no table.
 *
 * Without need of either it is evaluated as it is, which is the fast path.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "condition_internal.h"

/* Immutable by the catalog, but their results depend on settings. */
static const Oid by_settings[] = {
	F_FLOAT4OUT, F_FLOAT8OUT,	/* extra_float_digits, as all down to box */
	F_POINT_OUT, F_LSEG_OUT, F_PATH_OUT, F_POLY_OUT, F_LINE_OUT, F_CIRCLE_OUT,
	F_BOX_OUT,
	F_BYTEAOUT,					/* bytea_output */
	F_QUOTE_IDENT				/* quote_all_identifiers */
};

/*
 * Somebody's own function may do anything, whatever it is declared to do.  A
 * helper reads tables, but takes everything else from its arguments.
 */
static bool
may_depend(Oid function, void *context)
{
	if (function >= FirstNormalObjectId)
		return !is_helper(function);
	for (int i = 0; i < lengthof(by_settings); i++)
	{
		if (function == by_settings[i])
			return true;
	}
	return func_volatile(function) != PROVOLATILE_IMMUTABLE;
}

static bool
calls(Oid function, void *context)
{
	return is_helper(function);
}

static bool
helper_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return check_functions_in_node(node, calls, NULL) ||
		expression_tree_walker(node, helper_walker, context);
}

static bool
settings_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return IsA(node, SQLValueFunction) || IsA(node, XmlExpr) ||
		IsA(node, CoerceToDomain) || IsJsonExpr(node) ||
		check_functions_in_node(node, may_depend, NULL) ||
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
