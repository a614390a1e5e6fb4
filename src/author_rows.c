/*-------------------------------------------------------------------------
 *
 * author_rows.c
 *	  Drawing a draft row by row: add and drop tiles and edges.
 *
 * Each verb reads the draft's document, changes it and stores it the way
 * journey_update does: the result is the document that could have been written
 * at once, and what is wrong with it raises the same errors.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "author_draft.h"
#include "problem.h"

PG_FUNCTION_INFO_V1(journey_add_tile);
PG_FUNCTION_INFO_V1(journey_add_edge);
PG_FUNCTION_INFO_V1(journey_drop_tile);
PG_FUNCTION_INFO_V1(journey_drop_edge);

#define MAX_SHOWN 20			/* positions or tiles listed in a hint */

#define ADD_HINT "Add it with journey_add_tile()."
#define LOOK_HINT "journey_definition() shows its document."

/* A draft that is being changed, and its parts; absent ones are empty. */
typedef struct Draft
{
	JourneyRow *row;
	int16		version;
	Jsonb	   *document;
	Jsonb	   *tiles;
	Jsonb	   *edges;
} Draft;

/* An edge as journey_drop_edge names it. */
typedef struct EdgeWanted
{
	char	   *from;
	char	   *to;
	char	   *event;			/* NULL: with any or none */
	int			position;		/* -1: wherever it is */
} EdgeWanted;

static bool
get(const Jsonb *object, const char *key, JsonbValue *value)
{
	return getKeyJsonValueFromContainer((JsonbContainer *) &object->root, key,
										strlen(key), value) != NULL;
}

/* Whether the key has that string. */
static bool
has_string(const Jsonb *object, const char *key, const char *wanted)
{
	JsonbValue	value;

	return get(object, key, &value) && value.type == jbvString &&
		value.val.string.len == strlen(wanted) &&
		memcmp(value.val.string.val, wanted, value.val.string.len) == 0;
}

static Jsonb *
part(const Jsonb *document, const char *key, const char *absent)
{
	JsonbValue	value;

	if (get(document, key, &value))
		return JsonbValueToJsonb(&value);
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(absent)));
}

/* The object {key: value}. */
static Jsonb *
pair(const char *key, JsonbValue *value)
{
	JsonbParseState *state = NULL;
	JsonbValue	name = {.type = jbvString};

	name.val.string.val = (char *) key;
	name.val.string.len = strlen(key);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	pushJsonbValue(&state, WJB_KEY, &name);
	pushJsonbValue(&state, WJB_VALUE, value);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* As the operator ||. */
static Jsonb *
concat(Jsonb *left, Jsonb *right)
{
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(left),
											  JsonbPGetDatum(right)));
}

static Jsonb *
with_value(Jsonb *object, const char *key, Jsonb *content)
{
	JsonbValue	value = {.type = jbvBinary};

	value.val.binary.data = &content->root;
	value.val.binary.len = VARSIZE(content) - VARHDRSZ;
	return concat(object, pair(key, &value));
}

/* NULL: as it is. */
static Jsonb *
with_string(Jsonb *object, const char *key, const char *string)
{
	JsonbValue	value = {.type = jbvString};

	if (string == NULL)
		return object;
	value.val.string.val = (char *) string;
	value.val.string.len = strlen(string);
	return concat(object, pair(key, &value));
}

static Draft
draft_open(const char *name)
{
	Draft		draft;

	draft.row = row_lock(name);
	row_check_may_write(draft.row);
	draft.version = row_require_draft(draft.row, NO_DRAFT_HINT);
	draft.document = version_definition(draft.row, draft.version);
	draft.tiles = part(draft.document, "tiles", "{}");
	draft.edges = part(draft.document, "edges", "[]");
	return draft;
}

/* A part that was absent stays so while it is empty. */
static Jsonb *
with_part(Jsonb *document, const char *key, Jsonb *content)
{
	JsonbValue	before;

	if (JB_ROOT_COUNT(content) == 0 && !get(document, key, &before))
		return document;
	return with_value(document, key, content);
}

static void
draft_store(const Draft *draft)
{
	Jsonb	   *document = with_part(draft->document, "tiles", draft->tiles);

	document = with_part(document, "edges", draft->edges);
	draft_update(draft->row, draft->version, document);
}

/* The hint is for where no tile has a name like that one. */
static void
require_tile(const Draft *draft, const char *tile, const char *other_hint)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	value;
	Nearest		nearest;
	const char *hint;

	if (get(draft->tiles, tile, &value))
		return;

	nearest_begin(&nearest, tile);
	it = JsonbIteratorInit(&draft->tiles->root);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
		if (token == WJB_KEY)
			nearest_offer(&nearest, pnstrdup(value.val.string.val, value.val.string.len));
	hint = nearest_hint(&nearest);
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("the draft of journey %s has no tile %s",
				   quoted_name(draft->row->name), quoted_name(tile)),
			errhint("%s", hint ? hint : other_hint));
}

