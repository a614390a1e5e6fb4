/*-------------------------------------------------------------------------
 *
 * store_member.c
 *	  Members: finding, locking, writing them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "cache.h"
#include "compat.h"
#include "sql.h"
#include "store.h"

/* Columns of journey.member_row, in the order of sql/10_tables.sql. */
enum
{
	MEMBER_ID,
	MEMBER_RUN,
	MEMBER_ENTERED_AT,
	MEMBER_ARRIVED_AT,
	MEMBER_DUE_AT,
	MEMBER_READY_AT,
	MEMBER_EXITED_AT,
	MEMBER_CONVERTED_AT,
	MEMBER_JOURNEY,
	MEMBER_SEQ,
	MEMBER_VERSION,
	MEMBER_TILE,
	MEMBER_STATE,
	MEMBER_TRIES,
	MEMBER_CUSTOMER,
	MEMBER_KEY,
	MEMBER_CONTEXT,
	MEMBER_OUTCOME,
	MEMBER_HOLDS_UNTIL,
	MEMBER_SHIFTED,
	MEMBER_PARENT,
	MEMBER_AWAITS,
	MEMBER_RESULT,
	MEMBER_PAUSES,
	MEMBER_COLUMNS
};

/* Columns of the two indexes, for scan keys. */
#define KEY_CUSTOMER 1
#define KEY_RUN 4
#define DUE_JOURNEY 1
#define DUE_DUE_AT 2

static HotTable member_hot = {.natts = MEMBER_COLUMNS};

static void
open_members(void)
{
	hot_open(&member_hot, sql_relation("member_row"));
}

/* ---- rows and structs ---- */

static TimestampTz
time_or_none(TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? NO_TIME : DatumGetTimestampTz(slot->tts_values[column]);
}

static int64
number_or_zero(TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? 0 : DatumGetInt64(slot->tts_values[column]);
}

static text *
copy_text(Datum value)
{
	return (text *) PG_DETOAST_DATUM_COPY(value);
}

/* What few members have. */
static void
read_rare(Member *member, TupleTableSlot *slot)
{
	Datum	   *values = slot->tts_values;

	member->holds_until = time_or_none(slot, MEMBER_HOLDS_UNTIL);
	member->shifted = number_or_zero(slot, MEMBER_SHIFTED);
	member->parent = number_or_zero(slot, MEMBER_PARENT);
	if (!slot->tts_isnull[MEMBER_AWAITS])
	{
		member->awaits = palloc(sizeof(pg_uuid_t));
		*member->awaits = *DatumGetUUIDP(values[MEMBER_AWAITS]);
	}
	if (!slot->tts_isnull[MEMBER_RESULT])
		member->result = (Jsonb *) PG_DETOAST_DATUM_COPY(values[MEMBER_RESULT]);
	if (!slot->tts_isnull[MEMBER_PAUSES])
		member->pauses = DatumGetInt16(values[MEMBER_PAUSES]);
}

/* A member as its row says; its journey is looked up by the caller. */
static Member *
read_member(TupleTableSlot *slot)
{
	Member	   *member = palloc0(sizeof(Member));
	Datum	   *values;

	slot_getallattrs(slot);
	values = slot->tts_values;
	member->id = DatumGetInt64(values[MEMBER_ID]);
	member->entered_at = DatumGetTimestampTz(values[MEMBER_ENTERED_AT]);
	member->arrived_at = DatumGetTimestampTz(values[MEMBER_ARRIVED_AT]);
	member->due_at = time_or_none(slot, MEMBER_DUE_AT);
	member->ready_at = time_or_none(slot, MEMBER_READY_AT);
	member->exited_at = time_or_none(slot, MEMBER_EXITED_AT);
	member->converted_at = time_or_none(slot, MEMBER_CONVERTED_AT);
	member->journey_id = DatumGetInt32(values[MEMBER_JOURNEY]);
	member->seq = DatumGetInt32(values[MEMBER_SEQ]);
	member->version = DatumGetInt16(values[MEMBER_VERSION]);
	member->tile = DatumGetInt16(values[MEMBER_TILE]);
	member->state = DatumGetChar(values[MEMBER_STATE]);
	member->tries = DatumGetChar(values[MEMBER_TRIES]);
	member->key = copy_text(values[MEMBER_KEY]);
	if (!slot->tts_isnull[MEMBER_CONTEXT])
		member->context = (Jsonb *) PG_DETOAST_DATUM_COPY(values[MEMBER_CONTEXT]);
	if (!slot->tts_isnull[MEMBER_OUTCOME])
		member->outcome = copy_text(values[MEMBER_OUTCOME]);
	read_rare(member, slot);
	member->tid = slot->tts_tid;
	member->before = member;
	return member;
}

