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
} Reaction;

/* That the event starts a run of a journey. */
typedef struct EntryPlan
{
	Journey    *journey;
	const Rule *trigger;
	text	   *key;
	Member	   *restarts;		/* the open member that it replaces, or NULL */
} EntryPlan;

/* The first of the rules that the event meets. */
static const Rule *
first_met(Step *step, const Place *place, const Rule *rules, int n)
{
	for (int i = 0; i < n; i++)
	{
		int			sqlstate;

		if (strcmp(rules[i].event, step->event->name) == 0 &&
			ask_condition(step, place, rules[i].condition, &sqlstate) == VERDICT_TRUE)
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
}

static List *
reactions(Step *step)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);
		Reaction   *reaction = palloc0(sizeof(Reaction));

		if (member->broken)
			continue;
		reaction->member = member;
		reaction->reaches_goal = reaches_goal(step, member->before);
		if (member->state != MEMBER_EXITED)
			react_inside(step, reaction, member->before);
		result = lappend(result, reaction);
	}
	return result;
}

/* The key that an entering member would have; NULL: it cannot enter. */
text *
entry_key(Step *step, Journey *journey)
{
	Place		place = {journey, NULL, journey->entry->number, NO_EDGE};
	Datum		value;
	bool		isnull;
	int			sqlstate;
	text	   *key;

	if (journey->key == NULL)
		return cstring_to_text("");
	if (!ask_value(step, &place, journey->key, &value, &isnull, &sqlstate))
		return NULL;
	if (isnull)
	{
		record_failure(step, &place, ERRCODE_NULL_VALUE_NOT_ALLOWED,
					   "key is null");
		return NULL;
	}
	key = DatumGetTextPP(value);
	if (VARSIZE_ANY_EXHDR(key) <= MAX_CUSTOMER_LENGTH)
		return key;
	record_failure(step, &place, ERRCODE_STRING_DATA_RIGHT_TRUNCATION,
				   psprintf("key is longer than %d bytes", MAX_CUSTOMER_LENGTH));
	return NULL;
}

/* The customer's open member of that key, as it was before the step. */
Member *
find_inside(Step *step, Journey *journey, const text *key)
{
	ListCell   *cell;

	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);

		if (member->journey_id == journey->id &&
			member->before->state != MEMBER_EXITED && text_is(member->key, key))
			return member;
	}
	return NULL;
}

/* Only the first trigger that matches counts. */
static const Rule *
matching_trigger(Step *step, Journey *journey)
{
	for (int i = 0; i < journey->ntriggers; i++)
	{
		const Rule *trigger = &journey->triggers[i];
		Place		place = {journey, NULL, journey->entry->number,
		trigger->edge ? trigger->edge->position : NO_EDGE};
		int			sqlstate;

		if (strcmp(trigger->event, step->event->name) == 0 &&
			ask_condition(step, &place, trigger->condition, &sqlstate) == VERDICT_TRUE)
			return trigger;
	}
	return NULL;
}

static EntryPlan *
plan_entry(Step *step, Journey *journey)
{
	EntryPlan  *plan;
	const Rule *trigger = matching_trigger(step, journey);
	text	   *key = trigger ? entry_key(step, journey) : NULL;
	Member	   *inside;

	if (key == NULL)
		return NULL;
	inside = find_inside(step, journey, key);
	if (inside != NULL && journey->on_active == ON_ACTIVE_IGNORE)
		return NULL;
	plan = palloc(sizeof(EntryPlan));
	plan->journey = journey;
	plan->trigger = trigger;
	plan->key = key;
	plan->restarts = inside;
	return plan;
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
		EntryPlan  *plan = plan_entry(step, lfirst(cell));

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
	member->ready_at = NO_TIME;
	member->due_at = NO_TIME;
	member->tries = 0;
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
	if (reaction->exit != NULL)
	{
		member_exit(step, member, REASON_EXIT_RULE, reaction->exit->outcome);
		return;
	}
	if (reaction->reset != NULL)
		reset_wait(step, member);
	if (reaction->move.edge != NULL)
		member_take(step, member, reaction->move.edge, REASON_EVENT);
	else if (reaction->reset != NULL)
	{
		step->reason = REASON_EVENT;
		member_advance(step, member);
	}
}

static void
carry_out_entry(Step *step, EntryPlan *plan)
{
	Member	   *member;

	if (plan->restarts != NULL && plan->restarts->state != MEMBER_EXITED)
		member_exit(step, plan->restarts, REASON_RESTARTED, "restarted");
	member = step_new_member(step, plan->journey, plan->key, step->event->props);
	member->replaces = plan->restarts != NULL;
	member_enter(step, member, plan->trigger->edge);
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
		carry_out_entry(step, lfirst(cell));
}
