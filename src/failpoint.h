/*-------------------------------------------------------------------------
 *
 * failpoint.h
 *	  Places where a test can have the server fail.
 *
 * Compiled only with -DJOURNEY_TEST: packages hold nothing of this.  Who knows no
 * server (transfer.c) can include it; the code around a point is the same with and
 * without.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_FAILPOINT_H
#define JOURNEY_FAILPOINT_H

#ifdef JOURNEY_TEST

#include <stdbool.h>

/*
 * journey.failpoints: 'name=action, ...', where the action is
 *	  kill			SIGKILL to this process
 *	  postmaster	the same to the postmaster first
 *	  abort			as a PANIC does
 *	  error:SQLSTATE
 *	  sleep:ms
 *	  wait			until pg_advisory_lock(hashtext(name)) can be had
 *	  count			nothing
 * and @n after it: only the n-th time that this process comes by; and ! at the end:
 * only once until the file is removed.
 *
 * Each time something is about to happen, a line "name action pid time" is appended to the
 * file journey.failpoints in the data directory.
 */
extern void failpoint_define(void);
extern void failpoint_hit(const char *name, bool may_raise);
extern void failpoint_catch_up(void);

#define JOURNEY_FP(name) failpoint_hit(name, true)

/* Where nothing may be raised or waited for: that is left to the next JOURNEY_FP_CATCH_UP. */
#define JOURNEY_FP_INSIDE(name) failpoint_hit(name, false)
#define JOURNEY_FP_CATCH_UP() failpoint_catch_up()

#else

#define failpoint_define() ((void) 0)
#define JOURNEY_FP(name) ((void) 0)
#define JOURNEY_FP_INSIDE(name) ((void) 0)
#define JOURNEY_FP_CATCH_UP() ((void) 0)

#endif							/* JOURNEY_TEST */

#endif							/* JOURNEY_FAILPOINT_H */
