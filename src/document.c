/*-------------------------------------------------------------------------
 *
 * document.c
 *	  Reading a definition's jsonb by tables of keys.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "document.h"

#define MAX_SUGGESTIONS 50

/* Keys that editors may put anywhere for themselves. */
static const char *const free_keys[] = {"ui", "description"};

Problem *
complain(Parser *parser, int sqlstate, const Place *place)
{
	return problem_add(parser->problems, PROBLEM_FORM, sqlstate, place);
}

void
complain_unsupported(Parser *parser, const Place *place)
{
	Problem    *problem = complain(parser, ERRCODE_FEATURE_NOT_SUPPORTED, place);

	problem->message = psprintf("key %s is not supported yet", place_text(place));
}

bool
may_suggest(Parser *parser)
{
	return parser->suggestions++ < MAX_SUGGESTIONS;
}

static const char *
json_type(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			return "null";
		case jbvString:
			return "a string";
		case jbvNumeric:
			return "a number";
		case jbvBool:
			return "a boolean";
		case jbvBinary:
			if (JsonContainerIsObject(value->val.binary.data))
				return "an object";
			if (JsonContainerIsScalar(value->val.binary.data))
				return "a scalar";
			return "an array";
		default:
			elog(ERROR, "unexpected jsonb value type %d", (int) value->type);
	}
	return NULL;				/* keep compiler quiet */
}

Problem *
complain_type(Parser *parser, const Place *place, JsonbValue *value,
			  const char *wanted)
{
	Problem    *problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);

	problem->message = psprintf("%s must be %s, not %s", place_text(place),
								wanted, json_type(value));
	return problem;
}

JsonbContainer *
document_object(Parser *parser, const Place *place, JsonbValue *value)
{
	if (value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data))
		return value->val.binary.data;
	complain_type(parser, place, value, "an object");
	return NULL;
}

JsonbContainer *
document_object_as(Parser *parser, const Place *place, JsonbValue *value,
				   const char *example)
{
	if (value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data))
		return value->val.binary.data;
	complain_type(parser, place, value, "an object")->hint =
		psprintf("For example %s.", example);
	return NULL;
}

JsonbContainer *
document_array(Parser *parser, const Place *place, JsonbValue *value)
{
	if (value->type == jbvBinary &&
		JsonContainerIsArray(value->val.binary.data) &&
		!JsonContainerIsScalar(value->val.binary.data))
		return value->val.binary.data;
	complain_type(parser, place, value, "an array");
	return NULL;
}

bool
document_has(JsonbContainer *object, const char *key)
{
	JsonbValue	value;

	return getKeyJsonValueFromContainer(object, key, strlen(key), &value) != NULL;
}

static const Key *
find_key(const Key *keys, const char *name)
{
	for (const Key *key = keys; key->name != NULL; key++)
		if (strcmp(key->name, name) == 0)
			return key;
	return NULL;
}

static bool
is_free_key(const char *name)
{
	for (int i = 0; i < lengthof(free_keys); i++)
		if (strcmp(free_keys[i], name) == 0)
			return true;
	return false;
}

/* As: Known keys are "for", "reset". */
static char *
known_keys_hint(const Key *keys)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (const Key *key = keys; key->name != NULL; key++)
	{
		if (key->read == NULL || key->is_hidden)
			continue;
		appendStringInfo(&buf, "%s\"%s\"",
						 buf.len > 0 ? ", " : "Known keys are ", key->name);
	}
	appendStringInfoChar(&buf, '.');
	return buf.data;
}

static void
complain_unrecognized(Parser *parser, const Place *place, const Key *keys)
{
	Problem    *problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);

	problem->message = psprintf("unrecognized key %s in %s",
								quoted_name(place->key),
								place_text(place->parent));
	if (may_suggest(parser))
	{
		Nearest		nearest;

		nearest_begin(&nearest, place->key);
		for (const Key *key = keys; key->name != NULL; key++)
		{
			if (!key->is_hidden)
				nearest_offer(&nearest, key->name);
		}
		problem->hint = nearest_hint(&nearest);
	}
	if (problem->hint == NULL)
		problem->hint = known_keys_hint(keys);
}

