/*-------------------------------------------------------------------------
 *
 * destination.h
 *	  Where actions go: what journey.destination says, as structs.
 *
 * Strings that are templates hold {{ sql }}, evaluated for each action as the
 * destination's owner (request.c says which names they can use).  In the strings
 * called keyed, {{ secret }} or {{ secret.name }} stands for the secret, which no
 * SQL ever sees.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_DESTINATION_H
#define JOURNEY_DESTINATION_H

#include "postgres.h"

#include "condition.h"
#include "model.h"

#define MAX_RATE 100000

typedef enum DestinationKind
{
	DESTINATION_PULL,
	DESTINATION_WEBHOOK,
	DESTINATION_SMTP,
	DESTINATION_SQL
} DestinationKind;

typedef enum ContentType
{
	CONTENT_JSON,				/* application/json */
	CONTENT_FORM,				/* application/x-www-form-urlencoded */
	CONTENT_TEXT				/* text/plain */
} ContentType;

/*
 * A string in pieces: templates (their value is text) with the secret, or one of
 * its names, between them.
 */
typedef struct KeyedPiece
{
	Template   *template;		/* or NULL: the secret */
	bool		is_data;		/* the template is one expression; else it is
								 * a literal */
	char	   *secret;			/* its name; "" for the whole */
} KeyedPiece;

typedef struct KeyedHeader
{
	char	   *name;
	List	   *value;			/* KeyedPiece * */
} KeyedHeader;

typedef struct Destination
{
	int32		id;
	char	   *name;
	DestinationKind kind;
	Jsonb	   *config;			/* as its row has it; or NULL */
	Author		author;			/* its owner */
	bool		is_paused;		/* by journey_destination_pause() */
	char	   *disabled;		/* why nothing is sent any more, or NULL */
	bool		needs_secret;	/* it has one, or its configuration names it */

	/* all but pull */
	int			timeout;		/* ms of one attempt */
	int			max_in_flight;
	int			rate_max;		/* attempts in rate_per at most; 0: any number */
	int64		rate_per;		/* microseconds */
	bool		is_ordered;		/* one after the other for each member */
	RetryPolicy *retry;			/* where the tile says nothing; or NULL */
	int			breaker_failures;	/* in a row that open the breaker; 0: none
									 * do */
	int			breaker_pause;	/* ms until it is tried again, the first time */

	/* webhook, smtp */
	List	   *url;			/* KeyedPiece * */
	List	   *user;			/* KeyedPiece *, or NIL */
	List	   *password;		/* KeyedPiece *, or NIL */
	List	   *headers;		/* KeyedHeader * */

	/* webhook */
	char	   *method;
	ContentType content_type;
	bool		is_signed;		/* nothing is sent by a secret that does not
								 * sign */
	Template   *body;			/* NULL: the payload as it is */

	/*
	 * smtp: templates whose value is text; of to and reply_to, or a list of
	 * texts
	 */
	bool		is_plain;		/* "tls": "none" */
	char	   *sender;			/* of the envelope; NULL: the address in from */
	Template   *from;
	Template   *reply_to;		/* or NULL */
	Template   *to;
	Template   *subject;
	Template   *text;
	Template   *html;

	/* sql */
	char	   *function;		/* schema.name */
} Destination;

/* The kind of that name; raises 22023 where there is none. */
extern DestinationKind destination_kind(const char *name);
extern const char *destination_kind_name(DestinationKind kind);

/*
 * NULL, or why neither a destination nor a tile sets that header of an HTTP
 * request, as: is set for each request.
 */
extern const char *destination_header_wrong(const char *name);

/* Does its value identify the sender, so that it is a secret? */
extern bool destination_header_is_keyed(const char *name);

/*
 * Read a configuration, in CurrentMemoryContext; raises 22023 and the like, with
 * path and hint, where it is wrong.  is_change: another stands there already.  Does
 * not read tables.
 */
extern Destination *destination_parse(const char *name, const char *kind, Jsonb *config,
									  bool is_change);

/*
 * Compile its templates as its owner; raises what is wrong, with path and hint,
 * where a name, a type or a right is not as they want it.
 */
extern void destination_check(const Destination *destination);

/* The names by which its configuration reads the secret: char *, "" for the whole. */
extern List *destination_secret_names(const Destination *destination);

/* The destination of that name as of now, in CurrentMemoryContext, or NULL. */
extern Destination *destination_find(const char *name);

/* Is that still what its row says, as of now? */
extern bool destination_is_current(const Destination *destination);

/* All that the workers send to, of any kind but pull: Destination *. */
extern List *destination_list(void);

/*
 * NULL, or that its owner is not there any more, as whom its templates and its
 * function would run.
 */
extern char *destination_orphaned(const Destination *destination);

/*
 * Its secret, read anew, in CurrentMemoryContext; NULL where it has none.  *missing:
 * why one that it needs is not there (a restored dump has none), or NULL.
 */
extern char *destination_secret(const Destination *destination, const char **missing);

/* A part of a secret: "" is all of it, else of a JSON object the value of that name; or NULL. */
extern char *secret_part(const char *secret, const char *name);

/* All that it can have been sent as: it as a whole, or what its JSON object has. */
extern List *secret_members(const char *secret);

/* No more of it, by what a receiver said (410): all that is pending stays. */
extern void destination_disable(const char *name, const char *reason);

/* Have all processes read their destinations anew. */
extern void destination_changed(void);

/* A number that is another when destinations may have changed. */
extern uint64 destination_generation(void);

/* Called for each relcache invalidation; InvalidOid means all. */
extern void destination_invalidate(Oid relid);

#endif							/* JOURNEY_DESTINATION_H */
