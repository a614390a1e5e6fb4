/*-------------------------------------------------------------------------
 *
 * secret_file.h
 *	  Secrets in files of journey.secret_dir.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_SECRET_FILE_H
#define JOURNEY_SECRET_FILE_H

#include "postgres.h"

/*
 * NULL, or why a file cannot have that name, as: names no file.  The owner is the
 * role of the destination, whose name is that of the files' folder.
 */
extern const char *secret_file_wrong(const char *owner, const char *name);

/* What stands in it, without its last line's end; NULL and why not. */
extern char *secret_file_read(const char *owner, const char *name, const char **missing);

#endif							/* JOURNEY_SECRET_FILE_H */
