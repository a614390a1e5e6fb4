/*-------------------------------------------------------------------------
 *
 * migrate.h
 *	  Members of older versions of a journey move to its newest one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_MIGRATE_H
#define JOURNEY_MIGRATE_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "cache.h"

/* From the tile of that name to the other; else the name stays. */
typedef struct TilePair
{
	char	   *from;
	char	   *to;
} TilePair;

/* How many went, or would go, from one tile to another. */
typedef struct TileMoves
{
	const char *from;
	const char *to;
	int64		members;
} TileMoves;

typedef struct Migration Migration;

/*
 * Look where members stand and where each would go.  Raises where the pairs
 * name tiles that there are not, or a tile with members leads nowhere.  The
 * cache is held until migration_end.  draft: the version that is not activated
 * yet, for messages; 0: none.
 */
extern Migration *migration_begin(const JourneyState *state, List *pairs, int16 draft);

/* Do it, customer by customer; raises as above, for whoever has come to a tile since. */
extern void migration_run(Migration *migration);

/* What was done, or, if it was not run, would be: TileMoves *, by the two names. */
extern List *migration_moves(const Migration *migration);
extern void migration_end(Migration *migration);

#endif							/* JOURNEY_MIGRATE_H */
