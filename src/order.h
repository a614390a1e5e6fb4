/*-------------------------------------------------------------------------
 *
 * order.h
 *	  What verbs decide about members, other than entering them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_ORDER_H
#define JOURNEY_ORDER_H

#include "postgres.h"

#include "cache.h"

/*
 * Called for each customer with open members in the journey, in byte order and
 * in a memory context of its own; false ends the walk.
 */
typedef bool (*CustomerVisitor) (text *customer, void *arg);
extern void order_walk(int32 journey, CustomerVisitor visit, void *arg);

/*
 * Exit all who are inside and cancel what the journey has not sent yet.  The
 * caller has refreshed the cache since it changed the journey.
 */
extern void order_stop(const JourneyState *state);

/* Before it is made active again: whoever is still in a stopped journey exits. */
extern void order_finish_stop(int32 journey);

/*
 * Once more through the journeys that were stopped, each when all transactions
 * that might not know of that have ended (DECISIONS 20): whom those have entered
 * exits, at most max members, and nobody is waited for.
 */
typedef struct Sweep
{
	int64		moved;			/* members */
	int64		skipped;		/* customers whom somebody holds */
	bool		again;			/* something is left: come back later */
} Sweep;

extern void sweep_run(int64 max, Sweep *sweep);

/* Would sweep_run find anything to do? */
extern bool sweep_due(void);

#endif							/* JOURNEY_ORDER_H */
