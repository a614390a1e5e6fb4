/*-------------------------------------------------------------------------
 *
 * condition_time.c
 *	  The time in an expression is the step's, in the member's zone.
 *
 * now() and its like become the step's now and local_now.  A literal is read
 * when the expression is compiled, once for all steps and members: so words
 * such as 'today' are refused, and a timestamp without a zone is kept as such
 * and becomes a moment in the member's zone when it is evaluated.  (In an
 * array or a range it is read in the zone of the compilation, journey.timezone.)
 *
 * The bodies of views and policies are left alone: a policy that goes by now()
 * must not be led astray by the time that somebody gives an event.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "utils/fmgrprotos.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"

#include "condition_internal.h"
#include "guc.h"
#include "role.h"

typedef struct TimeBinding
{
	ExprCode   *code;
	List	   *literals;		/* A_Const *: the strings in the text */
} TimeBinding;

/* ---- functions ---- */

static Node *
convert(Node *value, Oid target, int32 typmod)
{
	return coerce_to_target_type(NULL, value, exprType(value), target, typmod,
								 COERCION_EXPLICIT, COERCE_EXPLICIT_CAST, -1);
}

static Node *
step_time(ExprCode *code, Variable variable, Oid type, int32 typmod)
{
	return convert(expression_variable(code, variable, -1), type, typmod);
}

static Node *
bind_keyword(ExprCode *code, const SQLValueFunction *function)
{
	switch (function->op)
	{
		case SVFOP_CURRENT_TIME:
		case SVFOP_CURRENT_TIME_N:
		case SVFOP_CURRENT_TIMESTAMP:
		case SVFOP_CURRENT_TIMESTAMP_N:
			return step_time(code, VAR_NOW, function->type, function->typmod);
		case SVFOP_CURRENT_DATE:
		case SVFOP_LOCALTIME:
		case SVFOP_LOCALTIME_N:
		case SVFOP_LOCALTIMESTAMP:
		case SVFOP_LOCALTIMESTAMP_N:
			return step_time(code, VAR_LOCAL_NOW, function->type, function->typmod);
		default:
			return NULL;		/* CURRENT_USER and its like: the author */
	}
}

/* age(x) means age(CURRENT_DATE, x). */
static Node *
bind_age(ExprCode *code, const FuncExpr *function, Oid with_both, Oid type)
{
	Node	   *today = convert(step_time(code, VAR_LOCAL_NOW, DATEOID, -1), type, -1);

	return (Node *) makeFuncExpr(with_both, INTERVALOID,
								 list_make2(today, linitial(function->args)),
								 InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
}

static Node *
bind_function(ExprCode *code, const FuncExpr *function)
{
	switch (function->funcid)
	{
		case F_NOW:
		case F_TRANSACTION_TIMESTAMP:
		case F_STATEMENT_TIMESTAMP:
			return expression_variable(code, VAR_NOW, -1);
		case F_AGE_TIMESTAMPTZ:
			return bind_age(code, function, F_AGE_TIMESTAMPTZ_TIMESTAMPTZ, TIMESTAMPTZOID);
		case F_AGE_TIMESTAMP:
			return bind_age(code, function, F_AGE_TIMESTAMP_TIMESTAMP, TIMESTAMPOID);
		default:
			return NULL;
	}
}

/* ---- literals ---- */

static bool
collect_literals(Node *node, void *binding)
{
	List	  **literals = &((TimeBinding *) binding)->literals;

	if (node == NULL)
		return false;
	if (IsA(node, A_Const) && !((A_Const *) node)->isnull &&
		IsA(&((A_Const *) node)->val, String))
		*literals = lappend(*literals, node);
	return raw_expression_tree_walker(node, collect_literals, binding);
}

/* What the author wrote for a constant, or NULL. */
static const char *
literal_of(TimeBinding *binding, const Const *constant)
{
	ListCell   *cell;

	foreach(cell, binding->literals)
	{
		A_Const    *literal = lfirst(cell);

		if (constant->location >= 0 && literal->location == constant->location)
			return strVal(&literal->val);
	}
	return NULL;
}

/* Is one of the words in the literal, as a word of its own, in any case? */
static bool
has_relative_word(const char *literal)
{
	static const char *const words[] = {"now", "today", "tomorrow", "yesterday"};
	const char *c = literal;

	while (*c)
	{
		size_t		length = 0;

		while (isalpha((unsigned char) c[length]))
			length++;
		for (int i = 0; i < lengthof(words); i++)
		{
			if (length == strlen(words[i]) && pg_strncasecmp(c, words[i], length) == 0)
				return true;
		}
		c += Max(length, 1);
	}
	return false;
}

static void
refuse_relative_word(const ExprCode *code, const Const *constant, const char *literal)
{
	if (has_relative_word(literal))
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("the literal \"%s\" would stand for the time at which the expression is compiled",
					   literal),
				errhint("Write now, local_now or CURRENT_DATE, with an interval if need be."),
				expression_errposition(code, constant->location));
}

