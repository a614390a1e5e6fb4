/*-------------------------------------------------------------------------
 *
 * caller.h
 *	  Destinations of kind sql: for each with work to do a process that calls its
 *	  function for one action after the other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_CALLER_H
#define JOURNEY_CALLER_H

#include "postgres.h"

#include "guc.h"
#include "nodes/pg_list.h"

#define MAX_CALLERS 4			/* in one database at a time */

/* Ask for the process of that destination; false: there is no seat or slot. */
extern bool caller_start(int32 destination);

/*
 * For the sender, in a transaction, whenever it looks for work: of these destinations
 * (Destination *) those of kind sql that have some due get a process, who has waited
 * longest first.  What a process that is gone had claimed is freed.  Returns when to
 * call again at the latest, NO_TIME: when an action is noted; the end of a process
 * sets the sender's latch.
 */
extern TimestampTz caller_look_after(List *destinations);

#endif							/* JOURNEY_CALLER_H */
