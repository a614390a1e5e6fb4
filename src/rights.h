/*-------------------------------------------------------------------------
 *
 * rights.h
 *	  What journey_grant() gave to whom.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_RIGHTS_H
#define JOURNEY_RIGHTS_H

#include "postgres.h"

/*
 * Superusers, members of the extension's owner, and members of a role with
 * level operate: they may do with any journey what its owner may.
 */
extern bool rights_operate(Oid role);

/* Raise 42501 unless the current user may; the verb is named in the error. */
extern void rights_require_operate(const char *verb);

/* Those, and members of a role with level emit. */
extern bool rights_emit(Oid role);

/* Those, and members of a role that was granted this destination. */
extern bool rights_use_destination(Oid role, const char *destination);

#endif							/* JOURNEY_RIGHTS_H */
