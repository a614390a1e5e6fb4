/*-------------------------------------------------------------------------
 *
 * shmem.h
 *	  What backends tell the workers when they commit: that a timer or an action
 *	  is due earlier than the workers know, or that a database wants workers.
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
 * commits, a scheduler of this database that would sleep longer is woken; a
 * rollback, of the savepoint alone too, undoes the call.
 */
extern void shmem_note_due(TimestampTz due);

/*
 * The same for an action that leaves by itself, which wakes this database's sender
 * and callers.  TIME_NEVER_WAKE (seat.h): they look at everything anew.
 */
extern void shmem_note_action(TimestampTz due);

/*
 * At commit, have the launcher look at this database again: it was given the
 * extension, or was armed.
 */
extern void shmem_note_database(void);

/* At commit, have the launcher read the list of databases. */
extern void shmem_note_list(void);

#endif							/* JOURNEY_SHMEM_H */
