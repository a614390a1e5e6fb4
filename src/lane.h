/*-------------------------------------------------------------------------
 *
 * lane.h
 *	  The queue: events that somebody else is to look at, in order per customer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_LANE_H
#define JOURNEY_LANE_H

#include "postgres.h"

#include "run.h"

/* Queue the event, for the moment of the call where it has no time; key or NULL. */
extern void lane_append(const EventInput *input, text *dedupe_key);

typedef struct LaneHead
{
	text	   *customer;
	int64		id;				/* of the customer's first queued event */
} LaneHead;

/* LaneHead *, in CurrentMemoryContext. */
extern List *lane_lock_heads(TimestampTz by, int64 max);

/* Run at most max of the customer's queued events that are due; how many. */
extern bool lane_work(text *customer, TimestampTz by, int64 max, int64 *worked);

/* Log the customer's first queued event without moving anybody, if it is that. */
extern void lane_set_aside(text *customer, int64 id, const ErrorData *error);

/* When there is something to run, or NO_TIME. */
extern TimestampTz lane_next_due(void);

#endif							/* JOURNEY_LANE_H */
