/*-------------------------------------------------------------------------
 *
 * request_url.c
 *	  A destination's URL with a tile's path behind it.
 *
 * What is put into either may have been typed by a customer.  It must neither
 * choose another host nor leave the folder that the URL names, however it is
 * spelled.  What is wrong is told without the URL: it may hold the secret.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "lib/stringinfo.h"

#include "compat.h"
#include "request_value.h"

#define MAX_DECODING 8			/* times that something may be encoded */

pg_noreturn static void
refuse(const char *message)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg_internal("%s", message));
}

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

/* RFC 3986's unreserved characters, whatever the locale. */
static bool
is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || is_one_of(c, "-._~");
}

void
append_encoded(StringInfo to, const char *value, size_t length, const char *space)
{
	for (size_t i = 0; i < length; i++)
	{
		if (is_unreserved(value[i]))
			appendStringInfoChar(to, value[i]);
		else if (value[i] == ' ')
			appendStringInfoString(to, space);
		else
			appendStringInfo(to, "%%%02X", (unsigned char) value[i]);
	}
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that is escaped at that place, or -1. */
static int
escaped(const char *c)
{
	if (c[0] != '%' || hex_digit(c[1]) < 0 || hex_digit(c[2]) < 0)
		return -1;
	return hex_digit(c[1]) * 16 + hex_digit(c[2]);
}

/* ---- what may not be there ---- */

/* In all of a URL. */
static void
check_characters(const char *string)
{
	for (const char *c = string; *c; c++)
	{
		if ((unsigned char) *c < ' ' || *c == 0x7F)
			refuse("the URL holds a control character");
		if (*c == '\\')
			refuse("the URL holds a backslash");
		if (*c == '#')
			refuse("the URL holds a fragment");
		if (*c == '%' && escaped(c) < 0)
			refuse("the URL holds a % that escapes nothing");
	}
}

/* Host and port, of those characters that mean nothing else to anybody. */
static void
check_authority(const char *authority, size_t length)
{
	if (length == 0)
		refuse("the URL has no host");
	for (size_t i = 0; i < length; i++)
	{
		if (authority[i] == '@')
			refuse("the URL holds a user's name or a password");
		if (!is_unreserved(authority[i]) && !is_one_of(authority[i], ":[]"))
			refuse("the URL's host holds a character that no host has");
	}
}

/* In place; the new length. */
static size_t
decode(char *string, size_t length)
{
	char	   *to = string;

	for (size_t i = 0; i < length; i++)
	{
		int			byte = i + 2 < length ? escaped(string + i) : -1;

		*to++ = byte < 0 ? string[i] : (char) byte;
		if (byte >= 0)
			i += 2;
	}
	*to = '\0';
	return to - string;
}

/*
 * Does a segment say "here" or "up", for who splits at either kind of slash, or
 * leaves out what follows a semicolon?
 */
static bool
has_dot_segment(const char *path, size_t length)
{
	size_t		start = 0;
	size_t		dots = 0;

	for (size_t i = 0; i <= length; i++)
	{
		if (i < length && path[i] == '.' && dots == i - start)
			dots++;
		if (i < length && !is_one_of(path[i], "/\\;"))
			continue;
		if (dots == i - start && (dots == 1 || dots == 2))
			return true;
		if (i < length && path[i] != ';')
		{
			start = i + 1;
			dots = 0;
		}
	}
	return false;
}

/* Servers decode once, and some of those behind them again. */
static void
check_path(const char *path, size_t length)
{
	char	   *decoded = pnstrdup(path, length);

	for (int times = 0; times < MAX_DECODING; times++)
	{
		size_t		before = length;

		for (size_t i = 0; i < length; i++)
		{
			if ((unsigned char) decoded[i] < ' ' || decoded[i] == 0x7F)
				refuse("the URL's path holds a control character");
		}
		if (has_dot_segment(decoded, length))
			refuse("the URL's path holds a . or .. segment");
		length = decode(decoded, length);
		if (length == before)
			return;
	}
	refuse("the URL's path is encoded over and over");
}

/* ---- putting it together ---- */

/* What may not stand in a URL as it is, and means nothing in it, is encoded. */
static void
append_cleaned(StringInfo to, const char *part, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		if (is_unreserved(part[i]) || is_one_of(part[i], "%/?:@!$&'()*+,;=[]"))
			appendStringInfoChar(to, part[i]);
		else
			appendStringInfo(to, "%%%02X", (unsigned char) part[i]);
	}
}

static void
append_query(StringInfo to, const char *query)
{
	if (*query == '\0')
		return;
	appendStringInfoChar(to, strchr(to->data, '?') ? '&' : '?');
	append_cleaned(to, query, strlen(query));
}

/* What stands behind a question mark, which is cut off. */
static const char *
cut_query(char *string)
{
	char	   *mark = strchr(string, '?');

	if (mark == NULL)
		return "";
	*mark = '\0';
	return mark + 1;
}

/* "/a/" and "/b" are "/a/b". */
static char *
join_paths(char *path, const char *more)
{
	size_t		length = strlen(path);

	if (*more == '\0')
		return path;
	if (*more != '/')
		refuse("the tile's path does not begin with a slash");
	if (more[1] == '/')
		refuse("the tile's path begins with two slashes");
	if (length > 0 && path[length - 1] == '/')
		path[length - 1] = '\0';
	return psprintf("%s%s", path, more);
}

static size_t
scheme_length(const char *url)
{
	if (pg_strncasecmp(url, "https://", 8) == 0)
		return 8;
	if (pg_strncasecmp(url, "http://", 7) == 0)
		return 7;
	refuse("the URL does not begin with https:// or http://");
}

char *
request_url(const char *url, const char *path)
{
	size_t		start = scheme_length(url);
	size_t		host = start + strcspn(url + start, "/?#\\");
	char	   *own = pstrdup(url + host);
	char	   *more = pstrdup(path ? path : "");
	const char *query;
	const char *more_query;
	StringInfoData result;

	check_characters(url);
	check_characters(more);
	check_authority(url + start, host - start);
	query = cut_query(own);
	more_query = cut_query(more);
	own = join_paths(own, more);
	check_path(own, strlen(own));
	initStringInfo(&result);
	appendBinaryStringInfo(&result, url, host);
	append_cleaned(&result, own, strlen(own));
	append_query(&result, query);
	append_query(&result, more_query);
	if (result.len > TRANSFER_URL_MAX)
		refuse("the URL is too long");
	return result.data;
}
