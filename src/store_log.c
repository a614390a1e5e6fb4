/*-------------------------------------------------------------------------
 *
 * store_log.c
 *	  The two append-only logs: events and transitions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "commands/sequence.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "cache.h"
#include "compat.h"
#include "guc.h"
#include "leaf.h"
#include "sql.h"
#include "store.h"

/* Columns of journey.event, in the order of sql/10_tables.sql. */
enum
{
	EVENT_ID,
	EVENT_AT,
	EVENT_RECEIVED_AT,
	EVENT_CUSTOMER,
	EVENT_EVENT,
	EVENT_PROPS,
	EVENT_COLUMNS
};

/* Columns of journey.transition_row. */
enum
{
	TRANSITION_ID,
	TRANSITION_MEMBER,
	TRANSITION_EVENT_ID,
	TRANSITION_DUE_AT,
	TRANSITION_AT,
	TRANSITION_RECEIVED_AT,
	TRANSITION_XACT,
	TRANSITION_SEQ,
	TRANSITION_JOURNEY,
	TRANSITION_EDGE,
	TRANSITION_VERSION,
	TRANSITION_FROM_TILE,
	TRANSITION_TO_TILE,
	TRANSITION_REASON,
	TRANSITION_CUSTOMER,
	TRANSITION_COLUMNS
};

/* An event's time is at most this much later than its receipt. */
#define FUTURE_LIMIT (5 * SECS_PER_MINUTE * USECS_PER_SEC)

static HotTable event_hot = {.natts = EVENT_COLUMNS};
static HotTable transition_hot = {.natts = TRANSITION_COLUMNS};

int64
store_event_id(void)
{
	return nextval_internal(sql_relation("event_id"), false);
}

void
store_append_event(text *customer, Event *event)
{
	Datum		values[EVENT_COLUMNS];
	bool		nulls[EVENT_COLUMNS] = {0};

	values[EVENT_ID] = Int64GetDatum(event->id);
	values[EVENT_AT] = TimestampTzGetDatum(event->at);
	values[EVENT_RECEIVED_AT] = TimestampTzGetDatum(event->received_at);
	values[EVENT_CUSTOMER] = PointerGetDatum(customer);
	values[EVENT_EVENT] = PointerGetDatum(event->type);
	values[EVENT_PROPS] = JsonbPGetDatum(event->props);
	hot_open(&event_hot, leaf_for(LOG_EVENT, event->received_at));
	hot_insert(&event_hot, values, nulls);
	event->tid = event_hot.slot->tts_tid;
	hot_close(&event_hot);
}

void
store_undo_event(const Event *event)
{
	ItemPointerData tid = event->tid;

	CommandCounterIncrement();
	hot_open(&event_hot, leaf_for(LOG_EVENT, event->received_at));
	hot_delete(&event_hot, &tid);
	hot_close(&event_hot);
}

static void
set_tile(Datum *values, bool *nulls, int column, int16 tile)
{
	values[column] = Int16GetDatum(tile);
	nulls[column] = tile == NO_TILE;
}

/*
 * What to add to a transaction id of this cluster to compare it with those that
 * a dump brought along: see journey.generation.  It holds for as long as the
 * extension is there, and so does the sequence's OID.
 */
static int64
xact_base(Oid sequence)
{
	static SqlPlan plan = {"SELECT base FROM journey.generation", 0, {0}};
	static Oid	known_for = InvalidOid;
	static int64 base;
	SqlSession	session;
	bool		isnull;

	if (known_for != sequence)
	{
		sql_begin(&session);
		if (sql_read(&plan, NULL, NULL, GetLatestSnapshot()) != 1)
			elog(ERROR, "journey.generation must hold one row");
		base = DatumGetInt64(sql_value(0, 1, &isnull));
		sql_end(&session);
		known_for = sequence;
	}
	return base;
}

static int64
comparable_xact(Oid sequence)
{
	return xact_base(sequence) + (int64) U64FromFullTransactionId(GetTopFullTransactionId());
}

