/*-------------------------------------------------------------------------
 *
 * migrate_plan.h
 *	  Between migrate_plan.c, which finds out what a migration means to each
 *	  tile, and migrate.c, which moves the members.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_MIGRATE_PLAN_H
#define JOURNEY_MIGRATE_PLAN_H

#include "postgres.h"

#include "compat.h"
#include "migrate.h"

/* What becomes of one older version's tiles; the arrays go by their numbers. */
typedef struct VersionMap
{
	Journey    *from;
	int16	   *to;				/* in the new version; NO_TILE: nowhere */
	bool	   *same;			/* the tile and its edges are what they were */
	int64	   *found;			/* members that stand there */
	int64	   *moved;			/* members that have been moved from there */
} VersionMap;

struct Migration
{
	MemoryContext cxt;			/* of all this */
	Journey    *to;
	int16		draft;			/* a version after that; 0: none */
	List	   *pairs;
	List	   *maps;			/* VersionMap * */
	bool		has_run;
};

/* The map of that version, which is older than the new one. */
extern VersionMap *migration_map(Migration *migration, int16 version);

/* That many members stand on a tile that leads nowhere. */
pg_noreturn extern void migration_refuse(const Migration *migration, const VersionMap *map,
										 int16 tile, int64 members);

#endif							/* JOURNEY_MIGRATE_PLAN_H */
