/*-------------------------------------------------------------------------
 *
 * mail_part.c
 *	  A text as a part of a message by MIME.
 *
 * Always encoded (RFC 2045), as quoted-printable or base64 by what is shorter: so
 * lines are short and ASCII whatever the text, and nothing on the way changes it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/base64.h"

#include "mail_internal.h"

#define LINE_LENGTH 76
#define BYTES_OF_LINE (LINE_LENGTH / 4 * 3)

/* Lines end in LF: RFC 2045, 6.7 (4) has a text's line breaks, but no lone CR or LF. */
static char *
with_plain_ends(const char *text)
{
	char	   *copy = palloc(strlen(text) + 1);
	char	   *to = copy;

	for (; *text; text ++)
	{
		if (*text == '\r' && text[1] == '\n')
			continue;
		*to++ = *text == '\r' ? '\n' : *text;
	}
	*to = '\0';
	return copy;
}

/* ---- quoted-printable (RFC 2045, 6.7) ---- */

/*
 * Must the character be written =XX?  Beside what the standard says: at the start
 * of a line a dot, which ends messages, and "From ", which some servers change
 * (RFC 2049, 3).
 */
static bool
needs_quoting(const char *c, bool first)
{
	if (*c == ' ' || *c == '\t')
		return c[1] == '\n' || c[1] == '\0';
	if (*c < '!' || *c > '~' || *c == '=')
		return true;
	return first && (*c == '.' || strncmp(c, "From ", 5) == 0);
}

static void
append_quoted(StringInfo to, const char *text)
{
	int			column = 0;

	for (; *text; text ++)
	{
		bool		quote;

		if (*text == '\n')
		{
			appendStringInfoChar(to, '\n');
			column = 0;
			continue;
		}
		quote = needs_quoting(text, column == 0);
		if (column + (quote ? 3 : 1) > LINE_LENGTH - 1)
		{
			appendStringInfoString(to, "=\n");
			column = 0;
			quote = needs_quoting(text, true);
		}
		if (quote)
			appendStringInfo(to, "=%02X", (unsigned char) *text);
		else
			appendStringInfoChar(to, *text);
		column += quote ? 3 : 1;
	}
}

/* ---- base64 (RFC 2045, 6.8), of the text with its line breaks as CR LF ---- */

static void
append_line(StringInfo to, const char *bytes, int length)
{
	char		line[LINE_LENGTH + 1];

	/* Its argument's type is another from PostgreSQL 18 on. */
	length = pg_b64_encode((const void *) bytes, length, line, sizeof(line));
	appendBinaryStringInfo(to, line, length);
	appendStringInfoChar(to, '\n');
}

static void
append_base64(StringInfo to, const char *text)
{
	char		bytes[BYTES_OF_LINE + 1];	/* a CR LF may be one too many */
	int			length = 0;

	for (; *text; text ++)
	{
		if (*text == '\n')
			bytes[length++] = '\r';
		bytes[length++] = *text;
		if (length < BYTES_OF_LINE)
			continue;
		append_line(to, bytes, BYTES_OF_LINE);
		bytes[0] = bytes[BYTES_OF_LINE];
		length -= BYTES_OF_LINE;
	}
	if (length > 0)
		append_line(to, bytes, length);
}

static int
base64_length(const char *text)
{
	int			length = 0;

	for (; *text; text ++)
		length += *text == '\n' ? 2 : 1;
	return (length + BYTES_OF_LINE - 1) / BYTES_OF_LINE * (LINE_LENGTH + 1);
}

void
part_append(StringInfo message, const char *type, const char *text)
{
	char	   *plain = with_plain_ends(text);
	StringInfoData quoted;
	bool		by_quoting;

	initStringInfo(&quoted);
	append_quoted(&quoted, plain);
	by_quoting = quoted.len <= base64_length(plain);
	appendStringInfo(message,
					 "Content-Type: %s; charset=UTF-8\nContent-Transfer-Encoding: %s\n\n",
					 type, by_quoting ? "quoted-printable" : "base64");
	if (by_quoting)
		appendBinaryStringInfo(message, quoted.data, quoted.len);
	else
		append_base64(message, plain);
}
