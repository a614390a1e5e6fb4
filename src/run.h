/*-------------------------------------------------------------------------
 *
 * run.h
 *	  Whole steps on the live tables: lock the customer, decide, write.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_RUN_H
#define JOURNEY_RUN_H

#include "postgres.h"

#include "engine.h"
#include "store.h"

/* One event to be run; see journey_emit for the limits, which are the caller's. */
typedef struct EventInput
{
	text	   *customer;
	text	   *type;
	Jsonb	   *props;
	TimestampTz at;				/* NO_TIME: the moment it is run */
	int64		id;
	LockWait	wait;
} EventInput;

/*
 * Log the event and move whom it moves.  False (with LOCK_SKIP only): somebody
 * holds the customer; nothing was written.
 */
extern bool run_event(const EventInput *input);

/* Enter by hand; the member's id, or 0 where the rules refuse. */
extern int64 run_entry(int32 journey, text *customer, Jsonb *context);

/* Exit the customer's members of a journey, of that key or (NULL) all; how many. */
extern int64 run_exit(int32 journey, text *customer, text *key, const char *outcome);

/*
 * Work off the customer's members that are due by then (only that one, unless
 * only is 0), at most max, each in a step of its own.  False: somebody holds the
 * customer, and what was not moved yet is left.
 */
typedef struct Worked
{
	int64		moved;			/* members whose timers were worked off */
	bool		progress;		/* or some have caught up with a pause */
} Worked;

extern bool run_timers(text *customer, TimestampTz by, int64 only, int64 max,
					   Worked *worked);

/* Merge into the customer's traits, and let the change have its effects. */
extern void run_identify(text *customer, Jsonb *traits);

/* ---- for follow.c and pause.c ---- */

/* When the last of the step's members has arrived where it is; NO_TIME: none has. */
extern TimestampTz run_latest(Step *step);

/* Now, but never earlier than what the step's members have seen. */
extern TimestampTz run_clock(Step *step);

/* Enter those whom the step's events enter instead of its customer. */
extern void run_fans(Step *step);

/* The members, as what happened within our transaction has left them. */
extern void run_reload(Step *step);

/*
 * Before each attempt at a further step for an event, or NULL: see that the
 * members it concerns are there.
 */
extern void run_load(Step *step, const Event *event, int attempts);

/*
 * A decision of a verb about one customer: lock the customer, let its members
 * catch up with pauses, decide, write, and do what that raised.  props: what
 * conditions read as such, or NULL.  False (with LOCK_SKIP only): somebody holds
 * the customer, and nothing was done.
 */
extern bool run_decision(text *customer, LockWait wait, Jsonb *props,
						 Decision decide, void *arg);

/*
 * Raise an internal event for the customer, where somebody listens to it; the
 * caller is not in a step.
 */
extern void run_internal_event(text *customer, const char *event, Jsonb *props);

/* That due member becomes failed, with this error. */
extern void run_set_aside(text *customer, int64 member, int sqlstate,
						  const char *message);

/* Log an event that moves nobody. */
extern void run_log_only(const EventInput *input);

#endif							/* JOURNEY_RUN_H */
