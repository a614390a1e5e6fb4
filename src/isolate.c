/*-------------------------------------------------------------------------
 *
 * isolate.c
 *	  Errors and time limits of authors' code, kept from everybody else.
 *
 * The timer sets QueryCancelPending, as statement_timeout does, so that
 * whatever honours a cancel honours our limit.  It can fire while the code
 * fails by itself: then the flag is left behind and would cancel the
 * application's next statement.  So whoever ends an evaluation, in whatever
 * way, takes the flag back if our timer set it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "isolate.h"

static bool registered = false;
static TimeoutId limit_timer;
static volatile sig_atomic_t fired = false;
static bool refused = false;	/* raise_limit has raised */

static bool armed = false;
static bool armed_for_one;		/* by condition_timeout rather than the budget */
static TimestampTz budget_until = 0;	/* 0: not begun */
static TimestampTz first_pass_until = 0;
static const void *running = NULL;	/* the expression under evaluation */
static const void *overran = NULL;	/* the one that ran into the limit */

static void
limit_fired(void)
{
	fired = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

static void
disarm(void)
{
	if (armed)
		disable_timeout(limit_timer, false);
	armed = false;
	if (fired)
		QueryCancelPending = false;
	fired = false;
	refused = false;
	running = NULL;
}

static void
forget_budget(void)
{
	disarm();
	budget_until = 0;
	overran = NULL;
}

static void
xact_ended(XactEvent event, void *arg)
{
	forget_budget();
}

static void
register_once(void)
{
	if (registered)
		return;
	limit_timer = RegisterTimeout(USER_TIMEOUT, limit_fired);
	RegisterXactCallback(xact_ended, NULL);
	registered = true;
}

void
budget_begin(void)
{
	forget_budget();
}

void
budget_end(void)
{
	forget_budget();
}

/* The clock starts with the first evaluation. */
static void
start_budget(void)
{
	TimestampTz now = GetCurrentTimestamp();
	int			first_pass = guc_emit_budget / 2;

	if (guc_condition_timeout > 0 && guc_condition_timeout < first_pass)
		first_pass = guc_condition_timeout;
	budget_until = guc_emit_budget > 0 ?
		TimestampTzPlusMilliseconds(now, guc_emit_budget) : DT_NOEND;
	first_pass_until = guc_emit_budget > 0 ?
		TimestampTzPlusMilliseconds(now, first_pass) : DT_NOEND;
}

static void
raise_limit(void)
{
	refused = true;
	ereport(ERROR,
			errcode(ERRCODE_QUERY_CANCELED),
			errmsg("canceled by journey.emit_budget or journey.condition_timeout"));
}

static void
arm(TimestampTz until, bool for_one)
{
	if (until == DT_NOEND)
		return;
	enable_timeout_at(limit_timer, until);
	armed = true;
	armed_for_one = for_one;
}

static void
arm_for_one(void)
{
	TimestampTz until = DT_NOEND;

	if (armed)
		disable_timeout(limit_timer, false);
	armed = false;
	if (guc_condition_timeout > 0)
		until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
											guc_condition_timeout);
	if (until < budget_until)
		arm(until, true);
	else
		arm(budget_until, false);
}

void
limit_begin(const void *what, bool bounded)
{
	register_once();
	if (budget_until == 0)
		start_budget();
	if (what == overran && overran != NULL)
		raise_limit();
	running = what;
	if (!bounded && overran == NULL)
	{
		if (!armed)
			arm(first_pass_until, false);
		return;
	}
	if (budget_until != DT_NOEND && GetCurrentTimestamp() >= budget_until)
		raise_limit();
	arm_for_one();
}

/* The timer of the whole pass goes on; that of one evaluation ends here. */
void
limit_end(void)
{
	running = NULL;
	if (!armed || armed_for_one)
		disarm();
}

/* Must the application see this error, rather than the journey's record? */
static bool
concerns_everybody(const ErrorData *error, bool ours)
{
	int			code = error->sqlerrcode;

	if (code == ERRCODE_QUERY_CANCELED)
		return !ours;
	switch (code)
	{
		case ERRCODE_ADMIN_SHUTDOWN:
		case ERRCODE_CRASH_SHUTDOWN:
		case ERRCODE_CANNOT_CONNECT_NOW:
		case ERRCODE_DATABASE_DROPPED:
		case ERRCODE_IDLE_SESSION_TIMEOUT:
		case ERRCODE_DISK_FULL:
		case ERRCODE_TOO_MANY_CONNECTIONS:
		case ERRCODE_DATA_CORRUPTED:
		case ERRCODE_INDEX_CORRUPTED:
			return true;
		default:
			return ERRCODE_TO_CATEGORY(code) == ERRCODE_TRANSACTION_ROLLBACK;
	}
}

/*
 * Was it our limit?  In an error of another kind the timer may have fired too;
 * disarm takes that back all the same.
 */
static bool
is_our_limit(ErrorData *error)
{
	if (error->sqlerrcode != ERRCODE_QUERY_CANCELED || !(fired || refused))
		return false;
	if (fired)
		overran = running;
	error->message = psprintf("canceled after %d ms (journey.condition_timeout) or %d ms for all (journey.emit_budget)",
							  guc_condition_timeout, guc_emit_budget);
	return true;
}

ErrorData *
isolate(void (*fn) (void *arg), void *arg)
{
	MemoryContext cxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;
	bool		ours;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(cxt);
	PG_TRY();
	{
		fn(arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
	CurrentResourceOwner = owner;
	if (error == NULL)
		return NULL;
	ours = is_our_limit(error);
	disarm();
	if (concerns_everybody(error, ours))
		ReThrowError(error);
	return error;
}
