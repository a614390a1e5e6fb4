/*-------------------------------------------------------------------------
 *
 * validate_loop.c
 *	  Loops through which members run without a wait.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "validate.h"

#define MAX_NAMED_TILES 10		/* in one message */

/* What a loop would come to, the worst first. */
typedef enum LoopKind
{
	LOOP_ENDLESS,				/* for sure */
	LOOP_PERHAPS,				/* if its waits let members through at once */
	LOOP_COUNTED,				/* until "max_visits" ends it */
	NUM_LOOP_KINDS
} LoopKind;

/*
 * Does a loop of that kind go on over the edge?  A tile with "max_visits" lets
 * nobody through for ever, but over that edge.
 */
static bool
loop_follows(LoopKind kind, const Edge *edge)
{
	bool		is_counted = edge->from->max_visits > 0 && edge->on != ON_MAX_VISITS;

	if (edge->to == NULL || condition_is_false(edge->condition))
		return false;
	switch (kind)
	{
		case LOOP_ENDLESS:
			return !is_counted && edge_holding(edge) == HOLDS_NOT;
		case LOOP_PERHAPS:
			return !is_counted && edge_holding(edge) != HOLDS;
		default:
			return edge_holding(edge) == HOLDS_NOT;
	}
}

/*
 * Strongly connected components over the edges that are tried at once, after
 * Tarjan, with the path of the walk on a stack of our own.
 */
typedef struct Component
{
	int			order;			/* in which the tile was first met, from 1 */
	int			lowest;			/* order of the earliest tile it leads back to */
	int			next_edge;		/* of the tile, still to be followed */
	bool		is_open;		/* on the stack of those without a component */
} Component;

typedef struct Walk
{
	Validation *validation;
	LoopKind	kind;
	bool	   *reported;		/* by tile number: in a loop of a worse kind */
	Component  *components;		/* by tile number */
	Tile	  **path;			/* from where the walk began to where it is */
	int			npath;
	Tile	  **open;			/* met, but their component is not complete */
	int			nopen;
	int			met;
} Walk;

static void
walk_begin(Walk *walk, Validation *validation, LoopKind kind, bool *reported)
{
	int			ntiles = validation->journey->ntiles;

	walk->validation = validation;
	walk->kind = kind;
	walk->reported = reported;
	walk->components = palloc0(sizeof(Component) * ntiles);
	walk->path = palloc(sizeof(Tile *) * ntiles);
	walk->npath = 0;
	walk->open = palloc(sizeof(Tile *) * ntiles);
	walk->nopen = 0;
	walk->met = 0;
}

static void
walk_meet(Walk *walk, Tile *tile)
{
	Component  *component = &walk->components[tile->number];

	component->order = component->lowest = ++walk->met;
	component->is_open = true;
	walk->open[walk->nopen++] = tile;
	walk->path[walk->npath++] = tile;
}

/* The next edge of a tile that the walk follows, or NULL. */
static Edge *
walk_edge(Walk *walk, const Tile *tile)
{
	Component  *component = &walk->components[tile->number];

	while (component->next_edge < tile->nedges)
	{
		Edge	   *edge = tile->edges[component->next_edge++];

		if (loop_follows(walk->kind, edge))
			return edge;
	}
	return NULL;
}

static bool
leads_to_itself(LoopKind kind, const Tile *tile)
{
	for (int i = 0; i < tile->nedges; i++)
		if (tile->edges[i]->to == tile && loop_follows(kind, tile->edges[i]))
			return true;
	return false;
}

/* As "a", "b" and 3 more. */
static char *
tile_names(Tile **tiles, int ntiles)
{
	StringInfoData buf;
	int			shown = Min(ntiles, MAX_NAMED_TILES);

	initStringInfo(&buf);
	for (int i = 0; i < shown; i++)
		appendStringInfo(&buf, "%s%s", i > 0 ? ", " : "", quoted_name(tiles[i]->name));
	if (ntiles > shown)
		appendStringInfo(&buf, " and %d more", ntiles - shown);
	return buf.data;
}

/* What of the tile lets members through, and what would not. */
static char *
loophole(const Tile *tile)
{
	const char *name = quoted_name(tile->name);

	if (tile->type == TILE_SUB_JOURNEY)
		return psprintf("The journey of tile %s may refuse the entry, or end at once:"
						" put a wait tile with \"for\" into the loop.", name);
	if (tile->at != NULL)
		return psprintf("\"at\" of tile %s lets everybody through who comes at exactly that time:"
						" give it \"for\" too, as \"1 minute\".", name);
	if (tile->until != NULL)
		return psprintf("Once \"until\" of tile %s is past it holds nobody:"
						" give it \"for\" too, or lead an edge with \"on\": \"past\" out of the loop.",
						name);
	if (tile->window != NULL)
		return psprintf("\"window\" of tile %s holds nobody who comes inside it:"
						" give it \"for\" too.", name);
	return psprintf("Tile %s holds nobody while its condition is true:"
					" put a wait tile with \"for\" into the loop.", name);
}

