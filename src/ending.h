/*-------------------------------------------------------------------------
 *
 * ending.h
 *	  Answering for actions that were claimed: delivered, to be tried again, or
 *	  at their end.
 *
 * All of it counts for journey.delivery (tally.h), and expects that the caller has
 * called cache_refresh().
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_ENDING_H
#define JOURNEY_ENDING_H

#include "postgres.h"

#include "claim.h"

/* ---- for those who send ---- */

typedef enum AnswerKind
{
	ANSWER_DELIVERED,
	ANSWER_RETRY,				/* by the schedule; after its last attempt:
								 * dead */
	ANSWER_DEAD					/* no use in trying again */
} AnswerKind;

/* A response may be larger than journey.max_props by what is around a body. */
#define RESPONSE_ENVELOPE 256

typedef struct Answer
{
	const Claimed *claimed;
	const char *destination;
	RetrySchedule schedule;		/* see retry_choose */
	AnswerKind	kind;
	const char *error;			/* NULL: none */
	Jsonb	   *response;		/* NULL: none */
	int			retry_after;	/* seconds that the receiver asked for; -1:
								 * none */
	bool		is_recorded;	/* set by ending_record() */
	bool		is_late;		/* it was not, as the time was over */
	int64		took;			/* microseconds of what members did who heard
								 * of it */
} Answer;

/*
 * Record answers (Answer *), in this transaction, in the order of their customers.
 * Those of nobody's interest are written by one statement.  One whose customer, or
 * row, somebody holds is left with is_recorded false; an action that is not in
 * flight any more under that number of attempts counts as recorded and nothing
 * happens.  What members do who hear of it is their authors' code: after ms
 * milliseconds (0: however long it takes) no more of those are recorded.
 */
extern void ending_record(List *answers, int ms);

/* ---- for everybody ---- */

#define ANY_ATTEMPTS (-1)

/* What an action comes to. */
typedef struct Ending
{
	ActionEnd	end;			/* outcome NULL: it is to be tried again */
	const char *from;			/* the state that it must be in now */
	int			attempts;		/* and that it must have; or ANY_ATTEMPTS */
	TimestampTz again;			/* when, where it is to be tried again */
	bool		is_settled;		/* it is written, or was in another state */
	bool		is_written;
	bool		is_late;		/* not looked at, as the time was over */
	int64		took;			/* microseconds; 0: nobody heard of it */
} Ending;

/* An action that was looked up. */
typedef struct ActionFound
{
	Ending		ending;			/* from the state that it is in; without an
								 * outcome yet */
	int			attempts;
	Jsonb	   *retry;			/* its tile's schedule; or NULL */
} ActionFound;

/* False: none of that id (a uuid) is in that state. */
extern bool ending_find(Datum id, const char *state, ActionFound *found);

/* Write it, waiting for whoever holds the customer; false: it was in another state. */
extern bool ending_write(Ending *ending);

/*
 * Write those (Ending *) whose customer and row nobody holds, in the order of
 * their customers; how many are settled.  ms: as above.
 */
extern int	ending_write_free(List *endings, int ms);

#endif							/* JOURNEY_ENDING_H */
