/*-------------------------------------------------------------------------
 *
 * store_journey.c
 *	  What concerns everybody in a journey: walking over its members, calling
 *	  back its actions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "sql.h"
#include "store.h"

/* Columns of member_row_key, which is the table's replica identity. */
#define KEY_CUSTOMER 1
#define KEY_JOURNEY 2
#define KEY_RUN 4

/* Open members of that journey, later than that customer; how many keys. */
static int
set_keys(ScanKeyData *keys, int32 journey, const text *after)
{
	int			n = 0;

	if (after != NULL)
		ScanKeyEntryInitialize(&keys[n++], 0, KEY_CUSTOMER, BTGreaterStrategyNumber,
							   InvalidOid, C_COLLATION_OID, F_TEXT_GT,
							   PointerGetDatum(after));
	ScanKeyInit(&keys[n++], KEY_JOURNEY, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(journey));
	ScanKeyInit(&keys[n++], KEY_RUN, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(0));
	return n;
}

/* The row's customer, unless it is the last one of the list. */
static List *
add_customer(List *customers, TupleTableSlot *slot, int column)
{
	bool		isnull;
	text	   *customer = DatumGetTextPP(slot_getattr(slot, column, &isnull));

	if (customers != NIL && text_is(llast(customers), customer))
		return customers;
	return lappend(customers, PG_DETOAST_DATUM_COPY(PointerGetDatum(customer)));
}

List *
store_open_customers(int32 journey, const text *after, int max)
{
	Relation	rel = table_open(sql_relation("member_row"), AccessShareLock);
	Relation	index = index_open(RelationGetReplicaIndex(rel), AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	ScanKeyData keys[3];
	int			nkeys = set_keys(keys, journey, after);
	IndexScanDesc scan = index_beginscan_compat(rel, index, snapshot, nkeys);
	List	   *customers = NIL;

	index_rescan(scan, keys, nkeys, NULL, 0);
	while (list_length(customers) < max &&
		   index_getnext_slot(scan, ForwardScanDirection, slot))
		customers = add_customer(customers, slot, index->rd_index->indkey.values[0]);
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
	return customers;
}

/*
 * Those that somebody is just taking are left: whoever holds one may want a
 * member that we hold.
 */
void
store_cancel_pending(const char *journey)
{
	static SqlPlan plan = {
		"UPDATE journey.action a SET state = 'cancelled', next_attempt_at = NULL"
		" FROM (SELECT customer, id FROM journey.action"
		" WHERE next_attempt_at IS NOT NULL AND state = 'pending' AND journey = $1"
		" FOR UPDATE SKIP LOCKED) p"
		" WHERE a.customer = p.customer AND a.id = p.id",
		1, {TEXTOID}
	};
	SqlSession	session;
	Datum		value = CStringGetTextDatum(journey);

	sql_begin(&session);
	sql_run(&plan, &value, NULL);
	sql_end(&session);
}
