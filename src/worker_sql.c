/*-------------------------------------------------------------------------
 *
 * worker_sql.c
 *	  What SQL sees of the workers: journey.worker.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "armed.h"
#include "guc.h"
#include "process.h"
#include "seat.h"
#include "shmem.h"

enum
{
	WORKER_DATABASE,
	WORKER_KIND,
	WORKER_NUMBER,
	WORKER_PID,
	WORKER_STARTED_AT,
	WORKER_HEARTBEAT,
	WORKER_MOVED,
	WORKER_SENT,
	WORKER_WHY_IDLE,
	WORKER_COLUMNS
};

static const char *const kinds[] = {
	[SEAT_SCHEDULER] = "scheduler",
	[SEAT_SENDER] = "sender",
	[SEAT_CALLER] = "caller"
};

PG_FUNCTION_INFO_V1(journey_worker_list);
PG_FUNCTION_INFO_V1(journey_wake_launcher);

/* Why no scheduler is at work in this database. */
static const char *
why_none(void)
{
	IdleReason	reason;

	if (seat_table == NULL)
		return "shared_preload_libraries does not name journey";
	if (RecoveryInProgress())
		return "the server is a standby";
	reason = armed_look();
	if (reason != IDLE_NOT)
		return armed_reason(reason);
	if (guc_workers == 0 || !launcher_wants(get_database_name(MyDatabaseId)))
		return "the settings journey.databases and journey.workers leave it out";
	if (pg_atomic_read_u32(&seat_table->launcher) == 0)
		return "the launcher is not running";
	return "a scheduler is starting, or failed and will be started again";
}

static void
set_text(Datum *values, bool *nulls, int column, const char *text)
{
	nulls[column] = text == NULL;

	if (text)
		values[column] = CStringGetTextDatum(text);
}

/* One at work.  The caller holds the lock. */
static void
put_seat(ReturnSetInfo *result, Seat *seat)
{
	Datum		values[WORKER_COLUMNS];
	bool		nulls[WORKER_COLUMNS] = {0};
	bool		moves = seat->role == SEAT_SCHEDULER;

	values[WORKER_DATABASE] = ObjectIdGetDatum(seat->owner);
	values[WORKER_KIND] = CStringGetTextDatum(kinds[seat->role]);
	values[WORKER_NUMBER] = Int32GetDatum(seat->number);
	values[WORKER_PID] = Int32GetDatum(seat->pid);
	values[WORKER_STARTED_AT] = TimestampTzGetDatum(seat->since);
	values[WORKER_HEARTBEAT] =
		TimestampTzGetDatum((TimestampTz) pg_atomic_read_u64(&seat->heartbeat));
	values[WORKER_MOVED] = values[WORKER_SENT] =
		Int64GetDatum((int64) pg_atomic_read_u64(&seat->done));
	nulls[WORKER_MOVED] = !moves;
	nulls[WORKER_SENT] = moves;
	set_text(values, nulls, WORKER_WHY_IDLE,
			 armed_reason(pg_atomic_read_u32(&seat->why_idle)));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* This database has none. */
static void
put_none(ReturnSetInfo *result)
{
	Datum		values[WORKER_COLUMNS];
	bool		nulls[WORKER_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	nulls[WORKER_DATABASE] = false;
	values[WORKER_DATABASE] = ObjectIdGetDatum(MyDatabaseId);
	set_text(values, nulls, WORKER_KIND, kinds[SEAT_SCHEDULER]);
	set_text(values, nulls, WORKER_WHY_IDLE, why_none());
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
journey_worker_list(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		here = false;

	InitMaterializedSRF(fcinfo, 0);
	if (seat_table)
	{
		LWLockAcquire(seat_lock, LW_SHARED);
		for (int i = 0; i < seat_table->nseats; i++)
		{
			Seat	   *seat = &seat_table->seats[i];

			if (seat->state != SEAT_TAKEN)
				continue;
			put_seat(result, seat);
			here = here || (seat->owner == MyDatabaseId &&
							seat->role == SEAT_SCHEDULER);
		}
		LWLockRelease(seat_lock);
	}
	if (!here)
		put_none(result);
	return (Datum) 0;
}

Datum
journey_wake_launcher(PG_FUNCTION_ARGS)
{
	shmem_note_database();
	PG_RETURN_VOID();
}
