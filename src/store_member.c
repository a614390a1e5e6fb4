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
#include "store_row.h"

/* Columns of the index by customer, for scan keys. */
#define KEY_CUSTOMER 1
#define KEY_RUN 4

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
