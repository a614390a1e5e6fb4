/*-------------------------------------------------------------------------
 *
 * schedule.c
 *	  Entry by schedule: what the jobs of pg_cron call, and who has them made.
 *
 * The jobs themselves are SQL: sql/70_cron.sql.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "armed.h"
#include "audience_refresh.h"
#include "cache.h"
#include "profile.h"
#include "role.h"
#include "run.h"
#include "schedule.h"
#include "sql.h"

#define FETCH_BATCH 1000		/* customers */

PG_FUNCTION_INFO_V1(journey_enter_scheduled);
PG_FUNCTION_INFO_V1(journey_run_schedule);

/* ---- jobs ---- */

void
schedule_sync_jobs(const char *journey)
{
	static SqlPlan plan = {"SELECT journey.sync_jobs($1)", 1, {TEXTOID}};
	SqlSession	session;
	Datum		value = journey ? CStringGetTextDatum(journey) : (Datum) 0;
	bool		isnull = journey == NULL;

	if (!OidIsValid(get_extension_oid("pg_cron", true)))
		return;
	sql_begin(&session);
	sql_run(&plan, &value, &isnull);
	sql_end(&session);
}

/* ---- entering ---- */

typedef struct ScheduledEntry
{
	int32		journey;
	int			trigger;		/* position in "on" */
	char	   *audience;
	bool		has_entered;	/* the customer asked last */
	int64		entered;
} ScheduledEntry;

/* The journey whose trigger that is, or NULL where it may enter nobody by it. */
static Journey *
journey_of(int32 id, int trigger)
{
	const JourneyState *state = cache_journey(id);
	Journey    *journey = state && state->is_active ? state->newest : NULL;

	if (journey == NULL || trigger < 0 || trigger >= journey->ntriggers ||
		journey->triggers[trigger].schedule == NULL)
		return NULL;
	return journey;
}

/*
 * Journey and audience are asked anew for each: in the meantime the one may have
 * been paused or have a new version, the other have lost the customer.
 */
static void
decide_scheduled(Step *step, void *arg)
{
	ScheduledEntry *order = arg;
	Journey    *journey = journey_of(order->journey, order->trigger);
	const Rule *rule = journey ? &journey->triggers[order->trigger] : NULL;
	EntryPlan  *plan;
	int			sqlstate;

	order->has_entered = false;
	if (rule == NULL || strcmp(rule->audience, order->audience) != 0 ||
		!step->store->in_audience(step, rule->audience))
		return;
	if (rule->condition != NULL)
	{
		Place		place = {journey, NULL, journey->entry->number, NO_EDGE};

		if (ask_condition(step, &place, rule->condition, &sqlstate) != VERDICT_TRUE)
			return;
	}
	plan = entry_plan(step, journey, jsonb_empty_object());
	if (plan != NULL)
		order->has_entered = entry_carry_out(step, plan) != NULL;
}

static void
enter_all(ScheduledEntry *order, List *customers)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "journey scheduled entry",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	ListCell   *cell;

	foreach(cell, customers)
	{
		CHECK_FOR_INTERRUPTS();
		(void) run_decision(lfirst(cell), LOCK_WAIT, NULL, decide_scheduled, order);
		if (order->has_entered)
			order->entered++;
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

/* The next customers; NIL: there are no more. */
static List *
fetch_customers(SqlCursor cursor)
{
	SqlSession	session;
	Datum		customers[FETCH_BATCH];
	List	   *result = NIL;
	uint64		n;

	sql_begin(&session);
	n = sql_fetch(cursor, FETCH_BATCH);
	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;

		customers[i] = sql_datum(&session, i, 1, &isnull);
	}
	sql_end(&session);
	for (uint64 i = 0; i < n; i++)
		result = lappend(result, DatumGetPointer(customers[i]));
	return result;
}

/* In the order in which everybody locks them; what is read is kept on disk, if long. */
static void
enter_members(ScheduledEntry *order)
{
	static SqlPlan plan = {
		"SELECT customer FROM journey.audience_member WHERE audience = $1 ORDER BY customer",
		1, {TEXTOID}
	};
	Datum		value = CStringGetTextDatum(order->audience);
	MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext,
												"journey scheduled entries",
												ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(batch);
	SqlSession	session;
	SqlCursor	cursor;
	List	   *customers;

	sql_begin(&session);
	cursor = sql_open(&plan, &value);
	sql_end(&session);
	while ((customers = fetch_customers(cursor)) != NIL)
	{
		enter_all(order, customers);
		MemoryContextReset(batch);
	}
	sql_close(cursor);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(batch);
}

/*
 * What the trigger is to do; false: nothing.  Jobs outlive what they were made
 * for: in a copy of the database, and for a journey that is not active, has no
 * such trigger any more or is gone, nothing happens.
 */
static bool
find_trigger(const char *name, int trigger, ScheduledEntry *order)
{
	const JourneyState *state;
	Journey    *journey;
	Oid			extension;

	if (armed_begin(&extension) != IDLE_NOT)
		return false;
	cache_refresh();
	state = cache_by_name(name);
	journey = state ? journey_of(state->id, trigger) : NULL;
	if (journey == NULL)
		return false;
	memset(order, 0, sizeof(ScheduledEntry));
	order->journey = state->id;
	order->trigger = trigger;
	order->audience = pstrdup(journey->triggers[trigger].audience);
	return true;
}

/* Where the audience's query fails, those enter whom it gave last. */
Datum
journey_enter_scheduled(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	ScheduledEntry order;

	role_refuse_restricted("journey.enter_scheduled");
	if (!find_trigger(name, PG_GETARG_INT32(1), &order))
		PG_RETURN_INT64(0);
	audience_refresh_named(order.audience);
	enter_members(&order);
	PG_RETURN_INT64(order.entered);
}

static bool
may_commit(FunctionCallInfo fcinfo)
{
	return fcinfo->context != NULL && IsA(fcinfo->context, CallContext) &&
		!castNode(CallContext, fcinfo->context)->atomic;
}

/*
 * The same, the refresh in a transaction of its own: it holds the customers who
 * came and left, and entering goes through all of them again from the first.
 */
Datum
journey_run_schedule(PG_FUNCTION_ARGS)
{
	char	   *name;
	int			trigger;
	ScheduledEntry order;

	role_refuse_restricted("journey.run_schedule");
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_VOID();
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	trigger = PG_GETARG_INT32(1);
	if (!find_trigger(name, trigger, &order))
		PG_RETURN_VOID();
	audience_refresh_named(order.audience);
	if (may_commit(fcinfo))
	{
		sql_commit();
		if (!find_trigger(name, trigger, &order))
			PG_RETURN_VOID();
	}
	enter_members(&order);
	PG_RETURN_VOID();
}
