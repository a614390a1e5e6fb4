/*-------------------------------------------------------------------------
 *
 * definition_tile.c
 *	  From a definition's jsonb to a Journey: tiles and edges.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "document.h"

/* Keys that a tile of any type may have. */
#define ANY_TILE {"type", read_ignored}, {"max_visits"}

static void read_tags(Parser *parser, const Place *place,
					  JsonbValue *value, void *field);
static void read_end(Parser *parser, const Place *place,
					 JsonbValue *value, void *field);
static void read_edge_percent(Parser *parser, const Place *place,
							  JsonbValue *value, void *field);
static void read_label(Parser *parser, const Place *place,
					   JsonbValue *value, void *field);

static const Key entry_keys[] = {
	ANY_TILE,
	{"on", read_on},
	{NULL}
};

static const Key wait_keys[] = {
	ANY_TILE,
	{"for", read_hold},
	{"reset", read_resets},
	{"until"}, {"at"}, {"days"}, {"window"}, {"condition"}, {"recheck"},
	{NULL}
};

static const Key branch_keys[] = {
	ANY_TILE,
	{NULL}
};

static const Key action_keys[] = {
	ANY_TILE,
	{"destination", read_name, offsetof(Tile, destination), true},
	{"payload", read_payload, offsetof(Tile, template)},
	{"tags", read_tags, offsetof(Tile, tags)},
	{"retry"}, {"expires"}, {"await"},
	{NULL}
};

static const Key update_profile_keys[] = {
	ANY_TILE,
	{"set", read_set, offsetof(Tile, template), true},
	{NULL}
};

static const Key exit_keys[] = {
	ANY_TILE,
	{"outcome", read_name, offsetof(Tile, outcome)},
	{NULL}
};

static const Key edge_keys[] = {
	{"from", read_end, offsetof(Edge, from), true},
	{"to", read_end, offsetof(Edge, to), true},
	{"event", read_event, offsetof(Edge, event)},
	{"condition", read_condition, offsetof(Edge, condition)},
	{"wait", read_interval, offsetof(Edge, wait)},
	{"percent", read_edge_percent},
	{"label", read_label},
	{"on"}, {"since"},
	{NULL}
};

typedef struct TileKind
{
	const char *name;
	TileType	type;
	const Key  *keys;			/* NULL: comes with a later version */
} TileKind;

static const TileKind tile_kinds[] = {
	{"entry", TILE_ENTRY, entry_keys},
	{"wait", TILE_WAIT, wait_keys},
	{"branch", TILE_BRANCH, branch_keys},
	{"action", TILE_ACTION, action_keys},
	{"update_profile", TILE_UPDATE_PROFILE, update_profile_keys},
	{"exit", TILE_EXIT, exit_keys},
	{"webhook"},
	{"sub_journey"}
};

static void
complain_tile_type(Parser *parser, const Place *place, const char *type)
{
	Problem    *problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);
	Nearest		nearest;

	problem->message = psprintf("unrecognized type %s of %s", quoted_name(type),
								place_text(place->parent));
	nearest_begin(&nearest, type);
	for (int i = 0; i < lengthof(tile_kinds); i++)
		nearest_offer(&nearest, tile_kinds[i].name);
	problem->hint = nearest_hint(&nearest);
	if (problem->hint == NULL)
		problem->hint = "Tile types are entry, wait, branch, action, update_profile and exit.";
}

/* What the tile is; NULL after a complaint. */
static const TileKind *
tile_kind(Parser *parser, const Place *place, JsonbContainer *object)
{
	Place		here = {.parent = place, .key = "type"};
	JsonbValue	value;
	char	   *type;
	Problem    *problem;

	if (getKeyJsonValueFromContainer(object, "type", 4, &value) == NULL)
	{
		complain_missing(parser, place, "type");
		return NULL;
	}
	type = document_string(parser, &here, &value, MAX_NAME_LENGTH);
	if (type == NULL)
		return NULL;

	for (int i = 0; i < lengthof(tile_kinds); i++)
	{
		if (strcmp(tile_kinds[i].name, type) != 0)
			continue;
		if (tile_kinds[i].keys != NULL)
			return &tile_kinds[i];
		problem = complain(parser, ERRCODE_FEATURE_NOT_SUPPORTED, &here);
		problem->message = psprintf("type \"%s\" of %s is not supported yet",
									type, place_text(place));
		return NULL;
	}
	complain_tile_type(parser, &here, type);
	return NULL;
}

static void
check_tile_name(Parser *parser, const Place *place)
{
	Problem    *problem;

	if (strlen(place->key) <= MAX_NAME_LENGTH && name_is_printable(place->key))
		return;
	problem = complain(parser, ERRCODE_INVALID_NAME, place);
	problem->message = psprintf("%s cannot have this name", place_text(place));
	problem->hint = psprintf("Tile names have 1 to %d bytes and no control characters.",
							 MAX_NAME_LENGTH);
}

