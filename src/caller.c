/*-------------------------------------------------------------------------
 *
 * caller.c
 *	  The process that calls the function of one destination of kind sql.
 *
 * A claim commits before the function is called, so that an action which kills the
 * server is tried no more often than its schedule allows.  Then the function runs
 * and the answer is recorded in one transaction: see caller_action.c.  Actions are
 * worked off one after the other, each alone.
 *
 * The process ends when it had nothing to do for a while, and gives way to other
 * destinations where all the places are taken.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "armed.h"
#include "cache.h"
#include "caller.h"
#include "caller_action.h"
#include "caller_call.h"
#include "claim.h"
#include "destination.h"
#include "guc.h"
#include "process.h"
#include "role.h"
#include "seat.h"
#include "worker.h"

#define LINGER 5000				/* ms that it stays without work */
#define TURN 10000				/* ms that it works where all places are taken */
#define SHORTEST_STAY 1000		/* ms; less is a failure, see caller_start.c */
#define SHORTEST_RETRY 5		/* ms until what somebody held is tried again */
#define LONGEST_RETRY 1000
#define SHORTEST_REST 100		/* ms of rest after an error of ours */
#define LONGEST_REST 30000
#define LEASE_MARGIN 60000		/* ms that a claim lasts beyond the timeout */

typedef struct Caller
{
	Seat	   *seat;
	TimestampTz came;
	Oid			extension;		/* as first met */
	Oid			owner;			/* whose functions have run here */
	bool		may_stay;		/* there is a destination for us to work for */
	MemoryContext lasting;		/* holds the destination */
	uint64		generation;		/* for which it was read */
	bool		has_freed;		/* what another process left in flight */
	Destination *destination;
	MemoryContext one;			/* all that one action takes */
	const Claimed *claimed;		/* in hand; NULL: none */
	char	   *error;			/* of its function, not recorded yet; or NULL */
	bool		was_held;
	ActionCall	call;
	TimestampTz next_due;		/* or NO_TIME */
	long		retry;			/* ms; doubles while it is held */
	long		rest;			/* ms; doubles while errors follow each other */
} Caller;

/* ---- may we? ---- */

static Destination *
find_destination(int32 id)
{
	ListCell   *cell;

	foreach(cell, destination_list())
	{
		Destination *destination = lfirst(cell);

		if (destination->id == id)
			return destination;
	}
	return NULL;
}

static void
read_destination(Caller *caller)
{
	uint64		generation = destination_generation();
	MemoryContext old;

	if (caller->destination && caller->generation == generation)
		return;
	MemoryContextReset(caller->lasting);
	caller->destination = NULL;
	old = MemoryContextSwitchTo(caller->lasting);
	caller->destination = find_destination(caller->seat->number);
	MemoryContextSwitchTo(old);
	caller->generation = generation;
}

/* What another's functions have left in this session is not for this one's. */
static bool
is_same_owner(Caller *caller)
{
	Oid			owner = role_by_name(caller->destination->author.owner);

	if (!OidIsValid(caller->owner))
		caller->owner = owner;
	return !OidIsValid(owner) || caller->owner == owner;
}

/* Start of each transaction: false where we have nothing to look for here. */
static bool
may_act(Caller *caller)
{
	Oid			extension;

	caller->may_stay = false;
	if (armed_begin(&extension) != IDLE_NOT)
		return false;
	if (OidIsValid(caller->extension) && caller->extension != extension)
		return false;
	caller->extension = extension;
	cache_refresh();
	read_destination(caller);
	caller->may_stay = caller->destination != NULL &&
		caller->destination->kind == DESTINATION_SQL && is_same_owner(caller);
	return caller->may_stay;
}

/* What we have in hand is finished, whatever comes. */
static bool
may_claim(Caller *caller)
{
	return may_act(caller) && guc_delivery && !caller->destination->is_paused &&
		caller->destination->disabled == NULL &&
		destination_orphaned(caller->destination) == NULL;
}

/* ---- the pieces of work, each a transaction: see worker_try ---- */

