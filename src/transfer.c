/*-------------------------------------------------------------------------
 *
 * transfer.c
 *	  Requests over the network, many at once.
 *
 * libcurl tells which sockets it waits for, and an epoll has them; the epoll's
 * own fd is what a caller waits for.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "transfer_internal.h"

#define EVENTS_AT_ONCE 256
#define GRACE_MS 2000

struct Transfer
{
	CURLM	   *multi;
	int			epoll;
	AllowList  *allow;
	int			max_in_flight;
	int			in_flight;
	uint64_t	last_handle;
	ItemList	waiting;		/* for another's look-up of a name */
	bool		look_again;		/* one has ended */
	ItemList	running;		/* libcurl has them */
	ItemList	done;
	Item	   *fetched;		/* what the caller reads just now */
};

static const char *const outcome_names[] = {
	[TRANSFER_OK] = "ok",
	[TRANSFER_HTTP_STATUS] = "http status",
	[TRANSFER_SMTP_REPLY] = "smtp reply",
	[TRANSFER_REFUSED] = "refused",
	[TRANSFER_RESOLVE] = "resolve",
	[TRANSFER_CONNECT] = "connect",
	[TRANSFER_TLS] = "tls",
	[TRANSFER_TIMEOUT] = "timeout",
	[TRANSFER_BROKEN] = "broken",
	[TRANSFER_TOO_LARGE] = "too large",
	[TRANSFER_PROTOCOL] = "protocol",
	[TRANSFER_LOCAL] = "local"
};

const char *
transfer_outcome_name(TransferOutcome outcome)
{
	return outcome_names[outcome];
}

const AllowList *
transfer_allowed(const Transfer *transfer)
{
	return transfer->allow;
}

/* It knows its host's addresses, or needs them no more. */
void
transfer_looked_up(Item *item)
{
	if (!item->looks_up)
		return;
	item->looks_up = false;
	item->transfer->look_again = true;
	lookup_tell(&item->transfer->waiting, item);
}

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * A thread that libcurl makes has the mask of this moment for good.  So nothing
 * of libcurl's that may make one is called without.
 */
static sigset_t
hold_signals(void)
{
	sigset_t	all;
	sigset_t	before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	return before;
}

static void
release_signals(sigset_t before)
{
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/*
 * libcurl's word on a socket: what it waits for there now.  Where the kernel has
 * no memory for that the request's time will end it; were libcurl told of it,
 * it would give up all of them.
 */
static int
watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	Transfer   *transfer = arg;
	struct epoll_event event = {.data.fd = fd};

	(void) easy;
	(void) unused;
	if (what == CURL_POLL_REMOVE)
	{
		epoll_ctl(transfer->epoll, EPOLL_CTL_DEL, fd, &event);
		return 0;
	}
	if (what & CURL_POLL_IN)
		event.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		event.events |= EPOLLOUT;
	if (epoll_ctl(transfer->epoll, EPOLL_CTL_MOD, fd, &event) != 0 && errno == ENOENT)
		epoll_ctl(transfer->epoll, EPOLL_CTL_ADD, fd, &event);
	return 0;
}

/*
 * Since 8.20 libcurl has a limited number of threads that look names up: one
 * name whose server does not answer must not keep all others waiting.
 */
static bool
set_up_threads(Transfer *transfer)
{
#if LIBCURL_VERSION_NUM >= 0x081400
	return curl_multi_setopt(transfer->multi, CURLMOPT_QUICK_EXIT, 1L) == CURLM_OK &&
		curl_multi_setopt(transfer->multi, CURLMOPT_RESOLVE_THREADS_MAX,
						  (long) transfer->max_in_flight) == CURLM_OK;
#else
	return true;
#endif
}

