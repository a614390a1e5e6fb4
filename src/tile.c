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
