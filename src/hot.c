/*-------------------------------------------------------------------------
 *
 * hot.c
 *	  Direct access to one of our tables, below the executor.
 *
 * The executor would open and describe the indexes anew for each statement;
 * we keep their descriptions (IndexInfo) for the life of the backend and only
 * open the relations, which is a look-up in the relation cache.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "hot.h"

/*
 * What an access method keeps in IndexInfo points into the index's relcache
 * entry; so it is good while that is where it was.
 */
typedef struct IndexEntry
{
	Relation	rel;
	TupleDesc	desc;
} IndexEntry;

static HotTable *all_hot = NULL;

void
hot_invalidate(Oid relid)
{
	for (HotTable *hot = all_hot; hot != NULL; hot = hot->next)
	{
		if (relid == InvalidOid || relid == hot->relid)
			hot->valid = false;
	}
}

static void
link_first_use(HotTable *hot)
{
	if (hot->cxt != NULL)
		return;
	hot->cxt = AllocSetContextCreate(TopMemoryContext, "journey hot table",
									 ALLOCSET_SMALL_SIZES);
	hot->next = all_hot;
	all_hot = hot;
}

/* Describe the table and its indexes.  The unique ones may arbitrate. */
static void
build(HotTable *hot, Relation rel)
{
	List	   *oids = RelationGetIndexList(rel);
	int			n = 0;
	ListCell   *cell;
	MemoryContext old;

	if (RelationGetDescr(rel)->natts != hot->natts)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("table \"%s\" has been altered", RelationGetRelationName(rel)),
				errdetail("It has %d columns instead of %d.",
						  RelationGetDescr(rel)->natts, hot->natts));
	/* An invalidation that comes while we read on counts. */
	hot->relid = RelationGetRelid(rel);
	hot->valid = true;
	MemoryContextReset(hot->cxt);
	old = MemoryContextSwitchTo(hot->cxt);
	hot->estate = CreateExecutorState();
	hot->slot = MakeSingleTupleTableSlot(CreateTupleDescCopy(RelationGetDescr(rel)),
										 &TTSOpsVirtual);
	hot->indexes = makeNode(ResultRelInfo);
	hot->index_oids = palloc(list_length(oids) * sizeof(Oid));
	hot->entries = palloc0(list_length(oids) * sizeof(IndexEntry));
	hot->state_cxt = AllocSetContextCreate(hot->cxt, "journey index state",
										   ALLOCSET_SMALL_SIZES);
	hot->indexes->ri_IndexRelationDescs = palloc0(list_length(oids) * sizeof(Relation));
	hot->indexes->ri_IndexRelationInfo = palloc0(list_length(oids) * sizeof(IndexInfo *));
	foreach(cell, oids)
	{
		Relation	index = index_open(lfirst_oid(cell), RowExclusiveLock);
		IndexInfo  *info = BuildIndexInfo(index);

		info->ii_Context = hot->state_cxt;
		if (info->ii_Unique)
			BuildSpeculativeIndexInfo(index, info);
		hot->index_oids[n] = lfirst_oid(cell);
		hot->indexes->ri_IndexRelationInfo[n] = info;
		hot->indexes->ri_IndexRelationDescs[n++] = index;
	}
	hot->indexes->ri_NumIndices = n;
	MemoryContextSwitchTo(old);
}

static void
forget_index_state(HotTable *hot)
{
	for (int i = 0; i < hot->indexes->ri_NumIndices; i++)
		hot->indexes->ri_IndexRelationInfo[i]->ii_AmCache = NULL;
	MemoryContextReset(hot->state_cxt);
}

static void
open_indexes(HotTable *hot)
{
	ResultRelInfo *indexes = hot->indexes;
	bool		moved = false;

	for (int i = 0; i < indexes->ri_NumIndices; i++)
	{
		Relation	index = index_open(hot->index_oids[i], RowExclusiveLock);
		IndexEntry *entry = &hot->entries[i];

		moved |= entry->rel != index || entry->desc != RelationGetDescr(index);
		entry->rel = index;
		entry->desc = RelationGetDescr(index);
		indexes->ri_IndexRelationDescs[i] = index;
	}
	if (moved)
		forget_index_state(hot);
}

/*
 * What an error has left open may hold pins and pointers of a transaction that
 * is gone (17 keeps such in IndexInfo), and is built anew.
 */
void
hot_open(HotTable *hot, Oid relid)
{
	Relation	rel = table_open(relid, RowExclusiveLock);
	bool		usable = hot->valid && hot->relid == relid && hot->rel == NULL;

	link_first_use(hot);
	hot->rel = rel;
	if (!usable)
		build(hot, rel);
	else
		open_indexes(hot);
	hot->indexes->ri_RelationDesc = rel;
}

void
hot_close(HotTable *hot)
{
	ResultRelInfo *indexes = hot->indexes;

	for (int i = 0; i < indexes->ri_NumIndices; i++)
	{
		Relation	index = indexes->ri_IndexRelationDescs[i];

		index_insert_cleanup_compat(index, indexes->ri_IndexRelationInfo[i]);
		index_close(index, NoLock);
	}
	if (INDEX_STATE_ENDS_WITH_INSERTIONS)
		forget_index_state(hot);
	table_close(hot->rel, NoLock);
	hot->rel = NULL;
}

