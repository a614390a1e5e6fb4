/*-------------------------------------------------------------------------
 *
 * destination_read.h
 *	  From a destination's configuration to a Destination, by tables of keys.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_DESTINATION_READ_H
#define JOURNEY_DESTINATION_READ_H

#include "postgres.h"

#include "destination.h"

typedef enum ConfigUse
{
	CONFIG_NEW,
	CONFIG_CHANGE,				/* takes the place of another */
	CONFIG_STORED				/* checked before: keys that we do not know
								 * are passed over */
} ConfigUse;

extern Destination *destination_read(const char *name, const char *kind, Jsonb *config,
									 ConfigUse use);

#endif							/* JOURNEY_DESTINATION_READ_H */
