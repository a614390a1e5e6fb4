/*-------------------------------------------------------------------------
 *
 * destination_header.c
 *	  Which headers a destination may set, and which of them identify us.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "destination_text.h"

#define MAX_HEADERS 64

/* A header that is not the configuration's to set, and why. */
typedef struct Reserved
{
	const char *name;			/* ends in * where more may follow */
	const char *why;
} Reserved;

#define EACH_REQUEST "is set for each request"
#define CONNECTION "belongs to the connection"
#define EACH_MAIL "is set for each mail"

static const Reserved reserved_web[] = {
	{"Idempotency-Key", EACH_REQUEST},
	{"webhook-id", EACH_REQUEST},
	{"webhook-timestamp", EACH_REQUEST},
	{"webhook-signature", EACH_REQUEST},
	{"Host", "is taken from the URL"},
	{"Content-Type", "is said by \"content_type\""},
	{"Accept-Encoding", CONNECTION},
	{"Connection", CONNECTION},
	{"Content-Length", CONNECTION},
	{"Expect", CONNECTION},
	{"Keep-Alive", CONNECTION},
	{"Proxy-*", CONNECTION},
	{"TE", CONNECTION},
	{"Trailer", CONNECTION},
	{"Transfer-Encoding", CONNECTION},
	{"Upgrade", CONNECTION},
	{NULL}
};

static const Reserved reserved_mail[] = {
	{"From", "is said by \"from\""},
	{"Sender", "is said by \"sender\""},
	{"Return-Path", "is said by \"sender\""},
	{"To", "is said by \"to\""},
	{"Cc", "has nobody to go to: all who get it stand in \"to\""},
	{"Bcc", "has nobody to go to: all who get it stand in \"to\""},
	{"Reply-To", "is said by \"reply_to\""},
	{"Subject", "is said by \"subject\""},
	{"Date", EACH_MAIL},
	{"Message-ID", EACH_MAIL},
	{"MIME-Version", EACH_MAIL},
	{"Content-*", EACH_MAIL},
	{"Received", "is written by those who hand the mail on"},
	{"DKIM-Signature", "is written by those who hand the mail on"},
	{NULL}
};

/* Of these the value identifies the sender; * stands for anything. */
static const char *const keyed_headers[] = {
	"authorization", "*-authorization", "cookie", "*api-key", "*apikey",
	"*-token", "*auth-key", "*access-key", "*password", "*secret"
};

/* These only tell where a form came from. */
static const char *const free_headers[] = {"*csrf-token", "*xsrf-token"};

/* Receivers that make variables of headers (CGI) take _ and - for the same. */
static bool
name_matches(const char *given, const char *pattern)
{
	char	   *name = pstrdup(given);
	size_t		length = strlen(name);
	size_t		wanted = strlen(pattern);

	for (char *c = name; *c; c++)
		*c = *c == '_' ? '-' : *c;
	if (pattern[0] == '*')
		return length >= wanted - 1 &&
			pg_strcasecmp(name + length - (wanted - 1), pattern + 1) == 0;
	if (pattern[wanted - 1] == '*')
		return pg_strncasecmp(name, pattern, wanted - 1) == 0;
	return pg_strcasecmp(name, pattern) == 0;
}

/* RFC 9110's token; RFC 5322 takes a little more. */
static bool
is_token(const char *name)
{
	for (const char *c = name; *c != '\0'; c++)
	{
		if ((unsigned char) *c >= 0x80 ||
			(!isalnum((unsigned char) *c) && strchr("!#$%&'*+-.^_`|~", *c) == NULL))
			return false;
	}
	return name[0] != '\0';
}

static const char *
header_wrong(const char *name, const Reserved *reserved)
{
	if (!is_token(name))
		return "is not a header's name";
	for (; reserved->name != NULL; reserved++)
	{
		if (name_matches(name, reserved->name))
			return reserved->why;
	}
	return NULL;
}

const char *
destination_header_wrong(const char *name)
{
	return header_wrong(name, reserved_web);
}

static bool
matches_any(const char *name, const char *const *patterns, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (name_matches(name, patterns[i]))
			return true;
	}
	return false;
}

bool
destination_header_is_keyed(const char *name)
{
	return matches_any(name, keyed_headers, lengthof(keyed_headers)) &&
		!matches_any(name, free_headers, lengthof(free_headers));
}

KeyedHeader *
find_header(const List *headers, const char *name)
{
	ListCell   *cell;

	foreach(cell, headers)
	{
		KeyedHeader *header = lfirst(cell);

		if (pg_strcasecmp(header->name, name) == 0)
			return header;
	}
	return NULL;
}

static void
read_header(Parser *parser, const Place *place, JsonbValue *value,
			List **headers, const Reserved *reserved)
{
	const char *why = header_wrong(place->key, reserved);
	KeyedHeader *header = palloc0(sizeof(KeyedHeader));
	Problem    *problem;

	if (why == NULL && find_header(*headers, place->key) != NULL)
		why = "stands there twice, whatever its case";
	if (why != NULL)
	{
		problem = complain(parser, ERRCODE_INVALID_PARAMETER_VALUE, place);
		problem->message = psprintf("%s %s", place_text(place), why);
		return;
	}
	header->name = pstrdup(place->key);
	if (destination_header_is_keyed(header->name))
		read_password(parser, place, value, &header->value);
	else
		read_keyed(parser, place, value, &header->value);
	*headers = lappend(*headers, header);
}

static void
read_headers_by(Parser *parser, const Place *place, JsonbValue *value, List **headers,
				const Reserved *reserved)
{
	JsonbContainer *object = document_object(parser, place, value);
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	item;

	if (object == NULL)
		return;
	if (JsonContainerSize(object) > MAX_HEADERS)
	{
		complain_count(parser, place, MAX_HEADERS);
		return;
	}
	it = JsonbIteratorInit(object);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		Place		here = {.parent = place};

		if (token != WJB_KEY)
			continue;
		here.key = pnstrdup(item.val.string.val, item.val.string.len);
		JsonbIteratorNext(&it, &item, true);
		read_header(parser, &here, &item, headers, reserved);
	}
}

void
read_web_headers(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	read_headers_by(parser, place, value, field, reserved_web);
}

void
read_mail_headers(Parser *parser, const Place *place, JsonbValue *value, void *field)
{
	read_headers_by(parser, place, value, field, reserved_mail);
}
