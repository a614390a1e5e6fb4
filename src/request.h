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
#include "transfer.h"

/*
 * The request for a claimed action, in CurrentMemoryContext; in a transaction.  An
 * error of a template, or a part that cannot be sent (a line break in a header):
 * false and *error, which holds no secret; the action is dead then.
 */
extern bool request_build(const Destination *destination, const char *secret,
						  const Claimed *claimed, TransferRequest *request, char **error);

/* Fill in kind, error, response and retry_after; in a transaction. */
extern void request_judge(const Destination *destination, const TransferResult *result,
						  Answer *answer);

/* Does the result tell against the destination as a whole (breaker)? */
extern bool request_is_trouble(const TransferResult *result);

/* Did the receiver say that it wants no more (410)? */
extern bool request_is_gone(const Destination *destination, const TransferResult *result);

/*
 * sign.c: the value of webhook-signature by Standard Webhooks: one signature for
 * each whsec_ in the list, which blanks separate.
 */
extern char *sign_webhook(const char *secrets, const char *id, int64 timestamp,
						  const char *body, size_t length);

/* NULL, or what is wrong with such a list. */
extern const char *sign_check(const char *secrets);

/* mail.c: a message of RFC 5322, in UTF-8 by MIME. */
typedef struct Mail
{
	const char *message_id;		/* without < and > */
	TimestampTz date;
	const char *from;			/* address or Name <address>, as to and
								 * reply_to */
	const char *reply_to;		/* or NULL */
	const char *to;				/* one or several, by commas */
	const char *subject;
	const char *text;			/* one of both may be NULL */
	const char *html;
	const TransferHeader *headers;
	int			nheaders;
} Mail;

/* Raises 22023 for what cannot be sent.  Fills in body, length, sender, recipients. */
extern void mail_build(const Mail *mail, const char *sender, TransferRequest *request);

#endif							/* JOURNEY_REQUEST_H */