static Datum
read_literal(PGFunction input, const char *literal)
{
	return DirectFunctionCall3(input, CStringGetDatum(literal),
							   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

/* A zone in the literal, or infinity, says which moment it is: read it twice. */
static bool
depends_on_zone(const char *literal)
{
	Datum		east;
	Datum		west;

	role_sandbox_zone("EAST-12");
	east = read_literal(timestamptz_in, literal);
	role_sandbox_zone("WEST12");
	west = read_literal(timestamptz_in, literal);
	role_sandbox_zone(guc_timezone);
	return DatumGetTimestampTz(east) != DatumGetTimestampTz(west);
}

static Node *
local_timestamp(const Const *constant, const char *literal)
{
	Const	   *local = makeConst(TIMESTAMPOID, -1, InvalidOid, sizeof(Timestamp),
								  read_literal(timestamp_in, literal), false,
								  FLOAT8PASSBYVAL);

	return (Node *) makeFuncExpr(F_TIMESTAMPTZ_TIMESTAMP, TIMESTAMPTZOID,
								 list_make1(local), InvalidOid, InvalidOid,
								 COERCE_EXPLICIT_CAST);
}

static Node *
bind_literal(TimeBinding *binding, const Const *constant)
{
	const char *literal;

	if (constant->constisnull)
		return NULL;
	switch (constant->consttype)
	{
		case DATEOID:
		case TIMEOID:
		case TIMETZOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			break;
		default:
			return NULL;
	}
	literal = literal_of(binding, constant);
	if (literal == NULL)
		return NULL;
	refuse_relative_word(binding->code, constant, literal);
	if (constant->consttype == TIMESTAMPTZOID && depends_on_zone(literal))
		return local_timestamp(constant, literal);
	return NULL;
}

/* ---- all of it ---- */

static Node *
bind_node(Node *node, void *arg)
{
	TimeBinding *binding = arg;
	Node	   *bound = NULL;

	if (node == NULL)
		return NULL;
	if (IsA(node, Query))
		return (Node *) query_tree_mutator((Query *) node, bind_node, arg, 0);
	/* First what is inside: the argument of age() may be the time as well. */
	node = expression_tree_mutator(node, bind_node, arg);
	if (IsA(node, FuncExpr))
		bound = bind_function(binding->code, (FuncExpr *) node);
	else if (IsA(node, SQLValueFunction))
		bound = bind_keyword(binding->code, (SQLValueFunction *) node);
	else if (IsA(node, Const))
		bound = bind_literal(binding, (Const *) node);
	return bound ? bound : node;
}

/* In the sandbox.  raw is as it was parsed. */
Query *
bind_time(ExprCode *code, RawStmt *raw, Query *query)
{
	TimeBinding binding = {code, NIL};

	collect_literals(raw->stmt, &binding);
	return (Query *) bind_node((Node *) query, &binding);
}
