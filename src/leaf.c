/*-------------------------------------------------------------------------
 *
 * leaf.c
 *	  The partitions of the logs, found without locking their parent.
 *
 * An emit that opened the parent would wait for each ATTACH and DROP of a
 * partition, and they for it.  So the bounds are read from the catalog.  That
 * is safe because journey_maintain only makes partitions that begin a day or
 * more ahead, and drops only those that no row is received for any more: the
 * partition for "now" never changes under an emit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "leaf.h"
#include "sql.h"

typedef struct LeafSet
{
	const char *parent_name;
	bool		valid;
	Oid			parent;
	int			n;
	int			last;			/* where the last look-up was found */
	Leaf	   *leaves;			/* in TopMemoryContext */
} LeafSet;

static LeafSet sets[NUM_LOGS] = {
	[LOG_EVENT] = {"event"},
	[LOG_TRANSITION] = {"transition_row"}
};

/* A new or dropped partition invalidates its parent too. */
void
leaf_invalidate(Oid relid)
{
	for (int i = 0; i < NUM_LOGS; i++)
	{
		if (relid == InvalidOid || relid == sets[i].parent)
			sets[i].valid = false;
	}
}

static TimestampTz
bound_value(List *datums, TimestampTz unbounded)
{
	PartitionRangeDatum *datum = linitial_node(PartitionRangeDatum, datums);

	if (datum->kind != PARTITION_RANGE_DATUM_VALUE)
		return unbounded;
	return DatumGetTimestampTz(castNode(Const, datum->value)->constvalue);
}

/* False where the relation is gone or is no partition any more. */
static bool
read_bounds(Oid relid, Leaf *leaf)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		isnull = true;
	Datum		bound = 0;
	PartitionBoundSpec *spec;

	if (!HeapTupleIsValid(tuple))
		return false;
	bound = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relpartbound, &isnull);
	if (!isnull)
	{
		spec = stringToNode(TextDatumGetCString(bound));
		leaf->relid = relid;
		leaf->is_default = spec->is_default;
		if (!spec->is_default)
		{
			leaf->from = bound_value(spec->lowerdatums, DT_NOBEGIN);
			leaf->to = bound_value(spec->upperdatums, DT_NOEND);
		}
	}
	ReleaseSysCache(tuple);
	return !isnull;
}

static void
load(LeafSet *set)
{
	List	   *children;
	ListCell   *cell;
	Leaf	   *leaves;
	int			n = 0;

	set->parent = sql_relation(set->parent_name);
	set->valid = true;			/* an invalidation from here on counts */
	children = find_inheritance_children(set->parent, NoLock);
	leaves = MemoryContextAllocZero(TopMemoryContext,
									(list_length(children) + 1) * sizeof(Leaf));
	foreach(cell, children)
	{
		if (read_bounds(lfirst_oid(cell), &leaves[n]))
			n++;
	}
	if (set->leaves)
		pfree(set->leaves);
	set->leaves = leaves;
	set->n = n;
	set->last = 0;
}

static bool
covers(const Leaf *leaf, TimestampTz at)
{
	return !leaf->is_default && at >= leaf->from && at < leaf->to;
}

/*
 * The default partition takes what no other covers; its answer is not
 * remembered as "last", because the others must be asked first.
 */
Oid
leaf_for(Log log, TimestampTz received_at)
{
	LeafSet    *set = &sets[log];
	Oid			fallback = InvalidOid;

	if (!set->valid)
		load(set);
	if (set->last < set->n && covers(&set->leaves[set->last], received_at))
		return set->leaves[set->last].relid;
	for (int i = 0; i < set->n; i++)
	{
		if (covers(&set->leaves[i], received_at))
		{
			set->last = i;
			return set->leaves[i].relid;
		}
		if (set->leaves[i].is_default)
			fallback = set->leaves[i].relid;
	}
	if (!OidIsValid(fallback))
		ereport(ERROR,
				errcode(ERRCODE_CHECK_VIOLATION),
				errmsg("no partition of \"journey.%s\" takes rows of %s",
					   set->parent_name, timestamptz_to_str(received_at)),
				errhint("Call journey_maintain()."));
	return fallback;
}

const Leaf *
leaf_all(Log log, int *n)
{
	LeafSet    *set = &sets[log];

	if (!set->valid)
		load(set);
	*n = set->n;
	return set->leaves;
}
