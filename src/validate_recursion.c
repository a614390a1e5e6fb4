/*-------------------------------------------------------------------------
 *
 * validate_recursion.c
 *	  Journeys that enter each other without end.
 *
 * A sub-journey's member is a new one, so nothing that it has behind it ends
 * the recursion: not max_visits, and no count of its visits.  What ends it are
 * waits (then it only goes on step by step) and ways past the sub_journey tile.
 * That an entry is refused counts as neither: it depends on who is inside.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/snapmgr.h"

#include "sql.h"
#include "validate.h"

#define MAX_KNOWN_NAME 256		/* bytes, of a journey that a tile names */
#define MAX_NAMED_JOURNEYS 10	/* in one message */

/* A journey that members can come to by sub_journey tiles. */
typedef struct Known
{
	char		name[MAX_KNOWN_NAME + 1];
	Journey    *journey;		/* NULL: nothing is known of it */
	List	   *at_once;		/* Tile *: see children_at_once(); NIL until
								 * asked for */
	bool		can_end;
	struct Known *before;		/* on the way from the journey being checked */
	bool		reached;		/* on some such way */
} Known;

typedef struct Recursion
{
	Validation *validation;
	HTAB	   *by_name;
	List	   *all;			/* Known *; the journey being checked is first */
	Known	   *root;
} Recursion;

/* ---- which journeys there are ---- */

/* The definition that new members get; NULL: none that can be walked. */
static Journey *
read_journey(const char *name)
{
	static SqlPlan plan = {
		"SELECT v.definition FROM journey.journey j"
		" JOIN journey.version_row v ON v.journey = j.id AND v.version = j.version"
		" WHERE j.name = $1",
		1, {TEXTOID}
	};
	SqlSession	session;
	Datum		value = CStringGetTextDatum(name);
	Jsonb	   *definition = NULL;
	List	   *problems = NIL;
	Journey    *journey;
	bool		isnull;

	sql_begin(&session);
	if (sql_read(&plan, &value, NULL, GetLatestSnapshot()) > 0)
		definition = DatumGetJsonbP(sql_datum(&session, 0, 1, &isnull));
	sql_end(&session);
	if (definition == NULL)
		return NULL;
	journey = definition_parse(definition, &problems);
	if (!journey->is_whole || journey->entry == NULL || problems_of_form(problems))
		return NULL;
	return journey;
}

static Known *
known_add(Recursion *recursion, const char *name, Journey *journey)
{
	Known	   *known = hash_search(recursion->by_name, name, HASH_ENTER, NULL);

	known->journey = journey;
	known->at_once = NIL;
	known->can_end = false;
	known->before = NULL;
	known->reached = false;
	recursion->all = lappend(recursion->all, known);
	return known;
}

static Known *
known_find(Recursion *recursion, const char *name)
{
	return hash_search(recursion->by_name, name, HASH_FIND, NULL);
}

/* The journey and all that its tiles lead to, each read once. */
static void
gather(Recursion *recursion)
{
	Journey    *journey = recursion->validation->journey;

	/* Without a name nobody else names it; no journey's name is empty. */
	recursion->root = known_add(recursion, journey->name ? journey->name : "", journey);
	for (int n = 0; n < list_length(recursion->all); n++)
	{
		Known	   *known = list_nth(recursion->all, n);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; known->journey != NULL && i < known->journey->ntiles; i++)
		{
			const char *child = known->journey->tiles[i].child;

			if (child != NULL && known_find(recursion, child) == NULL)
				known_add(recursion, child, read_journey(child));
		}
	}
}

