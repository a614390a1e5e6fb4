/*-------------------------------------------------------------------------
 *
 * house.h
 *	  What a database's first scheduler does beside the timers: counting the
 *	  transition log, making and dropping partitions, refreshing audiences.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_HOUSE_H
#define JOURNEY_HOUSE_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* All zero at first: everything is due at once. */
typedef struct House
{
	TimestampTz fold_at;
	TimestampTz maintain_at;
	TimestampTz refresh_at;		/* when to look for audiences that are due */
	bool		is_behind;		/* there may be more that are */
	int64		unfolded;		/* moves since the last fold */
} House;

/* Do what is due, each in a transaction of its own; errors are logged. */
extern void house_keep(House *house);

#endif							/* JOURNEY_HOUSE_H */
