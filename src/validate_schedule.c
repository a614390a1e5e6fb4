/*-------------------------------------------------------------------------
 *
 * validate_schedule.c
 *	  Lines of cron, which are pg_cron's to judge; but for those by seconds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/builtins.h"

#include "document.h"
#include "sql.h"
#include "validate.h"

/* What pg_cron says of a line; state is NULL where it would take it. */
typedef struct Judgement
{
	char	   *state;
	char	   *message;
	char	   *hint;			/* or NULL */
} Judgement;

static Judgement
ask_pg_cron(const char *schedule)
{
	static SqlPlan plan = {
		"SELECT state, message, hint FROM journey.try_schedule($1)", 1, {TEXTOID}
	};
	Datum		value = CStringGetTextDatum(schedule);
	SqlSession	session;
	Judgement	judgement;

	sql_begin(&session);
	sql_run(&plan, &value, NULL);
	judgement.state = sql_text(&session, 0, 1);
	judgement.message = sql_text(&session, 0, 2);
	judgement.hint = sql_text(&session, 0, 3);
	sql_end(&session);
	return judgement;
}

/*
 * An author's journey would keep a job of the server's busy all the time.
 * pg_cron reads "5 seconds" with sscanf: any blanks or none, signs, any case.
 * No other line of its has that word.
 */
static bool
is_by_seconds(const char *schedule)
{
	for (; *schedule; schedule++)
		if (pg_strncasecmp(schedule, "second", strlen("second")) == 0)
			return true;
	return false;
}

void
validate_schedule(Validation *validation, const Place *place, const char *schedule)
{
	Judgement	judgement;
	Problem    *problem;
	const char *state;

	if (schedule == NULL)
		return;
	if (is_by_seconds(schedule))
	{
		problem = validation_error(validation, ERRCODE_INVALID_PARAMETER_VALUE, place);
		problem->message = psprintf("%s must not be a line by seconds", place_text(place));
		problem->hint = "There is a minute between two runs at least: \"* * * * *\".";
		return;
	}
	judgement = ask_pg_cron(schedule);
	state = judgement.state;
	if (state == NULL)
		return;
	problem = validation_error(validation,
							   MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4]),
							   place);
	problem->message = psprintf("%s: %s", place_text(place), judgement.message);
	problem->hint = judgement.hint ? judgement.hint : SCHEDULE_HINT;
}
