/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  Everything that differs between the supported server versions, 15 to 18.
 *
 * No other file looks at PG_VERSION_NUM.  Wrappers bear the newest server's
 * name with the suffix _compat.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_COMPAT_H
#define JOURNEY_COMPAT_H

#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "executor/executor.h"
#include "storage/proc.h"

#if PG_VERSION_NUM < 150000
#error "journey needs PostgreSQL 15 or later"
#endif

/* 16 added onlySummarizing, for updates that touch BRIN columns alone. */
#if PG_VERSION_NUM >= 160000
#define ExecInsertIndexTuples_compat(rri, slot, estate, update, nodup, conflict, arbiters) \
	ExecInsertIndexTuples(rri, slot, estate, update, nodup, conflict, arbiters, false)
#else
#define ExecInsertIndexTuples_compat(rri, slot, estate, update, nodup, conflict, arbiters) \
	ExecInsertIndexTuples(rri, slot, estate, update, nodup, conflict, arbiters)
#endif

/* 16 tells table_tuple_update's caller which indexes to update. */
#if PG_VERSION_NUM >= 160000
typedef TU_UpdateIndexes UpdateIndexes;
#define update_indexes_none(ui) ((ui) == TU_None)
#else
typedef bool UpdateIndexes;
#define update_indexes_none(ui) (!(ui))
#endif

/* 17 lets an index access method keep state over a run of insertions. */
#if PG_VERSION_NUM >= 170000
#define index_insert_cleanup_compat(rel, info) index_insert_cleanup(rel, info)
#else
#define index_insert_cleanup_compat(rel, info) ((void) 0)
#endif

/* 18 checks the given result relation against the slot. */
#if PG_VERSION_NUM >= 180000
#define ExecCheckIndexConstraints_compat(rri, slot, estate, tid, arbiters) \
	ExecCheckIndexConstraints(rri, slot, estate, tid, NULL, arbiters)
#else
#define ExecCheckIndexConstraints_compat(rri, slot, estate, tid, arbiters) \
	ExecCheckIndexConstraints(rri, slot, estate, tid, arbiters)
#endif

/* 18 counts index searches for EXPLAIN. */
#if PG_VERSION_NUM >= 180000
#define index_beginscan_compat(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0)
#else
#define index_beginscan_compat(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, nkeys, 0)
#endif

/* 18 dropped execute_once. */
#if PG_VERSION_NUM >= 180000
#define ExecutorRun_compat(qd, direction, count) ExecutorRun(qd, direction, count)
#else
#define ExecutorRun_compat(qd, direction, count) ExecutorRun(qd, direction, count, true)
#endif

/* 17 moved the local transaction id. */
#if PG_VERSION_NUM >= 170000
#define MyLocalTransactionId (MyProc->vxid.lxid)
#else
#define MyLocalTransactionId (MyProc->lxid)
#endif

#endif							/* JOURNEY_COMPAT_H */