/* Does "on": "max_visits" lead over an edge of a loop without end? */
static bool
runs_on(const Tile *tile)
{
	for (int i = 0; i < tile->nedges; i++)
		if (tile->edges[i]->on == ON_MAX_VISITS)
			return tile->max_visits > 0;
	return false;
}

static char *
loop_hint(LoopKind kind, Tile **tiles, int ntiles)
{
	for (int i = 0; kind == LOOP_PERHAPS && i < ntiles; i++)
		if (tile_holding(tiles[i]) == HOLDS_PERHAPS)
			return loophole(tiles[i]);
	for (int i = 0; kind == LOOP_ENDLESS && i < ntiles; i++)
		if (runs_on(tiles[i]))
			return psprintf("Lead the edge with \"on\": \"max_visits\" from tile %s out of the loop.",
							quoted_name(tiles[i]->name));
	return "Put a wait tile with \"for\" into the loop,"
		" or give one of its edges an \"event\" or a \"wait\".";
}

static const char *const loop_messages[] = {
	[LOOP_ENDLESS] = "members would run in a loop without a wait: %s",
	[LOOP_PERHAPS] = "members may run in a loop without a wait: %s",
	[LOOP_COUNTED] = "members run through a loop at once until \"max_visits\" ends it: %s"
};

static void
report_loop(Walk *walk, Tile **tiles, int ntiles)
{
	Place		here = place_tile(tiles[0]);
	Problem    *problem;

	for (int i = 0; i < ntiles; i++)
		if (walk->reported[tiles[i]->number])
			return;
	for (int i = 0; i < ntiles; i++)
		walk->reported[tiles[i]->number] = true;

	if (walk->kind == LOOP_ENDLESS)
		problem = validation_error(walk->validation, ERRCODE_INVALID_PARAMETER_VALUE, &here);
	else
		problem = validation_warning(walk->validation, &here);
	problem->message = psprintf(loop_messages[walk->kind], tile_names(tiles, ntiles));
	problem->hint = loop_hint(walk->kind, tiles, ntiles);
}

/* All that was met since tile, and leads back to it, is one component. */
static void
walk_close(Walk *walk, Tile *tile)
{
	int			first = walk->nopen;
	int			ntiles;

	do
	{
		first--;
		walk->components[walk->open[first]->number].is_open = false;
	} while (walk->open[first] != tile);

	ntiles = walk->nopen - first;
	if (ntiles > 1 || leads_to_itself(walk->kind, tile))
		report_loop(walk, &walk->open[first], ntiles);
	walk->nopen = first;
}

/* Go back from the end of the path to the tile before it. */
static void
walk_leave(Walk *walk)
{
	Tile	   *tile = walk->path[--walk->npath];
	Component  *component = &walk->components[tile->number];

	if (walk->npath > 0)
	{
		Component  *before = &walk->components[walk->path[walk->npath - 1]->number];

		before->lowest = Min(before->lowest, component->lowest);
	}
	if (component->lowest == component->order)
		walk_close(walk, tile);
}

static void
walk_from(Walk *walk, Tile *start)
{
	walk_meet(walk, start);
	while (walk->npath > 0)
	{
		Tile	   *tile = walk->path[walk->npath - 1];
		Edge	   *edge = walk_edge(walk, tile);
		Component  *component = &walk->components[tile->number];
		Component  *next;

		CHECK_FOR_INTERRUPTS();
		if (edge == NULL)
		{
			walk_leave(walk);
			continue;
		}
		next = &walk->components[edge->to->number];
		if (next->order == 0)
			walk_meet(walk, edge->to);
		else if (next->is_open)
			component->lowest = Min(component->lowest, next->order);
	}
}

void
validate_loops(Validation *validation)
{
	Journey    *journey = validation->journey;
	bool	   *reported = palloc0(sizeof(bool) * journey->ntiles);

	for (int kind = 0; kind < NUM_LOOP_KINDS; kind++)
	{
		Walk		walk;

		walk_begin(&walk, validation, kind, reported);
		for (int i = 0; i < journey->ntiles; i++)
			if (walk.components[i].order == 0)
				walk_from(&walk, &journey->tiles[i]);
	}
}
