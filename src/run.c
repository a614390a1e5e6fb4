/*-------------------------------------------------------------------------
 *
 * run.c
 *	  Whole steps on the live tables: lock the customer, decide, write.
 *
 * The order is DECISIONS 14's: the customer's open members are locked, then a
 * new snapshot reads them, then the clock is read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "cache.h"
#include "guc.h"
#include "isolate.h"
#include "run.h"

static void
begin_step(Step *step, text *customer, LockWait wait)
{
	memset(step, 0, sizeof(Step));
	step->cxt = AllocSetContextCreate(CurrentMemoryContext, "journey step",
									  ALLOCSET_DEFAULT_SIZES);
	step->store = &store_live;
	step->customer = customer;
	step->patient = wait == LOCK_WAIT;
	step->received_at = GetCurrentTimestamp();
	budget_begin();
}

static void
end_step(Step *step)
{
	budget_end();
	MemoryContextDelete(step->cxt);
}

/* Lock and read the members; in the step's memory. */
static bool
load_members(Step *step, const GoalEvent *goal)
{
	MemoryContext old = MemoryContextSwitchTo(step->cxt);
	bool		all = store_lock_members(step->customer, goal,
										 step->patient ? LOCK_WAIT : LOCK_SKIP,
										 &step->stored);

	MemoryContextSwitchTo(old);
	return all;
}

/* Now, but never earlier than what the members have seen (DECISIONS 14). */
static TimestampTz
read_clock(Step *step)
{
	TimestampTz now = guc_clock();
	ListCell   *cell;

	foreach(cell, step->stored)
	{
		Member	   *member = lfirst(cell);

		if (member->state == MEMBER_ACTIVE && member->arrived_at > now)
			now = member->arrived_at;
	}
	return now;
}

/* ---- events ---- */

/* Decide until nobody has entered the same member before us. */
static bool
run_until_written(Step *step, const GoalEvent *goal, Decision decide, void *arg)
{
	while (!step_run(step, decide, arg))
	{
		if (!step->patient)
			return false;
		CHECK_FOR_INTERRUPTS();
		load_members(step, goal);
	}
	return true;
}

static bool
run_heard_event(Step *step, Event *event, const Listeners *listeners)
{
	GoalEvent	event_as_goal = {event->name, event->at ? event->at : guc_clock()};
	GoalEvent  *goal = listeners->goals ? &event_as_goal : NULL;
	bool		done;

	if (!load_members(step, goal))
		return false;
	if (event->at == 0)
		event->at = read_clock(step);
	step->now = event->at;
	step->event = event;
	step->reason = REASON_EVENT;
	store_append_event(step->customer, event);
	done = run_until_written(step, goal, decide_event, NULL);
	if (!done)
		store_undo_event(event);
	return done;
}

bool
run_event(const EventInput *input)
{
	Event		event = {.id = input->id, .type = input->type,
		.props = input->props, .at = input->at};
	const Listeners *listeners;
	Step		step;
	bool		done;

	event.name = text_to_cstring(input->type);
	cache_refresh();
	listeners = cache_listeners(event.name);
	if (listeners == NULL)
	{
		event.received_at = GetCurrentTimestamp();
		if (event.at == 0)
			event.at = guc_now() != 0 ? guc_now() : event.received_at;
		store_append_event(input->customer, &event);
		return true;
	}
	begin_step(&step, input->customer, input->wait);
	event.received_at = step.received_at;
	done = run_heard_event(&step, &event, listeners);
	end_step(&step);
	return done;
}

/* ---- verbs ---- */

typedef struct EntryOrder
{
	Journey    *journey;
	Jsonb	   *context;
	Member	   *entered;		/* NULL: refused */
} EntryOrder;

static void
decide_entry(Step *step, void *arg)
{
	EntryOrder *order = arg;
	Journey    *journey = order->journey;
	text	   *key;
	Member	   *inside;

	order->entered = NULL;
	key = entry_key(step, journey);
	if (key == NULL)
		return;
	inside = find_inside(step, journey, key);
	if (inside != NULL && journey->on_active == ON_ACTIVE_IGNORE)
		return;
	if (inside != NULL)
		member_exit(step, inside, REASON_RESTARTED, "restarted");
	order->entered = step_new_member(step, journey, key, order->context);
	order->entered->replaces = inside != NULL;
	member_enter(step, order->entered, NULL);
}

int64
run_entry(Journey *journey, text *customer, Jsonb *context)
{
	EntryOrder	order = {journey, context};
	Step		step;
	int64		id;

	begin_step(&step, customer, LOCK_WAIT);
	step.reason = REASON_STEP;
	step.props = context;
	load_members(&step, NULL);
	step.now = read_clock(&step);
	run_until_written(&step, NULL, decide_entry, &order);
	id = order.entered ? order.entered->id : 0;
	end_step(&step);
	return id;
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

		if (member->journey_id != order->journey ||
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
	Step		step;

	begin_step(&step, customer, LOCK_WAIT);
	load_members(&step, NULL);
	step.now = read_clock(&step);
	(void) step_run(&step, decide_exit, &order);
	end_step(&step);
	return order.exited;
}

/* ---- timers ---- */

/* The stored member that is due first. */
static Member *
first_due(Step *step, TimestampTz by)
{
	Member	   *first = NULL;
	ListCell   *cell;

	foreach(cell, step->stored)
	{
		Member	   *member = lfirst(cell);

		if (member->due_at == 0 || member->due_at > by)
			continue;
		if (first == NULL || member->due_at < first->due_at)
			first = member;
	}
	return first;
}

/* Members that are due again at once are left for the next round. */
bool
run_timers(text *customer, TimestampTz by, int64 max, int64 *moved)
{
	Step		step;
	Member	   *member;
	bool		all;

	*moved = 0;
	begin_step(&step, customer, LOCK_SKIP);
	all = load_members(&step, NULL);
	for (int left = list_length(step.stored);
		 all && left > 0 && *moved < max && (member = first_due(&step, by)) != NULL;
		 left--)
	{
		step.now = read_clock(&step);
		step.due_at = member->due_at;
		step.reason = REASON_TIMER;
		if (!step_run(&step, decide_timer, member))
			break;
		step_settle(&step);
		(*moved)++;
	}
	end_step(&step);
	return all;
}

typedef struct AsideOrder
{
	TimestampTz by;
	int			sqlstate;
	const char *message;
} AsideOrder;

static void
decide_aside(Step *step, void *arg)
{
	AsideOrder *order = arg;
	ListCell   *cell;

	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);
		Place		place = {member->journey, member, member->tile, NO_EDGE};

		if (member->due_at == 0 || member->due_at > order->by)
			continue;
		record_failure(step, &place, order->sqlstate, order->message);
		member_fail(step, member);
	}
}

void
run_set_aside(text *customer, TimestampTz by, int sqlstate, const char *message)
{
	AsideOrder	order = {by, sqlstate, message};
	Step		step;

	begin_step(&step, customer, LOCK_SKIP);
	if (load_members(&step, NULL))
	{
		step.now = read_clock(&step);
		(void) step_run(&step, decide_aside, &order);
	}
	end_step(&step);
}
