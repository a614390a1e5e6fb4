/*-------------------------------------------------------------------------
 *
 * model.h
 *	  A journey as structs: what definition.c builds from the document,
 *	  validate.c checks, cache.c keeps and the engine walks.
 *
 * Everything hangs in one memory context per (journey, version) and is never
 * changed after it was built, but for the compiled half of each Expression.  Tiles
 * are numbered by their order in the stored document (jsonb order), edges by
 * their position in "edges"; the stored rows hold those numbers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_MODEL_H
#define JOURNEY_MODEL_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "condition.h"
#include "zone.h"

#define MAX_CUSTOMER_LENGTH 256 /* bytes, of a key too */
#define MAX_EVENT_LENGTH 128	/* bytes */
#define MAX_TILES 10000
#define MAX_EDGES 50000
#define PERCENT_BUCKETS 10000

typedef struct Tile Tile;
typedef struct Edge Edge;
typedef struct Journey Journey;

typedef enum TileType
{
	TILE_ENTRY,
	TILE_WAIT,
	TILE_BRANCH,
	TILE_ACTION,
	TILE_WEBHOOK,
	TILE_UPDATE_PROFILE,
	TILE_SUB_JOURNEY,
	TILE_EXIT
} TileType;

/* Events that the engine raises itself (DESIGN rule 15). */
#define EVENT_JOURNEY_EXITED "$journey_exited"
#define EVENT_PROFILE_CHANGED "$profile_changed"
#define EVENT_AUDIENCE_ENTERED "$audience_entered"
#define EVENT_AUDIENCE_LEFT "$audience_left"
#define EVENT_ACTION_DELIVERED "$action_delivered"
#define EVENT_ACTION_FAILED "$action_failed"

/*
 * What an event of a name may do where its condition holds: enter (trigger),
 * exit with an outcome, or reset a wait.
 */
typedef struct Rule
{
	char	   *event;			/* NULL: any event, and timers too (exit rules
								 * by condition alone), or no event (triggers
								 * by schedule) */
	char	   *audience;		/* the event's audience must be this one, or
								 * NULL; with a schedule: whose members enter */
	Expression *condition;		/* NULL: true */
	Expression *customers;		/* triggers only: who enters instead, text[];
								 * or NULL */
	char	   *schedule;		/* triggers only: a line of cron, or NULL */
	char	   *outcome;		/* exit rules only, never NULL there */
	Edge	   *edge;			/* triggers only: the edge that leaves entry,
								 * or NULL for one of the tile's "on" list */
} Rule;

/* What of its tile leads over the edge, where it is not an event or time. */
typedef enum EdgeOn
{
	ON_NOTHING,
	ON_ERROR,					/* what the tile sent came to nothing */
	ON_PAST,					/* its "until" was past on arrival */
	ON_MAX_VISITS				/* one arrival too many */
} EdgeOn;

struct Edge
{
	int			position;		/* in "edges", from 0 */
	Tile	   *from;
	Tile	   *to;
	char	   *event;			/* NULL: taken without an event */
	Expression *condition;		/* NULL: true */
	Interval   *wait;			/* NULL: none */
	EdgeOn		on;
	bool		since_entry;	/* events before the arrival count too */
	int			bucket_from;	/* [from, to) of PERCENT_BUCKETS; both -1
								 * where the */
	int			bucket_to;		/* edge has no percent */
};

/* When an action that failed is tried again; see retry.c for the defaults. */
typedef struct RetryPolicy
{
	int			max;			/* attempts in all; 0: not given */
	Interval   *first;			/* NULL: not given */
	double		factor;			/* 0: not given */
	Interval   *longest;		/* NULL: not given */
} RetryPolicy;

struct Tile
{
	int16		number;
	char	   *name;
	TileType	type;
	int			nedges;			/* leaving this tile, in the document's order */
	Edge	  **edges;
	bool		has_event_edges;
	bool		has_past_edges; /* one of them counts events since entry */
	int			max_visits;		/* 0: any number */

	/* wait */
	Interval   *hold;			/* "for" as a literal, or NULL */
	Expression *hold_expr;		/* "for" as SQL, or NULL */
	Expression *until;			/* timestamptz, or NULL */
	DayTime    *at;				/* with "days"; or NULL */
	DaySpan    *window;			/* or NULL */
	Expression *condition;		/* ends the hold; or NULL */
	Interval   *recheck;		/* how often to ask it; or NULL */
	int			nresets;
	Rule	   *resets;

