/*-------------------------------------------------------------------------
 *
 * wait.c
 *	  Holding a member.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "engine.h"
#include "zone.h"

static StepResult
ready(void)
{
	return (StepResult)
	{
		.kind = STEP_READY, .due = NO_TIME, .again = NO_TIME
	};
}

static StepResult
erred(int sqlstate)
{
	return (StepResult)
	{
		.kind = STEP_ERRED, .sqlstate = sqlstate
	};
}

/* An error of the tile that is not SQL's own; false, for the caller to return. */
static bool
complain(Step *step, const Place *place, int code, const char *message, int *sqlstate)
{
	*sqlstate = code;
	record_failure(step, place, code, message);
	return false;
}

/* "for" as SQL; false where it errs, null included (rule 12). */
static bool
hold_by_expression(Step *step, const Place *place, Expression *expr, Interval **hold,
				   int *sqlstate)
{
	Datum		value;
	bool		isnull;

	if (!ask_value(step, place, expr, &value, &isnull, sqlstate))
		return false;
	if (isnull)
		return complain(step, place, ERRCODE_NULL_VALUE_NOT_ALLOWED,
						"\"for\" is null", sqlstate);
	*hold = DatumGetIntervalP(value);
	if (!zone_fits(*hold))
		return complain(step, place, ERRCODE_INTERVAL_FIELD_OVERFLOW,
						"\"for\" is more than a hundred years", sqlstate);
	return true;
}

/* After it there must still be days for "at" and "window" to be found. */
#define LAST_UNTIL (END_TIMESTAMP - 400 * USECS_PER_DAY)

/* False where it errs, as above. */
static bool
until_by_expression(Step *step, const Place *place, Expression *expr, TimestampTz *until,
					int *sqlstate)
{
	Datum		value;
	bool		isnull;

	if (!ask_value(step, place, expr, &value, &isnull, sqlstate))
		return false;
	if (isnull)
		return complain(step, place, ERRCODE_NULL_VALUE_NOT_ALLOWED,
						"\"until\" is null", sqlstate);
	*until = DatumGetTimestampTz(value);
	if (TIMESTAMP_NOT_FINITE(*until))
		return complain(step, place, ERRCODE_DATETIME_VALUE_OUT_OF_RANGE,
						"\"until\" is infinite", sqlstate);
	if (*until > LAST_UNTIL)
		return complain(step, place, ERRCODE_DATETIME_VALUE_OUT_OF_RANGE,
						"\"until\" is out of range", sqlstate);
	return true;
}

/* The moment, or the next opening of the window after it. */
static TimestampTz
into_window(Step *step, const Place *place, const Tile *tile, TimestampTz moment)
{
	TimestampTz opening;

	if (tile->window == NULL ||
		zone_in_span(moment, tile->window, member_zone(step, place), &opening))
		return moment;
	return opening;
}

/*
 * When the hold is over that began at arrived_at: for, until, at, window, each
 * from where the one before it ends.  False: "for" erred.
 */
static bool
end_of_hold(Step *step, const Place *place, const Tile *tile, TimestampTz until,
			TimestampTz *end, int *sqlstate)
{
	Interval   *hold = tile->hold;

	*end = place->member->arrived_at;
	if (tile->hold_expr &&
		!hold_by_expression(step, place, tile->hold_expr, &hold, sqlstate))
		return false;
	if (hold != NULL)
		*end = zone_add(*end, hold, member_zone(step, place));
	*end = Max(*end, until);
	if (tile->at != NULL)
		*end = zone_next_time(*end, tile->at, member_zone(step, place));
	*end = into_window(step, place, tile, *end);

	/* Asked late, it must not open the window. */
	if (*end <= step->now)
		*end = into_window(step, place, tile, step->now);
	return true;
}

/* Only its condition ends it. */
static bool
holds_for_ever(const Tile *tile)
{
	return tile->condition && tile->hold == NULL && tile->hold_expr == NULL &&
		tile->until == NULL && tile->at == NULL && tile->window == NULL;
}

static bool
is_rechecked(const Tile *tile)
{
	return tile->condition && tile->recheck;
}

/* Held until end (NO_TIME: for ever), and asked again before that. */
static StepResult
held(Step *step, const Place *place, const Tile *tile, TimestampTz end)
{
	StepResult	result = {.kind = STEP_WAIT, .due = end, .again = NO_TIME};

	if (!is_rechecked(tile))
		return result;
	result.again = zone_add(step->now, tile->recheck, member_zone(step, place));

	/* A month less 30 days can be nothing; the timer must not stand still. */
	result.again = Max(result.again, step->now + USECS_PER_SEC);
	if (end != NO_TIME && result.again >= end)
		result.again = NO_TIME;
	return result;
}

static bool
has_past_edge(const Tile *tile)
{
	for (int i = 0; i < tile->nedges; i++)
	{
		if (tile->edges[i]->on == ON_PAST)
			return true;
	}
	return false;
}

StepResult
wait_enter(Step *step, Member *member, Tile *tile)
{
	Place		place = {member->journey, member, tile->number, NO_EDGE};
	StepResult	result = ready();
	TimestampTz until = DT_NOBEGIN;
	TimestampTz end;
	bool		is_past = false;
	int			sqlstate = 0;
	Verdict		verdict = VERDICT_FALSE;

	if (tile->condition)
		verdict = ask_condition(step, &place, tile->condition, &sqlstate);
	if (verdict == VERDICT_ERROR)
		return erred(sqlstate);
	if (verdict == VERDICT_TRUE)
		return ready();
	if (holds_for_ever(tile))
		return held(step, &place, tile, NO_TIME);

	if (tile->until &&
		!until_by_expression(step, &place, tile->until, &until, &sqlstate))
		return erred(sqlstate);
	if (until < member->arrived_at)
	{
		is_past = tile->until != NULL && has_past_edge(tile);
		until = DT_NOBEGIN;
	}
	if (!end_of_hold(step, &place, tile, until, &end, &sqlstate))
		return erred(sqlstate);
	if (end > step->now)
		result = held(step, &place, tile, end);
	if (is_past)
		result.kind = STEP_PAST;
	return result;
}

/*
 * The timer is the hold's end, or that of a recheck.  What is ready late may
 * have missed its window.
 */
StepResult
wait_again(Step *step, Member *member, Tile *tile, TimestampTz holds_until)
{
	Place		place = {member->journey, member, tile->number, NO_EDGE};
	TimestampTz end = holds_until == DT_NOEND ? NO_TIME : holds_until;
	int			sqlstate = 0;
	Verdict		verdict;

	if (end != NO_TIME && end <= step->now)
	{
		end = into_window(step, &place, tile, step->now);
		if (end <= step->now)
			return ready();
	}
	if (!is_rechecked(tile))
		return held(step, &place, tile, end);
	verdict = ask_condition(step, &place, tile->condition, &sqlstate);
	if (verdict == VERDICT_ERROR)
		return erred(sqlstate);
	return verdict == VERDICT_TRUE ? ready() : held(step, &place, tile, end);
}

bool
wait_is_over(Step *step, const Member *member, Tile *tile)
{
	Place		place = {member->journey, member, tile->number, NO_EDGE};
	int			sqlstate;

	return tile->condition &&
		ask_condition(step, &place, tile->condition, &sqlstate) == VERDICT_TRUE;
}
