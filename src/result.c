/*-------------------------------------------------------------------------
 *
 * result.c
 *	  What a tile awaits: the value that a member keeps of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine.h"

static void
set_string(JsonbValue *value, const char *string)
{
	value->type = jbvString;
	value->val.string.val = unconstify(char *, string);
	value->val.string.len = strlen(string);
}

static void
push_key(JsonbParseState **state, const char *name)
{
	JsonbValue	value;

	set_string(&value, name);
	pushJsonbValue(state, WJB_KEY, &value);
}

static void
push_json(JsonbParseState **state, Jsonb *json)
{
	JsonbValue	value;

	if (!JB_ROOT_IS_SCALAR(json) || !JsonbExtractScalar(&json->root, &value))
		JsonbToJsonbValue(json, &value);
	pushJsonbValue(state, WJB_VALUE, &value);
}

Jsonb *
member_result_value(const char *outcome, Jsonb *response)
{
	JsonbParseState *state = NULL;
	JsonbValue	value;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_key(&state, "outcome");
	set_string(&value, outcome);
	pushJsonbValue(&state, WJB_VALUE, &value);
	if (response != NULL)
	{
		push_key(&state, "response");
		push_json(&state, response);
	}
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
outcome_is_error(const char *outcome)
{
	return strcmp(outcome, OUTCOME_DEAD) == 0 ||
		strcmp(outcome, OUTCOME_EXPIRED) == 0 ||
		strcmp(outcome, OUTCOME_CANCELLED) == 0;
}
