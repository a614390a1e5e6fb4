/*-------------------------------------------------------------------------
 *
 * sender_breaker.c
 *	  A destination that fails again and again is left alone for a while.
 *
 * After so many failures in a row nothing is sent there for a pause, which doubles
 * each time; then one attempt, the probe, tells whether the others may follow.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "sender.h"
#include "sql.h"

#define LONGEST_PAUSE (10 * 60 * 1000)	/* ms, unless the first is longer */

static const char *const states[] = {
	[BREAKER_CLOSED] = "closed",
	[BREAKER_OPEN] = "open",
	[BREAKER_HALF_OPEN] = "half_open"
};

void
breaker_read(Breaker *breaker, const char *state, TimestampTz until)
{
	int64		left = until == NO_TIME ? 0 : until - GetCurrentTimestamp();

	if (breaker->is_dirty || strcmp(states[breaker->state], state) == 0)
		return;
	if (strcmp(state, states[BREAKER_CLOSED]) == 0)
	{
		breaker->state = BREAKER_CLOSED;
		breaker->failures = breaker->pause = 0;
		return;
	}
	/* A clock that was set makes nobody wait for longer than any pause lasts. */
	breaker->state = BREAKER_OPEN;
	breaker->until_at = sender_clock() + Max(Min(left, LONGEST_PAUSE * MS), 0);
}

static void
set_state(Breaker *breaker, BreakerState state)
{
	breaker->state = state;
	breaker->is_dirty = true;
	breaker->write_at = 0;
}

static void
open_breaker(Flow *flow)
{
	Breaker    *breaker = &flow->breaker;
	int			first = flow->destination->breaker_pause;

	if (breaker->pause == 0)
		breaker->pause = first;
	else
		breaker->pause = Max(Min(breaker->pause * 2, LONGEST_PAUSE), first);
	breaker->until_at = sender_clock() + breaker->pause * MS;
	set_state(breaker, BREAKER_OPEN);
}

/* Those that were under way when it opened change nothing any more. */
void
breaker_note(Flow *flow, const Flight *flight, bool is_trouble)
{
	Breaker    *breaker = &flow->breaker;
	int			most = flow->destination->breaker_failures;

	if (flight->is_probe)
		breaker->has_probe = false;
	if (breaker->state != BREAKER_CLOSED && !flight->is_probe)
		return;
	breaker->failures = is_trouble ? breaker->failures + 1 : 0;
	if (breaker->state == BREAKER_CLOSED)
	{
		if (most > 0 && breaker->failures >= most)
			open_breaker(flow);
	}
	else if (breaker->state == BREAKER_HALF_OPEN && is_trouble && most > 0)
		open_breaker(flow);
	else
		breaker_close(breaker);
}

/* Of those that were answered when it opened, the last is good enough. */
void
breaker_note_error(Breaker *breaker, const char *error)
{
	if (error != NULL)
		strlcpy(breaker->problem, error,
				pg_mbcliplen(error, strlen(error), MAX_PROBLEM - 1) + 1);
}

void
breaker_close(Breaker *breaker)
{
	if (breaker->state == BREAKER_CLOSED)
		return;
	breaker->failures = breaker->pause = 0;
	set_state(breaker, BREAKER_CLOSED);
}

bool
breaker_probe(Breaker *breaker)
{
	if (breaker->state == BREAKER_CLOSED)
		return false;
	if (breaker->state == BREAKER_OPEN)
		set_state(breaker, BREAKER_HALF_OPEN);
	breaker->has_probe = true;
	return true;
}

bool
breaker_is_due(const Breaker *breaker, int64 now)
{
	return breaker->is_dirty && breaker->write_at <= now;
}

/* False: somebody holds the row, and is not waited for. */
static bool
write_row(const Flow *flow)
{
	static SqlPlan plan = {
		"WITH held AS MATERIALIZED (SELECT d.name FROM journey.destination d"
		" WHERE d.name OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE SKIP LOCKED)"
		" UPDATE journey.destination d SET breaker = $2, breaker_until = $3,"
		" problem = $4 FROM held"
		" WHERE d.name OPERATOR(pg_catalog.=) held.name",
		4, {TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID}
	};
	const Breaker *breaker = &flow->breaker;
	int64		left = breaker->until_at - sender_clock();
	Datum		values[] = {PointerGetDatum(flow->name_text),
		CStringGetTextDatum(states[breaker->state]),
		TimestampTzGetDatum(GetCurrentTimestamp() + left),
	CStringGetTextDatum(breaker->problem)};
	bool		nulls[] = {false, false, breaker->state != BREAKER_OPEN,
	breaker->state == BREAKER_CLOSED || breaker->problem[0] == '\0'};
	SqlSession	session;
	bool		written;

	sql_begin(&session);
	written = sql_run(&plan, values, nulls) > 0;
	sql_end(&session);
	return written || flow->is_gone;
}

void
breakers_write(Sender *sender)
{
	int64		now = sender_clock();
	ListCell   *cell;

	foreach(cell, sender->flows)
	{
		Flow	   *flow = lfirst(cell);

		if (!breaker_is_due(&flow->breaker, now))
			continue;
		if (write_row(flow))
			flow->breaker.is_written = true;
		else
			flow->breaker.write_at = now + LONGEST_RETRY * MS;
	}
}
