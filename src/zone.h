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

/* Days of the week, as bits: Sunday is the first. */
#define EVERY_DAY 0x7F

/* A time of day, on some days of the week. */
typedef struct DayTime
{
	int64		time;			/* microseconds since midnight */
	uint8		days;
} DayTime;

/*
 * From one time of day to another; past midnight where to <= from.  The days
 * are those on which it opens.
 */
typedef struct DaySpan
{
	int64		from;			/* microseconds since midnight */
	int64		to;				/* the same, up to and with 24:00 */
	uint8		days;
} DaySpan;

/* Is that a zone's name or abbreviation that pg_tzset knows? */
extern bool zone_exists(const char *zone);

/*
 * Is the interval at most a hundred years, in each of its fields?  Any time of
 * an event and any such interval can be added.
 */
extern bool zone_fits(const Interval *span);

/* at + span by that zone's calendar: a day keeps the local hour. */
extern TimestampTz zone_add(TimestampTz at, const Interval *span, const char *zone);

/* The same backwards. */
extern TimestampTz zone_subtract(TimestampTz at, const Interval *span, const char *zone);

/*
 * The first moment, at itself or later, that reads as that time of day on one of
 * its days there.  Where the clock is put forward over it, the first moment after
 * the gap; where it is put back over it, the first of the two, so that it comes
 * once a day.  A day that a zone has left out altogether has no times.
 */
extern TimestampTz zone_next_time(TimestampTz at, const DayTime *time, const char *zone);

/*
 * Is at within the span there?  *change: when the opening that at is in ends, or
 * the next one begins.  Both ends are moments as above; where the clock is put
 * forward over a whole opening, there is none.
 */
extern bool zone_in_span(TimestampTz at, const DaySpan *span, const char *zone,
						 TimestampTz *change);

/* The local time of at in that zone, as timestamp. */
extern Timestamp zone_local(TimestampTz at, const char *zone);

#endif							/* JOURNEY_ZONE_H */
