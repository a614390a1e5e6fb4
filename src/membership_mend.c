/*-------------------------------------------------------------------------
 *
 * membership_mend.c
 *	  Mending the membership of a customer whose rows somebody else may be changing.
 *
 * A refresh of an audience that is kept in real time meets the transactions that
 * keep it, and neither sees what the other has not committed.  Who is a member
 * has a row, which both lock.  Who is none has not: so the refresh first inserts
 * it, and those who ask after that wait (store_wait_for_membership); and those who
 * may have asked before must have ended, as who asks then sees what they did.
 *
 * It never waits for a lock: the transaction of the refresh may hold members and
 * memberships that others wait for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/timestamp.h"

#include "membership.h"

/* How long short transactions on the table get to end, per refresh. */
#define PATIENCE_MS 500
#define NAP_US 1000

void
mending_begin(Mending *mending, const LiveAudience *audience, Oid relation)
{
	mending->audience = audience;
	mending->relations = find_all_inheritors(relation, NoLock, NULL);
	mending->patience = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), PATIENCE_MS);
}

/* No lock that counts: who begins to wait for it does not get in our way. */
static bool
has_ended(Mending *mending, VirtualTransactionId writer)
{
	while (!VirtualXactLock(writer, false))
	{
		if (GetCurrentTimestamp() >= mending->patience)
			return false;
		CHECK_FOR_INTERRUPTS();
		pg_usleep(NAP_US);
	}
	return true;
}

/* Have all ended who are writing to the table now? */
static bool
writers_end(Mending *mending)
{
	ListCell   *cell;

	foreach(cell, mending->relations)
	{
		LOCKTAG		tag;
		VirtualTransactionId *writer;

		SET_LOCKTAG_RELATION(tag, MyDatabaseId, lfirst_oid(cell));
		for (writer = GetLockConflicts(&tag, ShareLock, NULL);
			 VirtualTransactionIdIsValid(*writer); writer++)
		{
			if (!has_ended(mending, *writer))
				return false;
		}
	}
	return true;
}

static Mended
decide(const LiveAudience *audience, text *customer, bool is_member, bool holds)
{
	Membership	change = {.audience = audience->name, .enters = holds};

	if (holds == is_member)
		return MENDED_NOTHING;
	if (!membership_change(customer, &change, LOCK_SKIP))
		return MENDED_BUSY;
	return holds ? MENDED_ENTERED : MENDED_LEFT;
}

/* Who is none of its members. */
static Mended
mend_outsider(Mending *mending, text *customer)
{
	const LiveAudience *audience = mending->audience;
	ItemPointerData tid;
	bool		quiet;
	bool		asked;
	bool		holds;

	if (!store_reserve_membership(customer, audience->name, &tid))
		return MENDED_BUSY;
	quiet = writers_end(mending);
	asked = quiet && membership_ask(audience, customer, &holds);
	store_unreserve_membership(&tid);
	if (!quiet)
		return MENDED_BUSY;
	return asked ? decide(audience, customer, false, holds) : MENDED_ERRED;
}

Mended
membership_mend(Mending *mending, text *customer)
{
	const LiveAudience *audience = mending->audience;
	List	   *members;
	bool		is_member;
	bool		holds;

	if (membership_is_heard(audience->name) &&
		!store_lock_members(customer, NULL, LOCK_SKIP, &members))
		return MENDED_BUSY;
	if (!store_try_membership(customer, audience->name, &is_member))
		return MENDED_BUSY;
	if (!is_member)
		return mend_outsider(mending, customer);
	if (!membership_ask(audience, customer, &holds))
		return MENDED_ERRED;
	return decide(audience, customer, true, holds);
}
