/*-------------------------------------------------------------------------
 *
 * validate_on.c
 *	  What an edge or a tile says that its tile, or its edges, cannot do: "on",
 *	  "since", "await", "max_visits".
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "validate.h"

static bool
can_await(const Tile *tile)
{
	return tile_sends(tile) || tile->type == TILE_SUB_JOURNEY;
}

/* NULL where the tile can come to that; else why not, and *hint. */
static const char *
why_never(const Edge *edge, char **hint)
{
	const Tile *tile = edge->from;

	switch (edge->on)
	{
		case ON_NOTHING:
			break;
		case ON_PAST:
			if (tile->until != NULL)
				break;
			*hint = "It is taken where \"until\" of a wait is past on arrival:"
				" give the tile \"until\", or delete the edge.";
			return "has no \"until\"";
		case ON_MAX_VISITS:
			if (tile->max_visits > 0)
				break;
			*hint = "Give the tile \"max_visits\", or delete the edge.";
			return "has no \"max_visits\"";
		case ON_ERROR:
			if (!can_await(tile))
			{
				*hint = "It can leave tiles that send something or enter another journey.";
				return "sends nothing";
			}
			if (tile->await)
				break;
			*hint = "Take \"await\": false away, or the edge.";
			return "does not await the result";
	}
	return NULL;
}

static void
check_on(Validation *validation, const Edge *edge)
{
	Place		here = place_edge(edge);
	Place		on = {.parent = &here, .key = "on"};
	char	   *hint = NULL;
	const char *why;
	Problem    *problem;

	/* That nothing leaves an exit is another error. */
	if (edge->from->type == TILE_EXIT)
		return;
	why = why_never(edge, &hint);
	if (why == NULL)
		return;
	problem = validation_error(validation, ERRCODE_INVALID_PARAMETER_VALUE, &on);
	problem->message = psprintf("%s is never taken: the tile %s", place_text(&on), why);
	problem->hint = hint;
}

/* Nobody has entered before the entry. */
static void
check_since(Validation *validation, const Edge *edge)
{
	Place		here = place_edge(edge);
	Place		since = {.parent = &here, .key = "since"};
	Problem    *problem;

	if (!edge->since_entry || edge->from->type != TILE_ENTRY)
		return;
	problem = validation_error(validation, ERRCODE_INVALID_PARAMETER_VALUE, &since);
	problem->message = psprintf("%s cannot be \"entry\": the edge leaves the entry tile",
								place_text(&since));
	problem->hint = "Take it away, or put a wait tile behind the entry and let the edge leave that.";
}

/* Members come to these once. */
static void
check_max_visits(Validation *validation, const Tile *tile)
{
	Place		here = place_tile(tile);
	Place		max_visits = {.parent = &here, .key = "max_visits"};
	Problem    *problem;

	if (tile->max_visits == 0 || (tile->type != TILE_ENTRY && tile->type != TILE_EXIT))
		return;
	problem = validation_warning(validation, &max_visits);
	problem->message = psprintf("%s has no effect: members arrive there once",
								place_text(&max_visits));
	problem->hint = "Give it to a tile of a loop.";
}

void
validate_on_edges(Validation *validation)
{
	Journey    *journey = validation->journey;

	for (int i = 0; i < journey->ntiles; i++)
		check_max_visits(validation, &journey->tiles[i]);
	for (int i = 0; i < journey->nedges; i++)
	{
		if (journey->edges[i].from == NULL)
			continue;
		check_on(validation, &journey->edges[i]);
		check_since(validation, &journey->edges[i]);
	}
}
