/*-------------------------------------------------------------------------
 *
 * run_verb.c
 *	  What verbs other than events do to a customer: enter, exit, profile.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache.h"
#include "run.h"

typedef struct EntryOrder
{
	int32		journey;
	Jsonb	   *context;
	int64		entered;		/* 0: refused */
} EntryOrder;

static void
decide_entry(Step *step, void *arg)
{
	EntryOrder *order = arg;
	const JourneyState *state = cache_journey(order->journey);
	EntryPlan  *plan = NULL;
	Member	   *member;

	if (state != NULL && state->is_active)
		plan = entry_plan(step, state->newest, order->context);
	member = plan ? entry_carry_out(step, plan) : NULL;
	order->entered = member ? member->id : 0;
}

int64
run_entry(int32 journey, text *customer, Jsonb *context)
{
	EntryOrder	order = {journey, context};

	(void) run_decision(customer, LOCK_WAIT, context, decide_entry, &order);
	return order.entered;
}

typedef struct RaiseOrder
{
	const char *event;
	Jsonb	   *props;
} RaiseOrder;

static void
decide_raise(Step *step, void *arg)
{
	RaiseOrder *order = arg;

	step_raise(step, NULL, order->event, order->props);
}

void
run_internal_event(text *customer, const char *event, Jsonb *props)
{
	RaiseOrder	order = {event, props};

	cache_refresh();
	if (step_hears(event))
		(void) run_decision(customer, LOCK_WAIT, NULL, decide_raise, &order);
}

static void
decide_identify(Step *step, void *traits)
{
	step_patch_profile(step, NULL, traits);
}

void
run_identify(text *customer, Jsonb *traits)
{
	cache_refresh();
	(void) run_decision(customer, LOCK_WAIT, NULL, decide_identify, traits);
}

typedef struct ExitOrder
{
	int32		journey;
	text	   *key;
	const char *outcome;
	int64		exited;
} ExitOrder;

static void
decide_exit(Step *step, void *arg)
{
	ExitOrder  *order = arg;
	ListCell   *cell;

	order->exited = 0;
	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);

		if (member->journey_id != order->journey || member->state == MEMBER_EXITED ||
			(order->key != NULL && !text_is(member->key, order->key)))
			continue;
		member_exit(step, member, REASON_MANUAL, order->outcome);
		order->exited++;
	}
}

int64
run_exit(int32 journey, text *customer, text *key, const char *outcome)
{
	ExitOrder	order = {journey, key, outcome};

	(void) run_decision(customer, LOCK_WAIT, NULL, decide_exit, &order);
	return order.exited;
}
