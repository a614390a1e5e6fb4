/*-------------------------------------------------------------------------
 *
 * transfer_guard.h
 *	  Which addresses may be connected to.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_TRANSFER_GUARD_H
#define JOURNEY_TRANSFER_GUARD_H

#include <stdbool.h>
#include <sys/socket.h>

typedef struct AllowList AllowList;

/* NULL and an error where the text is wrong.  See transfer_open(). */
extern AllowList *guard_parse(const char *string, const char **error);
extern void guard_free(AllowList *list);

/* Who can read along on the way? */
typedef enum Wire
{
	WIRE_TLS,					/* nobody: TLS, or nothing is sent */
	WIRE_CLEAR					/* everybody */
} Wire;

/*
 * NULL if a connection to that address is right for a URL with that host, else
 * why not.  The host is in lower case, without a final dot.
 */
extern const char *guard_refuses(const AllowList *list, const char *host, Wire wire,
								 const struct sockaddr *address);

/* Has the list an entry for that name, or one for addresses, of which it may have any? */
extern bool guard_may_list(const AllowList *list, const char *host, int port);

#endif							/* JOURNEY_TRANSFER_GUARD_H */
