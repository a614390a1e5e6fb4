/*-------------------------------------------------------------------------
 *
 * transfer_check.c
 *	  Is a request fit to be sent?
 *
 * Headers, addresses and URLs may hold what customers typed.  A line's end in
 * one of them would be a header, a recipient or a request of their own.
 *
 *-------------------------------------------------------------------------
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "transfer_internal.h"

#define LINE_MAX_LENGTH 8192

/* What frames the message or belongs to the connection is libcurl's to say. */
static const char *const reserved_headers[] = {
	"Accept-Encoding", "Connection", "Content-Length", "Expect", "Host",
	"Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer",
	"Transfer-Encoding", "Upgrade"
};

/* A request that is answered by another protocol, or by itself. */
static const char *const reserved_methods[] = {"CONNECT", "TRACE"};

static bool
is_one_of(const char *string, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		if (strcasecmp(string, list[i]) == 0)
			return true;
	}
	return false;
}

#define IS_ONE_OF(string, list) is_one_of(string, list, sizeof(list) / sizeof((list)[0]))

static bool
has_control(const char *string)
{
	for (; *string; string++)
	{
		if ((unsigned char) *string < ' ' || *string == 0x7F)
			return true;
	}
	return false;
}

/* RFC 9110's token. */
static bool
is_token(const char *string)
{
	if (*string == '\0')
		return false;
	for (; *string; string++)
	{
		unsigned char c = *string;

		if (c >= 0x80 || !(isalnum(c) || strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return true;
}

static const char *
check_header(const TransferHeader *header)
{
	if (header->name == NULL || !is_token(header->name))
		return "a header's name is not a token";
	if (IS_ONE_OF(header->name, reserved_headers))
		return "a header is one that is set for each request";
	if (header->value == NULL || has_control(header->value))
		return "a header's value holds a control character";
	if (strlen(header->name) + strlen(header->value) > LINE_MAX_LENGTH)
		return "a header is too long";
	return NULL;
}

static const char *
check_http(const TransferRequest *request)
{
	const char *wrong = NULL;

	if (request->method == NULL || !is_token(request->method) ||
		strlen(request->method) > 32)
		return "the method is not a token";
	if (IS_ONE_OF(request->method, reserved_methods))
		return "the method is not for sending";
	if (request->user && strchr(request->user, ':'))
		return "a user's name cannot hold a colon";
	for (int i = 0; i < request->nheaders && wrong == NULL; i++)
		wrong = check_header(&request->headers[i]);
	return wrong;
}

/* Bare, as in "ada@example.com": what else a mailbox may be is not needed. */
static bool
is_mailbox(const char *string)
{
	size_t		length = string ? strlen(string) : 0;

	if (length == 0 || length > 320 || has_control(string))
		return false;
	return strpbrk(string, " <>,;\\\"()") == NULL && strchr(string, '@') != NULL;
}

static const char *
check_smtp(const TransferRequest *request)
{
	if (request->body == NULL || request->length == 0)
		return "there is no message";
	if (request->sender == NULL || (*request->sender && !is_mailbox(request->sender)))
		return "the sender is not a mail address";
	if (request->nrecipients < 1)
		return "there is no recipient";
	for (int i = 0; i < request->nrecipients; i++)
	{
		if (!is_mailbox(request->recipients[i]))
			return "a recipient is not a mail address";
	}
	return NULL;
}

const char *
check_request(const TransferRequest *request)
{
	if (request->url == NULL || strlen(request->url) > TRANSFER_URL_MAX)
		return "the URL is too long";
	if (has_control(request->url))
		return "the URL holds a control character";
	if (request->user && has_control(request->user))
		return "the user's name holds a control character";
	if (request->password && has_control(request->password))
		return "the password holds a control character";
	if (request->connect_ms < 0 || request->total_ms < 0)
		return "a timeout is negative";
	return request->kind == TRANSFER_SMTP ? check_smtp(request) : check_http(request);
}

static bool
has_part(CURLU *url, CURLUPart part)
{
	char	   *string = NULL;
	CURLUcode	code = curl_url_get(url, part, &string, 0);

	curl_free(string);
	return code == CURLUE_OK;
}

static bool
right_scheme(const TransferRequest *request, const char *scheme)
{
	if (request->kind == TRANSFER_HTTP)
		return strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0;
	return strcmp(scheme, request->tls == TRANSFER_IMPLICIT ? "smtps" : "smtp") == 0;
}

/* Parse it into url.  What is wrong is told without the URL: it may be secret. */
const char *
check_url(const TransferRequest *request, CURLU *url)
{
	char	   *scheme = NULL;
	bool		right;

	if (curl_url_set(url, CURLUPART_URL, request->url, 0) != CURLUE_OK)
		return "the URL cannot be read";
	if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		return "the URL has no scheme";
	right = right_scheme(request, scheme);
	curl_free(scheme);
	if (!right)
		return "the URL's scheme is not one for this";
	if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD) ||
		has_part(url, CURLUPART_OPTIONS))
		return "the URL holds a user's name or a password";
	if (has_part(url, CURLUPART_ZONEID))
		return "the URL names a network interface";
	return NULL;
}

const char *
transfer_check(const TransferRequest *request)
{
	const char *error = check_request(request);
	CURLU	   *url;

	if (error)
		return error;
	url = curl_url();
	if (url == NULL)
		return NULL;			/* not the request's fault */
	error = check_url(request, url);
	curl_url_cleanup(url);
	return error;
}
