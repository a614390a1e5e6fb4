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
	 * tile asks on arrival may find the event's props?  NULL where that
	 * cannot be told.
	 */
	bool	   *sees_event;
} Validation;

/* Append a finding that is an error, or a warning. */
extern Problem *validation_error(Validation *validation, int sqlstate,
								 const Place *place);
extern Problem *validation_warning(Validation *validation, const Place *place);

/* Does the tile keep a member for some time, whatever its edges say? */
extern bool tile_holds(const Tile *tile);

/* Does the edge take its time, once it is taken or before it is tried? */
extern bool edge_waits(const Edge *edge);

/* Is the edge tried in the moment in which a member gets to its tile? */
extern bool edge_is_immediate(const Edge *edge);

/* Is there nothing to ask? */
extern bool condition_is_true(const Expression *condition);

/* Is an edge without event, once tried, taken by everybody? */
extern bool edge_is_unconditional(const Edge *edge);

/* validate_graph.c */
extern void validate_reachable(Validation *validation);
extern void validate_loops(Validation *validation);
extern void validate_sees_event(Validation *validation);

/* validate_edges.c */
extern void validate_no_way_out(Validation *validation);
extern void validate_ways_out(Validation *validation);

/* validate_sql.c */
extern void validate_sql(Validation *validation);

#endif							/* JOURNEY_VALIDATE_H */
