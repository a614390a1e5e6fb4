/*-------------------------------------------------------------------------
 *
 * audience_live.c
 *	  Audiences that the trigger of their table keeps in real time.
 *
 * Such an audience is what its query would give at any time, but for what has
 * been done past the trigger (TRUNCATE, a disabled trigger).  That begins with a
 * refresh, in which nobody writes to the table: what a transaction that did not
 * know of the audience had changed would be lost else.  Later ones lock no table,
 * see membership_mend.c.
 *
 * Whoever locks the table here may have others waiting behind, who hold members,
 * rows in audiences and what not: so nothing is waited for from then on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "audience_live.h"
#include "audience_refresh.h"
#include "compat.h"
#include "guc.h"
#include "isolate.h"
#include "names.h"
#include "role.h"
#include "source.h"
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

/*
 * Live audiences cost those who write to the table, and becoming live keeps them
 * waiting: that is for the table's owner to decide.
 */
static bool
owns(const AudienceRow *row, Oid relation)
{
	Oid			owner = row->owner ? role_by_name(row->owner) : InvalidOid;

	return OidIsValid(relation) && OidIsValid(owner) &&
		relation_ownercheck_compat(relation, owner);
}

/* Who writes to a partition itself locks nothing but that. */
static void
lock_table(Oid relation)
{
	LockRelationOid(relation, ShareRowExclusiveLock);
	list_free(find_all_inheritors(relation, ShareRowExclusiveLock, NULL));
}

/* The number of the source that keeps the audience from now on, 0: none. */
static int
become_live(Oid relation, Occasion occasion)
{
	if (occasion == REFRESH_FIRST ? !may_attach(relation) : source_find(relation) == 0)
		return 0;
	lock_table(relation);
	return occasion == REFRESH_FIRST ? source_attach(relation) : source_find(relation);
}

static int
find_source(const AudienceRow *row, Oid relation, Occasion occasion)
{
	if (!owns(row, relation))
		return 0;
	if (occasion != REFRESH_AGAIN)
		return become_live(relation, occasion);
	return row->source != 0 && source_find(relation) == row->source ? row->source : 0;
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
	sql_text_array(columns)};
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

int
audience_settle(const AudienceRow *row, const RowQuery *reads, Occasion occasion)
{
	int			id = find_source(row, reads->relation, occasion);

	if (id != 0)
		refuse_frozen(row);
	write_source(row, id, reads->columns);
	return id;
}

void
audience_unsettle(const AudienceRow *row)
{
	write_source(row, 0, NIL);
}

/* A trigger that nobody needs is not even called; so it may as well stay. */
void
audience_release(const AudienceRow *row, LockWait wait)
{
	Oid			relation;

	if (row->source == 0)
		return;
	source_touch();
	relation = source_relation(row->source);
	if (OidIsValid(relation) &&
		(!owns(row, relation) ||
		 (wait == LOCK_SKIP && !ConditionalLockRelationOid(relation, AccessExclusiveLock))))
		return;
	source_release(row->source);
}

/* ---- a table that has become a source ---- */

/* Those of that owner that have a query and are not kept in real time: char *. */
static List *
candidates(const char *owner)
{
	static SqlPlan plan = {
		"SELECT name FROM journey.audience"
		" WHERE query IS NOT NULL AND source IS NULL AND owner = $1 ORDER BY name",
		1, {NAMEOID}
	};
	NameData	name;
	Datum		value = NameGetDatum(&name);
	SqlSession	session;
	List	   *names = NIL;
	uint64		n;

	namestrcpy(&name, owner);
	sql_begin(&session);
	n = sql_read(&plan, &value, NULL, GetLatestSnapshot());
	for (uint64 i = 0; i < n; i++)
	{
		char	   *found = sql_text(&session, i, 1);
		MemoryContext old = MemoryContextSwitchTo(session.caller);

		names = lappend(names, found);
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

	return row->query != NULL && isolate(look, &todo) == NULL &&
		todo.reads.relation == relation;
}

static char *
table_owner(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return GetUserNameFromId(owner, true);
}

List *
audience_readers(Oid relation)
{
	char	   *owner = table_owner(relation);
	List	   *readers = NIL;
	ListCell   *cell;

	if (owner == NULL)
		return NIL;
	if (source_find(relation) == 0)
		source_sweep();
	foreach(cell, candidates(owner))
	{
		AudienceRow *row = audience_look(lfirst(cell));

		if (row == NULL || !reads_table(row, relation))
			continue;
		row = audience_find(row->name);
		if (row != NULL && row->source == 0 && reads_table(row, relation))
			readers = lappend(readers, row);
	}
	return readers;
}

void
audience_relive(List *readers)
{
	ListCell   *cell;

	foreach(cell, readers)
	{
		Refresh		refresh;

		audience_refresh(lfirst(cell), REFRESH_RELIVE, LOCK_SKIP, &refresh);
	}
}
