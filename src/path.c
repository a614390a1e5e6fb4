/*-------------------------------------------------------------------------
 *
 * path.c
 *	  What is appended to a destination's URL.
 *
 * It may hold what customers typed.  None of that may become another host, or a
 * place above or beside the one that was meant.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "path.h"

static bool
is_letter_or_digit(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool
is_hex_digit(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

static bool
is_unreserved(unsigned char c)
{
	return is_letter_or_digit(c) || (c != '\0' && strchr("-._~", c) != NULL);
}

/* What RFC 3986 lets stand in a path or a query. */
static bool
characters_fit(const char *path)
{
	for (const char *p = path; *p; p++)
	{
		if (*p == '%' && !(is_hex_digit(p[1]) && is_hex_digit(p[2])))
			return false;
		if (!is_unreserved(*p) && strchr("%!$&'()*+,;=:@/?", *p) == NULL)
			return false;
	}
	return true;
}

/* A dot at the beginning of that, in either form: its length; 0: none. */
static int
dot_length(const char *p)
{
	if (*p == '.')
		return 1;
	return pg_strncasecmp(p, "%2e", 3) == 0 ? 3 : 0;
}

/* The same for what ends a segment, if only for a receiver that decodes it first. */
static int
slash_length(const char *p)
{
	if (*p == '/')
		return 1;
	return pg_strncasecmp(p, "%2f", 3) == 0 || pg_strncasecmp(p, "%5c", 3) == 0 ? 3 : 0;
}

/* Is there a segment that means the place itself, or the one above? */
static bool
has_dot_segment(const char *path, size_t length)
{
	const char *end = path + length;
	const char *p = path;

	while (p < end)
	{
		const char *segment = p;

		while (p < end && dot_length(p) > 0)
			p += dot_length(p);
		if (p > segment && (p >= end || slash_length(p) > 0))
			return true;
		while (p < end && slash_length(p) == 0)
			p++;
		if (p < end)
			p += slash_length(p);
	}
	return false;
}

static bool
has_empty_segment(const char *path, size_t length)
{
	const char *found = strstr(path, "//");

	return found != NULL && found < path + length;
}

/* Could what stands before the first slash be more than a name? */
static bool
has_authority(const char *path)
{
	return strcspn(path, ":@") < strcspn(path, "/?");
}

const char *
path_refused(const char *path, const char **hint)
{
	size_t		length = strcspn(path, "?");

	*hint = NULL;
	if (*path == '\0')
		return "is empty";
	if (strlen(path) > MAX_PATH_LENGTH)
		return "is too long";
	if (!characters_fit(path))
	{
		*hint = "Write those that a URL cannot have percent-encoded, as %20 for a blank;"
			" what {{ }} gives is encoded.";
		return "has a character that a URL cannot have there";
	}
	if (has_empty_segment(path, length))
		return "has an empty segment";
	if (has_authority(path))
	{
		*hint = "It is appended to the destination's URL: begin it with a slash.";
		return "does not begin with a slash or a name";
	}
	if (has_dot_segment(path, length))
		return "has a segment that is only dots";
	return NULL;
}

void
path_append_encoded(StringInfo path, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		unsigned char c = text[i];

		if (is_unreserved(c))
			appendStringInfoChar(path, c);
		else
			appendStringInfo(path, "%%%02X", c);
	}
}
