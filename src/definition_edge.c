/*-------------------------------------------------------------------------
 *
 * definition_edge.c
 *	  From a definition's jsonb to a Journey: edges.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "document.h"

static void read_end(Parser *parser, const Place *place,
					 JsonbValue *value, void *field);
static void read_edge_percent(Parser *parser, const Place *place,
							  JsonbValue *value, void *field);
static void read_label(Parser *parser, const Place *place,
					   JsonbValue *value, void *field);
static void read_edge_on(Parser *parser, const Place *place,
						 JsonbValue *value, void *field);
static void read_since(Parser *parser, const Place *place,
					   JsonbValue *value, void *field);

static const Key edge_keys[] = {
	{"from", read_end, offsetof(Edge, from), true},
	{"to", read_end, offsetof(Edge, to), true},
	{"event", read_event, offsetof(Edge, event)},
	{"condition", read_condition, offsetof(Edge, condition)},
	{"wait", read_interval, offsetof(Edge, wait)},
	{"percent", read_edge_percent},
	{"label", read_label},
	{"on", read_edge_on},
	{"since", read_since},
	{NULL}
};

static const Word on_words[] = {
	{"error", ON_ERROR},
	{"past", ON_PAST},
	{"max_visits", ON_MAX_VISITS},
	{NULL}
};

static const Word since_words[] = {
	{"tile", false},
	{"entry", true},
	{NULL}
};

static char *
suggest_tile(const Journey *journey, const char *name)
{
	Nearest		nearest;

	nearest_begin(&nearest, name);
	for (int i = 0; i < journey->ntiles; i++)
		nearest_offer(&nearest, journey->tiles[i].name);
	return nearest_hint(&nearest);
}

/* "from" or "to": a draft may lead to tiles that are still to be drawn. */
static void
read_end(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Journey    *journey = parser->journey;
	char	   *name = document_string(parser, place, value, MAX_NAME_LENGTH);
	Tile	   *tile;
	Problem    *problem;

	if (name == NULL)
	{
		journey->is_whole = false;
		return;
	}
	tile = journey_tile(journey, name);
	if (tile == NULL && journey->tiles != NULL)
	{
		problem = problem_add(parser->problems, PROBLEM_GRAPH,
							  ERRCODE_UNDEFINED_OBJECT, place);
		problem->message = psprintf("%s names a tile %s that does not exist",
									place_text(place), quoted_name(name));
		if (may_suggest(parser))
			problem->hint = suggest_tile(journey, name);
		if (problem->hint == NULL)
			problem->hint = "Add the tile, or correct the edge.";
	}
	*(Tile **) field = tile;
}

static void
read_edge_percent(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Edge	   *edge = field;

	edge->bucket_from = 0;
	edge->bucket_to = 0;
	read_percent(parser, place, value, &edge->bucket_to);
}

static void
read_label(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	if (!parser->is_stored)
		(void) document_string(parser, place, value, MAX_SQL_LENGTH);
}

static void
read_edge_on(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Edge	   *edge = field;
	int			on;

	if (document_word(parser, place, value, on_words, &on))
		edge->on = on;
}

static void
read_since(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Edge	   *edge = field;
	int			since_entry;

	if (document_word(parser, place, value, since_words, &since_entry))
		edge->since_entry = since_entry;
}

/* What leads over an edge is one thing: its tile, an event, time or chance. */
static void
check_edge_keys(Parser *parser, const Place *place, JsonbContainer *object)
{
	static const char *const others[] = {"event", "wait", "percent", "since"};

	for (int i = 0; i < lengthof(others); i++)
		check_excludes(parser, place, object, "on", others[i]);
	if (!document_has(object, "on"))
		check_needs(parser, place, object, "since", "event");
}

/* The tile an edge leaves, to name it in messages; NULL if that is not known. */
static const char *
edge_tile_name(const Journey *journey, JsonbContainer *object)
{
	JsonbValue	value;
	Tile	   *tile;

	if (getKeyJsonValueFromContainer(object, "from", 4, &value) == NULL ||
		value.type != jbvString)
		return NULL;
	tile = journey_tile(journey, pnstrdup(value.val.string.val,
										  value.val.string.len));
	return tile ? tile->name : NULL;
}

