/*-------------------------------------------------------------------------
 *
 * result.c
 *	  What a tile awaits: the value that a member keeps of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine.h"
#include "move.h"

static void
push_json(JsonbParseState **state, const char *key, Jsonb *json)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = unconstify(char *, key);
	value.val.string.len = strlen(key);
	pushJsonbValue(state, WJB_KEY, &value);
	if (!JB_ROOT_IS_SCALAR(json) || !JsonbExtractScalar(&json->root, &value))
		JsonbToJsonbValue(json, &value);
	pushJsonbValue(state, WJB_VALUE, &value);
}

Jsonb *
member_result_value(const char *outcome, Jsonb *response)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_pair(&state, "outcome", outcome, -1);
	if (response != NULL)
		push_json(&state, "response", response);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static bool
get_key(const Jsonb *result, const char *name, JsonbValue *value)
{
	return getKeyJsonValueFromContainer(unconstify(JsonbContainer *, &result->root),
										name, strlen(name), value) != NULL;
}

char *
member_outcome(const Jsonb *result)
{
	JsonbValue	value;

	if (!get_key(result, "outcome", &value) || value.type != jbvString)
		return "";
	return pnstrdup(value.val.string.val, value.val.string.len);
}

Jsonb *
member_response(const Jsonb *result)
{
	JsonbValue	value;

	return get_key(result, "response", &value) ? JsonbValueToJsonb(&value) : NULL;
}

bool
result_is_error(const Tile *tile, const char *outcome)
{
	return tile->type == TILE_SUB_JOURNEY ? strcmp(outcome, "refused") == 0 :
		outcome_is_error(outcome);
}

bool
outcome_is_error(const char *outcome)
{
	return strcmp(outcome, OUTCOME_DEAD) == 0 ||
		strcmp(outcome, OUTCOME_EXPIRED) == 0 ||
		strcmp(outcome, OUTCOME_CANCELLED) == 0;
}
