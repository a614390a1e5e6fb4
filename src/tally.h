/*-------------------------------------------------------------------------
 *
 * tally.h
 *	  Counting what became of attempts, for journey.delivery.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_TALLY_H
#define JOURNEY_TALLY_H

#include "postgres.h"

typedef struct DeliveryCount
{
	int64		delivered;
	int64		failed;			/* attempts that will be repeated */
	int64		dead;
} DeliveryCount;

/* In _PG_init. */
extern void tally_init(void);

/*
 * Add to the counts of a destination when this transaction commits; a rollback, of
 * the savepoint alone too, undoes the call.
 */
extern void tally_add(const char *destination, const DeliveryCount *count);

#endif							/* JOURNEY_TALLY_H */
