/*-------------------------------------------------------------------------
 *
 * seat.h
 *	  Seats: the places in shared memory where workers work.
 *
 * A seat belongs to a database while its state is not SEAT_FREE.  The launcher
 * gives seats to databases, a sender keeps those of its callers; the worker takes
 * the seat that was kept for it, and whatever ends it (but a crash, which resets
 * shared memory) makes the seat SEAT_LEFT until the launcher has seen why.  A
 * database can be closed for a while, by a command that needs it empty: no seat is
 * given to it then.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_SEAT_H
#define JOURNEY_SEAT_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/lwlock.h"

#include "compat.h"

#define MAX_CLOSED 16			/* databases closed at a time */
#define MAX_LOOK_AGAIN 16		/* databases the launcher is told to look at */

/* What the worker does there. */
typedef enum SeatRole
{
	SEAT_SCHEDULER,
	SEAT_SENDER,
	SEAT_CALLER,				/* runs the functions of one destination; the
								 * sender asks for it */
	SEAT_ROLES
} SeatRole;

typedef enum SeatState
{
	SEAT_FREE,
	SEAT_KEPT,					/* a worker was asked for and has not come yet */
	SEAT_TAKEN,
	SEAT_LEFT					/* the worker has gone, the launcher has not
								 * looked */
} SeatState;

/* Why a worker left its seat. */
typedef enum SeatOutcome
{
	LEFT_FAILED,				/* an error, or terminated by an operator */
	LEFT_ABSENT,				/* the database has no extension */
	LEFT_IDLE,					/* it has, but nothing may be moved there */
	LEFT_ASKED					/* it was told to go */
} SeatOutcome;

typedef struct Seat
{
	/*
	 * Committing backends read these without the lock: database is set last
	 * when the seat is taken, and a wake-up that reaches a process which has
	 * the procno by now does no harm.
	 */
	pg_atomic_uint32 database;	/* InvalidOid while nobody works here */
	pg_atomic_uint64 noted_due; /* earliest due time committed since the last
								 * look: of a member, for senders and callers
								 * of an action */
	pg_atomic_uint64 sleeps_until;	/* TIME_NEVER_WAKE while working */
	int			procno;
	SeatRole	role;

	/* Read and written under seat_lock. */
	SeatState	state;
	uint32		ticket;			/* changes whenever the seat is kept or freed */
	Oid			owner;			/* database the seat belongs to */
	int			number;			/* among the database's of that role, from 0;
								 * of a caller: the destination's id */
	int			pid;
	TimestampTz since;			/* when it was kept, then when it was taken */
	bool		is_settled;		/* the worker found something to do here */
	bool		is_dismissed;	/* the worker shall go; it reads this unlocked */
	SeatOutcome outcome;

	/* Written by the worker alone, read without the lock: stale is harmless. */
	pg_atomic_uint64 heartbeat;
	pg_atomic_uint64 done;		/* members moved; attempts that were answered
								 * for */
	pg_atomic_uint32 why_idle;	/* an IdleReason, armed.h */
} Seat;

typedef struct ClosedDatabase
{
	Oid			database;		/* InvalidOid: unused */
	int			pid;			/* who closed it */
	TimestampTz until;			/* reopens by itself then */
} ClosedDatabase;

/* All of shared memory.  No pointers in here. */
typedef struct SeatTable
{
	ConditionVariable left;		/* some seat was left */
	pg_atomic_uint32 launcher;	/* its procno + 1; 0: none */

	/* Under seat_lock. */
	bool		look_everywhere;
	int			nlook_again;
	Oid			look_again[MAX_LOOK_AGAIN];
	ClosedDatabase closed[MAX_CLOSED];

	int			nseats;			/* never changes */
	Seat		seats[FLEXIBLE_ARRAY_MEMBER];
} SeatTable;

/* One that left. */
typedef struct SeatLeft
{
	Oid			database;
	SeatRole	role;
	SeatOutcome outcome;
	long		lasted;			/* ms */
} SeatLeft;

/* What a worker gets to find its seat by: fits bgw_extra. */
typedef struct SeatTicket
{
	int			seat;
	uint32		ticket;
} SeatTicket;

typedef enum SeatAnswer
{
	SEAT_GIVEN,
	SEAT_NONE_FREE,
	SEAT_DATABASE_CLOSED
} SeatAnswer;

/* Due times that never come, and one that no due time is earlier than. */
#define TIME_NEVER DT_NOEND
#define TIME_NEVER_WAKE DT_NOBEGIN

/* NULL where the library was not preloaded. */
extern SeatTable *seat_table;
extern LWLock *seat_lock;

/* shmem.c sets these up. */
extern Size seat_table_size(void);
extern void seat_table_init(SeatTable *table);

/* For the launcher. */
extern void seat_launcher_begin(void);
extern bool seat_is_settled(Oid database, SeatRole role);
extern int	seat_count_unsettled(void);
extern void seat_dismiss(Oid database, SeatRole role, int from_number);
extern bool seat_next_left(SeatLeft *left);
extern bool seat_next_look(Oid *database);

/* For who asks for workers: the launcher, and a sender for its callers. */
extern SeatAnswer seat_keep(Oid database, SeatRole role, int number, SeatTicket *ticket);
extern void seat_give_up(const SeatTicket *ticket);
extern bool seat_is_held(Oid database, SeatRole role, int number);
extern int	seat_count(Oid database, SeatRole role);

/* For a worker. */
extern Seat *seat_take(const SeatTicket *ticket);
extern void seat_settle(Seat *seat);
pg_noreturn extern void seat_leave(Seat *seat, SeatOutcome outcome);
extern void seat_note(Seat *seat, TimestampTz due);

/* All of this database's of a role; seat_note_peers: but this one. */
extern void seat_note_role(SeatRole role, TimestampTz due);
extern void seat_note_peers(Seat *seat, TimestampTz due);

/* For everybody. */
extern void seat_look_at(Oid database);
extern void seat_wake_launcher(void);

/*
 * Send the workers of a database away and keep others from coming until
 * seat_reopen, or 30 seconds.  Returns when they have gone; waits for at most
 * four seconds, so that the command that follows can still wait itself.
 */
extern void seat_close(Oid database);
extern void seat_reopen(Oid database);

#endif							/* JOURNEY_SEAT_H */