static void
claim(void *arg)
{
	Caller	   *caller = arg;
	MemoryContext old;
	ClaimOrder	order = {.max = 1, .except = 0};
	List	   *claimed;

	caller->may_stay = may_claim(caller);
	if (!caller->may_stay)
		return;
	old = MemoryContextSwitchTo(caller->one);
	if (!caller->has_freed)
		(void) claim_free(list_make1(caller->destination->name), TIME_NEVER);
	order.destination = cstring_to_text(caller->destination->name);
	order.now = guc_clock();
	order.lease_end = TimestampTzPlusMilliseconds(order.now, (int64) LEASE_MARGIN +
												  caller->destination->timeout);
	order.is_ordered = caller->destination->is_ordered;
	claimed = claim_actions(&order);
	if (claimed != NIL)
		caller->claimed = linitial(claimed);
	else
		caller->next_due = claim_first_due(order.destination);
	MemoryContextSwitchTo(old);
}

static void
prepare_call(Caller *caller)
{
	memset(&caller->call, 0, sizeof(ActionCall));
	caller->call.destination = caller->destination;
	caller->call.claimed = caller->claimed;
	caller->call.seat = caller->seat;
	caller->call.was_held = caller->was_held;
	caller->call.phase = PHASE_RECORDING;
}

static void
deliver(void *arg)
{
	Caller	   *caller = arg;

	if (!may_act(caller))
		return;
	prepare_call(caller);
	caller_deliver(&caller->call);
}

static void
record_error(void *arg)
{
	Caller	   *caller = arg;

	if (!may_act(caller))
		return;
	prepare_call(caller);
	caller->call.is_held = !caller_record_failure(&caller->call, caller->error);
}

/* ---- one action ---- */

static void
put_down(Caller *caller)
{
	caller->claimed = NULL;
	caller->error = NULL;
	caller->was_held = false;
	caller->retry = SHORTEST_RETRY;
	MemoryContextReset(caller->one);
}

/* Not the function's fault: the action is kept. */
static void
recover(Caller *caller, const char *task, const ErrorData *error)
{
	worker_complain(task, error);
	worker_rest(caller->seat, caller->rest);
	caller->rest = Min(caller->rest * 2, LONGEST_REST);
}

static void
wait_for_row(Caller *caller)
{
	worker_rest(caller->seat, caller->retry);
	caller->retry = Min(caller->retry * 2, LONGEST_RETRY);
}

static void
wait_for_holder(Caller *caller)
{
	caller->was_held = true;
	wait_for_row(caller);
}

static void
done(Caller *caller)
{
	Seat	   *seat = caller->seat;

	pg_atomic_write_u64(&seat->done, pg_atomic_read_u64(&seat->done) + 1);
	caller->rest = SHORTEST_REST;
	put_down(caller);
}

/* The function was called, or was to be; error: what that came to. */
static void
answer_for(Caller *caller, const ErrorData *error)
{
	MemoryContext old;

	if (error == NULL)
	{
		if (caller->may_stay)
			done(caller);
		return;
	}
	if (caller->call.is_over)
		put_down(caller);
	else if (caller->call.is_held)
		wait_for_holder(caller);
	else if (caller->call.phase == PHASE_RECORDING)
		recover(caller, "record what a destination's function did", error);
	else
	{
		old = MemoryContextSwitchTo(caller->one);
		caller->error = caller_error(error);
		MemoryContextSwitchTo(old);
		caller->was_held = false;
	}
}

static void
work_on_action(Caller *caller)
{
	ErrorData  *error;

	if (caller->error == NULL)
	{
		error = worker_try("journey: calling the function of a destination", deliver, caller);
		caller_call_clean();
		worker_check(caller->seat);
		answer_for(caller, error);
		return;
	}
	error = worker_try("journey: recording that a function failed", record_error, caller);
	if (error != NULL)
		recover(caller, "record that a destination's function failed", error);
	else if (caller->call.is_held)
		wait_for_holder(caller);
	else if (caller->may_stay)
		done(caller);
}

/* ---- staying and leaving ---- */

static bool
is_crowded(void)
{
	return seat_count(MyDatabaseId, SEAT_CALLER) >= MAX_CALLERS;
}

