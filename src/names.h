/*-------------------------------------------------------------------------
 *
 * names.h
 *	  Names in messages: how they are shown, and which one was meant.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_NAMES_H
#define JOURNEY_NAMES_H

#include "postgres.h"

#include "sql.h"

/* A name in quotes, clipped and without control characters, for messages. */
extern char *quoted_name(const char *name);

/* Not empty and without control characters. */
extern bool name_is_printable(const char *name);

/*
 * The name nearest to a misspelt one: offer each candidate, then read best,
 * which is NULL where none is near.
 */
typedef struct Nearest
{
	const char *wanted;
	const char *best;
	int			distance;		/* of best */
} Nearest;

extern void nearest_begin(Nearest *nearest, const char *wanted);
extern void nearest_offer(Nearest *nearest, const char *candidate);

/*
 * Is the name among those that the plan gives, as of now?  If not, all of them were
 * offered.
 */
extern bool nearest_among(Nearest *nearest, SqlPlan *plan, const char *wanted);

/* As: Did you mean "for"?  NULL where nothing is near. */
extern char *nearest_hint(const Nearest *nearest);

#endif							/* JOURNEY_NAMES_H */
