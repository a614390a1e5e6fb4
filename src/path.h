/*-------------------------------------------------------------------------
 *
 * path.h
 *	  What is appended to a destination's URL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_PATH_H
#define JOURNEY_PATH_H

#include "postgres.h"

#include "lib/stringinfo.h"

#define MAX_PATH_LENGTH 4096	/* bytes */

/*
 * NULL, or what is wrong with what is to be appended to a destination's URL, as
 * "has a segment \"..\"", and *hint.  It stays below that URL: it cannot name a
 * scheme, a host or a user, nor climb.
 */
extern const char *path_refused(const char *path, const char **hint);

/* Append text to a path so that it stands for itself: all but unreserved encoded. */
extern void path_append_encoded(StringInfo path, const char *text, size_t length);

#endif							/* JOURNEY_PATH_H */
