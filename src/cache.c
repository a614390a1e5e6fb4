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
#include "utils/timestamp.h"

#include "binding.h"
#include "cache.h"
#include "cache_literal.h"
#include "cache_version.h"
#include "destination.h"
#include "hot.h"
#include "leaf.h"
#include "source.h"
#include "sql.h"

#define NAME_SIZE (MAX_EVENT_LENGTH + 1)

typedef struct ListenerEntry
{
	char		event[NAME_SIZE];
	Listeners	listeners;
} ListenerEntry;

static bool stale = true;
static uint64 changes = 1;		/* how often it became so */
static Oid	journey_relid = InvalidOid;

static MemoryContext lookup_cxt = NULL;
static HTAB *listeners = NULL;
static JourneyState *states = NULL;
static int	nstates = 0;
static bool asks_always = false;

/* The backend's only relcache callback; dispatches.  No catalog access here. */
static void
relcache_callback(Datum arg, Oid relid)
{
	hot_invalidate(relid);
	leaf_invalidate(relid);
	sql_invalidate(relid);
	source_invalidate(relid);
	destination_invalidate(relid);
	binding_invalidate(relid);
	if (relid == InvalidOid || relid == journey_relid)
	{
		stale = true;
		changes++;
	}
}

uint64
cache_changes(void)
{
	return changes;
}

