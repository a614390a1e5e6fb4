/*-------------------------------------------------------------------------
 *
 * lane.c
 *	  The queue: events that somebody else is to look at, in order per customer.
 *
 * A customer's queued events are a lane.  Who works it off has locked its first
 * event, and then each event before it is run; so an event is run once, and
 * after those before it that had been committed by then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "lane.h"
#include "shmem.h"
#include "sql.h"

void
lane_append(const EventInput *input, text *dedupe_key)
{
	static SqlPlan plan = {
		"INSERT INTO journey.queue (id, customer, event, props, at, dedupe_key, received_at)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7)",
		7, {INT8OID, TEXTOID, TEXTOID, JSONBOID, TIMESTAMPTZOID, TEXTOID, TIMESTAMPTZOID}
	};
	TimestampTz received_at = GetCurrentTimestamp();
	Datum		values[] = {Int64GetDatum(input->id), PointerGetDatum(input->customer),
		PointerGetDatum(input->type), JsonbPGetDatum(input->props),
		TimestampTzGetDatum(input->at == NO_TIME ? guc_clock() : input->at),
	PointerGetDatum(dedupe_key), TimestampTzGetDatum(received_at)};
	bool		nulls[] = {false, false, false, false, false, dedupe_key == NULL, false};
	SqlSession	session;

	sql_begin(&session);
	sql_run(&plan, values, nulls);
	sql_end(&session);
	shmem_note_due(received_at);
}

/*
 * The customers whose first event is due, oldest first; that event is locked,
 * and lanes of which somebody else has locked it are left out.
 */
List *
lane_lock_heads(TimestampTz by, int64 max)
{
	static SqlPlan plan = {
		"SELECT q.customer, q.id FROM journey.queue q"
		" WHERE q.at OPERATOR(pg_catalog.<=) $1 AND q.id OPERATOR(pg_catalog.=) ("
		"SELECT p.id FROM journey.queue p"
		" WHERE p.customer OPERATOR(pg_catalog.=) q.customer"
		" ORDER BY p.received_at, p.id LIMIT 1)"
		" ORDER BY q.received_at, q.id LIMIT $2 FOR UPDATE OF q SKIP LOCKED",
		2, {TIMESTAMPTZOID, INT8OID}
	};
	Datum		values[] = {TimestampTzGetDatum(by), Int64GetDatum(max)};
	SqlSession	session;
	List	   *heads = NIL;
	uint64		n;

	sql_begin(&session);
	n = sql_run(&plan, values, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		LaneHead   *head = MemoryContextAllocZero(session.caller, sizeof(LaneHead));
		bool		isnull;
		MemoryContext old;

		head->customer = (text *) DatumGetPointer(sql_datum(&session, i, 1, &isnull));
		head->id = DatumGetInt64(sql_value(i, 2, &isnull));
		old = MemoryContextSwitchTo(session.caller);
		heads = lappend(heads, head);
		MemoryContextSwitchTo(old);
	}
	sql_end(&session);
	return heads;
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

/* Run a statement about one queued event; was it there, and not held by others? */
static bool
about_queued(SqlPlan *plan, int64 id)
{
	Datum		values[] = {Int64GetDatum(id)};
	SqlSession	session;
	bool		found;

	sql_begin(&session);
	found = sql_run(plan, values, NULL) == 1;
	sql_end(&session);
	return found;
}

static bool
lock_queued(int64 id)
{
	static SqlPlan plan = {
		"SELECT FROM journey.queue WHERE id OPERATOR(pg_catalog.=) $1"
		" FOR UPDATE SKIP LOCKED",
		1, {INT8OID}
	};

	return about_queued(&plan, id);
}

static void
drop_queued(int64 id)
{
	static SqlPlan plan = {
		"DELETE FROM journey.queue WHERE id OPERATOR(pg_catalog.=) $1",
		1, {INT8OID}
	};

	if (!about_queued(&plan, id))
		elog(ERROR, "queued event %lld is gone", (long long) id);
}

/* False: the event, or its customer, is held by somebody else. */
bool
lane_work(text *customer, TimestampTz by, int64 max, int64 *worked)
{
	ListCell   *cell;

	*worked = 0;
	foreach(cell, read_lane(customer, by, max))
	{
		EventInput *input = lfirst(cell);

		CHECK_FOR_INTERRUPTS();
		if (!lock_queued(input->id) || !run_event(input))
			return false;
		drop_queued(input->id);
		(*worked)++;
	}
	return true;
}

/*
 * Nobody's journey owns the trouble, so it is told in the server's log.  The
 * event is logged: it did happen.
 */
void
lane_set_aside(text *customer, int64 id, const ErrorData *error)
{
	List	   *lane = read_lane(customer, DT_NOEND, 1);
	EventInput *input;

	if (lane == NIL || ((EventInput *) linitial(lane))->id != id || !lock_queued(id))
		return;
	input = linitial(lane);
	ereport(LOG,
			errcode(error->sqlerrcode),
			errmsg("queued event %lld of customer \"%s\" moved nobody: %s",
				   (long long) id, text_to_cstring(customer), error->message));
	run_log_only(input);
	drop_queued(id);
}

/* When the first lane can go on: an event waits for those before it. */
TimestampTz
lane_next_due(void)
{
	static SqlPlan plan = {
		"SELECT q.at FROM journey.queue q WHERE q.id OPERATOR(pg_catalog.=) ("
		"SELECT p.id FROM journey.queue p"
		" WHERE p.customer OPERATOR(pg_catalog.=) q.customer"
		" ORDER BY p.received_at, p.id LIMIT 1)"
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
	return isnull ? NO_TIME : DatumGetTimestampTz(at);
}
