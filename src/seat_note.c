/*-------------------------------------------------------------------------
 *
 * seat_note.c
 *	  What seats and the launcher are told: that something is due, that a
 *	  database is to be looked at.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/proc.h"

#include "compat.h"
#include "seat.h"

void
seat_wake_launcher(void)
{
	uint32		launcher = pg_atomic_read_u32(&seat_table->launcher);

	if (launcher != 0)
		ProcSendSignal(launcher - 1);
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

static void
note_all(SeatRole role, TimestampTz due, const Seat *but)
{
	for (int i = 0; i < seat_table->nseats; i++)
	{
		Seat	   *seat = &seat_table->seats[i];

		if (pg_atomic_read_u32(&seat->database) == MyDatabaseId &&
			seat->role == role && seat != but)
			seat_note(seat, due);
	}
}

void
seat_note_role(SeatRole role, TimestampTz due)
{
	note_all(role, due, NULL);
}

void
seat_note_peers(Seat *seat, TimestampTz due)
{
	note_all(seat->role, due, seat);
}
