/*-------------------------------------------------------------------------
 *
 * destination_text.h
 *	  Readers of a destination's URLs, headers and templates.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_DESTINATION_TEXT_H
#define JOURNEY_DESTINATION_TEXT_H

#include "postgres.h"

#include "destination.h"
#include "document.h"

/* As document.h's; all but the templates read List *, of KeyedPiece. */
extern void read_keyed(Parser *parser, const Place *place, JsonbValue *value,
					   void *field);
extern void read_password(Parser *parser, const Place *place, JsonbValue *value,
						  void *field);
extern void read_url(Parser *parser, const Place *place, JsonbValue *value,
					 void *field);
extern void read_mail_url(Parser *parser, const Place *place, JsonbValue *value,
						  void *field);

/* List *, of KeyedHeader */
extern void read_web_headers(Parser *parser, const Place *place, JsonbValue *value,
							 void *field);
extern void read_mail_headers(Parser *parser, const Place *place, JsonbValue *value,
							  void *field);

/* Template *: any JSON, and a string */
extern void read_body(Parser *parser, const Place *place, JsonbValue *value,
					  void *field);
extern void read_line(Parser *parser, const Place *place, JsonbValue *value,
					  void *field);

/* Template *: a string, or an array of strings */
extern void read_addresses(Parser *parser, const Place *place, JsonbValue *value,
						   void *field);

/* A template that is such a string. */
extern Template *line_template(const char *text);

extern KeyedHeader *find_header(const List *headers, const char *name);
extern bool pieces_have_secret(const List *pieces);

/* ---- destination_url.c ---- */

/* In a string that is to be checked, what is not written there. */
#define MASK_SECRET '\001'
#define MASK_DATA '\002'

typedef struct UrlRule
{
	const char *schemes[2];		/* with :// */
	bool		has_path;
} UrlRule;

extern const UrlRule url_rule_web;
extern const UrlRule url_rule_mail;

/* Complains of a URL that no request may go to. */
extern void check_url_form(Parser *parser, const Place *place, const char *mask,
						   const UrlRule *rule);

#endif							/* JOURNEY_DESTINATION_TEXT_H */
