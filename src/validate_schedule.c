/*-------------------------------------------------------------------------
 *
 * validate_schedule.c
 *	  Lines of cron, which are pg_cron's to judge.
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

void
validate_schedule(Validation *validation, const Place *place, const char *schedule)
{
	Judgement	judgement;
	Problem    *problem;
	const char *state;

	if (schedule == NULL)
		return;
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
