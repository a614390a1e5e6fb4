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

#include "miscadmin.h"

#include "validate.h"

void
frontier_begin(Frontier *frontier, const Journey *journey)
{
	frontier->seen = palloc0(sizeof(bool) * journey->ntiles);
	frontier->tiles = palloc(sizeof(Tile *) * journey->ntiles);
	frontier->ntiles = 0;
}

void
frontier_add(Frontier *frontier, Tile *tile)
{
	if (tile == NULL || frontier->seen[tile->number])
		return;
	frontier->seen[tile->number] = true;
	frontier->tiles[frontier->ntiles++] = tile;
}

Tile *
frontier_next(Frontier *frontier)
{
	CHECK_FOR_INTERRUPTS();
	return frontier->ntiles > 0 ? frontier->tiles[--frontier->ntiles] : NULL;
}

void
frontier_end(Frontier *frontier)
{
	pfree(frontier->seen);
	pfree(frontier->tiles);
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

bool
edge_sees_event(const Edge *edge, bool arrives)
{
	const Tile *tile = edge->from;

	if (edge->event != NULL)
		return !edge_waits(edge);
	if (tile->condition != NULL && edge_is_normal(edge) && !edge_waits(edge))
		return true;
	return (arrives || tile->nresets > 0) && edge_follows_arrival(edge);
}

/*
 * Where an event's step can come to: it goes on from where it put a member, by
 * entry or otherwise, over every edge that is tried at once.
 */
static bool *
tiles_of_events(const Journey *journey)
{
	Frontier	frontier;
	Tile	   *tile;

	frontier_begin(&frontier, journey);
	frontier_add(&frontier, journey->entry);
	for (int i = 0; i < journey->nedges; i++)
		if (journey->edges[i].from != NULL && edge_sees_event(&journey->edges[i], false))
			frontier_add(&frontier, journey->edges[i].to);

	while ((tile = frontier_next(&frontier)) != NULL)
		for (int i = 0; i < tile->nedges; i++)
			if (edge_sees_event(tile->edges[i], true))
				frontier_add(&frontier, tile->edges[i]->to);
	return frontier.seen;
}

/* Tiles at which a result is awaited, and all behind them. */
static bool *
tiles_of_results(const Journey *journey)
{
	Frontier	frontier;
	Tile	   *tile;

	frontier_begin(&frontier, journey);
	for (int i = 0; i < journey->ntiles; i++)
		if (journey->tiles[i].await)
			frontier_add(&frontier, &journey->tiles[i]);
	while ((tile = frontier_next(&frontier)) != NULL)
		for (int i = 0; i < tile->nedges; i++)
			frontier_add(&frontier, tile->edges[i]->to);
	return frontier.seen;
}

void
validate_sees(Validation *validation)
{
	validation->sees_event = tiles_of_events(validation->journey);
	validation->sees_result = tiles_of_results(validation->journey);
}
