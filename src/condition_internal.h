/*-------------------------------------------------------------------------
 *
 * condition_internal.h
 *	  Shared by the files that make up condition.h's expressions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_CONDITION_INTERNAL_H
#define JOURNEY_CONDITION_INTERNAL_H

#include "postgres.h"

#include "executor/execExpr.h"
#include "nodes/parsenodes.h"
#include "parser/parse_node.h"
#include "nodes/plannodes.h"
#include "utils/plancache.h"

#include "condition.h"

#define MAX_EXPRESSION_LENGTH (64 * 1024)

/*
 * A compiled expression.  Either cached is set (no table is read: evaluated by
 * itself) or source is (it has a subquery: executed as a plan).
 */
struct ExprCode
{
	const char *text;
	bool		is_query;		/* the text is an audience's query, which has
								 * none of our names */
	bool		is_action;		/* it has an action's names */
	MemoryContext cxt;			/* this, and what hangs on it */
	uint32		variables;		/* VAR_BIT of the names that it reads */
	bool		needs_sandbox;	/* its result can depend on settings */
	bool		needs_snapshot; /* it reads tables, perhaps by a helper */
	Oid			owner;			/* as whom it was compiled */
	uint64		role_changes;	/* role_changes() then: what it may call, and
								 * the policies in its plan, hang on
								 * memberships */
	int			functions;		/* journey.condition_functions then */
	uint64		binding;		/* binding_generation() then */
	Oid			rowtype;		/* of new and old; InvalidOid: it has neither */
	Oid			type;			/* of the result */
	int16		typlen;
	bool		typbyval;

	CachedExpression *cached;
	MemoryContext exec_cxt;		/* what follows */
	ExprState  *state;			/* NULL: not yet initialized */
	ExprContext *econtext;
	bool		busy;			/* under evaluation, or left so by an error */

	CachedPlanSource *source;
};

/* condition_parse.c: text to a checked Query; the caller is the author. */
extern RawStmt *expression_raw_parse(const char *text);
extern Query *expression_analyze(ExprCode *code, RawStmt *raw, ExprWant want);
extern void expression_parser_setup(ParseState *pstate, void *code);
extern Oid	expression_variable_type(Variable variable);
extern Node *expression_variable(ExprCode *code, Variable variable, int location);

/*
 * condition_profile.c: for the parser's hooks.  profile.<column>; NULL where that
 * is a table's of the author.  traits; NULL where no table is bound.  The
 * parameter of those; NULL where it is one that the author wrote.
 */
extern Node *expression_profile(ParseState *pstate, const char *column, int location);
extern Node *expression_bound_traits(ParseState *pstate, int location);
extern Node *expression_bound_customer(ParseState *pstate, ParamRef *ref);

/* For ereport: a node's location, -1 where there is none. */
extern int	expression_errposition(const ExprCode *code, int location);

/* condition_safe.c: what author code may do in safe mode; all raise. */
extern void safe_check_raw(ExprCode *code, RawStmt *raw);
extern void safe_check_queries(ExprCode *code, List *queries);
extern bool is_helper(Oid function);
extern bool is_safe_function(Oid function);
extern void refuse_function(Oid function, const ExprCode *code, int location);

/* condition_needs.c: what the evaluator must prepare for an expression. */
extern bool depends_on_settings(Node *node);
extern bool calls_helper(Node *node);

/* condition_query.c: "does the query give the customer?", as an expression. */
extern RawStmt *holds_raw_parse(ExprCode *code);
extern void query_parser_setup(ParseState *pstate, void *code);

/* condition_live.c: what of a query, as it is after rewriting; see query_look(). */
extern void query_reads(const Query *query, RowQuery *found);

/* condition_time.c: the time, and what is read of it, is the step's. */
extern Query *bind_time(ExprCode *code, RawStmt *raw, Query *query);

/*
 * condition_row.c: names of an expression about a row.  row_name and row_variable
 * give NULL for what is no such name; row_refuses: for others than it may use.
 */
extern Node *row_name(ExprCode *code, const char *name, int location);
extern Node *row_column(ExprCode *code, const char *qualifier, const char *column,
						int location);
extern bool row_has_variable(Variable variable);
extern void row_refuse_name(ExprCode *code, const char *name, int location);

/* condition_action.c: names of an expression about an action, in the same way. */
extern Node *action_name(ExprCode *code, const char *name, int location);
extern void action_refuse_name(ExprCode *code, const char *name, int location);
extern void action_refuse_qualified(ParseState *pstate, const char *qualifier,
									const char *name, int location);

/* condition_plan.c */
extern void plan_compile(ExprCode *code, RawStmt *raw, List *queries);
extern Datum plan_eval(ExprCode *code, ParamListInfo params, bool *isnull);
extern void plan_check_permissions(ExprCode *code);

/* Points errors into the author's text. */
extern void expression_error_callback(void *code);

#endif							/* JOURNEY_CONDITION_INTERNAL_H */
