/*-------------------------------------------------------------------------
 *
 * lifecycle.c
 *	  The states of a journey: journey_pause, journey_resume, journey_complete,
 *	  journey_stop.
 *
 *		draft --activate--> active <--pause, resume--> paused
 *		active, paused --complete, stop--> completed --activate--> active
 *
 * Who changes the state holds the journey's row.  A change holds from each
 * session's next emit after our commit (DECISIONS 20).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/timestamp.h"

#include "arguments.h"
#include "author_row.h"
#include "guc.h"
#include "names.h"
#include "order.h"
#include "role.h"
#include "schedule.h"
#include "seat.h"
#include "shmem.h"
#include "sql.h"

#define MAX_JOURNEY_LENGTH 128	/* bytes of a name */

PG_FUNCTION_INFO_V1(journey_pause);
PG_FUNCTION_INFO_V1(journey_resume);
PG_FUNCTION_INFO_V1(journey_complete);
PG_FUNCTION_INFO_V1(journey_stop);

typedef enum State
{
	STATE_DRAFT,
	STATE_ACTIVE,
	STATE_PAUSED,
	STATE_COMPLETED
} State;

static const char *const state_names[] = {
	[STATE_DRAFT] = "draft",
	[STATE_ACTIVE] = "active",
	[STATE_PAUSED] = "paused",
	[STATE_COMPLETED] = "completed"
};

#define STATES lengthof(state_names)

/* A verb: from which states, and what to do instead from the others. */
typedef struct Verb
{
	const char *name;
	const char *wants;			/* as in: journey "x" is not ... */
	const char *hints[STATES];	/* NULL: the verb goes from there */
} Verb;

static const Verb verb_pause = {
	"journey_pause", "active", {
		[STATE_DRAFT] = "Activate it with journey_activate().",
		[STATE_PAUSED] = "It goes on with journey_resume().",
		[STATE_COMPLETED] = "It becomes active again when a new version of it is activated: see journey_revise()."
	}
};

static const Verb verb_resume = {
	"journey_resume", "paused", {
		[STATE_DRAFT] = "Activate it with journey_activate().",
		[STATE_ACTIVE] = "It runs; journey_pause() pauses it.",
		[STATE_COMPLETED] = "It becomes active again when a new version of it is activated: see journey_revise()."
	}
};

static const Verb verb_complete = {
	"journey_complete", "active or paused", {
		[STATE_DRAFT] = "Nobody has entered it; journey_delete() deletes a draft.",
		[STATE_COMPLETED] = "Members who are still inside finish; journey_stop() exits them."
	}
};

static const Verb verb_stop = {
	"journey_stop", "active, paused or completed", {
		[STATE_DRAFT] = "Nobody has entered it; journey_delete() deletes a draft."
	}
};

static State
state_of(const JourneyRow *row)
{
	for (int i = 0; i < STATES; i++)
	{
		if (strcmp(row->state, state_names[i]) == 0)
			return i;
	}
	elog(ERROR, "journey \"%s\" has state \"%s\"", row->name, row->state);
	return STATE_DRAFT;			/* not reached */
}

/* The journey to be changed, locked; raises unless the verb may go from its state. */
static JourneyRow *
begin_change(FunctionCallInfo fcinfo, const Verb *verb)
{
	JourneyRow *row;
	const char *hint;

	role_refuse_restricted(verb->name);
	role_refuse_read_only(verb->name);
	row = row_lock(text_to_cstring(argument_text(fcinfo, 0, "name", MAX_JOURNEY_LENGTH)));
	row_check_rights(row);
	hint = verb->hints[state_of(row)];
	if (hint != NULL)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("journey %s is not %s", quoted_name(row->name), verb->wants),
				errdetail("Its state is \"%s\".", row->state),
				errhint("%s", hint));
	return row;
}

