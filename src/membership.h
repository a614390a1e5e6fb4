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

#include "source.h"

/*
 * A row that is about the customer has changed in the audience's table: ask
 * anew whether the customer is in, and let it enter or leave, with the event of
 * that ($audience_entered, $audience_left) in this transaction.
 */
extern void membership_recheck(const LiveAudience *audience, text *customer);

#endif							/* JOURNEY_MEMBERSHIP_H */
