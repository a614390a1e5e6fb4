/*-------------------------------------------------------------------------
 *
 * condition.c
 *	  Compiling expressions, and evaluating them as their author.
 *
 * An expression that reads no table is planned once and evaluated by itself,
 * like a CHECK constraint.  Compilation and evaluation both happen as the
 * author: planning folds constants, which runs functions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "port/pg_bitutils.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "condition_internal.h"
#include "guc.h"
#include "isolate.h"
#include "role.h"

/* In between the server may analyze again, and again; then give up. */
#define MAX_COMPILATIONS 5

Expression *
expr_make(const char *source, ExprWant want)
{
	Expression *expr = palloc0(sizeof(Expression));

	expr->source = pstrdup(source);
	expr->want = want;
	return expr;
}

/* ---- compiling ---- */

static void
release_code(void *arg)
{
	ExprCode   *code = arg;

	if (code->cached)
		FreeCachedExpression(code->cached);
	if (code->source)
		DropCachedPlan(code->source);
	code->cached = NULL;
	code->source = NULL;
}

static ExprCode *
new_code(Expression *expr)
{
	MemoryContext cxt = AllocSetContextCreate(GetMemoryChunkContext(expr),
											  "journey expression",
											  ALLOCSET_SMALL_SIZES);
	ExprCode   *code = MemoryContextAllocZero(cxt, sizeof(ExprCode));
	MemoryContextCallback *callback =
		MemoryContextAllocZero(cxt, sizeof(MemoryContextCallback));

	code->cxt = cxt;
	code->text = expr->source;
	code->owner = GetUserId();
	code->functions = guc_condition_functions;
	callback->func = release_code;
	callback->arg = code;
	MemoryContextRegisterResetCallback(cxt, callback);
	return code;
}

/* Parse, check, plan.  We are the author, in the sandbox, with a snapshot. */
static void
compile_inside(ExprCode *code, ExprWant want)
{
	RawStmt    *raw = expression_raw_parse(code->text);
	RawStmt    *kept = copyObject(raw);
	bool		safe = code->functions == CONDITION_FUNCTIONS_SAFE;
	Query	   *query;
	List	   *queries;
	Node	   *value;

	if (safe)
		safe_check_raw(raw);
	query = expression_analyze(code, raw, want);
	value = (Node *) linitial_node(TargetEntry, query->targetList)->expr;
	code->type = exprType(value);
	get_typlenbyval(code->type, &code->typlen, &code->typbyval);
	code->needs_sandbox = query->hasSubLinks || depends_on_settings(value);
	code->needs_snapshot = code->needs_sandbox || calls_helper(value);
	queries = pg_rewrite_query(copyObject(query));
	if (safe)
		safe_check_queries(queries);
	if (query->hasSubLinks || query->rtable != NIL)
		plan_compile(code, kept, queries);
	else
		code->cached = GetCachedExpression(value);
}

/*
 * The compiled half appears only when it is complete; what an error leaves
 * behind is freed with the expression.
 */
static void
compile(Expression *expr, const Author *author, const char *zone)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "journey expression compilation",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	ErrorContextCallback context;
	RoleSwitch	role;
	ExprCode   *code;

	role_sandbox_begin(&role, author->owner, zone);
	PushActiveSnapshot(GetTransactionSnapshot());
	code = new_code(expr);
	context.callback = expression_error_callback;
	context.arg = code;
	context.previous = error_context_stack;
	error_context_stack = &context;
	compile_inside(code, expr->want);
	error_context_stack = context.previous;
	PopActiveSnapshot();
	role_end(&role);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	expr->code = code;
}

static void
discard(Expression *expr)
{
	ExprCode   *code = expr->code;

	expr->code = NULL;
	if (code != NULL)
		MemoryContextDelete(code->cxt);
}

static bool
is_current(const ExprCode *code, Oid author)
{
	return code != NULL && code->owner == author &&
		code->functions == guc_condition_functions &&
		(code->cached == NULL || code->cached->is_valid);
}

/* ---- evaluating ---- */

/* The values of the names, for all expressions of this backend. */
static ParamListInfo params = NULL;

