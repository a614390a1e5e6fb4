/*-------------------------------------------------------------------------
 *
 * store_side.c
 *	  What moves leave beside the hot tables: traits, failures.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "hot.h"
#include "profile.h"
#include "sql.h"
#include "store.h"

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

void
store_insert_source_failure(const char *source, text *customer, int sqlstate,
							const char *message)
{
	static SqlPlan plan = {
		"INSERT INTO journey.failure_row (at, source, customer, sqlstate, message)"
		" VALUES ($1, $2, $3, $4, $5)",
		5, {TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};
	Datum		values[] = {TimestampTzGetDatum(guc_clock()),
		CStringGetTextDatum(source), PointerGetDatum(customer),
	CStringGetTextDatum(unpack_sql_state(sqlstate)), CStringGetTextDatum(message)};
	bool		nulls[] = {false, false, customer == NULL, false, false};
	SqlSession	session;

	sql_begin(&session);
	sql_run(&plan, values, nulls);
	sql_end(&session);
}
