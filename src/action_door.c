/*-------------------------------------------------------------------------
 *
 * action_door.c
 *	  The doors for operators who look after actions: journey_retry and
 *	  journey_cancel.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "arguments.h"
#include "cache.h"
#include "defer.h"
#include "ending.h"
#include "guc.h"
#include "rights.h"
#include "role.h"
#include "shmem.h"
#include "sql.h"

PG_FUNCTION_INFO_V1(journey_retry);
PG_FUNCTION_INFO_V1(journey_cancel);

#define CANCELLED_ERROR "cancelled by journey_cancel()"

/* ---- retry ---- */

static void
check_journey(const char *journey)
{
	const JourneyState *state = cache_by_name(journey);

	if (state != NULL && state->is_stopped)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("journey \"%s\" was stopped", journey),
				errdetail("Its actions are not sent any more."),
				errhint("It sends again when a new version of it is activated."));
}

static void
check_destination(const char *destination)
{
	static SqlPlan plan = {
		"SELECT FROM journey.destination WHERE name OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	Datum		values[] = {CStringGetTextDatum(destination)};
	SqlSession	session;
	bool		exists;

	sql_begin(&session);
	exists = sql_run(&plan, values, NULL) > 0;
	sql_end(&session);
	if (!exists)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("destination \"%s\" does not exist", destination),
				errhint("Create it again with journey_destination_create(), or leave the action."));
}

/*
 * What has expired is sent nevertheless: whoever asks for it knows.  False: it was
 * in another state.
 */
static bool
make_pending(const ActionFound *found, TimestampTz now)
{
	static SqlPlan plan = {
		"UPDATE journey.action SET state = 'pending', attempts = 0, next_attempt_at = $4,"
		" last_error = NULL, response = NULL, delivered_at = NULL,"
		" expires_at = CASE WHEN expires_at OPERATOR(pg_catalog.>) $4 THEN expires_at END"
		" WHERE customer OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2"
		" AND state OPERATOR(pg_catalog.=) $3",
		4, {TEXTOID, UUIDOID, TEXTOID, TIMESTAMPTZOID}
	};
	const ActionEnd *end = &found->ending.end;
	Datum		values[] = {PointerGetDatum(end->customer), UUIDPGetDatum(&end->id),
	CStringGetTextDatum(found->ending.from), TimestampTzGetDatum(now)};
	SqlSession	session;
	bool		was_so;

	sql_begin(&session);
	was_so = sql_run(&plan, values, NULL) > 0;
	sql_end(&session);
	return was_so;
}

/* Its members have gone on without it, and it is no news to them. */
Datum
journey_retry(PG_FUNCTION_ARGS)
{
	TimestampTz now = guc_clock();
	ActionFound found;
	Datum		id;

	role_refuse_read_only("journey_retry()");
	rights_require_operate("journey_retry");
	id = argument_id(fcinfo, 0);
	if (!ending_find(id, "dead", &found) && !ending_find(id, "cancelled", &found))
		PG_RETURN_BOOL(false);
	cache_refresh();
	check_journey(found.ending.end.journey);
	check_destination(found.ending.end.destination);
	if (!make_pending(&found, now))
		PG_RETURN_BOOL(false);
	shmem_note_action(now);
	PG_RETURN_BOOL(true);
}

/* ---- cancel ---- */

Datum
journey_cancel(PG_FUNCTION_ARGS)
{
	ActionFound found;
	const ActionEnd *end = &found.ending.end;

	role_refuse_read_only("journey_cancel()");
	rights_require_operate("journey_cancel");
	if (!ending_find(argument_id(fcinfo, 0), "pending", &found))
		PG_RETURN_BOOL(false);
	found.ending.end.outcome = OUTCOME_CANCELLED;
	found.ending.end.error = CANCELLED_ERROR;
	cache_refresh();
	if (!ending_write(&found.ending))
		PG_RETURN_BOOL(false);
	defer_end(end->customer, end->member, end->destination);
	PG_RETURN_BOOL(true);
}
