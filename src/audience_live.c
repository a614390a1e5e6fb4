/*-------------------------------------------------------------------------
 *
 * audience_live.c
 *	  Audiences that the trigger of their table keeps in real time.
 *
 * Such an audience is what its query would give at any time, but for what has
 * been done past the trigger (TRUNCATE, a disabled trigger).  That begins with a
 * refresh, in which nobody writes to the table: what a transaction that did not
 * know of the audience had changed would be lost else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "audience_live.h"
#include "audience_refresh.h"
#include "compat.h"
#include "guc.h"
#include "isolate.h"
#include "names.h"
#include "source_attach.h"
#include "sql.h"

/* Would source_attach() do it?  If not, the audience is none of that kind. */
static bool
may_attach(Oid relation)
{
	Oid			schema = get_rel_namespace(relation);

	return relation_ownercheck_compat(relation, GetUserId()) &&
		!IsCatalogRelationOid(relation) && !get_rel_relispartition(relation) &&
		get_rel_persistence(relation) != RELPERSISTENCE_TEMP &&
		schema != get_namespace_oid("journey", true);
}

static bool
lock_table(Oid relation, LockWait wait)
{
	if (wait == LOCK_SKIP)
		return ConditionalLockRelationOid(relation, ShareRowExclusiveLock);
	LockRelationOid(relation, ShareRowExclusiveLock);
	return true;
}

/*
 * The number of the source that is to keep the audience, 0: none.  Then the table
 * is locked; *busy: it could not be.
 */
static int
find_source(const RowQuery *reads, bool attach, LockWait wait, bool *busy)
{
	*busy = false;
	if (!OidIsValid(reads->relation))
		return 0;
	if (source_find(reads->relation) == 0)
		return attach && may_attach(reads->relation) ? source_attach(reads->relation) : 0;
	if (!lock_table(reads->relation, wait))
	{
		*busy = true;
		return 0;
	}
	/* Somebody may have released it while we waited. */
	return source_find(reads->relation);
}

static Datum
text_array(List *list)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(list_length(list), 1));
	int			n = 0;
	ListCell   *cell;

	foreach(cell, list)
		values[n++] = CStringGetTextDatum(lfirst(cell));
	return PointerGetDatum(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
write_source(const AudienceRow *row, int id, List *columns)
{
	static SqlPlan plan = {
		"UPDATE journey.audience SET source = $2, source_columns = $3"
		" WHERE name = $1 AND (source IS DISTINCT FROM $2 OR source_columns IS DISTINCT FROM $3)",
		3, {TEXTOID, INT4OID, TEXTARRAYOID}
	};
	Datum		values[] = {CStringGetTextDatum(row->name), Int32GetDatum(id),
	text_array(columns)};
	bool		nulls[] = {false, id == 0, id == 0};
	SqlSession	session;
	uint64		n;

	sql_begin(&session);
	n = sql_run(&plan, values, nulls);
	sql_end(&session);
	if (n > 0)
		source_touch();
}

/* It would not see what others have changed since, and write over it. */
static void
refuse_frozen(const AudienceRow *row)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("cannot refresh audience %s in a transaction that is not READ COMMITTED",
					   quoted_name(row->name)),
				errdetail("It is kept in real time, and this transaction may not see the latest changes of its table."));
}

bool
audience_settle(const AudienceRow *row, const RowQuery *reads, bool attach, LockWait wait)
{
	bool		busy;
	int			id = find_source(reads, attach, wait, &busy);

	if (busy)
		return false;
	if (id != 0)
		refuse_frozen(row);
	write_source(row, id, reads->columns);
	if (row->source != 0 && row->source != id)
		source_release(row->source);
	return true;
}

void
audience_unsettle(const AudienceRow *row)
{
	static const RowQuery nothing = {InvalidOid, NIL};

	(void) audience_settle(row, &nothing, false, LOCK_WAIT);
}

/* ---- a table that has become a source ---- */

/* Audiences with a query that are not kept in real time: char *, in order. */
static List *
candidates(void)
{
	static SqlPlan plan = {
		"SELECT name FROM journey.audience WHERE query IS NOT NULL AND source IS NULL ORDER BY name"
	};
	SqlSession	session;
	List	   *names = NIL;
	uint64		n;

	sql_begin(&session);
	n = sql_read(&plan, NULL, NULL, GetLatestSnapshot());
	for (uint64 i = 0; i < n; i++)
	{
		char	   *name = sql_text(&session, i, 1);
		MemoryContext old = MemoryContextSwitchTo(session.caller);

		names = lappend(names, name);
		MemoryContextSwitchTo(old);
	}
	sql_end(&session);
	return names;
}

typedef struct Look
{
	CustomerQuery query;
	RowQuery	reads;
} Look;

static void
look(void *arg)
{
	query_look(&((Look *) arg)->query, &((Look *) arg)->reads);
}

/* One whose query errs now is not kept in real time. */
static bool
reads_table(const AudienceRow *row, Oid relation)
{
	Look		todo = {{row->query, {row->owner}, guc_clock()}};

	return isolate(look, &todo) == NULL && todo.reads.relation == relation;
}

void
audience_relive(Oid relation)
{
	ListCell   *cell;

	foreach(cell, candidates())
	{
		AudienceRow *row = audience_find(lfirst(cell));
		Refresh		refresh;

		if (row != NULL && row->query != NULL && row->source == 0 && reads_table(row, relation))
			audience_refresh(row, false, LOCK_WAIT, &refresh);
	}
}
