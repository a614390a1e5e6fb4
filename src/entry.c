/*-------------------------------------------------------------------------
 *
 * entry.c
 *	  Entering a journey: triggers, keys, and the rules of who may.
 *
 * A plan is made while the step's questions are asked, of the members as they
 * were before; it is carried out after them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "cache.h"
#include "engine.h"
#include "zone.h"

/* ---- keys ---- */

/* Complain of a key that nobody can have; true: it is one. */
static bool
check_key(Step *step, const Place *place, const text *key)
{
	if (key == NULL)
		record_failure(step, place, ERRCODE_NULL_VALUE_NOT_ALLOWED, "key is null");
	else if (VARSIZE_ANY_EXHDR(key) > MAX_CUSTOMER_LENGTH)
		record_failure(step, place, ERRCODE_STRING_DATA_RIGHT_TRUNCATION,
					   psprintf("key is longer than %d bytes", MAX_CUSTOMER_LENGTH));
	else
		return true;
	return false;
}

/* The key that an entering member would have; NULL: it cannot enter. */
static text *
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
	key = isnull ? NULL : DatumGetTextPP(value);
	return check_key(step, &place, key) ? key : NULL;
}

/* The customer's open member of that key, as it was before the step. */
static Member *
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

/* ---- rules ---- */

/* Reentry and cooldown, of a customer with no member of that key inside. */
static bool
history_allows(Step *step, const EntryPlan *plan)
{
	Journey    *journey = plan->journey;
	Place		place = {journey, NULL, journey->entry->number, NO_EDGE};
	const EntryHistory *history = &plan->history;

	if (journey->never_again && history->had_key)
		return false;
	return journey->cooldown == NULL || history->last_entry == NO_TIME ||
		zone_add(history->last_entry, journey->cooldown,
				 member_zone(step, &place)) <= step->now;
}

EntryPlan *
entry_plan_key(Step *step, Journey *journey, text *key, Jsonb *context)
{
	EntryPlan  *plan = palloc0(sizeof(EntryPlan));

	if (journey->only && !step->store->in_audience(step, journey->only))
		return NULL;
	plan->journey = journey;
	plan->key = key;
	plan->context = context;
	plan->inside = find_inside(step, journey, key);
	if (plan->inside != NULL)
		return journey->on_active == ON_ACTIVE_IGNORE ? NULL : plan;
	if (!journey->never_again && journey->cooldown == NULL)
		return plan;
	plan->asked_history = true;
	plan->history = step->store->history(step, journey, key);
	return history_allows(step, plan) ? plan : NULL;
}

EntryPlan *
entry_plan(Step *step, Journey *journey, Jsonb *context)
{
	text	   *key = entry_key(step, journey);

	return key ? entry_plan_key(step, journey, key, context) : NULL;
}

/* ---- triggers ---- */

/* Only the first trigger that matches counts; a schedule matches no event. */
static const Rule *
matching_trigger(Step *step, Journey *journey)
{
	for (int i = 0; i < journey->ntriggers; i++)
	{
		const Rule *trigger = &journey->triggers[i];
		Place		place = {journey, NULL, journey->entry->number,
		trigger->edge ? trigger->edge->position : NO_EDGE};

		if (trigger->schedule == NULL && rule_is_met(step, &place, trigger))
			return trigger;
	}
	return NULL;
}

static int
compare_texts(const ListCell *a, const ListCell *b)
{
	return text_order(lfirst(a), lfirst(b));
}

/* In the order in which everybody locks them, each once. */
List *
sort_customers(List *all)
{
	List	   *result = NIL;
	ListCell   *cell;

	list_sort(all, compare_texts);
	foreach(cell, all)
	{
		if (result == NIL || !text_is(llast(result), lfirst(cell)))
			result = lappend(result, lfirst(cell));
	}
	list_free(all);
	return result;
}

