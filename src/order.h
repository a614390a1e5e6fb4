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

#include "nodes/pg_list.h"

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
 * exits, at most max customers, and nobody is waited for.
 */
typedef struct Sweep
{
	int64		swept;			/* customers */
	int64		skipped;		/* customers whom somebody holds */
	bool		again;			/* something is left: come back later */
} Sweep;

extern void sweep_run(int64 max, Sweep *sweep);

/* Would sweep_run find anything to do? */
extern bool sweep_due(void);

/* ---- order_member.c ---- */

typedef enum OrderResult
{
	ORDER_DONE,
	ORDER_NOBODY,				/* the customer has no such member */
	ORDER_SEVERAL,				/* it has more than one; see keys */
	ORDER_NO_TILE,				/* its version has no such tile */
	ORDER_ENTRY_TILE,
	ORDER_BROKEN				/* its own tile is not in its version */
} OrderResult;

/* About the only open member that meets the first three. */
typedef struct MemberOrder
{
	int32		journey;
	text	   *key;			/* NULL: whatever key */
	bool		only_failed;
	bool		is_paused;
	const char *tile;			/* where it is to go */

	/* What came of it. */
	OrderResult result;
	List	   *keys;			/* char *: of all that were meant */
	List	   *other_keys;		/* char *: of those that have only another key */
	const Journey *version;		/* that of the last of them */
	MemoryContext cxt;			/* in which the lists are */
} MemberOrder;

/* Put it on that tile; let one that failed try again. */
extern void order_move(text *customer, MemberOrder *order);
extern void order_retry(text *customer, MemberOrder *order);

#endif							/* JOURNEY_ORDER_H */
