/*-------------------------------------------------------------------------
 *
 * caller_start.c
 *	  What the sender does for destinations of kind sql.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "caller.h"
#include "claim.h"
#include "destination.h"
#include "seat.h"
#include "shmem.h"

#define LOOK_AGAIN 250			/* ms, while something waits for a place */
#define LOOK_AFTER 1000			/* ms, while a process is at work */
#define FAILS_WITHIN 1000		/* ms: whose process ends sooner has failed */
#define LONGEST_BACKOFF 60000	/* ms */

/* What we know of a destination's process. */
typedef struct Known
{
	int32		id;				/* hash key */
	bool		is_running;		/* as last seen */
	int			failures;		/* in a row */
	TimestampTz started;		/* the last time; also who is first in turn */
	TimestampTz not_before;
} Known;

/* One that has work and no process. */
typedef struct Waiting
{
	Known	   *known;
	TimestampTz at;				/* when it may be started */
} Waiting;

static HTAB *all_known = NULL;
static bool lacks_slot = false; /* and it was said */

bool
caller_start(int32 destination)
{
	BackgroundWorker worker;
	SeatTicket	ticket;

	if (seat_keep(MyDatabaseId, SEAT_CALLER, destination, &ticket) != SEAT_GIVEN)
		return false;
	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	strlcpy(worker.bgw_library_name, "journey", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "journey_caller_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, "journey sender: sql", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "journey sender", BGW_MAXLEN);
	memcpy(worker.bgw_extra, &ticket, sizeof(SeatTicket));
	if (RegisterDynamicBackgroundWorker(&worker, NULL))
		return true;
	seat_give_up(&ticket);
	return false;
}

static Known *
find_known(int32 id)
{
	Known	   *known;
	bool		found;

	if (all_known == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(int32), .entrysize = sizeof(Known),
		.hcxt = TopMemoryContext};

		all_known = hash_create("journey callers", 16, &control,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	known = hash_search(all_known, &id, HASH_ENTER, &found);
	if (!found)
	{
		memset(known, 0, sizeof(Known));
		known->id = id;
		known->is_running = true;	/* there may have been one */
	}
	return known;
}

/* Its process has ended, or there never was one: nobody has what it claimed. */
static void
free_claims(Known *known, const Destination *destination)
{
	TimestampTz now = GetCurrentTimestamp();

	known->is_running = false;
	if (claim_free(list_make1(destination->name), TIME_NEVER) > 0)
		shmem_note_action(TIME_NEVER_WAKE);
	if (known->started == 0 ||
		TimestampDifferenceExceeds(known->started, now, FAILS_WITHIN))
	{
		known->failures = 0;
		return;
	}
	known->not_before = TimestampTzPlusMilliseconds(now, Min(1000 << Min(known->failures, 10),
															 LONGEST_BACKOFF));
	known->failures++;
}

/* Whether it has work and no process; *running: it has one. */
static bool
look_at(const Destination *destination, Waiting *waiting, bool *running)
{
	Known	   *known = find_known(destination->id);
	TimestampTz due;

	if (seat_is_held(MyDatabaseId, SEAT_CALLER, destination->id))
	{
		known->is_running = *running = true;
		return false;
	}
	if (known->is_running)
		free_claims(known, destination);
	due = claim_first_due(cstring_to_text(destination->name));
	if (due == NO_TIME)
		return false;
	waiting->known = known;
	waiting->at = Max(due, known->not_before);
	return true;
}

static int
compare(const ListCell *a, const ListCell *b)
{
	TimestampTz first = ((Waiting *) lfirst(a))->known->started;
	TimestampTz second = ((Waiting *) lfirst(b))->known->started;

	return first < second ? -1 : first > second ? 1 : 0;
}

static List *
list_waiting(List *destinations, bool *running)
{
	List	   *waiting = NIL;
	ListCell   *cell;

	foreach(cell, destinations)
	{
		const Destination *destination = lfirst(cell);
		Waiting    *one = palloc(sizeof(Waiting));

		if (destination->kind == DESTINATION_SQL && !destination->is_paused &&
			!destination->disabled && destination_orphaned(destination) == NULL &&
			look_at(destination, one, running))
			waiting = lappend(waiting, one);
	}
	list_sort(waiting, compare);
	return waiting;
}

/* Said once, until there was one again. */
static void
no_slot(void)
{
	if (lacks_slot)
		return;
	lacks_slot = true;
	ereport(LOG,
			errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			errmsg("no free background worker slot to call the function of a destination"),
			errhint("You might need to increase max_worker_processes."));
}

/* False: there is no place. */
static bool
start(Known *known, TimestampTz now)
{
	if (seat_count(MyDatabaseId, SEAT_CALLER) >= MAX_CALLERS)
		return false;
	if (!caller_start(known->id))
	{
		no_slot();
		return false;
	}
	lacks_slot = false;
	known->is_running = true;
	known->started = now;
	return true;
}

TimestampTz
caller_look_after(List *destinations)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz again = TIME_NEVER;
	bool		running = false;
	List	   *waiting_list = list_waiting(destinations, &running);
	ListCell   *cell;

	foreach(cell, waiting_list)
	{
		Waiting    *waiting = lfirst(cell);

		if (waiting->at > now)
			again = Min(again, waiting->at);
		else if (!start(waiting->known, now))
			again = Min(again, TimestampTzPlusMilliseconds(now, LOOK_AGAIN));
		else
			running = true;
	}
	if (running)
		again = Min(again, TimestampTzPlusMilliseconds(now, LOOK_AFTER));
	return again == TIME_NEVER ? NO_TIME : again;
}
