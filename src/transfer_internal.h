/*-------------------------------------------------------------------------
 *
 * transfer_internal.h
 *	  What the files of transfer*.c share: one request and what came of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_TRANSFER_INTERNAL_H
#define JOURNEY_TRANSFER_INTERNAL_H

#include <curl/curl.h>

#include "failpoint.h"
#include "transfer.h"
#include "transfer_guard.h"

#if LIBCURL_VERSION_NUM < 0x075800
#error "journey needs libcurl 7.88 or later"
#endif

#define ERROR_MAX 512
#define SOCKETS_MAX 16

typedef struct Item
{
	struct Item *next;
	struct Item *prev;
	Transfer   *transfer;
	uint64_t	handle;
	uint64_t	tag;
	TransferKind kind;
	CURL	   *easy;

	/* What libcurl uses but does not copy */
	CURLU	   *url;
	char	   *host;			/* as the guard wants it */
	int			port;
	Wire		wire;
	struct curl_slist *headers;
	struct curl_slist *recipients;
	char	   *body;
	size_t		length;
	size_t		taken;			/* of a message, by libcurl */
	char		curl_error[CURL_ERROR_SIZE];

	/* When, by a clock that only goes forward, in ms */
	int64_t		started;
	int64_t		until;
	double		waited;			/* seconds, before libcurl had it */

	/* What happened on the way */
	bool		looks_up;		/* may be looking its host's name up */
	bool		is_known;		/* somebody has just looked it up */
	const char *refused;		/* why the guard refused an address */
	bool		admitted;		/* it let another one pass */
	bool		no_socket;		/* there was no descriptor or memory for it */
	bool		no_memory;
	bool		began;			/* the request itself, on a connection */
	bool		began_again;	/* on another, for the first had ended */
	bool		gave_up;		/* that one had too */
	bool		head_ended;		/* of the final response */
	curl_socket_t made[SOCKETS_MAX];	/* the latest of those made for it */
	int			nmade;
	curl_socket_t socket;		/* that it began on, if made for it */

	/* What came */
	size_t		head_length;
	char	   *answer;
	size_t		answer_length;
	size_t		answer_room;
	int			reply;			/* SMTP's last */
	int			retry_after;

	TransferOutcome outcome;
	int			status;
	double		seconds;
#ifdef JOURNEY_TEST
	size_t		sent;			/* of the body */
#endif
	char		error[ERROR_MAX];
} Item;

typedef struct ItemList
{
	Item	   *first;
	Item	   *last;
} ItemList;

/* transfer_list.c */
extern void items_append(ItemList *list, Item *item);
extern void items_remove(ItemList *list, Item *item);
extern Item *items_find(const ItemList *list, uint64_t handle);
extern void items_free(ItemList *list);

/* transfer_request.c: NULL and an error where something is wrong with it */
extern Item *item_make(Transfer *transfer, const TransferRequest *request,
					   const char **error);
extern void item_free(Item *item);

/* transfer_check.c: what is wrong, or NULL */
extern const char *check_request(const TransferRequest *request);
extern const char *check_url(const TransferRequest *request, CURLU *url);

/* transfer_answer.c: set the callbacks that take what comes; judge at the end */
extern void answer_prepare(Item *item, CURLcode *code);
extern void answer_judge(Item *item, CURLcode code);
extern void answer_late(Item *item, double seconds);

/* transfer_connect.c: the callbacks where connections are made and used */
extern void connect_prepare(Item *item, CURLcode *code);

/* transfer_lookup.c */
extern bool lookup_is_under_way(const ItemList *running, const Item *item);
extern void lookup_tell(const ItemList *waiting, const Item *item);
extern bool is_address(const char *host);

/* transfer.c */
extern const AllowList *transfer_allowed(const Transfer *transfer);
extern void transfer_looked_up(Item *item);

/* curl_easy_setopt, unless one before it failed. */
#define set_option(item, code, option, value) \
	do { \
		if (*(code) == CURLE_OK) \
			*(code) = curl_easy_setopt((item)->easy, option, value); \
	} while (0)

/* ---- transfer_request.c: of a URL ---- */

/* As the guard wants it: no brackets, lower case, no final dot.  malloc()ed, or NULL. */
extern char *plain_host(CURLU *url);
extern int	port_of(CURLU *url);

/* STARTTLS is required where it is asked for: no message goes without. */
extern Wire wire_of(CURLU *url, TransferTls tls);

#endif							/* JOURNEY_TRANSFER_INTERNAL_H */
