/*-------------------------------------------------------------------------
 *
 * source.c
 *	  The user's tables that have our trigger, and what their rows mean to us.
 *
 * What the tables of the extension say about a source is read once per backend,
 * and again after anything has changed: the verbs send an invalidation for
 * journey.source, and the server one for a table that is altered.  Then all
 * sources are read anew when they are next asked for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "cache_version.h"
#include "isolate.h"
#include "model.h"
#include "source.h"
#include "sql.h"

typedef struct SourceEntry
{
	int			id;
	uint64		changes;		/* source_changes() when it was read */
	Source	   *source;			/* NULL: there is none */
	uint64		heard_changes;	/* and those of the journeys, when that was
								 * found out: */
	bool		is_heard;
} SourceEntry;

static uint64 changes = 1;		/* 0 is before the first */
static HTAB *entries = NULL;
static Oid	source_relid = InvalidOid;

uint64
source_changes(void)
{
	return changes;
}

/* No catalog access here.  Few tables are watched, and most of them often. */
void
source_invalidate(Oid relid)
{
	HASH_SEQ_STATUS seq;
	SourceEntry *entry;

	if (relid == InvalidOid || relid == source_relid)
	{
		changes++;
		return;
	}
	if (entries == NULL)
		return;
	hash_seq_init(&seq, entries);
	while ((entry = hash_seq_search(&seq)) != NULL)
	{
		if (entry->source != NULL && entry->source->relid == relid)
			changes++;
	}
}

/* ---- reading ---- */

bool
source_place(int id, SourcePlace *place)
{
	static SqlPlan plan = {
		"SELECT relid, trigger FROM journey.source_place"
		" WHERE id OPERATOR(pg_catalog.=) $1",
		1, {INT4OID}
	};
	Datum		value = Int32GetDatum(id);
	SqlSession	session;
	bool		isnull;
	bool		found;

	sql_begin(&session);
	found = sql_read(&plan, &value, NULL, GetLatestSnapshot()) > 0;
	place->relid = found ? DatumGetObjectId(sql_value(0, 1, &isnull)) : InvalidOid;
	place->trigger = found ? DatumGetObjectId(sql_value(0, 2, &isnull)) : InvalidOid;
	sql_end(&session);
	return found;
}

Oid
source_relation(int id)
{
	SourcePlace place;

	(void) source_place(id, &place);
	return place.relid;
}

/* The elements of a text[], as char *; NIL for null. */
static List *
text_list(uint64 row, int column, bool *is_null)
{
	Datum		array = sql_value(row, column, is_null);
	List	   *list = NIL;
	Datum	   *values;
	int			n;

	if (*is_null)
		return NIL;
	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT,
					  &values, NULL, &n);
	for (int i = 0; i < n; i++)
		list = lappend(list, TextDatumGetCString(values[i]));
	return list;
}

static int
operations_of(List *names)
{
	int			operations = 0;
	ListCell   *cell;

	foreach(cell, names)
	{
		if (strcmp(lfirst(cell), "insert") == 0)
			operations |= OPERATION_INSERT;
		else if (strcmp(lfirst(cell), "update") == 0)
			operations |= OPERATION_UPDATE;
		else
			operations |= OPERATION_DELETE;
	}
	return operations;
}

/* Everything in the source's memory: we are in it, within an SQL session. */
static void
read_watch(Source *source, uint64 row)
{
	Watch	   *watch = palloc0(sizeof(Watch));
	bool		isnull;
	Datum		value;

	watch->event = TextDatumGetCString(sql_value(row, 1, &isnull));
	watch->author.owner = pstrdup(NameStr(*DatumGetName(sql_value(row, 2, &isnull))));
	watch->customer_columns = text_list(row, 3, &isnull);
	watch->props = text_list(row, 4, &watch->every_column);
	value = sql_value(row, 5, &isnull);
	if (!isnull)
		watch->condition = expr_make_row(TextDatumGetCString(value), EXPR_BOOLEAN,
										 source->relid);
	watch->is_queued = strcmp(TextDatumGetCString(sql_value(row, 6, &isnull)), "queued") == 0;
	watch->operations = operations_of(text_list(row, 7, &isnull));
	watch->always = DatumGetBool(sql_value(row, 8, &isnull));
	watch->roles = PG_UINT64_MAX;
	source->watches = lappend(source->watches, watch);
}

static void
read_profile(Source *source, uint64 row)
{
	bool		isnull;
	Datum		value;

	source->is_profile = true;
	source->profile_columns = text_list(row, 1, &isnull);
	value = sql_value(row, 2, &isnull);
	source->traits_column = isnull ? NULL : TextDatumGetCString(value);
}

static void
read_audience(Source *source, uint64 row)
{
	LiveAudience *audience = palloc0(sizeof(LiveAudience));
	bool		isnull;

	audience->name = TextDatumGetCString(sql_value(row, 1, &isnull));
	audience->author.owner = pstrdup(NameStr(*DatumGetName(sql_value(row, 2, &isnull))));
	audience->holds = expr_make_holds(TextDatumGetCString(sql_value(row, 3, &isnull)));
	audience->columns = text_list(row, 4, &isnull);
	source->audiences = lappend(source->audiences, audience);
}

/* Run a query about the source; each of its rows is read by that function. */
static void
read_rows(Source *source, SqlPlan *plan, void (*read) (Source *source, uint64 row),
		  Snapshot snapshot)
{
	Datum		value = Int32GetDatum(source->id);
	SqlSession	session;
	uint64		n;

	sql_begin(&session);
	n = sql_read(plan, &value, NULL, snapshot);
	MemoryContextSwitchTo(source->cxt);
	for (uint64 i = 0; i < n; i++)
		read(source, i);
	sql_end(&session);
}

