/*-------------------------------------------------------------------------
 *
 * request_response.c
 *	  A receiver's response as jsonb.
 *
 * A receiver may send whatever bytes it likes.  What is not UTF-8, or has no
 * place in this database's encoding, becomes question marks; what jsonb cannot
 * keep, such as \u0000, is kept as text.  What it quotes of our secret is left out.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "ending.h"
#include "guc.h"
#include "isolate.h"
#include "request_response.h"

#define MAX_DEPTH 100			/* of JSON that is kept as such */

/* ---- bytes to text ---- */

typedef struct Conversion
{
	const char *bytes;
	size_t		length;
	char	   *text;
} Conversion;

static void
convert(void *arg)
{
	Conversion *conversion = arg;

	conversion->text = pg_any_to_server(conversion->bytes, conversion->length, PG_UTF8);
}

/* How many bytes from here on are a character that can stay, 0: this one cannot. */
static int
good_length(const char *bytes, size_t length)
{
	int			good;

	if (*bytes == '\0')
		return 0;
	if (GetDatabaseEncoding() != PG_UTF8)
		return (unsigned char) *bytes < 0x80 ? 1 : 0;
	good = pg_encoding_verifymbchar(PG_UTF8, bytes, length);
	return Max(good, 0);
}

static char *
replace_bad(const char *bytes, size_t length)
{
	char	   *good = palloc(length + 1);
	size_t		i = 0;

	while (i < length)
	{
		int			kept = good_length(bytes + i, length - i);

		if (kept == 0)
			good[i++] = '?';
		else
		{
			memcpy(good + i, bytes + i, kept);
			i += kept;
		}
	}
	good[length] = '\0';
	return good;
}

static char *
read_text(const char *bytes, size_t length)
{
	Conversion	conversion = {bytes, length};

	if (GetDatabaseEncoding() == PG_UTF8)
		return pg_verify_mbstr(PG_UTF8, bytes, length, true) ?
			pnstrdup(bytes, length) : replace_bad(bytes, length);
	if (memchr(bytes, '\0', length) != NULL || isolate(convert, &conversion) != NULL)
		return replace_bad(bytes, length);
	return conversion.text == bytes ? pnstrdup(bytes, length) : conversion.text;
}

/* ---- text to JSON ---- */

/* Most texts that are no JSON are so from their first letter on. */
static bool
looks_like_json(const char *text)
{
	text	  +=strspn(text, " \t\r\n");

	switch (*text)
	{
		case '{':
		case '[':
		case '"':
		case '-':
			return true;
		case 't':
			return strncmp(text, "true", 4) == 0;
		case 'f':
			return strncmp(text, "false", 5) == 0;
		case 'n':
			return strncmp(text, "null", 4) == 0;
		default:
			return *text >='0' && *text <='9';
	}
}

/* 12e345: six bytes that would be written out as hundreds, or ten thousand. */
static bool
begins_long_exponent(const char *c)
{
	if (*c != 'e' && *c != 'E')
		return false;
	c++;
	if (*c == '+' || *c == '-')
		c++;
	return strspn(c, "0123456789") > 2;
}

/*
 * Is it, if it is JSON at all, such that nobody who reads it later gets into
 * trouble: by how deep it is, or by how much becomes of it?
 */
static bool
is_harmless(const char *source)
{
	bool		in_string = false;
	int			depth = 0;

	for (const char *c = source; *c; c++)
	{
		if (in_string && *c == '\\' && c[1] != '\0')
			c++;
		else if (*c == '"')
			in_string = !in_string;
		else if (in_string)
			continue;
		else if (*c == '[' || *c == '{')
			depth++;
		else if (*c == ']' || *c == '}')
			depth--;
		else if (begins_long_exponent(c))
			return false;
		if (depth > MAX_DEPTH)
			return false;
	}
	return true;
}

typedef struct Parsing
{
	char	   *text;
	Jsonb	   *json;
} Parsing;

static void
parse(void *arg)
{
	Parsing    *parsing = arg;

	parsing->json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
													   CStringGetDatum(parsing->text)));
}

/* NULL: it is none that can be kept. */
static Jsonb *
read_json(char *source)
{
	Parsing		parsing = {source};

	if (!looks_like_json(source) || !is_harmless(source) ||
		isolate(parse, &parsing) != NULL)
		return NULL;
	return parsing.json;
}

/* ---- the response ---- */

static void
push(JsonbParseState **state, const char *key, JsonbValue *value)
{
	JsonbValue	name;

	name.type = jbvString;
	name.val.string.val = unconstify(char *, key);
	name.val.string.len = strlen(key);
	(void) pushJsonbValue(state, WJB_KEY, &name);
	(void) pushJsonbValue(state, WJB_VALUE, value);
}

/* NULL: it would be larger than what an application may say of an action. */
static Jsonb *
make(int status, JsonbValue *body)
{
	JsonbParseState *state = NULL;
	JsonbValue	number;
	Jsonb	   *response;

	number.type = jbvNumeric;
	number.val.numeric = int64_to_numeric(status);
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push(&state, "status", &number);
	push(&state, "body", body);
	response = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	return VARSIZE(response) <= guc_max_props + RESPONSE_ENVELOPE ? response : NULL;
}

static Jsonb *
with_json(int status, Jsonb *json)
{
	JsonbValue	body;

	if (json == NULL)
		return NULL;
	if (!JB_ROOT_IS_SCALAR(json) || !JsonbExtractScalar(&json->root, &body))
	{
		body.type = jbvBinary;
		body.val.binary.data = &json->root;
		body.val.binary.len = VARSIZE(json) - VARHDRSZ;
	}
	return make(status, &body);
}

static Jsonb *
with_text(int status, char *text)
{
	JsonbValue	body;

	body.type = jbvString;
	body.val.string.val = text;

	body.val.string.len = strlen(text);
	return make(status, &body);
}

static Jsonb *
without_body(int status)
{
	JsonbValue	body;

	body.type = jbvNull;
	return make(status, &body);
}

/* What follows the number in a line of a mail server's reply. */
static size_t
reply_start(const char *line, size_t length)
{
	size_t		start = Min(length, 3);

	return start < length && line[start] == ' ' ? start + 1 : start;
}

Jsonb *
request_response(const Destination *destination, const char *secret,
				 const TransferResult *result)
{
	bool		is_mail = destination->kind == DESTINATION_SMTP;
	size_t		start = is_mail ? reply_start(result->body, result->length) : 0;
	Jsonb	   *response;
	char	   *text;

	if (result->length <= start || result->outcome == TRANSFER_TOO_LARGE)
		return without_body(result->status);
	text = redact_secret(read_text(result->body + start, result->length - start),
						 secret);

	response = is_mail ? NULL : with_json(result->status, read_json(text));
	if (response == NULL)
		response = with_text(result->status, text);
	return response ? response : without_body(result->status);
}
