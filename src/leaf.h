/*-------------------------------------------------------------------------
 *
 * leaf.h
 *	  The partitions of the logs, found without locking their parent.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_LEAF_H
#define JOURNEY_LEAF_H

#include "postgres.h"

#include "datatype/timestamp.h"

typedef enum Log
{
	LOG_EVENT,
	LOG_TRANSITION,
	NUM_LOGS
} Log;

typedef struct Leaf
{
	Oid			relid;
	bool		is_default;		/* the bounds say nothing */
	TimestampTz from;			/* of received_at, inclusive */
	TimestampTz to;				/* exclusive */
} Leaf;

/* The partition that takes a row received at that time. */
extern Oid	leaf_for(Log log, TimestampTz received_at);

/* All partitions, valid until the next look-up; *n receives their number. */
extern const Leaf *leaf_all(Log log, int *n);

/* Called for each relcache invalidation; InvalidOid means all. */
extern void leaf_invalidate(Oid relid);

#endif							/* JOURNEY_LEAF_H */
