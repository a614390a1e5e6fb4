/*-------------------------------------------------------------------------
 *
 * store_ask.c
 *	  What rules ask the tables now and then: who has entered before, who is in
 *	  an audience, and the events that a pause has held.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "cache.h"
#include "hot.h"
#include "sql.h"
#include "store.h"

/* Run a kept query on what is committed now, and on what we have written. */
static uint64
read_now(SqlPlan *plan, Datum *values)
{
	Snapshot	snapshot = hot_snapshot();
	uint64		n = sql_read(plan, values, NULL, snapshot);

	UnregisterSnapshot(snapshot);
	return n;
}

static EntryHistory
read_history(Step *step, const Journey *journey, text *key, int64 but, Snapshot snapshot)
{
	static SqlPlan plan = {
		"SELECT pg_catalog.bool_or(m.key OPERATOR(pg_catalog.=) $3),"
		" pg_catalog.max(m.entered_at) FROM journey.member_row m"
		" WHERE m.customer OPERATOR(pg_catalog.=) $1"
		" AND m.journey OPERATOR(pg_catalog.=) $2 AND m.id OPERATOR(pg_catalog.<>) $4",
		4, {TEXTOID, INT4OID, TEXTOID, INT8OID}
	};
	Datum		values[] = {PointerGetDatum(step->customer), Int32GetDatum(journey->id),
	PointerGetDatum(key), Int64GetDatum(but)};
	EntryHistory history = {false, NO_TIME};
	SqlSession	session;
	Datum		value;
	bool		isnull;

	sql_begin(&session);
	(void) sql_read(&plan, values, NULL, snapshot);
	value = sql_value(0, 1, &isnull);
	history.had_key = !isnull && DatumGetBool(value);
	value = sql_value(0, 2, &isnull);
	if (!isnull)
		history.last_entry = DatumGetTimestampTz(value);
	sql_end(&session);
	return history;
}

EntryHistory
store_history(Step *step, const Journey *journey, text *key)
{
	Snapshot	snapshot = hot_snapshot();
	EntryHistory history = read_history(step, journey, key, 0, snapshot);

	UnregisterSnapshot(snapshot);
	return history;
}

bool
store_history_stands(Step *step, const Member *member)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	EntryHistory now = read_history(step, member->journey, member->key, member->id,
									snapshot);

	UnregisterSnapshot(snapshot);
	return now.had_key == member->history.had_key &&
		now.last_entry == member->history.last_entry;
}

