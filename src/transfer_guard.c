/*-------------------------------------------------------------------------
 *
 * transfer_guard.c
 *	  Which addresses may be connected to.
 *
 * A URL is written by somebody who cannot reach our network; we can.  So only
 * public addresses are connected to, and what an administrator has listed.  The
 * address is looked at when the socket is made for it: neither a spelling that
 * hides it nor a name server that changes its mind makes a difference.  What
 * goes out in clear text, secrets and customers' data, goes only to what is listed.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "transfer.h"
#include "transfer_guard.h"

#define ADDRESS_MAX 16			/* bytes */
#define ENTRY_MAX 300			/* characters: a name has 253 at most */

typedef struct Net
{
	int			family;			/* AF_INET or AF_INET6 */
	int			bits;
	unsigned char address[ADDRESS_MAX];
} Net;

typedef struct Allowed
{
	struct Allowed *next;
	int			port;			/* 0: any */
	char	   *host;			/* or NULL, and a net */
	Net			net;
} Allowed;

struct AllowList
{
	Allowed    *first;
};

typedef struct Refused
{
	const char *net;
	const char *kind;
} Refused;

/* IANA's registries of special addresses, and what clouds have made of others. */
static const Refused refused[] = {
	{"0.0.0.0/8", "this network"},
	{"10.0.0.0/8", "private"},
	{"100.64.0.0/10", "shared by a carrier"},
	{"127.0.0.0/8", "loopback"},
	{"168.63.129.16/32", "a cloud's own"},
	{"169.254.0.0/16", "link-local"},
	{"172.16.0.0/12", "private"},
	{"192.0.0.0/24", "reserved"},
	{"192.0.2.0/24", "documentation"},
	{"192.88.99.0/24", "6to4 relay"},
	{"192.168.0.0/16", "private"},
	{"198.18.0.0/15", "benchmarks"},
	{"198.51.100.0/24", "documentation"},
	{"203.0.113.0/24", "documentation"},
	{"224.0.0.0/4", "multicast"},
	{"255.255.255.255/32", "broadcast"},
	{"240.0.0.0/4", "reserved"},
	{"::/128", "unspecified"},
	{"::1/128", "loopback"},
	{"::/96", "an IPv4 address in IPv6"},
	{"::ffff:0:0/96", "an IPv4 address in IPv6"},
	{"::ffff:0:0:0/96", "an IPv4 address in IPv6"},
	{"64:ff9b::/96", "NAT64"},
	{"64:ff9b:1::/48", "NAT64"},
	{"2001::/32", "Teredo"},
	{"2001:2::/48", "benchmarks"},
	{"2001::/23", "reserved"},
	{"2001:db8::/32", "documentation"},
	{"2002::/16", "6to4"},
	{"3fff::/20", "documentation"},
	{"fc00::/7", "private"},
	{"fe80::/10", "link-local"},
	{"fec0::/10", "site-local"},
	{"ff00::/8", "multicast"}
};

/* All public addresses of IPv6 there are. */
static const char *const global_unicast = "2000::/3";

/* At most limit, in decimal; -1 for anything else. */
static int
parse_number(const char *string, int limit)
{
	int			value = 0;

	if (*string == '\0' || strlen(string) > 5)
		return -1;
	for (; *string; string++)
	{
		if (!isdigit((unsigned char) *string))
			return -1;
		value = value * 10 + (*string - '0');
	}
	return value <= limit ? value : -1;
}

/* "10.0.0.0/8" or an address alone. */
static bool
parse_net(const char *string, Net *net)
{
	char		address[ENTRY_MAX];
	const char *slash = strchr(string, '/');
	size_t		length = slash ? (size_t) (slash - string) : strlen(string);

	if (length >= sizeof(address))
		return false;
	memcpy(address, string, length);
	address[length] = '\0';
	memset(net, 0, sizeof(*net));
	net->family = strchr(address, ':') ? AF_INET6 : AF_INET;
	net->bits = net->family == AF_INET6 ? 128 : 32;
	if (slash)
		net->bits = parse_number(slash + 1, net->bits);
	return net->bits >= 0 && inet_pton(net->family, address, net->address) == 1;
}

static bool
in_net(const Net *net, int family, const unsigned char *address)
{
	int			bytes = net->bits / 8;
	int			mask = 0xFF00 >> (net->bits % 8) & 0xFF;

	return family == net->family &&
		memcmp(address, net->address, bytes) == 0 &&
		(mask == 0 || ((address[bytes] ^ net->address[bytes]) & mask) == 0);
}

/* Would a URL's host that ends in this label be an address in some spelling? */
static bool
is_numeric(const char *label)
{
	if (label[0] == '0' && tolower((unsigned char) label[1]) == 'x')
		return true;
	return label[strspn(label, "0123456789")] == '\0';
}

/*
 * A name of letters, digits, hyphens and underscores.  An odd spelling of an
 * address is none: when we come to compare hosts, no address is spelled so.
 */
