/*-------------------------------------------------------------------------
 *
 * problem.h
 *	  Findings about a definition: where they are and how to word that.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_PROBLEM_H
#define JOURNEY_PROBLEM_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "model.h"
#include "names.h"

/*
 * Where in a document something stands: a chain of keys and positions up to the
 * document itself, on the stack of whoever reads it.  It is only written out
 * when there is something to report.
 */
typedef struct Place
{
	const struct Place *parent; /* NULL: this is the document */
	const char *key;			/* below an object, else NULL; of the
								 * document: what it is called, NULL: a
								 * definition */
	int			index;			/* below an array */
	const char *tile;			/* of an edge: the tile it leaves; may be NULL */
} Place;

/* The document, its lists of tiles and edges, and what stands in those. */
extern const Place place_root;
extern const Place place_tiles;
extern const Place place_edges;
extern Place place_tile(const Tile *tile);
extern Place place_edge(const Edge *edge);

typedef enum ProblemKind
{
	PROBLEM_FORM,				/* an error that not even a draft may have */
	PROBLEM_GRAPH,				/* an error that a draft may have */
	PROBLEM_WARNING
} ProblemKind;

/* Append a problem.  The caller fills in message and hint. */
extern Problem *problem_add(List **problems, ProblemKind kind, int sqlstate,
							const Place *place);

/* As tiles.hold.for or edges[2].condition. */
extern char *place_path(const Place *place);

/* As "for" of tile "hold", "wait" of edges[2] from tile "hold", tile "hold". */
extern char *place_text(const Place *place);

#endif							/* JOURNEY_PROBLEM_H */
