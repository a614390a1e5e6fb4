/*-------------------------------------------------------------------------
 *
 * transfer.h
 *	  Requests over the network, many at once: HTTP and mail, by libcurl.
 *
 * Nothing here knows PostgreSQL: no header of the server, memory by malloc, an
 * error is a text.  One process drives all requests from one thread:
 *
 *		wait until transfer_fd() is readable, or transfer_timeout() is over;
 *		transfer_work();
 *		while (transfer_next(&result)) ...
 *
 * The fd is an epoll's, so a caller waits on it beside what else it waits for.
 * libcurl looks names up in threads of its own; all signals are blocked there,
 * so the caller's handlers never run in them.
 *
 * What may be reached is settled when a connection is made, by the address that
 * it goes to (transfer_guard.c), and again whenever a kept connection is used.
 * Redirects are not followed; proxies, cookies and .netrc do not exist; TLS is
 * always verified.  All that a peer can make us keep, wait for or parse is
 * bounded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOURNEY_TRANSFER_H
#define JOURNEY_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRANSFER_BODY_MAX (64 * 1024)	/* of a response */
#define TRANSFER_HEAD_MAX (32 * 1024)	/* of its header lines, all */
#define TRANSFER_URL_MAX 8192
#define TRANSFER_RETRY_AFTER_MAX (24 * 60 * 60)

typedef struct Transfer Transfer;

typedef enum TransferKind
{
	TRANSFER_HTTP,
	TRANSFER_SMTP
} TransferKind;

/* For smtp://; a URL that begins with smtps:// is TLS from its first byte. */
typedef enum TransferTls
{
	TRANSFER_STARTTLS,			/* required: no message without it */
	TRANSFER_PLAIN,				/* smtp:// without TLS */
	TRANSFER_IMPLICIT			/* smtps:// */
} TransferTls;

typedef struct TransferHeader
{
	const char *name;
	const char *value;
} TransferHeader;

typedef struct TransferRequest
{
	TransferKind kind;
	uint64_t	tag;			/* the caller's, comes back with the result */
	const char *url;
	const char *user;			/* NULL: none; Basic, or SMTP's AUTH */
	const char *password;
	const char *ca_file;		/* trust these only; both NULL: the system's */
	const char *ca_dir;
	long		connect_ms;		/* look-up, connection and TLS; 0: 10 seconds */
	long		total_ms;		/* of everything; 0: 30 seconds */

	/* HTTP's body, or the message: its lines are ended by CR LF as it is sent */
	const char *body;			/* NULL: none */
	size_t		length;

	/* HTTP */
	const char *method;
	const TransferHeader *headers;
	int			nheaders;

	/* SMTP */
	TransferTls tls;
	const char *sender;			/* of the envelope; "" is the empty one */
	const char *const *recipients;
	int			nrecipients;
} TransferRequest;

typedef enum TransferOutcome
{
	TRANSFER_OK,				/* status 2xx, or the message was taken */
	TRANSFER_HTTP_STATUS,		/* a whole response of another status */
	TRANSFER_SMTP_REPLY,		/* the server said no: status is its reply */
	TRANSFER_REFUSED,			/* by the guard */
	TRANSFER_RESOLVE,
	TRANSFER_CONNECT,
	TRANSFER_TLS,
	TRANSFER_TIMEOUT,
	TRANSFER_BROKEN,			/* the connection ended before the answer did */
	TRANSFER_TOO_LARGE,			/* the response */
	TRANSFER_PROTOCOL,			/* the response is not HTTP, or not SMTP */
	TRANSFER_LOCAL				/* ours: no memory, no descriptors */
} TransferOutcome;

typedef struct TransferResult
{
	uint64_t	handle;
	uint64_t	tag;
	TransferOutcome outcome;
	int			status;			/* HTTP's, or SMTP's last reply; 0: none came */
	int			retry_after;	/* seconds, at most a day; -1: not said */
	const char *error;			/* printable ASCII, no secret; or "" */
	const char *body;			/* any bytes; SMTP: the last line that came */
	size_t		length;			/* a NUL follows */
	double		seconds;
	bool		may_have_arrived;	/* any byte of the request, of the message */
} TransferResult;

/*
 * allow: what may be reached although it is not a public address, as names,
 * addresses and networks, each optionally with a port, separated by commas or
 * blanks: "hooks.internal 10.1.0.0/16:8443 [fd00::/8]:443 ::1".  NULL: nothing.
 * SIGPIPE is ignored from here on.  NULL and an error where that is wrong.
 */
extern Transfer *transfer_open(int max_in_flight, const char *allow, const char **error);

/* Ends all requests at once, and waits for nothing. */
extern void transfer_close(Transfer *transfer);

/*
 * Another allow-list, for whatever is sent from now on, over kept connections
 * too.  NULL, or what is wrong with it: then the old one stands.
 */
extern const char *transfer_allow(Transfer *transfer, const char *allow);

/* What is wrong with such a list, or NULL. */
extern const char *transfer_check_allow(const char *allow);

/*
 * Why such a list lets nothing be sent by that URL, as: loopback.  NULL: it does, or
 * that cannot be told, for no name is looked up.  place: host and port, as the list
 * would have them.
 */
#define TRANSFER_PLACE_MAX 300
#define TRANSFER_ONLY_TLS "only with TLS"
extern const char *transfer_forbids(const char *allow, const char *url, TransferTls tls,
									char place[TRANSFER_PLACE_MAX]);

/* Another limit, for whatever is started from now on. */
extern void transfer_limit(Transfer *transfer, int max_in_flight);

extern int	transfer_fd(Transfer *transfer);

/* In how many ms transfer_work() is to be called whatever the fd says; -1: never. */
extern long transfer_timeout(Transfer *transfer);
extern void transfer_work(Transfer *transfer);

/*
 * Copies what it needs.  Returns a handle, never 0; or 0 and what is wrong with
 * the request, until the next call.
 */
extern uint64_t transfer_start(Transfer *transfer, const TransferRequest *request,
							   const char **error);

/* What is wrong with the request, whoever would send it and whenever; or NULL. */
extern const char *transfer_check(const TransferRequest *request);

/* One that has finished, each once.  Its texts are good until the next call. */
extern bool transfer_next(Transfer *transfer, TransferResult *result);

/* Those started whose result was not fetched. */
extern int	transfer_in_flight(Transfer *transfer);

/* Its result will not come.  False: there is no such request in flight. */
extern bool transfer_cancel(Transfer *transfer, uint64_t handle);

/* "timeout" and so on. */
extern const char *transfer_outcome_name(TransferOutcome outcome);

#endif							/* JOURNEY_TRANSFER_H */
