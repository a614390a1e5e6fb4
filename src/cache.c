/*-------------------------------------------------------------------------
 *
 * cache.c
 *	  The journeys that are live, compiled once per backend.
 *
 * The verbs that change a journey send a relcache invalidation for the table
 * journey.journey; it reaches every backend at commit.  The next cache_refresh
 * then lists journeys and versions anew and parses those that it does not
 * have: a version is known by its row's xmin and ctid, so that one which was
 * activated, rolled back and edited is not mistaken for its successor.
 *
 * Both are read as they are now, whatever the transaction's isolation: an old
 * snapshot would leave us with old journeys after the transaction, too.
 *
 * The tables of look-ups (states, listeners, names) live in one context that is
 * built anew each time; each compiled version has a context of its own and
 * outlives that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "storage/itemptr.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "hot.h"
#include "leaf.h"
#include "sql.h"

#define NAME_SIZE (MAX_EVENT_LENGTH + 1)

typedef struct VersionKey
{
	int32		journey;
	int32		version;
} VersionKey;

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

typedef struct ListenerEntry
{
	char		event[NAME_SIZE];
	Listeners	listeners;
} ListenerEntry;

/* What the list of versions says about one of them. */
typedef struct VersionRow
{
	VersionKey	key;
	char	   *name;
	char	   *owner;
	char	   *state;
	bool		is_newest;
	int64		xmin;
	ItemPointerData tid;
} VersionRow;

static bool stale = true;
static Oid	journey_relid = InvalidOid;
static int	holds = 0;
static HTAB *versions = NULL;
static List *retired = NIL;		/* MemoryContext, freed when nobody holds */

static MemoryContext lookup_cxt = NULL;
static HTAB *listeners = NULL;
static JourneyState *states = NULL;
static int	nstates = 0;

/* The backend's only relcache callback; dispatches.  No catalog access here. */
static void
relcache_callback(Datum arg, Oid relid)
{
	hot_invalidate(relid);
	leaf_invalidate(relid);
	sql_invalidate(relid);
	if (relid == InvalidOid || relid == journey_relid)
		stale = true;
}

static void
xact_callback(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT)
		holds = 0;
}

void
cache_init(void)
{
	CacheRegisterRelcacheCallback(relcache_callback, (Datum) 0);
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

static void
retire(VersionEntry *entry)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	if (entry->cxt)
		retired = lappend(retired, entry->cxt);
	MemoryContextSwitchTo(old);
	entry->cxt = NULL;
	entry->journey = NULL;
}

static void
free_retired(void)
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
static void
forget_all(void)
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

static Journey *
find_or_compile(const VersionRow *row)
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

static Listeners *
listeners_of(const char *event)
{
	char		name[NAME_SIZE] = {0};
	bool		found;
	ListenerEntry *entry;

	strlcpy(name, event, NAME_SIZE);
	entry = hash_search(listeners, name, HASH_ENTER, &found);
	if (!found)
		memset(&entry->listeners, 0, sizeof(Listeners));
	return &entry->listeners;
}

static void
index_entries(Journey *journey)
{
	for (int i = 0; i < journey->ntriggers; i++)
	{
		Listeners  *found = listeners_of(journey->triggers[i].event);

		if (!list_member_ptr(found->entries, journey))
			found->entries = lappend(found->entries, journey);
	}
}

static void
index_members(Journey *journey)
{
	if (journey->goal.event)
	{
		listeners_of(journey->goal.event)->members = true;
		listeners_of(journey->goal.event)->goals = true;
	}
	for (int i = 0; i < journey->nexits; i++)
		listeners_of(journey->exits[i].event)->members = true;
	for (int i = 0; i < journey->nedges; i++)
	{
		if (journey->edges[i].event)
			listeners_of(journey->edges[i].event)->members = true;
	}
	for (int i = 0; i < journey->ntiles; i++)
	{
		Tile	   *tile = &journey->tiles[i];

		for (int j = 0; j < tile->nresets; j++)
			listeners_of(tile->resets[j].event)->members = true;
	}
}

