/*-------------------------------------------------------------------------
 *
 * retry.h
 *	  When an action that failed is tried again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_RETRY_H
#define JOURNEY_RETRY_H

#include "postgres.h"

#include "model.h"

/* The attempts that an action has where its tile says nothing; SQL needs it too. */
#define DEFAULT_MAX_ATTEMPTS 10
#define DEFAULT_MAX_ATTEMPTS_SQL "10"

typedef struct RetrySchedule
{
	int			max;			/* attempts in all */
	double		first;			/* seconds */
	double		factor;
	double		longest;		/* seconds */
} RetrySchedule;

/* A tile's policy as action.retry has it: a schedule, complete. */
extern Jsonb *retry_to_jsonb(const RetryPolicy *policy);

/* From action.retry; NULL: the default. */
extern RetrySchedule retry_schedule(const Jsonb *retry);

/* The tile's (action.retry), where it has one, else that of the destination, else the default. */
extern RetrySchedule retry_choose(const Jsonb *retry, const RetryPolicy *otherwise);

/* When to try again what has just failed for the attempts-th time. */
extern TimestampTz retry_time(const RetrySchedule *schedule, int attempts, TimestampTz now);

#endif							/* JOURNEY_RETRY_H */
