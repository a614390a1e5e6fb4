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

typedef struct Address
{
	char	   *name;			/* to be displayed; or NULL */
	char	   *spec;			/* local@domain */
	const char *domain;			/* in spec */
} Address;

/* ---- mail_address.c; field is what errors call it ---- */

/* The addresses of a list, each once: Address *. */
extern List *address_list(const char *field, const char *text);

/* The only one. */
extern Address *address_one(const char *field, const char *text);

/* Whatever the locale, to which a byte of a letter in UTF-8 may look like one. */
extern bool is_control(char c);

/* RFC 5322's atext: what a name or an address may hold without quotes. */
extern bool is_atext(char c);

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
