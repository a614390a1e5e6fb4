/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  What all background workers do alike.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "worker.h"

#define REPEAT_EVERY 30000		/* ms between two log lines of one cause */

/*
 * Settings that ALTER DATABASE or ALTER ROLE may have changed, and that a worker
 * cannot live with.  default_transaction_read_only is obeyed instead.
 */
static const char *const settings[][2] = {
	{"search_path", "pg_catalog, pg_temp"},
	{"default_transaction_isolation", "read committed"},
	{"lock_timeout", "0"},
	{"statement_timeout", "0"},
	{"session_replication_role", "origin"},
#ifdef HAVE_TRANSACTION_TIMEOUT
	{"transaction_timeout", "0"},
#endif
	{"jit", "off"},
	{"journey.now", ""}
};

void
worker_connect(Oid database)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	if (!OidIsValid(database))
	{
		BackgroundWorkerInitializeConnection(NULL, NULL, 0);
		return;
	}
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	for (int i = 0; i < lengthof(settings); i++)
		SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_OVERRIDE);
}

Seat *
worker_take_seat(void)
{
	SeatTicket	ticket;
	Seat	   *seat;

	memcpy(&ticket, MyBgworkerEntry->bgw_extra, sizeof(SeatTicket));
	seat = seat_take(&ticket);
	if (seat->is_dismissed)
		seat_leave(seat, LEFT_ASKED);
	worker_connect(seat->owner);
	return seat;
}

/*
 * Ended between two pieces of work, we have nothing to tell the log.  The exit
 * code is not 0, else the postmaster would not start the launcher again.  There
 * is nothing to cancel here.
 */
void
worker_check(Seat *seat)
{
	if (ProcDiePending)
		proc_exit(seat ? 0 : 1);
	QueryCancelPending = false;
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	if (seat && seat->is_dismissed)
		seat_leave(seat, LEFT_ASKED);
}

static void
begin(const char *activity)
{
	SetCurrentStatementStartTimestamp();
	debug_query_string = activity;
	pgstat_report_activity(STATE_RUNNING, activity);
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
}

static void
finish(void)
{
	debug_query_string = NULL;
	pgstat_report_stat(false);
}

ErrorData *
worker_try(const char *activity, void (*fn) (void *arg), void *arg)
{
	MemoryContext caller = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		begin(activity);
		fn(arg);
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		AbortOutOfAnyTransaction();
		FlushErrorState();
		QueryCancelPending = false;
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	finish();
	return error;
}

/* Is this the cause that was logged last, less than half a minute ago? */
static bool
is_repetition(const char *task, const ErrorData *error, int *repeated)
{
	static const char *last_task = NULL;	/* constants, compared as such */
	static int	last_code = 0;
	static int	count = 0;
	static TimestampTz logged = 0;
	TimestampTz now = GetCurrentTimestamp();

	if (task == last_task && error->sqlerrcode == last_code)
	{
		count++;
		if (!TimestampDifferenceExceeds(logged, now, REPEAT_EVERY))
			return true;
	}
	else
		count = 0;
	*repeated = count;
	last_task = task;
	last_code = error->sqlerrcode;
	logged = now;
	count = 0;
	return false;
}

void
worker_complain(const char *task, const ErrorData *error)
{
	int			repeated;

	if (is_repetition(task, error, &repeated))
		return;
	ereport(LOG,
			errcode(error->sqlerrcode),
			errmsg("journey could not %s: %s", task, error->message),
			error->detail ? errdetail_internal("%s", error->detail) : 0,
			error->hint ? errhint("%s", error->hint) : 0,
			repeated > 1 ? errcontext("failed %d times since last logged", repeated) : 0,
			error->context ? errcontext("%s", error->context) : 0);
}

static WaitEventSet *watched = NULL;	/* the latch, the postmaster and an fd */

void
worker_watch(int fd)
{
	if (watched)
		FreeWaitEventSet(watched);
	watched = NULL;
	if (fd < 0)
		return;
	watched = CreateWaitEventSet_compat(3);
	AddWaitEventToSet(watched, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(watched, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(watched, WL_SOCKET_READABLE, fd, NULL, NULL);
}

void
worker_wait(long ms)
{
	static uint32 wait_event = 0;
	uint32		event = wait_event_compat(&wait_event, "JourneyMain");
	WaitEvent	occurred;

	if (watched)
		(void) WaitEventSetWait(watched, ms, &occurred, 1, event);
	else
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 ms, event);
	ResetLatch(MyLatch);
}

void
worker_rest(Seat *seat, long ms)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);
	long		left;

	pgstat_report_activity(STATE_IDLE, NULL);
	while ((left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until)) > 0)
	{
		worker_wait(Min(left, ms));
		worker_check(seat);
	}
}
