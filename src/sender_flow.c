/*-------------------------------------------------------------------------
 *
 * sender_flow.c
 *	  What may be sent where, and when.
 *
 * A destination has at most as many in the air as there are free slots left, so
 * none takes all; and one that has nothing in the air may always send one, beyond
 * all slots if need be: however many of them hang, another one finds room.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "sender.h"
#include "sql.h"

#define MOST_AT_ONCE 250		/* of one destination in one transaction */

/* ---- the list ---- */

static Flow *
find_flow(Sender *sender, int32 id)
{
	ListCell   *cell;

	foreach(cell, sender->flows)
	{
		Flow	   *flow = lfirst(cell);

		if (flow->id == id)
			return flow;
	}
	return NULL;
}

static Flow *
make_flow(Sender *sender, const Destination *destination)
{
	Flow	   *flow = MemoryContextAllocZero(TopMemoryContext, sizeof(Flow));
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	flow->id = destination->id;
	flow->name = pstrdup(destination->name);
	flow->name_text = cstring_to_text(destination->name);
	flow->next_due = TIME_NEVER_WAKE;
	flow->build_time = -1;
	flow->retry = SHORTEST_RETRY;
	flow->rest = SHORTEST_REST;
	sender->flows = lappend(sender->flows, flow);
	MemoryContextSwitchTo(old);
	return flow;
}

static void
free_flow(Flow *flow)
{
	rate_set(&flow->rate, 0, 0);
	if (flow->missing)
		pfree(flow->missing);
	if (flow->refusal)
		pfree(flow->refusal);
	pfree(flow->name);
	pfree(flow->name_text);
	pfree(flow);
}

/* What is in the air needs to know of what kind its destination was. */
static void
keep_last(Flow *flow)
{
	if (flow->is_gone)
		return;
	flow->is_gone = true;
	flow->last.id = flow->id;
	flow->last.name = flow->name;
	flow->last.kind = flow->destination->kind;
	flow->last.timeout = flow->destination->timeout;
	flow->destination = &flow->last;
}

static void
take_destination(Flow *flow, Destination *destination)
{
	flow->is_gone = false;
	flow->destination = destination;
	flow->ready_at = 0;
	flow->rest = SHORTEST_REST;
	rate_set(&flow->rate, destination->rate_max, destination->rate_per);
	if (destination->breaker_failures == 0)
		breaker_close(&flow->breaker);
}

static void
forget_gone(Sender *sender)
{
	ListCell   *cell;

	foreach(cell, sender->flows)
	{
		Flow	   *flow = lfirst(cell);

		if (!flow->is_gone || flow->in_air > 0)
			continue;
		free_flow(flow);
		sender->flows = foreach_delete_current(sender->flows, cell);
	}
}

/* By the list, and by what the rows say of breakers, as rows of the last result. */
static void
take_list(Sender *sender, List *destinations, uint64 nrows)
{
	ListCell   *cell;

	sender->has_calls = false;
	foreach(cell, sender->flows)
		keep_last(lfirst(cell));
	foreach(cell, destinations)
	{
		Destination *destination = lfirst(cell);
		Flow	   *flow = find_flow(sender, destination->id);

		if (destination->kind == DESTINATION_SQL)
		{
			sender->has_calls = true;
			continue;
		}
		if (flow == NULL)
			flow = make_flow(sender, destination);
		take_destination(flow, destination);
	}
	for (uint64 i = 0; i < nrows; i++)
	{
		bool		isnull;
		Flow	   *flow = find_flow(sender, DatumGetInt32(sql_value(i, 1, &isnull)));
		char	   *state = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2);
		Datum		until = sql_value(i, 3, &isnull);

		if (flow)
			breaker_read(&flow->breaker, state,
						 isnull ? NO_TIME : DatumGetTimestampTz(until));
	}
	forget_gone(sender);
}

