/*-------------------------------------------------------------------------
 *
 * cache_version.c
 *	  Compiled versions of journeys, each in a memory context of its own.
 *
 * A version is known by its row's xmin and ctid besides its number, and by the
 * owner whose rights it was compiled with.  One that is not listed any more, or
 * is another now, is retired: its memory goes when nobody holds the cache.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "cache_version.h"
#include "sql.h"

typedef struct VersionEntry
{
	VersionKey	key;
	int64		xmin;
	ItemPointerData tid;
	bool		listed;			/* by the refresh under way */
	NameData	owner;			/* whose rights it was compiled with */
	MemoryContext cxt;
	Journey    *journey;
} VersionEntry;

static int	holds = 0;
static HTAB *versions = NULL;
static List *retired = NIL;		/* MemoryContext, freed when nobody holds */

static void
xact_callback(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT)
		holds = 0;
}

void
versions_init(void)
{
	RegisterXactCallback(xact_callback, NULL);
}

void
cache_hold(void)
{
	holds++;
}

void
cache_release(void)
{
	if (holds > 0)
		holds--;
}

void
versions_retire(MemoryContext cxt)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	retired = lappend(retired, cxt);
	MemoryContextSwitchTo(old);
}

static void
retire(VersionEntry *entry)
{
	if (entry->cxt)
		versions_retire(entry->cxt);
	entry->cxt = NULL;
	entry->journey = NULL;
}

void
versions_free_retired(void)
{
	ListCell   *cell;

	if (holds > 0 || retired == NIL)
		return;
	foreach(cell, retired)
		MemoryContextDelete(lfirst(cell));
	list_free(retired);
	retired = NIL;
}

