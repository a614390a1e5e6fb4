/*-------------------------------------------------------------------------
 *
 * candidate.h
 *	  What claim.c found in the outbox, before anything is locked; and the end of
 *	  those that are over.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_CANDIDATE_H
#define JOURNEY_CANDIDATE_H

#include "postgres.h"

#include "claim.h"
#include "outbox.h"

/* A row that was found. */
typedef struct Candidate
{
	pg_uuid_t	id;
	text	   *customer;
	int			attempts;
	bool		is_in_flight;
	Jsonb	   *limits;			/* or NULL */
	const char *outcome;		/* it is over; or NULL */
} Candidate;

/* What makes a row one that is over; all zero but order to begin with. */
typedef struct Judge
{
	const ClaimOrder *order;
	int			default_max;	/* attempts where the tile says nothing; 0:
								 * not looked up yet */
	int			spare;			/* attempts more than that */
} Judge;

/* NULL: it may be claimed. */
extern const char *candidate_outcome(Judge *judge, const OutboxRow *row);

/* Of that row as it is now, in CurrentMemoryContext; without an outcome. */
extern Candidate *candidate_make(const OutboxRow *row);

/* Their customers, ids, and how often each was tried: three arrays. */
extern void candidate_arrays(List *candidates, Datum *arrays);

/* In SQL: of those arrays, as $1 to $3, the rows a and their numbers n.number. */
#define CANDIDATE_ROWS \
	"ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3))" \
	" WITH ORDINALITY AS n (customer, id, attempts, number)" \
	" JOIN journey.action a ON a.customer OPERATOR(pg_catalog.=) n.customer" \
	" AND a.id OPERATOR(pg_catalog.=) n.id"

/* As it was found by $4; in a form that no index on the time can be used for. */
#define IS_AS_FOUND \
	"a.attempts OPERATOR(pg_catalog.=) n.attempts" \
	" AND coalesce(a.next_attempt_at, 'infinity') OPERATOR(pg_catalog.<=) $4"

/*
 * End those that have an outcome.  Those that concern a customer whom somebody
 * holds wait for the next claim, as do those of them that are too many for one.
 */
extern void candidates_end(const ClaimOrder *order, List *over);

/* The rows that are looked at together, at least; and that a claim ends at most. */
#define LEAST_LOOKED_AT 100
#define MOST_ENDED 10000

#endif							/* JOURNEY_CANDIDATE_H */
