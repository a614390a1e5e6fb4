/*-------------------------------------------------------------------------
 *
 * validate_shadow.c
 *	  Edges and rules that are never taken, because others come before them or
 *	  their condition is never true.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

#include "validate.h"

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

		if (!edge_is_normal(edge) || edge->bucket_from >= 0)
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

/*
 * Who listens to an event, or to what a tile may come to, where only the first
 * that matches counts.
 */
typedef struct Listener
{
	int			listener;		/* number of a tile, or one of those below */
	EdgeOn		on;
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
listener_make(int listener, const char *event, EdgeOn on)
{
	Listener	result;

	memset(&result, 0, sizeof(result));
	result.listener = listener;
	result.on = on;
	if (event != NULL)
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

		/* A rule of an audience leaves other audiences to those behind it. */
		if (rule->event == NULL || rule->audience != NULL)
			continue;
		if (rule->edge != NULL)
			here = place_edge(rule->edge);
		listener = listener_make(LISTENER_TRIGGERS, rule->event, ON_NOTHING);
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

		if (rule->event == NULL || rule->audience != NULL)
			continue;
		listener = listener_make(LISTENER_EXITS, rule->event, ON_NOTHING);
		listeners_add(validation, listeners, &listener, rule->condition, &here);
	}
}

/* Edges by event, and those with "on". */
static void
check_shadowed_listeners(Validation *validation, HTAB *listeners)
{
	Journey    *journey = validation->journey;

	for (int i = 0; i < journey->nedges; i++)
	{
		Edge	   *edge = &journey->edges[i];
		Place		here = place_edge(edge);
		Listener	listener;

		if (edge_is_normal(edge) || edge->from == NULL || edge->from->type == TILE_ENTRY)
			continue;
		listener = listener_make(edge->from->number, edge->event, edge->on);
		listeners_add(validation, listeners, &listener, edge->condition, &here);
	}
}

static void
check_never_true(Validation *validation, const Place *place, const Expression *condition)
{
	Place		here = {.parent = place, .key = "condition"};
	Problem    *problem;

	if (!condition_is_false(condition))
		return;
	problem = validation_warning(validation, &here);
	problem->message = psprintf("%s is never true", place_text(&here));
	problem->hint = "Delete what it belongs to, or write SQL that can be true.";
}

static void
check_false_rules(Validation *validation, const Place *list, const Rule *rules, int nrules)
{
	for (int i = 0; i < nrules; i++)
	{
		Place		here = {.parent = list, .index = i};

		if (rules[i].edge == NULL)
			check_never_true(validation, &here, rules[i].condition);
	}
}

static void
check_false_conditions(Validation *validation)
{
	Journey    *journey = validation->journey;
	Place		exits = {.parent = &place_root, .key = "exit"};

	check_false_rules(validation, &exits, journey->exits, journey->nexits);
	if (journey->entry != NULL)
	{
		Place		entry = place_tile(journey->entry);
		Place		on = {.parent = &entry, .key = "on"};

		check_false_rules(validation, &on, journey->triggers, journey->ntriggers);
	}
	for (int i = 0; i < journey->ntiles; i++)
	{
		Place		here = place_tile(&journey->tiles[i]);
		Place		reset = {.parent = &here, .key = "reset"};

		check_never_true(validation, &here, journey->tiles[i].condition);
		check_false_rules(validation, &reset, journey->tiles[i].resets,
						  journey->tiles[i].nresets);
	}
	for (int i = 0; i < journey->nedges; i++)
	{
		Place		here = place_edge(&journey->edges[i]);

		check_never_true(validation, &here, journey->edges[i].condition);
	}
}

void
validate_shadows(Validation *validation)
{
	Journey    *journey = validation->journey;
	HTAB	   *listeners = listeners_create();

	for (int i = 0; i < journey->ntiles; i++)
	{
		CHECK_FOR_INTERRUPTS();
		check_shadowed_edges(validation, &journey->tiles[i]);
	}
	check_shadowed_triggers(validation, listeners);
	check_shadowed_exits(validation, listeners);
	check_shadowed_listeners(validation, listeners);
	hash_destroy(listeners);
	check_false_conditions(validation);
}
