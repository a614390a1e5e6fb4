/*-------------------------------------------------------------------------
 *
 * document.h
 *	  Reading a definition's jsonb by tables of keys.
 *
 * Every object of the document has a table that names its keys, in the order
 * in which they are read, and how each is read into the object's struct.
 * What is wrong is added to the parser's problems and reading goes on, so that
 * all of it is found at once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_DOCUMENT_H
#define JOURNEY_DOCUMENT_H

#include "postgres.h"

#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "model.h"
#include "problem.h"

#define MAX_SQL_LENGTH 65536	/* bytes of one expression */
#define MAX_NAME_LENGTH 256		/* bytes of a tile, an outcome, a tag */

#define SCHEDULE_HINT "Write a line of cron: minute, hour, day of month, month, day of week," \
	" as \"0 9 * * 1\" for Mondays at 09:00."

typedef struct Parser
{
	Journey    *journey;		/* being built; NULL: another document */
	List	  **problems;
	bool		is_stored;		/* checked before: only build it */
	char	   *missing_hint;	/* where the document lacks a key; or NULL */
	int			suggestions;	/* made so far; they are costly in bulk */
	List	   *on;				/* Rule *, the "on" of entry tiles */
	Bitmapset  *says_await;		/* numbers of tiles that have "await" */
} Parser;

/* Reads a value into field, which is zeroed memory; place is the value's. */
typedef void (*Reader) (Parser *parser, const Place *place, JsonbValue *value,
						void *field);

typedef struct Key
{
	const char *name;			/* NULL ends the table */
	Reader		read;			/* NULL: comes with a later version */
	size_t		offset;			/* of field in the object's struct */
	bool		is_required;
	bool		is_hidden;		/* no hint names it: its reader only complains */
} Key;

/* Errors of form.  The caller of the first fills in message and hint. */
extern Problem *complain(Parser *parser, int sqlstate, const Place *place);
extern Problem *complain_type(Parser *parser, const Place *place,
							  JsonbValue *value, const char *wanted);
extern void complain_unsupported(Parser *parser, const Place *place);

extern Problem *complain_missing(Parser *parser, const Place *place,
								 const char *name);

/*
 * Of an object's keys: one that says nothing without another, or that cannot
 * stand beside another.  Nothing is wrong where the first is not there.
 */
extern void check_needs(Parser *parser, const Place *place,
						JsonbContainer *object, const char *key,
						const char *other);
extern void check_excludes(Parser *parser, const Place *place,
						   JsonbContainer *object, const char *key,
						   const char *other);

extern void complain_count(Parser *parser, const Place *place, int max);

/* Suggest names only while that is cheap. */
extern bool may_suggest(Parser *parser);

/* The value as an object or array; complains and returns NULL if it is not. */
extern JsonbContainer *document_object(Parser *parser, const Place *place,
									   JsonbValue *value);

/* The same, with what it could be as a hint: {"max": 1}. */
extern JsonbContainer *document_object_as(Parser *parser, const Place *place,
										  JsonbValue *value, const char *example);
extern JsonbContainer *document_array(Parser *parser, const Place *place,
									  JsonbValue *value);

extern bool document_has(JsonbContainer *object, const char *key);

/* Fill target from the keys of an object. */
extern void document_keys(Parser *parser, const Place *place,
						  JsonbContainer *object, const Key *keys, void *target);

/*
 * Read each item of an array, at most MAX_EDGES, into a zeroed struct of that
 * size; returns the structs and their number.
 */
extern void *document_list(Parser *parser, const Place *place, JsonbValue *value,
						   Reader read, size_t size, int *count);

/* The string, copied; complains and returns NULL if it is none or too long. */
extern char *document_string(Parser *parser, const Place *place,
							 JsonbValue *value, int max_length);

/* One of a few words and what it stands for; a NULL word ends the table. */
typedef struct Word
{
	const char *word;
	int			value;
} Word;

/* False, after a complaint, unless the value is one of those words. */
extern bool document_word(Parser *parser, const Place *place, JsonbValue *value,
						  const Word *words, int *result);

/* The string as an expression; complains and returns NULL if it cannot be one. */
extern Expression *document_sql(Parser *parser, const Place *place, JsonbValue *value,
								ExprWant want);

/* The value as a template; complains and returns NULL if it cannot be one. */
typedef Template *(*TemplateMaker) (Jsonb *source);
extern Template *document_template(Parser *parser, const Place *place,
								   JsonbValue *value, TemplateMaker make);

