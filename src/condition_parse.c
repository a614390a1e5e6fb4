/*-------------------------------------------------------------------------
 *
 * condition_parse.c
 *	  Text of an expression to a Query with our names in it.
 *
 * The text is never pasted into SQL.  It is parsed as one expression, and what
 * else the grammar lets stand there (FROM, WHERE, ...) is refused.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_node.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "condition_internal.h"

static const struct
{
	const char *name;
	Oid			type;
}			variables[NUM_VARIABLES] = {
	[VAR_CUSTOMER] = {"customer", TEXTOID},
	[VAR_KEY] = {"key", TEXTOID},
	[VAR_EVENT] = {"event", TEXTOID},
	[VAR_PROPS] = {"props", JSONBOID},
	[VAR_CONTEXT] = {"context", JSONBOID},
	[VAR_TRAITS] = {"traits", JSONBOID},
	[VAR_NOW] = {"now", TIMESTAMPTZOID},
	[VAR_LOCAL_NOW] = {"local_now", TIMESTAMPOID},
	[VAR_ENTERED_AT] = {"entered_at", TIMESTAMPTZOID},
	[VAR_ARRIVED_AT] = {"arrived_at", TIMESTAMPTZOID},
	[VAR_VISITS] = {"visits", INT4OID},
	[VAR_OUTCOME] = {"outcome", TEXTOID},
	[VAR_RESPONSE] = {"response", JSONBOID}
};

Oid
expression_variable_type(Variable variable)
{
	return variables[variable].type;
}

void
expression_error_callback(void *arg)
{
	ExprCode   *code = arg;
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(code->text);
	}
	errcontext("expression \"%s\"", code->text);
}

/* ---- names ---- */

static Node *
make_variable(ExprCode *code, Variable variable, int location)
{
	Param	   *param = makeNode(Param);

	code->variables |= VAR_BIT(variable);
	param->paramkind = PARAM_EXTERN;
	param->paramid = variable + 1;
	param->paramtype = variables[variable].type;
	param->paramtypmod = -1;
	param->paramcollid = get_typcollation(param->paramtype);
	param->location = location;
	return (Node *) param;
}

static Node *
find_variable(ExprCode *code, const char *name, int location)
{
	for (int i = 0; i < NUM_VARIABLES; i++)
	{
		if (strcmp(variables[i].name, name) == 0)
			return make_variable(code, i, location);
	}
	return NULL;
}

/* Our names come after the columns of a subquery's tables. */
static Node *
resolve_name(ParseState *pstate, ColumnRef *ref, Node *column)
{
	ExprCode   *code = pstate->p_ref_hook_state;
	Node	   *last = llast(ref->fields);
	Node	   *found = NULL;

	if (column != NULL || !IsA(last, String))
		return NULL;
	if (list_length(ref->fields) == 1)
		return find_variable(code, strVal(last), ref->location);
	if (list_length(ref->fields) != 2)
		return NULL;
	if (strcmp(strVal(linitial(ref->fields)), "profile") == 0)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("\"profile.%s\" is not supported yet", strVal(last)),
				errhint("Use traits, such as traits->>'%s'.", strVal(last)),
				parser_errposition(pstate, ref->location));
	if (strcmp(strVal(linitial(ref->fields)), "member") == 0)
		found = find_variable(code, strVal(last), ref->location);
	return found;
}

void
expression_parser_setup(ParseState *pstate, void *arg)
{
	ExprCode   *code = arg;

	pstate->p_post_columnref_hook = resolve_name;
	pstate->p_ref_hook_state = code;
	code->analyses++;
}

/* ---- the form ---- */

static bool
is_plain_select(const SelectStmt *select)
{
	return select->op == SETOP_NONE && select->distinctClause == NIL &&
		select->intoClause == NULL && select->fromClause == NIL &&
		select->whereClause == NULL && select->groupClause == NIL &&
		select->havingClause == NULL && select->windowClause == NIL &&
		select->valuesLists == NIL && select->sortClause == NIL &&
		select->limitOffset == NULL && select->limitCount == NULL &&
		select->lockingClause == NIL && select->withClause == NULL;
}

RawStmt *
expression_raw_parse(const char *text)
{
	List	   *parsed;
	RawStmt    *raw;
	SelectStmt *select;

	if (strlen(text) > MAX_EXPRESSION_LENGTH)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("expression is longer than %d bytes", MAX_EXPRESSION_LENGTH));
	parsed = raw_parser(text, RAW_PARSE_PLPGSQL_EXPR);
	raw = linitial_node(RawStmt, parsed);
	select = castNode(SelectStmt, raw->stmt);
	if (list_length(parsed) != 1 || !is_plain_select(select) ||
		list_length(select->targetList) != 1 ||
		linitial_node(ResTarget, select->targetList)->name != NULL)
		ereport(ERROR,
				errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("not a single SQL expression"),
				errhint("Write one expression, without FROM, WHERE or a list; a subquery goes into parentheses."));
	return raw;
}

