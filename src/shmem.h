/*-------------------------------------------------------------------------
 *
 * shmem.h
 *	  What backends and workers tell each other: who serves which database,
 *	  and when the next timer is due.
 *
 * All calls are harmless where the library was not preloaded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_SHMEM_H
#define JOURNEY_SHMEM_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* In _PG_init, while preloading: reserve the space and hook the callbacks. */
extern void shmem_init(void);

/*
 * This transaction sets a timer (or queues work: now) due at that time.  If it
 * commits, a scheduler of this database that would sleep longer is woken.
 */
extern void shmem_note_due(TimestampTz due);

/* At commit, wake the launcher: a database was given the extension or was armed. */
extern void shmem_note_database(void);

#endif							/* JOURNEY_SHMEM_H */
