/*-------------------------------------------------------------------------
 *
 * cache_version.h
 *	  Compiled versions of journeys, for cache.c and source.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_CACHE_VERSION_H
#define JOURNEY_CACHE_VERSION_H

#include "postgres.h"

#include "storage/itemptr.h"
#include "utils/snapshot.h"

#include "model.h"

typedef struct VersionKey
{
	int32		journey;
	int32		version;
} VersionKey;

/* What the list of versions says about one of them. */
typedef struct VersionRow
{
	VersionKey	key;
	char	   *name;
	char	   *owner;
	char	   *state;
	bool		is_newest;
	bool		is_stopped;
	bool		needs_sweep;
	int64		xmin;
	ItemPointerData tid;
} VersionRow;

extern void versions_init(void);

/* All that are not drafts, by journey and version: VersionRow *. */
extern List *versions_list(Snapshot snapshot);

/*
 * Between versions_begin and versions_end each listed row is asked for; those
 * that were not are forgotten then.  NULL: the definition cannot be read.
 */
extern void versions_begin(void);
extern Journey *versions_get(const VersionRow *row);
extern void versions_end(void);

/* The extension was dropped and created again: everything is new, ids too. */
extern void versions_forget(void);

/* This memory, too, goes when nobody holds the cache. */
extern void versions_retire(MemoryContext cxt);

/* Free what was forgotten, unless cache_hold is in force. */
extern void versions_free_retired(void);

#endif							/* JOURNEY_CACHE_VERSION_H */
