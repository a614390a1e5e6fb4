/*-------------------------------------------------------------------------
 *
 * bind.c
 *	  The doors for profiles in the user's own table: journey_bind_profile,
 *	  journey_unbind_profile.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "arguments.h"
#include "audience_live.h"
#include "binding.h"
#include "columns.h"
#include "role.h"
#include "source_attach.h"
#include "sql.h"

PG_FUNCTION_INFO_V1(journey_bind_profile);
PG_FUNCTION_INFO_V1(journey_unbind_profile);

/* ---- the key ---- */

/* Types whose text is the same whatever is set, so that it can be a customer. */
static void
check_key_type(Relation rel, const char *column)
{
	Oid			type = column_by_name(rel, column)->atttypid;

	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case UUIDOID:
			break;
		default:
			ereport(ERROR,
					errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("key column \"%s\" is of type %s", column, format_type_be(type)),
					errdetail("The customer is its text, so it must be of type smallint, integer, bigint, numeric, text, character varying, character or uuid."));
	}
}

/* A key that is checked at the end of a transaction can be double before. */
static bool
is_whole_key(Form_pg_index index, HeapTuple tuple)
{
	return index->indisunique && index->indisvalid && index->indisready &&
		index->indimmediate &&
		heap_attisnull(tuple, Anum_pg_index_indpred, NULL) &&
		heap_attisnull(tuple, Anum_pg_index_indexprs, NULL);
}

static bool
has_column(Relation rel, Form_pg_index index, const char *column)
{
	AttrNumber	number = column_by_name(rel, column)->attnum;

	for (int i = 0; i < index->indnkeyatts; i++)
	{
		if (index->indkey.values[i] == number)
			return true;
	}
	return false;
}

/* Is it a key of just these columns, in whatever order? */
static bool
index_is_key(Relation rel, Oid index_oid, List *columns)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index_oid));
	Form_pg_index index;
	bool		is_key;
	ListCell   *cell;

	if (!HeapTupleIsValid(tuple))
		return false;
	index = (Form_pg_index) GETSTRUCT(tuple);
	is_key = index->indnkeyatts == list_length(columns) && is_whole_key(index, tuple);
	foreach(cell, columns)
		is_key = is_key && has_column(rel, index, lfirst(cell));
	ReleaseSysCache(tuple);
	return is_key;
}

static void
check_key(Relation rel, List *columns, const char *named)
{
	ListCell   *cell;

	if (list_length(columns) > MAX_KEY_COLUMNS)
		ereport(ERROR,
				errcode(ERRCODE_TOO_MANY_COLUMNS),
				errmsg("a customer cannot be named by more than %d columns",
					   MAX_KEY_COLUMNS));
	foreach(cell, columns)
		check_key_type(rel, lfirst(cell));
	foreach(cell, RelationGetIndexList(rel))
	{
		if (index_is_key(rel, lfirst_oid(cell), columns))
			return;
	}
	ereport(ERROR,
			errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
			errmsg("table \"%s\" has no primary key and no unique index on %s",
				   RelationGetRelationName(rel), named),
			errdetail("A customer is one row; so there must be one that is valid, not deferrable, not partial, and on just these columns."),
			errhint("Create a unique index on %s, or name the columns of the key that there is.",
					named));
}

static void
check_traits(Relation rel, const char *column)
{
	Form_pg_attribute attribute = column_by_name(rel, column);

	if (attribute->atttypid != JSONBOID)
		ereport(ERROR,
				errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("traits column \"%s\" is of type %s, not jsonb", column,
					   format_type_be(attribute->atttypid)),
				errhint("Without a traits column, the whole row is the customer's traits."));
}

/* ---- journey.profile ---- */

/* Who binds or unbinds waits for who is at it; the source that is bound, or 0. */
static int
lock_bound(void)
{
	static SqlPlan lock = {
		"LOCK TABLE journey.profile IN SHARE ROW EXCLUSIVE MODE", 0, {0}
	};
	static SqlPlan plan = {"SELECT source FROM journey.profile", 0, {0}};
	SqlSession	session;
	bool		isnull;
	int			source = 0;

	sql_begin(&session);
	sql_run(&lock, NULL, NULL);
	if (sql_run(&plan, NULL, NULL) == 1)
		source = DatumGetInt32(sql_value(0, 1, &isnull));
	sql_end(&session);
	return source;
}

static void
tell_others(void)
{
	CacheInvalidateRelcacheByRelid(sql_relation("profile"));
	source_touch();
}

static void
write_bound(Relation rel, int source, List *keys, const char *traits)
{
	static SqlPlan plan = {
		"INSERT INTO journey.profile (source, schema_name, table_name, key_columns, traits_column)"
		" VALUES ($1, $2, $3, $4, $5)"
		" ON CONFLICT (one) DO UPDATE SET source = excluded.source,"
		" schema_name = excluded.schema_name, table_name = excluded.table_name,"
		" key_columns = excluded.key_columns, traits_column = excluded.traits_column",
		5, {INT4OID, TEXTOID, TEXTOID, TEXTARRAYOID, TEXTOID}
	};
	Datum		values[] = {Int32GetDatum(source),
		CStringGetTextDatum(get_namespace_name(RelationGetNamespace(rel))),
		CStringGetTextDatum(RelationGetRelationName(rel)), sql_text_array(keys),
	traits ? CStringGetTextDatum(traits) : (Datum) 0};
	bool		nulls[] = {false, false, false, false, traits == NULL};
	SqlSession	session;

	sql_begin(&session);
	sql_run(&plan, values, nulls);
	sql_end(&session);
}

static void
delete_bound(void)
{
	static SqlPlan plan = {"DELETE FROM journey.profile", 0, {0}};
	SqlSession	session;

	sql_begin(&session);
	sql_run(&plan, NULL, NULL);
	sql_end(&session);
}

/* ---- the doors ---- */

static void
refuse(const char *verb, const char *called)
{
	role_refuse_restricted(verb);
	role_refuse_read_only(called);
}

static char *
name_argument(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("%s must not be null", name));
	return text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* The table is locked before it is looked at, and journey.profile before that. */
Datum
journey_bind_profile(PG_FUNCTION_ARGS)
{
	char	   *key_column;
	char	   *traits = NULL;
	List	   *keys;
	Relation	rel;
	List	   *readers;
	int			old;
	int			source;

	refuse("journey_bind_profile", "journey_bind_profile()");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("relation must not be null"));
	key_column = name_argument(fcinfo, 1, "key_column");
	if (!PG_ARGISNULL(2))
		traits = name_argument(fcinfo, 2, "traits_column");
	source_check_table(PG_GETARG_OID(0));
	old = lock_bound();
	readers = audience_readers(PG_GETARG_OID(0));
	source = source_attach(PG_GETARG_OID(0));
	rel = relation_open(PG_GETARG_OID(0), NoLock);
	keys = columns_by_text(rel, key_column, "key_column");
	check_key(rel, keys, key_column);
	if (traits)
		check_traits(rel, traits);
	write_bound(rel, source, keys, traits);
	relation_close(rel, NoLock);
	tell_others();
	if (old != source)
		source_release(old);
	audience_relive(readers);
	PG_RETURN_VOID();
}

Datum
journey_unbind_profile(PG_FUNCTION_ARGS)
{
	int			old;

	refuse("journey_unbind_profile", "journey_unbind_profile()");
	old = lock_bound();
	if (old == 0)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("no table is bound as profile"));
	delete_bound();
	tell_others();
	source_release(old);
	PG_RETURN_VOID();
}
