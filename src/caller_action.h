/*-------------------------------------------------------------------------
 *
 * caller_action.h
 *	  One action of a destination of kind sql, from its claim to its answer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_CALLER_ACTION_H
#define JOURNEY_CALLER_ACTION_H

#include "postgres.h"

#include "claim.h"
#include "destination.h"
#include "seat.h"

typedef enum CallPhase
{
	PHASE_CALLING,				/* an error is the function's */
	PHASE_RECORDING				/* an error is ours */
} CallPhase;

/* What is asked, and what became of it. */
typedef struct ActionCall
{
	const Destination *destination;
	const Claimed *claimed;
	const Seat *seat;
	bool		was_held;		/* the last time: look first */
	CallPhase	phase;
	bool		is_held;		/* somebody holds the customer or the action:
								 * again, soon */
	bool		is_over;		/* the action is not ours any more, nothing
								 * was done */
} ActionCall;

/*
 * Call the function and record that it was delivered, in this transaction.  Raises
 * what the function raises, and where is_held or is_over was set: the function's
 * work is to be rolled back then, too.
 */
extern void caller_deliver(ActionCall *call);

/*
 * In another transaction: record that the function failed.  False: somebody holds
 * the customer.
 */
extern bool caller_record_failure(ActionCall *call, const char *error);

/* What is kept of an error: one line, of a length that is bearable. */
extern char *caller_error(const ErrorData *error);

#endif							/* JOURNEY_CALLER_ACTION_H */
