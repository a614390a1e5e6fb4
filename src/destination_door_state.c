/*-------------------------------------------------------------------------
 *
 * destination_door_state.c
 *	  Destinations are stopped, and go: journey_destination_pause,
 *	  journey_destination_resume, journey_destination_drop.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "destination_door.h"
#include "guc.h"
#include "names.h"
#include "secret.h"
#include "sql.h"

#define MAX_NAMED 5				/* journeys in a detail */

PG_FUNCTION_INFO_V1(journey_destination_pause);
PG_FUNCTION_INFO_V1(journey_destination_resume);
PG_FUNCTION_INFO_V1(journey_destination_drop);

static void
run_on(SqlPlan *plan, const char *name)
{
	Datum		value = CStringGetTextDatum(name);
	SqlSession	session;

	sql_begin(&session);
	sql_run(plan, &value, NULL);
	sql_end(&session);
}

Datum
journey_destination_pause(PG_FUNCTION_ARGS)
{
	static SqlPlan plan = {
		"UPDATE journey.destination SET paused_at = $2"
		" WHERE name OPERATOR(pg_catalog.=) $1 AND paused_at IS NULL",
		2, {TEXTOID, TIMESTAMPTZOID}
	};
	DestinationKept *kept;
	Datum		values[2];
	SqlSession	session;

	door_enter("journey_destination_pause");
	kept = door_lock(door_name(fcinfo));
	values[0] = CStringGetTextDatum(kept->name);
	values[1] = TimestampTzGetDatum(guc_clock());
	sql_begin(&session);
	sql_run(&plan, values, NULL);
	sql_end(&session);
	destination_changed();
	PG_RETURN_VOID();
}

/* Whatever kept it from being sent to. */
Datum
journey_destination_resume(PG_FUNCTION_ARGS)
{
	static SqlPlan plan = {
		"UPDATE journey.destination SET paused_at = NULL, disabled = NULL,"
		" breaker = 'closed', breaker_until = NULL, problem = NULL"
		" WHERE name OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	DestinationKept *kept;

	door_enter("journey_destination_resume");
	kept = door_lock(door_name(fcinfo));
	run_on(&plan, kept->name);
	destination_changed();
	PG_RETURN_VOID();
}

/* ---- who needs it still: as of now, whatever our snapshot is of ---- */

/*
 * Journeys that may yet send there: by a draft, by the version that members enter,
 * or by one that members are in.  Theirs are the names, in order.
 */
static List *
journeys_using(const char *name)
{
	static SqlPlan plan = {
		"SELECT DISTINCT j.name FROM journey.journey j"
		" JOIN journey.version_row v ON v.journey OPERATOR(pg_catalog.=) j.id"
		" WHERE EXISTS (SELECT FROM pg_catalog.jsonb_each("
		"  v.definition OPERATOR(pg_catalog.->) 'tiles') t (name, config)"
		"  WHERE t.config OPERATOR(pg_catalog.->>) 'destination' OPERATOR(pg_catalog.=) $1)"
		" AND (v.state OPERATOR(pg_catalog.=) 'draft'"
		"  OR (j.state OPERATOR(pg_catalog.<>) 'completed'"
		"   AND v.version OPERATOR(pg_catalog.=) j.version)"
		"  OR EXISTS (SELECT FROM journey.member_row m"
		"   WHERE m.journey OPERATOR(pg_catalog.=) j.id"
		"   AND m.version OPERATOR(pg_catalog.=) v.version"
		"   AND m.run OPERATOR(pg_catalog.=) 0))"
		" ORDER BY j.name",
		1, {TEXTOID}
	};
	MemoryContext context = CurrentMemoryContext;
	Datum		value = CStringGetTextDatum(name);
	List	   *names = NIL;
	SqlSession	session;
	uint64		n;

	sql_begin(&session);
	n = sql_read(&plan, &value, NULL, GetLatestSnapshot());
	for (uint64 i = 0; i < n; i++)
	{
		char	   *journey = sql_text(&session, i, 1);
		MemoryContext old = MemoryContextSwitchTo(context);

		names = lappend(names, journey);
		MemoryContextSwitchTo(old);
	}
	sql_end(&session);
	return names;
}

static int64
actions_under_way(const char *name)
{
	static SqlPlan plan = {
		"SELECT pg_catalog.count(*) FROM journey.action"
		" WHERE destination OPERATOR(pg_catalog.=) $1 AND next_attempt_at IS NOT NULL",
		1, {TEXTOID}
	};
	Datum		value = CStringGetTextDatum(name);
	SqlSession	session;
	bool		isnull;
	int64		n;

	sql_begin(&session);
	sql_read(&plan, &value, NULL, GetLatestSnapshot());
	n = DatumGetInt64(sql_value(0, 1, &isnull));
	sql_end(&session);
	return n;
}

/* As: Journeys "a" and "b" send to it. */
static void
append_journeys(StringInfo detail, const List *journeys)
{
	int			n = list_length(journeys);
	int			named = Min(n, MAX_NAMED);

	if (n == 0)
		return;
	appendStringInfoString(detail, n == 1 ? "Journey " : "Journeys ");
	for (int i = 0; i < named; i++)
	{
		if (i > 0)
			appendStringInfoString(detail, i + 1 < n ? ", " : " and ");
		appendStringInfoString(detail, quoted_name(list_nth(journeys, i)));
	}
	if (named < n)
		appendStringInfo(detail, " and %d more", n - named);
	appendStringInfoString(detail, n == 1 ? " sends to it." : " send to it.");
}

static void
check_unused(const char *name)
{
	List	   *journeys = journeys_using(name);
	int64		actions = actions_under_way(name);
	StringInfoData detail;

	if (journeys == NIL && actions == 0)
		return;
	initStringInfo(&detail);
	append_journeys(&detail, journeys);
	if (actions > 0)
		appendStringInfo(&detail, "%s" INT64_FORMAT " %s on the way to it.",
						 journeys == NIL ? "" : " ", actions,
						 actions == 1 ? "action is" : "actions are");
	ereport(ERROR,
			errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
			errmsg("destination %s is still used", quoted_name(name)),
			errdetail_internal("%s", detail.data),
			errhint("Complete or revise the journeys, and wait for the actions or cancel them; journey_destination_pause() holds them."));
}

Datum
journey_destination_drop(PG_FUNCTION_ARGS)
{
	static SqlPlan plans[] = {
		{"DELETE FROM journey.access WHERE destination OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM journey.delivery_total WHERE destination OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM journey.destination WHERE name OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}}
	};
	DestinationKept *kept;

	door_enter("journey_destination_drop");
	kept = door_lock_wholly(door_name(fcinfo));
	check_unused(kept->name);
	secret_set(kept->name, NULL);
	for (int i = 0; i < lengthof(plans); i++)
		run_on(&plans[i], kept->name);
	destination_changed();
	PG_RETURN_VOID();
}
