/*-------------------------------------------------------------------------
 *
 * validate.c
 *	  What can be wrong with a journey whose document could be read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "validate.h"

Problem *
validation_error(Validation *validation, int sqlstate, const Place *place)
{
	return problem_add(&validation->problems, PROBLEM_GRAPH, sqlstate, place);
}

Problem *
validation_warning(Validation *validation, const Place *place)
{
	return problem_add(&validation->problems, PROBLEM_WARNING,
					   ERRCODE_WARNING, place);
}

static void
check_entry(Validation *validation)
{
	Journey    *journey = validation->journey;
	Problem    *problem;

	if (journey->entry == NULL)
	{
		problem = validation_error(validation, ERRCODE_INVALID_PARAMETER_VALUE,
								   &place_tiles);
		problem->message = "the journey has no entry tile";
		problem->hint = "Add a tile of type \"entry\".";
	}
	for (int i = 0; i < journey->ntiles; i++)
	{
		Tile	   *tile = &journey->tiles[i];
		Place		here = place_tile(tile);

		if (tile->type != TILE_ENTRY || tile == journey->entry)
			continue;
		problem = validation_error(validation, ERRCODE_INVALID_PARAMETER_VALUE, &here);
		problem->message = psprintf("tile %s is a second entry tile beside %s",
									quoted_name(tile->name),
									quoted_name(journey->entry->name));
		problem->hint = "A journey has exactly one; its \"on\" can list several events.";
	}
}

static void
check_exit(Validation *validation)
{
	Journey    *journey = validation->journey;
	Problem    *problem;

	for (int i = 0; i < journey->ntiles; i++)
		if (journey->tiles[i].type == TILE_EXIT)
			return;

	problem = validation_error(validation, ERRCODE_INVALID_PARAMETER_VALUE,
							   &place_tiles);
	problem->message = "the journey has no exit tile";
	problem->hint = "Add a tile of type \"exit\" and lead the last tiles to it.";
}

static void
check_ends(Validation *validation, const Edge *edge)
{
	Place		here = place_edge(edge);
	Problem    *problem;

	if (edge->to != NULL && edge->to->type == TILE_ENTRY)
	{
		Place		to = {.parent = &here, .key = "to"};

		problem = validation_error(validation, ERRCODE_INVALID_PARAMETER_VALUE, &to);
		problem->message = psprintf("%s leads into the entry tile %s",
									place_text(&here), quoted_name(edge->to->name));
		problem->hint = "Lead it to the tile behind the entry.";
	}
	if (edge->from != NULL && edge->from->type == TILE_EXIT)
	{
		Place		from = {.parent = &here, .key = "from"};

		problem = validation_error(validation, ERRCODE_INVALID_PARAMETER_VALUE, &from);
		problem->message = psprintf("edges[%d] leaves the exit tile %s",
									edge->position, quoted_name(edge->from->name));
		problem->hint = "Members end at an exit tile: delete the edge, or give the tile another type.";
	}
}

/* Tiles may seem to lack edges only because the name in one is misspelt. */
static void
check_connected(Validation *validation)
{
	Journey    *journey = validation->journey;
	bool		froms_known = true;
	bool		tos_known = true;

	for (int i = 0; i < journey->nedges; i++)
	{
		froms_known &= journey->edges[i].from != NULL;
		tos_known &= journey->edges[i].to != NULL;
	}
	if (froms_known)
		validate_no_way_out(validation);
	if (froms_known && tos_known)
		validate_reachable(validation);
}

/* What follows from which tiles and edges there are. */
static void
validate_shape(Validation *validation)
{
	Journey    *journey = validation->journey;

	check_entry(validation);
	check_exit(validation);
	for (int i = 0; i < journey->nedges; i++)
		check_ends(validation, &journey->edges[i]);
	check_connected(validation);
}

/* What follows from what they say, too. */
static void
validate_flow(Validation *validation)
{
	validate_rules(validation);
	validate_loops(validation);
	validate_ways_out(validation);
	validate_on_edges(validation);
	validate_waits(validation);
	validate_shadows(validation);
	validate_recursion(validation);
	validate_sees(validation);
}

bool
problems_of_form(List *problems)
{
	ListCell   *lc;

	foreach(lc, problems)
		if (((Problem *) lfirst(lc))->is_form)
		return true;
	return false;
}

List *
validate_journey(Journey *journey, List *problems)
{
	Validation	validation = {.journey = journey, .problems = problems};

	if (journey->is_whole)
	{
		validate_shape(&validation);

		/* A wait whose "for" could not be read is not one without "for". */
		if (!problems_of_form(problems))
			validate_flow(&validation);
	}
	validate_sql(&validation);
	return validation.problems;
}