static void
make_versions(void)
{
	HASHCTL		ctl = {.keysize = sizeof(VersionKey),
		.entrysize = sizeof(VersionEntry),
	.hcxt = TopMemoryContext};

	versions = hash_create("journey versions", 64, &ctl,
						   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/*
 * The extension was dropped and created again: everything is new, ids too.
 */
void
versions_forget(void)
{
	HASH_SEQ_STATUS seq;
	VersionEntry *entry;

	if (versions == NULL)
		return;
	hash_seq_init(&seq, versions);
	while ((entry = hash_seq_search(&seq)) != NULL)
	{
		retire(entry);
		hash_search(versions, &entry->key, HASH_REMOVE, NULL);
	}
}

static Jsonb *
read_definition(VersionKey key)
{
	static SqlPlan plan = {
		"SELECT definition FROM journey.version_row"
		" WHERE journey = $1 AND version = $2",
		2, {INT4OID, INT2OID}
	};
	Datum		values[] = {Int32GetDatum(key.journey), Int16GetDatum(key.version)};
	SqlSession	session;
	bool		isnull = true;
	Datum		definition = 0;

	sql_begin(&session);
	if (sql_read(&plan, values, NULL, GetLatestSnapshot()) == 1)
		definition = sql_datum(&session, 0, 1, &isnull);
	sql_end(&session);
	if (isnull)
		elog(ERROR, "version %d of journey %d is missing", key.version, key.journey);
	return DatumGetJsonbP(definition);
}

/*
 * The structs of a stored definition, in cxt.  One that this library cannot
 * read (an older one, with a database that a newer one wrote) concerns its
 * journey alone: NULL, and a warning.  Reading takes nothing but memory, so
 * there is nothing to clean up after an error.
 */
static Journey *
parse_stored(Jsonb *definition, const VersionRow *row, MemoryContext cxt)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Journey    *volatile journey = NULL;

	PG_TRY();
	{
		journey = definition_parse(definition, NULL);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		FlushErrorState();
		if (error->sqlerrcode == ERRCODE_OUT_OF_MEMORY)
			ReThrowError(error);
		ereport(WARNING,
				errcode(error->sqlerrcode),
				errmsg("journey \"%s\" stands still: its version %d cannot be read",
					   row->name, row->key.version),
				errdetail_internal("%s", error->message));
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	return journey;
}

/* Compile a version into a context of its own. */
static void
compile(VersionEntry *entry, const VersionRow *row)
{
	Jsonb	   *definition = read_definition(row->key);
	MemoryContext cxt = AllocSetContextCreate(TopMemoryContext,
											  "journey version",
											  ALLOCSET_SMALL_SIZES);
	Journey    *journey = parse_stored(definition, row, cxt);
	MemoryContext old;

	if (journey == NULL)
	{
		MemoryContextDelete(cxt);
		return;
	}
	old = MemoryContextSwitchTo(cxt);
	journey->id = row->key.journey;
	journey->version = row->key.version;
	journey->name = pstrdup(row->name);
	journey->author.owner = pstrdup(row->owner);
	MemoryContextSwitchTo(old);
	MemoryContextCopyAndSetIdentifier(cxt, row->name);
	entry->cxt = cxt;
	entry->journey = journey;
	entry->xmin = row->xmin;
	entry->tid = row->tid;
	namestrcpy(&entry->owner, row->owner);
}

Journey *
versions_get(const VersionRow *row)
{
	bool		found;
	VersionEntry *entry = hash_search(versions, &row->key, HASH_ENTER, &found);

	if (!found)
		entry->cxt = NULL;
	else if (entry->cxt != NULL &&
			 (entry->xmin != row->xmin ||
			  !ItemPointerEquals(&entry->tid, unconstify(ItemPointerData *, &row->tid)) ||
			  strcmp(NameStr(entry->owner), row->owner) != 0))
		retire(entry);
	if (entry->cxt == NULL)
	{
		entry->journey = NULL;
		compile(entry, row);
	}
	entry->listed = true;
	return entry->journey;
}

List *
versions_list(Snapshot snapshot)
{
	static SqlPlan plan = {
		"SELECT j.id, v.version, j.name, j.owner, j.state,"
		" v.version OPERATOR(pg_catalog.=) j.version,"
		" v.xmin::pg_catalog.text::pg_catalog.int8, v.ctid,"
		" j.stopped, j.sweep_after IS NOT NULL"
		" FROM journey.journey j"
		" JOIN journey.version_row v ON v.journey OPERATOR(pg_catalog.=) j.id"
		" WHERE v.state OPERATOR(pg_catalog.<>) 'draft'"
		" ORDER BY j.id, v.version",
		0, {0}
	};
	SqlSession	session;
	List	   *rows = NIL;
	uint64		n;

	sql_begin(&session);
	n = sql_read(&plan, NULL, NULL, snapshot);
	for (uint64 i = 0; i < n; i++)
	{
		VersionRow *row = MemoryContextAllocZero(session.caller, sizeof(VersionRow));
		bool		isnull;
		MemoryContext old;

		row->key.journey = DatumGetInt32(sql_value(i, 1, &isnull));
		row->key.version = DatumGetInt16(sql_value(i, 2, &isnull));
		row->name = sql_text(&session, i, 3);
		row->owner = sql_text(&session, i, 4);
		row->state = sql_text(&session, i, 5);
		row->is_newest = DatumGetBool(sql_value(i, 6, &isnull));
		row->xmin = DatumGetInt64(sql_value(i, 7, &isnull));
		row->tid = *(ItemPointer) DatumGetPointer(sql_value(i, 8, &isnull));
		row->is_stopped = DatumGetBool(sql_value(i, 9, &isnull));
		row->needs_sweep = DatumGetBool(sql_value(i, 10, &isnull));
		old = MemoryContextSwitchTo(session.caller);
		rows = lappend(rows, row);
		MemoryContextSwitchTo(old);
	}
	sql_end(&session);
	return rows;
}

void
versions_begin(void)
{
	HASH_SEQ_STATUS seq;
	VersionEntry *entry;

	if (versions == NULL)
		make_versions();
	hash_seq_init(&seq, versions);
	while ((entry = hash_seq_search(&seq)) != NULL)
		entry->listed = false;
}

void
versions_end(void)
{
	HASH_SEQ_STATUS seq;
	VersionEntry *entry;

	hash_seq_init(&seq, versions);
	while ((entry = hash_seq_search(&seq)) != NULL)
	{
		if (entry->listed)
			continue;
		retire(entry);
		hash_search(versions, &entry->key, HASH_REMOVE, NULL);
	}
}

Journey *
cache_version(int32 journey, int16 version)
{
	VersionKey	key = {journey, version};
	VersionEntry *entry = hash_search(versions, &key, HASH_FIND, NULL);

	return entry ? entry->journey : NULL;
}
