/*-------------------------------------------------------------------------
 *
 * tick.h
 *	  Working off what is due: timers of members, and the queue.
 *
 * All of these run in the caller's transaction and lock whole customers with
 * SKIP LOCKED, so that several workers and emits never wait for each other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_TICK_H
#define JOURNEY_TICK_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

typedef struct Tick
{
	int64		moved;			/* members moved + queue rows worked off;
								 * customers who only caught up with a pause */
	bool		sweeps;			/* a stopped journey may still be entered */
	int64		skipped;		/* due, but locked by somebody else */
	bool		more;			/* stopped at max: call again at once */
	TimestampTz next_due;		/* earliest due time left, or NO_TIME */
} Tick;

/* Up to max due members and queue rows, oldest first. */
extern void tick_run(int64 max, Tick *tick);

/* The earliest due time of all, queue rows too, or NO_TIME. */
extern TimestampTz tick_next_due(void);

/*
 * After a batch that failed, what was in it one by one: the first queued event
 * of each customer, and the due members.  Nothing is locked when the caller has
 * committed.
 */
typedef struct TickItem
{
	char	   *customer;
	int64		queued;			/* the event's id, or 0 */
	int64		member;			/* or that of the member */
} TickItem;

extern List *tick_items(int64 max);

/* Each then in a transaction of its own. */
extern void tick_item(const TickItem *item, Tick *tick);

/*
 * One that cannot be worked off: the member becomes failed, with the error; the
 * event is logged, and moves nobody.
 */
extern void tick_set_aside(const TickItem *item, const ErrorData *error);

#endif							/* JOURNEY_TICK_H */
