/*-------------------------------------------------------------------------
 *
 * scheduler.c
 *	  The process that works off what is due in one database.
 *
 * It sleeps until the earliest due time it knows of, is woken by commits that
 * set an earlier one, and looks by itself every few seconds: for what prepared
 * transactions left, and after the clock was set.  Several schedulers of one
 * database share the work, since each passes by what another has locked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "postmaster/bgworker.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "armed.h"
#include "guc.h"
#include "house.h"
#include "process.h"
#include "seat.h"
#include "tick.h"
#include "worker.h"

#define POLL_EVERY 5000			/* ms */
#define STAGGER 10				/* ms that each further scheduler comes later */
#define SHORTEST_RETRY 5		/* ms until locked customers are tried again */
#define LONGEST_RETRY 1000
#define SHORTEST_REST 100		/* ms of rest after an error */
#define LONGEST_REST 30000
#define RETRY_CHANGING 100		/* ms while the extension is altered */
#define MAX_TRANSIENT 3			/* errors in a row that end the one by one */
#define CLOCK_JUMP 5000			/* ms */

typedef struct Scheduler
{
	Seat	   *seat;
	MemoryContext batch;		/* everything one round allocates */
	Tick		tick;			/* of the last transaction */
	Oid			extension;		/* as first met */
	IdleReason	idle;
	long		retry;			/* ms; doubles while all that is due is locked */
	long		rest;			/* ms; doubles while errors follow each other */
	int			failures;		/* batches in a row that failed */
	const TickItem *item;		/* worked off alone */
	List	   *items;			/* TickItem *, to be worked off one by one */
	ErrorData  *error;			/* why the item is set aside */
	House		house;
} Scheduler;

static void
set_idle(Scheduler *scheduler, IdleReason reason)
{
	scheduler->idle = reason;
	pg_atomic_write_u32(&scheduler->seat->why_idle, reason);
}

/*
 * Start of each transaction: false where there is nothing for us to do.  Another
 * extension than the one we began with is for another worker, which has kept
 * nothing of the old one.
 */
static bool
may_act(Scheduler *scheduler)
{
	Oid			extension;

	memset(&scheduler->tick, 0, sizeof(Tick));
	scheduler->tick.next_due = NO_TIME;
	set_idle(scheduler, armed_begin(&extension));
	if (scheduler->idle != IDLE_NOT)
		return false;
	if (OidIsValid(scheduler->extension) && scheduler->extension != extension)
		seat_leave(scheduler->seat, LEFT_ASKED);
	scheduler->extension = extension;
	return true;
}

static void
count_moves(Scheduler *scheduler)
{
	Seat	   *seat = scheduler->seat;

	scheduler->house.unfolded += scheduler->tick.moved;
	pg_atomic_write_u64(&seat->done,
						pg_atomic_read_u64(&seat->done) + scheduler->tick.moved);
}

static void
announce(Seat *seat)
{
	if (!seat->is_settled)
		ereport(LOG,
				errcode(ERRCODE_SUCCESSFUL_COMPLETION),
				errmsg("journey scheduler %d started in database \"%s\"",
					   seat->number, get_database_name(MyDatabaseId)),
				errhidestmt(true));
}

/* The pieces of work, each a transaction: see worker_try. */
static void
work_batch(void *arg)
{
	Scheduler  *scheduler = arg;

	if (!may_act(scheduler))
		return;
	announce(scheduler->seat);
	tick_run(guc_batch_size, &scheduler->tick);
}

static void
list_items(void *arg)
{
	Scheduler  *scheduler = arg;
	ListCell   *cell;

	if (!may_act(scheduler))
		return;
	foreach(cell, tick_items(guc_batch_size))
	{
		MemoryContext old = MemoryContextSwitchTo(scheduler->batch);
		TickItem   *item = palloc(sizeof(TickItem));

		*item = *(TickItem *) lfirst(cell);
		item->customer = pstrdup(item->customer);
		scheduler->items = lappend(scheduler->items, item);
		MemoryContextSwitchTo(old);
	}
}

static void
work_item(void *arg)
{
	Scheduler  *scheduler = arg;

	if (may_act(scheduler))
		tick_item(scheduler->item, &scheduler->tick);
}