static bool
set_up(Transfer *transfer)
{
	transfer->epoll = epoll_create1(EPOLL_CLOEXEC);
	transfer->multi = curl_multi_init();
	if (transfer->epoll < 0 || transfer->multi == NULL)
		return false;
	return curl_multi_setopt(transfer->multi, CURLMOPT_SOCKETFUNCTION, watch) == CURLM_OK &&
		curl_multi_setopt(transfer->multi, CURLMOPT_SOCKETDATA, transfer) == CURLM_OK &&
		curl_multi_setopt(transfer->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK &&
		curl_multi_setopt(transfer->multi, CURLMOPT_MAXCONNECTS,
						  (long) transfer->max_in_flight) == CURLM_OK &&
		set_up_threads(transfer);
}

Transfer *
transfer_open(int max_in_flight, const char *allow, const char **error)
{
	Transfer   *transfer;
	AllowList  *list = guard_parse(allow, error);

	if (list == NULL)
		return NULL;
	*error = "out of memory";
	transfer = calloc(1, sizeof(Transfer));
	if (transfer == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
	{
		guard_free(list);
		free(transfer);
		return NULL;
	}
	signal(SIGPIPE, SIG_IGN);
	transfer->allow = list;
	transfer->max_in_flight = max_in_flight > 0 ? max_in_flight : 1;
	if (set_up(transfer))
	{
		*error = NULL;
		return transfer;
	}
	*error = "libcurl could not be started";
	transfer_close(transfer);
	return NULL;
}

void
transfer_close(Transfer *transfer)
{
	sigset_t	before;

	if (transfer == NULL)
		return;
	before = hold_signals();
	for (Item *item = transfer->running.first; item; item = item->next)
		curl_multi_remove_handle(transfer->multi, item->easy);
	items_free(&transfer->waiting);
	items_free(&transfer->running);
	items_free(&transfer->done);
	item_free(transfer->fetched);
	curl_multi_cleanup(transfer->multi);
	curl_global_cleanup();
	if (transfer->epoll >= 0)
		close(transfer->epoll);
	guard_free(transfer->allow);
	free(transfer);
	release_signals(before);
}

const char *
transfer_check_allow(const char *allow)
{
	const char *error;

	guard_free(guard_parse(allow, &error));
	return error;
}

const char *
transfer_allow(Transfer *transfer, const char *allow)
{
	const char *error;
	AllowList  *list = guard_parse(allow, &error);

	if (list == NULL)
		return error;
	guard_free(transfer->allow);
	transfer->allow = list;
	return NULL;
}

void
transfer_limit(Transfer *transfer, int max_in_flight)
{
	transfer->max_in_flight = max_in_flight > 0 ? max_in_flight : 1;
	curl_multi_setopt(transfer->multi, CURLMOPT_MAXCONNECTS, (long) transfer->max_in_flight);
	(void) set_up_threads(transfer);
}

int
transfer_fd(Transfer *transfer)
{
	return transfer->epoll;
}

int
transfer_in_flight(Transfer *transfer)
{
	return transfer->in_flight;
}

long
transfer_timeout(Transfer *transfer)
{
	long		ms = -1;
	int64_t		now;

	if (transfer->done.first || (transfer->waiting.first && transfer->look_again))
		return 0;
	curl_multi_timeout(transfer->multi, &ms);
	if (transfer->running.first && (ms < 0 || ms > GRACE_MS))
		ms = GRACE_MS;
	if (transfer->waiting.first == NULL)
		return ms;
	now = now_ms();
	for (Item *item = transfer->waiting.first; item; item = item->next)
	{
		if (item->until <= now)
			return 0;
		if (ms < 0 || ms > item->until - now)
			ms = item->until - now;
	}
	return ms;
}

static CURLMcode
hand_to_libcurl(Transfer *transfer, Item *item)
{
	sigset_t	before = hold_signals();
	CURLMcode	code = curl_multi_add_handle(transfer->multi, item->easy);

	release_signals(before);
	if (code != CURLM_OK)
		return code;
	item->looks_up = !item->is_known && !is_address(item->host);
	items_append(&transfer->running, item);
	return code;
}

uint64_t
transfer_start(Transfer *transfer, const TransferRequest *request, const char **error)
{
	Item	   *item;

	*error = "too many requests are in flight";
	if (transfer->in_flight >= transfer->max_in_flight)
		return 0;
	item = item_make(transfer, request, error);
	if (item == NULL)
		return 0;
	item->started = now_ms();
	item->until += item->started;
	if (lookup_is_under_way(&transfer->running, item))
		items_append(&transfer->waiting, item);
	else if (hand_to_libcurl(transfer, item) != CURLM_OK)
	{
		*error = "the request could not be begun";
		item_free(item);
		return 0;
	}
	*error = NULL;
	item->handle = ++transfer->last_handle;
	transfer->in_flight++;
	return item->handle;
}

/* Those whose time is over end; those that have waited enough begin. */
static void
look_at_waiting(Transfer *transfer)
{
	int64_t		now = now_ms();
	Item	   *next;

	for (Item *item = transfer->waiting.first; item; item = next)
	{
		next = item->next;
		item->waited = (now - item->started) / 1000.0;
		if (item->until > now && !item->is_known &&
			(!transfer->look_again || lookup_is_under_way(&transfer->running, item)))
			continue;
		items_remove(&transfer->waiting, item);
		if (item->until > now &&
			curl_easy_setopt(item->easy, CURLOPT_TIMEOUT_MS, (long) (item->until - now)) == CURLE_OK &&
			hand_to_libcurl(transfer, item) == CURLM_OK)
			continue;
		answer_late(item, item->waited);
		items_append(&transfer->done, item);
	}
	transfer->look_again = false;
}

static void
collect(Transfer *transfer)
{
	CURLMsg    *message;
	int			left;

	while ((message = curl_multi_info_read(transfer->multi, &left)) != NULL)
	{
		CURLcode	code = message->data.result;
		CURL	   *easy = message->easy_handle;
		Item	   *item = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &item);
		answer_judge(item, code);
		JOURNEY_FP_INSIDE("dlv_after_response");
		transfer->look_again |= item->looks_up;
		curl_multi_remove_handle(transfer->multi, easy);
		items_remove(&transfer->running, item);
		items_append(&transfer->done, item);
	}
}

/*
 * libcurl ends a request in its time; but out of memory it has been seen to lose
 * one, or its timer.
 */
static void
end_overdue(Transfer *transfer)
{
	int64_t		now = now_ms();
	Item	   *next;

	for (Item *item = transfer->running.first; item; item = next)
	{
		next = item->next;
		if (now < item->until + GRACE_MS)
			continue;
		curl_multi_remove_handle(transfer->multi, item->easy);
		transfer->look_again |= item->looks_up;
		items_remove(&transfer->running, item);
		answer_late(item, (now - item->started) / 1000.0);
		items_append(&transfer->done, item);
	}
}

/* An fd that was closed and made anew meanwhile is only looked at in vain. */
void
transfer_work(Transfer *transfer)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	sigset_t	before = hold_signals();
	int			n = epoll_wait(transfer->epoll, events, EVENTS_AT_ONCE, 0);
	int			running;
	long		ms = -1;

	for (int i = 0; i < n; i++)
	{
		int			what = 0;

		if (events[i].events & EPOLLIN)
			what |= CURL_CSELECT_IN;
		if (events[i].events & EPOLLOUT)
			what |= CURL_CSELECT_OUT;
		if (events[i].events & (EPOLLERR | EPOLLHUP))
			what |= CURL_CSELECT_ERR;
		curl_multi_socket_action(transfer->multi, events[i].data.fd, what, &running);
	}
	curl_multi_timeout(transfer->multi, &ms);
	if (ms == 0)
		curl_multi_socket_action(transfer->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(transfer);
	end_overdue(transfer);
	release_signals(before);
	look_at_waiting(transfer);
	JOURNEY_FP_CATCH_UP();
}

static void
tell(const Item *item, TransferResult *result)
{
	result->handle = item->handle;
	result->tag = item->tag;
	result->outcome = item->outcome;
	result->status = item->status;
	result->retry_after = item->retry_after;
	result->error = item->error;
	result->body = item->answer ? item->answer : "";
	result->length = item->answer_length;
	result->seconds = item->seconds;
	result->may_have_arrived = item->kind == TRANSFER_SMTP ? item->taken > 0 : item->began;
}

bool
transfer_next(Transfer *transfer, TransferResult *result)
{
	Item	   *item = transfer->done.first;

	item_free(transfer->fetched);
	transfer->fetched = item;
	if (item == NULL)
		return false;
	items_remove(&transfer->done, item);
	transfer->in_flight--;
	tell(item, result);
	return true;
}

bool
transfer_cancel(Transfer *transfer, uint64_t handle)
{
	ItemList   *lists[] = {&transfer->running, &transfer->waiting, &transfer->done};
	sigset_t	before;

	for (int i = 0; i < 3; i++)
	{
		Item	   *item = items_find(lists[i], handle);

		if (item == NULL)
			continue;
		if (i == 0)
		{
			before = hold_signals();
			curl_multi_remove_handle(transfer->multi, item->easy);
			release_signals(before);
			transfer->look_again |= item->looks_up;
		}
		items_remove(lists[i], item);
		item_free(item);
		transfer->in_flight--;
		return true;
	}
	return false;
}
