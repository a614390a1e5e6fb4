/*-------------------------------------------------------------------------
 *
 * header.c
 *	  The parts of a request that journeys and destinations may give.
 *
 * What they give may hold what customers typed.  None of it may become a header
 * of its own, another host, or a place above the one that was meant.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "header.h"

#define IS_ONE_OF(string, list) is_one_of(string, list, lengthof(list))

/* By those a receiver knows a message again, and who sent it. */
static const char *const identity_headers[] = {"Idempotency-Key"};

/* What frames the message or belongs to the connection; see transfer_check.c. */
static const char *const framing_headers[] = {
	"Accept-Encoding", "Connection", "Content-Encoding", "Content-Length", "Date", "Expect",
	"Host", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer",
	"Transfer-Encoding", "Upgrade"
};

static const char *const credential_headers[] = {
	"Authorization", "Cookie", "X-Auth-Token", "X-Access-Token"
};

/* The ends of other names of such. */
static const char *const credential_ends[] = {
	"Api-Key", "ApiKey", "Secret", "Password"
};

static bool
is_one_of(const char *string, const char *const *list, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (pg_strcasecmp(string, list[i]) == 0)
			return true;
	}
	return false;
}

static bool
is_letter_or_digit(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* RFC 9110's token. */
static bool
is_token(const char *string)
{
	if (*string == '\0')
		return false;
	for (; *string; string++)
	{
		if (!is_letter_or_digit(*string) && strchr("!#$%&'*+-.^_`|~", *string) == NULL)
			return false;
	}
	return true;
}

const char *
header_refused(const char *name, const char **hint)
{
	if (!is_token(name))
	{
		*hint = "Names of headers are letters, digits and any of !#$%&'*+-.^_`|~.";
		return "is not the name of a header";
	}
	if (pg_strncasecmp(name, "webhook-", strlen("webhook-")) == 0 ||
		IS_ONE_OF(name, identity_headers))
	{
		*hint = "Each request has the action's id as webhook-id and Idempotency-Key.";
		return "cannot be given: it identifies the message";
	}
	if (IS_ONE_OF(name, framing_headers))
	{
		*hint = "Leave it out.";
		return "cannot be given: it is set for each request";
	}
	if (pg_strcasecmp(name, "Content-Type") == 0)
	{
		*hint = "The destination's \"content_type\" says it.";
		return "cannot be given as a header";
	}
	return NULL;
}

bool
header_is_credential(const char *name)
{
	size_t		length = strlen(name);

	if (IS_ONE_OF(name, credential_headers))
		return true;
	for (int i = 0; i < lengthof(credential_ends); i++)
	{
		size_t		end = strlen(credential_ends[i]);

		if (length >= end && pg_strcasecmp(name + length - end, credential_ends[i]) == 0)
			return true;
	}
	return false;
}

const char *
header_value_refused(const char *value)
{
	for (const char *p = value; *p; p++)
	{
		unsigned char c = *p;

		if (c < 0x20 || c == 0x7f)
			return c == '\r' || c == '\n' ? "has a line break" : "has a control character";
	}
	return strlen(value) > MAX_HEADER_LENGTH ? "is too long" : NULL;
}

/* ---- paths ---- */

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
		return "must not be empty";
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
