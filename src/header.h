/*-------------------------------------------------------------------------
 *
 * header.h
 *	  The parts of a request that journeys and destinations may give: names of
 *	  headers, their values, and paths.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_HEADER_H
#define JOURNEY_HEADER_H

#include "postgres.h"

#include "lib/stringinfo.h"

#define MAX_PATH_LENGTH 4096	/* bytes of what is appended to a URL */
#define MAX_HEADER_LENGTH 8000	/* bytes of a header's value */

/*
 * NULL, or what is wrong with a header of that name, as "cannot be given: it is
 * set for each request", and *hint.
 */
extern const char *header_refused(const char *name, const char **hint);

/* Does its value open doors, so that it must not be written where others read it? */
extern bool header_is_credential(const char *name);

/* NULL, or what is wrong with a header's value, as "has a control character". */
extern const char *header_value_refused(const char *value);

/*
 * NULL, or what is wrong with what is to be appended to a destination's URL, as
 * "has a segment \"..\"", and *hint.  It stays below that URL: it cannot name a
 * scheme, a host or a user, nor climb.
 */
extern const char *path_refused(const char *path, const char **hint);

/* Append text to a path so that it stands for itself: all but unreserved encoded. */
extern void path_append_encoded(StringInfo path, const char *text, size_t length);

#endif							/* JOURNEY_HEADER_H */
