/*-------------------------------------------------------------------------
 *
 * json_value.c
 *	  Values of SQL as values of JSON, as to_jsonb() makes them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
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
