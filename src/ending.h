/*-------------------------------------------------------------------------
 *
 * ending.h
 *	  Answering for actions that were claimed: delivered, to be tried again, or
 *	  at their end.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_ENDING_H
#define JOURNEY_ENDING_H

#include "postgres.h"

#include "claim.h"

typedef enum AnswerKind
{
	ANSWER_DELIVERED,
	ANSWER_RETRY,				/* by the schedule; after its last attempt:
								 * dead */
	ANSWER_DEAD					/* no use in trying again */
} AnswerKind;

typedef struct Answer
{
	const Claimed *claimed;
	const char *destination;
	RetrySchedule schedule;
	AnswerKind	kind;
	const char *error;			/* NULL: none */
	Jsonb	   *response;		/* NULL: none */
	int			retry_after;	/* seconds that the receiver asked for; -1:
								 * none */
	bool		is_recorded;	/* set by ending_record() */
} Answer;

/*
 * Record answers (Answer *), in this transaction, in the order of their customers.
 * Those of nobody's interest are written by one statement.  One whose customer
 * somebody holds is left with is_recorded false; an action that is not in flight
 * any more under that number of attempts counts as recorded and nothing happens.
 * The caller has called cache_refresh().
 */
extern void ending_record(List *answers);

/*
 * Count for journey.delivery what became of attempts; of concurrent callers none
 * waits for another.
 */
typedef struct DeliveryCount
{
	int64		delivered;
	int64		failed;			/* attempts that will be repeated */
	int64		dead;
} DeliveryCount;
extern void ending_count(const char *destination, const DeliveryCount *count);

#endif							/* JOURNEY_ENDING_H */
