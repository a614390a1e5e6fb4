/*-------------------------------------------------------------------------
 *
 * seat.c
 *	  Seats: the places in shared memory where schedulers work.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "seat.h"

#define KEPT_FOR 30000			/* ms until a worker that does not come is
								 * given up */
#define CLOSED_FOR 30000		/* ms that a database stays closed at most */
#define ASK_FOR 1000			/* ms that workers are asked before they are
								 * ended */
#define WAIT_FOR 4000			/* ms that seat_close waits */

SeatTable  *seat_table = NULL;
LWLock	   *seat_lock = NULL;

/* One seat for each worker that could run at all. */
Size
seat_table_size(void)
{
	return add_size(offsetof(SeatTable, seats),
					mul_size(sizeof(Seat), max_worker_processes));
}

void
seat_table_init(SeatTable *table)
{
	memset(table, 0, seat_table_size());
	ConditionVariableInit(&table->left);
	pg_atomic_init_u32(&table->launcher, 0);
	table->nseats = max_worker_processes;
	for (int i = 0; i < table->nseats; i++)
	{
		Seat	   *seat = &table->seats[i];

		pg_atomic_init_u32(&seat->database, InvalidOid);
		pg_atomic_init_u64(&seat->noted_due, (uint64) TIME_NEVER);
		pg_atomic_init_u64(&seat->sleeps_until, (uint64) TIME_NEVER_WAKE);
		pg_atomic_init_u64(&seat->heartbeat, 0);
		pg_atomic_init_u64(&seat->moved, 0);
		pg_atomic_init_u32(&seat->why_idle, 0);
	}
}

/* Caller holds the lock. */
static void
free_seat(Seat *seat)
{
	seat->state = SEAT_FREE;
	seat->owner = InvalidOid;
	seat->ticket++;
}

static void
leave(Seat *seat, SeatOutcome outcome)
{
	seat->state = SEAT_LEFT;
	seat->outcome = outcome;
	seat->pid = 0;
	seat->ticket++;
}

/* A seat that is kept or taken, or NULL.  Caller holds the lock. */
static Seat *
find(Oid database, int number)
{
	for (int i = 0; i < seat_table->nseats; i++)
	{
		Seat	   *seat = &seat_table->seats[i];

		if ((seat->state == SEAT_KEPT || seat->state == SEAT_TAKEN) &&
			seat->owner == database && seat->number == number)
			return seat;
	}
	return NULL;
}

void
seat_wake_launcher(void)
{
	uint32		launcher = pg_atomic_read_u32(&seat_table->launcher);

	if (launcher != 0)
		ProcSendSignal(launcher - 1);
}

static void
launcher_gone(int code, Datum arg)
{
	pg_atomic_write_u32(&seat_table->launcher, 0);
}

/*
 * A launcher that came after another does not know the workers which that one
 * asked for: what has not come yet is given up, so that it leaves when it does.
 */
void
seat_launcher_begin(void)
{
	LWLockAcquire(seat_lock, LW_EXCLUSIVE);
	for (int i = 0; i < seat_table->nseats; i++)
	{
		if (seat_table->seats[i].state == SEAT_KEPT)
			free_seat(&seat_table->seats[i]);
	}
	LWLockRelease(seat_lock);
	pg_atomic_write_u32(&seat_table->launcher, MyProcNumber_compat + 1);
	before_shmem_exit(launcher_gone, (Datum) 0);
}

/* Caller holds the lock. */
static bool
is_closed(Oid database)
{
	TimestampTz now = GetCurrentTimestamp();

	for (int i = 0; i < MAX_CLOSED; i++)
	{
		if (seat_table->closed[i].database == database &&
			seat_table->closed[i].until > now)
			return true;
	}
	return false;
}

static Seat *
find_free(void)
{
	for (int i = 0; i < seat_table->nseats; i++)
	{
		if (seat_table->seats[i].state == SEAT_FREE)
			return &seat_table->seats[i];
	}
	return NULL;
}

SeatAnswer
seat_keep(Oid database, int number, SeatTicket *ticket)
{
	SeatAnswer	answer = SEAT_NONE_FREE;
	Seat	   *seat;

	LWLockAcquire(seat_lock, LW_EXCLUSIVE);
	if (is_closed(database))
		answer = SEAT_DATABASE_CLOSED;
	else if ((seat = find_free()) != NULL)
	{
		answer = SEAT_GIVEN;
		seat->state = SEAT_KEPT;
		seat->owner = database;
		seat->number = number;
		seat->since = GetCurrentTimestamp();
		seat->is_settled = seat->is_dismissed = false;
		ticket->seat = seat - seat_table->seats;
		ticket->ticket = ++seat->ticket;
	}
	LWLockRelease(seat_lock);
	return answer;
}

