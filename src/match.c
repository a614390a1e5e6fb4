/*-------------------------------------------------------------------------
 *
 * match.c
 *	  What one event does: DESIGN rule 1.
 *
 * First every question is asked of the members as they were before the event;
 * then the answers are carried out.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "cache.h"
#include "engine.h"
#include "zone.h"

/* What the event means to one member. */
typedef struct Reaction
{
	Member	   *member;
	bool		reaches_goal;
	const Rule *exit;
	const Rule *reset;
	Choice		move;
	bool		ends_hold;
} Reaction;

/* Is the event about that audience? */
static bool
names_audience(const Event *event, const char *audience)
{
	JsonbValue	value;

	return getKeyJsonValueFromContainer(&event->props->root, "audience",
										strlen("audience"), &value) != NULL &&
		value.type == jbvString && value.val.string.len == strlen(audience) &&
		memcmp(value.val.string.val, audience, value.val.string.len) == 0;
}

bool
rule_is_met(Step *step, const Place *place, const Rule *rule)
{
	int			sqlstate;

	if (rule->event != NULL && strcmp(rule->event, step->event->name) != 0)
		return false;
	if (rule->audience != NULL && !names_audience(step->event, rule->audience))
		return false;
	return ask_condition(step, place, rule->condition, &sqlstate) == VERDICT_TRUE;
}

/* The first of the rules that the event meets. */
static const Rule *
first_met(Step *step, const Place *place, const Rule *rules, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (rule_is_met(step, place, &rules[i]))
			return &rules[i];
	}
	return NULL;
}

static bool
within_goal(Step *step, const Place *place)
{
	const Member *member = place->member;
	const Goal *goal = &place->journey->goal;

	return goal->within == NULL ||
		step->event->at <= zone_add(member->entered_at, goal->within,
									member_zone(step, place));
}

static bool
reaches_goal(Step *step, const Member *member)
{
	Place		place = {member->journey, member, NO_TILE, NO_EDGE};
	const Goal *goal = &member->journey->goal;
	int			sqlstate;

	return goal->event != NULL && member->converted_at == NO_TIME &&
		strcmp(goal->event, step->event->name) == 0 &&
		step->event->at >= member->entered_at &&
		within_goal(step, &place) &&
		ask_condition(step, &place, goal->condition, &sqlstate) == VERDICT_TRUE;
}

/* Does the event end the hold of a wait by its condition? */
static bool
ends_hold(Step *step, const Member *before)
{
	Tile	   *tile = member_tile(before);

	return tile->type == TILE_WAIT && tile->condition != NULL &&
		before->ready_at == NO_TIME && step->event->at >= before->arrived_at &&
		wait_is_over(step, before, tile);
}

static void
react_inside(Step *step, Reaction *reaction, const Member *before)
{
	Journey    *journey = before->journey;
	Tile	   *tile = member_tile(before);
	Place		place = {journey, before, NO_TILE, NO_EDGE};

	if (step->event->at < before->entered_at)
		return;
	reaction->exit = first_met(step, &place, journey->exits, journey->nexits);
	if (reaction->exit != NULL || before->state != MEMBER_ACTIVE)
		return;
	place.tile = tile->number;
	reaction->reset = first_met(step, &place, tile->resets, tile->nresets);
	reaction->move = choose_by_event(step, before);
	if (reaction->reset == NULL && reaction->move.edge == NULL)
		reaction->ends_hold = ends_hold(step, before);
}

/* The member's journey is paused: the event waits for its end. */
static bool
is_held(const Member *member)
{
	const JourneyState *state = cache_journey(member->journey_id);

	return state != NULL && state->is_paused;
}

static void
hold_event(Step *step, Member *member)
{
	const Listeners *listeners = cache_listeners(step->event->name);

	if ((listeners != NULL && listeners->members) || member->journey->asks_always)
		step->held = lappend(step->held, member);
}

static Reaction *
react(Step *step, Member *member)
{
	Reaction   *reaction = palloc0(sizeof(Reaction));

	reaction->member = member;
	reaction->reaches_goal = reaches_goal(step, member->before);
	if (member->state == MEMBER_EXITED)
		return reaction;
	if (is_held(member))
		hold_event(step, member);
	else
		react_inside(step, reaction, member->before);
	return reaction;
}

static List *
reactions(Step *step)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);

		if (!member->broken)
			result = lappend(result, react(step, member));
	}
	return result;
}

static List *
plan_entries(Step *step)
{
	const Listeners *listeners = cache_listeners(step->event->name);
	List	   *plans = NIL;
	ListCell   *cell;

	if (listeners == NULL)
		return NIL;
	foreach(cell, listeners->entries)
	{
		EntryPlan  *plan = entry_plan_event(step, lfirst(cell));

		if (plan != NULL)
			plans = lappend(plans, plan);
	}
	return plans;
}

/*
 * The wait begins anew at the event's time; not a new visit.  A context that
 * would grow without bounds stays as it is.
 */
static void
reset_wait(Step *step, Member *member)
{
	Place		place = {member->journey, member, member->tile, NO_EDGE};

	if (!member_merge_context(member, step->event->props))
		record_failure(step, &place, ERRCODE_PROGRAM_LIMIT_EXCEEDED,
					   "context would be larger than journey.max_props");
	member->arrived_at = step->now;
	member_hold_anew(member);
}

/* What an event leads to, exit rules and goals aside. */
static void
carry_out_move(Step *step, Reaction *reaction)
{
	Member	   *member = reaction->member;

	if (reaction->reset != NULL)
		reset_wait(step, member);
	if (reaction->move.edge != NULL)
	{
		member_take(step, member, reaction->move.edge, REASON_EVENT);
		return;
	}
	step->reason = REASON_EVENT;
	if (reaction->ends_hold)
		member_end_hold(step, member);
	else if (reaction->reset != NULL)
		member_advance(step, member);
}

static void
carry_out(Step *step, Reaction *reaction)
{
	Member	   *member = reaction->member;

	if (reaction->reaches_goal)
	{
		member->converted_at = step->now;
		member_note(step, member, REASON_GOAL);
	}
	/* Its parent may have taken it along. */
	if (member->state == MEMBER_EXITED)
		return;
	if (reaction->exit != NULL)
		member_exit(step, member, REASON_EXIT_RULE, reaction->exit->outcome);
	else
		carry_out_move(step, reaction);
}

void
decide_event(Step *step, void *unused)
{
	List	   *todo = reactions(step);
	List	   *entries = plan_entries(step);
	ListCell   *cell;

	foreach(cell, todo)
		carry_out(step, lfirst(cell));
	foreach(cell, entries)
		(void) entry_carry_out(step, lfirst(cell));
}

/* Rule 8: goals were counted at once, and a replay enters nobody. */
void
decide_replay(Step *step, void *arg)
{
	Replay	   *replay = arg;
	List	   *todo = NIL;
	ListCell   *cell;

	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);
		Reaction   *reaction;

		if (member->journey_id != replay->journey || member->broken ||
			member->state == MEMBER_EXITED || member->pauses >= replay->pause)
			continue;
		reaction = palloc0(sizeof(Reaction));
		reaction->member = member;
		react_inside(step, reaction, member->before);
		todo = lappend(todo, reaction);
	}
	foreach(cell, todo)
		carry_out(step, lfirst(cell));
}
