/*-------------------------------------------------------------------------
 *
 * tile.c
 *	  What arriving at a tile does, by type.  Tiles never call the engine: they
 *	  say what became of the member, and the engine acts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "engine.h"
#include "profile.h"
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

static StepResult
pass_enter(Step *step, Member *member, Tile *tile)
{
	return ready();
}

static StepResult
exit_enter(Step *step, Member *member, Tile *tile)
{
	return (StepResult)
	{
		.kind = STEP_END, .outcome = tile->outcome
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

static StepResult
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
		.kind = STEP_WAIT, .due = due
	};
}

static StepResult
action_enter(Step *step, Member *member, Tile *tile)
{
	Place		place = {member->journey, member, tile->number, NO_EDGE};
	Action	   *action = palloc(sizeof(Action));
	int			sqlstate = 0;

	action->member = member;
	action->tile = tile;
	if (!ask_template(step, &place, tile->template, &action->payload, &sqlstate))
		return erred(sqlstate);
	step->actions = lappend(step->actions, action);
	return ready();
}

static StepResult
update_profile_enter(Step *step, Member *member, Tile *tile)
{
	Place		place = {member->journey, member, tile->number, NO_EDGE};
	Jsonb	   *patch;
	int			sqlstate = 0;

	if (!ask_template(step, &place, tile->template, &patch, &sqlstate))
		return erred(sqlstate);
	if (!JB_ROOT_IS_OBJECT(patch))
	{
		sqlstate = ERRCODE_INVALID_PARAMETER_VALUE;
		record_failure(step, &place, sqlstate, "\"set\" does not give an object");
		return erred(sqlstate);
	}
	step->traits = profile_merge(step_traits(step), patch);
	step->patches = lappend(step->patches, patch);
	return ready();
}

typedef StepResult (*TileEnter) (Step *step, Member *member, Tile *tile);

static const TileEnter enter_by_type[] = {
	[TILE_ENTRY] = pass_enter,
	[TILE_WAIT] = wait_enter,
	[TILE_BRANCH] = pass_enter,
	[TILE_ACTION] = action_enter,
	[TILE_UPDATE_PROFILE] = update_profile_enter,
	[TILE_EXIT] = exit_enter
};

StepResult
tile_enter(Step *step, Member *member, Tile *tile)
{
	return enter_by_type[tile->type] (step, member, tile);
}
