/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  What all background workers do alike: signals, connection, transactions
 *	  whose errors end nothing but themselves, and their place in the log.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_WORKER_H
#define JOURNEY_WORKER_H

#include "postgres.h"

#include "seat.h"

/*
 * Let signals in and connect as the bootstrap superuser; InvalidOid: to no
 * database, for shared catalogs alone.
 */
extern void worker_connect(Oid database);

/* The seat whose ticket this worker was started with, connected to its database. */
extern Seat *worker_take_seat(void);

/* Between two pieces of work: end, reload the settings, leave the seat. */
extern void worker_check(Seat *seat);

/*
 * Run fn(arg) in a transaction of its own, with a snapshot pushed, shown as
 * that activity.  Returns NULL when it committed; else the error, copied into
 * the caller's memory context, after the transaction was aborted.
 */
extern ErrorData *worker_try(const char *activity, void (*fn) (void *arg), void *arg);

/*
 * Log that a task failed.  The first of a kind is logged, repetitions are
 * counted and the count is logged every half minute.
 */
extern void worker_complain(const char *task, const ErrorData *error);

/*
 * Wait for the latch, at most that long, and reset it; or until the fd that is
 * watched, if there is one, can be read.  worker_watch anew where the fd is another
 * file, though of the same number; -1: none.
 */
extern void worker_wait(long ms);
extern void worker_watch(int fd);

/* Wait so long whatever the latch says, but for the end. */
extern void worker_rest(Seat *seat, long ms);

#endif							/* JOURNEY_WORKER_H */
