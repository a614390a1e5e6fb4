/*-------------------------------------------------------------------------
 *
 * sender_timing.c
 *	  How long attempts take: p50 and p99 of the last of them, for people.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "sender.h"
#include "sql.h"

#define WRITE_EVERY 1000		/* ms */

void
timing_note(Timings *timings, double seconds)
{
	timings->ms[timings->next] = seconds * 1000;
	timings->next = (timings->next + 1) % TIMINGS;
	timings->n = Min(timings->n + 1, TIMINGS);
	timings->is_dirty = true;
}

static int
compare(const void *a, const void *b)
{
	float		x = *(const float *) a;
	float		y = *(const float *) b;

	return (x > y) - (x < y);
}

/* The smallest that so many of a hundred do not exceed. */
static double
percentile(const float *sorted, int n, int percent)
{
	return sorted[(n * percent + 99) / 100 - 1];
}

/*
 * Part 0 is the sender's alone; its counts are in the others.  Somebody who holds it
 * (journey_destination_drop) is not waited for: it is written the next time, then.
 */
static void
write_row(Flow *flow)
{
	static SqlPlan plan = {
		"WITH held AS MATERIALIZED (SELECT FROM journey.delivery_total"
		" WHERE destination OPERATOR(pg_catalog.=) $1 AND part OPERATOR(pg_catalog.=) 0"
		" FOR NO KEY UPDATE SKIP LOCKED),"
		" written AS (UPDATE journey.delivery_total SET p50 = $2, p99 = $3"
		" WHERE destination OPERATOR(pg_catalog.=) $1 AND part OPERATOR(pg_catalog.=) 0"
		" AND EXISTS (SELECT FROM held) RETURNING 1),"
		" made AS (INSERT INTO journey.delivery_total"
		" (destination, part, delivered, failed, dead, p50, p99)"
		" SELECT $1, 0, 0, 0, 0, $2, $3"
		" WHERE NOT EXISTS (SELECT FROM journey.delivery_total"
		" WHERE destination OPERATOR(pg_catalog.=) $1 AND part OPERATOR(pg_catalog.=) 0)"
		" RETURNING 1)"
		" SELECT FROM written UNION ALL SELECT FROM made",
		3, {TEXTOID, FLOAT8OID, FLOAT8OID}
	};
	Timings    *timings = &flow->timings;
	float		sorted[TIMINGS];
	Datum		values[3];
	SqlSession	session;

	memcpy(sorted, timings->ms, timings->n * sizeof(float));
	qsort(sorted, timings->n, sizeof(float), compare);
	values[0] = PointerGetDatum(flow->name_text);
	values[1] = Float8GetDatum(percentile(sorted, timings->n, 50));
	values[2] = Float8GetDatum(percentile(sorted, timings->n, 99));
	sql_begin(&session);
	timings->is_written = sql_run(&plan, values, NULL) > 0;
	sql_end(&session);
}

int64
timing_wakes_at(const Timings *timings)
{
	return timings->is_dirty ? timings->written_at + WRITE_EVERY * MS : NEVER;
}

void
timings_write(Sender *sender)
{
	int64		now = sender_clock();
	ListCell   *cell;

	foreach(cell, sender->flows)
	{
		Flow	   *flow = lfirst(cell);

		if (timing_wakes_at(&flow->timings) > now)
			continue;
		flow->timings.written_at = now;
		if (flow->is_gone)
			flow->timings.is_written = true;
		else
			write_row(flow);
	}
}
