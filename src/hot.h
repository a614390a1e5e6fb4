/*-------------------------------------------------------------------------
 *
 * hot.h
 *	  Direct access to one of our tables, below the executor.
 *
 * For the tables that every emit writes.  They are ours alone: no triggers, no
 * constraints but their unique keys, no row-level security, no defaults.
 *
 * A HotTable is a static variable; what it knows about the table is built at
 * the first hot_open and again after an invalidation.  Between hot_open and
 * hot_close nothing may run that could open the same HotTable again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_HOT_H
#define JOURNEY_HOT_H

#include "postgres.h"

#include "access/skey.h"
#include "nodes/execnodes.h"
#include "storage/itemptr.h"
#include "storage/lockdefs.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

typedef struct HotTable
{
	int			natts;			/* of the table, as its user writes it */
	Oid			relid;			/* what it was built for */
	bool		valid;			/* cleared by invalidation */
	struct HotTable *next;		/* all of this backend's, for invalidation */
	MemoryContext cxt;			/* holds the fields below */
	Relation	rel;			/* while open; left so by an error */
	EState	   *estate;
	ResultRelInfo *indexes;
	Oid		   *index_oids;
	struct IndexEntry *entries; /* by index: for what state_cxt was filled */
	MemoryContext state_cxt;	/* what access methods keep (ii_AmCache) */
	TupleTableSlot *slot;		/* the row to be written */
} HotTable;

extern void hot_open(HotTable *hot, Oid relid);
extern void hot_close(HotTable *hot);

/* Called for each relcache invalidation; InvalidOid means all. */
extern void hot_invalidate(Oid relid);

extern void hot_insert(HotTable *hot, const Datum *values, const bool *nulls);

/*
 * Insert unless somebody has the same unique key; false then, and nothing was
 * inserted.  Never waits, and never raises a unique violation.
 */
extern bool hot_insert_unless(HotTable *hot, const Datum *values,
							  const bool *nulls, ItemPointer tid);

/*
 * Wait for whoever is inserting or deleting the row's unique key right now.
 * False: a committed row has it.
 */
extern bool hot_wait_for_key(HotTable *hot, const Datum *values, const bool *nulls);

/*
 * Replace the row at tid, which the caller has locked; *tid becomes the new
 * place.  Raises 40001 where the row was not ours after all.
 */
extern void hot_update(HotTable *hot, ItemPointer tid, const Datum *values,
					   const bool *nulls);

/* Delete a row that this transaction inserted in an earlier command. */
extern void hot_delete(HotTable *hot, ItemPointer tid);

/* The open index with that name; an internal error if there is none. */
extern Relation hot_index(HotTable *hot, const char *name);

/* A registered snapshot with which to look for rows to lock. */
extern Snapshot hot_snapshot(void);

/* Push one that sees what this transaction has written so far. */
extern void hot_push_snapshot(void);

#endif							/* JOURNEY_HOT_H */
