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

/*
 * destination_parse(); of one that is stored keys that we do not know are passed
 * over.
 */
extern Destination *destination_read(const char *name, const char *kind, Jsonb *config,
									 bool is_stored);

#endif							/* JOURNEY_DESTINATION_READ_H */
