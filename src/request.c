/*-------------------------------------------------------------------------
 *
 * request.c
 *	  From a claimed action to what is sent, and back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "request.h"

bool
request_build(const Destination *destination, const char *secret,
			  const Claimed *claimed, TransferRequest *request, char **error)
{
	elog(ERROR, "not built yet");
	return false;
}

void
request_judge(const Destination *destination, const TransferResult *result,
			  Answer *answer)
{
}

bool
request_is_trouble(const TransferResult *result)
{
	return false;
}

bool
request_is_gone(const Destination *destination, const TransferResult *result)
{
	return false;
}
