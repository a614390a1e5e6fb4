/*-------------------------------------------------------------------------
 *
 * membership.c
 *	  One customer in and out of audiences.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "membership.h"

void
membership_recheck(const LiveAudience *audience, text *customer)
{
}
