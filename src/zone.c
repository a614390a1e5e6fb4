/*-------------------------------------------------------------------------
 *
 * zone.c
 *	  Times in somebody else's zone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "zone.h"

bool
zone_exists(const char *zone)
{
	pg_tz	   *tz = pg_tzset(zone);

	return tz != NULL && pg_tz_acceptable(tz);
}

bool
zone_fits(const Interval *span)
{
	const int64 days = 36525;

	return span->month >= -1200 && span->month <= 1200 &&
		span->day >= -days && span->day <= days &&
		span->time >= -days * USECS_PER_DAY && span->time <= days * USECS_PER_DAY;
}

/*
 * timestamptz arithmetic goes by session_timezone, and only 16 and later have
 * a variant that is told the zone; so the session's is replaced meanwhile.
 */
static TimestampTz
add_by_calendar(TimestampTz at, const Interval *span, pg_tz *zone)
{
	pg_tz	   *saved = session_timezone;
	volatile Datum result = 0;

	session_timezone = zone;
	PG_TRY();
	{
		result = DirectFunctionCall2(timestamptz_pl_interval,
									 TimestampTzGetDatum(at),
									 IntervalPGetDatum(span));
	}
	PG_FINALLY();
	{
		session_timezone = saved;
	}
	PG_END_TRY();
	return DatumGetTimestampTz(result);
}

/*
 * What is farther away than timestamps reach is as far as they do: a span can
 * be an author's mistake, which must not break anybody's emit.
 */
#define FARTHEST (END_TIMESTAMP - 366 * USECS_PER_DAY)
#define EARLIEST (MIN_TIMESTAMP + 366 * USECS_PER_DAY)

static double
estimate(TimestampTz at, const Interval *span)
{
	return (double) at + (double) span->time +
		((double) span->day + 31.0 * span->month) * USECS_PER_DAY;
}

TimestampTz
zone_add(TimestampTz at, const Interval *span, const char *zone)
{
	pg_tz	   *tz;

	if (estimate(at, span) >= FARTHEST)
		return FARTHEST;
	if (estimate(at, span) <= EARLIEST)
		return EARLIEST;
	if (span->day == 0 && span->month == 0)
		return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
													   TimestampTzGetDatum(at),
													   IntervalPGetDatum(span)));
	tz = pg_tzset(zone);
	return add_by_calendar(at, span, tz ? tz : pg_tzset("UTC"));
}

Timestamp
zone_local(TimestampTz at, const char *zone)
{
	pg_tz	   *tz = pg_tzset(zone);
	struct pg_tm local;
	fsec_t		fsec;
	int			offset;
	Timestamp	result;

	if (timestamp2tm(at, &offset, &local, &fsec, NULL, tz ? tz : pg_tzset("UTC")) != 0 ||
		tm2timestamp(&local, fsec, NULL, &result) != 0)
		ereport(ERROR,
				errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				errmsg("timestamp out of range"));
	return result;
}