static bool
has_stayed(const Caller *caller, long ms)
{
	return TimestampDifferenceExceeds(caller->came, GetCurrentTimestamp(), ms);
}

static long
until(TimestampTz at, TimestampTz now)
{
	return at == TIME_NEVER ? LINGER : TimestampDifferenceMilliseconds(now, at);
}

/* Until something is due or noted; leaves where that takes too long. */
static void
wait_for_work(Caller *caller)
{
	Seat	   *seat = caller->seat;
	TimestampTz leave_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LINGER);
	TimestampTz due = caller->next_due == NO_TIME ? TIME_NEVER : caller->next_due;

	pg_atomic_write_u64(&seat->sleeps_until, (uint64) due);
	pg_memory_barrier();		/* see seat_note */
	for (;;)
	{
		TimestampTz noted = (TimestampTz) pg_atomic_read_u64(&seat->noted_due);
		TimestampTz now = GetCurrentTimestamp();

		if (Min(due, noted) <= now)
			break;
		if (now >= leave_at || (is_crowded() && has_stayed(caller, SHORTEST_STAY)))
			seat_leave(seat, LEFT_IDLE);
		pgstat_report_activity(STATE_IDLE, NULL);
		worker_wait(Min(until(Min(due, noted), now), Min(until(leave_at, now), SHORTEST_STAY)) + 1);
		worker_check(seat);
	}
	pg_atomic_write_u64(&seat->sleeps_until, (uint64) TIME_NEVER_WAKE);
}

/* It could not be claimed all the same: somebody holds it. */
static bool
is_due(const Caller *caller)
{
	return caller->next_due != NO_TIME && caller->next_due <= GetCurrentTimestamp();
}

/* Look for an action; wait where there is none. */
static void
take_up(Caller *caller)
{
	ErrorData  *error;

	/* What is noted from now on is for the next look; our snapshot is later. */
	(void) pg_atomic_exchange_u64(&caller->seat->noted_due, (uint64) TIME_NEVER);
	caller->next_due = NO_TIME;
	error = worker_try("journey: claiming an action", claim, caller);
	if (error != NULL)
	{
		caller->claimed = NULL;
		recover(caller, "claim an action for a destination's function", error);
		return;
	}
	if (caller->may_stay)
	{
		caller->has_freed = true;
		seat_settle(caller->seat);
	}
	if (caller->claimed != NULL || !caller->may_stay)
		return;
	MemoryContextReset(caller->one);
	if (is_due(caller))
		wait_for_row(caller);
	else
	{
		caller->retry = SHORTEST_RETRY;
		wait_for_work(caller);
	}
}

static void
set_up(Caller *caller)
{
	memset(caller, 0, sizeof(Caller));
	caller->seat = worker_take_seat();
	caller->came = GetCurrentTimestamp();
	caller->retry = SHORTEST_RETRY;
	caller->rest = SHORTEST_REST;
	caller->lasting = AllocSetContextCreate(TopMemoryContext, "journey destination",
											ALLOCSET_DEFAULT_SIZES);
	caller->one = AllocSetContextCreate(TopMemoryContext, "journey action",
										ALLOCSET_DEFAULT_SIZES);
}

/*
 * An error outside of a transaction ends us; the sender starts another.  So does
 * whatever makes us leave with an action in hand: it is freed then.
 */
void
journey_caller_main(Datum main_arg)
{
	Caller		caller;
	MemoryContext round;

	set_up(&caller);
	round = AllocSetContextCreate(TopMemoryContext, "journey round", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(round);
	for (;;)
	{
		worker_check(caller.seat);
		pg_atomic_write_u64(&caller.seat->heartbeat, (uint64) GetCurrentTimestamp());
		caller.may_stay = true;
		if (caller.claimed)
			work_on_action(&caller);
		else if (has_stayed(&caller, TURN) && is_crowded())
			seat_leave(caller.seat, LEFT_IDLE);
		else
			take_up(&caller);
		if (!caller.may_stay)
			seat_leave(caller.seat, LEFT_IDLE);
		MemoryContextReset(round);
	}
}