static TupleTableSlot *
fill_slot(HotTable *hot, const Datum *values, const bool *nulls)
{
	TupleTableSlot *slot = hot->slot;
	int			natts = slot->tts_tupleDescriptor->natts;

	ExecClearTuple(slot);
	memcpy(slot->tts_values, values, natts * sizeof(Datum));
	memcpy(slot->tts_isnull, nulls, natts * sizeof(bool));
	return ExecStoreVirtualTuple(slot);
}

/* only_summarizing: the row stayed in its HOT chain. */
static void
insert_index_entries(HotTable *hot, bool is_update, bool only_summarizing)
{
	List	   *recheck;

	recheck = ExecInsertIndexTuples_compat(hot->indexes, hot->slot, hot->estate,
										   is_update, false, NULL, NIL,
										   only_summarizing);
	(void) only_summarizing;
	Assert(recheck == NIL);
	(void) recheck;
	ResetPerTupleExprContext(hot->estate);
}

void
hot_insert(HotTable *hot, const Datum *values, const bool *nulls)
{
	TupleTableSlot *slot = fill_slot(hot, values, nulls);

	table_tuple_insert(hot->rel, slot, GetCurrentCommandId(true), 0, NULL);
	insert_index_entries(hot, false, false);
}

/* As ExecInsert does it for ON CONFLICT, but without looking first. */
bool
hot_insert_unless(HotTable *hot, const Datum *values, const bool *nulls,
				  ItemPointer tid)
{
	TupleTableSlot *slot = fill_slot(hot, values, nulls);
	TransactionId xid = GetCurrentTransactionId();
	bool		conflict = false;
	uint32		token;
	List	   *recheck;

	token = SpeculativeInsertionLockAcquire(xid);
	table_tuple_insert_speculative(hot->rel, slot, GetCurrentCommandId(true),
								   0, NULL, token);
	recheck = ExecInsertIndexTuples_compat(hot->indexes, slot, hot->estate,
										   false, true, &conflict, NIL, false);
	table_tuple_complete_speculative(hot->rel, slot, token, !conflict);
	SpeculativeInsertionLockRelease(xid);
	list_free(recheck);
	ResetPerTupleExprContext(hot->estate);
	*tid = slot->tts_tid;
	return !conflict;
}

bool
hot_wait_for_key(HotTable *hot, const Datum *values, const bool *nulls)
{
	TupleTableSlot *slot = fill_slot(hot, values, nulls);
	ItemPointerData conflict;
	bool		is_free;

	ItemPointerSetInvalid(&slot->tts_tid);
	is_free = ExecCheckIndexConstraints_compat(hot->indexes, slot, hot->estate,
											   &conflict, NIL);
	ResetPerTupleExprContext(hot->estate);
	return is_free;
}

void
hot_update(HotTable *hot, ItemPointer tid, const Datum *values, const bool *nulls)
{
	TupleTableSlot *slot = fill_slot(hot, values, nulls);
	TM_FailureData failure;
	LockTupleMode mode;
	UpdateIndexes indexes;
	TM_Result	result;

	result = table_tuple_update(hot->rel, tid, slot, GetCurrentCommandId(true),
								InvalidSnapshot, InvalidSnapshot, true,
								&failure, &mode, &indexes);
	if (result != TM_Ok)
		ereport(ERROR,
				errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				errmsg("could not serialize access due to concurrent update"));
	if (!update_indexes_none(indexes))
		insert_index_entries(hot, true, update_indexes_summarizing(indexes));
	*tid = slot->tts_tid;
}

void
hot_delete(HotTable *hot, ItemPointer tid)
{
	TM_FailureData failure;
	TM_Result	result;

	result = table_tuple_delete(hot->rel, tid, GetCurrentCommandId(true),
								InvalidSnapshot, InvalidSnapshot, true,
								&failure, false);
	if (result != TM_Ok)
		elog(ERROR, "could not delete our own row: result %d", result);
}

Relation
hot_index(HotTable *hot, const char *name)
{
	ResultRelInfo *indexes = hot->indexes;

	for (int i = 0; i < indexes->ri_NumIndices; i++)
	{
		Relation	index = indexes->ri_IndexRelationDescs[i];

		if (strcmp(RelationGetRelationName(index), name) == 0)
			return index;
	}
	elog(ERROR, "index \"%s\" of table \"%s\" is missing", name,
		 RelationGetRelationName(hot->rel));
	return NULL;				/* not reached */
}

/*
 * READ COMMITTED: what is committed now and what this transaction wrote before
 * the current command.  Above: the transaction's snapshot, with this command.
 */
Snapshot
hot_snapshot(void)
{
	Snapshot	snapshot;

	if (!IsolationUsesXactSnapshot())
		return RegisterSnapshot(GetLatestSnapshot());
	PushCopiedSnapshot(GetTransactionSnapshot());
	UpdateActiveSnapshotCommandId();
	snapshot = RegisterSnapshot(GetActiveSnapshot());
	PopActiveSnapshot();
	return snapshot;
}

void
hot_push_snapshot(void)
{
	Snapshot	snapshot;

	CommandCounterIncrement();
	snapshot = hot_snapshot();
	PushActiveSnapshot(snapshot);
	UnregisterSnapshot(snapshot);
}
