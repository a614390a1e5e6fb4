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
		.kind = STEP_READY
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

/* What an author's interval cannot be, as an error of its own. */
static const char *
complain_of_hold(const Interval *hold, int *sqlstate)
{
	if (hold == NULL)
	{
		*sqlstate = ERRCODE_NULL_VALUE_NOT_ALLOWED;
		return "\"for\" is null";
	}
	if (!zone_fits(hold))
	{
		*sqlstate = ERRCODE_INTERVAL_FIELD_OVERFLOW;
		return "\"for\" is more than a hundred years";
	}
	return NULL;
}

/* "for" as SQL; false where it errs, null included (rule 12). */
static bool
hold_by_expression(Step *step, const Place *place, Expression *expr, Interval **hold,
				   int *sqlstate)
{
	Datum		value;
	bool		isnull;
	const char *complaint;

	if (!ask_value(step, place, expr, &value, &isnull, sqlstate))
		return false;
	*hold = isnull ? NULL : DatumGetIntervalP(value);
	complaint = complain_of_hold(*hold, sqlstate);
	if (complaint != NULL)
		record_failure(step, place, *sqlstate, complaint);
	return complaint == NULL;
}

StepResult
wait_enter(Step *step, Member *member, Tile *tile)
{
	Place		place = {member->journey, member, tile->number, NO_EDGE};
	Interval   *hold = tile->hold;
	TimestampTz due;
	int			sqlstate = 0;

	if (tile->hold_expr &&
		!hold_by_expression(step, &place, tile->hold_expr, &hold, &sqlstate))
		return erred(sqlstate);
	if (hold == NULL)
		return ready();
	due = zone_add(member->arrived_at, hold, member_zone(step, &place));
	if (due <= step->now)
		return ready();
	return (StepResult)
	{
		.kind = STEP_WAIT, .due = due, .again = NO_TIME
	};
}

StepResult
wait_again(Step *step, Member *member, Tile *tile, TimestampTz holds_until)
{
	return ready();
}

bool
wait_is_over(Step *step, const Member *member, Tile *tile)
{
	return false;
}
