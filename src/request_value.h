/*-------------------------------------------------------------------------
 *
 * request_value.h
 *	  What a destination's templates amount to for one action.
 *
 * All texts are UTF-8, whatever the database's encoding.  Everything here raises,
 * so it is called inside isolate(), where nothing an error says holds a secret.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_REQUEST_VALUE_H
#define JOURNEY_REQUEST_VALUE_H

#include "postgres.h"

#include "claim.h"
#include "destination.h"
#include "transfer.h"

typedef struct Evaluation
{
	Scope		scope;			/* the names, first: fetch gets this */
	const Destination *destination;
	const char *secret;			/* or NULL */
	const Claimed *claimed;
	const char *id;				/* of the action, as text */
	Jsonb	   *payload;		/* as templates see it; NULL: null */
	TimestampTz now;
} Evaluation;

extern void evaluation_init(Evaluation *evaluation, const Destination *destination,
							const char *secret, const Claimed *claimed);

/* NULL where the template is NULL, or its value is null. */
extern char *evaluation_text(Evaluation *evaluation, Template *template);

/*
 * The same of a string in pieces; NULL where it is NIL, or one of its templates is
 * null.
 */
extern char *evaluation_keyed(Evaluation *evaluation, List *pieces);

/*
 * The same of a URL, never NULL: values are percent-encoded, all but unreserved
 * characters.
 */
extern char *evaluation_url(Evaluation *evaluation, List *pieces);

/* The user's name and the password, into the request. */
extern void evaluation_login(Evaluation *evaluation, TransferRequest *request);

/* A text of the database in UTF-8; itself where it is so already. */
extern char *request_utf8(char *value, size_t *length);

/* A value of JSON as text: strings as they are; NULL for null.  Raises 22023 if it is long. */
extern char *request_text(const JsonbValue *value);

/* Raise 22023 where a line's end or the like is in a value of what cannot hold one. */
extern void request_check_line(const char *what, const char *value);

/* The two kinds of requests. */
extern void request_http(Evaluation *evaluation, TransferRequest *request);
extern void request_mail(Evaluation *evaluation, TransferRequest *request);

/* request_url.c: the destination's URL, with a tile's path (or NULL) behind it. */
extern char *request_url(const char *url, const char *path);

/* Percent-encode UTF-8, all but unreserved characters; a blank as space says. */
extern void append_encoded(StringInfo to, const char *value, size_t length,
						   const char *space);

/* request_body.c: fill in body and length. */
extern void request_body(Evaluation *evaluation, TransferRequest *request);

#endif							/* JOURNEY_REQUEST_VALUE_H */
