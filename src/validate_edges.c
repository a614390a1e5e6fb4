/*-------------------------------------------------------------------------
 *
 * validate_edges.c
 *	  How members leave a tile, or do not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "validate.h"

static void
check_no_way_out(Validation *validation, const Tile *tile)
{
	Place		here = place_tile(tile);
	WaysOut		ways = tile_ways_out(tile);
	Problem    *problem;

	if (ways.with_event > 0 || ways.normal > 0)
		return;
	problem = validation_error(validation, ERRCODE_INVALID_PARAMETER_VALUE, &here);
	if (ways.on_something == 0)
	{
		problem->message = psprintf("%s has no way out", place_text(&here));
		problem->hint = "Lead an edge from it to the next tile, or make it an exit.";
	}
	else
	{
		problem->message = psprintf("%s has no way out but edges with \"on\"",
									place_text(&here));
		problem->hint = "Add an edge without \"on\" for members who get through it as they should.";
	}
}

void
validate_no_way_out(Validation *validation)
{
	Journey    *journey = validation->journey;

	for (int i = 0; i < journey->ntiles; i++)
		if (journey->tiles[i].type != TILE_EXIT)
			check_no_way_out(validation, &journey->tiles[i]);
}

/* Members whose event never comes stay for ever. */
static void
warn_only_events(Validation *validation, const Tile *tile)
{
	Place		here = place_tile(tile);
	Problem    *problem = validation_warning(validation, &here);

	problem->message = psprintf("%s keeps members whose event never comes",
								place_text(&here));
	problem->hint = tile_holding(tile) != HOLDS_NOT ?
		"Add an edge without an event, which is taken when the wait ends,"
		" or give the journey \"max_duration\"." :
		"Add an edge without an event and with a \"wait\","
		" or give the journey \"max_duration\".";
}

/* So do those for whom no edge holds, where an event could still come. */
static void
warn_none_holds(Validation *validation, const Tile *tile)
{
	Place		here = place_tile(tile);
	Problem    *problem = validation_warning(validation, &here);

	problem->message = psprintf("%s keeps members whose event never comes"
								" and for whom no edge without an event holds",
								place_text(&here));
	problem->hint = "Add a last edge without an event and without a condition,"
		" or give the journey \"max_duration\".";
}

static void
warn_end_leads_nowhere(Validation *validation, const Tile *tile)
{
	Place		here = place_tile(tile);
	Problem    *problem = validation_warning(validation, &here);

	problem->message = psprintf("nothing happens when the wait of %s ends", place_text(&here));
	problem->hint = "Add an edge without an event, which is taken then.";
}

static void
warn_no_path(Validation *validation, const Tile *tile)
{
	Place		here = place_tile(tile);
	Problem    *problem = validation_warning(validation, &here);

	problem->message = psprintf("members for whom no edge of %s holds exit with outcome \"no_path\"",
								place_text(&here));
	problem->hint = "Add a last edge without a condition.";
}

/* Edges that no event of the present can take. */
static void
check_deaf_edges(Validation *validation, const Tile *tile)
{
	for (int i = 0; i < tile->nedges; i++)
	{
		Place		here = place_edge(tile->edges[i]);
		Problem    *problem;

		if (tile->edges[i]->event == NULL || tile->edges[i]->since_entry)
			continue;
		problem = validation_warning(validation, &here);
		problem->message = psprintf("%s never sees its event: members leave the tile at once",
									place_text(&here));
		problem->hint = "Put a wait tile with \"for\" in its place,"
			" or give the edges without event a \"wait\".";
	}
}

/* Members who may stay for ever, unless the journey's time is bounded. */
static void
check_stay(Validation *validation, const Tile *tile, const WaysOut *ways)
{
	bool		is_bounded = validation->journey->max_duration != NULL;

	if (ways->normal == 0 && !is_bounded)
		warn_only_events(validation, tile);
	else if (ways->normal == 0 && tile->type == TILE_WAIT &&
			 tile_holding(tile) != HOLDS_NOT)
		warn_end_leads_nowhere(validation, tile);
	else if (ways->normal > 0 && ways->with_event > 0 &&
			 ways->unconditional == NULL && !is_bounded)
		warn_none_holds(validation, tile);
}

static void
check_ways_out(Validation *validation, const Tile *tile)
{
	WaysOut		ways = tile_ways_out(tile);

	/* Without any of these is an error. */
	if (tile->type == TILE_EXIT || ways.normal + ways.with_event == 0)
		return;
	if (ways.with_event == 0 && ways.unconditional == NULL)
		warn_no_path(validation, tile);

	/* An event edge that leaves the entry is a trigger and waits for nobody. */
	if (tile->type == TILE_ENTRY)
		return;
	check_stay(validation, tile, &ways);
	if (ways.at_once != NULL && ways.with_event > 0)
		check_deaf_edges(validation, tile);
}

void
validate_ways_out(Validation *validation)
{
	Journey    *journey = validation->journey;

	for (int i = 0; i < journey->ntiles; i++)
	{
		CHECK_FOR_INTERRUPTS();
		check_ways_out(validation, &journey->tiles[i]);
	}
}
