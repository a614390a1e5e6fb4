/*-------------------------------------------------------------------------
 *
 * validate_edges.c
 *	  How members leave a tile, or do not: tiles without a way out, edges and
 *	  rules that are never taken.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

#include "validate.h"

/* What there is among the edges that leave a tile. */
typedef struct WaysOut
{
	int			with_event;
	int			without_event;
	bool		any_waits;
	Edge	   *unconditional;	/* first without event that everybody takes */
	Edge	   *at_once;		/* first that everybody takes on arrival */
} WaysOut;

static void
ways_out_begin(WaysOut *ways, const Tile *tile)
{
	memset(ways, 0, sizeof(WaysOut));
	for (int i = 0; i < tile->nedges; i++)
	{
		Edge	   *edge = tile->edges[i];
		bool		by_percent = edge->bucket_from >= 0;

		if (edge_waits(edge))
			ways->any_waits = true;
		if (edge->event != NULL)
		{
			ways->with_event++;
			continue;
		}
		ways->without_event++;
		if (!by_percent && !edge_is_unconditional(edge))
			continue;
		if (ways->unconditional == NULL)
			ways->unconditional = edge;
		if (ways->at_once == NULL && edge_is_immediate(edge))
			ways->at_once = edge;
	}
}

void
validate_no_way_out(Validation *validation)
{
	Journey    *journey = validation->journey;

	for (int i = 0; i < journey->ntiles; i++)
	{
		Place		here = place_tile(&journey->tiles[i]);
		Problem    *problem;

		if (journey->tiles[i].nedges > 0 || journey->tiles[i].type == TILE_EXIT)
			continue;
		problem = validation_error(validation, ERRCODE_INVALID_PARAMETER_VALUE, &here);
		problem->message = psprintf("%s has no way out", place_text(&here));
		problem->hint = "Lead an edge from it to the next tile, or make it an exit.";
	}
}

/* Members whose event never comes stay for ever. */
static void
check_only_events(Validation *validation, const Tile *tile)
{
	Place		here = place_tile(tile);
	Problem    *problem = validation_warning(validation, &here);

	problem->message = psprintf("%s keeps members whose event never comes",
								place_text(&here));
	problem->hint = tile_holds(tile) ?
		"Add an edge without an event, which is taken when the wait ends." :
		"Add an edge without an event and with a \"wait\".";
}

static void
check_fallback(Validation *validation, const Tile *tile)
{
	Place		here = place_tile(tile);
	Problem    *problem = validation_warning(validation, &here);

	problem->message = psprintf("members for whom no edge of %s holds exit with outcome \"no_path\"",
								place_text(&here));
	problem->hint = "Add a last edge without a condition.";
}

static void
check_waits_for_nothing(Validation *validation, const Tile *tile)
{
	Place		here = place_tile(tile);
	Problem    *problem = validation_warning(validation, &here);

	problem->message = psprintf("wait %s waits for nothing", place_text(&here));
	problem->hint = "Give it \"for\", or one of its edges an \"event\" or a \"wait\".";
}

static void
check_deaf_edges(Validation *validation, const Tile *tile)
{
	for (int i = 0; i < tile->nedges; i++)
	{
		Place		here = place_edge(tile->edges[i]);
		Problem    *problem;

		if (tile->edges[i]->event == NULL)
			continue;
		problem = validation_warning(validation, &here);
		problem->message = psprintf("%s never sees its event: members leave the tile at once",
									place_text(&here));
		problem->hint = "Put a wait tile with \"for\" in its place,"
			" or give the edges without event a \"wait\".";
	}
}

static void
check_ways_out(Validation *validation, const Tile *tile)
{
	WaysOut		ways;

	if (tile->type == TILE_EXIT || tile->nedges == 0)
		return;

	ways_out_begin(&ways, tile);
	if (ways.with_event == 0 && ways.unconditional == NULL)
		check_fallback(validation, tile);

	/* An event edge that leaves the entry is a trigger and waits for nobody. */
	if (tile->type == TILE_ENTRY)
		return;
	if (ways.without_event == 0)
		check_only_events(validation, tile);
	if (ways.at_once != NULL && ways.with_event > 0)
		check_deaf_edges(validation, tile);
	if (tile->type == TILE_WAIT && !tile_holds(tile) && !ways.any_waits &&
		ways.with_event == 0)
		check_waits_for_nothing(validation, tile);
}

static void
report_shadowed(Validation *validation, const Place *shadowed, const char *by)
{
	Problem    *problem = validation_warning(validation, shadowed);

	problem->message = psprintf("%s is never taken: %s comes before it without a condition",
								place_text(shadowed), by);
	problem->hint = "Move it up, or give the earlier one a condition.";
}