static char *
optional_text(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(number));
}

/* An object without the keys that are arguments of their own. */
static Jsonb *
config_argument(FunctionCallInfo fcinfo, int number, const char *const *arguments,
				int narguments)
{
	Jsonb	   *config = author_jsonb(fcinfo, number, "config");
	JsonbValue	value;

	if (!JB_ROOT_IS_OBJECT(config))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("config must be a JSON object"),
				errhint("For example '{\"ui\": {\"x\": 10, \"y\": 20}}'."));
	for (int i = 0; i < narguments; i++)
		if (get(config, arguments[i], &value))
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("config must not have the key \"%s\"", arguments[i]),
					errhint("It is an argument of its own."));
	return config;
}

Datum
journey_add_tile(PG_FUNCTION_ARGS)
{
	static const char *const arguments[] = {"type"};
	Draft		draft;
	char	   *name;
	char	   *tile;
	char	   *type;
	Jsonb	   *config;
	JsonbValue	value;

	author_refuse_where_unsafe("journey_add_tile");
	name = author_text(fcinfo, 0, "journey");
	tile = author_text(fcinfo, 1, "tile");
	type = author_text(fcinfo, 2, "type");
	config = config_argument(fcinfo, 3, arguments, lengthof(arguments));

	draft = draft_open(name);
	if (get(draft.tiles, tile, &value))
		ereport(ERROR,
				errcode(ERRCODE_DUPLICATE_OBJECT),
				errmsg("the draft of journey %s has a tile %s already",
					   quoted_name(name), quoted_name(tile)),
				errhint("Drop it with journey_drop_tile(), or change it with journey_update()."));
	draft.tiles = with_value(draft.tiles, tile, with_string(config, "type", type));
	draft_store(&draft);
	PG_RETURN_VOID();
}

/* What the arguments of journey_add_edge say; the numbers are theirs. */
static Jsonb *
edge_of_arguments(FunctionCallInfo fcinfo, const char *from, const char *to)
{
	static const char *const arguments[] = {
		"from", "to", "event", "condition", "wait", "percent"
	};
	Jsonb	   *edge = config_argument(fcinfo, 7, arguments, lengthof(arguments));
	JsonbValue	percent = {.type = jbvNumeric};

	edge = with_string(edge, "from", from);
	edge = with_string(edge, "to", to);
	edge = with_string(edge, "event", optional_text(fcinfo, 3));
	edge = with_string(edge, "condition", optional_text(fcinfo, 4));
	edge = with_string(edge, "wait", optional_text(fcinfo, 5));
	if (PG_ARGISNULL(6))
		return edge;
	percent.val.numeric = PG_GETARG_NUMERIC(6);
	return concat(edge, pair("percent", &percent));
}

Datum
journey_add_edge(PG_FUNCTION_ARGS)
{
	Draft		draft;
	char	   *name;
	char	   *from;
	char	   *to;
	Jsonb	   *edge;

	author_refuse_where_unsafe("journey_add_edge");
	name = author_text(fcinfo, 0, "journey");
	from = author_text(fcinfo, 1, "from_tile");
	to = author_text(fcinfo, 2, "to_tile");
	edge = edge_of_arguments(fcinfo, from, to);

	draft = draft_open(name);
	require_tile(&draft, from, ADD_HINT);
	require_tile(&draft, to, ADD_HINT);
	draft.edges = concat(draft.edges, edge);
	draft_store(&draft);
	PG_RETURN_VOID();
}

/* The edge at a position of an array of edges. */
static Jsonb *
edge_at(const Jsonb *edges, int position)
{
	return JsonbValueToJsonb(getIthJsonbValueFromContainer((JsonbContainer *) &edges->root,
														   position));
}

/* The edges but for those at some positions. */
static Jsonb *
edges_without(const Jsonb *edges, const Bitmapset *dropped)
{
	JsonbParseState *state = NULL;
	JsonbIterator *it = JsonbIteratorInit((JsonbContainer *) &edges->root);
	JsonbIteratorToken token;
	JsonbValue	value;
	int			position = 0;

	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
		if (token == WJB_ELEM && !bms_is_member(position++, dropped))
			pushJsonbValue(&state, WJB_ELEM, &value);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}