/* A whole number between those, both included. */
extern void document_whole(Parser *parser, const Place *place, JsonbValue *value,
						   int least, int most, int *field);

/* Readers of strings. */
extern void read_ignored(Parser *parser, const Place *place, JsonbValue *value,
						 void *field);
extern void read_text(Parser *parser, const Place *place, JsonbValue *value,
					  void *field); /* char * */
extern void read_name(Parser *parser, const Place *place, JsonbValue *value,
					  void *field); /* char * */
extern void read_event(Parser *parser, const Place *place, JsonbValue *value,
					   void *field);	/* char * */
extern void read_condition(Parser *parser, const Place *place, JsonbValue *value,
						   void *field);	/* Expression * */
extern void read_text_sql(Parser *parser, const Place *place, JsonbValue *value,
						  void *field); /* Expression * */

/* document_literal.c: readers of literals and templates. */
extern void read_bool(Parser *parser, const Place *place, JsonbValue *value,
					  void *field); /* bool */
extern void read_count(Parser *parser, const Place *place, JsonbValue *value,
					   void *field);	/* int, from 1 */
extern void read_limit(Parser *parser, const Place *place, JsonbValue *value,
					   void *field);	/* int, from 0 */
extern void read_factor(Parser *parser, const Place *place, JsonbValue *value,
						void *field);	/* double, from 1 */
extern void read_interval(Parser *parser, const Place *place, JsonbValue *value,
						  void *field); /* Interval * */
extern void read_span(Parser *parser, const Place *place, JsonbValue *value,
					  void *field); /* Interval *, longer than zero */
extern void read_hold(Parser *parser, const Place *place, JsonbValue *value,
					  void *field); /* Tile */
extern void read_zone(Parser *parser, const Place *place, JsonbValue *value,
					  void *field); /* Journey */
extern void read_percent(Parser *parser, const Place *place, JsonbValue *value,
						 void *field);	/* int, in buckets */
extern void read_payload(Parser *parser, const Place *place, JsonbValue *value,
						 void *field);	/* Template * */
extern void read_set(Parser *parser, const Place *place, JsonbValue *value,
					 void *field);	/* Template * */

/*
 * document_request.c: methods, each at its value's place; readers of a request's
 * parts, all Template *
 */
extern const Word http_methods[];
extern void read_path(Parser *parser, const Place *place, JsonbValue *value,
					  void *field);
extern void read_request_method(Parser *parser, const Place *place, JsonbValue *value,
								void *field);
extern void read_request_headers(Parser *parser, const Place *place, JsonbValue *value,
								 void *field);

/* document_time.c: readers of moments, times of day and days of the week. */
extern void read_until(Parser *parser, const Place *place, JsonbValue *value,
					   void *field);	/* Expression * */
extern void read_at(Parser *parser, const Place *place, JsonbValue *value,
					void *field);	/* Tile */
extern void read_days(Parser *parser, const Place *place, JsonbValue *value,
					  void *field); /* uint8 */
extern void read_at_days(Parser *parser, const Place *place, JsonbValue *value,
						 void *field);	/* Tile, after read_at */
extern void read_window(Parser *parser, const Place *place, JsonbValue *value,
						void *field);	/* DaySpan * */
extern void read_quiet_hours(Parser *parser, const Place *place, JsonbValue *value,
							 void *field);	/* DaySpan * */

/* definition_rules.c: readers of rules, and what is made of the triggers. */
extern void read_goal(Parser *parser, const Place *place, JsonbValue *value,
					  void *field); /* Goal */
extern void read_exits(Parser *parser, const Place *place, JsonbValue *value,
					   void *field);	/* Journey */
extern void read_on(Parser *parser, const Place *place, JsonbValue *value,
					void *field);
extern void gather_triggers(Parser *parser);

/* definition_tile.c, definition_edge.c */
extern void read_retry(Parser *parser, const Place *place, JsonbValue *value,
					   void *field);	/* RetryPolicy * */
extern void read_tiles(Parser *parser, const Place *place, JsonbValue *value,
					   void *field);	/* Journey */
extern void read_edges(Parser *parser, const Place *place, JsonbValue *value,
					   void *field);	/* Journey */
extern void link_edges(Parser *parser);

#endif							/* JOURNEY_DOCUMENT_H */
