/*-------------------------------------------------------------------------
 *
 * source.h
 *	  The user's tables that have our trigger, and what their rows mean to us.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_SOURCE_H
#define JOURNEY_SOURCE_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "condition.h"

/* An audience that the table's rows decide, one customer at a time. */
typedef struct LiveAudience
{
	char	   *name;
	Author		author;
	List	   *columns;		/* char *: what the query reads of the table,
								 * the customer's column first */
	Expression *holds;			/* does its query give this customer? */
} LiveAudience;

typedef struct Source
{
	int			id;
	bool		is_profile;		/* its rows are the customers' profiles */
	List	   *profile_columns;	/* then: char *, what names the customer */
	char	   *traits_column;	/* then: the jsonb column, or NULL */
	List	   *watches;		/* Watch *, see watch.h */
	List	   *audiences;		/* LiveAudience * */
} Source;

/*
 * NULL: there is none of that number.  What it returns stands until the next
 * call that takes in what other sessions have changed.
 */
extern const Source *source_get(int id);

#endif							/* JOURNEY_SOURCE_H */
