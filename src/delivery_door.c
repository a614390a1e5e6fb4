/*-------------------------------------------------------------------------
 *
 * delivery_door.c
 *	  What the view journey.delivery cannot say in SQL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "destination.h"

PG_FUNCTION_INFO_V1(journey_send_problem);

/* What keeps a sender from a destination that nobody paused or disabled; or null. */
Datum
journey_send_problem(PG_FUNCTION_ARGS)
{
	Destination *destination = destination_find(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	const char *problem = NULL;

	if (destination == NULL || destination->kind == DESTINATION_PULL)
		PG_RETURN_NULL();
	if (destination->disabled)
		problem = destination->disabled;
	else if ((problem = destination_orphaned(destination)) == NULL)
		(void) destination_secret(destination, &problem);
	if (problem == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(problem));
}