static void
set_aside(void *arg)
{
	Scheduler  *scheduler = arg;

	if (may_act(scheduler))
		tick_set_aside(scheduler->item, scheduler->error);
}

/*
 * Errors that say nothing about the step in which they came up: the
 * server lacks something, or somebody stopped us.
 */
static bool
is_transient(const ErrorData *error)
{
	switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
	{
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
			return true;
		default:
			return error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
				error->sqlerrcode == ERRCODE_READ_ONLY_SQL_TRANSACTION;
	}
}

/* A step that fails even alone is set aside; false: it could not be. */
static bool
work_alone(Scheduler *scheduler)
{
	ErrorData  *error = worker_try("journey: one timer, after an error",
								   work_item, scheduler);

	if (error == NULL)
	{
		count_moves(scheduler);
		return true;
	}
	if (!is_transient(error))
	{
		worker_complain("work off a timer or queued event, which was set aside", error);
		scheduler->error = error;
		error = worker_try("journey: setting a timer aside", set_aside, scheduler);
		if (error == NULL)
			return true;
	}
	worker_complain("work off a timer or queued event", error);
	return false;
}

/*
 * After a batch failed: what was in it, each in a transaction of its own.
 * Gives up where the trouble is not with them.  Returns whether it got
 * anywhere.
 */
static bool
work_one_by_one(Scheduler *scheduler)
{
	ErrorData  *error;
	ListCell   *cell;
	bool		progress = false;
	int			in_a_row = 0;

	scheduler->items = NIL;
	error = worker_try("journey: timers, after an error", list_items, scheduler);
	if (error != NULL)
	{
		worker_complain("list the due members", error);
		return false;
	}
	foreach(cell, scheduler->items)
	{
		worker_check(scheduler->seat);
		scheduler->item = lfirst(cell);
		if (work_alone(scheduler))
		{
			progress = true;
			in_a_row = 0;
		}
		else if (++in_a_row == MAX_TRANSIENT)
			return false;
	}
	return progress;
}

/*
 * A batch failed.  What could be worked off one by one was, so the next batch
 * follows at once; but not forever, should that not have helped.
 */
static void
recover(Scheduler *scheduler)
{
	scheduler->failures++;
	if (work_one_by_one(scheduler))
	{
		if (scheduler->failures > 1)
			worker_rest(scheduler->seat, SHORTEST_REST);
		return;
	}
	set_idle(scheduler, IDLE_AFTER_ERROR);
	worker_rest(scheduler->seat, scheduler->rest);
	scheduler->rest = Min(scheduler->rest * 2, LONGEST_REST);
}

/* Leave a database where nothing may move; the launcher looks again later. */
static void
stand_idle(Scheduler *scheduler)
{
	switch (scheduler->idle)
	{
		case IDLE_NO_EXTENSION:
			seat_leave(scheduler->seat, LEFT_ABSENT);
		case IDLE_VERSION:
		case IDLE_NOTHING_ACTIVATED:
		case IDLE_NOT_ARMED:
			seat_leave(scheduler->seat, LEFT_IDLE);
		case IDLE_CHANGING:
			seat_settle(scheduler->seat);
			worker_rest(scheduler->seat, RETRY_CHANGING);
			break;
		default:
			seat_settle(scheduler->seat);
			worker_rest(scheduler->seat, POLL_EVERY);
	}
}

/* When the next round is due, if nobody wakes us. */
static TimestampTz
next_round(Scheduler *scheduler)
{
	Tick	   *tick = &scheduler->tick;
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz due = tick->next_due != NO_TIME ? tick->next_due : TIME_NEVER;

	if (tick->moved > 0)
		scheduler->retry = SHORTEST_RETRY;
	if (tick->moved > 0 && tick->more)
	{
		seat_note_peers(scheduler->seat, TIME_NEVER_WAKE);
		return now;
	}

	/* What is due and was not moved is locked by somebody: come back. */
	if (tick->skipped > 0 || tick->more || (tick->moved == 0 && due <= now))
	{
		TimestampTz retry_at = TimestampTzPlusMilliseconds(now, scheduler->retry);

		scheduler->retry = Min(scheduler->retry * 2, LONGEST_RETRY);
		return due > now ? Min(due, retry_at) : retry_at;
	}
	return due;
}

