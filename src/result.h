/*-------------------------------------------------------------------------
 *
 * result.h
 *	  The end of an action, for those whom it concerns: the member that awaits
 *	  it, and journeys that name $action_delivered or $action_failed.
 *
 * The order is: action_end_is_heard; if so action_end_lock, before the caller
 * writes the action's row, and action_end_tell after.  The caller has called
 * cache_refresh().
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_RESULT_H
#define JOURNEY_RESULT_H

#include "postgres.h"

#include "engine.h"
#include "store.h"

typedef struct ActionEnd
{
	pg_uuid_t	id;
	text	   *customer;
	int64		member;
	char	   *journey;
	char	   *tile;
	char	   *destination;
	bool		is_awaited;		/* as far as the caller's snapshot shows */
	const char *outcome;		/* OUTCOME_... */
	Jsonb	   *response;		/* NULL: none */
	const char *error;			/* NULL: none */
} ActionEnd;

extern bool action_end_is_heard(const ActionEnd *end);

/* Would the end of any action that comes to nothing be heard? */
extern bool action_failure_is_heard(void);

/* Lock the customer's members.  False (with LOCK_SKIP only): somebody holds one. */
extern bool action_end_lock(const ActionEnd *end, LockWait wait);
extern void action_end_tell(const ActionEnd *end);

#endif							/* JOURNEY_RESULT_H */