static bool
is_name(const char *string)
{
	const char *label = string;

	if (strlen(string) > 253)
		return false;
	for (const char *c = string;; c++)
	{
		if (*c == '.' || *c == '\0')
		{
			if (c == label)
				return false;
			if (*c == '\0')
				return !is_numeric(label);
			label = c + 1;
		}
		else if (!isalnum((unsigned char) *c) && *c != '-' && *c != '_')
			return false;
	}
}

/*
 * Cut the port off.  A colon is a port's after a bracket, or if there is no
 * other.  False where that is none.
 */
static bool
cut_port(char *string, char **rest, int *port)
{
	char	   *colon = strchr(string, ':');
	char	   *bracket = strchr(string, ']');

	*rest = string;
	*port = 0;
	if (*string == '[')
	{
		if (bracket == NULL || (bracket[1] != '\0' && bracket[1] != ':'))
			return false;
		*rest = string + 1;
		colon = bracket[1] ? bracket + 1 : NULL;
		*bracket = '\0';
		if (strchr(*rest, ':') == NULL)
			return false;		/* only IPv6 is written so */
	}
	else if (colon && strchr(colon + 1, ':'))
		colon = NULL;
	if (colon == NULL)
		return true;
	*colon = '\0';
	*port = parse_number(colon + 1, 65535);
	return *port > 0;
}

static bool
parse_entry(char *string, Allowed *entry)
{
	char	   *rest;
	size_t		length;

	if (!cut_port(string, &rest, &entry->port))
		return false;
	if (parse_net(rest, &entry->net))
		return true;
	length = strlen(rest);
	if (length > 1 && rest[length - 1] == '.')
		rest[length - 1] = '\0';
	if (!is_name(rest))
		return false;
	for (char *c = rest; *c; c++)
		*c = tolower((unsigned char) *c);
	entry->host = strdup(rest);
	return entry->host != NULL;
}

static const char *
add_entry(AllowList *list, const char *string, size_t length)
{
	char		copy[ENTRY_MAX];
	Allowed    *entry;

	if (length >= sizeof(copy))
		return "an entry of the list is too long";
	memcpy(copy, string, length);
	copy[length] = '\0';
	entry = calloc(1, sizeof(Allowed));
	if (entry == NULL)
		return "out of memory";
	entry->next = list->first;
	list->first = entry;
	if (!parse_entry(copy, entry))
		return "an entry of the list is not a host name, an address or a network";
	return NULL;
}

AllowList *
guard_parse(const char *string, const char **error)
{
	static const char separators[] = ", \t\r\n";
	AllowList  *list = calloc(1, sizeof(AllowList));

	*error = list ? NULL : "out of memory";
	if (string == NULL)
		string = "";
	while (*error == NULL && *(string += strspn(string, separators)))
	{
		size_t		length = strcspn(string, separators);

		*error = add_entry(list, string, length);
		string += length;
	}
	if (*error == NULL)
		return list;
	guard_free(list);
	return NULL;
}

void
guard_free(AllowList *list)
{
	Allowed    *next;

	if (list == NULL)
		return;
	for (Allowed *entry = list->first; entry; entry = next)
	{
		next = entry->next;
		free(entry->host);
		free(entry);
	}
	free(list);
}

static bool
is_allowed(const AllowList *list, const char *host, int port,
		   int family, const unsigned char *address)
{
	for (const Allowed *entry = list->first; entry; entry = entry->next)
	{
		if (entry->port != 0 && entry->port != port)
			continue;
		if (entry->host ? strcmp(entry->host, host) == 0 :
			in_net(&entry->net, family, address))
			return true;
	}
	return false;
}

bool
guard_may_list(const AllowList *list, const char *host, int port)
{
	for (const Allowed *entry = list->first; entry; entry = entry->next)
	{
		if ((entry->port == 0 || entry->port == port) &&
			(entry->host == NULL || strcmp(entry->host, host) == 0))
			return true;
	}
	return false;
}

/* What kind of address it is, NULL: a public one. */
static const char *
special(int family, const unsigned char *address)
{
	Net			net;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
	{
		/* Were an entry unreadable, nothing could be reached. */
		if (!parse_net(refused[i].net, &net) || in_net(&net, family, address))
			return refused[i].kind;
	}
	if (family == AF_INET)
		return NULL;
	return parse_net(global_unicast, &net) && in_net(&net, family, address) ?
		NULL : "reserved";
}

const char *
guard_refuses(const AllowList *list, const char *host, Wire wire,
			  const struct sockaddr *address)
{
	const unsigned char *bytes;
	const char *kind;
	int			port;

	if (address->sa_family == AF_INET)
	{
		const struct sockaddr_in *in = (const struct sockaddr_in *) address;

		bytes = (const unsigned char *) &in->sin_addr;
		port = ntohs(in->sin_port);
	}
	else if (address->sa_family == AF_INET6)
	{
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) address;

		bytes = (const unsigned char *) &in6->sin6_addr;
		port = ntohs(in6->sin6_port);
	}
	else
		return "not of the internet";
	if (is_allowed(list, host, port, address->sa_family, bytes))
		return NULL;
	kind = special(address->sa_family, bytes);
	return kind == NULL && wire == WIRE_CLEAR ? TRANSFER_ONLY_TLS : kind;
}
