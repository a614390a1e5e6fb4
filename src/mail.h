/*-------------------------------------------------------------------------
 *
 * mail.h
 *	  A message of RFC 5322, its text by MIME (RFC 2045-2047), from its parts.
 *
 * All texts are UTF-8.  Nothing here reads anything but what it is given.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_MAIL_H
#define JOURNEY_MAIL_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "transfer.h"

#define MAIL_LENGTH_MAX (10 * 1024 * 1024)	/* of text, and of html */

/* Of those that may be NULL, an empty one is the same. */
typedef struct Mail
{
	const char *id;				/* of the Message-ID, before the @; the rest
								 * is the domain of from */
	TimestampTz date;
	const char *from;			/* address, or Name <address> */
	const char *to;				/* one or several, with commas between */
	const char *reply_to;		/* likewise; or NULL */
	const char *subject;		/* or NULL */
	const char *text;			/* one of both may be NULL */
	const char *html;
	const TransferHeader *headers;	/* further ones */
	int			nheaders;
} Mail;

/*
 * Fill in body, length, sender and recipients, in CurrentMemoryContext.  sender is
 * the envelope's; NULL: the address in from; "": the empty one.  The same mail gives
 * the same bytes.  Raises 22023 for what cannot be sent.
 */
extern void mail_build(const Mail *mail, const char *sender, TransferRequest *request);

#endif							/* JOURNEY_MAIL_H */
