/*-------------------------------------------------------------------------
 *
 * move.h
 *	  Between the files that move a member: move.c, leave.c, raise.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_MOVE_H
#define JOURNEY_MOVE_H

#include "postgres.h"

#include "engine.h"

extern void add_transition(Step *step, Member *member, int16 from, int16 to,
						   int edge, Reason reason);

/* The end, wherever the member is; its rows are the caller's. */
extern void end_run(Step *step, Member *member, const char *outcome);

/* Those of the list of Raised * that are not about a child of that parent. */
extern List *without_orders(List *raised, int64 parent);

/* The child that this parent awaits goes on alone. */
extern void leave_child(Step *step, Member *parent);

/* A key with a string, of that length or (-1) ended by 0, in an object being made. */
extern void push_pair(JsonbParseState **state, const char *key, const char *value,
					  int length);

#endif							/* JOURNEY_MOVE_H */
