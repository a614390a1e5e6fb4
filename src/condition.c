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

#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "port/pg_bitutils.h"
#include "tcop/tcopprot.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "binding.h"
#include "condition_internal.h"
#include "guc.h"
#include "isolate.h"
#include "role.h"

Expression *
expr_make(const char *source, ExprWant want)
{
	Expression *expr = palloc0(sizeof(Expression));

	expr->source = pstrdup(source);
	expr->want = want;
	expr->cxt = CurrentMemoryContext;
	return expr;
}

Expression *
expr_make_row(const char *source, ExprWant want, Oid relid)
{
	Expression *expr = expr_make(source, want);

	expr->relid = relid;
	return expr;
}

Expression *
expr_make_action(const char *source, ExprWant want)
{
	Expression *expr = expr_make(source, want);

	expr->is_action = true;
	return expr;
}

/* ---- acting as the author ---- */

typedef struct Acting
{
	RoleSwitch	role;
	ErrorContextCallback context;
} Acting;

/* How much an expression must be kept from its surroundings. */
typedef enum Isolation
{
	AS_AUTHOR,
	IN_SANDBOX
} Isolation;

/*
 * From here to act_end it is the author's code that runs.  After an error,
 * isolate() and the end of its subtransaction undo all of this.
 */
static void
act_begin(Acting *acting, Expression *expr, ExprCode *code, Isolation isolation,
		  Oid author, const char *zone)
{
	limit_begin(&expr->overran, isolation == IN_SANDBOX);
	if (isolation == IN_SANDBOX)
		role_sandbox_begin(&acting->role, author, zone);
	else
		role_author_begin(&acting->role, author);
	acting->context.callback = expression_error_callback;
	acting->context.arg = code;
	acting->context.previous = error_context_stack;
	error_context_stack = &acting->context;
}

