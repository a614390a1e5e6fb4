/*-------------------------------------------------------------------------
 *
 * destination.c
 *	  The destinations there are.
 *
 * They are read whenever somebody asks, as they are now, whatever the transaction's
 * isolation.  Whoever keeps what was read compares destination_generation(): the
 * verbs send a relcache invalidation for journey.destination, as they do for
 * journeys (cache.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "destination.h"
#include "destination_read.h"
#include "isolate.h"
#include "role.h"
#include "seat.h"
#include "shmem.h"
#include "sql.h"

static uint64 generation = 1;
static Oid	destination_relid = InvalidOid;

/* No catalog access here. */
void
destination_invalidate(Oid relid)
{
	if (relid == InvalidOid || relid == destination_relid)
		generation++;
}

uint64
destination_generation(void)
{
	return generation;
}

void
destination_changed(void)
{
	CacheInvalidateRelcacheByRelid(sql_relation("destination"));
	shmem_note_action(TIME_NEVER_WAKE);
}

/* ---- reading ---- */

typedef struct DestinationRow
{
	char	   *name;
	char	   *kind;
	Jsonb	   *config;
	int32		id;
	char	   *owner;
	bool		needs_secret;
	bool		is_paused;
	char	   *disabled;
} DestinationRow;

#define COLUMNS "name, kind, config, id, owner::text, needs_secret," \
	" paused_at IS NOT NULL, disabled"

/* A row of the last result, in the memory of the session's caller. */
static DestinationRow *
read_row(SqlSession *session, uint64 i)
{
	DestinationRow *row = MemoryContextAllocZero(session->caller, sizeof(DestinationRow));
	bool		isnull;

	row->name = sql_text(session, i, 1);
	row->kind = sql_text(session, i, 2);
	row->config = DatumGetJsonbP(sql_datum(session, i, 3, &isnull));
	row->id = DatumGetInt32(sql_value(i, 4, &isnull));
	row->owner = sql_text(session, i, 5);
	row->needs_secret = DatumGetBool(sql_value(i, 6, &isnull));
	row->is_paused = DatumGetBool(sql_value(i, 7, &isnull));
	row->disabled = sql_text(session, i, 8);
	return row;
}

static void
set_row(Destination *destination, const DestinationRow *row)
{
	destination->id = row->id;
	destination->config = row->config;
	destination->author.owner = row->owner;
	destination->needs_secret |= row->needs_secret;
	destination->is_paused = row->is_paused;
	if (row->disabled != NULL)
		destination->disabled = row->disabled;
}

typedef struct Reading
{
	MemoryContext context;
	const DestinationRow *row;
	Destination *destination;
} Reading;

static void
read_config(void *arg)
{
	Reading    *reading = arg;
	const DestinationRow *row = reading->row;
	MemoryContext old = MemoryContextSwitchTo(reading->context);

	reading->destination = destination_read(row->name, row->kind, row->config,
											CONFIG_STORED);
	MemoryContextSwitchTo(old);
}

/* One whose configuration was changed by hand must not keep the others from theirs. */
static Destination *
from_row(const DestinationRow *row)
{
	Reading		reading = {.context = CurrentMemoryContext, .row = row};
	ErrorData  *error = isolate(read_config, &reading);
	Destination *destination = reading.destination;

	if (error != NULL)
	{
		destination = palloc0(sizeof(Destination));
		destination->name = row->name;
		destination->kind = strcmp(row->kind, "smtp") == 0 ? DESTINATION_SMTP :
			strcmp(row->kind, "sql") == 0 ? DESTINATION_SQL : DESTINATION_WEBHOOK;
		destination->disabled = psprintf("its configuration cannot be read: %s",
										 error->message);
	}
	set_row(destination, row);
	return destination;
}

static List *
read_rows(SqlPlan *plan, Datum *values)
{
	List	   *rows = NIL;
	List	   *destinations = NIL;
	MemoryContext context = CurrentMemoryContext;
	SqlSession	session;
	ListCell   *cell;
	uint64		n;

	destination_relid = sql_relation("destination");
	sql_begin(&session);
	n = sql_read(plan, values, NULL, GetLatestSnapshot());
	for (uint64 i = 0; i < n; i++)
	{
		DestinationRow *row = read_row(&session, i);
		MemoryContext old = MemoryContextSwitchTo(context);

		rows = lappend(rows, row);
		MemoryContextSwitchTo(old);
	}
	sql_end(&session);
	foreach(cell, rows)
		destinations = lappend(destinations, from_row(lfirst(cell)));
	return destinations;
}

Destination *
destination_find(const char *name)
{
	static SqlPlan plan = {
		"SELECT " COLUMNS " FROM journey.destination"
		" WHERE name OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	Datum		value = CStringGetTextDatum(name);
	List	   *found = read_rows(&plan, &value);

	return found == NIL ? NULL : linitial(found);
}

bool
destination_is_current(const Destination *destination)
{
	static SqlPlan plan = {
		"SELECT FROM journey.destination WHERE name OPERATOR(pg_catalog.=) $1"
		" AND id OPERATOR(pg_catalog.=) $2 AND config OPERATOR(pg_catalog.=) $3",
		3, {TEXTOID, INT4OID, JSONBOID}
	};
	Datum		values[] = {CStringGetTextDatum(destination->name),
		Int32GetDatum(destination->id), JsonbPGetDatum(destination->config)
	};
	SqlSession	session;
	bool		is_current;

	sql_begin(&session);
	is_current = sql_read(&plan, values, NULL, GetLatestSnapshot()) > 0;
	sql_end(&session);
	return is_current;
}

List *
destination_list(void)
{
	static SqlPlan plan = {
		"SELECT " COLUMNS " FROM journey.destination"
		" WHERE kind OPERATOR(pg_catalog.<>) 'pull' ORDER BY name"
	};

	return read_rows(&plan, NULL);
}

char *
destination_orphaned(const Destination *destination)
{
	const char *owner = destination->author.owner;

	return OidIsValid(role_by_name(owner)) ? NULL :
		psprintf("role \"%s\", its owner, does not exist", owner);
}

/* ---- writing ---- */

void
destination_disable(const char *name, const char *reason)
{
	static SqlPlan plan = {
		"UPDATE journey.destination SET disabled = $2"
		" WHERE name OPERATOR(pg_catalog.=) $1 AND disabled IS NULL",
		2, {TEXTOID, TEXTOID}
	};
	Datum		values[] = {CStringGetTextDatum(name), CStringGetTextDatum(reason)};
	SqlSession	session;
	uint64		updated;

	sql_begin(&session);
	updated = sql_run(&plan, values, NULL);
	sql_end(&session);
	if (updated > 0)
		destination_changed();
}
