/*-------------------------------------------------------------------------
 *
 * claim.h
 *	  Taking actions out of the outbox: who claims one has it until its lease
 *	  ends, or until it is answered for (ending.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_CLAIM_H
#define JOURNEY_CLAIM_H

#include "postgres.h"

#include "result.h"
#include "retry.h"

/* In SQL: does a member stay for the result of that row of journey.action? */
#define ACTION_IS_AWAITED(a) \
	"EXISTS (SELECT FROM journey.member_row m" \
	" WHERE m.customer OPERATOR(pg_catalog.=) " a ".customer" \
	" AND m.run OPERATOR(pg_catalog.=) 0 AND m.awaits OPERATOR(pg_catalog.=) " a ".id)"

typedef struct ClaimOrder
{
	text	   *destination;
	int			max;
	TimestampTz now;
	TimestampTz lease_end;
	bool		is_ordered;		/* none whose member has an older one under
								 * way */
	Datum		except;			/* uuid[]: not these; 0: any */
	int			end_ms;			/* in which members hear of what is over, the
								 * others later; 0: however long it takes */
	bool	   *more;			/* set where it looked at so much that could
								 * not leave that it stopped, and the next
								 * claim gets further; or NULL */
} ClaimOrder;

typedef struct Claimed
{
	pg_uuid_t	id;
	text	   *customer;
	int64		member;
	char	   *journey;
	char	   *tile;
	Jsonb	   *payload;
	int			attempts;		/* this one included */
	TimestampTz created_at;
	TimestampTz expires_at;		/* or NO_TIME */
	Jsonb	   *retry;			/* the tile's schedule; NULL: none */
	bool		is_webhook;		/* of a tile webhook: the payload is {path,
								 * method, headers, body} */
	bool		is_awaited;		/* by a member, as far as the snapshot shows */
} Claimed;

/*
 * Claim what is due, oldest first, in CurrentMemoryContext: Claimed *.  What has
 * expired, was abandoned, is of a stopped journey, is one too many for its cap or
 * falls into quiet hours is dealt with first.  The caller has called
 * cache_refresh() and commits before acting on them.
 */
extern List *claim_actions(const ClaimOrder *order);

/*
 * The same, as the last result of SQL (all of journey.action), for journey_claim();
 * between sql_begin and sql_end.
 */
extern void claim_rows(const ClaimOrder *order);

/*
 * When the next is due there, or NO_TIME; in flight ones when their lease ends.
 * The caller has called cache_refresh().
 */
extern TimestampTz claim_first_due(text *destination);

/*
 * What was claimed in this transaction and is not to leave yet (Claimed *): pending
 * again, without that attempt.
 */
extern void claim_give_back(List *claimed);

/*
 * What a worker that is gone had claimed can be claimed again at once: all in
 * flight of those destinations (char *), whose leases end before that time and
 * whose rows nobody holds: those wait for the end of their lease.
 */
extern int64 claim_free(List *destinations, TimestampTz lease_end);

#endif							/* JOURNEY_CLAIM_H */
