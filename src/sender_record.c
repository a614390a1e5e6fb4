/*-------------------------------------------------------------------------
 *
 * sender_record.c
 *	  Record what came of attempts.
 *
 * Answers are recorded together, soon after the first of them came.  One whose
 * customer somebody holds is kept and tried again; nothing else waits for it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/memutils.h"

#include "cache.h"
#include "failpoint.h"
#include "request.h"
#include "retry.h"
#include "sender.h"
#include "sql.h"
#include "worker.h"

#define MOST_AT_ONCE 1000
#define ENOUGH 64				/* that are recorded without waiting for more */
#define WAIT_FOR_MORE 5			/* ms */
#define TIME_AT_ONCE 50			/* ms of one transaction, for what members do */
#define LONG_TELLING (5 * MS)	/* for one of them */
#define REST_AFTER_FAILURE 10	/* times as long as it took */

/* ---- when ---- */

static int64
states_wake_at(const Sender *sender)
{
	int64		at = NEVER;
	ListCell   *cell;

	foreach(cell, sender->flows)
	{
		const Flow *flow = lfirst(cell);

		if (flow->breaker.is_dirty)
			at = Min(at, flow->breaker.write_at);
		if (flow->refusal)
			at = Min(at, flow->refuse_at);
		at = Min(at, timing_wakes_at(&flow->timings));
	}
	return at;
}

/* So long that the others are recorded before? */
static bool
is_slow(const Flow *flow)
{
	return flow->tell_time >= LONG_TELLING;
}

/*
 * With nothing else under way there is no more to wait for.  What could not be
 * recorded has its own time.
 */
int64
record_wakes_at(Sender *sender, int64 now)
{
	int64		at = states_wake_at(sender);
	int			fresh = 0;
	dlist_iter	iter;

	dlist_foreach(iter, &sender->ended)
	{
		const Flight *flight = dlist_container(Flight, node, iter.cur);

		if (flight->is_alone)
			at = Min(at, Max(flight->record_at, sender->alone_at));
		else if (is_slow(flight->flow))
			at = Min(at, Max(flight->record_at, flight->flow->tell_at));
		else if (flight->record_at > 0)
			at = Min(at, flight->record_at);
		else
		{
			fresh++;
			at = Min(at, flight->ended_at + WAIT_FOR_MORE * MS);
		}
	}
	if (fresh >= ENOUGH || (fresh > 0 && dlist_is_empty(&sender->sent)))
		return now;
	return at;
}

/* ---- what ---- */

/* In the flight's own memory: it may have to be recorded again. */
static void
judge(Flight *flight)
{
	MemoryContext old = MemoryContextSwitchTo(flight->context);
	Answer	   *answer = &flight->answer;

	answer->claimed = &flight->claimed;
	answer->destination = flight->flow->name;
	answer->schedule = retry_choose(flight->claimed.retry, flight->flow->destination->retry);
	if (!flight->is_judged)
		request_judge(flight->flow->destination, flight->secret, &flight->result, answer);
	flight->is_judged = true;
	MemoryContextSwitchTo(old);
}

/* Receivers that want no more: nothing is claimed for them from here on. */
static void
note_refusal(const Flight *flight)
{
	Flow	   *flow = flight->flow;

	if (flight->result.handle == 0 || flow->is_gone || flow->refusal ||
		flow->destination->disabled ||
		!request_is_gone(flow->destination, &flight->result, flight->has_path))
		return;
	flow->refusal = MemoryContextStrdup(TopMemoryContext, flight->answer.error);
	flow->refuse_at = 0;
}

/* Is the row of a destination free?  Somebody who holds it is not waited for. */
static bool
lock_row(const Flow *flow)
{
	static SqlPlan plan = {
		"SELECT FROM journey.destination WHERE name OPERATOR(pg_catalog.=) $1"
		" AND id OPERATOR(pg_catalog.=) $2 FOR NO KEY UPDATE SKIP LOCKED",
		2, {TEXTOID, INT4OID}
	};
	Datum		values[] = {PointerGetDatum(flow->name_text), Int32GetDatum(flow->id)};
	SqlSession	session;
	bool		locked;

	sql_begin(&session);
	locked = sql_run(&plan, values, NULL) > 0;
	sql_end(&session);
	return locked;
}

static void
write_refusals(Sender *sender)
{
	int64		now = sender_clock();
	ListCell   *cell;

	foreach(cell, sender->flows)
	{
		Flow	   *flow = lfirst(cell);

		if (flow->refusal == NULL || flow->refuse_at > now)
			continue;
		if (flow->is_gone)
			flow->is_refused = true;
		else if (lock_row(flow))
		{
			destination_disable(flow->name, flow->refusal);
			flow->is_refused = true;
		}
		else
			flow->refuse_at = now + LONGEST_RETRY * MS;
	}
}

static void
record_all(Sender *sender)
{
	List	   *answers = NIL;
	ListCell   *cell;

	if (!sender_may_act(sender))
		return;
	cache_refresh();
	foreach(cell, sender->recording)
	{
		Flight	   *flight = lfirst(cell);

		judge(flight);
		note_refusal(flight);
		breaker_note_error(&flight->flow->breaker, flight->answer.error);
		answers = lappend(answers, &flight->answer);
	}
	if (answers != NIL)
		ending_record(answers, TIME_AT_ONCE);
	write_refusals(sender);
	breakers_write(sender);
	timings_write(sender);
	if (answers != NIL)
		JOURNEY_FP("dlv_before_record_commit");
}

