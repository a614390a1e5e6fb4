/*-------------------------------------------------------------------------
 *
 * hold.c
 *	  Quiet hours and caps when an action leaves.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "hold.h"

Jsonb *
hold_limits(const Journey *journey, const Tile *tile, const char *zone)
{
	return NULL;
}

bool
hold_is_webhook(const Jsonb *limits)
{
	return false;
}

Hold
hold_check(Jsonb *limits, text *customer, const pg_uuid_t *id, TimestampTz now)
{
	Hold		hold = {NO_TIME, false};

	return hold;
}