/* ---- the time is the step's ---- */

static Node *
convert(Node *value, Oid target, int32 typmod)
{
	return coerce_to_target_type(NULL, value, exprType(value), target, typmod,
								 COERCION_EXPLICIT, COERCE_EXPLICIT_CAST, -1);
}

static Node *
step_time(ExprCode *code, const SQLValueFunction *function)
{
	switch (function->op)
	{
		case SVFOP_CURRENT_TIME:
		case SVFOP_CURRENT_TIME_N:
		case SVFOP_CURRENT_TIMESTAMP:
		case SVFOP_CURRENT_TIMESTAMP_N:
			return convert(make_variable(code, VAR_NOW, -1), function->type,
						   function->typmod);
		case SVFOP_CURRENT_DATE:
		case SVFOP_LOCALTIME:
		case SVFOP_LOCALTIME_N:
		case SVFOP_LOCALTIMESTAMP:
		case SVFOP_LOCALTIMESTAMP_N:
			return convert(make_variable(code, VAR_LOCAL_NOW, -1),
						   function->type, function->typmod);
		default:
			return NULL;		/* CURRENT_USER and its like: the author */
	}
}

/* now(), CURRENT_DATE, ... become the step's now and local_now. */
static Node *
replace_time(Node *node, void *code)
{
	Node	   *replaced = NULL;

	if (node == NULL)
		return NULL;
	if (IsA(node, Query))
		return (Node *) query_tree_mutator((Query *) node, replace_time, code, 0);
	if (IsA(node, FuncExpr))
	{
		Oid			function = ((FuncExpr *) node)->funcid;

		if (function == F_NOW || function == F_TRANSACTION_TIMESTAMP ||
			function == F_STATEMENT_TIMESTAMP)
			replaced = make_variable(code, VAR_NOW, -1);
	}
	else if (IsA(node, SQLValueFunction))
		replaced = step_time(code, (SQLValueFunction *) node);
	if (replaced != NULL)
		return replaced;
	return expression_tree_mutator(node, replace_time, code);
}

/* ---- the type ---- */

/* Types that become JSON without to_jsonb(); see template.c. */
static bool
is_plain_for_json(Oid type)
{
	return type == JSONBOID || type == TEXTOID || type == BOOLOID ||
		type == INT4OID || type == INT8OID || type == NUMERICOID;
}

static Node *
coerce_as(Node *value, Oid type, const char *wanted)
{
	Node	   *coerced = coerce_to_target_type(NULL, value, exprType(value),
												type, -1, COERCION_EXPLICIT,
												COERCE_EXPLICIT_CAST, -1);

	if (coerced == NULL)
		ereport(ERROR,
				errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("expression must give %s, not %s", wanted,
					   format_type_be(exprType(value))));
	return coerced;
}

static Node *
coerce_result(Node *value, ExprWant want)
{
	Oid			type = exprType(value);

	switch (want)
	{
		case EXPR_BOOLEAN:
			if (type != BOOLOID)
				ereport(ERROR,
						errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("condition must give boolean, not %s",
							   format_type_be(type)));
			return value;
		case EXPR_TEXT:
			return coerce_as(value, TEXTOID, "text");
		case EXPR_INTERVAL:
			return coerce_as(value, INTERVALOID, "an interval");
		case EXPR_JSONB:
			if (is_plain_for_json(type))
				return value;
			return (Node *) makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(value),
										 InvalidOid, exprCollation(value),
										 COERCE_EXPLICIT_CALL);
	}
	return value;
}

/* As the author, with search_path pinned: parse, resolve, check the type. */
Query *
expression_analyze(ExprCode *code, RawStmt *raw, ExprWant want)
{
	Query	   *query;
	TargetEntry *target;

	query = parse_analyze_withcb(raw, code->text, expression_parser_setup, code,
								 NULL);
	if (list_length(query->targetList) != 1 || query->hasAggs ||
		query->hasWindowFuncs || query->hasTargetSRFs)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("expression cannot use aggregates, window functions or sets outside a subquery"));
	query = (Query *) replace_time((Node *) query, code);
	target = linitial_node(TargetEntry, query->targetList);
	target->expr = (Expr *) coerce_result((Node *) target->expr, want);
	assign_expr_collations(NULL, (Node *) target->expr);
	return query;
}
