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
	int64		moved;			/* members moved + queue rows worked off */
	int64		skipped;		/* due, but locked by somebody else */
	bool		more;			/* stopped at max: call again at once */
	TimestampTz next_due;		/* earliest due time left, or 0: none */
} Tick;

/* Up to max due members and queue rows, oldest first. */
extern void tick_run(int64 max, Tick *tick);

/* The earliest due time of all, queue rows too; 0: nothing waits. */
extern TimestampTz tick_next_due(void);

/*
 * After a batch that failed: the customers (char *) of the oldest max due
 * members and queue rows, nothing locked; each then in a transaction of its own.
 */
extern List *tick_customers(int64 max);
extern void tick_customer(const char *customer, Tick *tick);

/*
 * A customer whose step cannot be worked off: its due members become failed,
 * its oldest queue row is dropped; both recorded with the error.
 */
extern void tick_set_aside(const char *customer, const ErrorData *error);

#endif							/* JOURNEY_TICK_H */