Datum
journey_drop_tile(PG_FUNCTION_ARGS)
{
	Draft		draft;
	char	   *name;
	char	   *tile;
	Bitmapset  *dropped = NULL;

	author_refuse_where_unsafe("journey_drop_tile");
	name = author_text(fcinfo, 0, "journey");
	tile = author_text(fcinfo, 1, "tile");

	draft = draft_open(name);
	require_tile(&draft, tile, LOOK_HINT);
	draft.tiles = DatumGetJsonbP(DirectFunctionCall2(jsonb_delete,
													 JsonbPGetDatum(draft.tiles),
													 CStringGetTextDatum(tile)));
	for (int i = 0; i < JB_ROOT_COUNT(draft.edges); i++)
	{
		Jsonb	   *edge = edge_at(draft.edges, i);

		CHECK_FOR_INTERRUPTS();
		if (has_string(edge, "from", tile) || has_string(edge, "to", tile))
			dropped = bms_add_member(dropped, i);
	}
	draft.edges = edges_without(draft.edges, dropped);
	draft_store(&draft);
	PG_RETURN_VOID();
}

static bool
is_wanted(const EdgeWanted *wanted, const Jsonb *edge, int position)
{
	return has_string(edge, "from", wanted->from) &&
		has_string(edge, "to", wanted->to) &&
		(wanted->event == NULL || has_string(edge, "event", wanted->event)) &&
		(wanted->position < 0 || wanted->position == position);
}

static Bitmapset *
find_edges(const Draft *draft, const EdgeWanted *wanted)
{
	Bitmapset  *found = NULL;

	for (int i = 0; i < JB_ROOT_COUNT(draft->edges); i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (is_wanted(wanted, edge_at(draft->edges, i), i))
			found = bms_add_member(found, i);
	}
	return found;
}

/* As: 1, 3 and 4. */
static char *
positions_text(const Bitmapset *positions)
{
	StringInfoData buf;
	int			count = bms_num_members(positions);
	int			shown = 0;
	int			position = -1;

	initStringInfo(&buf);
	while ((position = bms_next_member(positions, position)) >= 0)
	{
		if (shown > 0)
			appendStringInfoString(&buf, shown == count - 1 ? " and " : ", ");
		if (shown++ == MAX_SHOWN)
		{
			appendStringInfoString(&buf, "...");
			break;
		}
		appendStringInfo(&buf, "%d", position);
	}
	return buf.data;
}

/* As: from tile "hold" to tile "done" with event "PAID" at position 2. */
static char *
wanted_text(const EdgeWanted *wanted)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "from tile %s to tile %s", quoted_name(wanted->from),
					 quoted_name(wanted->to));
	if (wanted->event != NULL)
		appendStringInfo(&buf, " with event %s", quoted_name(wanted->event));
	if (wanted->position >= 0)
		appendStringInfo(&buf, " at position %d", wanted->position);
	return buf.data;
}

/* Where the edges between the two tiles are, or the way is missing. */
static void
raise_no_edge(const Draft *draft, const EdgeWanted *wanted)
{
	EdgeWanted	any = *wanted;
	Bitmapset  *others;

	any.event = NULL;
	any.position = -1;
	others = find_edges(draft, &any);
	if (others == NULL)
	{
		require_tile(draft, wanted->from, LOOK_HINT);
		require_tile(draft, wanted->to, LOOK_HINT);
	}
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("the draft of journey %s has no edge %s",
				   quoted_name(draft->row->name), wanted_text(wanted)),
			others ? errdetail_plural("Between these tiles there is an edge at position %s.",
									  "Between these tiles there are edges at positions %s.",
									  bms_num_members(others),
									  positions_text(others)) : 0);
}

Datum
journey_drop_edge(PG_FUNCTION_ARGS)
{
	Draft		draft;
	EdgeWanted	wanted;
	char	   *name;
	Bitmapset  *found;

	author_refuse_where_unsafe("journey_drop_edge");
	name = author_text(fcinfo, 0, "journey");
	wanted.from = author_text(fcinfo, 1, "from_tile");
	wanted.to = author_text(fcinfo, 2, "to_tile");
	wanted.event = optional_text(fcinfo, 3);
	wanted.position = PG_ARGISNULL(4) ? -1 : PG_GETARG_INT32(4);
	if (!PG_ARGISNULL(4) && wanted.position < 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("edge must not be negative"),
				errhint("Positions in the list of edges begin with 0."));

	draft = draft_open(name);
	found = find_edges(&draft, &wanted);
	if (found == NULL)
		raise_no_edge(&draft, &wanted);
	if (bms_membership(found) == BMS_MULTIPLE)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("the draft of journey %s has several edges %s",
					   quoted_name(name), wanted_text(&wanted)),
				errdetail("They are at positions %s.", positions_text(found)),
				errhint("Say which: journey_drop_edge(..., edge => %d).",
						bms_next_member(found, -1)));
	draft.edges = edges_without(draft.edges, found);
	draft_store(&draft);
	PG_RETURN_VOID();
}
