/*-------------------------------------------------------------------------
 *
 * caller_limit.c
 *	  Bounding the time of a function that would rather not end.
 *
 * PL/pgSQL can catch a cancel (EXCEPTION WHEN query_canceled) and go on, and the
 * timer of statement_timeout fires once.  So ours fires all the time: each tick
 * after the end cancels anew, and when that has been in vain for a while, the
 * process is told to die as by SIGTERM, which nothing can catch.
 *
 * Only callers use this: the timer is never registered in other processes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "caller_limit.h"

#define TICK 100				/* ms between two looks */
#define PATIENCE 2000			/* ms that it may catch cancels */

/* Written before the timer is armed, read by its handler. */
static const Seat *worker;
static TimestampTz end;
static TimestampTz give_up;

static volatile sig_atomic_t reason = LIMIT_NONE;
static volatile sig_atomic_t canceled = false;	/* the pending cancel is ours */
static volatile sig_atomic_t gave_up = false;

static bool registered = false;
static TimeoutId timer;

/* A cancel that is pending already is not ours to take back later. */
static void
cancel(void)
{
	if (QueryCancelPending)
		return;
	canceled = true;
	QueryCancelPending = true;
}

static void
tick(void)
{
	TimestampTz now = GetCurrentTimestamp();

	if (reason == LIMIT_NONE)
	{
		if (now >= end)
			reason = LIMIT_TIME;
		else if (worker->is_dismissed)
			reason = LIMIT_DISMISSED;
		else
			return;
		give_up = TimestampTzPlusMilliseconds(now, PATIENCE);
	}
	cancel();
	if (now >= give_up)
		ProcDiePending = gave_up = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

/* The server says that an administrator did it. */
static void
tell(int code, Datum arg)
{
	if (gave_up)
		ereport(LOG,
				errcode(ERRCODE_QUERY_CANCELED),
				errmsg("journey ended a worker whose function went on after it was canceled"),
				errhint("A function that catches query_canceled must end then."));
}

static void
register_timer(void)
{
	if (registered)
		return;
	timer = RegisterTimeout(USER_TIMEOUT, tick);
	before_shmem_exit(tell, (Datum) 0);
	registered = true;
}

void
caller_limit_begin(const Seat *seat, int ms)
{
	TimestampTz now = GetCurrentTimestamp();

	register_timer();
	worker = seat;
	end = TimestampTzPlusMilliseconds(now, ms);
	reason = LIMIT_NONE;
	canceled = false;
	enable_timeout_every(timer, Min(end, TimestampTzPlusMilliseconds(now, TICK)), TICK);
}

/*
 * After an error too.  A cancel by somebody else since our timer fired looks like
 * ours and is lost with it.
 */
void
caller_limit_end(void)
{
	if (!registered)
		return;
	disable_timeout(timer, false);
	if (canceled)
		QueryCancelPending = false;
	canceled = false;
}

LimitReason
caller_limit_reason(void)
{
	return (LimitReason) reason;
}
