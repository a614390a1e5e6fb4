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
#include "follow.h"
#include "guc.h"
#include "isolate.h"
#include "patch.h"
#include "run.h"

/* How often somebody may enter the same member before us. */
#define MAX_ATTEMPTS 1000

/*
 * A nested step is part of another customer's: the definitions are held, and the
 * time limits are those of the whole.
 */
static void
begin_step(Step *step, text *customer, LockWait wait, bool nested)
{
	memset(step, 0, sizeof(Step));
	step->cxt = AllocSetContextCreate(CurrentMemoryContext, "journey step",
									  ALLOCSET_DEFAULT_SIZES);
	step->store = &store_live;
	step->customer = customer;
	step->patient = wait == LOCK_WAIT;
	step->unhurried = step->patient;
	step->nested = nested || patch_is_running();
	step->due_at = NO_TIME;
	cache_hold();
	if (!step->nested)
		budget_begin();
}

static void
end_step(Step *step)
{
	if (!step->nested)
		budget_end();
	cache_release();
	MemoryContextDelete(step->cxt);
}

/*
 * Has a member behind it a pause of which we have not heard that it is over?
 * Between a resume's commit and the news of it there is a moment.
 */
static bool
knows_more(Step *step)
{
	ListCell   *cell;

	foreach(cell, step->stored)
	{
		Member	   *member = lfirst(cell);
		const JourneyState *state = cache_journey(member->journey_id);

		if (state != NULL && member->pauses > state->npauses)
			return true;
	}
	return false;
}

/* Lock and read the members; in the step's memory. */
static bool
load_members(Step *step, const GoalEvent *goal)
{
	MemoryContext old = MemoryContextSwitchTo(step->cxt);
	bool		all = store_lock_members(step->customer, goal,
										 step->patient ? LOCK_WAIT : LOCK_SKIP,
										 &step->stored);

	/*
	 * Whoever resumed or stopped a journey while we waited may have been here
	 * before us; then the members that we have locked are to be seen with
	 * that.
	 */
	if (all && cache_refresh_if_stale(knows_more(step)))
		all = store_lock_members(step->customer, goal,
								 step->patient ? LOCK_WAIT : LOCK_SKIP,
								 &step->stored);
	MemoryContextSwitchTo(old);
	step->received_at = GetCurrentTimestamp();
	return all;
}

void
run_reload(Step *step)
{
	(void) load_members(step, NULL);
}

TimestampTz
run_latest(Step *step)
{
	TimestampTz latest = NO_TIME;
	ListCell   *cell;

	foreach(cell, step->stored)
	{
		Member	   *member = lfirst(cell);

		if (member->state == MEMBER_ACTIVE && member->arrived_at > latest)
			latest = member->arrived_at;
	}
	return latest;
}

/* Now, but never earlier than what the members have seen (DECISIONS 14). */
TimestampTz
run_clock(Step *step)
{
	return Max(guc_clock(), run_latest(step));
}

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

void
run_load(Step *step, const Event *event, int attempts)
{
	const Listeners *listeners;

	if (attempts > 0)
		before_retry(attempts);
	listeners = event ? cache_listeners(event->name) : NULL;
	if (listeners && listeners->goals)
	{
		GoalEvent	as_goal = {event->name, event->at};

		load_members(step, &as_goal);
	}
	else if (attempts > 0)
		load_members(step, NULL);
}

/* ---- events ---- */

/* For one of those whom the event enters instead of its own customer. */
static void
run_fanned(const Step *of, Fanned *fanned, text *customer)
{
	Event		event = *fanned->event;
	Step		step;

	begin_step(&step, customer, LOCK_WAIT, true);
	step.unhurried = of->unhurried;
	for (int attempts = 0;; attempts++)
	{
		if (attempts > 0)
			before_retry(attempts);
		load_members(&step, NULL);
		(void) catch_up(&step);
		step.now = fanned->at;
		step.event = &event;
		step.reason = REASON_EVENT;
		if (step_run(&step, decide_fanned, fanned))
			break;
	}
	follow_raised(&step);
	end_step(&step);
}

/*
 * What those who were entered so raise, enters nobody else: there would be no
 * end of it.
 */
static void
refuse_fan(Step *step, const Fanned *fanned)
{
	Failure		failure = {.journey = fanned->journey, .tile = NO_TILE,
		.edge = NO_EDGE, .sqlstate = ERRCODE_PROGRAM_LIMIT_EXCEEDED,
	.message = "customers of an event that others' entry has raised do not enter"};

	store_insert_failure(step->customer, fanned->at, &failure);
}

void
run_fans(Step *step)
{
	List	   *fans = step->fans;
	ListCell   *cell;
	ListCell   *customer;

	step->fans = NIL;
	foreach(cell, fans)
	{
		Fanned	   *fanned = lfirst(cell);

		if (step->nested)
		{
			refuse_fan(step, fanned);
			continue;
		}
		foreach(customer, fanned->customers)
		{
			CHECK_FOR_INTERRUPTS();
			budget_stop_clock();
			run_fanned(step, fanned, lfirst(customer));
			budget_start_clock();
		}
	}
}

/* NULL: the event is nobody's goal. */
static const GoalEvent *
goal_of(const Event *event, bool at_given, GoalEvent *as_goal)
{
	const Listeners *listeners = cache_listeners(event->name);

	if (listeners == NULL || !listeners->goals)
		return NULL;
	as_goal->name = event->name;
	as_goal->at = at_given ? event->at : guc_clock();
	return as_goal;
}

