/*-------------------------------------------------------------------------
 *
 * defer.h
 *	  Actions of ordered destinations that wait behind another of their member's.
 *
 * Those behind one that waits for its next attempt get its time, and "behind": true
 * in their limits: else each claim would look at all of them, again and again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_DEFER_H
#define JOURNEY_DEFER_H

#include "postgres.h"

/* In SQL: is o another row of journey.action for the same member and place as a? */
#define IS_OTHER \
	"o.customer OPERATOR(pg_catalog.=) a.customer" \
	" AND o.member OPERATOR(pg_catalog.=) a.member" \
	" AND o.destination OPERATOR(pg_catalog.=) a.destination" \
	" AND o.id OPERATOR(pg_catalog.<>) a.id"

/* And does it come first? */
#define IS_OLDER \
	"(o.created_at, o.seq, o.id) OPERATOR(pg_catalog.<) (a.created_at, a.seq, a.id)"

/* Of these (Candidate *), those that are behind one that waits; how many. */
extern int	defer_behind(List *candidates, TimestampTz now);

/* What they waited for is over before its time: they are due now. */
extern void defer_end(text *customer, int64 member, const char *destination);

/* No order is kept there any more. */
extern void defer_end_all(const char *destination);

#endif							/* JOURNEY_DEFER_H */
