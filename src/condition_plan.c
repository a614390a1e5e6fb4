/*-------------------------------------------------------------------------
 *
 * condition_plan.c
 *	  Expressions with a subquery: a cached plan, executed for one value.
 *
 * The plan cache keeps the plan up to date.  What it must not do is to analyze
 * the text again; see expression_parser_setup().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "tcop/cmdtag.h"
#include "tcop/dest.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "condition_internal.h"

/* Takes one value. */
typedef struct ValueReceiver
{
	DestReceiver pub;
	ExprCode   *code;
	MemoryContext cxt;
	Datum		value;
	bool		isnull;
} ValueReceiver;

static bool
receive(TupleTableSlot *slot, DestReceiver *self)
{
	ValueReceiver *receiver = (ValueReceiver *) self;
	MemoryContext old = MemoryContextSwitchTo(receiver->cxt);
	Datum		value = slot_getattr(slot, 1, &receiver->isnull);

	if (!receiver->isnull)
		receiver->value = receiver->code->typlen == -1 ?
			PointerGetDatum(PG_DETOAST_DATUM_COPY(value)) :
			datumCopy(value, receiver->code->typbyval, receiver->code->typlen);
	MemoryContextSwitchTo(old);
	return true;
}

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
receiver_nothing(DestReceiver *self)
{
}

void
plan_compile(ExprCode *code, RawStmt *raw, List *queries)
{
	CachedPlanSource *source = CreateCachedPlan(raw, code->text, CMDTAG_SELECT);

	CompleteCachedPlan(source, queries, NULL, NULL, 0, expression_parser_setup,
					   code, 0, false);
	SaveCachedPlan(source);
	code->source = source;
}

static void
execute(ExprCode *code, PlannedStmt *stmt, ParamListInfo params,
		ValueReceiver *receiver)
{
	QueryDesc  *desc = CreateQueryDesc(stmt, code->text, GetActiveSnapshot(),
									   InvalidSnapshot, &receiver->pub, params,
									   NULL, 0);

	ExecutorStart(desc, 0);
	ExecutorRun_compat(desc, ForwardScanDirection, 1);
	ExecutorFinish(desc);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
}

/* Without values to plan for, the plan is a generic one, whatever is set. */
static CachedPlan *
get_plan(ExprCode *code)
{
	return GetCachedPlan(code->source, NULL, CurrentResourceOwner, NULL);
}

/* In the sandbox, with a snapshot. */
Datum
plan_eval(ExprCode *code, ParamListInfo params, bool *isnull)
{
	ValueReceiver receiver = {
		.pub = {receive, receiver_startup, receiver_nothing, receiver_nothing, DestNone},
		.code = code, .cxt = CurrentMemoryContext, .isnull = true
	};
	CachedPlan *plan = get_plan(code);

	execute(code, linitial_node(PlannedStmt, plan->stmt_list), params, &receiver);
	ReleaseCachedPlan(plan, CurrentResourceOwner);
	*isnull = receiver.isnull;
	return receiver.value;
}

/* May the current user read what the plan reads?  Else that would show late. */
void
plan_check_permissions(ExprCode *code)
{
	CachedPlan *plan = get_plan(code);
	PlannedStmt *stmt = linitial_node(PlannedStmt, plan->stmt_list);

	(void) ExecCheckPermissions_compat(stmt);
	ReleaseCachedPlan(plan, CurrentResourceOwner);
}
