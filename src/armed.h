/*-------------------------------------------------------------------------
 *
 * armed.h
 *	  Whether this database may act: journeys move nobody by themselves in a
 *	  copy of the database they were activated in, until journey_arm().
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_ARMED_H
#define JOURNEY_ARMED_H

#include "postgres.h"

/* Why the workers of a database stand idle. */
typedef enum IdleReason
{
	IDLE_NOT,					/* they do not */
	IDLE_NO_EXTENSION,
	IDLE_CHANGING,				/* the extension is being dropped or altered */
	IDLE_VERSION,				/* its SQL is of a version we do not know */
	IDLE_NOTHING_ACTIVATED,
	IDLE_NOT_ARMED,
	IDLE_READ_ONLY,				/* transactions are read-only by default */
	IDLE_AFTER_ERROR
} IdleReason;

/*
 * For a worker, at the start of each transaction.  With IDLE_NOT *extension is
 * its OID, and locked until the transaction ends: DROP and ALTER EXTENSION wait
 * for that before they lock anything else of it.
 */
extern IdleReason armed_begin(Oid *extension);

/* The same for onlookers: no lock is taken, and this transaction may be read-only. */
extern IdleReason armed_look(void);

/* The reason as a clause, for DBAs; NULL for IDLE_NOT. */
extern const char *armed_reason(IdleReason reason);

/*
 * For doors that act, such as journey_tick: true where the database is armed,
 * false where nothing was ever activated; an error in a copy.
 */
extern bool armed_check(void);

/* On activation: arm the database if nothing was ever activated. */
extern void armed_first(void);

#endif							/* JOURNEY_ARMED_H */