int64
store_xact(void)
{
	return comparable_xact(sql_relation("transition_id"));
}

/*
 * Statements under way count from the snapshot they read with, those that have
 * not written yet too.
 */
int64
store_oldest_xact(void)
{
	Relation	rel = table_open(sql_relation("member_row"), AccessShareLock);
	TransactionId oldest = GetOldestNonRemovableTransactionId(rel);
	FullTransactionId next = ReadNextFullTransactionId();

	table_close(rel, AccessShareLock);
	return xact_base(sql_relation("transition_id")) +
		(int64) (U64FromFullTransactionId(next) -
				 (uint32) (XidFromFullTransactionId(next) - oldest));
}

int64
store_last_xact(void)
{
	return xact_base(sql_relation("transition_id")) - 1 +
		(int64) U64FromFullTransactionId(ReadNextFullTransactionId());
}

void
store_append_transition(Step *step, const Transition *transition)
{
	const Member *member = transition->member;
	Oid			sequence = sql_relation("transition_id");
	Datum		values[TRANSITION_COLUMNS];
	bool		nulls[TRANSITION_COLUMNS] = {0};

	values[TRANSITION_ID] =
		Int64GetDatum(nextval_internal(sequence, false));
	values[TRANSITION_MEMBER] = Int64GetDatum(member->id);
	values[TRANSITION_EVENT_ID] = Int64GetDatum(transition->event_id);
	nulls[TRANSITION_EVENT_ID] = transition->event_id == 0;
	values[TRANSITION_DUE_AT] = TimestampTzGetDatum(step->due_at);
	nulls[TRANSITION_DUE_AT] = step->due_at == NO_TIME;
	values[TRANSITION_AT] = TimestampTzGetDatum(step->now);
	values[TRANSITION_RECEIVED_AT] = TimestampTzGetDatum(step->received_at);
	values[TRANSITION_XACT] = Int64GetDatum(comparable_xact(sequence));
	values[TRANSITION_SEQ] = Int32GetDatum(transition->seq);
	values[TRANSITION_JOURNEY] = Int32GetDatum(member->journey_id);
	values[TRANSITION_EDGE] = Int32GetDatum(transition->edge);
	nulls[TRANSITION_EDGE] = transition->edge == NO_EDGE;
	values[TRANSITION_VERSION] = Int16GetDatum(transition->version);
	set_tile(values, nulls, TRANSITION_FROM_TILE, transition->from);
	set_tile(values, nulls, TRANSITION_TO_TILE, transition->to);
	values[TRANSITION_REASON] = CharGetDatum((char) transition->reason);
	values[TRANSITION_CUSTOMER] = PointerGetDatum(step->customer);
	hot_open(&transition_hot, leaf_for(LOG_TRANSITION, step->received_at));
	hot_insert(&transition_hot, values, nulls);
	hot_close(&transition_hot);
}

/* ---- reading ---- */

/* Called for each row that an index scan of a partition finds; false ends all. */
typedef bool (*RowVisitor) (TupleTableSlot *slot, void *arg);

/*
 * Scan a partition by its only btree, which leads with the customer.  False:
 * the visitor has had enough.
 */
