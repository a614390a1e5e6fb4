/*-------------------------------------------------------------------------
 *
 * profile.h
 *	  Merging traits.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_PROFILE_H
#define JOURNEY_PROFILE_H

#include "postgres.h"

#include "utils/array.h"
#include "utils/jsonb.h"

/* {} */
extern Jsonb *jsonb_empty_object(void);

/* a || b, both objects. */
extern Jsonb *jsonb_merge(Jsonb *a, Jsonb *b);

/* {"changed": changes}, as $profile_changed has it. */
extern Jsonb *profile_changes(Jsonb *changes);

/* Both {trait: [old, new]} of one customer, whichever of them came first. */
extern Jsonb *profile_join_changes(Jsonb *a, Jsonb *b);

/* The names of the patch's null members, text[]: traits that it removes. */
extern ArrayType *profile_removals(Jsonb *patch);

/*
 * Into an object being made: "trait": [old, new] for each of those names that has
 * another value.  Were there any?
 */
extern bool profile_push_changes(JsonbParseState **state, Jsonb *before, Jsonb *after,
								 Jsonb *names);

/* Traits with a patch merged in; a null removes the trait. */
extern Jsonb *profile_merge(Jsonb *traits, Jsonb *patch);

#endif							/* JOURNEY_PROFILE_H */
