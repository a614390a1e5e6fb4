/*-------------------------------------------------------------------------
 *
 * transfer_lookup.c
 *	  One look-up of a name at a time.
 *
 * libcurl remembers for a minute what a name's addresses are.  But of many
 * requests that come when it does not know, each would look the same name up,
 * in a thread and with descriptors of its own.  So one goes first, and those
 * to the same place wait until it knows, or has failed.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "transfer_internal.h"

/* There is nothing to look up then. */
bool
is_address(const char *host)
{
	struct in6_addr address;

	return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

static bool
same_place(const Item *a, const Item *b)
{
	return a->port == b->port && strcmp(a->host, b->host) == 0;
}

bool
lookup_is_under_way(const ItemList *running, const Item *item)
{
	for (const Item *other = running->first; other; other = other->next)
	{
		if (other->looks_up && same_place(other, item))
			return true;
	}
	return false;
}

/* That one knows: so those that wait for the same are free to go. */
void
lookup_tell(const ItemList *waiting, const Item *item)
{
	for (Item *other = waiting->first; other; other = other->next)
	{
		if (same_place(other, item))
			other->is_known = true;
	}
}
