/*-------------------------------------------------------------------------
 *
 * author_draft.h
 *	  What the verbs of authors have in common: their arguments, and the
 *	  definitions they read and write.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_AUTHOR_DRAFT_H
#define JOURNEY_AUTHOR_DRAFT_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/jsonb.h"

#include "author_row.h"
#include "model.h"

/* Raise 42501 or 25006 where a verb that writes must not run. */
extern void author_refuse_where_unsafe(const char *verb);

/* An argument that must not be null; raises 22004. */
extern char *author_text(FunctionCallInfo fcinfo, int number, const char *name);
extern Jsonb *author_jsonb(FunctionCallInfo fcinfo, int number, const char *name);

/* Raise 42501 where the role must not own journeys because it is a superuser. */
extern void author_check_owner(const char *name, Oid owner);

/*
 * Store a definition as a new journey of the current role, or in place of that
 * of a draft.  Raise what not even a draft may have.
 */
extern void draft_create(const char *name, Jsonb *definition);
extern void draft_update(const JourneyRow *row, int16 version, Jsonb *definition);

/* The same for a version that is there already, as the draft beside it. */
extern void draft_add(const JourneyRow *row, int16 version, Jsonb *definition);

/*
 * Those of the journey's destinations that there are stay until the transaction
 * ends: who drops one sees then that the journey sends to it.
 */
extern void draft_hold_destinations(const Journey *journey);

/* Drop the draft version; the other versions and the journey stay. */
extern void draft_drop(const JourneyRow *row, int16 version);

/* The newest version, draft or not. */
extern int16 version_newest(const JourneyRow *row);

/* Its definition; NULL where there is no such version. */
extern Jsonb *version_definition(const JourneyRow *row, int16 version);

#endif							/* JOURNEY_AUTHOR_DRAFT_H */
