/*-------------------------------------------------------------------------
 *
 * membership.c
 *	  One customer in and out of audiences.
 *
 * Two transactions may change rows of the same customer, each without seeing the
 * other's.  Each locks the customer's row in the audience before it asks, and so
 * the second asks when it sees what the first has done; where there is no row
 * yet, they meet when they insert it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "guc.h"
#include "isolate.h"
#include "membership.h"
#include "move.h"
#include "patch.h"

/* How often others may come before us. */
#define MAX_ATTEMPTS 1000

/* ---- writing ---- */

static const char *
event_of(const Membership *change)
{
	return change->enters ? EVENT_AUDIENCE_ENTERED : EVENT_AUDIENCE_LEFT;
}

static Jsonb *
event_props(const char *audience)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_pair(&state, "audience", audience, -1);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static void
decide_membership(Step *step, void *arg)
{
	Membership *change = arg;

	if (step->store->in_audience(step, change->audience) == change->enters)
		return;
	step->memberships = lappend(step->memberships, change);
	if (cache_hears_audience(event_of(change), change->audience))
		step_raise(step, NULL, event_of(change), event_props(change->audience));
}

bool
membership_is_heard(const char *audience)
{
	cache_refresh();
	return cache_hears_audience(EVENT_AUDIENCE_ENTERED, audience) ||
		cache_hears_audience(EVENT_AUDIENCE_LEFT, audience);
}

bool
membership_change(text *customer, const Membership *change, LockWait wait)
{
	Membership	order = *change;

	cache_refresh();
	if (cache_hears_audience(event_of(change), change->audience))
		return run_decision(customer, wait, NULL, decide_membership, &order);
	(void) store_write_membership(customer, change);
	return true;
}

/* ---- asking ---- */

typedef struct Question
{
	Scope		scope;
	const LiveAudience *audience;
	bool		holds;
} Question;

/* A query has no names of ours but the customer; see condition_query.c. */
static void
fetch_nothing(Scope *scope, Variable variable)
{
	elog(ERROR, "query of an audience asks for variable %d", variable);
}

/*
 * What is committed by now, whatever the transaction's isolation, and what it has
 * written: under an old snapshot it would not see that somebody else has taken
 * the customer's other rows.
 */
static void
push_snapshot(Scope *scope)
{
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
}

static void
answer(void *arg)
{
	Question   *question = arg;
	const LiveAudience *audience = question->audience;
	bool		isnull;
	Datum		value;

	(void) query_author(&audience->author);
	value = expr_eval(audience->holds, &audience->author, &question->scope, &isnull);
	question->holds = !isnull && DatumGetBool(value);
}

/* Part of a step's time where that writes. */
bool
membership_ask(const LiveAudience *audience, text *customer, bool *holds)
{
	Question	question = {.audience = audience};
	bool		nested = patch_is_running();
	ErrorData  *error;

	question.scope.values[VAR_CUSTOMER].value = PointerGetDatum(customer);
	question.scope.known = VAR_BIT(VAR_CUSTOMER);
	question.scope.fetch = fetch_nothing;
	question.scope.push_snapshot = push_snapshot;
	question.scope.zone = guc_timezone;
	if (!nested)
		budget_begin();
	error = isolate(answer, &question);
	if (!nested)
		budget_end();
	if (error != NULL)
		store_insert_source_failure(psprintf("audience %s", audience->name), customer,
									error->sqlerrcode,
									error->message ? error->message : "");
	*holds = question.holds;
	return error == NULL;
}

/* True: it stands as it should, or the error of asking is recorded. */
static bool
try_recheck(const LiveAudience *audience, text *customer)
{
	Membership	change = {.audience = audience->name};
	bool		is_member = store_lock_membership(customer, audience->name);
	bool		holds;

	if (!membership_ask(audience, customer, &holds))
		return true;
	/* Who mends the audience may have asked before our change. */
	if (!holds && !is_member)
		return store_wait_for_membership(customer, audience->name);
	if (holds == is_member)
		return true;
	change.enters = holds;
	(void) membership_change(customer, &change, LOCK_WAIT);
	return is_member;
}

/*
 * Who leaves holds the row.  Who enters may find that others have been quicker,
 * and looks again; so it ends when the row is there.
 */
void
membership_recheck(const LiveAudience *audience, text *customer)
{
	for (int attempts = 0; !try_recheck(audience, customer); attempts++)
	{
		CHECK_FOR_INTERRUPTS();
		if (attempts >= MAX_ATTEMPTS)
			ereport(ERROR,
					errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					errmsg("could not enter a customer into audience \"%s\" due to concurrent changes",
						   audience->name));
	}
}
