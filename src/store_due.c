/*-------------------------------------------------------------------------
 *
 * store_due.c
 *	  Due members, by the index on their time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "executor/tuptable.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "store.h"
#include "store_row.h"

/* Columns of the index, for scan keys. */
#define DUE_JOURNEY 1
#define DUE_DUE_AT 2

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
