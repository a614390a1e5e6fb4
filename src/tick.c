/*-------------------------------------------------------------------------
 *
 * tick.c
 *	  Working off what is due: the queue first (an event beats a timer), then
 *	  the timers of members.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "cache.h"
#include "guc.h"
#include "run.h"
#include "sql.h"
#include "tick.h"

/* When to look again for customers whom others hold. */
#define HELD_RETRY_MS 100

/* A customer with due members. */
typedef struct DueCustomer
{
	const DueMember *first;
	int64		members;		/* how many of those that were found */
} DueCustomer;

/* ---- timers ---- */

static int
compare_text(const text *a, const text *b)
{
	int			n = VARSIZE_ANY_EXHDR(a);
	int			m = VARSIZE_ANY_EXHDR(b);
	int			order = memcmp(VARDATA_ANY(a), VARDATA_ANY(b), Min(n, m));

	return order != 0 ? order : n - m;
}

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
	int			order = compare_text(x->customer, y->customer);

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
		if (states[i].is_running)
			due = store_due_members(states[i].id, by, max, due);
	}
	if (list_length(due) > max)
	{
		list_sort(due, by_due_time);
		due = list_truncate(due, max);
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

		if (last == NULL || compare_text(last->first->customer, member->customer) != 0)
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
		int64		moved;

		CHECK_FOR_INTERRUPTS();
		if (!run_timers(due_customer->first->customer, by, due_customer->members,
						&moved))
			tick->skipped++;
		tick->moved += moved;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

/* ---- the queue ---- */

/*
 * The oldest queued event of each customer stands for that customer's lane:
 * whoever has locked it works off the lane.
 */
static List *
lock_lanes(TimestampTz by, int64 max)
{
	static SqlPlan plan = {
		"SELECT q.customer FROM journey.queue q"
		" WHERE q.at OPERATOR(pg_catalog.<=) $1 AND NOT EXISTS ("
		"SELECT FROM journey.queue p"
		" WHERE p.customer OPERATOR(pg_catalog.=) q.customer"
		" AND ROW(p.received_at, p.id) OPERATOR(pg_catalog.<) ROW(q.received_at, q.id))"
		" ORDER BY q.received_at, q.id LIMIT $2 FOR UPDATE OF q SKIP LOCKED",
		2, {TIMESTAMPTZOID, INT8OID}
	};
	Datum		values[] = {TimestampTzGetDatum(by), Int64GetDatum(max)};
	SqlSession	session;
	List	   *lanes = NIL;
	uint64		n;

	sql_begin(&session);
	n = sql_run(&plan, values, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;
		Datum		customer = sql_datum(&session, i, 1, &isnull);
		MemoryContext old = MemoryContextSwitchTo(session.caller);

		lanes = lappend(lanes, DatumGetPointer(customer));
		MemoryContextSwitchTo(old);
	}
	sql_end(&session);
	return lanes;
}

/* The first of the customer's events, until one that is still to come. */
static List *
read_lane(text *customer, TimestampTz by, int64 max)
{
	static SqlPlan plan = {
		"SELECT id, event, props, at FROM journey.queue"
		" WHERE customer OPERATOR(pg_catalog.=) $1"
		" ORDER BY received_at, id LIMIT $2",
		2, {TEXTOID, INT8OID}
	};
	Datum		values[] = {PointerGetDatum(customer), Int64GetDatum(max)};
	SqlSession	session;
	List	   *events = NIL;
	uint64		n;

	sql_begin(&session);
	n = sql_run(&plan, values, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		EventInput *input = MemoryContextAllocZero(session.caller, sizeof(EventInput));
		bool		isnull;
		MemoryContext old;

		input->customer = customer;
		input->wait = LOCK_SKIP;
		input->id = DatumGetInt64(sql_value(i, 1, &isnull));
		input->type = (text *) DatumGetPointer(sql_datum(&session, i, 2, &isnull));
		input->props = (Jsonb *) DatumGetPointer(sql_datum(&session, i, 3, &isnull));
		input->at = DatumGetTimestampTz(sql_value(i, 4, &isnull));
		if (input->at > by)
			break;
		old = MemoryContextSwitchTo(session.caller);
		events = lappend(events, input);
		MemoryContextSwitchTo(old);
	}
	sql_end(&session);
	return events;
}

static void
drop_queued(int64 id)
{
	static SqlPlan plan = {
		"DELETE FROM journey.queue WHERE id OPERATOR(pg_catalog.=) $1",
		1, {INT8OID}
	};
	Datum		values[] = {Int64GetDatum(id)};
	SqlSession	session;

	sql_begin(&session);
	sql_run(&plan, values, NULL);
	sql_end(&session);
}

/* The customer's events in order; those behind one that must wait wait too. */
static void
work_lane(text *customer, TimestampTz by, int64 max, Tick *tick)
{
	ListCell   *cell;

	foreach(cell, read_lane(customer, by, max))
	{
		EventInput *input = lfirst(cell);

		CHECK_FOR_INTERRUPTS();
		if (!run_event(input))
		{
			tick->skipped++;
			return;
		}
		drop_queued(input->id);
		tick->moved++;
	}
}

static void
work_queue(TimestampTz by, int64 max, Tick *tick)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "journey queue",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	ListCell   *cell;

	foreach(cell, lock_lanes(by, max))
	{
		if (tick->moved < max)
			work_lane(lfirst(cell), by, max - tick->moved, tick);
	}
	tick->more |= tick->moved >= max;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

/* ---- both ---- */

/* When the first lane can go on: an event waits for those before it. */
static TimestampTz
first_queued(void)
{
	static SqlPlan plan = {
		"SELECT q.at FROM journey.queue q WHERE NOT EXISTS ("
		"SELECT FROM journey.queue p"
		" WHERE p.customer OPERATOR(pg_catalog.=) q.customer"
		" AND ROW(p.received_at, p.id) OPERATOR(pg_catalog.<) ROW(q.received_at, q.id))"
		" ORDER BY q.at LIMIT 1",
		0, {0}
	};
	SqlSession	session;
	bool		isnull = true;
	Datum		at = 0;

	sql_begin(&session);
	if (sql_run(&plan, NULL, NULL) > 0)
		at = sql_value(0, 1, &isnull);
	sql_end(&session);
	return isnull ? 0 : DatumGetTimestampTz(at);
}

TimestampTz
tick_next_due(void)
{
	int			n;
	const JourneyState *states;
	TimestampTz next;

	cache_refresh();
	next = first_queued();
	states = cache_journeys(&n);
	for (int i = 0; i < n; i++)
	{
		TimestampTz due = states[i].is_running ? store_first_due(states[i].id) : 0;

		if (due != 0 && (next == 0 || due < next))
			next = due;
	}
	return next;
}

void
tick_run(int64 max, Tick *tick)
{
	TimestampTz by = guc_clock();

	memset(tick, 0, sizeof(Tick));
	cache_refresh();
	cache_hold();
	work_queue(by, max, tick);
	if (tick->moved < max)
		work_timers(by, max - tick->moved, tick);
	cache_release();
	tick->next_due = tick_next_due();
	/* What could not be moved is held by others: no use in coming back at once. */
	if (tick->moved == 0 && tick->next_due != 0 && tick->next_due <= by)
		tick->next_due = TimestampTzPlusMilliseconds(by, HELD_RETRY_MS);
}

List *
tick_customers(int64 max)
{
	TimestampTz by = guc_clock();
	List	   *customers = NIL;
	ListCell   *cell;

	cache_refresh();
	foreach(cell, lock_lanes(by, max))
		customers = lappend(customers, text_to_cstring(lfirst(cell)));
	foreach(cell, group_by_customer(find_due(by, max)))
	{
		DueCustomer *customer = lfirst(cell);

		customers = lappend(customers, text_to_cstring(customer->first->customer));
	}
	return customers;
}

void
tick_customer(const char *name, Tick *tick)
{
	TimestampTz by = guc_clock();
	text	   *customer = cstring_to_text(name);
	int64		moved = 0;

	memset(tick, 0, sizeof(Tick));
	cache_refresh();
	cache_hold();
	work_lane(customer, by, guc_batch_size, tick);
	if (!run_timers(customer, by, guc_batch_size, &moved))
		tick->skipped++;
	tick->moved += moved;
	cache_release();
}

/*
 * The queue row that cannot be worked off is the customer's first, if it has
 * one at all; its failure is told in the log, since no journey owns it.
 */
static void
set_queue_aside(text *customer, TimestampTz by, const ErrorData *error)
{
	List	   *lane = read_lane(customer, by, 1);
	EventInput *input;

	if (lane == NIL)
		return;
	input = linitial(lane);
	ereport(LOG,
			errcode(error->sqlerrcode),
			errmsg("queued event %lld of customer \"%s\" was dropped: %s",
				   (long long) input->id, text_to_cstring(customer), error->message));
	drop_queued(input->id);
}

void
tick_set_aside(const char *name, const ErrorData *error)
{
	TimestampTz by = guc_clock();
	text	   *customer = cstring_to_text(name);

	cache_refresh();
	set_queue_aside(customer, by, error);
	run_set_aside(customer, by, error->sqlerrcode, error->message);
}
