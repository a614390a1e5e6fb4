/*-------------------------------------------------------------------------
 *
 * source_attach.c
 *	  Putting our trigger on users' tables, and taking it off.
 *
 * A table has our trigger once, whoever needs it.  Anybody can make another that
 * calls our function, which does nothing: ours is noted in journey.source.  We see
 * to it that the caller owns the table, and act as the extension's owner for the
 * rest.  Whoever looks for a table's trigger in order to make or drop it holds the
 * table locked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "role.h"
#include "source.h"
#include "source_attach.h"
#include "sql.h"

#define IS_HEARD_FUNCTION "is_heard"

void
source_touch(void)
{
	CacheInvalidateRelcacheByRelid(sql_relation("source"));
	CommandCounterIncrement();
}

/* ---- what may be watched ---- */

static void
refuse_kind(Relation rel, const char *what)
{
	ereport(ERROR,
			errcode(ERRCODE_WRONG_OBJECT_TYPE),
			errmsg("cannot watch %s \"%s\"", what, RelationGetRelationName(rel)),
			errhint("Ordinary and partitioned tables can be watched."));
}

static void
check_kind(Relation rel)
{
	switch (rel->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
			break;
		case RELKIND_VIEW:
			refuse_kind(rel, "view");
			break;
		case RELKIND_MATVIEW:
			refuse_kind(rel, "materialized view");
			break;
		case RELKIND_FOREIGN_TABLE:
			refuse_kind(rel, "foreign table");
			break;
		default:
			refuse_kind(rel, "relation");
	}
	if (IsSystemRelation(rel))
		refuse_kind(rel, "system table");
	if (RelationGetNamespace(rel) == get_namespace_oid("journey", true))
		refuse_kind(rel, "journey's own table");
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				errmsg("cannot watch temporary table \"%s\"",
					   RelationGetRelationName(rel)),
				errdetail("Other sessions do not see it."));
}

static void
check_owner(Relation rel)
{
	if (!relation_ownercheck_compat(RelationGetRelid(rel), GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER,
					   get_relkind_objtype(rel->rd_rel->relkind),
					   RelationGetRelationName(rel));
}

static Relation
open_table(Oid relid, LOCKMODE lock)
{
	Relation	rel = try_relation_open(relid, lock);

	if (rel == NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("relation with OID %u does not exist", relid));
	check_kind(rel);
	return rel;
}

void
source_check_table(Oid relid)
{
	Relation	rel = open_table(relid, AccessShareLock);

	check_owner(rel);
	relation_close(rel, NoLock);
}

/* ---- finding ---- */

static Oid
our_function(const char *name)
{
	Oid			schema = get_namespace_oid("journey", false);
	List	   *qualified = list_make2(makeString(get_namespace_name(schema)),
									   makeString(pstrdup(name)));
	Oid			heard_arguments[] = {INT4OID};

	if (strcmp(name, SOURCE_FUNCTION) == 0)
		return LookupFuncName(qualified, 0, NULL, false);
	return LookupFuncName(qualified, 1, heard_arguments, false);
}

int
source_find(Oid relid)
{
	static SqlPlan plan = {
		"SELECT id FROM journey.source_place WHERE relid OPERATOR(pg_catalog.=) $1"
		" ORDER BY id LIMIT 1",
		1, {OIDOID}
	};
	Datum		value = ObjectIdGetDatum(relid);
	SqlSession	session;
	bool		isnull;
	int			id = 0;

	sql_begin(&session);
	if (sql_read(&plan, &value, NULL, GetLatestSnapshot()) > 0)
		id = DatumGetInt32(sql_value(0, 1, &isnull));
	sql_end(&session);
	return id;
}

/* ---- making ---- */

static void
drop_trigger(Oid trigger)
{
	ObjectAddress address;

	ObjectAddressSet(address, TriggerRelationId, trigger);
	performDeletion(&address, DROP_RESTRICT, 0);
	CommandCounterIncrement();
}

/*
 * A table that was restored on its own brings its trigger along, with a number
 * that is nobody's here, or another table's.  Copies are of the parent's.
 */
static List *
find_strays(Relation rel)
{
	Oid			function = our_function(SOURCE_FUNCTION);
	TriggerDesc *triggers = rel->trigdesc;
	List	   *strays = NIL;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (trigger->tgfoid == function && !trigger->tgisclone)
			strays = lappend_oid(strays, trigger->tgoid);
	}
	return strays;
}