/*
 * One row of the list, in order of journey: a state has its versions together.
 * A version that cannot be read moves nobody and takes nobody in.
 */
static void
add_version(const VersionRow *row)
{
	Journey    *journey = find_or_compile(row);
	JourneyState *state;

	if (journey == NULL)
		return;

	if (nstates == 0 || states[nstates - 1].id != row->key.journey)
		nstates++;
	state = &states[nstates - 1];
	state->id = row->key.journey;
	state->is_active = strcmp(row->state, "active") == 0;
	state->is_running = state->is_active || strcmp(row->state, "completed") == 0;
	index_members(journey);
	if (!row->is_newest)
		return;
	state->newest = journey;
	if (state->is_active)
		index_entries(journey);
}

static void
begin_lookups(int nversions)
{
	HASHCTL		ctl = {.keysize = NAME_SIZE, .entrysize = sizeof(ListenerEntry)};

	if (lookup_cxt == NULL)
		lookup_cxt = AllocSetContextCreate(TopMemoryContext, "journey look-ups",
										   ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(lookup_cxt);
	ctl.hcxt = lookup_cxt;
	listeners = hash_create("journey listeners", 256, &ctl,
							HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	states = MemoryContextAllocZero(lookup_cxt,
									(nversions + 1) * sizeof(JourneyState));
	nstates = 0;
}

static List *
list_versions(void)
{
	static SqlPlan plan = {
		"SELECT j.id, v.version, j.name, j.owner, j.state,"
		" v.version OPERATOR(pg_catalog.=) j.version,"
		" v.xmin::pg_catalog.text::pg_catalog.int8, v.ctid"
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
	n = sql_read(&plan, NULL, NULL, GetLatestSnapshot());
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
		old = MemoryContextSwitchTo(session.caller);
		rows = lappend(rows, row);
		MemoryContextSwitchTo(old);
	}
	sql_end(&session);
	return rows;
}

static void
forget_unlisted(void)
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

static void
mark_unlisted(void)
{
	HASH_SEQ_STATUS seq;
	VersionEntry *entry;

	hash_seq_init(&seq, versions);
	while ((entry = hash_seq_search(&seq)) != NULL)
		entry->listed = false;
}

/*
 * If this raises, we are stale still and begin anew next time.  A journey that
 * is invalidated while we read it makes us stale again.
 */
static void
reload(void)
{
	Oid			relid = sql_relation("journey");
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "journey cache reload",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	List	   *rows;
	ListCell   *cell;

	if (relid != journey_relid)
		forget_all();
	journey_relid = relid;
	if (versions == NULL)
		make_versions();
	stale = false;
	rows = list_versions();
	mark_unlisted();
	begin_lookups(list_length(rows));
	MemoryContextSwitchTo(lookup_cxt);
	foreach(cell, rows)
		add_version(lfirst(cell));
	forget_unlisted();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

void
cache_refresh(void)
{
	AcceptInvalidationMessages();
	if (stale)
	{
		PG_TRY();
		{
			reload();
		}
		PG_CATCH();
		{
			stale = true;
			PG_RE_THROW();
		}
		PG_END_TRY();
	}
	free_retired();
}

const Listeners *
cache_listeners(const char *event)
{
	char		name[NAME_SIZE];
	ListenerEntry *entry;

	strlcpy(name, event, NAME_SIZE);
	entry = hash_search(listeners, name, HASH_FIND, NULL);
	return entry ? &entry->listeners : NULL;
}

Journey *
cache_version(int32 journey, int16 version)
{
	VersionKey	key = {journey, version};
	VersionEntry *entry = hash_search(versions, &key, HASH_FIND, NULL);

	return entry ? entry->journey : NULL;
}

const JourneyState *
cache_journeys(int *n)
{
	*n = nstates;
	return states;
}

const JourneyState *
cache_by_name(const char *name)
{
	for (int i = 0; i < nstates; i++)
	{
		if (states[i].newest && strcmp(states[i].newest->name, name) == 0)
			return &states[i];
	}
	return NULL;
}