/* Complain of keys that are not in the table or come with a later version. */
static bool
check_keys(Parser *parser, const Place *place, JsonbContainer *object,
		   const Key *keys)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbValue	value;
	JsonbIteratorToken token;
	bool		all_supported = true;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		Place		here = {.parent = place};
		const Key  *key;

		if (token != WJB_KEY)
			continue;
		here.key = pnstrdup(value.val.string.val, value.val.string.len);
		key = find_key(keys, here.key);
		if (key == NULL && !is_free_key(here.key))
			complain_unrecognized(parser, &here, keys);
		else if (key != NULL && key->read == NULL)
		{
			complain_unsupported(parser, &here);
			all_supported = false;
		}
	}
	return all_supported;
}

Problem *
complain_missing(Parser *parser, const Place *place, const char *name)
{
	Problem    *problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);

	problem->message = psprintf("%s needs the key \"%s\"", place_text(place), name);
	if (place->parent == NULL)
		problem->hint = parser->missing_hint;
	return problem;
}

void
check_needs(Parser *parser, const Place *place, JsonbContainer *object,
			const char *key, const char *other)
{
	Place		here = {.parent = place, .key = key};
	Problem    *problem;

	if (!document_has(object, key) || document_has(object, other))
		return;
	problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, &here);
	problem->message = psprintf("%s says nothing without the key \"%s\"",
								place_text(&here), other);
	problem->hint = psprintf("Add \"%s\", or leave \"%s\" out.", other, key);
}

void
check_excludes(Parser *parser, const Place *place, JsonbContainer *object,
			   const char *key, const char *other)
{
	Place		here = {.parent = place, .key = key};
	Problem    *problem;

	if (!document_has(object, key) || !document_has(object, other))
		return;
	problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, &here);
	problem->message = psprintf("%s cannot stand beside the key \"%s\"",
								place_text(&here), other);
	problem->hint = "Leave one of the two out.";
}

void
document_keys(Parser *parser, const Place *place, JsonbContainer *object,
			  const Key *keys, void *target)
{
	bool		all_supported;

	all_supported = parser->is_stored ||
		check_keys(parser, place, object, keys);

	for (const Key *key = keys; key->name != NULL; key++)
	{
		Place		here = {.parent = place, .key = key->name};
		JsonbValue	value;

		if (key->read == NULL)
			continue;
		if (getKeyJsonValueFromContainer(object, key->name, strlen(key->name),
										 &value) != NULL)
			key->read(parser, &here, &value, (char *) target + key->offset);
		else if (key->is_required && all_supported)
			complain_missing(parser, place, key->name);
	}
}

void
complain_count(Parser *parser, const Place *place, int max)
{
	Problem    *problem = complain(parser, ERRCODE_PROGRAM_LIMIT_EXCEEDED, place);

	problem->message = psprintf("%s must not have more than %d items",
								place_text(place), max);
}

void *
document_list(Parser *parser, const Place *place, JsonbValue *value,
			  Reader read, size_t size, int *count)
{
	JsonbContainer *array = document_array(parser, place, value);
	JsonbIterator *it;
	JsonbValue	item;
	JsonbIteratorToken token;
	Place		here = {.parent = place};
	char	   *items;

	*count = 0;
	if (array == NULL || JsonContainerSize(array) == 0)
		return NULL;
	if (JsonContainerSize(array) > MAX_EDGES)
	{
		complain_count(parser, place, MAX_EDGES);
		return NULL;
	}

	items = palloc0(JsonContainerSize(array) * size);
	it = JsonbIteratorInit(array);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		CHECK_FOR_INTERRUPTS();
		here.index = (*count)++;
		read(parser, &here, &item, items + here.index * size);
	}
	return items;
}

static void
complain_length(Parser *parser, const Place *place, int max_length)
{
	Problem    *problem = complain(parser, ERRCODE_PROGRAM_LIMIT_EXCEEDED, place);

	problem->message = psprintf("%s must not be longer than %d bytes",
								place_text(place), max_length);
}

