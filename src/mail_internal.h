/*-------------------------------------------------------------------------
 *
 * mail_internal.h
 *	  What the files of mail*.c share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_MAIL_INTERNAL_H
#define JOURNEY_MAIL_INTERNAL_H

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

#include "mail.h"
#include "mail_address.h"

/* ---- mail_header.c: whole header lines, folded ---- */

extern void header_addresses(StringInfo message, const char *name, List *addresses);

/* One word, as it is. */
extern void header_word(StringInfo message, const char *name, const char *word);

/* A text for people to read, given back to them as it is. */
extern void header_text(StringInfo message, const char *name, const char *text);

/* One that the configuration asks for; raises where it is none of its business. */
extern void header_further(StringInfo message, const TransferHeader *header);

/* ---- mail_part.c ---- */

/*
 * Content-Type, Content-Transfer-Encoding, an empty line and the encoded text.  No
 * line of that begins with a dot or two dashes and "=_".
 */
extern void part_append(StringInfo message, const char *type, const char *text);

#endif							/* JOURNEY_MAIL_INTERNAL_H */