static void
set_time(Datum *values, bool *nulls, int column, TimestampTz value)
{
	values[column] = TimestampTzGetDatum(value);
	nulls[column] = value == NO_TIME;
}

static void
set_varlena(Datum *values, bool *nulls, int column, void *value)
{
	values[column] = PointerGetDatum(value);
	nulls[column] = value == NULL;
}

static void
set_number(Datum *values, bool *nulls, int column, int64 value)
{
	values[column] = Int64GetDatum(value);
	nulls[column] = value == 0;
}

/* The row of a member; run is 0 while it is the open one of its key. */
static void
member_values(Step *step, const Member *member, int64 run, Datum *values,
			  bool *nulls)
{
	memset(nulls, 0, MEMBER_COLUMNS * sizeof(bool));
	values[MEMBER_ID] = Int64GetDatum(member->id);
	values[MEMBER_RUN] = Int64GetDatum(run);
	values[MEMBER_ENTERED_AT] = TimestampTzGetDatum(member->entered_at);
	values[MEMBER_ARRIVED_AT] = TimestampTzGetDatum(member->arrived_at);
	set_time(values, nulls, MEMBER_DUE_AT, member->due_at);
	set_time(values, nulls, MEMBER_READY_AT, member->ready_at);
	set_time(values, nulls, MEMBER_EXITED_AT, member->exited_at);
	set_time(values, nulls, MEMBER_CONVERTED_AT, member->converted_at);
	values[MEMBER_JOURNEY] = Int32GetDatum(member->journey_id);
	values[MEMBER_SEQ] = Int32GetDatum(member->seq);
	values[MEMBER_VERSION] = Int16GetDatum(member->version);
	values[MEMBER_TILE] = Int16GetDatum(member->tile);
	values[MEMBER_STATE] = CharGetDatum(member->state);
	values[MEMBER_TRIES] = CharGetDatum(member->tries);
	values[MEMBER_CUSTOMER] = PointerGetDatum(step->customer);
	values[MEMBER_KEY] = PointerGetDatum(member->key);
	set_varlena(values, nulls, MEMBER_CONTEXT, member->context);
	set_varlena(values, nulls, MEMBER_OUTCOME, member->outcome);
	set_time(values, nulls, MEMBER_HOLDS_UNTIL, member->holds_until);
	set_number(values, nulls, MEMBER_SHIFTED, member->shifted);
	set_number(values, nulls, MEMBER_PARENT, member->parent);
	set_varlena(values, nulls, MEMBER_AWAITS, member->awaits);
	set_varlena(values, nulls, MEMBER_RESULT, member->result);
	values[MEMBER_PAUSES] = Int16GetDatum(member->pauses);
	nulls[MEMBER_PAUSES] = member->pauses == 0;
}

/* ---- finding and locking ---- */

/* Where a row was seen, to be locked in an order that all agree on. */
typedef struct Seen
{
	ItemPointerData tid;
	TimestampTz entered_at;
	int64		id;
	bool		is_open;
} Seen;

