/*-------------------------------------------------------------------------
 *
 * validate.h
 *	  Between the files that check a journey's graph and SQL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_VALIDATE_H
#define JOURNEY_VALIDATE_H

#include "postgres.h"

#include "model.h"
#include "problem.h"

typedef struct Validation
{
	Journey    *journey;
	List	   *problems;		/* Problem * */

	/*
	 * By tile number: can the step of an event arrive there, so that what the
	 * tile asks on arrival may find the event's props?  And can a member be
	 * there to whom a tile has given an outcome?  NULL where that cannot be
	 * told.
	 */
	bool	   *sees_event;
	bool	   *sees_result;
} Validation;

/* Is there an error that not even a draft may have? */
extern bool problems_of_form(List *problems);

/* Append a finding that is an error, or a warning. */
extern Problem *validation_error(Validation *validation, int sqlstate,
								 const Place *place);
extern Problem *validation_warning(Validation *validation, const Place *place);

/* ---- validate_hold.c: when members leave a tile ---- */

/* Does a tile keep a member for some time, whatever its edges say? */
typedef enum Holding
{
	HOLDS_NOT,
	HOLDS_PERHAPS,				/* some are let through at once */
	HOLDS
} Holding;

extern Holding tile_holding(const Tile *tile);

/* Does time alone end the hold of a wait? */
extern bool wait_has_end(const Tile *wait);

/* Does the edge take its time, once it is taken or before it is tried? */
extern bool edge_waits(const Edge *edge);

/* Is it tried where neither an event nor "on" leads over it? */
extern bool edge_is_normal(const Edge *edge);

/* Is the edge tried in the moment in which a member gets to its tile? */
extern Holding edge_holding(const Edge *edge);

/* Does the step that brings a member to the tile itself go on over the edge? */
extern bool edge_follows_arrival(const Edge *edge);

/* Is there nothing to ask, or no use in asking? */
extern bool condition_is_true(const Expression *condition);
extern bool condition_is_false(const Expression *condition);

/* Is a normal edge, once tried, taken by everybody? */
extern bool edge_is_unconditional(const Edge *edge);

/* What there is among the edges that leave a tile. */
typedef struct WaysOut
{
	int			with_event;
	int			normal;
	int			on_something;
	bool		any_waits;
	Edge	   *unconditional;	/* first normal one that everybody takes */
	Edge	   *at_once;		/* first that everybody takes on arrival */
} WaysOut;

extern WaysOut tile_ways_out(const Tile *tile);

/* a > b, a >= b, both not NULL */
extern bool interval_is_longer(const Interval *a, const Interval *b);
extern bool interval_is_no_shorter(const Interval *a, const Interval *b);

/* ---- validate_graph.c: walks ---- */

/* Tiles to be looked at, each at most once. */
typedef struct Frontier
{
	bool	   *seen;			/* by tile number */
	Tile	  **tiles;
	int			ntiles;
} Frontier;

extern void frontier_begin(Frontier *frontier, const Journey *journey);
extern void frontier_add(Frontier *frontier, Tile *tile);
extern Tile *frontier_next(Frontier *frontier);
extern void frontier_end(Frontier *frontier);

extern void validate_reachable(Validation *validation);
extern void validate_sees(Validation *validation);

/*
 * Can the step of an event go on over the edge, given whether it can come to the
 * tile?  It can also begin there: by a reset, or by ending a wait's hold.
 */
extern bool edge_sees_event(const Edge *edge, bool arrives);

/* ---- validate_expr.c: one expression ---- */

/* Who asks an expression: may it be an event, or only ever something else? */
typedef enum Asker
{
	ASKED_BY_EVENT,
	ASKED_BY_TIMER,
	ASKED_BY_RESULT,			/* that a tile awaits */
	ASKED_BY_SCHEDULE,			/* before anybody has entered */
	ASKED_BY_ANYTHING			/* whatever event, and timers */
} Asker;

typedef struct Asked
{
	Asker		asker;
	bool		has_result;		/* may outcome and response be given? */
} Asked;

extern void validate_expr(Validation *validation, const Place *place,
						  Expression *expr, Asked asked);

/* ---- validate_reference.c: names of what is outside the document ---- */
extern void validate_destination(Validation *validation, const Tile *tile);
extern void validate_child(Validation *validation, const Tile *tile);
extern void validate_audience(Validation *validation, const Place *place,
							  const char *audience);

/* ---- validate_schedule.c: what pg_cron says ---- */
extern void validate_schedule(Validation *validation, const Place *place,
							  const char *schedule);

/* ---- what each of the others finds ---- */
extern void validate_loops(Validation *validation);
extern void validate_no_way_out(Validation *validation);
extern void validate_ways_out(Validation *validation);
extern void validate_shadows(Validation *validation);
extern void validate_on_edges(Validation *validation);
extern void validate_waits(Validation *validation);
extern void validate_rules(Validation *validation);
extern void validate_recursion(Validation *validation);
extern void validate_sql(Validation *validation);

#endif							/* JOURNEY_VALIDATE_H */