static bool
scan_leaf(Oid leaf, ScanKeyData *keys, int nkeys, RowVisitor visit, void *arg)
{
	Relation	rel = try_table_open(leaf, AccessShareLock);
	Relation	index;
	TupleTableSlot *slot;
	IndexScanDesc scan;
	bool		more = true;

	if (rel == NULL)
		return true;			/* dropped meanwhile: too old to be kept */
	index = index_open(RelationGetReplicaIndex(rel), AccessShareLock);
	slot = table_slot_create(rel, NULL);
	scan = index_beginscan_compat(rel, index, GetActiveSnapshot(), nkeys);
	index_rescan(scan, keys, nkeys, NULL, 0);
	while (more && index_getnext_slot(scan, ForwardScanDirection, slot))
	{
		slot_getallattrs(slot);
		more = visit(slot, arg);
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
	return more;
}

/*
 * Could the partition hold rows with at >= since?  An event is logged at most
 * FUTURE_LIMIT before its time, unless a session had set journey.now.
 */
static bool
may_hold(const Leaf *leaf, TimestampTz since)
{
	return leaf->is_default || since < FUTURE_LIMIT || guc_now() != NO_TIME ||
		leaf->to > since - FUTURE_LIMIT;
}

static void
scan_log(Log log, TimestampTz since, ScanKeyData *keys, int nkeys,
		 RowVisitor visit, void *arg)
{
	int			n;
	const Leaf *all = leaf_all(log, &n);
	Leaf	   *leaves = palloc((n + 1) * sizeof(Leaf));

	memcpy(leaves, all, n * sizeof(Leaf));	/* opening one may reload the list */
	for (int i = n - 1; i >= 0; i--)
	{
		CHECK_FOR_INTERRUPTS();
		if (may_hold(&leaves[i], since) &&
			!scan_leaf(leaves[i].relid, keys, nkeys, visit, arg))
			break;
	}
	pfree(leaves);
}

static void
customer_key(ScanKeyData *key, text *customer)
{
	ScanKeyEntryInitialize(key, 0, 1, BTEqualStrategyNumber, InvalidOid,
						   C_COLLATION_OID, F_TEXTEQ, PointerGetDatum(customer));
}

typedef struct EventSearch
{
	const EventQuery *query;
	EventVisitor visit;
	void	   *arg;
} EventSearch;

static bool
visit_event(TupleTableSlot *slot, void *arg)
{
	EventSearch *search = arg;
	const EventQuery *query = search->query;
	Datum		props = slot->tts_values[EVENT_PROPS];

	if (!DatumGetBool(DirectFunctionCall2Coll(texteq, C_COLLATION_OID,
											  slot->tts_values[EVENT_EVENT],
											  PointerGetDatum(query->event))))
		return true;
	if (query->filter &&
		!DatumGetBool(DirectFunctionCall2(jsonb_contains, props,
										  JsonbPGetDatum(query->filter))))
		return true;
	return search->visit(DatumGetJsonbP(props),
						 DatumGetTimestampTz(slot->tts_values[EVENT_AT]),
						 DatumGetInt64(slot->tts_values[EVENT_ID]), search->arg);
}

void
store_find_events(const EventQuery *query, EventVisitor visit, void *arg)
{
	EventSearch search = {query, visit, arg};
	ScanKeyData keys[3];

	customer_key(&keys[0], query->customer);
	ScanKeyInit(&keys[1], 2, BTGreaterEqualStrategyNumber, F_TIMESTAMP_GE,
				TimestampTzGetDatum(query->since));
	ScanKeyInit(&keys[2], 2, BTLessEqualStrategyNumber, F_TIMESTAMP_LE,
				TimestampTzGetDatum(query->until));
	scan_log(LOG_EVENT, query->since, keys, 3, visit_event, &search);
}

typedef struct VisitCount
{
	const Member *member;
	int16		tile;			/* by its number in the member's version */
	const char *left;			/* the tile that the last migration took it
								 * from, or NULL */
	int			n;
} VisitCount;

/* NULL where the version is gone, or does not have it. */
static const char *
tile_name(const Member *member, int16 version, int16 tile)
{
	Journey    *journey = version == member->version ? member->journey :
		cache_version(member->journey_id, version);

	return journey && tile >= 0 && tile < journey->ntiles ?
		journey->tiles[tile].name : NULL;
}

/*
 * Is it an arrival at the tile, by its name where the member was on another
 * version then?  A migration to the same name is not; its two rows, the old
 * version's first, stand one after the other.
 */
static bool
is_visit(VisitCount *count, int16 version, int16 tile, Reason reason)
{
	const char *left = count->left;
	const char *name;

	if (reason == REASON_GOAL || reason == REASON_FAILED || reason == REASON_RETRIED)
		return false;
	count->left = NULL;
	if (version == count->member->version && reason != REASON_MIGRATED)
		return tile == count->tile;
	name = tile_name(count->member, version, tile);
	return name != NULL &&
		strcmp(name, tile_name(count->member, count->member->version, count->tile)) == 0 &&
		(reason != REASON_MIGRATED || left == NULL || strcmp(left, name) != 0);
}

static bool
count_visit(TupleTableSlot *slot, void *arg)
{
	VisitCount *count = arg;
	Datum	   *values = slot->tts_values;
	int16		version = DatumGetInt16(values[TRANSITION_VERSION]);
	Reason		reason = (Reason) DatumGetChar(values[TRANSITION_REASON]);

	if (!slot->tts_isnull[TRANSITION_TO_TILE])
		count->n += is_visit(count, version, DatumGetInt16(values[TRANSITION_TO_TILE]),
							 reason);
	else if (reason == REASON_MIGRATED)
		count->left = tile_name(count->member, version,
								DatumGetInt16(values[TRANSITION_FROM_TILE]));
	return true;
}

int
store_count_visits(Step *step, const Member *member, int16 tile)
{
	VisitCount	count = {member, tile, NULL, 0};
	ScanKeyData keys[2];
	Snapshot	snapshot = hot_snapshot();

	customer_key(&keys[0], step->customer);
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(member->id));
	PushActiveSnapshot(snapshot);
	scan_log(LOG_TRANSITION, DT_NOBEGIN, keys, 2, count_visit, &count);
	PopActiveSnapshot();
	UnregisterSnapshot(snapshot);
	return count.n;
}

