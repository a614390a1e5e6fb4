/*-------------------------------------------------------------------------
 *
 * caller_limit.h
 *	  Bounding the time of a function that would rather not end.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_CALLER_LIMIT_H
#define JOURNEY_CALLER_LIMIT_H

#include "postgres.h"

#include "seat.h"

typedef enum LimitReason
{
	LIMIT_NONE,
	LIMIT_TIME,					/* it has taken too long */
	LIMIT_DISMISSED				/* its worker was told to go */
} LimitReason;

/*
 * From here on what runs is canceled once ms milliseconds have passed, or this
 * worker is dismissed; again and again, and where it catches that for two
 * seconds, the process ends.
 */
extern void caller_limit_begin(const Seat *seat, int ms);

/* No more of it; a cancel of ours that has come too late is none. */
extern void caller_limit_end(void);

/* Why the last one was canceled, whether or not it let itself be. */
extern LimitReason caller_limit_reason(void);

#endif							/* JOURNEY_CALLER_LIMIT_H */