static void
recursion_begin(Recursion *recursion, Validation *validation)
{
	HASHCTL		ctl = {0};

	ctl.keysize = MAX_KNOWN_NAME + 1;
	ctl.entrysize = sizeof(Known);
	ctl.hcxt = CurrentMemoryContext;
	recursion->validation = validation;
	recursion->all = NIL;
	recursion->by_name = hash_create("journeys by name", 64, &ctl,
									 HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	gather(recursion);
}

/* ---- from entry to entry without a wait ---- */

/* sub_journey tiles that a member gets to in the step that enters it. */
static List *
children_at_once(const Journey *journey)
{
	List	   *tiles = NIL;
	Frontier	frontier;
	Tile	   *tile;

	frontier_begin(&frontier, journey);
	frontier_add(&frontier, journey->entry);
	while ((tile = frontier_next(&frontier)) != NULL)
	{
		if (tile->child != NULL)
			tiles = lappend(tiles, tile);
		for (int i = 0; i < tile->nedges; i++)
		{
			Edge	   *edge = tile->edges[i];

			if (edge_holding(edge) == HOLDS_NOT && edge->on != ON_MAX_VISITS &&
				!condition_is_false(edge->condition))
				frontier_add(&frontier, edge->to);
		}
	}
	frontier_end(&frontier);
	return tiles;
}

/* Follow the tiles to journeys that were not reached yet. */
static List *
reach(Recursion *recursion, Known *from, List *tiles, List *open)
{
	ListCell   *lc;

	foreach(lc, tiles)
	{
		Known	   *child = known_find(recursion, ((Tile *) lfirst(lc))->child);

		if (child->reached)
			continue;
		child->reached = true;
		child->before = from;
		open = lappend(open, child);
	}
	return open;
}

/*
 * Does the tile lead back to the journey that it is in?  Then the journeys'
 * before tell the way.
 */
static bool
comes_back(Recursion *recursion, Tile *tile)
{
	List	   *open;
	ListCell   *lc;

	foreach(lc, recursion->all)
		((Known *) lfirst(lc))->reached = false;
	open = reach(recursion, recursion->root, list_make1(tile), NIL);
	for (int n = 0; n < list_length(open); n++)
	{
		Known	   *known = list_nth(open, n);

		CHECK_FOR_INTERRUPTS();
		if (known == recursion->root)
			return true;
		if (known->journey != NULL && known->at_once == NIL)
			known->at_once = children_at_once(known->journey);
		open = reach(recursion, known, known->at_once, open);
	}
	return false;
}

/* The journeys from the one being checked back to it, as "a", "b". */
static char *
way_back(const Recursion *recursion)
{
	StringInfoData buf;
	List	   *way = NIL;
	ListCell   *lc;

	for (Known *known = recursion->root->before; known != recursion->root;
		 known = known->before)
		way = lcons(known, way);
	way = lcons(recursion->root, way);

	initStringInfo(&buf);
	foreach(lc, way)
	{
		if (foreach_current_index(lc) == MAX_NAMED_JOURNEYS)
		{
			appendStringInfo(&buf, " and %d more", list_length(way) - MAX_NAMED_JOURNEYS);
			break;
		}
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "",
						 quoted_name(((Known *) lfirst(lc))->name));
	}
	return buf.data;
}

/* Is there such a loop?  Each tile that begins one is reported. */
static bool
check_loops(Recursion *recursion)
{
	Validation *validation = recursion->validation;
	bool		found = false;
	ListCell   *lc;

	foreach(lc, children_at_once(validation->journey))
	{
		Tile	   *tile = lfirst(lc);
		Place		parent = place_tile(tile);
		Place		here = {.parent = &parent, .key = "journey"};
		Problem    *problem;

		if (!comes_back(recursion, tile))
			continue;
		found = true;
		problem = validation_error(validation, ERRCODE_INVALID_PARAMETER_VALUE, &here);
		problem->message = psprintf("members would enter journeys in a loop without a wait: %s",
									way_back(recursion));
		problem->hint = "Put a wait tile with \"for\" before a sub_journey tile of the loop.";
	}
	return found;
}

/* ---- members that cannot come to an end ---- */

/* What may end a member besides its own way through the tiles. */
typedef enum Ending
{
	BY_TILES,
	BY_RULES_TOO				/* exit rules, max_duration */
} Ending;

static bool
child_can_end(Recursion *recursion, const Tile *tile)
{
	return !tile->await || tile->child == NULL ||
		known_find(recursion, tile->child)->can_end;
}

