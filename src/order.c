/*-------------------------------------------------------------------------
 *
 * order.c
 *	  Stopping journeys: everybody inside exits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "order.h"
#include "run.h"
#include "sql.h"

/* Customers that are read at once. */
#define WALK_BATCH 1000

/* False: the visitor has had enough. */
static bool
visit_all(List *customers, CustomerVisitor visit, void *arg)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "journey walk, one customer",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	bool		more = true;
	ListCell   *cell;

	foreach(cell, customers)
	{
		CHECK_FOR_INTERRUPTS();
		more = visit(lfirst(cell), arg);
		MemoryContextReset(scratch);
		if (!more)
			break;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return more;
}

void
order_walk(int32 journey, CustomerVisitor visit, void *arg)
{
	text	   *last = palloc(VARHDRSZ + MAX_CUSTOMER_LENGTH);
	MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext, "journey walk",
												ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(batch);
	List	   *customers = store_open_customers(journey, NULL, WALK_BATCH);

	while (visit_all(customers, visit, arg) && list_length(customers) == WALK_BATCH)
	{
		memcpy(last, llast(customers), VARSIZE_ANY(llast(customers)));
		MemoryContextReset(batch);
		customers = store_open_customers(journey, last, WALK_BATCH);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(batch);
	pfree(last);
}

typedef struct StopOrder
{
	int32		journey;
	LockWait	wait;
	int64		left;			/* customers that may still be swept */
	Sweep	   *sweep;			/* NULL: the verb itself */
} StopOrder;

/* Those whom catching up has not exited already: see pause.c. */
static void
decide_stop(Step *step, void *arg)
{
	StopOrder  *order = arg;
	ListCell   *cell;

	foreach(cell, step->members)
	{
		Member	   *member = lfirst(cell);

		if (member->journey_id != order->journey || member->state == MEMBER_EXITED)
			continue;
		member_exit(step, member, REASON_STOPPED, "stopped");
	}
}

static bool
stop_customer(text *customer, void *arg)
{
	StopOrder  *order = arg;
	bool		all = run_decision(customer, order->wait, NULL, decide_stop, order);

	if (order->sweep == NULL)
		return true;
	if (!all)
		order->sweep->skipped++;
	else
	{
		order->sweep->swept++;
		order->left--;
	}
	return order->left > 0;
}

void
order_stop(const JourneyState *state)
{
	StopOrder	order = {state->id, LOCK_WAIT};
	char	   *name = pstrdup(state->newest->name);

	order_walk(order.journey, stop_customer, &order);
	store_cancel_pending(name);
}

void
order_finish_stop(int32 journey)
{
	static SqlPlan plan = {
		"SELECT FROM journey.journey WHERE id = $1 AND sweep_after IS NOT NULL",
		1, {INT4OID}
	};
	StopOrder	order = {journey, LOCK_WAIT};
	SqlSession	session;
	Datum		value = Int32GetDatum(journey);
	bool		waits;

	sql_begin(&session);
	waits = sql_read(&plan, &value, NULL, GetLatestSnapshot()) > 0;
	sql_end(&session);
	if (!waits)
		return;
	cache_refresh();
	order_walk(journey, stop_customer, &order);
}

/* ---- once more ---- */

/*
 * When is everybody known?  Whoever did not see the stop committed when his
 * statement began may have entered a member, in a transaction whose id can be
 * later than the stop's.  So first all such statements must have ended; that is
 * when no snapshot is as old as the stop.  Then all transactions must end that
 * have an id by then.  sweep_after holds the stop's id first, and then, negative,
 * the last id given out when the first was over.
 */
typedef struct StopMark
{
	char	   *name;			/* NULL: not yet, or somebody holds the
								 * journey */
	bool		is_second;
} StopMark;

static StopMark
lock_for_sweep(int32 journey)
{
	static SqlPlan plan = {
		"SELECT name, sweep_after < 0 FROM journey.journey"
		" WHERE id = $1 AND stopped AND abs(sweep_after) < $2 FOR UPDATE SKIP LOCKED",
		2, {INT4OID, INT8OID}
	};
	SqlSession	session;
	Datum		values[] = {Int32GetDatum(journey), Int64GetDatum(store_oldest_xact())};
	StopMark	mark = {NULL, false};
	bool		isnull;

	sql_begin(&session);
	if (sql_run(&plan, values, NULL) > 0)
	{
		mark.name = sql_text(&session, 0, 1);
		mark.is_second = DatumGetBool(sql_value(0, 2, &isnull));
	}
	sql_end(&session);
	return mark;
}

/* The statements that did not know have ended; their transactions may not. */
static void
begin_second_wait(int32 journey)
{
	static SqlPlan plan = {
		"UPDATE journey.journey SET sweep_after = - $2 WHERE id = $1",
		2, {INT4OID, INT8OID}
	};
	SqlSession	session;
	Datum		values[] = {Int32GetDatum(journey), Int64GetDatum(store_last_xact())};

	sql_begin(&session);
	sql_run(&plan, values, NULL);
	sql_end(&session);
	CommandCounterIncrement();
}

static void
end_sweep(int32 journey)
{
	static SqlPlan plan = {
		"UPDATE journey.journey SET sweep_after = NULL WHERE id = $1",
		1, {INT4OID}
	};
	SqlSession	session;
	Datum		value = Int32GetDatum(journey);

	sql_begin(&session);
	sql_run(&plan, &value, NULL);
	sql_end(&session);
	CacheInvalidateRelcacheByRelid(sql_relation("journey"));
	CommandCounterIncrement();
}

static void
sweep_journey(int32 journey, int64 max, Sweep *sweep)
{
	StopOrder	order = {journey, LOCK_SKIP, max, sweep};
	int64		skipped = sweep->skipped;
	StopMark	mark = {NULL, false};

	if (max > 0)
		mark = lock_for_sweep(journey);
	if (mark.is_second)
	{
		order_walk(journey, stop_customer, &order);
		store_cancel_pending(mark.name);
		if (order.left > 0 && sweep->skipped == skipped)
		{
			end_sweep(journey);
			return;
		}
	}
	else if (mark.name != NULL)
		begin_second_wait(journey);
	sweep->again = true;
}

/* The journeys that wait for a sweep: the cache may be read anew meanwhile. */
static List *
waiting_journeys(void)
{
	int			n;
	const JourneyState *states = cache_journeys(&n);
	List	   *waiting = NIL;

	for (int i = 0; i < n; i++)
	{
		if (states[i].needs_sweep)
			waiting = lappend_int(waiting, states[i].id);
	}
	return waiting;
}

void
sweep_run(int64 max, Sweep *sweep)
{
	ListCell   *cell;

	memset(sweep, 0, sizeof(Sweep));
	foreach(cell, waiting_journeys())
		sweep_journey(lfirst_int(cell), max - sweep->swept, sweep);
}

bool
sweep_due(void)
{
	static SqlPlan plan = {
		"SELECT FROM journey.journey WHERE stopped AND abs(sweep_after) < $1",
		1, {INT8OID}
	};
	SqlSession	session;
	Datum		value;
	bool		due;

	if (waiting_journeys() == NIL)
		return false;
	value = Int64GetDatum(store_oldest_xact());
	sql_begin(&session);
	due = sql_read(&plan, &value, NULL, GetLatestSnapshot()) > 0;
	sql_end(&session);
	return due;
}
