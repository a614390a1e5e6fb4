/*-------------------------------------------------------------------------
 *
 * json_value.c
 *	  Values of SQL as values of JSON, as to_jsonb() makes them; values of JSON as
 *	  text, up to a limit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/numeric.h"

#include "json_value.h"

bool
json_is_plain(Oid type)
{
	return type == JSONBOID || type == TEXTOID || type == BOOLOID ||
		type == INT4OID || type == INT8OID || type == NUMERICOID;
}

static void
integer_value(JsonbValue *value, int64 number)
{
	value->type = jbvNumeric;
	value->val.numeric = int64_to_numeric(number);
}

static void
text_value(JsonbValue *value, const text *string)
{
	value->type = jbvString;
	value->val.string.val = VARDATA_ANY(string);
	value->val.string.len = VARSIZE_ANY_EXHDR(string);
}

/* JSON has no NaN and no infinity; to_jsonb() makes them strings. */
static void
numeric_value(JsonbValue *value, Datum number)
{
	if (numeric_is_nan(DatumGetNumeric(number)) ||
		numeric_is_inf(DatumGetNumeric(number)))
	{
		value->type = jbvString;
		value->val.string.val = DatumGetCString(DirectFunctionCall1(numeric_out, number));
		value->val.string.len = strlen(value->val.string.val);
		return;
	}
	value->type = jbvNumeric;
	value->val.numeric = DatumGetNumeric(number);
}

void
json_plain_value(JsonbValue *value, Oid type, Datum datum)
{
	switch (type)
	{
		case TEXTOID:
			text_value(value, DatumGetTextPP(datum));
			break;
		case BOOLOID:
			value->type = jbvBool;
			value->val.boolean = DatumGetBool(datum);
			break;
		case INT4OID:
			integer_value(value, DatumGetInt32(datum));
			break;
		case INT8OID:
			integer_value(value, DatumGetInt64(datum));
			break;
		case NUMERICOID:
			numeric_value(value, datum);
			break;
		case JSONBOID:
			json_part(value, DatumGetJsonbP(datum));
			break;
		default:
			elog(ERROR, "type %u has no plain JSON value", type);
	}
}

void
json_part(JsonbValue *value, Jsonb *jsonb)
{
	if (JB_ROOT_IS_SCALAR(jsonb) && JsonbExtractScalar(&jsonb->root, value))
		return;
	value->type = jbvBinary;
	value->val.binary.data = &jsonb->root;
	value->val.binary.len = VARSIZE(jsonb) - VARHDRSZ;
}

/* ---- as text ---- */

static void
append_quoted(StringInfo to, const JsonbValue *string)
{
	char	   *copy = pnstrdup(string->val.string.val, string->val.string.len);

	escape_json(to, copy);
	pfree(copy);
}

/* No number is longer than numeric's 131072 digits and 16383 after the point. */
static void
append_number(StringInfo to, const JsonbValue *number)
{
	char	   *digits = DatumGetCString(DirectFunctionCall1(numeric_out,
															 NumericGetDatum(number->val.numeric)));

	appendStringInfoString(to, digits);
	pfree(digits);
}

static bool
append_scalar(StringInfo to, const JsonbValue *value, int limit)
{
	switch (value->type)
	{
		case jbvNull:
			appendStringInfoString(to, "null");
			break;
		case jbvBool:
			appendStringInfoString(to, value->val.boolean ? "true" : "false");
			break;
		case jbvNumeric:
			append_number(to, value);
			break;
		case jbvString:
			if (value->val.string.len > limit)
				return false;
			append_quoted(to, value);
			break;
		default:
			elog(ERROR, "unexpected JSON value of type %d", (int) value->type);
	}
	return to->len <= limit;
}

/* One token, with the comma before it where it is not the first of its container. */
static bool
append_token(StringInfo to, JsonbIteratorToken token, const JsonbValue *value,
			 bool first, int limit)
{
	if (!first && token != WJB_END_ARRAY && token != WJB_END_OBJECT)
		appendStringInfoString(to, ", ");
	switch (token)
	{
		case WJB_BEGIN_ARRAY:
			appendStringInfoChar(to, '[');
			break;
		case WJB_END_ARRAY:
			appendStringInfoChar(to, ']');
			break;
		case WJB_BEGIN_OBJECT:
			appendStringInfoChar(to, '{');
			break;
		case WJB_END_OBJECT:
			appendStringInfoChar(to, '}');
			break;
		case WJB_KEY:
			if (!append_scalar(to, value, limit))
				return false;
			appendStringInfoString(to, ": ");
			break;
		default:
			return append_scalar(to, value, limit);
	}
	return to->len <= limit;
}

static bool
append_container(StringInfo to, JsonbContainer *container, int limit)
{
	bool		raw = JsonContainerIsScalar(container); /* an array in disguise */
	bool		first = true;
	JsonbIterator *it = JsonbIteratorInit(container);
	JsonbIteratorToken token;
	JsonbValue	value;

	while ((token = JsonbIteratorNext(&it, &value, false)) != WJB_DONE)
	{
		if (raw && (token == WJB_BEGIN_ARRAY || token == WJB_END_ARRAY))
			continue;
		if (!append_token(to, token, &value, first, limit))
			return false;
		first = token == WJB_BEGIN_ARRAY || token == WJB_BEGIN_OBJECT || token == WJB_KEY;
	}
	return true;
}

bool
json_append(StringInfo to, const JsonbValue *value, int limit)
{
	return value->type == jbvBinary ?
		append_container(to, value->val.binary.data, limit) :
		append_scalar(to, value, limit);
}

bool
json_append_plain(StringInfo to, const JsonbValue *value, int limit)
{
	if (value->type == jbvNull)
		return true;
	if (value->type != jbvString)
		return json_append(to, value, limit);
	if (to->len + (int64) value->val.string.len > limit)
		return false;
	appendBinaryStringInfo(to, value->val.string.val, value->val.string.len);
	return true;
}