/* Everybody reads the journeys anew, and the workers look what is due now. */
static void
end_change(void)
{
	CacheInvalidateRelcacheByRelid(sql_relation("journey"));
	CommandCounterIncrement();
	shmem_note_due(GetCurrentTimestamp());
	shmem_note_action(TIME_NEVER_WAKE);
}

static void
set_state(const JourneyRow *row, State state)
{
	static SqlPlan plan = {
		"UPDATE journey.journey SET state = $2 WHERE id = $1",
		2, {INT4OID, TEXTOID}
	};
	SqlSession	session;
	Datum		values[] = {Int32GetDatum(row->id), CStringGetTextDatum(state_names[state])};

	sql_begin(&session);
	sql_run(&plan, values, NULL);
	sql_end(&session);
}

static void
begin_pause(const JourneyRow *row)
{
	static SqlPlan plan = {
		"INSERT INTO journey.pause (journey, number, paused_at)"
		" SELECT $1, coalesce(max(number), 0) + 1, $2 FROM journey.pause WHERE journey = $1",
		2, {INT4OID, TIMESTAMPTZOID}
	};
	SqlSession	session;
	Datum		values[] = {Int32GetDatum(row->id), TimestampTzGetDatum(guc_clock())};

	sql_begin(&session);
	sql_run(&plan, values, NULL);
	sql_end(&session);
}

/* Nothing happens where the journey is not paused. */
static void
end_pause(const JourneyRow *row)
{
	static SqlPlan plan = {
		"UPDATE journey.pause SET resumed_at = greatest(paused_at, $2)"
		" WHERE journey = $1 AND resumed_at IS NULL",
		2, {INT4OID, TIMESTAMPTZOID}
	};
	SqlSession	session;
	Datum		values[] = {Int32GetDatum(row->id), TimestampTzGetDatum(guc_clock())};

	sql_begin(&session);
	sql_run(&plan, values, NULL);
	sql_end(&session);
}

Datum
journey_pause(PG_FUNCTION_ARGS)
{
	JourneyRow *row = begin_change(fcinfo, &verb_pause);

	set_state(row, STATE_PAUSED);
	begin_pause(row);
	end_change();
	PG_RETURN_VOID();
}

Datum
journey_resume(PG_FUNCTION_ARGS)
{
	JourneyRow *row = begin_change(fcinfo, &verb_resume);

	set_state(row, STATE_ACTIVE);
	end_pause(row);
	end_change();
	PG_RETURN_VOID();
}

Datum
journey_complete(PG_FUNCTION_ARGS)
{
	JourneyRow *row = begin_change(fcinfo, &verb_complete);

	set_state(row, STATE_COMPLETED);
	end_pause(row);
	end_change();
	schedule_sync_jobs(NULL);
	PG_RETURN_VOID();
}

/*
 * What came during a pause moves nobody any more.  Transactions that began
 * before our commit may still enter members: they are swept up later.
 */
static void
mark_stopped(const JourneyRow *row)
{
	static SqlPlan journey_plan = {
		"UPDATE journey.journey SET stopped = true, sweep_after = $2 WHERE id = $1",
		2, {INT4OID, INT8OID}
	};
	static SqlPlan held_plan = {
		"DELETE FROM journey.held WHERE journey = $1", 1, {INT4OID}
	};
	SqlSession	session;
	Datum		values[] = {Int32GetDatum(row->id), Int64GetDatum(store_xact())};

	sql_begin(&session);
	sql_run(&journey_plan, values, NULL);
	sql_run(&held_plan, values, NULL);
	sql_end(&session);
}

Datum
journey_stop(PG_FUNCTION_ARGS)
{
	JourneyRow *row = begin_change(fcinfo, &verb_stop);
	const JourneyState *state;

	set_state(row, STATE_COMPLETED);
	end_pause(row);
	mark_stopped(row);
	end_change();
	cache_refresh();
	state = cache_by_name(row->name);
	if (state != NULL)
		order_stop(state);
	schedule_sync_jobs(NULL);
	PG_RETURN_VOID();
}