/* Is the member at an end here, an exit or not, if the tile lets it go on? */
static bool
ends_at(const Tile *tile)
{
	WaysOut		ways = tile_ways_out(tile);

	if (tile->type == TILE_EXIT || (ways.with_event == 0 && ways.unconditional == NULL))
		return true;
	for (int i = 0; i < tile->nedges; i++)
		if (tile->edges[i]->on == ON_MAX_VISITS)
			return false;
	return tile->max_visits > 0;
}

/* Can a member of the journey come to an end?  frontier: where it can come to. */
static bool
has_end(Recursion *recursion, const Journey *journey, Ending ending, Frontier *frontier)
{
	Tile	   *tile;
	bool		ends = ending == BY_RULES_TOO &&
		(journey->nexits > 0 || journey->max_duration != NULL);

	frontier_begin(frontier, journey);
	frontier_add(frontier, journey->entry);
	while ((tile = frontier_next(frontier)) != NULL)
	{
		bool		goes_on = child_can_end(recursion, tile);

		if (goes_on && ends_at(tile))
			ends = true;
		for (int i = 0; i < tile->nedges; i++)
			if (goes_on || !edge_is_normal(tile->edges[i]))
				frontier_add(frontier, tile->edges[i]->to);
	}
	return ends;
}

/* The least fixpoint: a journey can end once those can that it has to await. */
static void
find_ends(Recursion *recursion, Ending ending)
{
	bool		changed;
	ListCell   *lc;

	foreach(lc, recursion->all)
	{
		Known	   *known = lfirst(lc);

		known->can_end = known->journey == NULL;
	}
	do
	{
		changed = false;
		foreach(lc, recursion->all)
		{
			Known	   *known = lfirst(lc);
			Frontier	frontier;

			CHECK_FOR_INTERRUPTS();
			if (known->can_end)
				continue;
			known->can_end = has_end(recursion, known->journey, ending, &frontier);
			changed |= known->can_end;
			frontier_end(&frontier);
		}
	} while (changed);
}

/* The first tile that keeps members because its journey does not end. */
static Tile *
endless_child(Recursion *recursion)
{
	Journey    *journey = recursion->validation->journey;
	Frontier	frontier;

	(void) has_end(recursion, journey, BY_TILES, &frontier);
	for (int i = 0; i < journey->ntiles; i++)
		if (frontier.seen[i] && !child_can_end(recursion, &journey->tiles[i]))
			return &journey->tiles[i];
	return NULL;
}

static void
report_endless(Validation *validation, const Tile *tile, bool is_error)
{
	Place		parent = place_tile(tile);
	Place		here = {.parent = &parent, .key = "journey"};
	Problem    *problem;

	if (is_error)
	{
		problem = validation_error(validation, ERRCODE_INVALID_PARAMETER_VALUE, &here);
		problem->message = psprintf("members never get to an exit: %s awaits journey %s, which cannot end",
									place_text(&parent), quoted_name(tile->child));
	}
	else
	{
		problem = validation_warning(validation, &here);
		problem->message = psprintf("members get out by \"exit\" or \"max_duration\" alone:"
									" %s awaits journey %s, which cannot end by its tiles",
									place_text(&parent), quoted_name(tile->child));
	}
	problem->hint = "Each of its members enters another one:"
		" lead a way past the sub_journey tile, or give it \"await\": false.";
}

static void
check_ends(Recursion *recursion)
{
	Validation *validation = recursion->validation;
	Tile	   *tile;

	find_ends(recursion, BY_TILES);
	if (recursion->root->can_end)
		return;
	tile = endless_child(recursion);
	if (tile == NULL)
		return;					/* it has other problems */
	find_ends(recursion, BY_RULES_TOO);
	report_endless(validation, tile, !recursion->root->can_end);
}

void
validate_recursion(Validation *validation)
{
	Journey    *journey = validation->journey;
	Recursion	recursion;
	bool		has_children = false;

	for (int i = 0; i < journey->ntiles; i++)
		has_children |= journey->tiles[i].child != NULL;
	if (!has_children || journey->entry == NULL)
		return;
	recursion_begin(&recursion, validation);
	if (!check_loops(&recursion))
		check_ends(&recursion);
	hash_destroy(recursion.by_name);
}