/* What a tile has where the document does not say. */
static void
tile_defaults(Tile *tile)
{
	if (tile->type == TILE_EXIT && tile->outcome == NULL)
		tile->outcome = tile->name;
	if (tile->type == TILE_ACTION && tile->template == NULL)
	{
		Datum		empty = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));

		tile->template = template_make(DatumGetJsonbP(empty));
	}
}

static void
read_tile(Parser *parser, const Place *place, JsonbValue *value, Tile *tile)
{
	JsonbContainer *object;
	const TileKind *kind = NULL;

	check_tile_name(parser, place);
	object = document_object(parser, place, value);
	if (object != NULL)
		kind = tile_kind(parser, place, object);
	if (kind == NULL)
	{
		parser->journey->is_whole = false;
		return;
	}

	tile->type = kind->type;
	document_keys(parser, place, object, kind->keys, tile);
	tile_defaults(tile);
	if (tile->type == TILE_ENTRY && parser->journey->entry == NULL)
		parser->journey->entry = tile;
}

void
read_tiles(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Journey    *journey = field;
	JsonbContainer *object = document_object(parser, place, value);
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	item;

	if (object == NULL || JsonContainerSize(object) > MAX_TILES)
	{
		if (object != NULL)
			complain_count(parser, place, MAX_TILES);
		journey->is_whole = false;
		return;
	}

	journey->tiles = palloc0(sizeof(Tile) * JsonContainerSize(object));
	it = JsonbIteratorInit(object);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		Tile	   *tile = &journey->tiles[journey->ntiles];
		Place		here = {.parent = place};

		if (token != WJB_KEY)
			continue;
		CHECK_FOR_INTERRUPTS();
		tile->number = journey->ntiles++;
		tile->name = pnstrdup(item.val.string.val, item.val.string.len);
		here.key = tile->name;
		JsonbIteratorNext(&it, &item, true);
		read_tile(parser, &here, &item, tile);
	}
}

/* The order of keys in jsonb: by length, then by bytes. */
static int
compare_names(const char *a, int alen, const char *b, int blen)
{
	if (alen != blen)
		return alen - blen;
	return memcmp(a, b, alen);
}

static Tile *
find_tile(const Journey *journey, const char *name, int len)
{
	int			low = 0;
	int			high = journey->ntiles;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		Tile	   *tile = &journey->tiles[middle];
		int			order = compare_names(name, len, tile->name, strlen(tile->name));

		if (order == 0)
			return tile;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

Tile *
journey_tile(const Journey *journey, const char *name)
{
	return find_tile(journey, name, strlen(name));
}

static void
read_tags(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	List	  **tags = field;
	int			count;
	char	  **names = document_list(parser, place, value, read_name,
									  sizeof(char *), &count);

	for (int i = 0; i < count; i++)
		*tags = lappend(*tags, names[i]);
}

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
		return;
	tile = journey_tile(journey, name);
	if (tile == NULL)
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
	(void) document_string(parser, place, value, MAX_SQL_LENGTH);
}

/* The tile an edge leaves, to name it in messages. */
static const char *
edge_tile_name(JsonbContainer *object)
{
	JsonbValue	value;

	if (getKeyJsonValueFromContainer(object, "from", 4, &value) == NULL ||
		value.type != jbvString)
		return NULL;
	return pnstrdup(value.val.string.val, value.val.string.len);
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
		return;
	here.tile = edge_tile_name(object);
	document_keys(parser, &here, object, edge_keys, edge);
}

void
read_edges(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Journey    *journey = field;

	journey->edges = document_list(parser, place, value, read_edge,
								   sizeof(Edge), &journey->nedges);
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
 * Returns the first edge that is not by percent alone, or NULL.
 */
static Edge *
lay_out_percents(Tile *tile, int *sum)
{
	Edge	   *odd = NULL;

	*sum = 0;
	for (int i = 0; i < tile->nedges; i++)
	{
		Edge	   *edge = tile->edges[i];

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
	Place		root = {0};
	Place		tiles = {.parent = &root, .key = "tiles"};
	Place		here = {.parent = &tiles, .key = tile->name};
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
		problem->hint = "Give each edge of the tile a percent and neither event nor condition, or put a branch tile of its own before the split.";
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
		if (tile->edges[i]->bucket_from >= 0)
			return true;
	return false;
}

void
link_edges(Parser *parser)
{
	Journey    *journey = parser->journey;

	gather_edges(journey);
	for (int i = 0; i < journey->ntiles; i++)
		if (splits_by_percent(&journey->tiles[i]))
			check_percents(parser, &journey->tiles[i]);
}
