/*-------------------------------------------------------------------------
 *
 * transfer_answer.c
 *	  What a peer says, within bounds, and what that amounts to.
 *
 *-------------------------------------------------------------------------
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include "transfer_internal.h"

/* CURLE_TOO_LARGE of 8.6 and later, which may be what we run with. */
#define LINE_TOO_LARGE 100

static bool
make_room(Item *item, size_t length)
{
	size_t		room = item->answer_room ? item->answer_room : 512;
	char	   *larger;

	while (room < length + 1)
		room *= 2;
	if (room == item->answer_room)
		return true;
	larger = realloc(item->answer, room);
	if (larger == NULL)
	{
		item->no_memory = true;
		return false;
	}
	item->answer = larger;
	item->answer_room = room;
	return true;
}

static size_t
take_body(char *data, size_t size, size_t n, void *arg)
{
	Item	   *item = arg;
	size_t		came = size * n;
	size_t		length = item->answer_length + came;

	if (length > TRANSFER_BODY_MAX || !make_room(item, length))
		return CURL_WRITEFUNC_ERROR;
	memcpy(item->answer + item->answer_length, data, came);
	item->answer_length = length;
	item->answer[length] = '\0';
	return came;
}

static int
seconds_within_bounds(double seconds)
{
	if (seconds <= 0)
		return 0;
	return seconds < TRANSFER_RETRY_AFTER_MAX ? (int) seconds : TRANSFER_RETRY_AFTER_MAX;
}

/* Seconds, or a date of HTTP; -1 for anything else. */
static int
parse_retry_after(const char *string)
{
	time_t		at;

	if (string[strspn(string, "0123456789")] == '\0')
		return *string ? seconds_within_bounds(strtod(string, NULL)) : -1;
	at = curl_getdate(string, NULL);
	return at == -1 ? -1 : seconds_within_bounds(difftime(at, time(NULL)));
}

/* The value of that line, if it is that header's: trimmed, and not too long. */
static bool
header_value(const char *line, size_t length, const char *name, char *value, size_t room)
{
	size_t		skip = strlen(name);

	if (length <= skip || strncasecmp(line, name, skip) != 0 || line[skip] != ':')
		return false;
	for (skip++; skip < length && isspace((unsigned char) line[skip]); skip++)
		;
	while (length > skip && isspace((unsigned char) line[length - 1]))
		length--;
	if (length - skip >= room)
		return false;
	memcpy(value, line + skip, length - skip);
	value[length - skip] = '\0';
	return true;
}

/* A line of the head, of an interim response's too, or a trailer. */
static void
take_http_line(Item *item, const char *line, size_t length)
{
	char		value[100];
	long		status = 0;

	if (item->head_ended)
		return;
	if (length >= 5 && memcmp(line, "HTTP/", 5) == 0)
		item->retry_after = -1;
	else if (header_value(line, length, "Retry-After", value, sizeof(value)))
		item->retry_after = parse_retry_after(value);
	else if (length > 0 && (line[0] == '\r' || line[0] == '\n'))
	{
		curl_easy_getinfo(item->easy, CURLINFO_RESPONSE_CODE, &status);
		item->head_ended = status >= 200;
	}
}

/*
 * A reply of a mail server.  After the one that settles the matter libcurl says
 * QUIT and waits, for minutes, for the answer to that; to it the connection is
 * at its end from here on.
 */
static void
take_smtp_line(Item *item, const char *line, size_t length)
{
	bool		last = length >= 3 && (length == 3 || line[3] != '-');

	while (length > 0 && isspace((unsigned char) line[length - 1]))
		length--;
	if (item->head_ended || !last || length < 3 || !make_room(item, length))
		return;
	memcpy(item->answer, line, length);
	item->answer[length] = '\0';
	item->answer_length = length;
	item->reply = atoi(line);
	if (item->began && (item->reply >= 400 || item->taken == item->length))
	{
		item->head_ended = true;
		if (item->socket != CURL_SOCKET_BAD)
			shutdown(item->socket, SHUT_RD);
	}
}

static size_t
take_line(char *data, size_t size, size_t n, void *arg)
{
	Item	   *item = arg;
	size_t		length = size * n;

	item->head_length += length;
	if (item->head_length > TRANSFER_HEAD_MAX)
		return CURL_WRITEFUNC_ERROR;
	if (item->kind == TRANSFER_SMTP)
		take_smtp_line(item, data, length);
	else
		take_http_line(item, data, length);
	return length;
}

void
answer_prepare(Item *item, CURLcode *code)
{
	set_option(item, code, CURLOPT_ERRORBUFFER, item->curl_error);
	set_option(item, code, CURLOPT_WRITEFUNCTION, take_body);
	set_option(item, code, CURLOPT_WRITEDATA, item);
	set_option(item, code, CURLOPT_HEADERFUNCTION, take_line);
	set_option(item, code, CURLOPT_HEADERDATA, item);
	if (item->kind == TRANSFER_HTTP)
		set_option(item, code, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) TRANSFER_BODY_MAX);
}

