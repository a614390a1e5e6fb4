/*-------------------------------------------------------------------------
 *
 * hold.h
 *	  Quiet hours and caps when an action leaves, not only when it was made.
 *
 * journey.action.limits keeps what its journey said then: {"zone", "quiet": {"from",
 * "to"}, "cap": {"tag", "max", "per"}}, or {"webhook": true} for one of a tile webhook,
 * which neither touches; null for most.  One whose time was put off because it waits
 * behind another of its member's has "behind": true besides (claim.c).
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_HOLD_H
#define JOURNEY_HOLD_H

#include "postgres.h"

#include "engine.h"

/* Is there anything to say? */
extern bool hold_has_limits(const Journey *journey, const Tile *tile);

/* For the row of an action that has limits; zone: the member's. */
extern Jsonb *hold_limits(const Journey *journey, const Tile *tile, const char *zone);

/* Is it an action of a tile webhook?  limits may be NULL. */
extern bool hold_is_webhook(const Jsonb *limits);

/* Does anything in them hold an action back?  limits may be NULL. */
extern bool hold_applies(const Jsonb *limits);

typedef struct Hold
{
	TimestampTz until;			/* not before then: the end of quiet hours, or
								 * of a cap's span; else NO_TIME */
	bool		is_capped;		/* one too many: suppress it */
} Hold;

/*
 * May an action of that customer with these limits leave now?  Counted for a cap are
 * the customer's others with its tag that are in flight, or were delivered within
 * the span, as this transaction sees them by now.  What is one too many only for a
 * small part of the span waits for its end: those before it came late.
 */
extern Hold hold_check(Jsonb *limits, text *customer, const pg_uuid_t *id, TimestampTz now);

/* Of that, the end of the quiet hours that it is in; NO_TIME: in none. */
extern TimestampTz hold_quiet_until(const Jsonb *limits, TimestampTz now);

#endif							/* JOURNEY_HOLD_H */