/* The elements that can be customers, sorted, each once. */
static List *
read_customers(Step *step, const Place *place, Datum array)
{
	List	   *all = NIL;
	Datum	   *values;
	bool	   *nulls;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT,
					  &values, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		text	   *customer = nulls[i] ? NULL : DatumGetTextPP(values[i]);

		if (customer == NULL)
			continue;
		if (VARSIZE_ANY_EXHDR(customer) >= 1 &&
			VARSIZE_ANY_EXHDR(customer) <= MAX_CUSTOMER_LENGTH)
			all = lappend(all, customer);
		else
			record_failure(step, place, ERRCODE_STRING_DATA_RIGHT_TRUNCATION,
						   psprintf("one of the customers is not 1 to %d bytes long",
									MAX_CUSTOMER_LENGTH));
	}
	return sort_customers(all);
}

/* The event enters others: they come after this step, each in its own. */
static void
plan_fan(Step *step, Journey *journey, const Rule *trigger)
{
	Place		place = {journey, NULL, journey->entry->number, NO_EDGE};
	Fanned	   *fanned;
	Datum		value;
	bool		isnull;
	int			sqlstate;

	if (!ask_value(step, &place, trigger->customers, &value, &isnull, &sqlstate) ||
		isnull)
		return;
	fanned = palloc(sizeof(Fanned));
	fanned->journey = journey;
	fanned->customers = read_customers(step, &place, value);
	fanned->event = step->event;
	fanned->at = step->now;
	step->fanned = lappend(step->fanned, fanned);
}

EntryPlan *
entry_plan_event(Step *step, Journey *journey)
{
	const Rule *trigger = matching_trigger(step, journey);
	EntryPlan  *plan;

	if (trigger == NULL)
		return NULL;
	if (trigger->customers != NULL)
	{
		plan_fan(step, journey, trigger);
		return NULL;
	}
	plan = entry_plan(step, journey, step->event->props);
	if (plan != NULL)
		plan->edge = trigger->edge;
	return plan;
}

/* ---- carrying out ---- */

static bool
is_held_out(Step *step, const Journey *journey)
{
	return journey->holdout > 0 &&
		percent_bucket(journey->name, "", step->customer) < journey->holdout;
}

/* More props for the member inside, unless this step has just ended it. */
static Member *
merge_inside(Step *step, const EntryPlan *plan)
{
	Member	   *member = plan->inside;
	Place		place = {member->journey, member, member->tile, NO_EDGE};

	if (member->state == MEMBER_EXITED)
		return NULL;
	if (!member_merge_context(member, plan->context))
		record_failure(step, &place, ERRCODE_PROGRAM_LIMIT_EXCEEDED,
					   "context would be larger than journey.max_props");
	return member;
}

Member *
entry_carry_out(Step *step, const EntryPlan *plan)
{
	Member	   *inside = plan->inside;
	Member	   *member;

	if (inside != NULL && plan->journey->on_active == ON_ACTIVE_MERGE)
		return merge_inside(step, plan);
	if (inside != NULL && inside->state != MEMBER_EXITED)
		member_exit(step, inside, REASON_RESTARTED, "restarted");
	member = step_new_member(step, plan->journey, plan->key, plan->context);
	member->replaces = inside != NULL;
	member->parent = plan->parent;
	member->asked_history = plan->asked_history;
	member->history = plan->history;
	if (is_held_out(step, plan->journey))
		member_hold_out(step, member);
	else
		member_enter(step, member, plan->edge);
	return member;
}

void
decide_fans(Step *step, void *unused)
{
	const Listeners *listeners = cache_listeners(step->event->name);
	ListCell   *cell;

	foreach(cell, listeners->entries)
		(void) entry_plan_event(step, lfirst(cell));
}

void
decide_fanned(Step *step, void *arg)
{
	Fanned	   *fanned = arg;
	EntryPlan  *plan = entry_plan(step, fanned->journey, step->event->props);

	if (plan != NULL)
		(void) entry_carry_out(step, plan);
}
