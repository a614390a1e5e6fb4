/*-------------------------------------------------------------------------
 *
 * audience_live.h
 *	  Audiences that the trigger of their table keeps in real time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_AUDIENCE_LIVE_H
#define JOURNEY_AUDIENCE_LIVE_H

#include "postgres.h"

#include "audience_row.h"
#include "run.h"

/*
 * Before a refresh: note whether the audience is kept in real time, by what its
 * query reads now.  If it is, nobody writes to its table until we have ended.
 * attach: make its table a source, where the caller owns it.  False (with
 * LOCK_SKIP only): somebody is writing to it.
 */
extern bool audience_settle(const AudienceRow *row, const RowQuery *reads, bool attach,
							LockWait wait);

/* It is gone, or reads something else: its table may have no more use for us. */
extern void audience_unsettle(const AudienceRow *row);

/*
 * The table has become a source: audiences that can be kept in real time by it
 * are, from now on.
 */
extern void audience_relive(Oid relation);

#endif							/* JOURNEY_AUDIENCE_LIVE_H */
