/*-------------------------------------------------------------------------
 *
 * request_redact.h
 *	  What a receiver tells back of our secret is not kept.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_REQUEST_REDACT_H
#define JOURNEY_REQUEST_REDACT_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* The text without those words (char *), however they are spelt in it. */
extern char *redact_words(char *source, const List *texts);

#endif							/* JOURNEY_REQUEST_REDACT_H */
