/*-------------------------------------------------------------------------
 *
 * isolate.c
 *	  Errors and time limits of authors' code, kept from everybody else.
 *
 * The timer sets QueryCancelPending, as statement_timeout does, so that
 * whatever honours a cancel honours our limit; but only while author code runs:
 * at any other time it leaves a note that the next limit_begin reads.  It can
 * fire while the code fails by itself, or just ends.  Then the flag would
 * cancel the application's next statement.  So whoever ends an evaluation, in
 * whatever way, takes the flag back if our timer set it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "isolate.h"

#define MAX_MESSAGE_LENGTH 1000 /* bytes of an error that is kept */

/* What the timer's handler reads and writes. */
static volatile sig_atomic_t inside = false;	/* author code is running */
static volatile sig_atomic_t expired = false;	/* the armed time is over */
static volatile sig_atomic_t canceled = false;	/* the pending cancel is ours */

static volatile sig_atomic_t write_canceled = false;	/* for a write's time */

static bool registered = false;
static TimeoutId limit_timer;
static TimeoutId write_timer;
static int	writing = 0;		/* writes that we are in */
static bool armed = false;
static bool armed_for_one;		/* else for all of the first pass */

static uint64 budget = 0;		/* its number; overran marks hold it */
static TimestampTz budget_until = 0;	/* 0: the clock does not run yet */
static TimestampTz first_pass_until;
static bool first_pass = true;	/* no error yet in this budget */

/* While others' time is not to count; see budget_stop_clock. */
static TimestampTz stopped_at = 0;	/* 0: it counts */
static TimestampTz inside_since;
static int64 asked;				/* microseconds inside since then */

static uint64 *running = NULL;	/* the mark of what is being evaluated */
static const char *too_long;	/* what to say of it when our timer cancels it */
static bool refused = false;	/* the error under way is refuse's */

/* ---- the timer ---- */

/* A cancel that is pending already is not ours to take back later. */
static void
time_is_up(void)
{
	expired = true;
	if (!inside || QueryCancelPending)
		return;
	canceled = true;
	QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

/* Whatever a write has set off. */
static void
write_time_is_up(void)
{
	if (QueryCancelPending)
		return;
	write_canceled = true;
	QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

static void
register_timers(void)
{
	if (registered)
		return;
	limit_timer = RegisterTimeout(USER_TIMEOUT, time_is_up);
	write_timer = RegisterTimeout(USER_TIMEOUT, write_time_is_up);
	registered = true;
}

static void
disarm(void)
{
	if (armed)
		disable_timeout(limit_timer, false);
	armed = false;
	expired = false;
}

static void
arm(TimestampTz until, bool for_one)
{
	disarm();
	if (until == DT_NOEND)
		return;
	enable_timeout_at(limit_timer, until);
	armed = true;
	armed_for_one = for_one;
}

/*
 * A cancel by somebody else since our timer fired looks like ours and is lost
 * with it; but not a timeout's, which leaves a trace.
 */
static void
take_back(volatile sig_atomic_t *cancel)
{
	if (*cancel && !get_timeout_indicator(STATEMENT_TIMEOUT, false) &&
		!get_timeout_indicator(LOCK_TIMEOUT, false))
		QueryCancelPending = false;
	*cancel = false;
}

/* Author code has ended. */
static void
leave(void)
{
	if (inside && stopped_at != 0)
		asked += GetCurrentTimestamp() - inside_since;
	inside = false;
	running = NULL;
	take_back(&canceled);
}

/* ---- the budget ---- */

void
budget_begin(void)
{
	leave();
	disarm();
	refused = false;
	budget++;
	budget_until = 0;
	first_pass = true;
	stopped_at = 0;
}

void
budget_end(void)
{
	disarm();
	budget_until = 0;
}

/* The first pass leaves half of the budget for the careful one. */
static void
start_budget(void)
{
	TimestampTz now = GetCurrentTimestamp();
	int			share = guc_emit_budget / 2;

	budget_until = first_pass_until = DT_NOEND;
	if (guc_emit_budget == 0)
		return;
	if (guc_condition_timeout > 0)
		share = Min(share, guc_condition_timeout);
	budget_until = TimestampTzPlusMilliseconds(now, guc_emit_budget);
	first_pass_until = TimestampTzPlusMilliseconds(now, share);
}

void
budget_stop_clock(void)
{
	stopped_at = GetCurrentTimestamp();
	asked = 0;
}

/* What was not authors' time is added to the budget. */
void
budget_start_clock(void)
{
	int64		others = GetCurrentTimestamp() - stopped_at - asked;

	stopped_at = 0;
	if (budget_until == 0 || budget_until == DT_NOEND)
		return;
	disarm();					/* armed anew, for later */
	budget_until += others;
	first_pass_until += others;
}

#define TOOK_TOO_LONG "expression canceled: it takes longer than journey.condition_timeout and journey.emit_budget allow"
#define NO_TIME_LEFT "expression not evaluated: the time that journey.emit_budget allows is used up"

static void
refuse(const char *message)
{
	refused = true;
	leave();
	ereport(ERROR,
			errcode(ERRCODE_QUERY_CANCELED),
			errmsg_internal("%s", message));
}

/*
 * Nobody gets more than half of what is left of the budget, so that those who
 * come after a slow one have some, too.
 */
static void
arm_for_one(void)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz until = budget_until;

	if (until != DT_NOEND)
	{
		if (now >= until)
			refuse(NO_TIME_LEFT);
		until = now + (until - now) / 2;
	}
	if (guc_condition_timeout > 0)
		until = Min(until, TimestampTzPlusMilliseconds(now, guc_condition_timeout));
	arm(until, true);
}

void
limit_begin(uint64 *overran, bool bounded)
{
	register_timers();
	if (budget_until == 0)
		start_budget();
	if (*overran == budget)
		refuse(TOOK_TOO_LONG);
	if (bounded || !first_pass)
		arm_for_one();
	else if (!armed)
		arm(first_pass_until, false);
	running = overran;
	too_long = TOOK_TOO_LONG;
	if (stopped_at != 0)
		inside_since = GetCurrentTimestamp();
	inside = true;
	/* In this order: a timer that fires in between sees us inside. */
	if (expired && !canceled)
		refuse(NO_TIME_LEFT);
}

void
limit_begin_alone(uint64 *overran, int ms, const char *message)
{
	register_timers();
	budget_begin();
	arm(ms > 0 ? TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms) : DT_NOEND, true);
	running = overran;
	too_long = message;
	inside = true;
}

