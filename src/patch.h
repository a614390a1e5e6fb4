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

#include "step.h"

/*
 * For the trigger on the table of profiles: is it one of our own writes to this
 * customer's row that has fired it?  Then what changed, {trait: [old, new]}, is
 * taken, and the step that writes raises $profile_changed itself.
 */
extern bool patch_captures(const text *customer, Jsonb *changed);

/* Are we inside such a write?  What it sets off is part of the step's budget. */
extern bool patch_is_running(void);

/*
 * Write what an update_profile tile has raised (RAISED_PATCH) to the bound
 * table, as the journey's owner or the table's (role_to_write).  NULL: it is
 * written, and *changed is what patch_captures took, NULL for nothing; else what
 * went wrong, all undone.  It may have fired triggers that moved members of the
 * step's customer.
 */
extern ErrorData *patch_write(Step *step, const Raised *raised, Jsonb **changed);

/*
 * For journey_identify: write to the bound table as the caller or the table's
 * owner (role_to_write).  Raises what
 * that raises, and P0002 where the customer has no row.
 */
extern void patch_identify(text *customer, Jsonb *patch);

#endif							/* JOURNEY_PATCH_H */
