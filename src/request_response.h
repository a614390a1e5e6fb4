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

#include "transfer.h"

/*
 * {"status": 200, "body": ...} whatever the bytes that came: JSON if it is that,
 * else text; null if there is none, or too much.  is_mail: the last line of a
 * reply.  In a transaction.
 */
extern Jsonb *request_response(const TransferResult *result, bool is_mail);

#endif							/* JOURNEY_REQUEST_RESPONSE_H */
