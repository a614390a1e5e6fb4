/*-------------------------------------------------------------------------
 *
 * audience_live.c
 *	  Audiences that the trigger of their table keeps in real time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audience_live.h"

bool
audience_settle(const AudienceRow *row, const RowQuery *reads, bool attach, LockWait wait)
{
	return true;
}

void
audience_unsettle(const AudienceRow *row)
{
}

void
audience_relive(Oid relation)
{
}
