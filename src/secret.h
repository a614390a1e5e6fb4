/*-------------------------------------------------------------------------
 *
 * secret.h
 *	  The secrets of destinations; destination.h has what their users need.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_SECRET_H
#define JOURNEY_SECRET_H

#include "postgres.h"

#define MAX_SECRET_LENGTH (64 * 1024)

/*
 * What is stored for a destination; NULL: nothing.  Whoever writes it holds the
 * destination's row; NULL removes it.
 */
extern char *secret_get(const char *destination);
extern void secret_set(const char *destination, const char *secret);

/*
 * What is stored as the secret it stands for; NULL and why: its file cannot be read.
 * The owner is the destination's, whose files it can name.
 */
extern char *secret_resolve(const char *stored, const char *owner, const char **missing);

/* NULL, or why it cannot be a secret, as: is too long.  Holds nothing of it. */
extern const char *secret_wrong(const char *secret, const char *owner);

/* NULL, or the name of the file that it names. */
extern const char *secret_file_name(const char *stored);

/* Does it sign requests? */
extern bool secret_signs(const char *secret);

/* NULL, or the first of the names (char *) that the secret has no text for. */
extern const char *secret_lacks(const char *secret, const List *names);

#endif							/* JOURNEY_SECRET_H */
