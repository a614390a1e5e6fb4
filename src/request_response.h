/*-------------------------------------------------------------------------
 *
 * request_response.h
 *	  A receiver's response as jsonb.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_REQUEST_RESPONSE_H
#define JOURNEY_REQUEST_RESPONSE_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "destination.h"
#include "transfer.h"

/*
 * {"status": 200, "body": ...} whatever the bytes that came: JSON if it is that,
 * else text; null if there is none, or too much.  Of mail it is the last line of
 * the reply.  In a transaction.
 */
extern Jsonb *request_response(const Destination *destination, const char *secret,
							   const TransferResult *result);

/* request_secret.c: without that secret; NULL: there was none. */
extern char *redact_secret(char *source, const char *secret);

#endif							/* JOURNEY_REQUEST_RESPONSE_H */
