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
 * A row of the source's table that is about the customer has changed: ask its
 * audiences anew, and let the customer enter or leave them, with the events of
 * that ($audience_entered, $audience_left) in this transaction.
 */
extern void membership_recheck(const Source *source, text *customer);

#endif							/* JOURNEY_MEMBERSHIP_H */
