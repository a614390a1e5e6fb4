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

/* How often somebody may enter the same member before us. */
#define MAX_ATTEMPTS 1000

static void
begin_step(Step *step, text *customer, LockWait wait)
{
	memset(step, 0, sizeof(Step));
	step->cxt = AllocSetContextCreate(CurrentMemoryContext, "journey step",
									  ALLOCSET_DEFAULT_SIZES);
	step->store = &store_live;
	step->customer = customer;
	step->patient = wait == LOCK_WAIT;
	step->due_at = NO_TIME;
	cache_hold();
	budget_begin();
}

static void
end_step(Step *step)
{
	budget_end();
	cache_release();
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
	step->received_at = GetCurrentTimestamp();
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

/*
 * Before another attempt: somebody has entered a member of the same key, perhaps
 * into a version that we do not know yet.
 */
static void
before_retry(int attempts)
{
	CHECK_FOR_INTERRUPTS();
	cache_refresh();
	if (attempts >= MAX_ATTEMPTS)
		ereport(ERROR,
				errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				errmsg("could not enter a member due to concurrent entries"));
}

/* at_given: the event has a time of its own. */
static bool
run_heard_event(Step *step, Event *event, bool at_given)
{
	for (int attempts = 0;; attempts++)
	{
		const Listeners *listeners = cache_listeners(event->name);
		GoalEvent	as_goal = {event->name, at_given ? event->at : guc_clock()};

		if (!load_members(step, listeners && listeners->goals ? &as_goal : NULL))
			return false;
		event->received_at = step->received_at;
		if (!at_given)
			event->at = read_clock(step);
		step->now = event->at;
		step->event = event;
		step->reason = REASON_EVENT;
		store_append_event(step->customer, event);
		if (step_run(step, decide_event, NULL))
			return true;
		store_undo_event(event);
		if (!step->patient)
			return false;
		before_retry(attempts);
	}
}

bool
run_event(const EventInput *input)
{
	Event		event = {.id = input->id, .type = input->type,
	.props = input->props, .at = input->at};
	bool		at_given = input->at != NO_TIME;
	Step		step;
	bool		done;

	event.name = text_to_cstring(input->type);
	cache_refresh();
	if (cache_listeners(event.name) == NULL)
	{
		event.received_at = GetCurrentTimestamp();
		if (!at_given)
			event.at = guc_now() != NO_TIME ? guc_now() : event.received_at;
		store_append_event(input->customer, &event);
		return true;
	}
	begin_step(&step, input->customer, input->wait);
	done = run_heard_event(&step, &event, at_given);
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
	for (int attempts = 0;; attempts++)
	{
		load_members(&step, NULL);
		step.now = read_clock(&step);
		if (step_run(&step, decide_entry, &order))
			break;
		before_retry(attempts);
	}
	id = order.entered ? order.entered->id : 0;
	end_step(&step);
	return id;
}

bool
run_decision(text *customer, LockWait wait, Jsonb *props, Decision decide, void *arg)
{
	Step		step;
	bool		done = false;

	begin_step(&step, customer, wait);
	step.reason = REASON_STEP;
	step.props = props;
	for (int attempts = 0; load_members(&step, NULL); attempts++)
	{
		step.now = read_clock(&step);
		done = step_run(&step, decide, arg);
		if (done || !step.patient)
			break;
		before_retry(attempts);
	}
	end_step(&step);
	return done;
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

/* The stored member that is due first; only: that one, 0 for any. */
static Member *
first_due(Step *step, TimestampTz by, int64 only)
{
	Member	   *first = NULL;
	ListCell   *cell;

	foreach(cell, step->stored)
	{
		Member	   *member = lfirst(cell);

		if (member->due_at == NO_TIME || member->due_at > by ||
			(only != 0 && member->id != only))
			continue;
		if (first == NULL || member->due_at < first->due_at)
			first = member;
	}
	return first;
}

/* Members that are due again at once are left for the next round. */
bool
run_timers(text *customer, TimestampTz by, int64 only, int64 max, int64 *moved)
{
	Step		step;
	Member	   *member;
	bool		all;

	*moved = 0;
	begin_step(&step, customer, LOCK_SKIP);
	all = load_members(&step, NULL);
	for (int left = list_length(step.stored);
		 all && left > 0 && *moved < max &&
		 (member = first_due(&step, by, only)) != NULL;
		 left--)
	{
		step.now = Max(by, read_clock(&step));
		step.due_at = member->due_at;
		step.reason = REASON_TIMER;
		all = step_run(&step, decide_timer, member);
		if (!all)
			break;
		step_settle(&step);
		(*moved)++;
	}
	end_step(&step);
	return all;
}

typedef struct AsideOrder
{
	int64		member;
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

		if (member->id != order->member || member->due_at == NO_TIME)
			continue;
		record_failure(step, &place, order->sqlstate, order->message);
		member_fail(step, member);
	}
}

void
run_set_aside(text *customer, int64 member, int sqlstate, const char *message)
{
	AsideOrder	order = {member, sqlstate, message};
	Step		step;

	begin_step(&step, customer, LOCK_SKIP);
	if (load_members(&step, NULL))
	{
		step.now = read_clock(&step);
		(void) step_run(&step, decide_aside, &order);
	}
	end_step(&step);
}

/* The event happened, whatever became of it. */
void
run_log_only(const EventInput *input)
{
	Event		event = {.id = input->id, .type = input->type,
		.props = input->props, .at = input->at,
	.received_at = GetCurrentTimestamp()};

	store_append_event(input->customer, &event);
}
