/*-------------------------------------------------------------------------
 *
 * sign.h
 *	  Signatures by Standard Webhooks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_SIGN_H
#define JOURNEY_SIGN_H

#include "postgres.h"

/*
 * The value of webhook-signature: one signature for each whsec_ in the list, which
 * blanks separate.
 */
extern char *sign_webhook(const char *secrets, const char *id, int64 timestamp,
						  const char *body, size_t length);

/* NULL, or what is wrong with such a list; holds nothing of it. */
extern const char *sign_check(const char *secrets);

#endif							/* JOURNEY_SIGN_H */
