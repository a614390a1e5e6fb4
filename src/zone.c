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
	pg_tz	   *tz;

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