static void
read_configuration(Source *source, Snapshot snapshot)
{
	static SqlPlan watches = {
		"SELECT event, owner, customer_columns, props, condition, mode, operations, always"
		" FROM journey.watch WHERE source OPERATOR(pg_catalog.=) $1 ORDER BY event",
		1, {INT4OID}
	};
	static SqlPlan profile = {
		"SELECT key_columns, traits_column"
		" FROM journey.profile WHERE source OPERATOR(pg_catalog.=) $1",
		1, {INT4OID}
	};
	static SqlPlan audiences = {
		"SELECT name, owner, query, source_columns"
		" FROM journey.audience WHERE source OPERATOR(pg_catalog.=) $1 ORDER BY name",
		1, {INT4OID}
	};

	read_rows(source, &watches, read_watch, snapshot);
	read_rows(source, &profile, read_profile, snapshot);
	read_rows(source, &audiences, read_audience, snapshot);
}

/* The table as it is now; false: it is gone. */
static bool
describe_table(Source *source)
{
	SourcePlace place;
	Relation	rel;
	MemoryContext old;

	if (!source_place(source->id, &place))
		return false;
	rel = try_relation_open(place.relid, AccessShareLock);
	if (rel == NULL)
		return false;
	old = MemoryContextSwitchTo(source->cxt);
	source->relid = place.relid;
	source->trigger = place.trigger;
	source->owner = rel->rd_rel->relowner;
	source->name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
											  RelationGetRelationName(rel));
	source->desc = CreateTupleDescCopyConstr(RelationGetDescr(rel));
	MemoryContextSwitchTo(old);
	relation_close(rel, AccessShareLock);
	return true;
}

/* In a context of its own, which an error takes with it. */
static Source *
read_source(int id)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "journey source",
											  ALLOCSET_SMALL_SIZES);
	Source	   *source = MemoryContextAllocZero(cxt, sizeof(Source));
	Snapshot	snapshot;

	source->id = id;
	source->cxt = cxt;
	if (!describe_table(source))
	{
		MemoryContextDelete(cxt);
		return NULL;
	}
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	read_configuration(source, snapshot);
	UnregisterSnapshot(snapshot);
	MemoryContextSetParent(cxt, TopMemoryContext);
	return source;
}

/* ---- keeping ---- */

static SourceEntry *
entry_of(int id)
{
	SourceEntry *entry;
	bool		found;

	if (entries == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(int), .entrysize = sizeof(SourceEntry),
		.hcxt = TopMemoryContext};

		entries = hash_create("journey sources", 16, &ctl,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	entry = hash_search(entries, &id, HASH_ENTER, &found);
	if (!found)
	{
		entry->changes = 0;
		entry->source = NULL;
		entry->heard_changes = 0;
	}
	return entry;
}

/* Whoever holds the cache may still read the old one. */
static void
forget(SourceEntry *entry)
{
	if (entry->source != NULL)
		versions_retire(entry->source->cxt);
	entry->source = NULL;
	entry->changes = 0;
}

/*
 * A change that we hear of while we read counts: the number is taken before.
 * Reading can end in reading, of another source: the entry stays where it is.
 */
const Source *
source_get(int id)
{
	SourceEntry *entry = entry_of(id);
	uint64		before;
	Source	   *source;

	if (entry->changes == changes)
		return entry->source;
	source_relid = sql_relation("source");
	before = changes;
	forget(entry);
	source = read_source(id);
	entry->source = source;
	entry->changes = before;
	return source;
}

bool
source_is_known(int id)
{
	return entry_of(id)->changes == changes;
}

/* ---- is anybody listening? ---- */

int
watch_prefix(const char *event)
{
	return strcspn(event, "{");
}

bool
watch_is_heard(const Watch *watch)
{
	int			length = watch_prefix(watch->event);

	if (watch->always)
		return true;
	if (watch->event[length] == '\0')
		return cache_names(watch->event);
	return cache_names_prefix(watch->event, length);
}

static bool
is_heard(const Source *source)
{
	ListCell   *cell;

	if (source->audiences != NIL ||
		(source->is_profile &&
		 (cache_asks_always() || cache_listeners(EVENT_PROFILE_CHANGED) != NULL)))
		return true;
	foreach(cell, source->watches)
	{
		if (watch_is_heard(lfirst(cell)))
			return true;
	}
	return false;
}

typedef struct Hearing
{
	int			id;
	bool		is_heard;
} Hearing;

static void
find_out(void *arg)
{
	Hearing    *hearing = arg;
	const Source *source;

	cache_refresh();
	source = source_get(hearing->id);
	hearing->is_heard = source != NULL && is_heard(source);
}

/*
 * Asked for each row that any session changes in a watched table: mostly two
 * comparisons.  Where we cannot tell, the trigger is to record why.
 */
bool
source_is_heard(int id)
{
	SourceEntry *entry;
	Hearing		hearing = {id, true};
	uint64		before;

	AcceptInvalidationMessages();
	entry = entry_of(id);
	before = changes + cache_changes();
	if (entry->heard_changes == before)
		return entry->is_heard;
	if (isolate(find_out, &hearing) != NULL)
		return true;
	entry->is_heard = hearing.is_heard;
	entry->heard_changes = before;
	return entry->is_heard;
}
