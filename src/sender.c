/*-------------------------------------------------------------------------
 *
 * sender.c
 *	  The process that sends the webhooks and mails of one database.
 *
 * It claims actions in one transaction, sends them with none open, and records
 * what came of them in another.  What it has under way when it ends is claimed
 * again by the sender after it: each action is sent at least once.
 *
 * One wait is for everything: answers, commits that make actions due, signals.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/resource.h>

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "process.h"
#include "sender.h"
#include "worker.h"

#define RETRY_CHANGING 100		/* ms while the extension is altered */
#define OTHER_FILES 1000		/* descriptors that are not for requests */

/*
 * What we write is only locked where nobody has it; what follows from the end of an
 * action can meet others all the same (somebody is entering what it enters).
 */
#define LONGEST_LOCK_WAIT "200ms"

/* A due time that only TIME_NEVER_WAKE is earlier than. */
#define TIME_ALMOST_NEVER_WAKE (TIME_NEVER_WAKE + 1)

int64
sender_clock(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_MICROSEC(now);
}

/* ---- transactions ---- */

static void
set_idle(Sender *sender, IdleReason reason)
{
	sender->idle = reason;
	pg_atomic_write_u32(&sender->seat->why_idle, reason);
}

static void
announce(Seat *seat)
{
	if (!seat->is_settled)
		ereport(LOG,
				errcode(ERRCODE_SUCCESSFUL_COMPLETION),
				errmsg("journey sender started in database \"%s\"",
					   get_database_name(MyDatabaseId)),
				errhidestmt(true));
}

bool
sender_may_act(Sender *sender)
{
	Oid			extension;

	set_idle(sender, armed_begin(&extension));
	if (sender->idle != IDLE_NOT)
		return false;
	if (OidIsValid(sender->extension) && sender->extension != extension)
		seat_leave(sender->seat, LEFT_ASKED);
	sender->extension = extension;
	announce(sender->seat);
	return true;
}

typedef struct Work
{
	Sender	   *sender;
	void		(*fn) (Sender *sender);
} Work;

