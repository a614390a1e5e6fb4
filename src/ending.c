/*-------------------------------------------------------------------------
 *
 * ending.c
 *	  Answering for actions that were claimed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "ending.h"

void
ending_record(List *answers)
{
	elog(ERROR, "not built yet");
}

void
ending_count(const char *destination, const DeliveryCount *count)
{
}
