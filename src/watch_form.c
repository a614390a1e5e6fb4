/*-------------------------------------------------------------------------
 *
 * watch_form.c
 *	  The event and the props that a watch makes of a changed row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "arguments.h"
#include "columns.h"
#include "names.h"
#include "watch.h"

#define OPERATION_PART "operation"
#define OLD_PREFIX "old."

/* ---- the event's name ---- */

/* The part in braces at *place, which then is behind it. */
static char *
next_part(const char **place)
{
	const char *begin = *place + 1;
	const char *end = strchr(begin, '}');

	if (end == NULL || end == begin)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("event has a \"{\" that begins no name"),
				errhint("Write {operation}, or the name of a column in braces."));
	*place = end + 1;
	return pnstrdup(begin, end - begin);
}

/* An operation in braces, or the latest value of a column; NULL for null. */
static const char *
part_value(const char *part, const ChangedRow *row)
{
	const Source *source = row->source;
	text	   *value;

	if (strcmp(part, OPERATION_PART) == 0)
		return row->operation == OPERATION_INSERT ? "inserted" :
			row->operation == OPERATION_UPDATE ? "updated" : "deleted";
	value = row_text(source, row_latest(row), row_column_number(source, part));
	return value ? text_to_cstring(value) : NULL;
}

text *
watch_event(const Watch *watch, const ChangedRow *row)
{
	StringInfoData name;
	const char *place = watch->event;

	initStringInfo(&name);
	while (*place != '\0')
	{
		int			plain = watch_prefix(place);
		const char *value;

		appendBinaryStringInfo(&name, place, plain);
		place += plain;
		if (*place == '\0')
			break;
		value = part_value(next_part(&place), row);
		if (value == NULL)
			return NULL;
		appendStringInfoString(&name, value);
	}
	return cstring_to_text_with_len(name.data, name.len);
}

void
watch_check_event(Relation rel, const char *event)
{
	const char *place = event;

	for (;;)
	{
		char	   *part;

		place += watch_prefix(place);
		if (*place == '\0')
			return;
		part = next_part(&place);
		if (strcmp(part, OPERATION_PART) != 0)
			(void) column_by_name(rel, part);
	}
}

/* ---- the props ---- */

static void
push_key(JsonbParseState **state, const char *key)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = unconstify(char *, key);
	value.val.string.len = strlen(key);
	pushJsonbValue(state, WJB_KEY, &value);
}

static const char *
column_name(const Source *source, int column)
{
	return NameStr(TupleDescAttr(source->desc, column - 1)->attname);
}

static void
push_column(const ChangedRow *row, const RowVersion *version, int column,
			JsonbParseState **state)
{
	JsonbValue	value;

	push_key(state, column_name(row->source, column));
	row_json(row->source, version, column, &value);
	pushJsonbValue(state, WJB_VALUE, &value);
}

void
watch_push_change(const ChangedRow *row, int column, JsonbParseState **state)
{
	JsonbValue	value;

	push_key(state, column_name(row->source, column));
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	row_json(row->source, row->old, column, &value);
	pushJsonbValue(state, WJB_ELEM, &value);
	row_json(row->source, row->new, column, &value);
	pushJsonbValue(state, WJB_ELEM, &value);
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static void
push_changes(const ChangedRow *row, JsonbParseState **state)
{
	push_key(state, "changed");
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	for (int column = 1; column <= row->source->desc->natts; column++)
	{
		if (row_has_column(row->source, column) && row_column_differs(row, column))
			watch_push_change(row, column, state);
	}
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

static void
push_operation(const ChangedRow *row, JsonbParseState **state)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = row->operation == OPERATION_INSERT ? "insert" :
		row->operation == OPERATION_UPDATE ? "update" : "delete";
	value.val.string.len = strlen("insert");
	push_key(state, "operation");
	pushJsonbValue(state, WJB_VALUE, &value);
}

/* What a name among the props stands for. */
typedef enum PropKind
{
	PROP_COLUMN,
	PROP_OLD,					/* of the column's name behind "old." */
	PROP_CHANGED,
	PROP_OPERATION
} PropKind;

static PropKind
prop_kind(const char *prop)
{
	if (strcmp(prop, "$changed") == 0)
		return PROP_CHANGED;
	if (strcmp(prop, "$operation") == 0)
		return PROP_OPERATION;
	return strncmp(prop, OLD_PREFIX, strlen(OLD_PREFIX)) == 0 ? PROP_OLD : PROP_COLUMN;
}

void
watch_check_prop(Relation rel, const char *prop)
{
	PropKind	kind = prop_kind(prop);

	if (kind == PROP_OLD)
		(void) column_by_name(rel, prop + strlen(OLD_PREFIX));
	else if (kind == PROP_COLUMN)
		(void) column_by_name(rel, prop);
}

static void
push_prop(const ChangedRow *row, const char *prop, JsonbParseState **state)
{
	switch (prop_kind(prop))
	{
		case PROP_COLUMN:
			push_column(row, row_latest(row), row_column_number(row->source, prop), state);
			break;
		case PROP_CHANGED:
			push_changes(row, state);
			break;
		case PROP_OPERATION:
			push_operation(row, state);
			break;
		case PROP_OLD:
			break;				/* all of them are one object */
	}
}

/* {"old": {…}} */
static void
push_old(const Watch *watch, const ChangedRow *row, JsonbParseState **state)
{
	bool		any = false;
	ListCell   *cell;

	foreach(cell, watch->props)
	{
		const char *prop = lfirst(cell);

		if (prop_kind(prop) != PROP_OLD)
			continue;
		if (!any)
		{
			push_key(state, "old");
			pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
		}
		any = true;
		push_column(row, row->old,
					row_column_number(row->source, prop + strlen(OLD_PREFIX)), state);
	}
	if (any)
		pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

Jsonb *
watch_props(const Watch *watch, const ChangedRow *row)
{
	JsonbParseState *state = NULL;
	const Source *source = row->source;
	Jsonb	   *props;
	ListCell   *cell;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int column = 1; watch->every_column && column <= source->desc->natts; column++)
	{
		if (row_has_column(source, column))
			push_column(row, row_latest(row), column, &state);
	}
	foreach(cell, watch->props)
		push_prop(row, lfirst(cell), &state);
	push_old(watch, row, &state);
	props = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	check_size(JsonbPGetDatum(props), "props");
	return props;
}
