/*-------------------------------------------------------------------------
 *
 * destination_function.h
 *	  The function that a destination of kind sql calls for each action.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_DESTINATION_FUNCTION_H
#define JOURNEY_DESTINATION_FUNCTION_H

#include "postgres.h"

#include "destination.h"

/* The destination's owner; raises 42704 where the role is gone, 42501 where it may not own. */
extern Oid	destination_owner(const Destination *destination);

/*
 * The function as of now, locked against being dropped or given away until the
 * transaction ends.  Raises where there is none of that name for (id uuid, customer
 * text, payload jsonb) exactly, where it is not its owner's any more or he may not
 * call it, and where it is none that can be called so.
 */
extern Oid	destination_function(const Destination *destination);

#endif							/* JOURNEY_DESTINATION_FUNCTION_H */
