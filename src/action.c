/*-------------------------------------------------------------------------
 *
 * action.c
 *	  Sending: what an action tile leaves in the outbox.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine.h"

/* A random (version 4) uuid. */
static void
make_uuid(pg_uuid_t *uuid)
{
	if (!pg_strong_random(uuid->data, UUID_LEN))
		ereport(ERROR,
				errcode(ERRCODE_INTERNAL_ERROR),
				errmsg("could not generate random values"));
	uuid->data[6] = (uuid->data[6] & 0x0f) | 0x40;
	uuid->data[8] = (uuid->data[8] & 0x3f) | 0x80;
}

StepResult
action_enter(Step *step, Member *member, Tile *tile)
{
	Place		place = {member->journey, member, tile->number, NO_EDGE};
	Action	   *action = palloc0(sizeof(Action));
	StepResult	result = {.kind = STEP_READY};

	action->member = member;
	action->tile = tile;
	action->next_attempt_at = step->now;
	action->expires_at = NO_TIME;
	make_uuid(&action->id);
	if (ask_template(step, &place, tile->template, &action->payload, &result.sqlstate))
		step->actions = lappend(step->actions, action);
	else
		result.kind = STEP_ERRED;
	return result;
}

StepResult
action_again(Step *step, Member *member, Tile *tile)
{
	return (StepResult)
	{
		.kind = STEP_READY
	};
}
