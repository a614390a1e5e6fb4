/*-------------------------------------------------------------------------
 *
 * definition_tile.c
 *	  From a definition's jsonb to a Journey: tiles.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "document.h"

/* Keys that a tile of any type may have. */
#define ANY_TILE {"type", read_ignored}, \
	{"max_visits", read_count, offsetof(Tile, max_visits)}

static void read_tags(Parser *parser, const Place *place,
					  JsonbValue *value, void *field);
static void read_resets(Parser *parser, const Place *place,
						JsonbValue *value, void *field);
static void read_await(Parser *parser, const Place *place,
					   JsonbValue *value, void *field);

static const Key entry_keys[] = {
	ANY_TILE,
	{"on", read_on},
	{NULL}
};

static const Key wait_keys[] = {
	ANY_TILE,
	{"for", read_hold},
	{"until", read_until, offsetof(Tile, until)},
	{"at", read_at},
	{"days", read_at_days},
	{"window", read_window, offsetof(Tile, window)},
	{"condition", read_condition, offsetof(Tile, condition)},
	{"recheck", read_span, offsetof(Tile, recheck)},
	{"reset", read_resets},
	{NULL}
};

static const Key reset_keys[] = {
	{"event", read_event, offsetof(Rule, event), true},
	{"condition", read_condition, offsetof(Rule, condition)},
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
	{"retry", read_retry, offsetof(Tile, retry)},
	{"expires", read_span, offsetof(Tile, expires)},
	{"await", read_await},
	{NULL}
};

static const Key webhook_keys[] = {
	ANY_TILE,
	{"destination", read_name, offsetof(Tile, destination), true},
	{"path", read_path, offsetof(Tile, path)},
	{"method", read_request_method, offsetof(Tile, method)},
	{"headers", read_request_headers, offsetof(Tile, headers)},
	{"body", read_payload, offsetof(Tile, body)},
	{"retry", read_retry, offsetof(Tile, retry)},
	{"expires", read_span, offsetof(Tile, expires)},
	{"await", read_await},
	{NULL}
};

static const Key retry_keys[] = {
	{"max", read_count, offsetof(RetryPolicy, max)},
	{"first", read_span, offsetof(RetryPolicy, first)},
	{"factor", read_factor, offsetof(RetryPolicy, factor)},
	{"longest", read_span, offsetof(RetryPolicy, longest)},
	{NULL}
};

static const Key update_profile_keys[] = {
	ANY_TILE,
	{"set", read_set, offsetof(Tile, template), true},
	{NULL}
};

static const Key sub_journey_keys[] = {
	ANY_TILE,
	{"journey", read_name, offsetof(Tile, child), true},
	{"key", read_text_sql, offsetof(Tile, child_key)},
	{"context", read_set, offsetof(Tile, template)},
	{"await", read_await},
	{NULL}
};

static const Key exit_keys[] = {
	ANY_TILE,
	{"outcome", read_name, offsetof(Tile, outcome)},
	{NULL}
};

typedef struct TileKind
{
	const char *name;
	TileType	type;
	const Key  *keys;
} TileKind;

static const TileKind tile_kinds[] = {
	{"entry", TILE_ENTRY, entry_keys},
	{"wait", TILE_WAIT, wait_keys},
	{"branch", TILE_BRANCH, branch_keys},
	{"action", TILE_ACTION, action_keys},
	{"webhook", TILE_WEBHOOK, webhook_keys},
	{"update_profile", TILE_UPDATE_PROFILE, update_profile_keys},
	{"sub_journey", TILE_SUB_JOURNEY, sub_journey_keys},
	{"exit", TILE_EXIT, exit_keys}
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
		problem->hint = "Tile types are entry, wait, branch, action, webhook, update_profile, sub_journey and exit.";
}

/* What the tile is; NULL after a complaint. */
static const TileKind *
tile_kind(Parser *parser, const Place *place, JsonbContainer *object)
{
	Place		here = {.parent = place, .key = "type"};
	JsonbValue	value;
	char	   *type;

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
		if (strcmp(tile_kinds[i].name, type) == 0)
			return &tile_kinds[i];
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

/* What a webhook tile leaves in the outbox: of the request, what it says. */
static Template *
request_template(Tile *tile)
{
	static const char *const names[] = {"path", "method", "headers", "body"};
	Template   *parts[] = {tile->path, tile->method, tile->headers, tile->body};

	return template_gather(lengthof(parts), names, parts);
}

/* What a tile has where the document does not say. */
static void
tile_defaults(Parser *parser, Tile *tile)
{
	bool		has_template = tile->type == TILE_ACTION || tile->type == TILE_SUB_JOURNEY;

	if (tile->type == TILE_EXIT && tile->outcome == NULL)
		tile->outcome = tile->name;
	if (tile->type == TILE_SUB_JOURNEY && !bms_is_member(tile->number, parser->says_await))
		tile->await = true;		/* of an action: see link_edges */
	if (tile->type == TILE_WEBHOOK)
		tile->template = request_template(tile);
	if (has_template && tile->template == NULL)
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
	if (tile->type == TILE_WAIT && !parser->is_stored)
	{
		check_needs(parser, place, object, "days", "at");
		check_needs(parser, place, object, "recheck", "condition");
	}
	tile_defaults(parser, tile);
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

bool
tile_has_tag(const Tile *tile, const char *tag)
{
	ListCell   *cell;

	foreach(cell, tile->tags)
	{
		if (strcmp(lfirst(cell), tag) == 0)
			return true;
	}
	return false;
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

static void
read_reset(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	JsonbContainer *object = document_object(parser, place, value);

	if (object != NULL)
		document_keys(parser, place, object, reset_keys, field);
}

static void
read_resets(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Tile	   *tile = field;

	tile->resets = document_list(parser, place, value, read_reset,
								 sizeof(Rule), &tile->nresets);
}

static void
check_longest(Parser *parser, const Place *place, const RetryPolicy *retry)
{
	Place		here = {.parent = place, .key = "longest"};
	Problem    *problem;

	if (retry->first == NULL || retry->longest == NULL ||
		!DatumGetBool(DirectFunctionCall2(interval_lt,
										  IntervalPGetDatum(retry->longest),
										  IntervalPGetDatum(retry->first))))
		return;
	problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, &here);
	problem->message = psprintf("%s is shorter than \"first\"", place_text(&here));
	problem->hint = "It is the longest time between two attempts.";
}

void
read_retry(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	JsonbContainer *object = document_object_as(parser, place, value,
												"{\"max\": 5, \"first\": \"1 minute\"}");
	int			before = list_length(*parser->problems);
	RetryPolicy *retry;

	if (object == NULL)
		return;
	retry = palloc0(sizeof(RetryPolicy));
	document_keys(parser, place, object, retry_keys, retry);
	if (list_length(*parser->problems) == before)
		check_longest(parser, place, retry);
	*(RetryPolicy **) field = retry;
}

static void
read_await(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	Tile	   *tile = field;

	parser->says_await = bms_add_member(parser->says_await, tile->number);
	read_bool(parser, place, value, &tile->await);
}