bool
store_in_audience(Step *step, const char *audience)
{
	static SqlPlan plan = {
		"SELECT FROM journey.audience_member"
		" WHERE customer OPERATOR(pg_catalog.=) $1 AND audience OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};
	Datum		values[] = {PointerGetDatum(step->customer),
	CStringGetTextDatum(audience)};
	SqlSession	session;
	bool		found;

	sql_begin(&session);
	found = read_now(&plan, values) > 0;
	sql_end(&session);
	return found;
}

/* ---- events of a pause ---- */

/* The event came while the member's journey was in that pause. */
void
store_hold_event(text *customer, int32 journey, int pause, const Event *event)
{
	static SqlPlan plan = {
		"INSERT INTO journey.held"
		" (customer, journey, pause, event_id, at, received_at, event, props)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		8, {TEXTOID, INT4OID, INT2OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, JSONBOID}
	};
	Datum		values[] = {PointerGetDatum(customer), Int32GetDatum(journey),
		Int16GetDatum(pause), Int64GetDatum(event->id),
		TimestampTzGetDatum(event->at), TimestampTzGetDatum(event->received_at),
	PointerGetDatum(event->type), JsonbPGetDatum(event->props)};
	SqlSession	session;

	sql_begin(&session);
	sql_run(&plan, values, NULL);
	sql_end(&session);
}

static Event *
read_held(SqlSession *session, uint64 row)
{
	Event	   *event = MemoryContextAllocZero(session->caller, sizeof(Event));
	bool		isnull;

	event->id = DatumGetInt64(sql_value(row, 1, &isnull));
	event->name = sql_text(session, row, 2);
	event->type = (text *) DatumGetPointer(sql_datum(session, row, 2, &isnull));
	event->props = (Jsonb *) DatumGetPointer(sql_datum(session, row, 3, &isnull));
	event->received_at = DatumGetTimestampTz(sql_value(row, 4, &isnull));
	return event;
}

/* In the order in which they came: by their time, then by their receipt. */
List *
store_held_events(text *customer, int32 journey, int pause)
{
	static SqlPlan plan = {
		"SELECT event_id, event, props, received_at FROM journey.held"
		" WHERE customer OPERATOR(pg_catalog.=) $1 AND journey OPERATOR(pg_catalog.=) $2"
		" AND pause OPERATOR(pg_catalog.=) $3 ORDER BY at, received_at, seq",
		3, {TEXTOID, INT4OID, INT2OID}
	};
	Datum		values[] = {PointerGetDatum(customer), Int32GetDatum(journey),
	Int16GetDatum(pause)};
	SqlSession	session;
	List	   *events = NIL;
	uint64		n;

	sql_begin(&session);
	n = read_now(&plan, values);
	if (IsolationUsesXactSnapshot() &&
		sql_read(&plan, values, NULL, GetLatestSnapshot()) != n)
		ereport(ERROR,
				errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				errmsg("could not serialize access due to concurrent update"),
				errdetail("Events came while the journey was paused."));
	for (uint64 i = 0; i < n; i++)
	{
		Event	   *event = read_held(&session, i);
		MemoryContext old = MemoryContextSwitchTo(session.caller);

		events = lappend(events, event);
		MemoryContextSwitchTo(old);
	}
	sql_end(&session);
	return events;
}

bool
store_drop_held(text *customer, int32 journey, int pause)
{
	static SqlPlan plan = {
		"DELETE FROM journey.held"
		" WHERE customer OPERATOR(pg_catalog.=) $1 AND journey OPERATOR(pg_catalog.=) $2"
		" AND pause OPERATOR(pg_catalog.<=) $3",
		3, {TEXTOID, INT4OID, INT2OID}
	};
	Datum		values[] = {PointerGetDatum(customer), Int32GetDatum(journey),
	Int16GetDatum(pause)};
	SqlSession	session;
	bool		any;

	sql_begin(&session);
	any = sql_run(&plan, values, NULL) > 0;
	sql_end(&session);
	return any;
}

/* Customers for whom the journey holds events: at most max, as text *, in order. */
List *
store_held_customers(int32 journey, int64 max)
{
	static SqlPlan plan = {
		"SELECT DISTINCT customer FROM journey.held"
		" WHERE journey OPERATOR(pg_catalog.=) $1 ORDER BY customer LIMIT $2",
		2, {INT4OID, INT8OID}
	};
	Datum		values[] = {Int32GetDatum(journey), Int64GetDatum(max)};
	SqlSession	session;
	List	   *customers = NIL;
	uint64		n;

	sql_begin(&session);
	n = read_now(&plan, values);
	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;
		Datum		customer = sql_datum(&session, i, 1, &isnull);
		MemoryContext old = MemoryContextSwitchTo(session.caller);

		customers = lappend(customers, DatumGetPointer(customer));
		MemoryContextSwitchTo(old);
	}
	sql_end(&session);
	return customers;
}

/* Journeys that hold events for the customer, as a list of ids. */
static List *
holding_journeys(text *customer)
{
	static SqlPlan plan = {
		"SELECT DISTINCT journey FROM journey.held"
		" WHERE customer OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	Datum		values[] = {PointerGetDatum(customer)};
	SqlSession	session;
	List	   *journeys = NIL;
	uint64		n;

	sql_begin(&session);
	n = read_now(&plan, values);
	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;
		MemoryContext old = MemoryContextSwitchTo(session.caller);

		journeys = lappend_int(journeys, DatumGetInt32(sql_value(i, 1, &isnull)));
		MemoryContextSwitchTo(old);
	}
	sql_end(&session);
	return journeys;
}

bool
store_drop_leftovers(text *customer)
{
	bool		any = false;
	ListCell   *cell;

	foreach(cell, holding_journeys(customer))
	{
		const JourneyState *state = cache_journey(lfirst_int(cell));

		if (state == NULL || !state->is_paused)
			any |= store_drop_held(customer, lfirst_int(cell),
								   state ? state->npauses : PG_INT16_MAX);
	}
	return any;
}
