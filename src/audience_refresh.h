/*-------------------------------------------------------------------------
 *
 * audience_refresh.h
 *	  Making an audience what its query gives.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_AUDIENCE_REFRESH_H
#define JOURNEY_AUDIENCE_REFRESH_H

#include "postgres.h"

#include "audience_live.h"
#include "audience_row.h"
#include "run.h"

/* What a refresh has come to. */
typedef struct Refresh
{
	ErrorData  *error;			/* of the query; recorded, and all members
								 * stand.  NULL: none */
	int64		entered;
	int64		departed;
	int64		members;
	int64		busy;			/* customers whom somebody held, left as they
								 * were (with LOCK_SKIP, or in real time) */
	char	   *culprit;		/* the customer that the error is about, who
								 * is not to stand in its message; or NULL */
} Refresh;

/*
 * Run the query of an audience that the caller has locked, and write what is
 * different.
 */
extern void audience_refresh(const AudienceRow *row, Occasion occasion, LockWait wait,
							 Refresh *refresh);

/*
 * Before its members are read: refresh the audience if it has a query; one that is
 * kept in real time, too, which TRUNCATE passes by.  An error of the query is
 * recorded.  Raises 42704 where there is none of that name; the caller's rights are
 * not asked.
 */
extern void audience_refresh_named(const char *name);

/*
 * Refresh the one that is due first, by then, waiting for nobody; false: none is.  The
 * caller has seen to it that the database is armed.
 */
extern bool audience_refresh_due(TimestampTz by);

/*
 * The refresh of that one has failed, by something else than its query, and is
 * rolled back: record it, and let it wait for its next time.
 */
extern void audience_put_off(ErrorData *error);

#endif							/* JOURNEY_AUDIENCE_REFRESH_H */
