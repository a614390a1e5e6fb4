/*-------------------------------------------------------------------------
 *
 * tick.c
 *	  Working off what is due: the queue first (an event beats a timer), then
 *	  the timers of members.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "cache.h"
#include "guc.h"
#include "lane.h"
#include "order.h"
#include "run.h"
#include "tick.h"

/* When to look again for customers whom others hold. */
#define HELD_RETRY_MS 100

/* When to look again for transactions that are older than a stop. */
#define SWEEP_RETRY_MS 1000

/* A customer with due members. */
typedef struct DueCustomer
{
	const DueMember *first;
	int64		members;		/* how many of those that were found */
} DueCustomer;

/* ---- timers ---- */

static int
compare_due(const DueMember *x, const DueMember *y)
{
	if (x->due_at != y->due_at)
		return x->due_at < y->due_at ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static int
by_due_time(const ListCell *a, const ListCell *b)
{
	return compare_due(lfirst(a), lfirst(b));
}

static int
by_first_due(const ListCell *a, const ListCell *b)
{
	const DueCustomer *x = lfirst(a);
	const DueCustomer *y = lfirst(b);

	return compare_due(x->first, y->first);
}

static int
by_customer(const ListCell *a, const ListCell *b)
{
	const DueMember *x = lfirst(a);
	const DueMember *y = lfirst(b);
	int			order = text_order(x->customer, y->customer);

	return order != 0 ? order : compare_due(x, y);
}

/* The oldest due members of all journeys whose members move; at most max. */
static List *
find_due(TimestampTz by, int64 max)
{
	List	   *due = NIL;
	int			n;
	const JourneyState *states = cache_journeys(&n);

	for (int i = 0; i < n; i++)
	{
		if (!states[i].is_running)
			continue;
		due = store_due_members(states[i].id, by, max, due);
		if (list_length(due) > max)
		{
			list_sort(due, by_due_time);
			due = list_truncate(due, max);
		}
	}
	return due;
}

/* Each customer once, those with the oldest due member first. */
static List *
group_by_customer(List *due)
{
	List	   *customers = NIL;
	DueCustomer *last = NULL;
	ListCell   *cell;

	list_sort(due, by_customer);
	foreach(cell, due)
	{
		DueMember  *member = lfirst(cell);

		if (last == NULL || text_order(last->first->customer, member->customer) != 0)
		{
			last = palloc(sizeof(DueCustomer));
			last->first = member;
			last->members = 0;
			customers = lappend(customers, last);
		}
		last->members++;
	}
	list_sort(customers, by_first_due);
	return customers;
}

static void
work_timers(TimestampTz by, int64 max, Tick *tick)
{
	List	   *due = find_due(by, max);
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "journey timers",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	ListCell   *cell;

	tick->more |= list_length(due) >= max;
	foreach(cell, group_by_customer(due))
	{
		DueCustomer *due_customer = lfirst(cell);
		Worked		worked;

		CHECK_FOR_INTERRUPTS();
		if (!run_timers(due_customer->first->customer, by, 0,
						due_customer->members, &worked))
			tick->skipped++;
		tick->moved += worked.moved;
		if (worked.moved == 0 && worked.progress)
			tick->moved++;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

/* ---- the queue ---- */

static void
work_queue(TimestampTz by, int64 max, Tick *tick)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "journey queue",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	ListCell   *cell;

	foreach(cell, lane_lock_heads(by, max))
	{
		LaneHead   *head = lfirst(cell);
		int64		worked;

		if (tick->moved >= max)
			break;
		if (!lane_work(head->customer, by, max - tick->moved, &worked))
			tick->skipped++;
		tick->moved += worked;
	}
	tick->more |= tick->moved >= max;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

/* ---- pauses ---- */

/* Those for whom the journey holds events: a timer will find its other members. */
static void
work_held_by(int32 journey, TimestampTz by, int64 max, Tick *tick)
{
	List	   *customers = store_held_customers(journey, max);
	ListCell   *cell;

	tick->more |= list_length(customers) >= max;
	foreach(cell, customers)
	{
		Worked		worked;

		CHECK_FOR_INTERRUPTS();
		if (!run_timers(lfirst(cell), by, 0, 0, &worked))
			tick->skipped++;
		else if (store_drop_leftovers(lfirst(cell)) || worked.progress)
			tick->moved++;
	}
}

/* Does the journey go on after a pause? */
static bool
has_resumed(const JourneyState *state)
{
	return state->is_running && state->npauses > 0;
}

static void
work_held(TimestampTz by, int64 max, Tick *tick)
{
	int			n;
	const JourneyState *states = cache_journeys(&n);

	/* The array may move while they are worked. */
	for (int i = 0; i < n && tick->moved < max; i++, states = cache_journeys(&n))
	{
		if (i < n && has_resumed(&states[i]))
			work_held_by(states[i].id, by, max - tick->moved, tick);
	}
}

/* Since when somebody could have caught up; NO_TIME: nobody has to. */
static TimestampTz
held_since(const JourneyState *state)
{
	return has_resumed(state) && store_held_customers(state->id, 1) != NIL ?
		state->pauses[state->npauses - 1].to : NO_TIME;
}

/* Members whom somebody has entered into a journey that was just stopped. */
static void
work_sweep(int64 max, Tick *tick)
{
	Sweep		sweep;

	if (!sweep_due())
		return;
	sweep_run(max, &sweep);
	tick->moved += sweep.swept;
	tick->skipped += sweep.skipped;
	tick->sweeps = sweep.again;
}

/* ---- both ---- */

/* NO_TIME is later than any. */
static TimestampTz
earlier(TimestampTz a, TimestampTz b)
{
	if (a == NO_TIME || b == NO_TIME)
		return a == NO_TIME ? b : a;
	return Min(a, b);
}

TimestampTz
tick_next_due(void)
{
	int			n;
	const JourneyState *states;
	TimestampTz next;

	cache_refresh();
	next = lane_next_due();
	states = cache_journeys(&n);
	for (int i = 0; i < n; i++)
	{
		TimestampTz due = states[i].is_running ? store_first_due(states[i].id) : NO_TIME;

		next = earlier(next, due);
		next = earlier(next, held_since(&states[i]));
	}
	return next;
}

void
tick_run(int64 max, Tick *tick)
{
	TimestampTz by = guc_clock();

	memset(tick, 0, sizeof(Tick));
	cache_refresh();
	work_sweep(max, tick);
	work_held(by, max, tick);
	work_queue(by, max, tick);
	if (tick->moved < max)
		work_timers(by, max - tick->moved, tick);
	tick->next_due = tick_next_due();
	if (tick->sweeps && guc_now() == NO_TIME)
	{
		tick->next_due = earlier(tick->next_due,
								 TimestampTzPlusMilliseconds(by, SWEEP_RETRY_MS));
	}

	/*
	 * What could not be moved is held by others: no use in coming back at
	 * once.
	 */
	if (tick->moved == 0 && tick->next_due != NO_TIME && tick->next_due <= by)
		tick->next_due = TimestampTzPlusMilliseconds(by, HELD_RETRY_MS);
}

/* ---- one by one ---- */

static List *
add_item(List *items, const text *customer, int64 queued, int64 member)
{
	TickItem   *item = palloc(sizeof(TickItem));

	item->customer = text_to_cstring(customer);
	item->queued = queued;
	item->member = member;
	return lappend(items, item);
}

List *
tick_items(int64 max)
{
	TimestampTz by = guc_clock();
	List	   *items = NIL;
	List	   *due;
	ListCell   *cell;

	cache_refresh();
	foreach(cell, lane_lock_heads(by, max))
	{
		LaneHead   *head = lfirst(cell);

		items = add_item(items, head->customer, head->id, 0);
	}
	due = find_due(by, max);
	list_sort(due, by_due_time);
	foreach(cell, due)
	{
		DueMember  *member = lfirst(cell);

		items = add_item(items, member->customer, 0, member->id);
	}
	return items;
}

void
tick_item(const TickItem *item, Tick *tick)
{
	TimestampTz by = guc_clock();
	text	   *customer = cstring_to_text(item->customer);
	Worked		worked;
	bool		all;

	memset(tick, 0, sizeof(Tick));
	tick->next_due = NO_TIME;
	cache_refresh();
	if (item->queued != 0)
		all = lane_work(customer, by, 1, &tick->moved);
	else
	{
		all = run_timers(customer, by, item->member, 1, &worked);
		tick->moved = worked.moved + worked.progress;
	}
	if (!all)
		tick->skipped++;
}

void
tick_set_aside(const TickItem *item, const ErrorData *error)
{
	text	   *customer = cstring_to_text(item->customer);

	cache_refresh();
	if (item->queued != 0)
		lane_set_aside(customer, item->queued, error);
	else
		run_set_aside(customer, item->member, error->sqlerrcode, error->message);
}