static void
act_end(Acting *acting)
{
	error_context_stack = acting->context.previous;
	role_end(&acting->role);
	limit_end();
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

/* Until it is complete it goes with the subtransaction. */
static ExprCode *
new_code(const Expression *expr, Oid author)
{
	MemoryContext cxt = AllocSetContextCreate(CurTransactionContext,
											  "journey expression",
											  ALLOCSET_SMALL_SIZES);
	ExprCode   *code = MemoryContextAllocZero(cxt, sizeof(ExprCode));
	MemoryContextCallback *callback =
		MemoryContextAllocZero(cxt, sizeof(MemoryContextCallback));

	code->cxt = cxt;
	code->text = expr->source;
	code->is_query = expr->is_query;
	code->is_action = expr->is_action;
	code->rowtype = OidIsValid(expr->relid) ? get_rel_type_id(expr->relid) : InvalidOid;
	code->owner = author;
	code->role_changes = role_changes();
	code->functions = guc_condition_functions;
	(void) binding_get();
	code->binding = binding_generation();
	callback->func = release_code;
	callback->arg = code;
	MemoryContextRegisterResetCallback(cxt, callback);
	return code;
}

/* Parse, check, plan.  We are the author, in the sandbox, with a snapshot. */
static void
compile_inside(ExprCode *code, ExprWant want)
{
	RawStmt    *raw = code->is_query ? holds_raw_parse(code) : expression_raw_parse(code->text);
	bool		safe = code->functions == CONDITION_FUNCTIONS_SAFE;
	Query	   *query;
	List	   *queries;
	Node	   *value;

	if (safe)
		safe_check_raw(code, raw);
	query = expression_analyze(code, raw, want);
	value = (Node *) linitial_node(TargetEntry, query->targetList)->expr;
	code->type = exprType(value);
	get_typlenbyval(code->type, &code->typlen, &code->typbyval);
	code->needs_sandbox = query->hasSubLinks || depends_on_settings(value);
	code->needs_snapshot = code->needs_sandbox || calls_helper(value);
	queries = pg_rewrite_query(copyObject(query));
	if (safe)
		safe_check_queries(code, queries);
	if (query->hasSubLinks)
		plan_compile(code, raw, queries);
	else
		code->cached = GetCachedExpression(value);
}

/*
 * The zone is a fixed one: what is compiled serves members in any zone.  The
 * compiled half becomes the expression's only when it is complete.
 */
static void
compile(Expression *expr, Oid author)
{
	MemoryContext scratch = AllocSetContextCreate(CurTransactionContext,
												  "journey expression compilation",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	ExprCode   *code = new_code(expr, author);
	Acting		acting;

	act_begin(&acting, expr, code, IN_SANDBOX, author, guc_timezone);
	PushActiveSnapshot(GetTransactionSnapshot());
	compile_inside(code, expr->want);
	PopActiveSnapshot();
	act_end(&acting);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	MemoryContextSetParent(code->cxt, expr->cxt);
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
		code->role_changes == role_changes() &&
		code->functions == guc_condition_functions &&
		code->binding == binding_generation() &&
		(code->source ? CachedPlanIsValid(code->source) : code->cached->is_valid);
}

static ExprCode *
current_code(Expression *expr, Oid author)
{
	if (!is_current(expr->code, author))
	{
		discard(expr);
		compile(expr, author);
	}
	return expr->code;
}

/* ---- evaluating ---- */

/* The values of the names, for all expressions of this backend. */
static ParamListInfo params = NULL;

static void
make_params(void)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	params = makeParamList(NUM_PARAMETERS);
	for (int i = 0; i < NUM_PARAMETERS; i++)
	{
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = expression_variable_type(i);
	}
	MemoryContextSwitchTo(old);
}

static void
bind_variables(const ExprCode *code, Scope *scope)
{
	if (params == NULL)
		make_params();
	for (uint32 bits = code->variables; bits != 0; bits &= bits - 1)
	{
		int			i = pg_rightmost_one_pos32(bits);

		if ((scope->known & VAR_BIT(i)) == 0)
			scope->fetch(scope, i);
		if (i == VAR_NEW || i == VAR_OLD)
			params->params[i].ptype = code->rowtype;
		params->params[i].value = scope->values[i].value;
		params->params[i].isnull = scope->values[i].isnull;
	}
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
	if (params == NULL)
		make_params();
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

/* The snapshot is taken as ourselves: it may take a new command id. */
Datum
expr_eval(Expression *expr, const Author *author, Scope *scope, bool *isnull)
{
	Oid			role = role_author(author->owner);
	ExprCode   *code = current_code(expr, role);
	Acting		acting;
	Datum		value;

	bind_variables(code, scope);
	if (code->needs_snapshot)
		scope->push_snapshot(scope);
	act_begin(&acting, expr, code, code->needs_sandbox ? IN_SANDBOX : AS_AUTHOR,
			  role, scope->zone);
	value = code->source ? plan_eval(code, params, isnull) : simple_eval(code, isnull);
	act_end(&acting);
	if (code->needs_snapshot)
		PopActiveSnapshot();
	return value;
}

Oid
expr_type(const Expression *expr)
{
	return expr->code->type;
}

/* What its author may not do shows when it is made ready to run. */
static void
check_rights(Expression *expr, Oid author)
{
	ExprCode   *code = expr->code;
	Acting		acting;

	act_begin(&acting, expr, code, IN_SANDBOX, author, guc_timezone);
	PushActiveSnapshot(GetTransactionSnapshot());
	if (code->source)
		plan_check_permissions(code);
	else
		prepare_execution(code);
	PopActiveSnapshot();
	act_end(&acting);
}

void
expr_check(Expression *expr, const Author *author, uint32 *variables)
{
	Oid			role = role_author(author->owner);

	budget_begin();
	discard(expr);
	compile(expr, role);
	check_rights(expr, role);
	budget_end();
	*variables = expr->code->variables;
}
