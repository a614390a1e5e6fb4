/*-------------------------------------------------------------------------
 *
 * patch.h
 *	  Writing traits to the user's own table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_PATCH_H
#define JOURNEY_PATCH_H

#include "postgres.h"

#include "utils/jsonb.h"

/*
 * For the trigger on the table of profiles: is it one of our own writes to this
 * customer's row that has fired it?  Then what changed, {trait: [old, new]}, is
 * taken, and the step that writes raises $profile_changed itself.
 */
extern bool patch_captures(const text *customer, Jsonb *changed);

/* Are we inside such a write?  What it sets off is part of the step's budget. */
extern bool patch_is_running(void);

#endif							/* JOURNEY_PATCH_H */
