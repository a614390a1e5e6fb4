/*-------------------------------------------------------------------------
 *
 * postpone.h
 *	  What a claim found due, and cannot hand out before a time that is known: it
 *	  is due then, so that the next claim does not find it again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_POSTPONE_H
#define JOURNEY_POSTPONE_H

#include "postgres.h"

#include "candidate.h"

/*
 * Those that are in their quiet hours until these end; the others are returned.
 * Adds to *postponed how many were written: nobody who holds one is waited for.
 */
extern List *postpone_quiet(const ClaimOrder *order, List *candidates, int *postponed);

#endif							/* JOURNEY_POSTPONE_H */