static void
work(void *arg)
{
	Work	   *work = arg;
	MemoryContext old = MemoryContextSwitchTo(work->sender->round);

	if (synchronous_commit < SYNCHRONOUS_COMMIT_ON)
		(void) set_config_option("synchronous_commit", "on", PGC_SUSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
	(void) set_config_option("lock_timeout", LONGEST_LOCK_WAIT, PGC_SUSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
	work->fn(work->sender);
	MemoryContextSwitchTo(old);
}

/* Leave a database where nothing may be sent; the launcher looks again later. */
static void
stand_idle(Sender *sender)
{
	long		rest = POLL_EVERY;

	switch (sender->idle)
	{
		case IDLE_NOT:
			seat_settle(sender->seat);
			return;
		case IDLE_NO_EXTENSION:
			seat_leave(sender->seat, LEFT_ABSENT);
		case IDLE_VERSION:
		case IDLE_NOTHING_ACTIVATED:
		case IDLE_NOT_ARMED:
			seat_leave(sender->seat, LEFT_IDLE);
		case IDLE_CHANGING:
			rest = RETRY_CHANGING;
			break;
		default:
			break;
	}
	seat_settle(sender->seat);
	sender->rest_until_at = sender_clock() + rest * MS;
	sender->look = true;
}

ErrorData *
sender_try(Sender *sender, const char *activity, void (*fn) (Sender *sender))
{
	Work		arg = {sender, fn};
	ErrorData  *error = worker_try(activity, work, &arg);

	if (error == NULL)
		stand_idle(sender);
	return error;
}

void
sender_rest(Sender *sender)
{
	sender->rest_until_at = sender_clock() + sender->rest * MS;
	sender->rest = Min(sender->rest * 2, LONGEST_REST);
}

/* ---- settings ---- */

/* Each request needs a descriptor, and one more while its name is looked up. */
static void
raise_descriptors(int requests)
{
	struct rlimit limit;
	rlim_t		wanted = (rlim_t) requests * 2 + OTHER_FILES;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = Min(wanted, limit.rlim_max);
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		ereport(LOG,
				errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				errmsg("could not raise the limit of open files to %lu: %m",
					   (unsigned long) limit.rlim_cur));
}

static void
open_transfer(Sender *sender)
{
	const char *error;

	sender->max_in_flight = sender->slots = guc_http_max_in_flight;
	raise_descriptors(sender->slots);
	sender->transfer = transfer_open(sender->slots, guc_http_allow, &error);
	if (sender->transfer == NULL)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				errmsg("journey could not prepare for sending: %s", error));
	sender->allow = MemoryContextStrdup(TopMemoryContext, guc_http_allow);
	worker_watch(transfer_fd(sender->transfer));
}

void
sender_set_slots(Sender *sender)
{
	int			slots = sender->max_in_flight + list_length(sender->flows);

	if (sender->slots == slots)
		return;
	sender->slots = slots;
	raise_descriptors(sender->slots);
	transfer_limit(sender->transfer, sender->slots);
}

/* The settings may have been read anew. */
static void
obey_settings(Sender *sender)
{
	if (strcmp(sender->allow, guc_http_allow) != 0)
	{
		(void) transfer_allow(sender->transfer, guc_http_allow);	/* it was checked */
		pfree(sender->allow);
		sender->allow = MemoryContextStrdup(TopMemoryContext, guc_http_allow);
	}
	sender->max_in_flight = guc_http_max_in_flight;
	sender_set_slots(sender);
}

/* ---- when ---- */

static int64
claims_wake_at(const Sender *sender, int64 now)
{
	int64		at = sender->look ? now : calls_wake_at(sender, now);
	ListCell   *cell;

	foreach(cell, sender->flows)
		at = Min(at, flow_wakes_at(sender, lfirst(cell), now));
	return at;
}

/* What commits have told. */
static void
hear(Sender *sender)
{
	pg_atomic_uint64 *noted = &sender->seat->noted_due;
	TimestampTz due;

	if ((TimestampTz) pg_atomic_read_u64(noted) == TIME_NEVER)
		return;
	due = (TimestampTz) pg_atomic_exchange_u64(noted, (uint64) TIME_NEVER);
	if (due == TIME_NEVER_WAKE)
		sender->look = true;
	else
		flows_note(sender, due);
}

static void
act(Sender *sender)
{
	int64		now = sender_clock();

	if (now >= sender->poll_at)
	{
		sender->look = true;
		sender->poll_at = now + POLL_EVERY * MS;
	}
	if (now >= sender->rest_until_at && record_wakes_at(sender, now) <= now)
		sender_record(sender);
	now = sender_clock();
	if (now >= sender->rest_until_at && claims_wake_at(sender, now) <= now)
		sender_claim(sender);
}

/* ---- sleeping ---- */

/*
 * The earliest due time that changes nothing: commits of a later one need not wake
 * us.  Where nothing could be claimed only what changes everything does.
 */
static TimestampTz
sleeps_until(const Sender *sender, int64 now)
{
	bool		listens = guc_delivery && sender->has_calls;
	TimestampTz until = listens ? sender->calls_due : TIME_ALMOST_NEVER_WAKE;
	ListCell   *cell;

	foreach(cell, sender->flows)
	{
		const Flow *flow = lfirst(cell);

		if (!flow_listens(sender, flow, now))
			continue;
		until = listens ? Min(until, flow->next_due) : flow->next_due;
		listens = true;
	}
	return until;
}

/* Milliseconds until there is something to do, as far as is known. */
static long
ms_to_sleep(Sender *sender, int64 now)
{
	int64		at = Min(claims_wake_at(sender, now), record_wakes_at(sender, now));
	long		timeout = transfer_timeout(sender->transfer);
	long		ms;

	at = Min(Max(at, sender->rest_until_at), sender->poll_at);
	ms = at <= now ? 0 : (at - now + MS - 1) / MS;
	return timeout >= 0 ? Min(ms, timeout) : ms;
}

/* See seat_note: who notes something now sees how long we would sleep, or we see it. */
static void
rest(Sender *sender)
{
	Seat	   *seat = sender->seat;
	int64		now = sender_clock();
	TimestampTz until = sleeps_until(sender, now);
	long		ms;

	pg_atomic_write_u64(&seat->sleeps_until, (uint64) until);
	pg_memory_barrier();
	ms = ms_to_sleep(sender, now);
	if (ms > 0 && (TimestampTz) pg_atomic_read_u64(&seat->noted_due) >= until)
	{
		pgstat_report_activity(STATE_IDLE, NULL);
		if (ms > 1000)
			pgstat_report_stat(true);
		worker_wait(ms);
	}
	pg_atomic_write_u64(&seat->sleeps_until, (uint64) TIME_NEVER_WAKE);
}

/* ---- the process ---- */

/* What is under way ends here, wherever we are. */
static void
hang_up(int code, Datum arg)
{
	Sender	   *sender = (Sender *) DatumGetPointer(arg);

	transfer_close(sender->transfer);
	sender->transfer = NULL;
}

/* An error outside of a transaction ends us; the launcher starts another. */
void
journey_sender_main(Datum main_arg)
{
	static Sender sender;

	sender.seat = worker_take_seat();
	sender.look = true;
	sender.rest = SHORTEST_REST;
	dlist_init(&sender.sent);
	dlist_init(&sender.ended);
	sender.round = AllocSetContextCreate(TopMemoryContext, "journey round",
										 ALLOCSET_DEFAULT_SIZES);
	before_shmem_exit(hang_up, PointerGetDatum(&sender));
	open_transfer(&sender);
	for (;;)
	{
		worker_check(sender.seat);
		obey_settings(&sender);
		air_collect(&sender);
		hear(&sender);
		MemoryContextSwitchTo(sender.round);
		act(&sender);
		MemoryContextSwitchTo(TopMemoryContext);
		MemoryContextReset(sender.round);
		sender.prepared = sender.recording = NIL;
		rest(&sender);
	}
}
