/*-------------------------------------------------------------------------
 *
 * condition_gate.c
 *	  No function but the safe ones runs on behalf of an expression.
 *
 * The checks of condition_safe.c see what an expression calls.  They do not
 * see what is called for it: a cast that to_jsonb() looks up, the predicate of
 * an index that the planner simplifies, the check of a domain behind a type's
 * name that was given to a function as a text.  So while author code runs, every
 * call of a function that is not built in passes here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/lsyscache.h"
#include "utils/relcache.h"

#include "condition_internal.h"
#include "guc.h"
#include "isolate.h"

static needs_fmgr_hook_type prev_needs_hook = NULL;
static fmgr_hook_type prev_hook = NULL;
static bool touched = false;		/* we have kept a function from being inlined */

static bool
is_handler(Oid function)
{
	Oid			result = get_func_rettype(function);

	return result == INDEX_AM_HANDLEROID || result == TABLE_AM_HANDLEROID;
}

static bool
is_refused(Oid function)
{
	/* Access methods' handlers are a superuser's, and run when a table is opened. */
	return function >= FirstNormalObjectId && limit_is_inside() &&
		guc_condition_functions == CONDITION_FUNCTIONS_SAFE &&
		!is_safe_function(function) && !is_handler(function);
}

/*
 * Asked when a call is prepared.  It may never happen, as that of an index's
 * expression, so nothing is raised yet.
 */
static bool
needs_hook(Oid function)
{
	bool		refused = is_refused(function);

	touched |= refused;
	return refused ||
		(prev_needs_hook != NULL && prev_needs_hook(function));
}

/* Who is called by this way may also have been prepared at another time. */
static void
call_hook(FmgrHookEventType event, FmgrInfo *info, Datum *arg)
{
	if (event == FHET_START && is_refused(info->fn_oid))
		refuse_function(info->fn_oid, NULL, -1);
	if (prev_hook != NULL)
		prev_hook(event, info, arg);
}

/*
 * A function that passes the gate is not inlined.  What was simplified so stays
 * in the relation cache, where the application's own queries would not match it
 * with their indexes; so that is read anew.  Rare: only where author code is the
 * first to plan a table whose indexes call such a function.
 */
void
expr_settle(void)
{
	if (touched)
		RelationCacheInvalidate(false);
	touched = false;
}

void
expr_init(void)
{
	prev_needs_hook = needs_fmgr_hook;
	needs_fmgr_hook = needs_hook;
	prev_hook = fmgr_hook;
	fmgr_hook = call_hook;
}
