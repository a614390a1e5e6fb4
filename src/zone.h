/*-------------------------------------------------------------------------
 *
 * zone.h
 *	  Times in somebody else's zone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_ZONE_H
#define JOURNEY_ZONE_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* Is that a zone's name or abbreviation that pg_tzset knows? */
extern bool zone_exists(const char *zone);

/*
 * Is the interval at most a hundred years, in each of its fields?  Any time of
 * an event and any such interval can be added.
 */
extern bool zone_fits(const Interval *span);

/* at + span by that zone's calendar: a day keeps the local hour. */
extern TimestampTz zone_add(TimestampTz at, const Interval *span, const char *zone);

/* The local time of at in that zone, as timestamp. */
extern Timestamp zone_local(TimestampTz at, const char *zone);

#endif							/* JOURNEY_ZONE_H */
