/*-------------------------------------------------------------------------
 *
 * binding.c
 *	  The user's own table that is bound as the customers' profiles.
 *
 * Read once per backend, and again when journey.profile has changed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "binding.h"
#include "sql.h"

static MemoryContext cxt = NULL;
static Binding *bound = NULL;	/* in cxt; NULL: none */
static bool known = false;		/* is that so? */
static uint64 generation = 0;
static Oid	profile_relid = InvalidOid;

uint64
binding_generation(void)
{
	return generation;
}

/* No catalog access here. */
void
binding_invalidate(Oid relid)
{
	if (relid != InvalidOid && relid != profile_relid)
		return;
	known = false;
	generation++;
}

static char **
read_names(Datum array, int *n)
{
	Datum	   *names;
	char	  **result;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT,
					  &names, NULL, n);
	result = palloc(sizeof(char *) * *n);
	for (int i = 0; i < *n; i++)
		result[i] = TextDatumGetCString(names[i]);
	return result;
}

/* From the only row of the last result. */
static Binding *
read_row(SqlSession *session)
{
	Binding    *binding = palloc0(sizeof(Binding));
	bool		isnull;

	binding->source = DatumGetInt32(sql_value(0, 1, &isnull));
	binding->schema = sql_text(session, 0, 2);
	binding->table = sql_text(session, 0, 3);
	binding->keys = read_names(sql_datum(session, 0, 4, &isnull), &binding->nkeys);
	binding->traits = sql_text(session, 0, 5);
	return binding;
}

/* As it is now, whatever the transaction's isolation: it outlives that. */
static void
load(void)
{
	static SqlPlan plan = {
		"SELECT source, schema_name, table_name, key_columns, traits_column FROM journey.profile",
		0, {0}
	};
	Snapshot	snapshot;
	SqlSession	session;
	MemoryContext old;

	if (cxt == NULL)
		cxt = AllocSetContextCreate(TopMemoryContext, "journey binding",
									ALLOCSET_SMALL_SIZES);
	MemoryContextReset(cxt);
	bound = NULL;
	profile_relid = sql_relation("profile");
	known = true;				/* an invalidation from here on counts */
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	old = MemoryContextSwitchTo(cxt);
	sql_begin(&session);
	if (sql_read(&plan, NULL, NULL, snapshot) == 1)
	{
		MemoryContextSwitchTo(cxt);
		bound = read_row(&session);
	}
	sql_end(&session);
	MemoryContextSwitchTo(old);
	UnregisterSnapshot(snapshot);
}

const Binding *
binding_get(void)
{
	if (known)
		return bound;
	PG_TRY();
	{
		load();
	}
	PG_CATCH();
	{
		known = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
	return bound;
}

char *
binding_name(const Binding *binding)
{
	return quote_qualified_identifier(binding->schema, binding->table);
}

Oid
binding_open(const Binding *binding, LOCKMODE lock)
{
	RangeVar   *name = makeRangeVar(binding->schema, binding->table, -1);
	Oid			relation = RangeVarGetRelid(name, lock, true);

	if (!OidIsValid(relation))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("table %s, which is bound as profile, does not exist",
					   binding_name(binding)),
				errhint("Bind another with journey_bind_profile(), or let go of it with journey_unbind_profile()."));
	return relation;
}

Oid
binding_column_type(Oid relation, const char *column)
{
	AttrNumber	number = get_attnum(relation, column);

	return number > 0 ? get_atttype(relation, number) : InvalidOid;
}

Oid
binding_key_type(const Binding *binding, Oid relation, int key)
{
	Oid			type = binding_column_type(relation, binding->keys[key]);

	if (!OidIsValid(type))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("column %s of table %s, which names the customer, does not exist",
					   quote_identifier(binding->keys[key]), binding_name(binding)),
				errhint("Bind the table again with journey_bind_profile()."));
	return type;
}