/* ---- events since an entry ---- */

static bool
note_event_id(TupleTableSlot *slot, void *arg)
{
	List	  **ids = arg;
	int64	   *id;

	/* A goal is reached, and moves nobody. */
	if (slot->tts_isnull[TRANSITION_EVENT_ID] ||
		DatumGetChar(slot->tts_values[TRANSITION_REASON]) == REASON_GOAL)
		return true;
	id = palloc(sizeof(int64));
	*id = DatumGetInt64(slot->tts_values[TRANSITION_EVENT_ID]);
	*ids = lappend(*ids, id);
	return true;
}

/* The events that have entered or moved the member, as int64 *. */
static List *
event_ids(Step *step, const Member *member)
{
	List	   *ids = NIL;
	ScanKeyData keys[2];

	customer_key(&keys[0], step->customer);
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(member->id));
	scan_log(LOG_TRANSITION, member->entered_at, keys, 2, note_event_id, &ids);
	return ids;
}

typedef struct PastEvents
{
	List	   *moved;			/* int64 * */
	List	   *found;			/* Event * */
	const char *name;
} PastEvents;

static bool
note_past_event(Jsonb *props, TimestampTz at, int64 id, void *arg)
{
	PastEvents *past = arg;
	Event	   *event;
	ListCell   *cell;

	foreach(cell, past->moved)
	{
		if (*(int64 *) lfirst(cell) == id)
			return true;
	}
	event = palloc0(sizeof(Event));
	event->id = id;
	event->name = unconstify(char *, past->name);
	event->type = cstring_to_text(past->name);
	event->props = DatumGetJsonbPCopy(JsonbPGetDatum(props));
	event->at = at;
	past->found = lappend(past->found, event);
	return true;
}

static int
compare_events(const ListCell *a, const ListCell *b)
{
	const Event *x = lfirst(a);
	const Event *y = lfirst(b);

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

List *
store_past_events(Step *step, const Member *member, const char *event)
{
	EventQuery	query = {.customer = step->customer, .event = cstring_to_text(event),
	.since = member->entered_at, .until = step->now};
	PastEvents	past = {.name = event};
	Snapshot	snapshot = hot_snapshot();

	PushActiveSnapshot(snapshot);
	past.moved = event_ids(step, member);
	store_find_events(&query, note_past_event, &past);
	PopActiveSnapshot();
	UnregisterSnapshot(snapshot);
	list_sort(past.found, compare_events);
	return past.found;
}
