/*-------------------------------------------------------------------------
 *
 * transfer_connect.c
 *	  Where connections are made and used: the guard at its gates.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "transfer_internal.h"

static bool
may_reach(Item *item, const struct sockaddr *address)
{
	const char *kind = guard_refuses(transfer_allowed(item->transfer), item->host,
									 item->wire, address);

	if (kind == NULL)
		return true;
	item->refused = kind;
	return false;
}

/*
 * libcurl has looked the name up and chosen an address; it goes on to the next
 * one, if any, where it gets no socket.
 */
static curl_socket_t
make_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	Item	   *item = arg;
	curl_socket_t made;

	JOURNEY_FP_INSIDE("dlv_after_dns");
	transfer_looked_up(item);
	if (purpose != CURLSOCKTYPE_IPCXN || !may_reach(item, &address->addr))
		return CURL_SOCKET_BAD;
	item->admitted = true;
	made = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (made == CURL_SOCKET_BAD && (errno == EMFILE || errno == ENFILE ||
									errno == ENOBUFS || errno == ENOMEM))
		item->no_socket = true;
	if (made != CURL_SOCKET_BAD)
		item->made[item->nmade++ % SOCKETS_MAX] = made;
	return made;
}

static bool
is_at(const struct sockaddr_storage *address, socklen_t length, const char *host, int port)
{
	char		found_host[NI_MAXHOST];
	char		found_port[NI_MAXSERV];

	return getnameinfo((const struct sockaddr *) address, length, found_host, NI_MAXHOST,
					   found_port, NI_MAXSERV, NI_NUMERICHOST | NI_NUMERICSERV) == 0 &&
		strcmp(found_host, host) == 0 && atoi(found_port) == port;
}

static bool
connects(curl_socket_t fd, const char *peer, int peer_port, const char *own, int own_port)
{
	struct sockaddr_storage here;
	struct sockaddr_storage there;
	socklen_t	here_length = sizeof(here);
	socklen_t	there_length = sizeof(there);

	return getsockname(fd, (struct sockaddr *) &here, &here_length) == 0 &&
		getpeername(fd, (struct sockaddr *) &there, &there_length) == 0 &&
		is_at(&here, here_length, own, own_port) &&
		is_at(&there, there_length, peer, peer_port);
}

/*
 * A connection is there, new or kept, and the request is about to go out on it.
 * A kept one may be from a time with another allow-list.
 */
static int
begin(void *arg, char *peer, char *own, int peer_port, int own_port)
{
	Item	   *item = arg;
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(peer_port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(peer_port)};
	bool		right = false;

	transfer_looked_up(item);
	if (inet_pton(AF_INET, peer, &in.sin_addr) == 1)
		right = may_reach(item, (struct sockaddr *) &in);
	else if (inet_pton(AF_INET6, peer, &in6.sin6_addr) == 1)
		right = may_reach(item, (struct sockaddr *) &in6);
	else
		item->refused = "not of the internet";
	if (!right)
	{
		item->admitted = false;
		return CURL_PREREQFUNC_ABORT;
	}
	JOURNEY_FP_INSIDE("dlv_after_connect");

	/*
	 * Where a kept connection ends before a byte of the answer came, libcurl
	 * sends the request again by itself, and again: a peer that closed it for
	 * its age is right to get it once more, one that always does is not.
	 */
	item->gave_up = item->began_again;
	if (item->gave_up)
		return CURL_PREREQFUNC_ABORT;
	item->began_again = item->began;
	item->began = true;

	/*
	 * Which of the sockets is it?  libcurl has closed those that came to
	 * nothing, and what has their numbers now may be another request's.
	 */
	for (int i = 0; i < item->nmade && i < SOCKETS_MAX; i++)
	{
		if (item->kind == TRANSFER_SMTP &&
			connects(item->made[i], peer, peer_port, own, own_port))
			item->socket = item->made[i];
	}
	return CURL_PREREQFUNC_OK;
}

#ifdef JOURNEY_TEST
/* libcurl tells, once the kernel has them, of the bytes that it sent. */
static int
watch_sending(CURL *easy, curl_infotype kind, char *data, size_t length, void *arg)
{
	Item	   *item = arg;

	if (kind == CURLINFO_DATA_OUT)
		item->sent += length;
	if ((kind == CURLINFO_DATA_OUT && item->sent == item->length) ||
		(kind == CURLINFO_HEADER_OUT && item->kind == TRANSFER_HTTP && item->length == 0))
		JOURNEY_FP_INSIDE("dlv_after_send");
	return 0;
}

static void
watch_prepare(Item *item, CURLcode *code)
{
	set_option(item, code, CURLOPT_VERBOSE, 1L);
	set_option(item, code, CURLOPT_DEBUGFUNCTION, watch_sending);
	set_option(item, code, CURLOPT_DEBUGDATA, item);
}
#else
#define watch_prepare(item, code) ((void) 0)
#endif

void
connect_prepare(Item *item, CURLcode *code)
{
	set_option(item, code, CURLOPT_OPENSOCKETFUNCTION, make_socket);
	set_option(item, code, CURLOPT_OPENSOCKETDATA, item);
	set_option(item, code, CURLOPT_PREREQFUNCTION, begin);
	set_option(item, code, CURLOPT_PREREQDATA, item);
	watch_prepare(item, code);
}