static ParamListInfo
bind_variables(ExprCode *code, Scope *scope)
{
	if (params == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		params = makeParamList(NUM_VARIABLES);
		for (int i = 0; i < NUM_VARIABLES; i++)
		{
			params->params[i].pflags = PARAM_FLAG_CONST;
			params->params[i].ptype = expression_variable_type(i);
		}
		MemoryContextSwitchTo(old);
	}
	for (uint32 bits = code->variables; bits != 0; bits &= bits - 1)
	{
		int			i = pg_rightmost_one_pos32(bits);

		if ((scope->known & VAR_BIT(i)) == 0)
			scope->fetch(scope, i);
		params->params[i].value = scope->values[i].value;
		params->params[i].isnull = scope->values[i].isnull;
	}
	return params;
}

/*
 * The executable form outlives transactions.  One that an error has left
 * halfway is not used again.
 */
static void
prepare_execution(ExprCode *code)
{
	MemoryContext old;

	if (code->state != NULL && !code->busy)
		return;
	code->state = NULL;
	if (code->exec_cxt == NULL)
		code->exec_cxt = AllocSetContextCreate(code->cxt,
											   "journey expression execution",
											   ALLOCSET_SMALL_SIZES);
	else
		MemoryContextReset(code->exec_cxt);
	old = MemoryContextSwitchTo(code->exec_cxt);
	code->econtext = CreateStandaloneExprContext();
	code->econtext->ecxt_param_list_info = params;
	code->state = ExecInitExprWithParams((Expr *) code->cached->expr, params);
	MemoryContextSwitchTo(old);
	code->busy = false;
}

static Datum
simple_eval(ExprCode *code, bool *isnull)
{
	MemoryContext caller = CurrentMemoryContext;
	Datum		value;

	prepare_execution(code);
	code->busy = true;
	value = ExecEvalExprSwitchContext(code->state, code->econtext, isnull);
	if (!*isnull && !code->typbyval)
		value = code->typlen == -1 ?
			PointerGetDatum(PG_DETOAST_DATUM_COPY(value)) :
			datumCopy(value, false, code->typlen);
	MemoryContextSwitchTo(caller);
	ResetExprContext(code->econtext);
	code->busy = false;
	return value;
}

static Datum
run(ExprCode *code, Scope *scope, bool *isnull, bool *stale)
{
	Datum		value;

	*stale = false;
	if (code->needs_snapshot)
		scope->push_snapshot(scope);
	if (code->source)
		value = plan_eval(code, params, isnull, stale);
	else
		value = simple_eval(code, isnull);
	if (code->needs_snapshot)
		PopActiveSnapshot();
	return value;
}

static Datum
eval_as_author(Expression *expr, const Author *author, Scope *scope, bool *isnull,
			   bool *stale)
{
	ExprCode   *code = expr->code;
	ErrorContextCallback context;
	RoleSwitch	role;
	Datum		value;

	(void) bind_variables(code, scope);
	limit_begin(expr, code->needs_sandbox);
	if (code->needs_sandbox)
		role_sandbox_begin(&role, author->owner, scope->zone);
	else
		role_author_begin(&role, author->owner);
	context.callback = expression_error_callback;
	context.arg = code;
	context.previous = error_context_stack;
	error_context_stack = &context;
	value = run(code, scope, isnull, stale);
	error_context_stack = context.previous;
	role_end(&role);
	limit_end();
	return value;
}

Datum
expr_eval(Expression *expr, const Author *author, Scope *scope, bool *isnull)
{
	Oid			role = role_by_name(author->owner);

	for (int i = 0; i < MAX_COMPILATIONS; i++)
	{
		bool		stale;
		Datum		value;

		if (!is_current(expr->code, role))
		{
			discard(expr);
			compile(expr, author, scope->zone);
		}
		value = eval_as_author(expr, author, scope, isnull, &stale);
		if (!stale)
			return value;
		discard(expr);
	}
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_IN_USE),
			errmsg("tables of an expression are being changed too fast"));
	return (Datum) 0;			/* not reached */
}

Oid
expr_type(const Expression *expr)
{
	return expr->code->type;
}

bool
expr_true(Expression *expr, const Author *author, Scope *scope)
{
	bool		isnull;
	Datum		value = expr_eval(expr, author, scope, &isnull);

	return !isnull && DatumGetBool(value);
}

void
expr_check(Expression *expr, const Author *author, uint32 *variables)
{
	discard(expr);
	compile(expr, author, guc_timezone);
	*variables = expr->code->variables;
	if (expr->code->source)
	{
		RoleSwitch	role;

		role_sandbox_begin(&role, author->owner, guc_timezone);
		PushActiveSnapshot(GetTransactionSnapshot());
		plan_check_permissions(expr->code);
		PopActiveSnapshot();
		role_end(&role);
	}
}
