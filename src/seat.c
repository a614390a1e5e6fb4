/*-------------------------------------------------------------------------
 *
 * seat.c
 *	  Seats: the places in shared memory where workers work.
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
		pg_atomic_init_u64(&seat->done, 0);
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
find(Oid database, SeatRole role, int number)
{
	for (int i = 0; i < seat_table->nseats; i++)
	{
		Seat	   *seat = &seat_table->seats[i];

		if ((seat->state == SEAT_KEPT || seat->state == SEAT_TAKEN) &&
			seat->owner == database && seat->role == role && seat->number == number)
			return seat;
	}
	return NULL;
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
seat_keep(Oid database, SeatRole role, int number, SeatTicket *ticket)
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
		seat->role = role;
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
seat_is_held(Oid database, SeatRole role, int number)
{
	bool		held;

	LWLockAcquire(seat_lock, LW_SHARED);
	held = find(database, role, number) != NULL;
	LWLockRelease(seat_lock);
	return held;
}

/* Those on their way too. */
int
seat_count(Oid database, SeatRole role)
{
	int			count = 0;

	LWLockAcquire(seat_lock, LW_SHARED);
	for (int i = 0; i < seat_table->nseats; i++)
	{
		Seat	   *seat = &seat_table->seats[i];

		if ((seat->state == SEAT_KEPT || seat->state == SEAT_TAKEN) &&
			seat->owner == database && seat->role == role)
			count++;
	}
	LWLockRelease(seat_lock);
	return count;
}

/* Has the database's first worker of that role found the extension there, and armed? */
bool
seat_is_settled(Oid database, SeatRole role)
{
	Seat	   *seat;
	bool		settled;

	LWLockAcquire(seat_lock, LW_SHARED);
	seat = find(database, role, 0);
	settled = seat && seat->is_settled;
	LWLockRelease(seat_lock);
	return settled;
}

/* How many of the launcher's workers are on their way or still looking around? */
int
seat_count_unsettled(void)
{
	int			count = 0;

	LWLockAcquire(seat_lock, LW_SHARED);
	for (int i = 0; i < seat_table->nseats; i++)
	{
		Seat	   *seat = &seat_table->seats[i];

		if (seat->role != SEAT_CALLER &&
			(seat->state == SEAT_KEPT ||
			 (seat->state == SEAT_TAKEN && !seat->is_settled)))
			count++;
	}
	LWLockRelease(seat_lock);
	return count;
}

/* Tell the database's workers of that role with that number and above to go. */
void
seat_dismiss(Oid database, SeatRole role, int from_number)
{
	LWLockAcquire(seat_lock, LW_EXCLUSIVE);
	for (int i = 0; i < seat_table->nseats; i++)
	{
		Seat	   *seat = &seat_table->seats[i];

		if ((seat->state != SEAT_KEPT && seat->state != SEAT_TAKEN) ||
			seat->owner != database || seat->role != role ||
			seat->number < from_number || seat->is_dismissed)
			continue;
		seat->is_dismissed = true;
		if (seat->state == SEAT_TAKEN)
			ProcSendSignal(seat->procno);
	}
	LWLockRelease(seat_lock);
}

/*
 * A worker that left since the last call, why, and how many milliseconds ago it
 * had come; frees its seat.  One that was asked for and has not come in time has
 * failed.
 */
bool
seat_next_left(SeatLeft *left)
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
		left->database = seat->owner;
		left->role = seat->role;
		left->outcome = seat->outcome;
		left->lasted = TimestampDifferenceMilliseconds(seat->since, now);
		free_seat(seat);
		found = true;
	}
	LWLockRelease(seat_lock);
	return found;
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
	if (seat->role == SEAT_CALLER)
		seat_note_role(SEAT_SENDER, TIME_NEVER_WAKE);	/* another may come */
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
	pg_atomic_write_u64(&seat->done, 0);
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
	for (SeatRole role = 0; role < SEAT_ROLES; role++)
		seat_dismiss(database, role, 0);

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
