/*-------------------------------------------------------------------------
 *
 * escape.c
 *	  Text for HTML: journey_escape_html.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "compat.h"

PG_FUNCTION_INFO_V1(journey_escape_html);

static const char *
entity(char c)
{
	switch (c)
	{
		case '&':
			return "&amp;";
		case '<':
			return "&lt;";
		case '>':
			return "&gt;";
		case '"':
			return "&quot;";
		case '\'':
			return "&#39;";
		default:
			return NULL;
	}
}

/* No encoding of a database has these characters in letters of several bytes. */
Datum
journey_escape_html(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const char *start = VARDATA_ANY(value);
	int			length = VARSIZE_ANY_EXHDR(value);
	StringInfoData html;

	initStringInfo(&html);
	for (int i = 0; i < length; i++)
	{
		const char *escaped = entity(start[i]);

		if (escaped != NULL)
			appendStringInfoString(&html, escaped);
		else
			appendStringInfoChar(&html, start[i]);
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(html.data, html.len));
}