/* The worker could not even be asked for. */
void
seat_give_up(const SeatTicket *ticket)
{
	LWLockAcquire(seat_lock, LW_EXCLUSIVE);
	free_seat(&seat_table->seats[ticket->seat]);
	LWLockRelease(seat_lock);
}

bool
seat_is_held(Oid database, int number)
{
	bool		held;

	LWLockAcquire(seat_lock, LW_SHARED);
	held = find(database, number) != NULL;
	LWLockRelease(seat_lock);
	return held;
}

/* Has the database's first worker found the extension there, and armed? */
bool
seat_is_settled(Oid database)
{
	Seat	   *seat;
	bool		settled;

	LWLockAcquire(seat_lock, LW_SHARED);
	seat = find(database, 0);
	settled = seat && seat->is_settled;
	LWLockRelease(seat_lock);
	return settled;
}

/* How many workers are on their way or still looking around? */
int
seat_count_unsettled(void)
{
	int			count = 0;

	LWLockAcquire(seat_lock, LW_SHARED);
	for (int i = 0; i < seat_table->nseats; i++)
	{
		Seat	   *seat = &seat_table->seats[i];

		if (seat->state == SEAT_KEPT ||
			(seat->state == SEAT_TAKEN && !seat->is_settled))
			count++;
	}
	LWLockRelease(seat_lock);
	return count;
}

/* Tell the database's workers with that number and above to go. */
void
seat_dismiss(Oid database, int from_number)
{
	LWLockAcquire(seat_lock, LW_EXCLUSIVE);
	for (int i = 0; i < seat_table->nseats; i++)
	{
		Seat	   *seat = &seat_table->seats[i];

		if ((seat->state != SEAT_KEPT && seat->state != SEAT_TAKEN) ||
			seat->owner != database || seat->number < from_number ||
			seat->is_dismissed)
			continue;
		seat->is_dismissed = true;
		if (seat->state == SEAT_TAKEN)
			ProcSendSignal(seat->procno);
	}
	LWLockRelease(seat_lock);
}

/*
 * A worker that left since the last call, why, and how many milliseconds ago it
 * had come; frees its seat.  One that
 * was asked for and has not come in time has failed.
 */
bool
seat_next_left(Oid *database, SeatOutcome *outcome, long *lasted)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		found = false;

	LWLockAcquire(seat_lock, LW_EXCLUSIVE);
	for (int i = 0; i < seat_table->nseats && !found; i++)
	{
		Seat	   *seat = &seat_table->seats[i];

		if (seat->state == SEAT_KEPT &&
			TimestampDifferenceExceeds(seat->since, now, KEPT_FOR))
			leave(seat, LEFT_FAILED);
		if (seat->state != SEAT_LEFT)
			continue;
		*database = seat->owner;
		*outcome = seat->outcome;
		*lasted = TimestampDifferenceMilliseconds(seat->since, now);
		free_seat(seat);
		found = true;
	}
	LWLockRelease(seat_lock);
	return found;
}

/* A database to look at anew; InvalidOid for all of them. */
bool
seat_next_look(Oid *database)
{
	bool		found = true;

	LWLockAcquire(seat_lock, LW_EXCLUSIVE);
	if (seat_table->look_everywhere)
	{
		seat_table->look_everywhere = false;
		seat_table->nlook_again = 0;
		*database = InvalidOid;
	}
	else if (seat_table->nlook_again > 0)
		*database = seat_table->look_again[--seat_table->nlook_again];
	else
		found = false;
	LWLockRelease(seat_lock);
	return found;
}

/* The launcher shall look at that database, even if it has before. */
void
seat_look_at(Oid database)
{
	LWLockAcquire(seat_lock, LW_EXCLUSIVE);
	if (seat_table->nlook_again < MAX_LOOK_AGAIN)
		seat_table->look_again[seat_table->nlook_again++] = database;
	else
		seat_table->look_everywhere = true;
	LWLockRelease(seat_lock);
	seat_wake_launcher();
}

/* Runs however the worker ends, but for a crash. */
static void
seat_left(int code, Datum arg)
{
	Seat	   *seat = (Seat *) DatumGetPointer(arg);

	LWLockAcquire(seat_lock, LW_EXCLUSIVE);
	pg_atomic_write_u32(&seat->database, InvalidOid);
	leave(seat, seat->is_dismissed ? LEFT_ASKED : seat->outcome);
	LWLockRelease(seat_lock);
	ConditionVariableBroadcast(&seat_table->left);
	seat_wake_launcher();
}

