/*-------------------------------------------------------------------------
 *
 * condition_live.c
 *	  Which queries of authors can be kept in real time.
 *
 * One table, its own column as the customer, and a WHERE that looks at nothing
 * but the row: then a customer is given as long as one of the customer's rows
 * meets it, and a row that changes concerns nobody else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"

#include "condition_internal.h"

/* ---- functions ---- */

static bool
is_time_type(Oid type)
{
	return type == DATEOID || type == TIMEOID || type == TIMETZOID ||
		type == TIMESTAMPOID || type == TIMESTAMPTZOID || type == INTERVALOID;
}

/*
 * A built-in function that is stable and reads a date or a time hangs on the zone
 * alone, and that is pinned.  (now() and its like are parameters by now.)
 */
static bool
hangs_on_zone(Oid function)
{
	Oid		   *types;
	int			n;

	if (func_volatile(function) != PROVOLATILE_STABLE)
		return false;
	(void) get_func_signature(function, &types, &n);
	for (int i = 0; i < n; i++)
	{
		if (is_time_type(types[i]))
			return true;
	}
	return false;
}

/* For check_functions_in_node: can its result change while the row does not? */
static bool
may_change(Oid function, void *unused)
{
	return function >= FirstNormalObjectId ||
		(func_volatile(function) != PROVOLATILE_IMMUTABLE && !hangs_on_zone(function));
}

/* ---- the tree ---- */

typedef struct Columns
{
	Oid			relation;
	List	   *names;			/* char *, each once */
} Columns;

static void
add_column(Columns *columns, AttrNumber number)
{
	char	   *name = get_attname(columns->relation, number, false);
	ListCell   *cell;

	foreach(cell, columns->names)
	{
		if (strcmp(lfirst(cell), name) == 0)
			return;
	}
	columns->names = lappend(columns->names, name);
}

/* True: the condition looks at more than the row's columns. */
static bool
looks_elsewhere(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		if (((Var *) node)->varattno <= 0)
			return true;
		add_column(arg, ((Var *) node)->varattno);
		return false;
	}
	return IsA(node, Param) || IsA(node, SubLink) || IsA(node, SQLValueFunction) ||
		check_functions_in_node(node, may_change, NULL) ||
		expression_tree_walker(node, looks_elsewhere, arg);
}

/*
 * SELECT … FROM … WHERE …, and nothing else but perhaps DISTINCT, which makes no
 * difference to whether a customer is given, and ORDER BY.
 */
static bool
is_plain(const Query *query)
{
	return query->commandType == CMD_SELECT && !query->hasAggs &&
		!query->hasWindowFuncs && !query->hasTargetSRFs && !query->hasSubLinks &&
		query->cteList == NIL && !query->hasDistinctOn &&
		query->groupClause == NIL && query->groupingSets == NIL &&
		query->havingQual == NULL && query->limitOffset == NULL &&
		query->limitCount == NULL && query->setOperations == NULL &&
		query->rowMarks == NIL && list_length(query->rtable) == 1 &&
		list_length(query->jointree->fromlist) == 1 &&
		IsA(linitial(query->jointree->fromlist), RangeTblRef);
}

/* The table itself sees to all rows that the query reads, and to no policy. */
static bool
is_table(const RangeTblEntry *entry)
{
	if (entry->rtekind != RTE_RELATION || entry->securityQuals != NIL ||
		entry->tablesample != NULL)
		return false;
	return entry->relkind == RELKIND_PARTITIONED_TABLE ||
		(entry->relkind == RELKIND_RELATION && !(entry->inh && has_subclass(entry->relid)));
}

/* Types whose values are equal exactly where their texts are. */
static bool
is_told_by_text(Oid type, Oid collation)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case UUIDOID:
			return true;
		case TEXTOID:
		case VARCHAROID:
			return get_collation_isdeterministic(collation);
		default:
			return false;
	}
}

/* The column of the customer; NULL: it is no column of the table as such. */
static const Var *
customer_column(const Query *query)
{
	Node	   *value = (Node *) linitial_node(TargetEntry, query->targetList)->expr;
	const Var  *var;

	if (IsA(value, RelabelType) && exprType(value) == TEXTOID)
		value = (Node *) ((RelabelType *) value)->arg;
	var = (const Var *) value;
	if (!IsA(value, Var) || var->varattno <= 0 ||
		!is_told_by_text(var->vartype, var->varcollid))
		return NULL;
	return var;
}

void
query_reads(const Query *query, RowQuery *found)
{
	Columns		columns = {InvalidOid, NIL};
	const Var  *customer;

	found->relation = InvalidOid;
	found->columns = NIL;
	if (!is_plain(query) || !is_table(linitial_node(RangeTblEntry, query->rtable)))
		return;
	columns.relation = linitial_node(RangeTblEntry, query->rtable)->relid;
	customer = customer_column(query);
	if (customer == NULL)
		return;
	add_column(&columns, customer->varattno);
	if (looks_elsewhere(query->jointree->quals, &columns))
		return;
	found->relation = columns.relation;
	found->columns = columns.names;
}
