/*-------------------------------------------------------------------------
 *
 * action.c
 *	  Sending: what an action or webhook tile leaves in the outbox.
 *
 * An action's times go by the move that made it, in the member's zone.  A member
 * that awaits the result holds the action's id; it gets the result from whoever
 * ends the action (result.c), or finds it when the action's expiry wakes it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine.h"
#include "hold.h"
#include "zone.h"

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

/* From when on it may be sent: not in the journey's quiet hours. */
static TimestampTz
first_attempt(Step *step, const Place *place)
{
	const DaySpan *quiet = place->journey->quiet_hours;
	TimestampTz end;

	if (quiet != NULL &&
		zone_in_span(step->now, quiet, member_zone(step, place), &end))
		return end;
	return step->now;
}

/* Has the step called it back already? */
static bool
is_cancelled(Step *step, const Action *action)
{
	ListCell   *cell;

	foreach(cell, step->cancels)
	{
		const Cancel *cancel = lfirst(cell);

		if (cancel->expired == NULL && cancel->member == action->member->id &&
			(!cancel->held_only || action->next_attempt_at > step->now))
			return true;
	}
	return false;
}

/* Has the customer had as many of them as the journey's cap allows? */
static bool
is_capped(Step *step, const Place *place, const Tile *tile)
{
	const Cap  *cap = place->journey->cap;
	ListCell   *cell;
	int			count;

	if (cap == NULL || !tile_has_tag(tile, cap->tag))
		return false;
	count = step->store->count_actions(step, cap->tag,
									   zone_subtract(step->now, cap->per,
													 member_zone(step, place)));
	foreach(cell, step->actions)
	{
		const Action *other = lfirst(cell);

		if (!other->suppressed && tile_has_tag(other->tile, cap->tag) &&
			!is_cancelled(step, other))
			count++;
	}
	return count >= cap->max;
}

/* Of its journey's quiet hours and cap, and that it is a webhook; or NULL. */
static Jsonb *
limits(Step *step, const Place *place, const Tile *tile)
{
	if (!hold_has_limits(place->journey, tile))
		return NULL;
	return hold_limits(place->journey, tile, member_zone(step, place));
}

/* Quiet hours and caps are for what reaches people: webhooks have neither. */
static void
schedule(Step *step, const Place *place, Action *action)
{
	const Tile *tile = action->tile;
	bool		reaches_people = tile->type == TILE_ACTION;

	action->suppressed = reaches_people && is_capped(step, place, tile);
	action->next_attempt_at = NO_TIME;
	if (!action->suppressed)
	{
		action->next_attempt_at = reaches_people ? first_attempt(step, place) : step->now;
		action->limits = limits(step, place, tile);
	}
	action->expires_at = tile->expires == NULL ? NO_TIME :
		zone_add(step->now, tile->expires, member_zone(step, place));
}

/* The member stays until the result is in, or the action has expired. */
static StepResult
await(Member *member, Action *action)
{
	StepResult	result = {.kind = STEP_WAIT, .due = NO_TIME};

	if (action->suppressed)
	{
		member->result = member_result_value(OUTCOME_SUPPRESSED, NULL);
		result.kind = STEP_READY;
		return result;
	}
	member->awaits = &action->id;
	result.again = action->expires_at;
	return result;
}

StepResult
action_enter(Step *step, Member *member, Tile *tile)
{
	Place		place = {member->journey, member, tile->number, NO_EDGE};
	Action	   *action = palloc0(sizeof(Action));
	StepResult	result = {.kind = STEP_READY};

	action->member = member;
	action->tile = tile;
	action->seq = member->seq;
	make_uuid(&action->id);
	if (!ask_template(step, &place, tile->template, &action->payload, &result.sqlstate))
	{
		result.kind = STEP_ERRED;
		return result;
	}
	schedule(step, &place, action);
	step->actions = lappend(step->actions, action);
	return tile->await ? await(member, action) : result;
}

/* The result is in. */
static StepResult
go_on(const char *outcome)
{
	return (StepResult)
	{
		.kind = outcome_is_error(outcome) ? STEP_UNDONE : STEP_READY
	};
}

StepResult
action_again(Step *step, Member *member, Tile *tile)
{
	StepResult	wait = {.kind = STEP_WAIT, .due = NO_TIME};
	Jsonb	   *response = NULL;
	const char *outcome;

	if (member->awaits == NULL)
		return go_on(member->result ? member_outcome(member->result) :
					 OUTCOME_DELIVERED);
	outcome = step->store->action_outcome(step, member->awaits, &wait.again, &response);
	if (outcome == NULL)
		return wait;
	member->result = member_result_value(outcome, response);
	member->awaits = NULL;
	if (strcmp(outcome, OUTCOME_EXPIRED) == 0)
		action_raise_expired(step, member, tile);
	return go_on(outcome);
}
