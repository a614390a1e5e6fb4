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
#include "mb/pg_wchar.h"
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
#include "json_value.h"
#include "problem.h"

static const struct
{
	const char *name;
	Oid			type;
}			variables[NUM_PARAMETERS] = {
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
	[VAR_RESPONSE] = {"response", JSONBOID},
	[VAR_NEW] = {"new", RECORDOID},
	[VAR_OLD] = {"old", RECORDOID},
	[VAR_PAYLOAD] = {"payload", JSONBOID},
	[VAR_JOURNEY] = {"journey", TEXTOID},
	[VAR_TILE] = {"tile", TEXTOID},
	[VAR_ID] = {"id", TEXTOID},
	[VAR_ATTEMPT] = {"attempt", INT4OID},
	[VAR_CREATED_AT] = {"created_at", TIMESTAMPTZOID}
};

Oid
expression_variable_type(Variable variable)
{
	return variables[variable].type;
}

/* ---- where an error is ---- */

#define MAX_SHOWN_EXPRESSION 200	/* bytes in an error's context */

int
expression_errposition(const ExprCode *code, int location)
{
	if (code == NULL || location < 0)
		return 0;
	return errposition(pg_mbstrlen_with_len(code->text, location) + 1);
}

void
expression_error_callback(void *arg)
{
	ExprCode   *code = arg;
	int			position = geterrposition();
	int			length = strlen(code->text);
	int			shown = pg_mbcliplen(code->text, length, MAX_SHOWN_EXPRESSION);

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(code->text);
		if (geterrcode() == ERRCODE_UNDEFINED_TABLE && code->is_query)
			errhint("Tables are written with their schema.");
		else if (geterrcode() == ERRCODE_UNDEFINED_TABLE)
			errhint("Tables are written with their schema, and fields of jsonb as %s->>'name'.",
					code->is_action ? "payload" : "props");
	}
	errcontext("%s \"%.*s%s\"", code->is_query ? "query" : "expression", shown,
			   code->text, shown < length ? "..." : "");
}

/* ---- names ---- */

Node *
expression_variable(ExprCode *code, Variable variable, int location)
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

/* Traits are the bound table's, where there is one. */
static Node *
find_variable(ParseState *pstate, const char *name, int location)
{
	ExprCode   *code = pstate->p_ref_hook_state;
	Node	   *found = NULL;

	if (code->is_action)
		return action_name(code, name, location);
	for (int i = 0; i < NUM_VARIABLES; i++)
	{
		if (strcmp(variables[i].name, name) != 0 ||
			(OidIsValid(code->rowtype) && !row_has_variable(i)))
			continue;
		if (i == VAR_TRAITS)
			found = expression_bound_traits(pstate, location);
		return found ? found : expression_variable(code, i, location);
	}
	return OidIsValid(code->rowtype) ? row_name(code, name, location) : NULL;
}

/* No table is in sight, so only our names can be meant. */
static void
refuse_name(ExprCode *code, const char *name, int location)
{
	Nearest		nearest;
	char	   *hint;

	if (code->is_action)
		action_refuse_name(code, name, location);
	if (OidIsValid(code->rowtype))
		row_refuse_name(code, name, location);
	nearest_begin(&nearest, name);
	for (int i = 0; i < NUM_VARIABLES; i++)
		nearest_offer(&nearest, variables[i].name);
	hint = nearest_hint(&nearest);
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("name %s does not exist in expressions", quoted_name(name)),
			hint ? errhint("%s", hint) :
			errhint("There are customer, key, event, props, context, traits, now, local_now, entered_at, arrived_at, visits, outcome and response."),
			expression_errposition(code, location));
}

static Node *
resolve_single(ParseState *pstate, const char *name, int location)
{
	ExprCode   *code = pstate->p_ref_hook_state;
	Node	   *found = find_variable(pstate, name, location);

	if (found == NULL && pstate->parentParseState == NULL &&
		pstate->p_namespace == NIL)
		refuse_name(code, name, location);
	return found;
}

static Node *
resolve_qualified(ParseState *pstate, const char *qualifier, const char *name,
				  int location)
{
	ExprCode   *code = pstate->p_ref_hook_state;

	if (code->is_action)
	{
		action_refuse_qualified(pstate, qualifier, name, location);
		return NULL;
	}
	if (strcmp(qualifier, "profile") == 0)
		return expression_profile(pstate, name, location);
	if (strcmp(qualifier, "member") == 0)
		return find_variable(pstate, name, location);
	if (OidIsValid(code->rowtype))
		return row_column(code, qualifier, name, location);
	return NULL;
}

