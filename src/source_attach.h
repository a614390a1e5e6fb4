/*-------------------------------------------------------------------------
 *
 * source_attach.h
 *	  Putting our trigger on users' tables, and taking it off.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_SOURCE_ATTACH_H
#define JOURNEY_SOURCE_ATTACH_H

#include "postgres.h"

/*
 * The number of the table's source.  Where there is none it is made, with its
 * trigger: the current user must own the table then.  Locks the table as CREATE
 * TRIGGER does.  The checks are those of source_check_table.
 */
extern int	source_attach(Oid relid);

/*
 * May the current user watch it?  Raises 42501 for who does not own it, 42809 for
 * what is not an ordinary or partitioned table of a user, 42P16 for a temporary
 * one.
 */
extern void source_check_table(Oid relid);

/* Drop the source and its trigger unless somebody still needs it; 0 is ignored. */
extern void source_release(int id);

/* The number of the table's source; 0: it has none. */
extern int	source_find(Oid relid);

/* Something about a source was written: tell all backends, at commit. */
extern void source_touch(void);

/*
 * Forget the sources whose table is gone, or for a day their trigger, and their
 * watches.
 */
extern void source_sweep(void);

#endif							/* JOURNEY_SOURCE_ATTACH_H */
