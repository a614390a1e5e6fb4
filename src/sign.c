/*-------------------------------------------------------------------------
 *
 * sign.c
 *	  Signatures by Standard Webhooks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "sign.h"

char *
sign_webhook(const char *secrets, const char *id, int64 timestamp,
			 const char *body, size_t length)
{
	elog(ERROR, "not built yet");
	return NULL;
}

const char *
sign_check(const char *secrets)
{
	return NULL;
}
