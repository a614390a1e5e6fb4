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

#include "binding.h"
#include "engine.h"
#include "guc.h"

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

/*
 * The user's own table is written after this step, and what is written is asked
 * only then: see follow.c.
 */
static StepResult
raise_patch(Step *step, Member *member, Tile *tile)
{
	Raised	   *raised = palloc0(sizeof(Raised));

	raised->kind = RAISED_PATCH;
	raised->journey = member->journey;
	raised->member = member->id;
	raised->tile = tile->number;
	raised->step_event = step->event;
	raised->step_props = step->props;
	raised->due_at = step->due_at;
	raised->depth = step->depth + 1;
	raised->tries = member->tries;
	step->raised = lappend(step->raised, raised);
	return (StepResult)
	{
		.kind = STEP_WAIT, .due = NO_TIME, .again = NO_TIME
	};
}

Jsonb *
tile_patch(Step *step, const Member *member, Tile *tile, int *sqlstate)
{
	Place		place = {member->journey, member, tile->number, NO_EDGE};
	Jsonb	   *patch;

	if (!ask_template(step, &place, tile->template, &patch, sqlstate))
		return NULL;
	if (JB_ROOT_IS_OBJECT(patch))
		return patch;
	*sqlstate = ERRCODE_INVALID_PARAMETER_VALUE;
	record_failure(step, &place, *sqlstate, "\"set\" does not give an object");
	return NULL;
}

static StepResult
update_profile_enter(Step *step, Member *member, Tile *tile)
{
	Jsonb	   *patch;
	int			sqlstate = 0;

	if (binding_get() != NULL)
		return raise_patch(step, member, tile);
	patch = tile_patch(step, member, tile, &sqlstate);
	if (patch == NULL)
		return erred(sqlstate);
	step_patch_profile(step, member->journey, patch);
	return ready();
}

/* The key of the child: the member's own, unless the tile says; false: erred. */
static bool
child_key(Step *step, const Place *place, Tile *tile, text **key, int *sqlstate)
{
	Datum		value;
	bool		isnull;

	*key = place->member->key;
	if (tile->child_key == NULL)
		return true;
	if (!ask_value(step, place, tile->child_key, &value, &isnull, sqlstate))
		return false;
	if (!isnull && VARSIZE_ANY_EXHDR(DatumGetTextPP(value)) <= MAX_CUSTOMER_LENGTH)
	{
		*key = DatumGetTextPP(value);
		return true;
	}
	*sqlstate = isnull ? ERRCODE_NULL_VALUE_NOT_ALLOWED : ERRCODE_STRING_DATA_RIGHT_TRUNCATION;
	record_failure(step, place, *sqlstate, isnull ? "\"key\" is null" :
				   psprintf("\"key\" is longer than %d bytes", MAX_CUSTOMER_LENGTH));
	return false;
}

/* A context is an object, and no larger than an event's props. */
static bool
check_context(Step *step, const Place *place, Jsonb *context, int *sqlstate)
{
	if (!JB_ROOT_IS_OBJECT(context))
	{
		*sqlstate = ERRCODE_INVALID_PARAMETER_VALUE;
		record_failure(step, place, *sqlstate, "\"context\" does not give an object");
		return false;
	}
	if (VARSIZE(context) > guc_max_props + VARHDRSZ)
	{
		*sqlstate = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		record_failure(step, place, *sqlstate,
					   "\"context\" is larger than journey.max_props");
		return false;
	}
	return true;
}

/* The child enters after this step: see follow.c. */
static StepResult
sub_journey_enter(Step *step, Member *member, Tile *tile)
{
	Place		place = {member->journey, member, tile->number, NO_EDGE};
	Raised	   *raised = palloc0(sizeof(Raised));
	int			sqlstate = 0;

	raised->kind = RAISED_CHILD;
	raised->journey = member->journey;
	raised->member = member->id;
	raised->tile = tile->number;
	if (!child_key(step, &place, tile, &raised->key, &sqlstate) ||
		!ask_template(step, &place, tile->template, &raised->context, &sqlstate))
		return erred(sqlstate);
	if (!check_context(step, &place, raised->context, &sqlstate))
		return erred(sqlstate);
	step->raised = lappend(step->raised, raised);
	if (!tile->await)
		return ready();
	return (StepResult)
	{
		.kind = STEP_WAIT, .due = NO_TIME, .again = NO_TIME
	};
}

typedef StepResult (*TileEnter) (Step *step, Member *member, Tile *tile);

static const TileEnter enter_by_type[] = {
	[TILE_ENTRY] = pass_enter,
	[TILE_WAIT] = wait_enter,
	[TILE_BRANCH] = pass_enter,
	[TILE_ACTION] = action_enter,
	[TILE_WEBHOOK] = action_enter,
	[TILE_UPDATE_PROFILE] = update_profile_enter,
	[TILE_SUB_JOURNEY] = sub_journey_enter,
	[TILE_EXIT] = exit_enter
};

StepResult
tile_enter(Step *step, Member *member, Tile *tile)
{
	return enter_by_type[tile->type] (step, member, tile);
}

StepResult
tile_again(Step *step, Member *member, Tile *tile, TimestampTz holds_until)
{
	if (tile->type == TILE_WAIT)
		return wait_again(step, member, tile, holds_until);
	if (tile_sends(tile) && tile->await)
		return action_again(step, member, tile);
	/* The result of a child that ended while the journey was paused. */
	return (StepResult)
	{
		.kind = tile->type == TILE_SUB_JOURNEY && member->result != NULL &&
			result_is_error(tile, member_outcome(member->result)) ?
			STEP_UNDONE : STEP_READY
	};
}
