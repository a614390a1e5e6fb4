/*-------------------------------------------------------------------------
 *
 * schedule.h
 *	  The jobs that pg_cron does for journeys.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_SCHEDULE_H
#define JOURNEY_SCHEDULE_H

#include "postgres.h"

/*
 * After a change of journeys or audiences: make cron.job what they want now.
 * What cannot be made is a warning, or an error where it is a job of that
 * journey (NULL: of none).  Nothing happens where pg_cron is not in this
 * database, or the database is not armed.
 */
extern void schedule_sync_jobs(const char *journey);

#endif							/* JOURNEY_SCHEDULE_H */
