/*-------------------------------------------------------------------------
 *
 * result.c
 *	  What a tile has awaited: an outcome and a response.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine.h"
#include "move.h"

Jsonb *
member_result_value(const char *outcome, Jsonb *response)
{
	JsonbParseState *state = NULL;
	JsonbValue	item = {.type = jbvString};

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_pair(&state, "outcome", outcome, -1);
	if (response != NULL)
	{
		item.val.string.val = "response";
		item.val.string.len = strlen("response");
		pushJsonbValue(&state, WJB_KEY, &item);
		JsonbToJsonbValue(response, &item);
		pushJsonbValue(&state, WJB_VALUE, &item);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

void
member_result_parts(Jsonb *result, const char **outcome, Jsonb **response)
{
	JsonbValue	value;

	*outcome = "";
	*response = NULL;
	if (getKeyJsonValueFromContainer(&result->root, "outcome", strlen("outcome"),
									 &value) != NULL)
		*outcome = pnstrdup(value.val.string.val, value.val.string.len);
	if (getKeyJsonValueFromContainer(&result->root, "response", strlen("response"),
									 &value) != NULL)
		*response = JsonbValueToJsonb(&value);
}

bool
result_is_error(const Tile *tile, const char *outcome)
{
	if (tile->type == TILE_SUB_JOURNEY)
		return strcmp(outcome, "refused") == 0;
	return strcmp(outcome, "dead") == 0 || strcmp(outcome, "expired") == 0 ||
		strcmp(outcome, "cancelled") == 0;
}
