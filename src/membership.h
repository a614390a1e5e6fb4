/*-------------------------------------------------------------------------
 *
 * membership.h
 *	  One customer in and out of audiences.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_MEMBERSHIP_H
#define JOURNEY_MEMBERSHIP_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#include "run.h"
#include "source.h"

/*
 * A row of the audience's table that is about the customer has changed: ask its
 * query anew, and let the customer enter or leave it, with the event of that
 * ($audience_entered, $audience_left) in this transaction.  A query that errs is
 * recorded, and changes nothing.
 */
extern void membership_recheck(const LiveAudience *audience, text *customer);

/* Does its query give that customer?  False: it erred, which is recorded. */
extern bool membership_ask(const LiveAudience *audience, text *customer, bool *holds);

/* ---- membership_mend.c ---- */

typedef enum Mended
{
	MENDED_NOTHING,				/* it stands as it should */
	MENDED_ENTERED,
	MENDED_LEFT,
	MENDED_BUSY,				/* somebody is at it; nothing was done */
	MENDED_ERRED				/* recorded */
} Mended;

/* A live audience that is gone through once more. */
typedef struct Mending
{
	const LiveAudience *audience;
	List	   *relations;		/* its table, with its partitions */
	TimestampTz patience;		/* until when those who write there get time */
} Mending;

extern void mending_begin(Mending *mending, const LiveAudience *audience, Oid relation);

/*
 * Without a change of ours: the same for a customer whose membership may have
 * gone wrong.  Waits for nobody, so that it can be done with anything locked.
 */
extern Mended membership_mend(Mending *mending, text *customer);

/* Does anybody hear who enters that audience, or leaves it? */
extern bool membership_is_heard(const char *audience);

/*
 * Write it, and do what that sets off, with the customer's members locked.
 * False (with LOCK_SKIP only): somebody holds the customer; nothing was written.
 */
extern bool membership_change(text *customer, const Membership *change, LockWait wait);

#endif							/* JOURNEY_MEMBERSHIP_H */
