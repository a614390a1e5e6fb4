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
#include "utils/guc.h"
#include "utils/wait_event.h"

#if PG_VERSION_NUM < 150000
#error "journey needs PostgreSQL 15 or later"
#endif

/* 16 added onlySummarizing, for updates that touch BRIN columns alone. */
#if PG_VERSION_NUM >= 160000
#define ExecInsertIndexTuples_compat(rri, slot, estate, update, nodup, conflict, arbiters, summarizing) \
	ExecInsertIndexTuples(rri, slot, estate, update, nodup, conflict, arbiters, summarizing)
#else
#define ExecInsertIndexTuples_compat(rri, slot, estate, update, nodup, conflict, arbiters, summarizing) \
	ExecInsertIndexTuples(rri, slot, estate, update, nodup, conflict, arbiters)
#endif

/* 16 tells table_tuple_update's caller which indexes to update. */
#if PG_VERSION_NUM >= 160000
typedef TU_UpdateIndexes UpdateIndexes;
#define update_indexes_none(ui) ((ui) == TU_None)
#define update_indexes_summarizing(ui) ((ui) == TU_Summarizing)
#else
typedef bool UpdateIndexes;
#define update_indexes_none(ui) (!(ui))
#define update_indexes_summarizing(ui) false
#endif

/* 17 lets an index access method keep state over a run of insertions. */
#if PG_VERSION_NUM >= 170000
#define index_insert_cleanup_compat(rel, info) index_insert_cleanup(rel, info)
#define INDEX_STATE_ENDS_WITH_INSERTIONS true
#else
#define index_insert_cleanup_compat(rel, info) ((void) 0)
#define INDEX_STATE_ENDS_WITH_INSERTIONS false
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

/* 16 keeps permissions apart from the range table. */
#if PG_VERSION_NUM >= 160000
#define ExecCheckPermissions_compat(stmt) \
	ExecCheckPermissions((stmt)->rtable, (stmt)->permInfos, true)
#else
#define ExecCheckPermissions_compat(stmt) \
	ExecCheckRTPerms((stmt)->rtable, true)
#endif

/* 16 and 17 brought JSON_OBJECT, JSON_VALUE and their like. */
#if PG_VERSION_NUM >= 170000
#define IsJsonExpr(node) (IsA(node, JsonConstructorExpr) || IsA(node, JsonExpr))
#elif PG_VERSION_NUM >= 160000
#define IsJsonExpr(node) IsA(node, JsonConstructorExpr)
#else
#define IsJsonExpr(node) false
#endif

/* 17 moved the local transaction id. */
#if PG_VERSION_NUM >= 170000
#define MyLocalTransactionId (MyProc->vxid.lxid)
#else
#define MyLocalTransactionId (MyProc->lxid)
#endif

/* 17 bounds transactions, which it ends with the session. */
#if PG_VERSION_NUM >= 170000
#define HAVE_TRANSACTION_TIMEOUT
#endif

/* 17 named the number of a process. */
#if PG_VERSION_NUM >= 170000
#define MyProcNumber_compat MyProcNumber
#else
#define MyProcNumber_compat (MyProc->pgprocno)
#endif

/* 17 gives wait event sets to resource owners; none: it lives until it is freed. */
#if PG_VERSION_NUM >= 170000
#define CreateWaitEventSet_compat(n) CreateWaitEventSet(NULL, n)
#else
#define CreateWaitEventSet_compat(n) CreateWaitEventSet(TopMemoryContext, n)
#endif

/*
 * 17 lets extensions name what they wait for; *event keeps the name's number,
 * 0 until it was asked for.
 */
static inline uint32
wait_event_compat(uint32 *event, const char *name)
{
	if (*event == 0)
#if PG_VERSION_NUM >= 170000
		*event = WaitEventExtensionNew(name);
#else
		*event = PG_WAIT_EXTENSION;
#endif
	return *event;
}

/* 16 made one function of the ownership checks. */
#if PG_VERSION_NUM >= 160000
#define database_ownercheck_compat(database, role) \
	object_ownercheck(DatabaseRelationId, database, role)
#define relation_ownercheck_compat(relation, role) \
	object_ownercheck(RelationRelationId, relation, role)
#else
#define database_ownercheck_compat(database, role) \
	pg_database_ownercheck(database, role)
#define relation_ownercheck_compat(relation, role) \
	pg_class_ownercheck(relation, role)
#endif

/* 16 made one function of the checks of rights, too. */
#if PG_VERSION_NUM >= 160000
#define object_aclcheck_compat(catalog, object, role, mode) \
	object_aclcheck(catalog, object, role, mode)
#else
#define object_aclcheck_compat(catalog, object, role, mode) \
	((catalog) == ProcedureRelationId ? pg_proc_aclcheck(object, role, mode) : \
	 pg_namespace_aclcheck(object, role, mode))
#endif

/* 16 lets errors of names be returned instead of raised. */
#if PG_VERSION_NUM >= 160000
#define stringToQualifiedNameList_compat(text) stringToQualifiedNameList(text, NULL)
#else
#define stringToQualifiedNameList_compat(text) stringToQualifiedNameList(text)
#endif

/* 16 tells to be able to SET ROLE from being a member. */
#if PG_VERSION_NUM >= 160000
#define member_can_set_role_compat(member, role) member_can_set_role(member, role)
#else
#define member_can_set_role_compat(member, role) is_member_of_role(member, role)
#endif

/* 16 frees a setting's extra from a memory context of its own. */
#if PG_VERSION_NUM >= 160000
#define guc_malloc_compat(size) guc_malloc(LOG, size)
#else
#define guc_malloc_compat(size) malloc(size)
#endif

/* 18 put the mark of functions that do not return before the declaration. */
#ifndef pg_noreturn
#define pg_noreturn __attribute__((noreturn))
#endif

#endif							/* JOURNEY_COMPAT_H */
