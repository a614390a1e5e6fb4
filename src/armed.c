/*-------------------------------------------------------------------------
 *
 * armed.c
 *	  Whether this database may act.
 *
 * journey.armed names the cluster and the database that were told to act.  The
 * table is dumped, the install script never writes it: so what a dump restores
 * and what CREATE DATABASE copies names another database.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "armed.h"
#include "role.h"
#include "shmem.h"
#include "sql.h"

/* Versions of the SQL that this library runs. */
static const char *const known_versions[] = {"1.0"};

static const char *const reasons[] = {
	[IDLE_NOT] = NULL,
	[IDLE_NO_EXTENSION] = "the extension is not installed",
	[IDLE_CHANGING] = "the extension is being dropped or altered",
	[IDLE_VERSION] = "the extension's SQL is not of a version that the library knows",
	[IDLE_NOTHING_ACTIVATED] = "no journey was activated yet",
	[IDLE_NOT_ARMED] = "this database is a copy: SELECT journey_arm() lets its journeys act here",
	[IDLE_READ_ONLY] = "default_transaction_read_only is on",
	[IDLE_AFTER_ERROR] = "the last batch failed, see the server's log"
};

PG_FUNCTION_INFO_V1(journey_arm);
PG_FUNCTION_INFO_V1(journey_is_armed);

const char *
armed_reason(IdleReason reason)
{
	return reasons[reason];
}

static bool
is_known(const char *version)
{
	for (int i = 0; i < lengthof(known_versions); i++)
	{
		if (strcmp(known_versions[i], version) == 0)
			return true;
	}
	return false;
}

/* The row of pg_extension: is its version one that we run? */
static bool
has_known_version(Oid extension)
{
	Relation	catalog = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		known = false;

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(extension));
	scan = systable_beginscan(catalog, ExtensionOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		version = heap_getattr(tuple, Anum_pg_extension_extversion,
										   RelationGetDescr(catalog), &isnull);

		known = !isnull && is_known(TextDatumGetCString(version));
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return known;
}

/* What journey.armed says. */
static IdleReason
read_armed(void)
{
	static SqlPlan plan = {
		"SELECT system_identifier = $1 AND database = $2"
		"  FROM journey.armed ORDER BY 1 DESC LIMIT 1",
		2, {INT8OID, OIDOID}
	};
	Datum		values[2];
	SqlSession	session;
	IdleReason	reason = IDLE_NOTHING_ACTIVATED;
	bool		isnull;

	values[0] = Int64GetDatum((int64) GetSystemIdentifier());
	values[1] = ObjectIdGetDatum(MyDatabaseId);
	sql_begin(&session);
	if (sql_read(&plan, values, NULL, GetLatestSnapshot()) > 0)
		reason = DatumGetBool(sql_value(0, 1, &isnull)) ? IDLE_NOT : IDLE_NOT_ARMED;
	sql_end(&session);
	return reason;
}

/*
 * The lock is not waited for, else a DROP EXTENSION in an open transaction
 * would hold us in a state that looks like work.
 */
IdleReason
armed_begin(Oid *extension)
{
	*extension = get_extension_oid("journey", true);
	if (!OidIsValid(*extension))
		return IDLE_NO_EXTENSION;
	if (!ConditionalLockDatabaseObject(ExtensionRelationId, *extension, 0,
									   AccessShareLock))
		return IDLE_CHANGING;
	if (get_extension_oid("journey", true) != *extension)
		return IDLE_CHANGING;
	if (!has_known_version(*extension))
		return IDLE_VERSION;
	if (XactReadOnly)
		return IDLE_READ_ONLY;
	return read_armed();
}

IdleReason
armed_look(void)
{
	Oid			extension = get_extension_oid("journey", true);

	if (!OidIsValid(extension))
		return IDLE_NO_EXTENSION;
	if (!has_known_version(extension))
		return IDLE_VERSION;
	return read_armed();
}

bool
armed_check(void)
{
	IdleReason	reason = read_armed();

	if (reason == IDLE_NOT_ARMED)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("the journeys of this database are not armed"),
				errdetail("The database is a copy of the one in which they were activated."),
				errhint("If its journeys shall act here, call journey_arm()."));
	return reason == IDLE_NOT;
}

/*
 * Name this database in journey.armed, and no other: a copy of this one must be
 * armed in its turn, even if it goes back to where this one came from.
 */
static void
arm(void)
{
	static SqlPlan clear = {
		"DELETE FROM journey.armed WHERE (system_identifier, database) <> ($1, $2)",
		2, {INT8OID, OIDOID}
	};
	static SqlPlan insert = {
		"INSERT INTO journey.armed (system_identifier, database) VALUES ($1, $2)"
		" ON CONFLICT DO NOTHING",
		2, {INT8OID, OIDOID}
	};
	Datum		values[2];
	SqlSession	session;

	values[0] = Int64GetDatum((int64) GetSystemIdentifier());
	values[1] = ObjectIdGetDatum(MyDatabaseId);
	sql_begin(&session);
	sql_run(&clear, values, NULL);
	sql_run(&insert, values, NULL);
	sql_end(&session);
	shmem_note_database();
}

void
armed_first(void)
{
	if (read_armed() == IDLE_NOTHING_ACTIVATED)
		arm();
}

/* The xids in the transition log may be another cluster's: count by them once. */
static void
fold_everything(void)
{
	static SqlPlan plan = {"SELECT journey.fold(true)", 0, {0}};
	SqlSession	session;

	sql_begin(&session);
	sql_run(&plan, NULL, NULL);
	sql_end(&session);
}

/* The jobs of pg_cron that came with a copy are made anew: they name the original. */
static void
sync_jobs(bool anew)
{
	static SqlPlan plan = {"SELECT journey.sync_jobs(anew => $1)", 1, {BOOLOID}};
	SqlSession	session;
	Datum		value = BoolGetDatum(anew);

	if (!OidIsValid(get_extension_oid("pg_cron", true)))
		return;
	sql_begin(&session);
	sql_run(&plan, &value, NULL);
	sql_end(&session);
}

Datum
journey_arm(PG_FUNCTION_ARGS)
{
	bool		was_armed;

	role_refuse_restricted("journey_arm()");
	role_refuse_read_only("journey_arm()");
	was_armed = read_armed() == IDLE_NOT;
	if (was_armed)
		shmem_note_database();
	else
	{
		fold_everything();
		arm();
	}
	sync_jobs(!was_armed);
	PG_RETURN_VOID();
}

Datum
journey_is_armed(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(armed_look() == IDLE_NOT);
}