static void
read_edge(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Edge	   *edge = field;
	JsonbContainer *object = document_object(parser, place, value);
	Place		here = *place;

	edge->position = place->index;
	edge->bucket_from = -1;
	edge->bucket_to = -1;
	if (object == NULL)
	{
		parser->journey->is_whole = false;
		return;
	}
	if (!document_has(object, "from") || !document_has(object, "to"))
		parser->journey->is_whole = false;
	if (!parser->is_stored)
		here.tile = edge_tile_name(parser->journey, object);
	document_keys(parser, &here, object, edge_keys, edge);
	if (!parser->is_stored)
		check_edge_keys(parser, &here, object);
}

void
read_edges(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Journey    *journey = field;
	int			before = list_length(*parser->problems);

	journey->edges = document_list(parser, place, value, read_edge,
								   sizeof(Edge), &journey->nedges);
	if (journey->edges == NULL && list_length(*parser->problems) > before)
		journey->is_whole = false;
}

/* Give each tile its edges, in the order of the document. */
static void
gather_edges(Journey *journey)
{
	for (int i = 0; i < journey->nedges; i++)
		if (journey->edges[i].from != NULL)
			journey->edges[i].from->nedges++;

	for (int i = 0; i < journey->ntiles; i++)
	{
		Tile	   *tile = &journey->tiles[i];

		tile->edges = palloc(sizeof(Edge *) * tile->nedges);
		tile->nedges = 0;
	}

	for (int i = 0; i < journey->nedges; i++)
	{
		Edge	   *edge = &journey->edges[i];

		if (edge->from == NULL)
			continue;
		edge->from->edges[edge->from->nedges++] = edge;
		if (edge->event != NULL)
			edge->from->has_event_edges = true;
		if (edge->since_entry)
			edge->from->has_past_edges = true;
	}
}

/* Buckets as a percent, without decimals that say nothing. */
static char *
percent_text(int buckets)
{
	if (buckets % 100 == 0)
		return psprintf("%d", buckets / 100);
	return psprintf("%d.%02d", buckets / 100, buckets % 100);
}

/*
 * Lay the percents of a tile out over its buckets, in the order of the edges.
 * Returns the first edge that is not by percent alone, or NULL; those that the
 * tile itself leads over are no part of the split.
 */
static Edge *
lay_out_percents(Tile *tile, int *sum)
{
	Edge	   *odd = NULL;

	*sum = 0;
	for (int i = 0; i < tile->nedges; i++)
	{
		Edge	   *edge = tile->edges[i];

		if (edge->on != ON_NOTHING)
			continue;
		if (edge->bucket_from < 0 || edge->condition != NULL || edge->event != NULL)
		{
			odd = odd ? odd : edge;
			continue;
		}
		edge->bucket_from = *sum;
		*sum += edge->bucket_to;
		edge->bucket_to = *sum;
	}
	return odd;
}

static void
check_percents(Parser *parser, Tile *tile)
{
	Place		here = place_tile(tile);
	Edge	   *odd;
	int			sum;
	Problem    *problem;

	odd = lay_out_percents(tile, &sum);
	if (odd == NULL && sum == PERCENT_BUCKETS)
		return;

	problem = problem_add(parser->problems, PROBLEM_GRAPH,
						  ERRCODE_INVALID_PARAMETER_VALUE, &here);
	if (odd != NULL)
	{
		problem->message = psprintf("tile %s mixes edges by percent with others: edges[%d]",
									quoted_name(tile->name), odd->position);
		problem->hint = "Give each of its edges a percent and neither event nor condition,"
			" or split in a branch tile of its own.";
	}
	else
	{
		problem->message = psprintf("percents of tile %s add up to %s, not 100",
									quoted_name(tile->name), percent_text(sum));
		problem->hint = "Change the percents of its edges so that they add up to 100.";
	}
}

static bool
splits_by_percent(const Tile *tile)
{
	for (int i = 0; i < tile->nedges; i++)
		if (tile->edges[i]->bucket_from >= 0 && tile->edges[i]->on == ON_NOTHING)
			return true;
	return false;
}

/* What an action comes to is awaited where there is an edge for its failure. */
static void
default_await(Parser *parser, Tile *tile)
{
	if (!tile_sends(tile) || bms_is_member(tile->number, parser->says_await))
		return;
	for (int i = 0; i < tile->nedges; i++)
		if (tile->edges[i]->on == ON_ERROR)
			tile->await = true;
}

void
link_edges(Parser *parser)
{
	Journey    *journey = parser->journey;

	gather_edges(journey);
	for (int i = 0; i < journey->ntiles; i++)
		default_await(parser, &journey->tiles[i]);
	for (int i = 0; i < journey->ntiles; i++)
		if (splits_by_percent(&journey->tiles[i]))
			check_percents(parser, &journey->tiles[i]);
}
