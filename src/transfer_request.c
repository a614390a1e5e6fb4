/*-------------------------------------------------------------------------
 *
 * transfer_request.c
 *	  A request as libcurl is to send it.
 *
 *-------------------------------------------------------------------------
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "transfer_internal.h"

#define DEFAULT_CONNECT_MS 10000
#define DEFAULT_TOTAL_MS 30000

char *
plain_host(CURLU *url)
{
	char	   *found = NULL;
	char	   *host;
	size_t		length;

	if (curl_url_get(url, CURLUPART_HOST, &found, 0) != CURLUE_OK)
		return NULL;
	length = strlen(found);
	if (found[0] == '[' && length > 2)
		host = strndup(found + 1, length - 2);
	else
	{
		if (length > 1 && found[length - 1] == '.')
			length--;
		host = strndup(found, length);
	}
	curl_free(found);
	for (char *c = host; c && *c; c++)
		*c = tolower((unsigned char) *c);
	return host;
}

int
port_of(CURLU *url)
{
	char	   *found = NULL;
	int			port = 0;

	if (curl_url_get(url, CURLUPART_PORT, &found, CURLU_DEFAULT_PORT) == CURLUE_OK)
		port = atoi(found);
	curl_free(found);
	return port;
}

Wire
wire_of(CURLU *url, TransferTls tls)
{
	char	   *scheme = NULL;
	bool		clear = true;

	if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK)
		clear = strcmp(scheme, "http") == 0 ||
			(strcmp(scheme, "smtp") == 0 && tls == TRANSFER_PLAIN);
	curl_free(scheme);
	return clear ? WIRE_CLEAR : WIRE_TLS;
}

static long
total_ms(const TransferRequest *request)
{
	return request->total_ms ? request->total_ms : DEFAULT_TOTAL_MS;
}

/*
 * Whatever the request, nothing comes from the environment, and nothing is done
 * that was not asked for.  libcurl's defaults do part of this already.
 */
