/*-------------------------------------------------------------------------
 *
 * request.h
 *	  From a claimed action to what is sent, and from what came back to an answer.
 *
 * Templates of destinations can use: payload jsonb; customer, journey, tile, id
 * text; attempt int; created_at, now timestamptz; local_now timestamp (in the zone
 * journey.timezone).
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_REQUEST_H
#define JOURNEY_REQUEST_H

#include "postgres.h"

#include "claim.h"
#include "destination.h"
#include "ending.h"
#include "sign.h"
#include "transfer.h"

/*
 * The request for a claimed action, in CurrentMemoryContext; in a transaction.
 * False: there is none, and *error, which holds no secret, says why.  *kind: dead,
 * where a template errs or a part cannot be sent (a line break in a header); or again
 * later, where it is not the action that is at fault (a lock, memory, a right).
 */
extern bool request_build(const Destination *destination, const char *secret,
						  const Claimed *claimed, TransferRequest *request,
						  AnswerKind *kind, char **error);

/*
 * Fill in kind, error, response and retry_after; in a transaction.  secret: that with
 * which the request was made, or NULL; it is not in what is kept.
 */
extern void request_judge(const Destination *destination, const char *secret,
						  const TransferResult *result, Answer *answer);

/*
 * Does a tile say where below the destination's URL?  Then an answer may be about
 * what is there alone, which a customer may have named.
 */
extern bool request_has_path(const Claimed *claimed);

/* Does the result tell against the destination as a whole (breaker)? */
extern bool request_is_trouble(const TransferResult *result, bool has_path);

/* Did the receiver say that it wants no more (410)? */
extern bool request_is_gone(const Destination *destination, const TransferResult *result,
							bool has_path);

#endif							/* JOURNEY_REQUEST_H */
