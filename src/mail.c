/*-------------------------------------------------------------------------
 *
 * mail.c
 *	  Messages by MIME.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "request.h"

void
mail_build(const Mail *mail, const char *sender, TransferRequest *request)
{
	elog(ERROR, "not built yet");
}
