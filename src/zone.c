/*-------------------------------------------------------------------------
 *
 * zone.c
 *	  Times in somebody else's zone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "zone.h"

/*
 * The server takes POSIX rules, such as "AAA5BBB", for zones too, and keeps each
 * that it was ever asked for.  There is no end of those, and a zone can come
 * from a customer's traits.  A name without digits is a file's, or nothing.
 */
static bool
is_posix_rule(const char *zone)
{
	static const char *const names[] = {
		"EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT", "GMT0", "GMT+0", "GMT-0"
	};

	if (strpbrk(zone, "0123456789") == NULL)
		return false;
	for (int i = 0; i < lengthof(names); i++)
	{
		if (pg_strcasecmp(zone, names[i]) == 0)
			return false;
	}
	return pg_strncasecmp(zone, "Etc/GMT", 7) != 0 || strlen(zone) > strlen("Etc/GMT+12");
}

bool
zone_exists(const char *zone)
{
	pg_tz	   *tz = is_posix_rule(zone) ? NULL : pg_tzset(zone);

	return tz != NULL && pg_tz_acceptable(tz);
}

/* A zone that was there when it was chosen, and is not any more, is UTC. */
static pg_tz *
find_zone(const char *zone)
{
	pg_tz	   *tz = pg_tzset(zone);

	return tz ? tz : pg_tzset("UTC");
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

TimestampTz
zone_add(TimestampTz at, const Interval *span, const char *zone)
{
	if (span->day == 0 && span->month == 0)
		return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
													   TimestampTzGetDatum(at),
													   IntervalPGetDatum(span)));
	return add_by_calendar(at, span, find_zone(zone));
}

TimestampTz
zone_subtract(TimestampTz at, const Interval *span, const char *zone)
{
	Interval	back;

	back.time = -span->time;
	back.day = -span->day;
	back.month = -span->month;
	return zone_add(at, &back, zone);
}

static void
out_of_range(void)
{
	ereport(ERROR,
			errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
			errmsg("timestamp out of range"));
}

Timestamp
zone_local(TimestampTz at, const char *zone)
{
	struct pg_tm local;
	fsec_t		fsec;
	int			offset;
	Timestamp	result = 0;

	if (timestamp2tm(at, &offset, &local, &fsec, NULL, find_zone(zone)) != 0 ||
		tm2timestamp(&local, fsec, NULL, &result) != 0)
		out_of_range();
	return result;
}

/* ---- the clock on the wall ---- */

/*
 * Some time during which the clock is neither put forward nor back: what it
 * shows is the moment + offset.
 */
typedef struct Stretch
{
	int64		offset;			/* microseconds, positive in the east */
	TimestampTz end;			/* the first moment after it; DT_NOEND: none */
} Stretch;

/* Seconds from 1970, by which zones go, to 2000, by which timestamps do. */
#define SECONDS_TO_2000 \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/* No zone is a day away from UTC, and none ever changed by more than a day. */
#define FAR_OFF (3 * USECS_PER_DAY)

/* a / b, rounded down. */
static int64
divide(int64 a, int64 b)
{
	return a / b - (a % b < 0);
}

/* What is left of the stretch that at is in. */
static Stretch
stretch_at(TimestampTz at, const pg_tz *tz)
{
	pg_time_t	seconds = divide(at, USECS_PER_SEC) + SECONDS_TO_2000;
	pg_time_t	change;
	long		before;
	long		after;
	int			before_isdst;
	int			after_isdst;
	int			found = pg_next_dst_boundary(&seconds, &before, &before_isdst, &change,
											 &after, &after_isdst, tz);
	Stretch		stretch = {0, DT_NOEND};

	if (found < 0)
		out_of_range();
	stretch.offset = before * USECS_PER_SEC;
	if (found > 0 && change - SECONDS_TO_2000 < END_TIMESTAMP / USECS_PER_SEC)
		stretch.end = (change - SECONDS_TO_2000) * USECS_PER_SEC;
	return stretch;
}

/* The date there, as days from 2000. */
static int64
local_day(TimestampTz at, const pg_tz *tz)
{
	if (!IS_VALID_TIMESTAMP(at))
		out_of_range();
	return divide(at + stretch_at(at, tz).offset, USECS_PER_DAY);
}

/*
 * The first moment at which the clock there shows that time of that day, or, if
 * it never does, has been put forward over it.
 */
static TimestampTz
moment_of(int64 day, int64 time, const pg_tz *tz)
{
	TimestampTz local;
	TimestampTz start;

	if (pg_mul_s64_overflow(day, USECS_PER_DAY, &local) ||
		pg_add_s64_overflow(local, time, &local) || local > END_TIMESTAMP - FAR_OFF)
		out_of_range();
	start = local - FAR_OFF;
	for (;;)
	{
		Stretch		stretch = stretch_at(start, tz);
		TimestampTz moment = local - stretch.offset;

		if (moment < stretch.end)
			return Max(moment, start);
		start = stretch.end;
	}
}

/* Samoa had no 30 December 2011. */
static bool
day_exists(int64 day, const pg_tz *tz)
{
	return moment_of(day, 0, tz) < moment_of(day + 1, 0, tz);
}

/* Is it one of the days, and is there such a day? */
static bool
is_among(int64 day, uint8 days, const pg_tz *tz)
{
	int			weekday = j2day((int) (day + POSTGRES_EPOCH_JDATE));

	return (days & (1 << weekday)) != 0 && day_exists(day, tz);
}

/* A week without the only day that counts, and the days around it. */
#define MAX_DAYS 20

TimestampTz
zone_next_time(TimestampTz at, const DayTime *time, const char *zone)
{
	pg_tz	   *tz = find_zone(zone);
	int64		today = local_day(at, tz);

	/* Yesterday's may have become today's, with a gap over midnight. */
	for (int64 day = today - 1; day < today + MAX_DAYS; day++)
	{
		TimestampTz moment = moment_of(day, time->time, tz);

		if (moment >= at && is_among(day, time->days, tz))
			return moment;
	}
	out_of_range();				/* no day is among time->days */
	return at;					/* not reached */
}

bool
zone_in_span(TimestampTz at, const DaySpan *span, const char *zone, TimestampTz *change)
{
	pg_tz	   *tz = find_zone(zone);
	int64		today = local_day(at, tz);
	int			nights = span->to <= span->from ? 1 : 0;

	/* What opened yesterday may be open, and today may come twice. */
	for (int64 day = today - 2; day < today + MAX_DAYS; day++)
	{
		TimestampTz from = moment_of(day, span->from, tz);
		TimestampTz to = moment_of(day + nights, span->to, tz);

		/* Nothing is left of a span that the clock is put forward over. */
		if (to <= at || to <= from || !is_among(day, span->days, tz))
			continue;
		*change = from <= at ? to : from;
		return from <= at;
	}
	out_of_range();				/* no day is among span->days */
	return false;				/* not reached */
}