static int
compare_seen(const ListCell *a, const ListCell *b)
{
	const Seen *x = lfirst(a);
	const Seen *y = lfirst(b);

	if (x->entered_at != y->entered_at)
		return x->entered_at < y->entered_at ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* No calendar makes the interval longer than this. */
static TimestampTz
longest(const Interval *span)
{
	return span->time + (span->day + 1 + INT64CONST(31) * span->month) * USECS_PER_DAY;
}

/* Could the event be the goal of this exited member?  The engine asks exactly. */
static bool
could_convert(TupleTableSlot *slot, const GoalEvent *event)
{
	Journey    *journey;
	const Goal *goal;

	if (!slot->tts_isnull[MEMBER_CONVERTED_AT])
		return false;
	journey = cache_version(DatumGetInt32(slot->tts_values[MEMBER_JOURNEY]),
							DatumGetInt16(slot->tts_values[MEMBER_VERSION]));
	if (journey == NULL)
		return false;
	goal = &journey->goal;
	return goal->event != NULL && strcmp(goal->event, event->name) == 0 &&
		(goal->within == NULL || event->at - longest(goal->within) <=
		 DatumGetTimestampTz(slot->tts_values[MEMBER_ENTERED_AT]));
}

static Seen *
make_seen(TupleTableSlot *slot, bool is_open)
{
	Seen	   *seen = palloc(sizeof(Seen));

	seen->tid = slot->tts_tid;
	seen->entered_at = DatumGetTimestampTz(slot->tts_values[MEMBER_ENTERED_AT]);
	seen->id = DatumGetInt64(slot->tts_values[MEMBER_ID]);
	seen->is_open = is_open;
	return seen;
}

/* The customer's rows that are to be locked, in order. */
static List *
see_members(text *customer, const GoalEvent *goal, TupleTableSlot *slot)
{
	Relation	index = hot_index(&member_hot, "member_row_key");
	Snapshot	snapshot = hot_snapshot();
	ScanKeyData keys[2];
	IndexScanDesc scan;
	List	   *found = NIL;

	ScanKeyEntryInitialize(&keys[0], 0, KEY_CUSTOMER, BTEqualStrategyNumber,
						   InvalidOid, C_COLLATION_OID, F_TEXTEQ,
						   PointerGetDatum(customer));
	ScanKeyInit(&keys[1], KEY_RUN, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(0));
	scan = index_beginscan_compat(member_hot.rel, index, snapshot, goal ? 1 : 2);
	index_rescan(scan, keys, goal ? 1 : 2, NULL, 0);
	while (index_getnext_slot(scan, ForwardScanDirection, slot))
	{
		bool		is_open;

		slot_getallattrs(slot);
		is_open = DatumGetInt64(slot->tts_values[MEMBER_RUN]) == 0;
		if (is_open || could_convert(slot, goal))
			found = lappend(found, make_seen(slot, is_open));
	}
	index_endscan(scan);
	UnregisterSnapshot(snapshot);
	if (list_length(found) > 1)
		list_sort(found, compare_seen);
	return found;
}

/*
 * False: the row is gone, or (without waiting) somebody holds it.  *busy: that,
 * or somebody has changed it since we looked, and may have entered members too.
 */
static bool
lock_row(const ItemPointerData *tid, LockWaitPolicy policy, TupleTableSlot *slot,
		 bool *busy)
{
	TM_FailureData failure;
	ItemPointerData at = *tid;
	bool		latest = !IsolationUsesXactSnapshot();
	Snapshot	snapshot = hot_snapshot();
	TM_Result	result;

	result = table_tuple_lock(member_hot.rel, &at, snapshot, slot,
							  GetCurrentCommandId(true), LockTupleExclusive,
							  policy,
							  latest ? TUPLE_LOCK_FLAG_FIND_LAST_VERSION : 0,
							  &failure);
	UnregisterSnapshot(snapshot);
	*busy |= failure.traversed;
	if (result == TM_Ok)
		return true;
	if (result == TM_WouldBlock)
	{
		*busy = true;
		return false;
	}
	if (!latest && (result == TM_Updated || result == TM_Deleted))
		ereport(ERROR,
				errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				errmsg("could not serialize access due to concurrent update"));
	if (result != TM_Deleted && result != TM_Updated)
		elog(ERROR, "could not lock a member: result %d", result);
	return false;
}

/* The member as locked, unless it is of no more use (exited meanwhile). */
static Member *
lock_member(const Seen *seen, LockWait wait, TupleTableSlot *slot, bool *busy)
{
	Member	   *member;

	if (!lock_row(&seen->tid, LockWaitSkip, slot, busy) &&
		!(*busy && wait == LOCK_WAIT &&
		  lock_row(&seen->tid, LockWaitBlock, slot, busy)))
		return NULL;
	member = read_member(slot);
	if (seen->is_open && member->state == MEMBER_EXITED)
		return NULL;
	member->journey = cache_version(member->journey_id, member->version);
	if (member->journey == NULL)
		return NULL;
	member->broken = member->tile < 0 || member->tile >= member->journey->ntiles;
	return member;
}

/* Lock what can be seen now; true where somebody was in the way. */
static bool
lock_seen(text *customer, const GoalEvent *goal, LockWait wait,
		  TupleTableSlot *slot, List **members)
{
	bool		anybody = false;
	ListCell   *cell;

	*members = NIL;
	foreach(cell, see_members(customer, goal, slot))
	{
		bool		busy = false;
		Member	   *member = lock_member(lfirst(cell), wait, slot, &busy);

		if (member != NULL)
			*members = lappend(*members, member);
		anybody |= busy;
		if (busy && wait == LOCK_SKIP)
			break;
	}
	return anybody;
}

bool
store_lock_members(text *customer, const GoalEvent *goal, LockWait wait,
				   List **members)
{
	TupleTableSlot *slot;
	bool		waited;

	open_members();
	slot = table_slot_create(member_hot.rel, NULL);
	do
	{
		CHECK_FOR_INTERRUPTS();
		waited = lock_seen(customer, goal, wait, slot, members);
	} while (waited && wait == LOCK_WAIT && !IsolationUsesXactSnapshot());
	ExecDropSingleTupleTableSlot(slot);
	hot_close(&member_hot);
	return !waited || wait == LOCK_WAIT;
}

/* ---- due members ---- */

static IndexScanDesc
begin_due_scan(int32 journey, TimestampTz by, Snapshot snapshot)
{
	Relation	index = hot_index(&member_hot, "member_row_due");
	IndexScanDesc scan;
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], DUE_JOURNEY, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(journey));
	ScanKeyInit(&keys[1], DUE_DUE_AT, BTLessEqualStrategyNumber,
				F_TIMESTAMP_LE, TimestampTzGetDatum(by));
	scan = index_beginscan_compat(member_hot.rel, index, snapshot, 2);
	index_rescan(scan, keys, 2, NULL, 0);
	return scan;
}

