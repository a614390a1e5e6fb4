/*-------------------------------------------------------------------------
 *
 * request_http.c
 *	  A webhook: method, headers, signature.
 *
 * A tile webhook says part of it: its path goes behind the destination's URL, its
 * method comes before the destination's, and of two headers of one name the
 * destination's is sent.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "mb/pg_wchar.h"

#include "request_value.h"
#include "sign.h"

#define OURS_AT_MOST 6			/* headers that are added to the others */
#define MAX_TILE_HEADERS 100
#define MAX_HEADER 8192			/* bytes of name and value */
#define SHOWN 100				/* bytes of a name in an error */
#define USER_AGENT "journey/1.0"

static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

static const char *const content_types[] = {
	[CONTENT_JSON] = "application/json",
	[CONTENT_FORM] = "application/x-www-form-urlencoded",
	[CONTENT_TEXT] = "text/plain; charset=utf-8"
};

/* The headers as they grow. */
typedef struct Headers
{
	TransferHeader *list;
	int			n;
} Headers;

static void
add_header(Headers *headers, const char *name, const char *value)
{
	headers->list[headers->n].name = name;
	headers->list[headers->n].value = value;
	headers->n++;
}

static bool
has_header(const Headers *headers, const char *name)
{
	for (int i = 0; i < headers->n; i++)
	{
		if (pg_strcasecmp(headers->list[i].name, name) == 0)
			return true;
	}
	return false;
}

static void
check_header(const char *name, const char *value)
{
	const char *wrong = destination_header_wrong(name);
	int			shown = pg_mbcliplen(name, strlen(name), SHOWN);

	if (wrong != NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("header \"%.*s\" %s", shown, name, wrong));
	if (strlen(name) + strlen(value) > MAX_HEADER)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("header \"%.*s\" is longer than %d bytes", shown, name,
					   MAX_HEADER));
	request_check_line(psprintf("header \"%s\"", name), value);
}

/* Null: left out. */
static void
add_own_headers(Headers *headers, Evaluation *evaluation)
{
	ListCell   *cell;

	foreach(cell, evaluation->destination->headers)
	{
		const KeyedHeader *header = lfirst(cell);
		char	   *value = header->value == NIL ? "" :
			evaluation_keyed(evaluation, header->value);

		if (value == NULL)
			continue;
		check_header(header->name, value);
		add_header(headers, header->name, value);
	}
}

static bool
is_own_header(const Destination *destination, const char *name)
{
	ListCell   *cell;

	foreach(cell, destination->headers)
	{
		const KeyedHeader *header = lfirst(cell);

		if (pg_strcasecmp(header->name, name) == 0)
			return true;
	}
	return false;
}

/* A part of what a tile webhook says; NULL: it says nothing. */
static JsonbValue *
tile_part(const Claimed *claimed, const char *key)
{
	if (!claimed->is_webhook || !JB_ROOT_IS_OBJECT(claimed->payload))
		return NULL;
	return getKeyJsonValueFromContainer(&claimed->payload->root, key, strlen(key), NULL);
}

static char *
tile_text(const Claimed *claimed, const char *key)
{
	JsonbValue *value = tile_part(claimed, key);
	char	   *text = value ? request_text(value) : NULL;
	size_t		length = text ? strlen(text) : 0;

	return text ? request_utf8(text, &length) : NULL;
}

static void
add_tile_header(Headers *headers, const Destination *destination, const char *name,
				JsonbValue *value)
{
	char	   *text = request_text(value);
	size_t		length;

	if (text == NULL || is_own_header(destination, name) || has_header(headers, name))
		return;
	length = strlen(text);
	text = request_utf8(text, &length);

	check_header(name, text);
	add_header(headers, name, text);
}

static void
add_tile_headers(Headers *headers, const Destination *destination, JsonbValue *object)
{
	JsonbIterator *it = JsonbIteratorInit(object->val.binary.data);
	JsonbIteratorToken token;
	JsonbValue	value;
	char	   *name = NULL;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE)
			add_tile_header(headers, destination, name, &value);
	}
}

/* The tile's headers, if they are an object; *n: how many there can be. */
static JsonbValue *
tile_headers(const Claimed *claimed, int *n)
{
	JsonbValue *object = tile_part(claimed, "headers");

	*n = 0;
	if (object == NULL || object->type != jbvBinary ||
		!JsonContainerIsObject(object->val.binary.data))
		return NULL;
	*n = JsonContainerSize(object->val.binary.data);
	if (*n > MAX_TILE_HEADERS)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("the tile has more than %d headers", MAX_TILE_HEADERS));
	return object;
}

/*
 * The secrets that sign, or NULL.  One that begins as such, or is called so, is
 * not passed over where it cannot be read.
 */
static const char *
signing_secrets(const char *secret)
{
	const char *signing;

	if (secret == NULL)
		return NULL;
	signing = secret_part(secret, "signing");
	if (signing == NULL && strncmp(secret + strspn(secret, " \t\r\n"), "whsec_", 6) == 0)
		signing = secret;
	return signing;
}

static void
add_our_headers(Headers *headers, const Evaluation *evaluation,
				const TransferRequest *request)
{
	const char *secrets = signing_secrets(evaluation->secret);
	int64		timestamp = (int64) time(NULL);

	if (!has_header(headers, "User-Agent"))
		add_header(headers, "User-Agent", USER_AGENT);
	if (request->body && !has_header(headers, "Content-Type"))
		add_header(headers, "Content-Type",
				   content_types[evaluation->destination->content_type]);
	add_header(headers, "Idempotency-Key", evaluation->id);
	add_header(headers, "webhook-id", evaluation->id);
	add_header(headers, "webhook-timestamp", psprintf(INT64_FORMAT, timestamp));
	if (secrets)
		add_header(headers, "webhook-signature",
				   sign_webhook(secrets, evaluation->id, timestamp,
								request->body ? request->body : "", request->length));
}

static const char *
choose_method(const Evaluation *evaluation)
{
	const char *method = tile_text(evaluation->claimed, "method");

	if (method == NULL)
		return evaluation->destination->method;
	for (int i = 0; i < lengthof(methods); i++)
	{
		if (strcmp(methods[i], method) == 0)
			return methods[i];
	}
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("the tile's method is none of GET, POST, PUT, PATCH and DELETE"));
	return NULL;				/* not reached */
}

void
request_http(Evaluation *evaluation, TransferRequest *request)
{
	const Destination *destination = evaluation->destination;
	int			n;
	JsonbValue *tile = tile_headers(evaluation->claimed, &n);
	Headers		headers = {0};

	request->kind = TRANSFER_HTTP;
	request->url = request_url(evaluation_url(evaluation, destination->url),
							   tile_text(evaluation->claimed, "path"));
	evaluation_login(evaluation, request);
	request->method = choose_method(evaluation);
	if (strcmp(request->method, "GET") != 0)
		request_body(evaluation, request);
	n += list_length(destination->headers) + OURS_AT_MOST;
	headers.list = palloc(n * sizeof(TransferHeader));
	add_own_headers(&headers, evaluation);
	if (tile)
		add_tile_headers(&headers, destination, tile);
	add_our_headers(&headers, evaluation, request);
	request->headers = headers.list;
	request->nheaders = headers.n;
}
