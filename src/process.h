/*-------------------------------------------------------------------------
 *
 * process.h
 *	  The background workers, and the commands that must get past them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_PROCESS_H
#define JOURNEY_PROCESS_H

#include "postgres.h"

/* In _PG_init, while preloading. */
extern void launcher_register(void);
extern void hooks_init(void);

/* Is the database one of journey.databases? */
extern bool launcher_wants(const char *database);

/* Entry points, found by name in the library. */
extern PGDLLEXPORT void journey_launcher_main(Datum main_arg);
extern PGDLLEXPORT void journey_scheduler_main(Datum main_arg);
extern PGDLLEXPORT void journey_sender_main(Datum main_arg);
extern PGDLLEXPORT void journey_caller_main(Datum main_arg);

#endif							/* JOURNEY_PROCESS_H */