static DueMember *
make_due(TupleTableSlot *slot)
{
	DueMember  *due = palloc(sizeof(DueMember));

	slot_getallattrs(slot);
	due->customer = copy_text(slot->tts_values[MEMBER_CUSTOMER]);
	due->id = DatumGetInt64(slot->tts_values[MEMBER_ID]);
	due->due_at = DatumGetTimestampTz(slot->tts_values[MEMBER_DUE_AT]);
	return due;
}

List *
store_due_members(int32 journey, TimestampTz by, int64 max, List *due)
{
	Snapshot	snapshot;
	IndexScanDesc scan;
	TupleTableSlot *slot;

	open_members();
	snapshot = hot_snapshot();
	slot = table_slot_create(member_hot.rel, NULL);
	scan = begin_due_scan(journey, by, snapshot);
	while (max-- > 0 && index_getnext_slot(scan, ForwardScanDirection, slot))
		due = lappend(due, make_due(slot));
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	hot_close(&member_hot);
	return due;
}

TimestampTz
store_first_due(int32 journey)
{
	List	   *first = store_due_members(journey, DT_NOEND, 1, NIL);

	return first ? ((DueMember *) linitial(first))->due_at : NO_TIME;
}

/* ---- writing ---- */

static void
insert_values(Step *step, Member *member, Datum *values, bool *nulls)
{
	member_values(step, member, 0, values, nulls);
	open_members();
}

bool
store_insert_member(Step *step, Member *member)
{
	Datum		values[MEMBER_COLUMNS];
	bool		nulls[MEMBER_COLUMNS];
	bool		inserted;

	insert_values(step, member, values, nulls);
	inserted = hot_insert_unless(&member_hot, values, nulls, &member->tid);
	hot_close(&member_hot);
	if (!inserted)
		ItemPointerSetInvalid(&member->tid);
	return inserted;
}

void
store_replace_member(Step *step, Member *member)
{
	Datum		values[MEMBER_COLUMNS];
	bool		nulls[MEMBER_COLUMNS];

	insert_values(step, member, values, nulls);
	hot_insert(&member_hot, values, nulls);
	member->tid = member_hot.slot->tts_tid;
	hot_close(&member_hot);
}

bool
store_wait_for_key(Step *step, Member *member)
{
	Datum		values[MEMBER_COLUMNS];
	bool		nulls[MEMBER_COLUMNS];
	bool		is_free;

	insert_values(step, member, values, nulls);
	is_free = hot_wait_for_key(&member_hot, values, nulls);
	hot_close(&member_hot);
	return is_free;
}

void
store_update_member(Step *step, Member *member)
{
	Datum		values[MEMBER_COLUMNS];
	bool		nulls[MEMBER_COLUMNS];

	member_values(step, member, member->state == MEMBER_EXITED ? member->id : 0,
				  values, nulls);
	open_members();
	hot_update(&member_hot, &member->tid, values, nulls);
	hot_close(&member_hot);
}

void
store_undo_insert(Member *member)
{
	open_members();
	hot_delete(&member_hot, &member->tid);
	hot_close(&member_hot);
	ItemPointerSetInvalid(&member->tid);
}
