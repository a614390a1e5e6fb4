/*-------------------------------------------------------------------------
 *
 * source_attach.c
 *	  Putting our trigger on users' tables, and taking it off.
 *
 * A table has our trigger once, whoever needs it.  The trigger's function is
 * nobody's to execute, so that only we attach it: we see to it that the caller
 * owns the table, and act as the extension's owner for the rest.  Whoever looks
 * for a table's trigger in order to make or drop it holds the table locked.
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

/* Our trigger among the table's; a partition's copy is its parent's. */
static const Trigger *
find_trigger(Relation rel)
{
	Oid			function = our_function(SOURCE_FUNCTION);
	TriggerDesc *triggers = rel->trigdesc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (trigger->tgfoid == function && !trigger->tgisclone &&
			trigger->tgnargs == 1)
			return trigger;
	}
	return NULL;
}

static int
number_of(const Trigger *trigger)
{
	return trigger ? pg_strtoint32(trigger->tgargs[0]) : 0;
}

int
source_find(Oid relid)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	int			id;

	if (rel == NULL)
		return 0;
	id = number_of(find_trigger(rel));
	relation_close(rel, NoLock);
	return id;
}

/* ---- making ---- */

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

/*
 * A table that was restored on its own brings its trigger along, with a number
 * that may be nobody's here, or another table's.
 */
static bool
is_stray(Relation rel, int id)
{
	static SqlPlan plan = {
		"SELECT FROM journey.source WHERE id OPERATOR(pg_catalog.=) $1", 1, {INT4OID}
	};
	Datum		value = Int32GetDatum(id);
	SqlSession	session;
	bool		is_known;

	sql_begin(&session);
	is_known = sql_read(&plan, &value, NULL, GetLatestSnapshot()) > 0;
	sql_end(&session);
	return !is_known || source_relation(id) != RelationGetRelid(rel);
}

static void
drop_trigger(Relation rel)
{
	const Trigger *trigger = find_trigger(rel);
	ObjectAddress address;

	if (trigger == NULL)
		return;
	ObjectAddressSet(address, TriggerRelationId, trigger->tgoid);
	performDeletion(&address, DROP_RESTRICT, 0);
}

static int
insert_row(Relation rel)
{
	static SqlPlan plan = {
		"INSERT INTO journey.source (relation) VALUES ($1) RETURNING id",
		1, {TEXTOID}
	};
	char	   *name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
												  RelationGetRelationName(rel));
	Datum		value = CStringGetTextDatum(name);
	SqlSession	session;
	bool		isnull;
	int			id;

	sql_begin(&session);
	sql_run(&plan, &value, NULL);
	id = DatumGetInt32(sql_value(0, 1, &isnull));
	sql_end(&session);
	return id;
}

static List *
qualified(const char *name)
{
	return list_make2(makeString(pstrdup("journey")), makeString(pstrdup(name)));
}

/* A number that no stray trigger has. */
static int
insert_source(Relation rel)
{
	int			id = insert_row(rel);

	while (OidIsValid(source_relation(id)))
	{
		delete_source(id);
		id = insert_row(rel);
	}
	return id;
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
	(void) CreateTrigger(stmt, NULL, RelationGetRelid(rel), InvalidOid, InvalidOid,
						 InvalidOid, our_function(SOURCE_FUNCTION), InvalidOid,
						 NULL, false, false);
	role_end(&saved);
	CommandCounterIncrement();
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

/* Our trigger's number; 0: it has none, or a stray one. */
static int
own_number(Relation rel)
{
	int			id = number_of(find_trigger(rel));

	return id != 0 && is_stray(rel, id) ? 0 : id;
}

/*
 * To drop a trigger takes the strongest lock.  Who has the other one gives it
 * back first: to wait with it for somebody who then waits for it is a deadlock.
 */
static Relation
drop_stray(Relation rel)
{
	Oid			relid = RelationGetRelid(rel);

	check_owner(rel);
	relation_close(rel, ShareRowExclusiveLock);
	rel = open_table(relid, AccessExclusiveLock);
	check_owner(rel);
	if (own_number(rel) == 0)
		drop_trigger(rel);
	CommandCounterIncrement();
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
	id = own_number(rel);
	if (id == 0 && find_trigger(rel) != NULL)
	{
		rel = drop_stray(rel);
		id = own_number(rel);
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
	Oid			relid;
	Relation	rel;

	if (id == 0)
		return;
	source_touch();
	if (is_needed(id))
		return;
	/* Who has attached meanwhile is waited for, and then needs it. */
	relid = source_relation(id);
	rel = OidIsValid(relid) ? try_relation_open(relid, AccessExclusiveLock) : NULL;
	if (!is_needed(id))
	{
		if (rel != NULL)
			drop_trigger(rel);
		delete_source(id);
	}
	if (rel != NULL)
		relation_close(rel, NoLock);
}

void
source_sweep(void)
{
	static SqlPlan sources = {
		"DELETE FROM journey.source s WHERE NOT EXISTS (SELECT FROM " OUR_TRIGGERS
		" AND " ARGUMENT_IS("s.id") ")",
		0, {0}
	};
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
	SqlSession	session;

	sql_begin(&session);
	if (sql_run(&sources, NULL, NULL) > 0)
	{
		sql_run(&watches, NULL, NULL);
		sql_run(&audiences, NULL, NULL);
	}
	sql_end(&session);
}