/* Our names come after the columns of a subquery's tables. */
static Node *
resolve_name(ParseState *pstate, ColumnRef *ref, Node *column)
{
	Node	   *last = llast(ref->fields);

	if (column != NULL || !IsA(last, String))
		return NULL;
	switch (list_length(ref->fields))
	{
		case 1:
			return resolve_single(pstate, strVal(last), ref->location);
		case 2:
			return resolve_qualified(pstate, strVal(linitial(ref->fields)),
									 strVal(last), ref->location);
		default:
			return NULL;
	}
}

/*
 * Also called where the plan cache analyzes a text again, which must not be:
 * neither safety nor time would be looked after.  condition.c compiles anew
 * what has become invalid; this is for what becomes so while we wait for the
 * locks of its tables.
 */
void
expression_parser_setup(ParseState *pstate, void *arg)
{
	ExprCode   *code = arg;

	if (code->source != NULL)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_IN_USE),
				errmsg("what the expression reads has been changed meanwhile"));
	pstate->p_ref_hook_state = code;
	if (code->is_query)
	{
		query_parser_setup(pstate, code);
		return;
	}
	pstate->p_post_columnref_hook = resolve_name;
	pstate->p_paramref_hook = expression_bound_customer;
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

/* ---- the type ---- */

static Node *
coerce_as(Node *value, Oid type, CoercionContext how, const char *wanted)
{
	Node	   *coerced = coerce_to_target_type(NULL, value, exprType(value),
												type, -1, how,
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
			if (getBaseType(type) != BOOLOID)
				ereport(ERROR,
						errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("condition must give boolean, not %s",
							   format_type_be(type)));
			return value;
		case EXPR_TEXT:
			return coerce_as(value, TEXTOID, COERCION_EXPLICIT, "text");
		case EXPR_INTERVAL:
			return coerce_as(value, INTERVALOID, COERCION_EXPLICIT, "an interval");
		case EXPR_TIMESTAMPTZ:
			return coerce_as(value, TIMESTAMPTZOID, COERCION_EXPLICIT,
							 "a timestamp with time zone");
		case EXPR_TEXT_ARRAY:
			/* A text that happens to be an array's, or JSON's, is a slip. */
			return coerce_as(value, TEXTARRAYOID, COERCION_ASSIGNMENT, "text[]");
		case EXPR_JSONB:
			if (json_is_plain(type))
				return value;
			return (Node *) makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(value),
										 InvalidOid, exprCollation(value),
										 COERCE_EXPLICIT_CALL);
	}
	return value;
}

/*
 * A bare literal is text by now.  Where a moment is wanted it is read as one,
 * so that bind_time() sees to its zone.
 */
static Expr *
type_literal(Expr *value, ExprWant want)
{
	Const	   *constant = (Const *) value;
	Const	   *literal;

	if (want != EXPR_TIMESTAMPTZ || !IsA(value, Const) ||
		constant->consttype != TEXTOID || constant->constisnull)
		return value;
	literal = makeConst(UNKNOWNOID, -1, InvalidOid, -2,
						CStringGetDatum(TextDatumGetCString(constant->constvalue)),
						false, false);
	literal->location = constant->location;
	return (Expr *) coerce_type(NULL, (Node *) literal, UNKNOWNOID,
								TIMESTAMPTZOID, -1, COERCION_EXPLICIT,
								COERCE_EXPLICIT_CAST, -1);
}

static bool
is_single_value(const Query *query)
{
	return list_length(query->targetList) == 1 && !query->hasAggs &&
		!query->hasWindowFuncs && !query->hasTargetSRFs;
}

/* As the author, in the sandbox: resolve, check the type. */
Query *
expression_analyze(ExprCode *code, RawStmt *raw, ExprWant want)
{
	Query	   *query = parse_analyze_withcb(copyObject(raw), code->text,
											 expression_parser_setup, code, NULL);
	TargetEntry *target;

	if (!is_single_value(query))
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("expression cannot use aggregates, window functions or sets outside a subquery"));
	target = linitial_node(TargetEntry, query->targetList);
	target->expr = type_literal(target->expr, want);
	query = bind_time(code, raw, query);
	target = linitial_node(TargetEntry, query->targetList);
	target->expr = (Expr *) coerce_result((Node *) target->expr, want);
	assign_expr_collations(NULL, (Node *) target->expr);
	return query;
}
