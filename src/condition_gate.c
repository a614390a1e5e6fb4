/*-------------------------------------------------------------------------
 *
 * condition_gate.c
 *	  No function but the safe ones runs on behalf of an expression.
 *
 * The checks of condition_safe.c see what an expression calls.  They do not
 * see what is called for it: a cast that to_jsonb() looks up, the predicate of
 * an index that the planner simplifies, the check of a domain behind a type's
 * name that was given to a function as a text.  So while author code runs,
 * calls pass one of two gates:
 *
 * - the executor asks for leave for each function that an expression calls,
 *	 also in the body of an SQL function;
 * - what the server calls without the executor goes through fmgr, whose hook
 *	 catches functions in procedural languages.  C functions are a superuser's
 *	 and needed there: input functions, operator classes, access methods.  SQL
 *	 functions are left to the other gate, because the planner does not inline
 *	 what has a hook, and the relation cache would keep that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "fmgr.h"
#include "utils/syscache.h"

#include "condition_internal.h"
#include "guc.h"
#include "isolate.h"

static object_access_hook_type prev_access_hook = NULL;
static needs_fmgr_hook_type prev_needs_hook = NULL;
static fmgr_hook_type prev_hook = NULL;

static bool
is_guarded(void)
{
	return limit_is_inside() &&
		guc_condition_functions == CONDITION_FUNCTIONS_SAFE;
}

/* ---- the executor's gate ---- */

static void
access_hook(ObjectAccessType access, Oid class, Oid object, int part, void *arg)
{
	if (access == OAT_FUNCTION_EXECUTE && is_guarded() && !is_safe_function(object))
		refuse_function(object, NULL, -1);
	if (prev_access_hook != NULL)
		prev_access_hook(access, class, object, part, arg);
}

/* ---- fmgr's gate ---- */

static bool
is_procedural(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid			language = InvalidOid;

	if (!HeapTupleIsValid(tuple))
		return false;
	language = ((Form_pg_proc) GETSTRUCT(tuple))->prolang;
	ReleaseSysCache(tuple);
	return language != INTERNALlanguageId && language != ClanguageId &&
		language != SQLlanguageId;
}

static bool
is_refused(Oid function)
{
	return function >= FirstNormalObjectId && is_guarded() && is_procedural(function);
}

/* Asked when a call is prepared.  It may never happen, so nothing is raised. */
static bool
needs_hook(Oid function)
{
	return is_refused(function) ||
		(prev_needs_hook != NULL && prev_needs_hook(function));
}

/* What comes this way may also have been prepared at another time. */
static void
call_hook(FmgrHookEventType event, FmgrInfo *info, Datum *arg)
{
	if (event == FHET_START && is_refused(info->fn_oid))
		refuse_function(info->fn_oid, NULL, -1);
	if (prev_hook != NULL)
		prev_hook(event, info, arg);
}

void
expr_init(void)
{
	prev_access_hook = object_access_hook;
	object_access_hook = access_hook;
	prev_needs_hook = needs_fmgr_hook;
	needs_fmgr_hook = needs_hook;
	prev_hook = fmgr_hook;
	fmgr_hook = call_hook;
}
