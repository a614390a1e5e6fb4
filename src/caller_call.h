/*-------------------------------------------------------------------------
 *
 * caller_call.h
 *	  Calling the function of a destination of kind sql, as its owner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_CALLER_CALL_H
#define JOURNEY_CALLER_CALL_H

#include "postgres.h"

#include "claim.h"
#include "destination.h"
#include "seat.h"

/*
 * Call it for an action, in the transaction that we are in, whose end decides about
 * all that it does; raises what it raises, and when it takes longer than the
 * destination's timeout.  Returns what it gave, in CurrentMemoryContext; NULL for
 * void or null.  The transaction must be rolled back after an error, and
 * caller_call_clean() called after it has ended, either way.
 */
extern Jsonb *caller_call(const Destination *destination, const Claimed *claimed,
						  const Seat *seat);

/* What the function may have left in the session is gone. */
extern void caller_call_clean(void);

#endif							/* JOURNEY_CALLER_CALL_H */
