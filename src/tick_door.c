/*-------------------------------------------------------------------------
 *
 * tick_door.c
 *	  The doors for time: journey_tick, journey_advance_to, journey_maintain.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "armed.h"
#include "guc.h"
#include "role.h"
#include "sql.h"
#include "tick.h"

PG_FUNCTION_INFO_V1(journey_tick);
PG_FUNCTION_INFO_V1(journey_advance_to);
PG_FUNCTION_INFO_V1(journey_maintain);
PG_FUNCTION_INFO_V1(journey_refuse_restricted);

Datum
journey_tick(PG_FUNCTION_ARGS)
{
	Tick		tick;

	role_refuse_read_only("journey_tick()");
	if (PG_ARGISNULL(0) || PG_GETARG_INT32(0) < 1)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("max_members must be at least 1"));
	if (!armed_check())
		PG_RETURN_INT64(0);
	tick_run(PG_GETARG_INT32(0), &tick);
	PG_RETURN_INT64(tick.moved);
}

/*
 * SET LOCAL journey.now.  Whoever may not set it is told so here.
 */
static void
set_now(TimestampTz now)
{
	(void) set_config_option("journey.now", timestamptz_to_str(now),
							 superuser() ? PGC_SUSET : PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

static TimestampTz
argument_at(FunctionCallInfo fcinfo)
{
	TimestampTz at;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("at must not be null"));
	at = PG_GETARG_TIMESTAMPTZ(0);
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("at must be finite"));
	if (guc_now() != NO_TIME && at < guc_now())
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("cannot move the clock back"),
				errdetail("journey.now is %s.", timestamptz_to_str(guc_now())));
	return at;
}

/*
 * On a clock of its own a session tries things out, and means to roll them back.
 * One that set journey.now for longer than a transaction knows what it does.
 */
static void
warn_unless_tried_out(void)
{
	if (guc_now() != NO_TIME || IsTransactionBlock())
		return;
	ereport(WARNING,
			errcode(ERRCODE_NO_ACTIVE_SQL_TRANSACTION),
			errmsg("journey_advance_to() moves everybody who is due, and this transaction commits by itself"),
			errhint("To try something out, BEGIN before and ROLLBACK after it."));
}

/*
 * From due time to due time.  A round in which nothing moves ends it: what is
 * due then is held by another transaction.
 */
Datum
journey_advance_to(PG_FUNCTION_ARGS)
{
	TimestampTz at;
	TimestampTz next;
	int64		moved = 0;
	MemoryContext scratch;
	MemoryContext old;

	role_refuse_read_only("journey_advance_to()");
	at = argument_at(fcinfo);
	warn_unless_tried_out();
	if (guc_now() == NO_TIME)
		set_now(Min(at, GetCurrentTimestamp()));
	scratch = AllocSetContextCreate(CurrentMemoryContext, "journey advance",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	for (next = tick_next_due(); next != NO_TIME && next <= at;)
	{
		Tick		tick;

		CHECK_FOR_INTERRUPTS();
		if (next > guc_now())
			set_now(next);
		tick_run(PG_INT32_MAX, &tick);
		moved += tick.moved;
		next = tick.next_due;
		MemoryContextReset(scratch);
		if (tick.moved == 0)
			break;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	set_now(at);
	PG_RETURN_INT64(moved);
}

/* The work is SQL (sql/65_maintain.sql); here the caller becomes the extension's owner. */
Datum
journey_maintain(PG_FUNCTION_ARGS)
{
	static SqlPlan plan = {"SELECT journey.maintain()", 0, {0}};
	SqlSession	session;

	role_refuse_read_only("journey_maintain()");
	role_refuse_restricted("journey_maintain");
	sql_begin(&session);
	sql_run(&plan, NULL, NULL);
	sql_end(&session);
	PG_RETURN_VOID();
}

Datum
journey_refuse_restricted(PG_FUNCTION_ARGS)
{
	role_refuse_restricted(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}
