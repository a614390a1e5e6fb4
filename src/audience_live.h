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

#include "nodes/pg_list.h"

#include "audience_row.h"
#include "condition.h"
#include "run.h"

/* Why an audience is refreshed. */
typedef enum Occasion
{
	REFRESH_FIRST,				/* it is created */
	REFRESH_RELIVE,				/* its table has become a source */
	REFRESH_AGAIN
} Occasion;

/*
 * Before a refresh: note whether the audience is kept in real time, by what its
 * query reads now and who owns that table.  The source's number; 0: it is not.
 * Only the first two occasions can make it so; then nobody writes to the table
 * until we have ended.
 */
extern int	audience_settle(const AudienceRow *row, const RowQuery *reads,
							Occasion occasion);

/* It is not kept in real time any more. */
extern void audience_unsettle(const AudienceRow *row);

/*
 * After that, when all else is done: the table may have no more use for us.  With
 * LOCK_SKIP that is left if somebody uses it just now.
 */
extern void audience_release(const AudienceRow *row, LockWait wait);

/*
 * A table is to become a source.  Before it is locked: lock those audiences of its
 * owner that could be kept in real time by it, AudienceRow *; after: keep them so.
 */
extern List *audience_readers(Oid relation);
extern void audience_relive(List *readers);

#endif							/* JOURNEY_AUDIENCE_LIVE_H */