static int
insert_source(Relation rel)
{
	static SqlPlan plan = {
		"INSERT INTO journey.source (relation, owner)"
		" VALUES ($1, pg_catalog.pg_get_userbyid($2)) RETURNING id",
		2, {TEXTOID, OIDOID}
	};
	char	   *name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
												  RelationGetRelationName(rel));
	Datum		values[] = {CStringGetTextDatum(name),
	ObjectIdGetDatum(rel->rd_rel->relowner)};
	SqlSession	session;
	bool		isnull;
	int			id;

	sql_begin(&session);
	sql_run(&plan, values, NULL);
	id = DatumGetInt32(sql_value(0, 1, &isnull));
	sql_end(&session);
	return id;
}

static List *
qualified(const char *name)
{
	return list_make2(makeString(pstrdup("journey")), makeString(pstrdup(name)));
}

static void
note_trigger(int id, Oid trigger)
{
	static SqlPlan plan = {
		"UPDATE journey.source SET trigger = $2 WHERE id OPERATOR(pg_catalog.=) $1",
		2, {INT4OID, OIDOID}
	};
	Datum		values[] = {Int32GetDatum(id), ObjectIdGetDatum(trigger)};
	SqlSession	session;

	sql_begin(&session);
	sql_run(&plan, values, NULL);
	sql_end(&session);
}

/* WHEN (journey.is_heard(id)): asked before the server remembers the row. */
static Node *
make_when(int id)
{
	A_Const    *number = makeNode(A_Const);

	number->val.ival.type = T_Integer;
	number->val.ival.ival = id;
	number->location = -1;
	return (Node *) makeFuncCall(qualified(IS_HEARD_FUNCTION), list_make1(number),
								 COERCE_EXPLICIT_CALL, -1);
}

static void
create_trigger(Relation rel, int id)
{
	CreateTrigStmt *stmt = makeNode(CreateTrigStmt);
	ObjectAddress made;
	RoleSwitch	saved;

	stmt->trigname = pstrdup(SOURCE_TRIGGER);
	stmt->relation = makeRangeVar(get_namespace_name(RelationGetNamespace(rel)),
								  pstrdup(RelationGetRelationName(rel)), -1);
	stmt->funcname = qualified(SOURCE_FUNCTION);
	stmt->args = list_make1(makeString(psprintf("%d", id)));
	stmt->row = true;
	stmt->timing = TRIGGER_TYPE_AFTER;
	stmt->events = TRIGGER_TYPE_INSERT | TRIGGER_TYPE_DELETE | TRIGGER_TYPE_UPDATE;
	stmt->whenClause = make_when(id);
	role_extension_begin(&saved);
	role_pin_search_path(&saved);
	made = CreateTrigger(stmt, NULL, RelationGetRelid(rel), InvalidOid, InvalidOid,
						 InvalidOid, our_function(SOURCE_FUNCTION), InvalidOid,
						 NULL, false, false);
	role_end(&saved);
	CommandCounterIncrement();
	note_trigger(id, made.objectId);
}

/* A trigger of that name which is not ours, or our parent's, is in the way. */
static void
refuse_taken_name(Relation rel)
{
	TriggerDesc *triggers = rel->trigdesc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		if (strcmp(triggers->triggers[i].tgname, SOURCE_TRIGGER) != 0)
			continue;
		if (triggers->triggers[i].tgisclone)
			ereport(ERROR,
					errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("table \"%s\" is a partition of a watched table",
						   RelationGetRelationName(rel)),
					errhint("Watch the partitioned table; its partitions are watched with it."));
		ereport(ERROR,
				errcode(ERRCODE_DUPLICATE_OBJECT),
				errmsg("table \"%s\" has another trigger named \"%s\"",
					   RelationGetRelationName(rel), SOURCE_TRIGGER),
				errhint("Rename or drop that trigger."));
	}
}

/*
 * To drop a trigger takes the strongest lock.  Who has the other one gives it
 * back first: to wait with it for somebody who then waits for it is a deadlock.
 */
static Relation
drop_strays(Relation rel)
{
	Oid			relid = RelationGetRelid(rel);
	ListCell   *cell;

	check_owner(rel);
	relation_close(rel, ShareRowExclusiveLock);
	rel = open_table(relid, AccessExclusiveLock);
	check_owner(rel);
	if (source_find(relid) != 0)
		return rel;
	foreach(cell, find_strays(rel))
		drop_trigger(lfirst_oid(cell));
	return rel;
}

int
source_attach(Oid relid)
{
	Relation	rel;
	int			id;

	/* No lock that others would notice before we know that it may be. */
	if (source_find(relid) == 0)
		source_check_table(relid);
	rel = open_table(relid, ShareRowExclusiveLock);
	id = source_find(relid);
	if (id == 0 && find_strays(rel) != NIL)
	{
		rel = drop_strays(rel);
		id = source_find(relid);
	}
	if (id == 0)
	{
		check_owner(rel);
		refuse_taken_name(rel);
		source_sweep();
		id = insert_source(rel);
		create_trigger(rel, id);
	}
	relation_close(rel, NoLock);
	source_touch();
	return id;
}

