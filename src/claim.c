/*-------------------------------------------------------------------------
 *
 * claim.c
 *	  Taking actions out of the outbox.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "claim.h"

List *
claim_actions(const ClaimOrder *order)
{
	elog(ERROR, "not built yet");
	return NIL;
}

void
claim_rows(const ClaimOrder *order)
{
	elog(ERROR, "not built yet");
}

TimestampTz
claim_first_due(text *destination)
{
	return NO_TIME;
}

int64
claim_free(List *destinations, TimestampTz lease_end)
{
	return 0;
}
