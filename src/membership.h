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

#include "run.h"
#include "source.h"

/*
 * A row of the audience's table that is about the customer has changed: ask its
 * query anew, and let the customer enter or leave it, with the event of that
 * ($audience_entered, $audience_left) in this transaction.  A query that errs is
 * recorded, and changes nothing.
 */
extern void membership_recheck(const LiveAudience *audience, text *customer);

/* Does anybody hear who enters that audience, or leaves it? */
extern bool membership_is_heard(const char *audience);

/*
 * Write it, and do what that sets off, with the customer's members locked.
 * False (with LOCK_SKIP only): somebody holds the customer; nothing was written.
 */
extern bool membership_change(text *customer, const Membership *change, LockWait wait);

#endif							/* JOURNEY_MEMBERSHIP_H */
