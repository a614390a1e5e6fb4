/*-------------------------------------------------------------------------
 *
 * cache_literal.h
 *	  The literals in the SQL of live journeys, for cache.c alone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_CACHE_LITERAL_H
#define JOURNEY_CACHE_LITERAL_H

#include "postgres.h"

/* Does that text stand in quotes in some version that is not a draft? */
extern bool literals_have(const char *text);

/* The same of any that begins with these bytes. */
extern bool literals_have_prefix(const char *prefix, int length);

/* The versions are others now; they are read again when next asked for. */
extern void literals_forget(void);

#endif							/* JOURNEY_CACHE_LITERAL_H */