/* ---- after that ---- */

static void
record_again(Flight *flight, long longest)
{
	flight->record_at = sender_clock() + flight->retry * MS;
	flight->retry = Min(flight->retry * 2, longest);
}

/* It may have to be sent again, and what waited for it may be sent. */
static void
finish(Sender *sender, Flight *flight)
{
	Flow	   *flow = flight->flow;
	Seat	   *seat = sender->seat;

	pg_atomic_write_u64(&seat->done, pg_atomic_read_u64(&seat->done) + 1);
	if (flow->is_gone)
		sender->look = true;	/* to forget it */
	else if (flight->answer.kind == ANSWER_RETRY || flow->destination->is_ordered)
	{
		flow_doubt(flow);
		flow->ready_at = Min(flow->ready_at, sender_clock() + SHORTEST_RETRY * MS);
	}
	air_land(sender, flight);
}

/* False: it failed, and nothing was recorded. */
static bool
try_record(Sender *sender, List *flights)
{
	ErrorData  *error;
	ListCell   *cell;

	sender->recording = flights;
	foreach(cell, flights)
		((Flight *) lfirst(cell))->answer.is_recorded = false;
	error = sender_try(sender, "journey: recording what was sent", record_all);
	flows_written(sender, error == NULL);
	if (error != NULL)
	{
		worker_complain("record what became of actions", error);
		return false;
	}
	if (flights != NIL)
		JOURNEY_FP("dlv_after_record_commit");
	foreach(cell, flights)
	{
		Flight	   *flight = lfirst(cell);
		Flow	   *flow = flight->flow;

		if (flight->answer.took > 0)
			flow->tell_time = (flow->tell_time + flight->answer.took) / 2;
		if (flight->answer.is_recorded)
			finish(sender, flight);
		else if (flight->answer.is_late)
			flight->record_at = sender_clock();
		else
			record_again(flight, LONGEST_RETRY);
	}
	return true;
}

/* Which of those that are to be recorded now */
typedef enum Portion
{
	PORTION_USUAL,
	PORTION_SLOW,
	PORTION_ALONE
} Portion;

static Portion
portion_of(const Flight *flight)
{
	if (flight->is_alone)
		return PORTION_ALONE;
	return is_slow(flight->flow) ? PORTION_SLOW : PORTION_USUAL;
}

static List *
to_be_recorded(Sender *sender, int64 now, Portion portion)
{
	List	   *flights = NIL;
	dlist_iter	iter;

	dlist_foreach(iter, &sender->ended)
	{
		Flight	   *flight = dlist_container(Flight, node, iter.cur);

		if (flight->record_at <= now && portion_of(flight) == portion &&
			(portion != PORTION_SLOW || flight->flow->tell_at <= now) &&
			list_length(flights) < MOST_AT_ONCE)
			flights = lappend(flights, flight);
	}
	return flights;
}

static void
record_some(Sender *sender, List *flights)
{
	ListCell   *cell;

	if (try_record(sender, flights))
		return;
	if (flights == NIL)
		sender_rest(sender);
	foreach(cell, flights)
		((Flight *) lfirst(cell))->is_alone = true;
}

/* Half of the time is for others. */
static void
record_slow(Sender *sender)
{
	int64		begun = sender_clock();
	List	   *flights = to_be_recorded(sender, begun, PORTION_SLOW);
	List	   *flows = NIL;
	ListCell   *cell;

	if (flights == NIL)
		return;
	foreach(cell, flights)
		flows = list_append_unique_ptr(flows, ((Flight *) lfirst(cell))->flow);
	record_some(sender, flights);
	foreach(cell, flows)
		((Flow *) lfirst(cell))->tell_at = 2 * sender_clock() - begun;
}

/*
 * So that one that cannot be recorded keeps none of the others.  Whatever is in its
 * way (somebody who is entering what it enters too, a table that is locked) may stay
 * so, and each try stops everything else: then there is a rest.
 */
static void
record_one_by_one(Sender *sender)
{
	int64		begun = sender_clock();
	ListCell   *cell;

	if (begun < sender->alone_at)
		return;
	foreach(cell, to_be_recorded(sender, begun, PORTION_ALONE))
	{
		Flight	   *flight = lfirst(cell);
		int64		now = sender_clock();

		worker_check(sender->seat);
		if (try_record(sender, list_make1(flight)))
			continue;
		flight->retry = Max(flight->retry, LONGEST_RETRY);
		record_again(flight, LONGEST_REST);
		sender->alone_at = sender_clock() + (sender_clock() - now) * REST_AFTER_FAILURE;
		break;
	}
}

void
sender_record(Sender *sender)
{
	int64		now = sender_clock();
	List	   *flights = to_be_recorded(sender, now, PORTION_USUAL);

	if (flights != NIL || states_wake_at(sender) <= now)
		record_some(sender, flights);
	record_slow(sender);
	record_one_by_one(sender);
}