void
cache_init(void)
{
	CacheRegisterRelcacheCallback(relcache_callback, (Datum) 0);
	versions_init();
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

static Listeners *
listeners_of_rule(const Rule *rule)
{
	Listeners  *found = listeners_of(rule->event);

	if (rule->audience != NULL)
		found->audiences = lappend(found->audiences, rule->audience);
	else
		found->any_audience = true;
	return found;
}

/* Somebody inside; whatever audience the event is about, if it is about one. */
static Listeners *
listeners_inside(const char *event)
{
	Listeners  *found = listeners_of(event);

	found->members = true;
	found->any_audience = true;
	return found;
}

static void
index_entries(Journey *journey)
{
	for (int i = 0; i < journey->ntriggers; i++)
	{
		Listeners  *found;

		/* A schedule waits for no event. */
		if (journey->triggers[i].schedule != NULL)
			continue;
		found = listeners_of_rule(&journey->triggers[i]);
		found->fans |= journey->triggers[i].customers != NULL;
		if (!list_member_ptr(found->entries, journey))
			found->entries = lappend(found->entries, journey);
	}
}

static void
index_members(Journey *journey)
{
	if (journey->goal.event)
		listeners_inside(journey->goal.event)->goals = true;
	for (int i = 0; i < journey->nexits; i++)
	{
		if (journey->exits[i].event)
			listeners_of_rule(&journey->exits[i])->members = true;
	}
	for (int i = 0; i < journey->nedges; i++)
	{
		if (journey->edges[i].event)
			(void) listeners_inside(journey->edges[i].event);
	}
	for (int i = 0; i < journey->ntiles; i++)
	{
		Tile	   *tile = &journey->tiles[i];

		for (int j = 0; j < tile->nresets; j++)
			(void) listeners_inside(tile->resets[j].event);
	}
}

/*
 * One row of the list, in order of journey: a state has its versions together.
 * A version that cannot be read moves nobody and takes nobody in.
 */
static void
add_version(const VersionRow *row)
{
	Journey    *journey = versions_get(row);
	JourneyState *state;

	if (journey == NULL)
		return;

	if (nstates == 0 || states[nstates - 1].id != row->key.journey)
		nstates++;
	state = &states[nstates - 1];
	state->id = row->key.journey;
	state->is_active = strcmp(row->state, "active") == 0;
	state->is_running = state->is_active || strcmp(row->state, "completed") == 0;
	state->is_paused = strcmp(row->state, "paused") == 0;
	state->is_stopped = row->is_stopped;
	state->needs_sweep = row->needs_sweep;
	asks_always |= journey->asks_always;
	index_members(journey);
	if (!row->is_newest)
		return;
	state->newest = journey;
	if (state->is_active)
		index_entries(journey);
}

/* By bisection: they are in order of id. */
static JourneyState *
find_state(int32 id)
{
	int			low = 0;
	int			high = nstates;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (states[middle].id == id)
			return &states[middle];
		if (states[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static void
begin_lookups(int nversions)
{
	HASHCTL		ctl = {.keysize = NAME_SIZE, .entrysize = sizeof(ListenerEntry)};

	/* Somebody who holds the cache may still read the old ones. */
	if (lookup_cxt != NULL)
		versions_retire(lookup_cxt);
	lookup_cxt = AllocSetContextCreate(TopMemoryContext, "journey look-ups",
									   ALLOCSET_DEFAULT_SIZES);
	ctl.hcxt = lookup_cxt;
	listeners = hash_create("journey listeners", 256, &ctl,
							HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	states = MemoryContextAllocZero(lookup_cxt,
									(nversions + 1) * sizeof(JourneyState));
	nstates = 0;
	asks_always = false;
	literals_forget();
}

/* How many rows, from that one on, are of its journey? */
static int
count_pauses(uint64 first, uint64 n)
{
	bool		isnull;
	int32		journey = DatumGetInt32(sql_value(first, 1, &isnull));
	uint64		next = first + 1;

	while (next < n && DatumGetInt32(sql_value(next, 1, &isnull)) == journey)
		next++;
	return next - first;
}

/*
 * The pauses that have ended; there are few.  Drafts have none, and a journey
 * that stands still has no state.
 */
static void
read_pauses(Snapshot snapshot)
{
	static SqlPlan plan = {
		"SELECT journey, paused_at, resumed_at FROM journey.pause"
		" WHERE resumed_at IS NOT NULL ORDER BY journey, number",
		0, {0}
	};
	SqlSession	session;
	uint64		n;

	sql_begin(&session);
	n = sql_read(&plan, NULL, NULL, snapshot);
	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;
		JourneyState *state = find_state(DatumGetInt32(sql_value(i, 1, &isnull)));

		if (state == NULL)
			continue;
		if (state->pauses == NULL)
			state->pauses = MemoryContextAlloc(lookup_cxt,
											   count_pauses(i, n) * sizeof(Pause));
		state->pauses[state->npauses].from =
			DatumGetTimestampTz(sql_value(i, 2, &isnull));
		state->pauses[state->npauses++].to =
			DatumGetTimestampTz(sql_value(i, 3, &isnull));
	}
	sql_end(&session);
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
	Snapshot	snapshot;
	List	   *rows;
	ListCell   *cell;

	if (relid != journey_relid)
		versions_forget();
	journey_relid = relid;
	stale = false;
	/* States and pauses as of one moment. */
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	rows = versions_list(snapshot);
	versions_begin();
	begin_lookups(list_length(rows));
	MemoryContextSwitchTo(lookup_cxt);
	foreach(cell, rows)
		add_version(lfirst(cell));
	read_pauses(snapshot);
	UnregisterSnapshot(snapshot);
	versions_end();
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
	versions_free_retired();
}

bool
cache_refresh_if_stale(bool outdated)
{
	AcceptInvalidationMessages();
	stale |= outdated;
	if (!stale)
		return false;
	cache_refresh();
	return true;
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

bool
cache_hears_audience(const char *event, const char *audience)
{
	const Listeners *found = cache_listeners(event);
	ListCell   *cell;

	if (found == NULL || found->any_audience)
		return found != NULL;
	foreach(cell, found->audiences)
	{
		if (strcmp(lfirst(cell), audience) == 0)
			return true;
	}
	return false;
}

bool
cache_names(const char *event)
{
	return asks_always || cache_listeners(event) != NULL || literals_have(event);
}

bool
cache_names_prefix(const char *prefix, int length)
{
	HASH_SEQ_STATUS seq;
	ListenerEntry *entry;
	bool		found = asks_always || literals_have_prefix(prefix, length);

	hash_seq_init(&seq, listeners);
	while ((entry = hash_seq_search(&seq)) != NULL)
		found |= strncmp(entry->event, prefix, length) == 0;
	return found;
}

const JourneyState *
cache_journey(int32 id)
{
	return find_state(id);
}

bool
cache_asks_always(void)
{
	return asks_always;
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