static TransferOutcome
judge_failure(const Item *item, CURLcode code)
{
	switch ((int) code)
	{
		case CURLE_COULDNT_RESOLVE_HOST:
			return TRANSFER_RESOLVE;
		case CURLE_COULDNT_CONNECT:
			return item->no_socket ? TRANSFER_LOCAL : TRANSFER_CONNECT;
		case CURLE_OPERATION_TIMEDOUT:
			return TRANSFER_TIMEOUT;
		case CURLE_SSL_CONNECT_ERROR:
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_SSL_CACERT_BADFILE:
		case CURLE_SSL_CERTPROBLEM:
		case CURLE_SSL_CIPHER:
		case CURLE_SSL_INVALIDCERTSTATUS:
		case CURLE_SSL_ISSUER_ERROR:
		case CURLE_USE_SSL_FAILED:
			return TRANSFER_TLS;
		case CURLE_SEND_ERROR:
		case CURLE_RECV_ERROR:
		case CURLE_GOT_NOTHING:
		case CURLE_PARTIAL_FILE:
			return TRANSFER_BROKEN;
		case CURLE_WRITE_ERROR:
		case CURLE_FILESIZE_EXCEEDED:
		case LINE_TOO_LARGE:
			return TRANSFER_TOO_LARGE;
		case CURLE_OUT_OF_MEMORY:
			/* So an older libcurl calls a header line that is too large. */
			return item->began ? TRANSFER_TOO_LARGE : TRANSFER_LOCAL;
		case CURLE_FAILED_INIT:
			return TRANSFER_LOCAL;
		default:
			return TRANSFER_PROTOCOL;
	}
}

static TransferOutcome
judge(const Item *item, CURLcode code)
{
	TransferOutcome failure;

	if (item->no_memory)
		return TRANSFER_LOCAL;
	if (code == CURLE_OK)
	{
		if (item->kind == TRANSFER_SMTP)
			return TRANSFER_OK;
		if (!item->head_ended)
			return TRANSFER_BROKEN;
		return item->status / 100 == 2 ? TRANSFER_OK : TRANSFER_HTTP_STATUS;
	}
	/* Where another address was admitted, it is that one that failed. */
	if (item->refused && !item->admitted)
		return TRANSFER_REFUSED;
	failure = item->gave_up ? TRANSFER_BROKEN : judge_failure(item, code);
	if (item->kind == TRANSFER_SMTP && item->reply >= 400 &&
		failure != TRANSFER_TIMEOUT && failure != TRANSFER_TLS)
		return TRANSFER_SMTP_REPLY;
	return failure;
}

static void
describe(Item *item, CURLcode code)
{
	switch (item->outcome)
	{
		case TRANSFER_OK:
			break;
		case TRANSFER_HTTP_STATUS:
			snprintf(item->error, ERROR_MAX, "HTTP status %d", item->status);
			break;
		case TRANSFER_SMTP_REPLY:
			snprintf(item->error, ERROR_MAX, "SMTP reply %d", item->reply);
			break;
		case TRANSFER_REFUSED:
			snprintf(item->error, ERROR_MAX, "address may not be reached: %s", item->refused);
			break;
		case TRANSFER_TOO_LARGE:
			snprintf(item->error, ERROR_MAX, "response is larger than may be kept");
			break;
		case TRANSFER_LOCAL:
			snprintf(item->error, ERROR_MAX, "out of memory or descriptors");
			break;
		case TRANSFER_BROKEN:
			if (code == CURLE_OK || item->gave_up)
			{
				snprintf(item->error, ERROR_MAX, "connection ended %s the header",
						 item->gave_up ? "before" : "within");
				break;
			}
			/* FALLTHROUGH */
		default:
			snprintf(item->error, ERROR_MAX, "%s",
					 item->curl_error[0] ? item->curl_error : curl_easy_strerror(code));
	}
	/* libcurl quotes what came. */
	for (char *c = item->error; *c; c++)
	{
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
}

void
answer_judge(Item *item, CURLcode code)
{
	long		status = 0;
	double		seconds = 0;

	curl_easy_getinfo(item->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(item->easy, CURLINFO_TOTAL_TIME, &seconds);
	item->status = item->kind == TRANSFER_SMTP ? item->reply : (int) status;
	item->seconds = item->waited + seconds;
	item->outcome = judge(item, code);
	describe(item, code);
}

/* Its time is over, and libcurl has not had it or has not ended it. */
void
answer_late(Item *item, double seconds)
{
	item->outcome = TRANSFER_TIMEOUT;
	item->seconds = seconds;
	snprintf(item->error, ERROR_MAX, "timed out");
}