static bool
waits_no_shorter(const Edge *edge, const Edge *than)
{
	if (!edge_waits(than))
		return true;
	return edge_waits(edge) &&
		DatumGetBool(DirectFunctionCall2(interval_ge,
										 IntervalPGetDatum(edge->wait),
										 IntervalPGetDatum(than->wait)));
}

/*
 * Edges without event behind one that everybody takes.  One with a shorter wait
 * is tried earlier, whatever its place in the list.
 */
static void
check_shadowed_edges(Validation *validation, const Tile *tile)
{
	Edge	   *taken = NULL;

	for (int i = 0; i < tile->nedges; i++)
	{
		Edge	   *edge = tile->edges[i];

		if (edge->event != NULL || edge->bucket_from >= 0)
			continue;
		if (taken != NULL && waits_no_shorter(edge, taken))
		{
			Place		here = place_edge(edge);
			Place		before = place_edge(taken);

			report_shadowed(validation, &here, place_path(&before));
		}
		else if (edge_is_unconditional(edge))
			taken = edge;
	}
}

/* Who listens to an event where only the first that matches counts. */
typedef struct Listener
{
	int			listener;		/* number of a tile, or one of those below */
	char		event[MAX_EVENT_LENGTH + 1];
} Listener;

#define LISTENER_TRIGGERS (-1)
#define LISTENER_EXITS (-2)

typedef struct ListenerEntry
{
	Listener	key;
	char	   *first;			/* path of the first without a condition */
} ListenerEntry;

static HTAB *
listeners_create(void)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(Listener);
	ctl.entrysize = sizeof(ListenerEntry);
	ctl.hcxt = CurrentMemoryContext;
	return hash_create("journey listeners", 64, &ctl,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* One more that listens to the event, in the order in which they are asked. */
static void
listeners_add(Validation *validation, HTAB *listeners, const Listener *listener,
			  const Expression *condition, const Place *place)
{
	ListenerEntry *entry = hash_search(listeners, listener, HASH_FIND, NULL);

	if (entry != NULL)
		report_shadowed(validation, place, entry->first);
	else if (condition_is_true(condition))
	{
		entry = hash_search(listeners, listener, HASH_ENTER, NULL);
		entry->first = place_path(place);
	}
}

static Listener
listener_make(int listener, const char *event)
{
	Listener	result;

	memset(&result, 0, sizeof(result));
	result.listener = listener;
	strlcpy(result.event, event, sizeof(result.event));
	return result;
}

static void
check_shadowed_triggers(Validation *validation, HTAB *listeners)
{
	Journey    *journey = validation->journey;

	for (int i = 0; journey->entry != NULL && i < journey->ntriggers; i++)
	{
		Rule	   *rule = &journey->triggers[i];
		Place		entry = place_tile(journey->entry);
		Place		on = {.parent = &entry, .key = "on"};
		Place		here = {.parent = &on, .index = i};
		Listener	listener;

		if (rule->event == NULL)
			continue;
		if (rule->edge != NULL)
			here = place_edge(rule->edge);
		listener = listener_make(LISTENER_TRIGGERS, rule->event);
		listeners_add(validation, listeners, &listener, rule->condition, &here);
	}
}

static void
check_shadowed_exits(Validation *validation, HTAB *listeners)
{
	Journey    *journey = validation->journey;

	for (int i = 0; i < journey->nexits; i++)
	{
		Rule	   *rule = &journey->exits[i];
		Place		exit = {.parent = &place_root, .key = "exit"};
		Place		here = {.parent = &exit, .index = i};
		Listener	listener;

		if (rule->event == NULL)
			continue;
		listener = listener_make(LISTENER_EXITS, rule->event);
		listeners_add(validation, listeners, &listener, rule->condition, &here);
	}
}

static void
check_shadowed_events(Validation *validation, HTAB *listeners)
{
	Journey    *journey = validation->journey;

	for (int i = 0; i < journey->nedges; i++)
	{
		Edge	   *edge = &journey->edges[i];
		Place		here = place_edge(edge);
		Listener	listener;

		if (edge->event == NULL || edge->from == NULL ||
			edge->from->type == TILE_ENTRY)
			continue;
		listener = listener_make(edge->from->number, edge->event);
		listeners_add(validation, listeners, &listener, edge->condition, &here);
	}
}

void
validate_ways_out(Validation *validation)
{
	Journey    *journey = validation->journey;
	HTAB	   *listeners = listeners_create();

	for (int i = 0; i < journey->ntiles; i++)
	{
		CHECK_FOR_INTERRUPTS();
		check_ways_out(validation, &journey->tiles[i]);
		check_shadowed_edges(validation, &journey->tiles[i]);
	}
	check_shadowed_triggers(validation, listeners);
	check_shadowed_exits(validation, listeners);
	check_shadowed_events(validation, listeners);
	hash_destroy(listeners);
}