/* The timer of the whole pass goes on; that of one evaluation ends here. */
void
limit_end(void)
{
	leave();
	if (armed_for_one)
		disarm();
}

bool
limit_is_inside(void)
{
	return inside;
}

/* ---- errors ---- */

/* Must the application see this error, rather than the journey's record? */
static bool
concerns_everybody(const ErrorData *error)
{
	switch (error->sqlerrcode)
	{
		case ERRCODE_QUERY_CANCELED:
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
			return ERRCODE_TO_CATEGORY(error->sqlerrcode) ==
				ERRCODE_TRANSACTION_ROLLBACK;
	}
}

/*
 * Is it our limit?  Where statement_timeout has fired as well, the server says
 * so instead, and that is the application's.
 */
static bool
is_our_limit(ErrorData *error)
{
	if (error->sqlerrcode != ERRCODE_QUERY_CANCELED)
		return false;
	if (refused)
		return true;
	if (!canceled || running == NULL ||
		strcmp(error->message_id, "canceling statement due to user request") != 0)
		return false;
	*running = budget;
	error->message = unconstify(char *, too_long);
	return true;
}

/* A value is often part of the message, and can be as large as it likes. */
static void
clip_message(ErrorData *error)
{
	int			length = error->message ? strlen(error->message) : 0;

	if (length > MAX_MESSAGE_LENGTH)
		error->message = psprintf("%.*s...",
								  pg_mbcliplen(error->message, length, MAX_MESSAGE_LENGTH),
								  error->message);
}

/* Whatever code SQL may raise, its errors come from other places. */
bool
isolate_is_cancel(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED && error->funcname != NULL &&
		strcmp(error->funcname, "ProcessInterrupts") == 0;
}

/* The code has erred, its subtransaction is rolled back. */
static ErrorData *
settle(ErrorData *error, bool (*is_raised) (const ErrorData *error))
{
	bool		ours = is_our_limit(error);

	leave();
	disarm();
	refused = false;
	first_pass = false;
	if (!ours && is_raised(error))
		ReThrowError(error);
	clip_message(error);
	return error;
}

/* The error, if any, once its subtransaction is rolled back. */
static ErrorData *
run_isolated(void (*fn) (void *arg), void *arg)
{
	MemoryContext cxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(cxt);
	PG_TRY();
	{
		fn(arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		inside = false;
		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
	CurrentResourceOwner = owner;
	return error;
}

ErrorData *
isolate(void (*fn) (void *arg), void *arg)
{
	ErrorData  *error = run_isolated(fn, arg);

	return error ? settle(error, concerns_everybody) : NULL;
}

ErrorData *
isolate_wholly(void (*fn) (void *arg), void *arg)
{
	ErrorData  *error = run_isolated(fn, arg);

	return error ? settle(error, isolate_is_cancel) : NULL;
}

/* ---- writes ---- */

#define WRITE_TOOK_TOO_LONG "write canceled: it takes longer than journey.emit_budget allows"

typedef struct Write
{
	void		(*fn) (void *arg);
	void	   *arg;
	bool		has_begun;
} Write;

/* The outermost one's time is that of all. */
static void
write_in_time(void *arg)
{
	Write	   *write = arg;

	write->has_begun = true;
	writing++;
	if (budget_until == 0)
		start_budget();
	if (budget_until != DT_NOEND && GetCurrentTimestamp() >= budget_until)
		refuse(NO_TIME_LEFT);
	if (writing == 1 && budget_until != DT_NOEND)
		enable_timeout_at(write_timer, budget_until);
	write->fn(write->arg);
}

/* Its time is over, or it is: then a cancel that has come too late is none. */
static bool
end_write(const ErrorData *error)
{
	bool		ours = writing == 1 && write_canceled && error != NULL &&
		error->sqlerrcode == ERRCODE_QUERY_CANCELED &&
		strcmp(error->message_id, "canceling statement due to user request") == 0;

	if (writing == 1)
	{
		disable_timeout(write_timer, false);
		take_back(&write_canceled);
	}
	writing--;
	return ours;
}

ErrorData *
isolate_write(void (*fn) (void *arg), void *arg)
{
	Write		write = {fn, arg};
	TimestampTz begun = GetCurrentTimestamp();
	int64		asked_before = asked;
	ErrorData  *error;

	register_timers();
	disarm();
	error = run_isolated(write_in_time, &write);
	asked = asked_before + (GetCurrentTimestamp() - begun);
	if (write.has_begun && end_write(error))
	{
		leave();
		error->message = WRITE_TOOK_TOO_LONG;
		return error;
	}
	return error ? settle(error, concerns_everybody) : NULL;
}