/* The seat that was kept for this worker; leaves where it is not wanted any more. */
Seat *
seat_take(const SeatTicket *ticket)
{
	Seat	   *seat = &seat_table->seats[ticket->seat];

	LWLockAcquire(seat_lock, LW_EXCLUSIVE);
	if (seat->state != SEAT_KEPT || seat->ticket != ticket->ticket)
	{
		LWLockRelease(seat_lock);
		proc_exit(0);
	}
	seat->state = SEAT_TAKEN;
	seat->procno = MyProcNumber_compat;
	seat->pid = MyProcPid;
	seat->since = GetCurrentTimestamp();
	seat->outcome = LEFT_FAILED;
	pg_atomic_write_u64(&seat->noted_due, (uint64) TIME_NEVER);
	pg_atomic_write_u64(&seat->sleeps_until, (uint64) TIME_NEVER_WAKE);
	pg_atomic_write_u64(&seat->heartbeat, (uint64) seat->since);
	pg_atomic_write_u64(&seat->moved, 0);
	pg_atomic_write_u32(&seat->why_idle, 0);
	pg_write_barrier();
	pg_atomic_write_u32(&seat->database, seat->owner);
	LWLockRelease(seat_lock);
	before_shmem_exit(seat_left, PointerGetDatum(seat));
	return seat;
}

void
seat_settle(Seat *seat)
{
	if (seat->is_settled)
		return;
	LWLockAcquire(seat_lock, LW_EXCLUSIVE);
	seat->is_settled = true;
	LWLockRelease(seat_lock);
	seat_wake_launcher();
}

void
seat_leave(Seat *seat, SeatOutcome outcome)
{
	seat->outcome = outcome;
	proc_exit(0);
}

/*
 * Something is due at that time.  The worker looks at noted_due after it has
 * set sleeps_until, and we look at sleeps_until after setting noted_due (the
 * exchange is a full barrier), so one of the two sees the other.
 */
void
seat_note(Seat *seat, TimestampTz due)
{
	uint64		noted = pg_atomic_read_u64(&seat->noted_due);

	while (due < (TimestampTz) noted)
	{
		if (!pg_atomic_compare_exchange_u64(&seat->noted_due, &noted, (uint64) due))
			continue;
		if (due < (TimestampTz) pg_atomic_read_u64(&seat->sleeps_until))
			ProcSendSignal(seat->procno);
		return;
	}
}

/* The same for the other workers of this one's database. */
void
seat_note_peers(Seat *seat, TimestampTz due)
{
	for (int i = 0; i < seat_table->nseats; i++)
	{
		Seat	   *peer = &seat_table->seats[i];

		if (peer != seat &&
			pg_atomic_read_u32(&peer->database) == MyDatabaseId)
			seat_note(peer, due);
	}
}

/* Caller holds the lock.  With all in use, the oldest closing is given up. */
static void
close_database(Oid database)
{
	ClosedDatabase *closed = seat_table->closed;

	for (int i = 1; i < MAX_CLOSED; i++)
	{
		if (seat_table->closed[i].until < closed->until)
			closed = &seat_table->closed[i];
	}
	closed->database = database;
	closed->pid = MyProcPid;
	closed->until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), CLOSED_FOR);
}

/*
 * Are there workers of that database still?  end: terminate them.  The pid of
 * a taken seat is good while we hold the lock, its owner takes it to leave.
 */
static bool
has_workers(Oid database, bool end)
{
	bool		found = false;

	LWLockAcquire(seat_lock, LW_SHARED);
	for (int i = 0; i < seat_table->nseats; i++)
	{
		Seat	   *seat = &seat_table->seats[i];

		if (seat->owner != database ||
			(seat->state != SEAT_KEPT && seat->state != SEAT_TAKEN))
			continue;
		found = true;
		if (end && seat->state == SEAT_TAKEN)
			kill(seat->pid, SIGTERM);
	}
	LWLockRelease(seat_lock);
	return found;
}

void
seat_close(Oid database)
{
	TimestampTz begun = GetCurrentTimestamp();
	bool		ended = false;
	static uint32 wait_event = 0;

	LWLockAcquire(seat_lock, LW_EXCLUSIVE);
	close_database(database);
	LWLockRelease(seat_lock);
	seat_dismiss(database, 0);

	ConditionVariablePrepareToSleep(&seat_table->left);
	while (has_workers(database, false))
	{
		TimestampTz now = GetCurrentTimestamp();

		if (TimestampDifferenceExceeds(begun, now, WAIT_FOR))
			break;
		if (!ended && TimestampDifferenceExceeds(begun, now, ASK_FOR))
			ended = has_workers(database, true);
		(void) ConditionVariableTimedSleep(&seat_table->left, 100,
										   wait_event_compat(&wait_event, "JourneyClose"));
	}
	ConditionVariableCancelSleep();
}

void
seat_reopen(Oid database)
{
	LWLockAcquire(seat_lock, LW_EXCLUSIVE);
	for (int i = 0; i < MAX_CLOSED; i++)
	{
		if (seat_table->closed[i].database == database &&
			seat_table->closed[i].pid == MyProcPid)
			memset(&seat_table->closed[i], 0, sizeof(ClosedDatabase));
	}
	LWLockRelease(seat_lock);
	seat_wake_launcher();
}
