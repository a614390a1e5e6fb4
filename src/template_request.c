/*-------------------------------------------------------------------------
 *
 * template_request.c
 *	  Templates of a request's parts: paths and headers.
 *
 * The values in them are what customers typed.  Each stands for itself: it does
 * not become another place, or a header of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "names.h"
#include "path.h"
#include "template_internal.h"

#define MAX_VALUE_LENGTH 8000	/* bytes of a header's value */

static void
check_path(const char *path)
{
	const char *hint;
	const char *wrong = path_refused(path, &hint);

	if (wrong != NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("path %s %s", quoted_name(path), wrong),
				hint ? errhint("%s", hint) : 0);
}

/* NULL, or what is wrong with it. */
static const char *
refuse_value(const char *value)
{
	for (const char *p = value; *p; p++)
	{
		unsigned char c = *p;

		if (c < 0x20 || c == 0x7f)
			return c == '\r' || c == '\n' ? "has a line break" : "has a control character";
	}
	return strlen(value) > MAX_VALUE_LENGTH ? "is too long" : NULL;
}

static void
check_header_value(const char *name, const char *value)
{
	const char *wrong = refuse_value(value);

	if (wrong != NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("header %s %s", quoted_name(name), wrong));
}

/* ---- making ---- */

/* What the whole is like, with something harmless for each value. */
static char *
sample(const Template *part)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	foreach(cell, part->pieces)
	{
		Piece	   *piece = lfirst(cell);

		appendStringInfoString(&text, piece->literal ? piece->literal : "x");
	}
	return text.data;
}

/* A constant needs no joining, but it is completed, too. */
Template *
template_make_path(Jsonb *source)
{
	Template   *path = template_make(source);

	path->use = TEXT_PATH;
	if (path->kind == NODE_CONSTANT)
		path->kind = NODE_TEXT;
	check_path(sample(path));
	return path;
}

Template *
template_make_headers(Jsonb *source)
{
	Template   *headers = template_make(source);
	ListCell   *cell;

	foreach(cell, headers->children)
	{
		Template   *header = lfirst(cell);

		header->use = TEXT_HEADER;
		check_header_value(header->name, sample(header));
	}
	return headers;
}

Template *
template_gather(int n, const char *const *names, Template **members)
{
	Template   *node = palloc0(sizeof(Template));

	node->kind = NODE_OBJECT;
	for (int i = 0; i < n; i++)
	{
		if (members[i] == NULL)
			continue;
		members[i]->name = pstrdup(names[i]);
		node->children = lappend(node->children, members[i]);
	}
	return node;
}

/* ---- evaluating ---- */

/*
 * Where a path has nothing, it would mean another place: all orders instead of
 * one.  A query can have empty values.  URLs are UTF-8, whatever the database is in.
 */
void
path_append_value(StringInfo path, StringInfo text, const Expression *expr, bool isnull)
{
	const char *utf8;

	if (text->len == 0 && strchr(path->data, '?') == NULL)
		ereport(ERROR,
				errcode(isnull ? ERRCODE_NULL_VALUE_NOT_ALLOWED :
						ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("{{%s}} in the path is %s", expr->source, isnull ? "null" : "empty"));
	utf8 = pg_server_to_any(text->data, text->len, PG_UTF8);
	path_append_encoded(path, utf8, utf8 == text->data ? text->len : strlen(utf8));
}

void
part_finish(const Template *part, StringInfo text)
{
	if (part->use == TEXT_HEADER)
	{
		check_header_value(part->name, text->data);
		return;
	}
	check_path(text->data);
	if (strchr("/?", text->data[0]) == NULL)
	{
		char	   *relative = pstrdup(text->data);

		resetStringInfo(text);
		appendStringInfo(text, "/%s", relative);
	}
}
