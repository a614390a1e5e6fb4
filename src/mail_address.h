/*-------------------------------------------------------------------------
 *
 * mail_address.h
 *	  Lists of mail addresses.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_MAIL_ADDRESS_H
#define JOURNEY_MAIL_ADDRESS_H

#include "postgres.h"

#include "nodes/pg_list.h"

#define MAIL_RECIPIENTS_MAX 100

typedef struct Address
{
	char	   *name;			/* to be displayed; or NULL */
	char	   *spec;			/* local@domain */
	const char *domain;			/* in spec */
} Address;

/*
 * field is what errors call it; they are 22023.
 *
 * The addresses of a list, each once: Address *.
 */
extern List *address_list(const char *field, const char *text);

/* The only one. */
extern Address *address_one(const char *field, const char *text);

/* Whatever the locale, to which a byte of a letter in UTF-8 may look like one. */
extern bool is_control(char c);

/* RFC 5322's atext: what a name or an address may hold without quotes. */
extern bool is_atext(char c);

#endif							/* JOURNEY_MAIL_ADDRESS_H */