/* One batch.  Returns when the next is due. */
static TimestampTz
work(Scheduler *scheduler)
{
	Seat	   *seat = scheduler->seat;
	ErrorData  *error;

	/*
	 * Commits from now on are noted for the next round; our snapshot is
	 * later.
	 */
	(void) pg_atomic_exchange_u64(&seat->noted_due, (uint64) TIME_NEVER);
	pg_atomic_write_u64(&seat->heartbeat, (uint64) GetCurrentTimestamp());

	error = worker_try("journey: timers", work_batch, scheduler);
	if (error != NULL)
	{
		worker_complain("work off a batch of timers", error);
		recover(scheduler);
		return TIME_NEVER_WAKE;
	}
	if (scheduler->idle != IDLE_NOT)
	{
		stand_idle(scheduler);
		return TIME_NEVER_WAKE;
	}
	seat_settle(seat);
	count_moves(scheduler);
	scheduler->failures = 0;
	scheduler->rest = SHORTEST_REST;
	return next_round(scheduler);
}

/* Milliseconds until a due time, as this scheduler takes part in the work. */
static long
until_due(const Scheduler *scheduler, TimestampTz due)
{
	if (due == TIME_NEVER_WAKE)
		return 0;
	if (due == TIME_NEVER)
		return POLL_EVERY;
	due = TimestampTzPlusMilliseconds(due, scheduler->seat->number * STAGGER);
	return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), due);
}

static long
elapsed_since(instr_time begun)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, begun);
	return (long) INSTR_TIME_GET_MILLISEC(now);
}

/* Timers follow the wall's clock; say so when it was set. */
static void
watch_clock(const Scheduler *scheduler, TimestampTz before, instr_time begun)
{
	int64		passed = (GetCurrentTimestamp() - before) / 1000;
	int64		jump = passed - elapsed_since(begun);

	if ((jump > CLOCK_JUMP || jump < -CLOCK_JUMP) && scheduler->seat->number == 0)
		ereport(LOG,
				errcode(ERRCODE_SUCCESSFUL_COMPLETION),
				errmsg("the clock was set by " INT64_FORMAT " s, journey's timers follow it",
					   jump / 1000));
}

/*
 * Sleep until that time, or an earlier one that a commit notes, or the poll.
 * The poll is measured on a clock that nobody sets.
 */
static void
sleep_until(Scheduler *scheduler, TimestampTz due)
{
	Seat	   *seat = scheduler->seat;
	TimestampTz before = GetCurrentTimestamp();
	instr_time	begun;

	INSTR_TIME_SET_CURRENT(begun);
	pg_atomic_write_u64(&seat->sleeps_until, (uint64) due);
	pg_memory_barrier();		/* see seat_note */
	for (;;)
	{
		TimestampTz noted = (TimestampTz) pg_atomic_read_u64(&seat->noted_due);
		long		left = Min(until_due(scheduler, Min(due, noted)),
							   POLL_EVERY - elapsed_since(begun));

		if (left <= 0)
			break;
		pgstat_report_activity(STATE_IDLE, NULL);
		if (left > 1000)
			pgstat_report_stat(true);
		worker_wait(left);
		worker_check(seat);
	}
	pg_atomic_write_u64(&seat->sleeps_until, (uint64) TIME_NEVER_WAKE);
	watch_clock(scheduler, before, begun);
}

/* An error outside of a transaction ends us; the launcher starts another. */
void
journey_scheduler_main(Datum main_arg)
{
	Scheduler	scheduler;

	memset(&scheduler, 0, sizeof(scheduler));
	scheduler.seat = worker_take_seat();
	scheduler.retry = SHORTEST_RETRY;
	scheduler.rest = SHORTEST_REST;
	scheduler.batch = AllocSetContextCreate(TopMemoryContext, "journey batch",
											ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(scheduler.batch);
	for (;;)
	{
		TimestampTz due;

		worker_check(scheduler.seat);
		due = work(&scheduler);
		if (scheduler.seat->number == 0 && scheduler.idle == IDLE_NOT)
		{
			house_keep(&scheduler.house);
			if (scheduler.house.is_behind)
				due = GetCurrentTimestamp();
		}
		MemoryContextReset(scheduler.batch);
		sleep_until(&scheduler, due);
	}
}
