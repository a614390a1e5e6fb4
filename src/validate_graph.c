/*-------------------------------------------------------------------------
 *
 * validate_graph.c
 *	  Walks over a journey's graph.
 *
 * None of them recurses, and each looks at a tile and an edge once: a graph may
 * have MAX_TILES in a row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "validate.h"

#define MAX_NAMED_TILES 10		/* in one message */

/* Tiles to be looked at, each at most once. */
typedef struct Frontier
{
	bool	   *seen;			/* by tile number */
	Tile	  **tiles;
	int			ntiles;
} Frontier;

static void
frontier_begin(Frontier *frontier, const Journey *journey)
{
	frontier->seen = palloc0(sizeof(bool) * journey->ntiles);
	frontier->tiles = palloc(sizeof(Tile *) * journey->ntiles);
	frontier->ntiles = 0;
}

static void
frontier_add(Frontier *frontier, Tile *tile)
{
	if (tile == NULL || frontier->seen[tile->number])
		return;
	frontier->seen[tile->number] = true;
	frontier->tiles[frontier->ntiles++] = tile;
}

static Tile *
frontier_next(Frontier *frontier)
{
	CHECK_FOR_INTERRUPTS();
	return frontier->ntiles > 0 ? frontier->tiles[--frontier->ntiles] : NULL;
}

void
validate_reachable(Validation *validation)
{
	Journey    *journey = validation->journey;
	Frontier	frontier;
	Tile	   *tile;

	frontier_begin(&frontier, journey);
	frontier_add(&frontier, journey->entry);
	while ((tile = frontier_next(&frontier)) != NULL)
		for (int i = 0; i < tile->nedges; i++)
			frontier_add(&frontier, tile->edges[i]->to);

	for (int i = 0; journey->entry != NULL && i < journey->ntiles; i++)
	{
		Place		here = place_tile(&journey->tiles[i]);
		Problem    *problem;

		/* A second entry is a problem of its own. */
		if (frontier.seen[i] || journey->tiles[i].type == TILE_ENTRY)
			continue;
		problem = validation_error(validation, ERRCODE_INVALID_PARAMETER_VALUE, &here);
		problem->message = psprintf("%s cannot be reached from the entry tile",
									place_text(&here));
		problem->hint = "Lead an edge to it, or delete it.";
	}
}

/*
 * An event's step goes on from where it put a member, by entry or by an event
 * edge, over every edge that is tried at once.
 */
void
validate_sees_event(Validation *validation)
{
	Journey    *journey = validation->journey;
	Frontier	frontier;
	Tile	   *tile;

	frontier_begin(&frontier, journey);
	frontier_add(&frontier, journey->entry);
	for (int i = 0; i < journey->nedges; i++)
		if (journey->edges[i].event != NULL && !edge_waits(&journey->edges[i]))
			frontier_add(&frontier, journey->edges[i].to);

	while ((tile = frontier_next(&frontier)) != NULL)
		for (int i = 0; i < tile->nedges; i++)
			if (edge_is_immediate(tile->edges[i]))
				frontier_add(&frontier, tile->edges[i]->to);

	validation->sees_event = frontier.seen;
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
	Component  *components;		/* by tile number */
	Tile	  **path;			/* from where the walk began to where it is */
	int			npath;
	Tile	  **open;			/* met, but their component is not complete */
	int			nopen;
	int			met;
} Walk;

static void
walk_begin(Walk *walk, Validation *validation)
{
	int			ntiles = validation->journey->ntiles;

	walk->validation = validation;
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

/* The next edge of a tile that is tried at once, or NULL. */
static Edge *
walk_edge(Walk *walk, const Tile *tile)
{
	Component  *component = &walk->components[tile->number];

	while (component->next_edge < tile->nedges)
	{
		Edge	   *edge = tile->edges[component->next_edge++];

		if (edge->to != NULL && edge_is_immediate(edge))
			return edge;
	}
	return NULL;
}

static bool
leads_to_itself(const Tile *tile)
{
	for (int i = 0; i < tile->nedges; i++)
		if (tile->edges[i]->to == tile && edge_is_immediate(tile->edges[i]))
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

static void
report_loop(Validation *validation, Tile **tiles, int ntiles)
{
	Place		here = place_tile(tiles[0]);
	Problem    *problem;

	problem = validation_error(validation, ERRCODE_INVALID_PARAMETER_VALUE, &here);
	problem->message = psprintf("members would run in a loop without a wait: %s",
								tile_names(tiles, ntiles));
	problem->hint = "Put a wait tile with \"for\" into the loop,"
		" or give one of its edges an \"event\" or a \"wait\".";
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
	if (ntiles > 1 || leads_to_itself(tile))
		report_loop(walk->validation, &walk->open[first], ntiles);
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
	Walk		walk;

	walk_begin(&walk, validation);
	for (int i = 0; i < journey->ntiles; i++)
		if (walk.components[i].order == 0)
			walk_from(&walk, &journey->tiles[i]);
}