/* ---- dropping ---- */

static void
delete_source(int id)
{
	static SqlPlan plan = {
		"DELETE FROM journey.source WHERE id OPERATOR(pg_catalog.=) $1", 1, {INT4OID}
	};
	Datum		value = Int32GetDatum(id);
	SqlSession	session;

	sql_begin(&session);
	sql_run(&plan, &value, NULL);
	sql_end(&session);
}

static bool
is_needed(int id)
{
	static SqlPlan plan = {
		"SELECT FROM journey.watch WHERE source OPERATOR(pg_catalog.=) $1"
		" UNION ALL SELECT FROM journey.profile WHERE source OPERATOR(pg_catalog.=) $1"
		" UNION ALL SELECT FROM journey.audience WHERE source OPERATOR(pg_catalog.=) $1",
		1, {INT4OID}
	};
	Datum		value = Int32GetDatum(id);
	SqlSession	session;
	bool		found;

	sql_begin(&session);
	found = sql_read(&plan, &value, NULL, GetLatestSnapshot()) > 0;
	sql_end(&session);
	return found;
}

void
source_release(int id)
{
	SourcePlace place;
	Relation	rel;

	if (id == 0)
		return;
	source_touch();
	if (is_needed(id))
		return;
	/* Who has attached meanwhile is waited for, and then needs it. */
	rel = source_place(id, &place) ?
		try_relation_open(place.relid, AccessExclusiveLock) : NULL;
	if (!is_needed(id))
	{
		if (source_place(id, &place))
			drop_trigger(place.trigger);
		delete_source(id);
	}
	if (rel != NULL)
		relation_close(rel, NoLock);
}

/* ---- what is gone ---- */

/* Note where the triggers are now, for after a restore: true if any is elsewhere. */
static bool
note_found(void)
{
	static SqlPlan plan = {
		"UPDATE journey.source s SET relation = p.relation, owner = p.owner,"
		" trigger = p.trigger, missing_since = NULL"
		" FROM journey.source_place p WHERE p.id OPERATOR(pg_catalog.=) s.id"
		" AND (s.trigger IS DISTINCT FROM p.trigger OR s.relation IS DISTINCT FROM p.relation"
		" OR s.owner IS DISTINCT FROM p.owner OR s.missing_since IS NOT NULL)",
		0, {0}
	};

	return sql_run(&plan, NULL, NULL) > 0;
}

#define IS_MISSING \
	" NOT EXISTS (SELECT FROM journey.source_place p WHERE p.id OPERATOR(pg_catalog.=) s.id)"

static void
note_missing(void)
{
	static SqlPlan plan = {
		"UPDATE journey.source s SET missing_since = pg_catalog.clock_timestamp()"
		" WHERE s.missing_since IS NULL AND" IS_MISSING,
		0, {0}
	};

	(void) sql_run(&plan, NULL, NULL);
}

/* A table without its trigger may get it yet: a dump is restored in that order. */
static bool
delete_missing(void)
{
	static SqlPlan plan = {
		"DELETE FROM journey.source s WHERE s.missing_since IS NOT NULL AND" IS_MISSING
		" AND (s.missing_since OPERATOR(pg_catalog.<)"
		" (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) '1 day'::pg_catalog.interval)"
		" OR NOT EXISTS (SELECT FROM pg_catalog.pg_class c"
		" JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
		" WHERE ARRAY[n.nspname::pg_catalog.text, c.relname::pg_catalog.text]"
		" OPERATOR(pg_catalog.=) pg_catalog.parse_ident(s.relation)))",
		0, {0}
	};

	return sql_run(&plan, NULL, NULL) > 0;
}

static void
delete_orphans(void)
{
	static SqlPlan watches = {
		"DELETE FROM journey.watch w WHERE NOT EXISTS ("
		"SELECT FROM journey.source s WHERE s.id OPERATOR(pg_catalog.=) w.source)",
		0, {0}
	};
	static SqlPlan audiences = {
		"UPDATE journey.audience a SET source = NULL, source_columns = NULL"
		" WHERE a.source IS NOT NULL AND NOT EXISTS ("
		"SELECT FROM journey.source s WHERE s.id OPERATOR(pg_catalog.=) a.source)",
		0, {0}
	};

	sql_run(&watches, NULL, NULL);
	sql_run(&audiences, NULL, NULL);
}

void
source_sweep(void)
{
	SqlSession	session;
	bool		moved;

	sql_begin(&session);
	moved = note_found();
	note_missing();
	if (delete_missing())
		delete_orphans();
	sql_end(&session);
	if (moved)
		source_touch();
}