	/* action, webhook, update_profile */
	char	   *destination;
	List	   *tags;			/* of char * */
	Template   *template;		/* payload, request, set, or a sub-journey's
								 * context */
	RetryPolicy *retry;			/* or NULL */
	Interval   *expires;		/* or NULL */

	/* webhook: the parts of its template, each or NULL */
	Template   *path;
	Template   *method;
	Template   *headers;
	Template   *body;

	/* action, webhook, sub_journey */
	bool		await;			/* the member stays until the result is in */

	/* sub_journey */
	char	   *child;			/* the name of the other journey */
	Expression *child_key;		/* NULL: the member's own key */

	/* exit */
	char	   *outcome;		/* never NULL on an exit tile */
};

typedef enum OnActive
{
	ON_ACTIVE_IGNORE,
	ON_ACTIVE_RESTART,
	ON_ACTIVE_MERGE
} OnActive;

/* What a pause does to the waits of members that nothing moved meanwhile. */
typedef enum OnResume
{
	ON_RESUME_KEEP,
	ON_RESUME_SHIFT,
	ON_RESUME_RESTART
} OnResume;

/* At most max actions with that tag per customer and span, over all journeys. */
typedef struct Cap
{
	char	   *tag;
	int			max;
	Interval   *per;
} Cap;

typedef struct Goal
{
	char	   *event;			/* NULL: the journey has no goal */
	Expression *condition;
	Interval   *within;			/* NULL: for ever */
} Goal;

struct Journey
{
	/* Identity: set by whoever loads the version, not part of the document. */
	int32		id;
	int16		version;
	char	   *name;
	Author		author;			/* whose rights its expressions have */

	/* The document. */
	Expression *key;			/* NULL: '' */
	OnActive	on_active;
	bool		never_again;	/* "reentry" is "never" */
	Interval   *cooldown;		/* NULL: none */
	char	   *only;			/* an audience; NULL: everybody */
	int			holdout;		/* in buckets, from 0 */
	OnResume	on_resume;
	Interval   *max_duration;	/* NULL: none */
	DaySpan    *quiet_hours;	/* NULL: none */
	Cap		   *cap;			/* NULL: none */
	char	   *zone;			/* "timezone" as a zone's name, or NULL */
	Expression *zone_expr;		/* "timezone" as SQL, or NULL */
	Goal		goal;
	int			nexits;
	Rule	   *exits;
	bool		asks_always;	/* an exit rule or a wait asks its condition
								 * on whatever event */
	int			ntriggers;		/* entry's "on", then edges with event that
								 * leave entry */
	Rule	   *triggers;
	int			ntiles;
	Tile	   *tiles;			/* by number */
	Tile	   *entry;
	int			nedges;
	Edge	   *edges;			/* by position */
	bool		is_whole;		/* every tile and edge could be read; always
								 * so in a stored document */
};

/* One finding about a document.  See journey_validate. */
typedef struct Problem
{
	bool		is_error;		/* else a warning */
	bool		is_form;		/* an error that not even a draft may have */
	int			sqlstate;
	char	   *path;			/* as tiles.hold.for or edges[2].condition */
	char	   *message;
	char	   *hint;			/* or NULL */
	const char *sql;			/* the expression that is wrong, or NULL */
	int			position;		/* in sql, in characters from 1; 0: not known */
} Problem;

/*
 * definition.c: the structs of a document, all in CurrentMemoryContext.
 * Findings about its form are appended to *problems (Problem *); where one is
 * an error the result may be NULL or incomplete and must not be walked.  With
 * problems == NULL the document is a stored, activated one: it was checked, and
 * anything wrong is an internal error.
 */
extern Journey *definition_parse(Jsonb *document, List **problems);

/*
 * validate.c: findings about the graph and the SQL of a parsed document, as
 * the role would run it.  Returns problems with those found appended.
 */
extern List *validate_journey(Journey *journey, List *problems);

/* Raise the first error among the problems; the others are counted in the detail. */
extern void problems_raise(List *problems);

/* Does it leave something in the outbox? */
static inline bool
tile_sends(const Tile *tile)
{
	return tile->type == TILE_ACTION || tile->type == TILE_WEBHOOK;
}

extern bool tile_has_tag(const Tile *tile, const char *tag);

/* Tile by name or NULL. */
extern Tile *journey_tile(const Journey *journey, const char *name);

#endif							/* JOURNEY_MODEL_H */
