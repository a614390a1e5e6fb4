/*-------------------------------------------------------------------------
 *
 * transfer_foresee.c
 *	  May anything be sent by a URL, as far as it can be told before?
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer_internal.h"

/* The guard's word on a host whose address is that text. */
static const char *
judge(const AllowList *list, const char *host, int port, Wire wire, const char *address)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	if (inet_pton(AF_INET, address, &in.sin_addr) == 1)
		return guard_refuses(list, host, wire, (const struct sockaddr *) &in);
	if (inet_pton(AF_INET6, address, &in6.sin6_addr) == 1)
		return guard_refuses(list, host, wire, (const struct sockaddr *) &in6);
	return NULL;
}

static const char *
foresee(const AllowList *list, const char *host, int port, Wire wire)
{
	if (is_address(host))
		return judge(list, host, port, wire, host);
	if (strcmp(host, "localhost") == 0 && judge(list, host, port, wire, "::1") != NULL)
		return judge(list, host, port, wire, "127.0.0.1");
	if (wire == WIRE_CLEAR && !guard_may_list(list, host, port))
		return TRANSFER_ONLY_TLS;
	return NULL;
}

const char *
transfer_forbids(const char *allow, const char *url, TransferTls tls,
				 char place[TRANSFER_PLACE_MAX])
{
	const char *refused = NULL;
	const char *error;
	AllowList  *list = guard_parse(allow, &error);
	CURLU	   *parsed = curl_url();
	char	   *host = NULL;

	if (list && parsed && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK)
		host = plain_host(parsed);
	if (host)
	{
		int			port = port_of(parsed);

		snprintf(place, TRANSFER_PLACE_MAX, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
		refused = foresee(list, host, port, wire_of(parsed, tls));
	}
	free(host);
	curl_url_cleanup(parsed);
	guard_free(list);
	return refused;
}
