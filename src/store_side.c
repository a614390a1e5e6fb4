/*-------------------------------------------------------------------------
 *
 * store_side.c
 *	  What moves leave beside the hot tables: traits, actions, failures.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "hot.h"
#include "profile.h"
#include "sql.h"
#include "store.h"

/* Columns of journey.action, in the order of sql/10_tables.sql. */
enum
{
	ACTION_ID,
	ACTION_MEMBER,
	ACTION_JOURNEY,
	ACTION_TILE,
	ACTION_CUSTOMER,
	ACTION_DESTINATION,
	ACTION_PAYLOAD,
	ACTION_TAGS,
	ACTION_STATE,
	ACTION_ATTEMPTS,
	ACTION_NEXT_ATTEMPT_AT,
	ACTION_LAST_ERROR,
	ACTION_RESPONSE,
	ACTION_CREATED_AT,
	ACTION_DELIVERED_AT,
	ACTION_EXPIRES_AT,
	ACTION_RETRY,
	ACTION_COLUMNS
};

static HotTable action_hot = {.natts = ACTION_COLUMNS};

Jsonb *
store_traits(text *customer)
{
	static SqlPlan plan = {
		"SELECT traits FROM journey.customer WHERE customer OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	Datum		values[] = {PointerGetDatum(customer)};
	SqlSession	session;
	bool		isnull = true;
	Datum		traits = 0;
	Snapshot	snapshot = hot_snapshot();

	sql_begin(&session);
	if (sql_read(&plan, values, NULL, snapshot) > 0)
		traits = sql_datum(&session, 0, 1, &isnull);
	sql_end(&session);
	UnregisterSnapshot(snapshot);
	return isnull ? jsonb_empty_object() : DatumGetJsonbP(traits);
}

void
store_merge_traits(text *customer, Jsonb *patch, TimestampTz now)
{
	static SqlPlan plan = {
		"INSERT INTO journey.customer AS c (customer, traits, updated_at)"
		" VALUES ($1, $2 OPERATOR(pg_catalog.-) $3, $4)"
		" ON CONFLICT (customer) DO UPDATE"
		" SET traits = (c.traits OPERATOR(pg_catalog.||) $2) OPERATOR(pg_catalog.-) $3,"
		" updated_at = $4",
		4, {TEXTOID, JSONBOID, TEXTARRAYOID, TIMESTAMPTZOID}
	};
	Datum		values[] = {PointerGetDatum(customer), JsonbPGetDatum(patch),
	PointerGetDatum(profile_removals(patch)), TimestampTzGetDatum(now)};
	SqlSession	session;

	sql_begin(&session);
	sql_run(&plan, values, NULL);
	sql_end(&session);
}

static Datum
tag_array(List *tags)
{
	Datum	   *elements = palloc(list_length(tags) * sizeof(Datum));
	int			n = 0;
	ListCell   *cell;

	foreach(cell, tags)
		elements[n++] = CStringGetTextDatum(lfirst(cell));
	return PointerGetDatum(construct_array(elements, n, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

void
store_insert_action(Step *step, const Action *action)
{
	const Tile *tile = action->tile;
	Datum		values[ACTION_COLUMNS] = {0};
	bool		nulls[ACTION_COLUMNS] = {0};

	values[ACTION_ID] = UUIDPGetDatum(&action->id);
	values[ACTION_MEMBER] = Int64GetDatum(action->member->id);
	values[ACTION_JOURNEY] = CStringGetTextDatum(action->member->journey->name);
	values[ACTION_TILE] = CStringGetTextDatum(tile->name);
	values[ACTION_CUSTOMER] = PointerGetDatum(step->customer);
	values[ACTION_DESTINATION] = CStringGetTextDatum(tile->destination);
	values[ACTION_PAYLOAD] = JsonbPGetDatum(action->payload);
	nulls[ACTION_TAGS] = tile->tags == NIL;
	if (tile->tags != NIL)
		values[ACTION_TAGS] = tag_array(tile->tags);
	values[ACTION_STATE] = CStringGetTextDatum("pending");
	values[ACTION_ATTEMPTS] = Int32GetDatum(0);
	values[ACTION_NEXT_ATTEMPT_AT] = TimestampTzGetDatum(action->next_attempt_at);
	nulls[ACTION_LAST_ERROR] = true;
	nulls[ACTION_RESPONSE] = true;
	values[ACTION_CREATED_AT] = TimestampTzGetDatum(step->now);
	nulls[ACTION_DELIVERED_AT] = true;
	nulls[ACTION_EXPIRES_AT] = true;
	nulls[ACTION_RETRY] = true;
	hot_open(&action_hot, sql_relation("action"));
	hot_insert(&action_hot, values, nulls);
	hot_close(&action_hot);
}

void
store_insert_failure(text *customer, TimestampTz now, const Failure *failure)
{
	static SqlPlan plan = {
		"INSERT INTO journey.failure_row"
		" (at, journey, version, tile, edge, sqlstate, customer, message)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		8, {TIMESTAMPTZOID, INT4OID, INT2OID, INT2OID, INT4OID, TEXTOID, TEXTOID, TEXTOID}
	};
	Datum		values[] = {TimestampTzGetDatum(now),
		Int32GetDatum(failure->journey->id),
		Int16GetDatum(failure->journey->version),
		Int16GetDatum(failure->tile), Int32GetDatum(failure->edge),
		CStringGetTextDatum(unpack_sql_state(failure->sqlstate)),
	PointerGetDatum(customer), CStringGetTextDatum(failure->message)};
	bool		nulls[] = {false, false, false, failure->tile == NO_TILE,
	failure->edge == NO_EDGE, false, false, false};
	SqlSession	session;

	sql_begin(&session);
	sql_run(&plan, values, nulls);
	sql_end(&session);
}