/*
 * Who emits what enters others holds them all; so they are asked for before
 * anybody is locked, and locked in the order of all.  Whom the event enters is
 * asked again when that is done.  False: one of them is held by somebody.
 */
static bool
lock_fans(Step *step, Event *event, bool at_given)
{
	const Listeners *listeners = cache_listeners(event->name);
	MemoryContext old;
	List	   *customers;
	bool		all = true;
	ListCell   *cell;

	if (listeners == NULL || !listeners->fans)
		return true;
	old = MemoryContextSwitchTo(step->cxt);
	step->now = at_given ? event->at : guc_clock();
	event->at = step->now;
	step->event = event;
	step->stored = NIL;
	step_ask(step, decide_fans, NULL);
	customers = list_make1(step->customer);
	foreach(cell, step->fanned)
		customers = list_concat(customers, ((Fanned *) lfirst(cell))->customers);
	budget_stop_clock();
	foreach(cell, sort_customers(customers))
	{
		List	   *members;

		CHECK_FOR_INTERRUPTS();
		all = all && store_lock_members(lfirst(cell), NULL,
										step->patient ? LOCK_WAIT : LOCK_SKIP, &members);
	}
	budget_start_clock();
	MemoryContextSwitchTo(old);
	return all;
}

/* Decide what the event does, and write it, until nobody is in the way. */
static bool
run_heard_event(Step *step, Event *event, bool at_given)
{
	for (int attempts = 0;; attempts++)
	{
		GoalEvent	as_goal;

		if (!lock_fans(step, event, at_given))
			return false;
		if (!load_members(step, goal_of(event, at_given, &as_goal)))
			return false;
		/* What exited before has been dropped then; its goal may be this. */
		if (catch_up(step))
			(void) load_members(step, goal_of(event, at_given, &as_goal));
		event->received_at = step->received_at;
		if (!at_given)
			event->at = run_clock(step);
		step->now = event->at;
		step->event = event;
		step->reason = REASON_EVENT;
		store_append_event(step->customer, event);
		if (step_run(step, decide_event, NULL))
			break;
		store_undo_event(event);
		if (!step->patient)
			return false;
		before_retry(attempts);
	}
	return true;
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
	if (cache_listeners(event.name) == NULL && !cache_asks_always())
	{
		event.received_at = GetCurrentTimestamp();
		if (!at_given)
			event.at = guc_now() != NO_TIME ? guc_now() : event.received_at;
		store_append_event(input->customer, &event);
		return true;
	}
	begin_step(&step, input->customer, input->wait, false);
	done = run_heard_event(&step, &event, at_given);
	if (done)
		follow_raised(&step);
	end_step(&step);
	return done;
}

/* ---- verbs ---- */

bool
run_decision(text *customer, LockWait wait, Jsonb *props, Decision decide, void *arg)
{
	Step		step;
	bool		all;

	begin_step(&step, customer, wait, false);
	for (int attempts = 0;; attempts++)
	{
		if (attempts > 0)
			before_retry(attempts);
		all = load_members(&step, NULL);
		if (!all)
			break;
		(void) catch_up(&step);
		step.now = run_clock(&step);
		step.event = NULL;
		step.props = props;
		step.reason = REASON_STEP;
		if (step_run(&step, decide, arg))
			break;
		all = step.patient;
		if (!all)
			break;
	}
	if (all)
		follow_raised(&step);
	end_step(&step);
	return all;
}

/* ---- timers ---- */

static bool
is_running(const Member *member)
{
	const JourneyState *state = cache_journey(member->journey_id);

	return state != NULL && state->is_running;
}

/* The stored member that is due first; only: that one, 0 for any. */
static Member *
first_due(Step *step, TimestampTz by, int64 only)
{
	Member	   *first = NULL;
	ListCell   *cell;

	foreach(cell, step->stored)
	{
		Member	   *member = lfirst(cell);

		if (member->due_at == NO_TIME || member->due_at > by || !is_running(member) ||
			(only != 0 && member->id != only))
			continue;
		if (first == NULL || member->due_at < first->due_at)
			first = member;
	}
	return first;
}

/* One timer, and what it raised.  False: somebody is in the way. */
static bool
run_timer(Step *step, Member *member, TimestampTz by)
{
	step->now = Max(by, run_clock(step));
	step->due_at = member->due_at;
	step->reason = REASON_TIMER;
	step->event = NULL;
	step->followed = 0;
	if (!step_run(step, decide_timer, member))
		return false;
	step->due_at = NO_TIME;
	step_settle(step);
	follow_raised(step);
	return true;
}

/* Members that are due again at once are left for the next round. */
bool
run_timers(text *customer, TimestampTz by, int64 only, int64 max, Worked *worked)
{
	Step		step;
	Member	   *member;
	bool		all;

	memset(worked, 0, sizeof(Worked));
	begin_step(&step, customer, LOCK_SKIP, false);
	all = load_members(&step, NULL);
	if (all)
		worked->progress = catch_up(&step);
	for (int left = list_length(step.stored);
		 all && left > 0 && worked->moved < max &&
		 (member = first_due(&step, by, only)) != NULL;
		 left--)
	{
		all = run_timer(&step, member, by);
		if (all)
			worked->moved++;
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

		if (member->id != order->member || member->due_at == NO_TIME || !is_running(member))
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

	begin_step(&step, customer, LOCK_SKIP, false);
	if (load_members(&step, NULL))
	{
		step.now = run_clock(&step);
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