static void
set_bounds(Item *item, const TransferRequest *request, CURLcode *code)
{
	bool		http = request->kind == TRANSFER_HTTP;

	set_option(item, code, CURLOPT_PROTOCOLS_STR, http ? "http,https" : "smtp,smtps");
	set_option(item, code, CURLOPT_REDIR_PROTOCOLS_STR, http ? "https" : "smtps");
	set_option(item, code, CURLOPT_FOLLOWLOCATION, 0L);
	set_option(item, code, CURLOPT_PROXY, "");
	set_option(item, code, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	set_option(item, code, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	set_option(item, code, CURLOPT_NOSIGNAL, 1L);
	/* Else ending a request waits for the name server it asked. */
	set_option(item, code, CURLOPT_QUICK_EXIT, 1L);
	set_option(item, code, CURLOPT_CONNECTTIMEOUT_MS,
			   request->connect_ms ? request->connect_ms : (long) DEFAULT_CONNECT_MS);
	set_option(item, code, CURLOPT_TIMEOUT_MS, total_ms(request));
}

static void
set_tls(Item *item, const TransferRequest *request, CURLcode *code)
{
	bool		own = request->ca_file || request->ca_dir;

	set_option(item, code, CURLOPT_SSL_VERIFYPEER, 1L);
	set_option(item, code, CURLOPT_SSL_VERIFYHOST, 2L);
	set_option(item, code, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	if (own)
		set_option(item, code, CURLOPT_CAINFO, request->ca_file);

	/*
	 * Where the system has its certificates as a file and as a folder, the
	 * file does: libcurl reads that once a day, but with a folder everything
	 * is read anew for each connection.
	 */
	if (own || curl_version_info(CURLVERSION_NOW)->cainfo)
		set_option(item, code, CURLOPT_CAPATH, request->ca_dir);
}

static bool
append(struct curl_slist **list, const char *string)
{
	struct curl_slist *longer = curl_slist_append(*list, string);

	if (longer == NULL)
		return false;
	*list = longer;
	return true;
}

/* libcurl sends an empty value only if a semicolon asks for it. */
static bool
append_header(struct curl_slist **list, const TransferHeader *header)
{
	const char *value = header->value + strspn(header->value, " ");
	size_t		room = strlen(header->name) + strlen(value) + 3;
	char	   *line = malloc(room);
	bool		done;

	if (line == NULL)
		return false;
	if (*value)
		snprintf(line, room, "%s: %s", header->name, value);
	else
		snprintf(line, room, "%s;", header->name);
	done = append(list, line);
	free(line);
	return done;
}

static bool
make_headers(Item *item, const TransferRequest *request)
{
	bool		typed = false;

	/* Nothing is decoded: what is compressed could be larger than its bound. */
	if (!append(&item->headers, "Accept-Encoding: identity") ||
		!append(&item->headers, "Expect:"))
		return false;
	for (int i = 0; i < request->nheaders; i++)
	{
		typed = typed || strcasecmp(request->headers[i].name, "Content-Type") == 0;
		if (!append_header(&item->headers, &request->headers[i]))
			return false;
	}
	/* Else libcurl would say that it is a form. */
	return typed || append(&item->headers, "Content-Type:");
}

/* Do requests with that method have a body, even if it is empty? */
static bool
wants_body(const char *method)
{
	return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
		strcmp(method, "PATCH") == 0;
}

static void
set_http(Item *item, const TransferRequest *request, CURLcode *code)
{
	if (!make_headers(item, request))
		*code = CURLE_OUT_OF_MEMORY;
	set_option(item, code, CURLOPT_HTTPHEADER, item->headers);
	set_option(item, code, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	set_option(item, code, CURLOPT_HTTP09_ALLOWED, 0L);
	if (item->body || wants_body(request->method))
	{
		set_option(item, code, CURLOPT_POST, 1L);
		set_option(item, code, CURLOPT_POSTFIELDS, item->body ? item->body : "");
		set_option(item, code, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) item->length);
	}
	else if (strcmp(request->method, "HEAD") == 0)
		set_option(item, code, CURLOPT_NOBODY, 1L);
	set_option(item, code, CURLOPT_CUSTOMREQUEST, request->method);
	if (request->user || request->password)
		set_option(item, code, CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC);
}

static size_t
hand_over(char *buffer, size_t size, size_t n, void *arg)
{
	Item	   *item = arg;
	size_t		length = item->length - item->taken;

	if (length > size * n)
		length = size * n;
	memcpy(buffer, item->body + item->taken, length);
	item->taken += length;
	return length;
}

/*
 * Each message has a connection of its own.  libcurl would hand a kept one that
 * is not encrypted to a request that wants encryption, and when it closes one
 * it waits for the peer's last word, and all other requests with it.
 */
static void
set_smtp(Item *item, const TransferRequest *request, CURLcode *code)
{
	for (int i = 0; i < request->nrecipients; i++)
	{
		if (!append(&item->recipients, request->recipients[i]))
			*code = CURLE_OUT_OF_MEMORY;
	}
	set_option(item, code, CURLOPT_MAIL_FROM, request->sender);
	set_option(item, code, CURLOPT_MAIL_RCPT, item->recipients);
	set_option(item, code, CURLOPT_UPLOAD, 1L);
	set_option(item, code, CURLOPT_INFILESIZE_LARGE, (curl_off_t) item->length);
	set_option(item, code, CURLOPT_READFUNCTION, hand_over);
	set_option(item, code, CURLOPT_READDATA, item);
	set_option(item, code, CURLOPT_FRESH_CONNECT, 1L);
	set_option(item, code, CURLOPT_FORBID_REUSE, 1L);
	if (request->tls == TRANSFER_STARTTLS)
		set_option(item, code, CURLOPT_USE_SSL, (long) CURLUSESSL_ALL);
}

/*
 * A message's lines end in CR LF and in nothing else: what a server takes for
 * the end of a message must not depend on how it reads a lone LF.
 */
static size_t
copy_message(char *to, const char *from, size_t length)
{
	char	   *start = to;

	for (const char *end = from + length; from < end; from++)
	{
		if (*from != '\r' && *from != '\n')
		{
			*to++ = *from;
			continue;
		}
		if (*from == '\r' && from + 1 < end && from[1] == '\n')
			from++;
		*to++ = '\r';
		*to++ = '\n';
	}
	return to - start;
}

static bool
copy_body(Item *item, const TransferRequest *request)
{
	bool		message = request->kind == TRANSFER_SMTP;

	if (request->body == NULL)
		return true;
	item->body = malloc(request->length * (message ? 2 : 1) + 1);
	if (item->body == NULL)
		return false;
	item->length = request->length;
	if (message)
		item->length = copy_message(item->body, request->body, request->length);
	else
		memcpy(item->body, request->body, request->length);
	return true;
}

static CURLcode
set_up(Item *item, const TransferRequest *request)
{
	CURLcode	code = CURLE_OK;

	set_option(item, &code, CURLOPT_CURLU, item->url);
	set_option(item, &code, CURLOPT_PRIVATE, item);
	set_bounds(item, request, &code);
	set_tls(item, request, &code);
	if (request->user || request->password)
	{
		set_option(item, &code, CURLOPT_USERNAME, request->user ? request->user : "");
		set_option(item, &code, CURLOPT_PASSWORD,
				   request->password ? request->password : "");
	}
	if (request->kind == TRANSFER_SMTP)
		set_smtp(item, request, &code);
	else
		set_http(item, request, &code);
	connect_prepare(item, &code);
	answer_prepare(item, &code);
	return code;
}

Item *
item_make(Transfer *transfer, const TransferRequest *request, const char **error)
{
	Item	   *item;

	*error = check_request(request);
	if (*error)
		return NULL;
	*error = "out of memory";
	item = calloc(1, sizeof(Item));
	if (item == NULL)
		return NULL;
	item->transfer = transfer;
	item->tag = request->tag;
	item->kind = request->kind;
	item->socket = CURL_SOCKET_BAD;
	item->retry_after = -1;
	item->easy = curl_easy_init();
	item->url = curl_url();
	if (item->easy && item->url)
		*error = check_url(request, item->url);
	if (*error == NULL &&
		((item->host = plain_host(item->url)) == NULL ||
		 !copy_body(item, request) || set_up(item, request) != CURLE_OK))
		*error = "the request could not be prepared";
	if (*error == NULL)
	{
		item->port = port_of(item->url);
		item->wire = wire_of(item->url, request->tls);
		item->until = total_ms(request);
		return item;
	}
	item_free(item);
	return NULL;
}

/* Not while its handle is with libcurl. */
void
item_free(Item *item)
{
	if (item == NULL)
		return;
	curl_easy_cleanup(item->easy);
	curl_url_cleanup(item->url);
	curl_slist_free_all(item->headers);
	curl_slist_free_all(item->recipients);
	free(item->host);
	free(item->body);
	free(item->answer);
	free(item);
}
