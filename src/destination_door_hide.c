/*-------------------------------------------------------------------------
 *
 * destination_door_hide.c
 *	  Statements that hold a secret.
 *
 * Others see the statement in pg_stat_activity, and the server logs it with an
 * error; a function that called us may be named with its statements, too.  What
 * the server logged before we were called (log_statement) is beyond us.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"

#include "destination_door.h"

static void
hide_statement(void *arg)
{
	errhidestmt(true);
	errhidecontext(true);
}

/* An error takes the callback off by itself. */
void
hide_begin(Hiding *hiding, const char *shown)
{
	hiding->callback.callback = hide_statement;
	hiding->callback.arg = NULL;
	hiding->callback.previous = error_context_stack;
	error_context_stack = &hiding->callback;
	debug_query_string = shown;
	pgstat_report_activity(STATE_RUNNING, shown);
}

void
hide_end(Hiding *hiding)
{
	error_context_stack = hiding->callback.previous;
}