char *
document_string(Parser *parser, const Place *place, JsonbValue *value,
				int max_length)
{
	if (value->type != jbvString)
	{
		complain_type(parser, place, value, "a string");
		return NULL;
	}
	if (value->val.string.len > max_length)
	{
		complain_length(parser, place, max_length);
		return NULL;
	}
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* NULL, after a complaint, unless it can name something. */
static char *
name_string(Parser *parser, const Place *place, JsonbValue *value, int max_length)
{
	char	   *name = document_string(parser, place, value, max_length);

	if (name != NULL && !name_is_printable(name))
	{
		Problem    *problem = complain(parser, ERRCODE_INVALID_NAME, place);

		problem->message = psprintf(name[0] == '\0' ?
									"%s must not be empty" :
									"%s must not contain control characters",
									place_text(place));
		return NULL;
	}
	return name;
}

void
read_ignored(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
}

void
read_text(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	*(char **) field = document_string(parser, place, value, MAX_SQL_LENGTH);
}

void
read_name(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	*(char **) field = name_string(parser, place, value, MAX_NAME_LENGTH);
}

/* Names that begin with a dollar are events that journeys raise themselves. */
static void
check_internal_event(Parser *parser, const Place *place, const char *event)
{
	static const char *const events[] = {
		EVENT_JOURNEY_EXITED, EVENT_PROFILE_CHANGED, EVENT_AUDIENCE_ENTERED,
		EVENT_AUDIENCE_LEFT, EVENT_ACTION_DELIVERED, EVENT_ACTION_FAILED
	};
	Nearest		nearest;
	Problem    *problem;

	nearest_begin(&nearest, event);
	for (int i = 0; i < lengthof(events); i++)
	{
		if (strcmp(event, events[i]) == 0)
			return;
		nearest_offer(&nearest, events[i]);
	}
	problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);
	problem->message = psprintf("unrecognized internal event %s in %s",
								quoted_name(event), place_text(place));
	problem->hint = nearest_hint(&nearest);
	if (problem->hint == NULL)
		problem->hint = "Names that begin with \"$\" are journeys' own events.";
}

void
read_event(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	char	   *event = name_string(parser, place, value, MAX_EVENT_LENGTH);

	if (event != NULL && event[0] == '$')
		check_internal_event(parser, place, event);
	*(char **) field = event;
}

/* As: Known values are "keep", "shift" and "restart". */
static char *
known_words_hint(const Word *words)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "Known values are ");
	for (const Word *word = words; word->word != NULL; word++)
	{
		if (word > words)
			appendStringInfoString(&buf, word[1].word ? ", " : " and ");
		appendStringInfo(&buf, "\"%s\"", word->word);
	}
	appendStringInfoChar(&buf, '.');
	return buf.data;
}

bool
document_word(Parser *parser, const Place *place, JsonbValue *value,
			  const Word *words, int *result)
{
	char	   *text = document_string(parser, place, value, MAX_NAME_LENGTH);
	Nearest		nearest;
	Problem    *problem;

	if (text == NULL)
		return false;
	nearest_begin(&nearest, text);
	for (const Word *word = words; word->word != NULL; word++)
	{
		if (strcmp(text, word->word) == 0)
		{
			*result = word->value;
			return true;
		}
		nearest_offer(&nearest, word->word);
	}
	problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);
	problem->message = psprintf("unrecognized value %s of %s",
								quoted_name(text), place_text(place));
	problem->hint = nearest_hint(&nearest);
	if (problem->hint == NULL)
		problem->hint = known_words_hint(words);
	return false;
}

Expression *
document_sql(Parser *parser, const Place *place, JsonbValue *value, ExprWant want)
{
	char	   *source;
	Problem    *problem;

	if (value->type != jbvString)
	{
		problem = complain_type(parser, place, value, "a string");
		problem->hint = "Write the SQL expression as a JSON string.";
		return NULL;
	}
	source = document_string(parser, place, value, MAX_SQL_LENGTH);
	if (source == NULL)
		return NULL;
	if (strspn(source, " \t\r\n") == strlen(source))
	{
		problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);
		problem->message = psprintf("%s must not be empty", place_text(place));
		problem->hint = "Write an SQL expression, or leave the key out.";
		return NULL;
	}
	return expr_make(source, want);
}

void
read_condition(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	*(Expression **) field = document_sql(parser, place, value, EXPR_BOOLEAN);
}

void
read_text_sql(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	*(Expression **) field = document_sql(parser, place, value, EXPR_TEXT);
}