void
flows_read(Sender *sender)
{
	static SqlPlan plan = {
		"SELECT id, breaker, breaker_until FROM journey.destination", 0, {0}
	};
	uint64		generation = destination_generation();
	MemoryContext old;
	MemoryContext list;
	List	   *destinations;
	SqlSession	session;

	if (generation == sender->generation)
		return;
	list = AllocSetContextCreate(sender->round, "journey destinations",
								 ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(list);
	destinations = destination_list();
	MemoryContextSwitchTo(old);
	sql_begin(&session);
	take_list(sender, destinations, sql_run(&plan, NULL, NULL));
	sql_end(&session);

	/* From here on the flows use the new list. */
	MemoryContextSetParent(list, TopMemoryContext);
	if (sender->list)
		MemoryContextDelete(sender->list);
	sender->list = list;
	sender->destinations = destinations;
	sender->generation = generation;
	sender_set_slots(sender);
	flows_doubt(sender);
}

int64
calls_wake_at(const Sender *sender, int64 now)
{
	if (!guc_delivery || sender->calls_due == TIME_NEVER)
		return NEVER;
	if (sender->calls_due == TIME_NEVER_WAKE)
		return now;
	return now + Max(sender->calls_due - GetCurrentTimestamp(), 0);
}

void
flows_doubt(Sender *sender)
{
	flows_note(sender, TIME_NEVER_WAKE);
}

void
flow_doubt(Flow *flow)
{
	flow->next_due = TIME_NEVER_WAKE;
	flow->is_sure = false;
}

void
flows_note(Sender *sender, TimestampTz due)
{
	ListCell   *cell;

	if (sender->has_calls)
		sender->calls_due = Min(sender->calls_due, due);
	foreach(cell, sender->flows)
	{
		Flow	   *flow = lfirst(cell);

		if (due >= flow->next_due)
			continue;
		flow->next_due = due;
		flow->is_sure = false;
	}
}

void
flows_written(Sender *sender, bool committed)
{
	ListCell   *cell;

	foreach(cell, sender->flows)
	{
		Flow	   *flow = lfirst(cell);

		if (committed && flow->breaker.is_written)
			flow->breaker.is_dirty = false;
		if (committed && flow->timings.is_written)
			flow->timings.is_dirty = false;
		if (committed && flow->is_refused)
		{
			pfree(flow->refusal);
			flow->refusal = NULL;
		}
		flow->is_refused = false;
		flow->breaker.is_written = flow->timings.is_written = false;
	}
}

/* ---- what may be sent ---- */

/*
 * Half of what is free, so that as much is free then as it has; one at least where it
 * has none (sender_set_slots).
 */
static int
fair_room(const Sender *sender, const Flow *flow)
{
	int			others = list_length(sender->prepared);
	int			free = sender->max_in_flight - sender->in_air - others;
	int			share = (free - flow->in_air + 1) / 2;

	if (flow->in_air == 0)
		share = Max(share, 1);
	return Min(share, flow->destination->max_in_flight - flow->in_air);
}

static bool
is_open(const Flow *flow)
{
	const Destination *destination = flow->destination;

	if (flow->is_gone || destination->is_paused || destination->disabled || flow->refusal)
		return false;
	return flow->breaker.state == BREAKER_CLOSED || !flow->breaker.has_probe;
}

int
flow_room(const Sender *sender, const Flow *flow, int64 now)
{
	int			room = Min(fair_room(sender, flow), MOST_AT_ONCE);

	if (flow->breaker.state != BREAKER_CLOSED)
		room = Min(room, 1);
	return Min(room, rate_room(&flow->rate, flow->under_way, now));
}

/* When the flow can be asked, were something due. */
static int64
can_ask_at(const Sender *sender, const Flow *flow)
{
	int64		at = flow->ready_at;

	if (!guc_delivery || !is_open(flow) || fair_room(sender, flow) <= 0)
		return NEVER;
	if (flow->breaker.state == BREAKER_OPEN)
		at = Max(at, flow->breaker.until_at);
	return Max(at, rate_ready_at(&flow->rate, flow->under_way));
}

bool
flow_listens(const Sender *sender, const Flow *flow, int64 now)
{
	return can_ask_at(sender, flow) <= now;
}

int64
flow_wakes_at(const Sender *sender, const Flow *flow, int64 now)
{
	int64		left;

	if (flow->next_due == TIME_NEVER)
		return NEVER;
	if (flow->next_due == TIME_NEVER_WAKE)
		return can_ask_at(sender, flow);
	left = flow->next_due - GetCurrentTimestamp();
	return Max(can_ask_at(sender, flow), left > 0 ? now + left : 0);
}
