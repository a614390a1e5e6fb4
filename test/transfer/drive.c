/*-------------------------------------------------------------------------
 *
 * drive.c
 *	  Runs requests through transfer*.c as a script says, and tells what came.
 *
 *	  drive [-f DESCRIPTORS] [-n MAX] [-a ALLOW] [-d NAME=ANSWERS] [-s] [-q] < SCRIPT
 *
 * Each line of the script is a verb and name=value pairs, split by tabs, with
 * %XX for any byte:
 *
 *	  go ...		start a request, or as many as repeat= says
 *	  wait			until all have finished
 *	  allow list=	another allow-list
 *	  reopen		close everything and begin anew
 *	  stop ms=		go on for so long, then close everything
 *	  guard host= address= port= clear=	what does the guard say?
 *	  check list=	what is wrong with that list?
 *	  starve ...	a request again and again, from opening to closing: first with
 *					no memory for our first allocation, then for the second, and
 *					so on until it needs no more
 *
 * With -q results are only counted.  With -s a timer fires each ms, and it is
 * counted how often its handler runs in another thread than ours.
 *
 * Names are looked up here, never in the network: each -d gives the answers to
 * one name in their order, then from the first again, as addresses split by
 * commas, "none" or "hang" (5 s): rebind.test=127.0.0.2|127.0.0.1,::1|none.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "../../src/transfer.h"
#include "../../src/transfer_guard.h"

#define MAX_FIELDS 200
#define MAX_NAMES 20

typedef struct Field
{
	const char *name;
	char	   *value;
	size_t		length;
} Field;

typedef struct Name
{
	const char *name;
	const char *answers;
	const char *next;
} Name;

typedef int (*LookUp) (const char *, const char *, const struct addrinfo *,
					   struct addrinfo **);

static Name names[MAX_NAMES];
static int	nnames;
static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;

static volatile int strayed;	/* handlers that ran in another thread */
static volatile int fired;
static volatile int unblocked;	/* look-ups where a signal could come */
static volatile int lookups;
static pthread_t main_thread;

static Transfer *transfer;
static char *allow;
static int	max_in_flight = 1000;
static bool quiet;
static long counts[TRANSFER_LOCAL + 1];
static long not_started;

/* Which allocation from here on is to fail; 0: none. */
static long fail_in;

/* Allocations of our own files come here, libcurl's do not: see the linker's --wrap. */
extern void *__real_malloc(size_t size);
extern void *__real_calloc(size_t n, size_t size);
extern void *__real_realloc(void *old, size_t size);
extern char *__real_strdup(const char *text);
extern char *__real_strndup(const char *text, size_t length);

static bool
is_to_fail(void)
{
	return fail_in > 0 && --fail_in == 0;
}

void *
__wrap_malloc(size_t size)
{
	return is_to_fail() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return is_to_fail() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	return is_to_fail() ? NULL : __real_realloc(old, size);
}

char *
__wrap_strdup(const char *text)
{
	return is_to_fail() ? NULL : __real_strdup(text);
}

char *
__wrap_strndup(const char *text, size_t length)
{
	return is_to_fail() ? NULL : __real_strndup(text, length);
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void
die(const char *what)
{
	fprintf(stderr, "drive: %s\n", what);
	exit(2);
}

/* One answer: its addresses, as getaddrinfo gives them. */
static int
answer(char *list, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	LookUp		real = (LookUp) dlsym(RTLD_NEXT, "getaddrinfo");
	struct addrinfo numeric = *hints;
	struct addrinfo **last = found;
	char	   *rest;

	if (strcmp(list, "hang") == 0)
	{
		sleep(5);
		return EAI_AGAIN;
	}
	*found = NULL;
	numeric.ai_flags = AI_NUMERICHOST;
	for (char *one = strtok_r(list, ",", &rest); one; one = strtok_r(NULL, ",", &rest))
	{
		if (real(one, service, &numeric, last) != 0)
			continue;
		while (*last)
			last = &(*last)->ai_next;
	}
	return *found ? 0 : EAI_NONAME;
}

/* libcurl's look-ups come here, in threads of its own. */
int
getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
			struct addrinfo **found)
{
	char		copy[500] = "none";
	size_t		length = strlen(host);
	sigset_t	mask;

	if (length > 0 && host[length - 1] == '.')
		length--;

	__atomic_add_fetch(&lookups, 1, __ATOMIC_RELAXED);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	if (!sigismember(&mask, SIGTERM) || !sigismember(&mask, SIGUSR1) ||
		!sigismember(&mask, SIGALRM) || !sigismember(&mask, SIGHUP))
		__atomic_add_fetch(&unblocked, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&names_lock);
	for (int i = 0; i < nnames; i++)
	{
		if (strncasecmp(names[i].name, host, length) != 0 || names[i].name[length] != '\0')
			continue;
		snprintf(copy, sizeof(copy), "%.*s", (int) strcspn(names[i].next, "|"), names[i].next);
		if (hints->ai_family == AF_INET6)
			continue;			/* the other half of a look-up */
		names[i].next += strcspn(names[i].next, "|");
		names[i].next = *names[i].next ? names[i].next + 1 : names[i].answers;
	}
	pthread_mutex_unlock(&names_lock);
	return answer(copy, service, hints, found);
}

static void
on_alarm(int signo)
{
	__atomic_add_fetch(&fired, 1, __ATOMIC_RELAXED);
	if (!pthread_equal(pthread_self(), main_thread))
		__atomic_add_fetch(&strayed, 1, __ATOMIC_RELAXED);
}

static void
fire_each_ms(void)
{
	struct itimerval each = {.it_interval.tv_usec = 1000, .it_value.tv_usec = 1000};
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &each, NULL);
}

static void
open_transfer(void)
{
	const char *error;

	transfer = transfer_open(max_in_flight, allow, &error);
	if (transfer == NULL)
		die(error);
}

static void
print_encoded(const char *name, const char *value, size_t length)
{
	printf("\t%s=", name);
	for (size_t i = 0; i < length && i < 8000; i++)
	{
		unsigned char c = value[i];

		printf(c > ' ' && c < 0x7F && c != '%' ? "%c" : "%%%02X", c);
	}
}

static void
print_result(const TransferResult *result)
{
	printf("result\ttag=%llu\toutcome=%s\tstatus=%d\tretry=%d\tseconds=%.3f\tarrived=%d\tlength=%zu",
		   (unsigned long long) result->tag, transfer_outcome_name(result->outcome),
		   result->status, result->retry_after, result->seconds,
		   result->may_have_arrived, result->length);
	print_encoded("error", result->error, strlen(result->error));
	print_encoded("body", result->body, result->length);
	printf("\n");
	if (result->body[result->length] != '\0')
		die("the body does not end");
}

static void
fetch(void)
{
	TransferResult result;

	while (transfer_next(transfer, &result))
	{
		counts[result.outcome]++;
		if (!quiet)
			print_result(&result);
	}
}

/* One turn of a caller's loop, at most that long. */
static void
turn(int at_most)
{
	struct pollfd fd = {.fd = transfer_fd(transfer), .events = POLLIN};
	long		ms = transfer_timeout(transfer);

	if (at_most >= 0 && (ms < 0 || ms > at_most))
		ms = at_most;
	if (poll(&fd, 1, (int) ms) < 0 && errno != EINTR)
		die("poll");
	transfer_work(transfer);
	fetch();
}

static void
wait_all(void)
{
	while (transfer_in_flight(transfer) > 0)
		turn(-1);
}

/* Split a line and decode its values in place. */
static int
split(char *line, Field *fields)
{
	int			n = 0;

	line[strcspn(line, "\n")] = '\0';
	for (char *part; (part = strsep(&line, "\t")) != NULL && n < MAX_FIELDS;)
	{
		char	   *equals = strchr(part, '=');
		char	   *to;

		if (equals == NULL)
			continue;
		*equals = '\0';
		fields[n] = (Field) {.name = part, .value = equals + 1};
		to = equals + 1;
		for (char *from = to; *from; from++)
		{
			unsigned int byte;

			if (*from == '%' && sscanf(from + 1, "%2x", &byte) == 1)
			{
				*to++ = (char) byte;
				from += 2;
			}
			else
				*to++ = *from;
		}
		*to = '\0';
		fields[n].length = to - fields[n].value;
		n++;
	}
	return n;
}

static const Field *
field(const Field *fields, int n, const char *name)
{
	for (int i = 0; i < n; i++)
	{
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	}
	return NULL;
}

static const char *
text(const Field *fields, int n, const char *name)
{
	const Field *found = field(fields, n, name);

	return found ? found->value : NULL;
}

static long
number(const Field *fields, int n, const char *name, long otherwise)
{
	const char *found = text(fields, n, name);

	return found ? atol(found) : otherwise;
}

static void
fill(TransferRequest *request, const Field *fields, int n,
	 TransferHeader *headers, const char **recipients)
{
	const char *tls = text(fields, n, "tls");
	const Field *body = field(fields, n, "body");

	request->kind = text(fields, n, "from") ? TRANSFER_SMTP : TRANSFER_HTTP;
	request->url = text(fields, n, "url");
	request->user = text(fields, n, "user");
	request->password = text(fields, n, "password");
	request->ca_file = text(fields, n, "ca_file");
	request->ca_dir = text(fields, n, "ca_dir");
	request->connect_ms = number(fields, n, "connect_ms", 0);
	request->total_ms = number(fields, n, "total_ms", 0);
	request->body = body ? body->value : NULL;
	request->length = body ? body->length : 0;
	request->method = text(fields, n, "method") ? text(fields, n, "method") : "POST";
	request->sender = text(fields, n, "from");
	if (tls)
		request->tls = strcmp(tls, "plain") == 0 ? TRANSFER_PLAIN :
			strcmp(tls, "implicit") == 0 ? TRANSFER_IMPLICIT : TRANSFER_STARTTLS;
	request->headers = headers;
	request->recipients = recipients;
	for (int i = 0; i < n; i++)
	{
		char	   *colon = strchr(fields[i].value, '|');

		if (strcmp(fields[i].name, "to") == 0)
			recipients[request->nrecipients++] = fields[i].value;
		if (strcmp(fields[i].name, "header") != 0 || colon == NULL)
			continue;
		*colon = '\0';
		headers[request->nheaders].name = fields[i].value;
		headers[request->nheaders++].value = colon + 1;
	}
}

/* Everything of the request is overwritten at once: it must have been copied. */
static void
go(Field *fields, int n)
{
	TransferHeader headers[MAX_FIELDS];
	const char *recipients[MAX_FIELDS];
	TransferRequest request = {.tag = number(fields, n, "tag", 0)};
	long		repeat = number(fields, n, "repeat", 1);
	long		cancel = number(fields, n, "cancel", 0);
	char	   *large = NULL;
	const char *error;

	fill(&request, fields, n, headers, recipients);
	if (number(fields, n, "body_size", 0) > 0)
	{
		request.length = number(fields, n, "body_size", 0);
		request.body = large = malloc(request.length);
		memset(large, 'x', request.length);
	}
	for (long i = 0; i < repeat; i++)
	{
		uint64_t	handle;

		while (repeat > 1 && transfer_in_flight(transfer) >= max_in_flight)
			turn(-1);
		handle = transfer_start(transfer, &request, &error);
		if (handle == 0)
		{
			not_started++;
			printf("refused\ttag=%llu", (unsigned long long) request.tag);
			print_encoded("error", error, strlen(error));
			printf("\n");
		}
		else if (cancel && i % cancel == cancel - 1)
		{
			turn(5);
			transfer_cancel(transfer, handle);
		}
	}
	if (large)
	{
		memset(large, 'y', request.length);
		free(large);
	}
	for (int i = 0; i < n; i++)
		memset(fields[i].value, '!', fields[i].length);
}

/* True if it went through without needing the allocation that was to fail. */
static bool
go_hungry(const TransferRequest *request, long nth, long *opened, long *started)
{
	const char *error;
	bool		enough;

	fail_in = nth;
	transfer = transfer_open(max_in_flight, allow, &error);
	if (transfer)
	{
		++*opened;
		*started += transfer_start(transfer, request, &error) != 0;
		wait_all();
		transfer_close(transfer);
	}
	enough = fail_in > 0;
	fail_in = 0;
	return enough;
}

static void
starve(const Field *fields, int n)
{
	TransferHeader headers[MAX_FIELDS];
	const char *recipients[MAX_FIELDS];
	TransferRequest request = {0};
	long		opened = 0;
	long		started = 0;
	long		nth = 1;

	fill(&request, fields, n, headers, recipients);
	transfer_close(transfer);
	while (nth < 100000 && !go_hungry(&request, nth, &opened, &started))
		nth++;
	printf("starved\ttimes=%ld\topened=%ld\tstarted=%ld\n", nth, opened, started);
	open_transfer();
}

static void
stop(const Field *fields, int n)
{
	double		until = now() + number(fields, n, "ms", 100) / 1000.0;
	double		began;
	int			left;

	while (now() < until)
		turn(10);
	left = transfer_in_flight(transfer);
	began = now();
	transfer_close(transfer);
	printf("stopped\tleft=%d\tseconds=%.3f\n", left, now() - began);
	open_transfer();
}

static void
guard(const Field *fields, int n)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	const char *address = text(fields, n, "address");
	bool		is6 = strchr(address, ':') != NULL;
	const char *error;
	const char *kind;
	AllowList  *list = guard_parse(allow, &error);

	if (list == NULL || inet_pton(is6 ? AF_INET6 : AF_INET, address,
								  is6 ? (void *) &in6.sin6_addr : (void *) &in.sin_addr) != 1)
		die("guard");
	in.sin_port = in6.sin6_port = htons(number(fields, n, "port", 443));
	kind = guard_refuses(list, text(fields, n, "host") ? text(fields, n, "host") : address,
						 number(fields, n, "clear", 0) ? WIRE_CLEAR : WIRE_TLS,
						 is6 ? (struct sockaddr *) &in6 : (struct sockaddr *) &in);
	printf("guard\taddress=%s\tkind=%s\n", address, kind ? kind : "public");
	guard_free(list);
}

static void
obey(char *line)
{
	Field		fields[MAX_FIELDS];
	char	   *verb = strsep(&line, "\t\n");
	int			n = line ? split(line, fields) : 0;
	const char *list = text(fields, n, "list");

	if (strcmp(verb, "go") == 0)
		go(fields, n);
	else if (strcmp(verb, "wait") == 0)
		wait_all();
	else if (strcmp(verb, "stop") == 0)
		stop(fields, n);
	else if (strcmp(verb, "starve") == 0)
		starve(fields, n);
	else if (strcmp(verb, "guard") == 0)
		guard(fields, n);
	else if (strcmp(verb, "check") == 0)
		printf("check\terror=%s\n", transfer_check_allow(list) ? transfer_check_allow(list) : "");
	else if (strcmp(verb, "allow") == 0)
	{
		const char *error = transfer_allow(transfer, list);

		free(allow);
		allow = strdup(list);
		printf("allow\terror=%s\n", error ? error : "");
	}
	else if (strcmp(verb, "reopen") == 0)
	{
		transfer_close(transfer);
		open_transfer();
	}
	else
		die(verb);
}

static void
add_name(char *argument)
{
	char	   *equals = strchr(argument, '=');

	if (equals == NULL || nnames == MAX_NAMES)
		die("-d");
	*equals = '\0';
	names[nnames++] = (Name) {.name = argument, .answers = equals + 1, .next = equals + 1};
}

static void
set_descriptors(rlim_t n)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max < n ? limit.rlim_max : n;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void
print_totals(double began)
{
	struct rusage usage;
	long		total = 0;

	getrusage(RUSAGE_SELF, &usage);
	for (int i = 0; i <= TRANSFER_LOCAL; i++)
		total += counts[i];
	printf("totals\tfinished=%ld\tnot_started=%ld\tseconds=%.3f\trate=%.0f\trss=%ld\tcpu=%.3f\tlookups=%d\tunblocked=%d\tfired=%d\tstrayed=%d",
		   total, not_started, now() - began, total / (now() - began), usage.ru_maxrss,
		   usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
		   (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
		   lookups, unblocked, fired, strayed);
	for (int i = 0; i <= TRANSFER_LOCAL; i++)
		printf("\t%s=%ld", transfer_outcome_name(i), counts[i]);
	printf("\n");
}

int
main(int argc, char **argv)
{
	char	   *line = NULL;
	size_t		room = 0;
	double		began;
	int			option;

	main_thread = pthread_self();
	set_descriptors(65536);
	while ((option = getopt(argc, argv, "f:n:a:d:sq")) != -1)
	{
		switch (option)
		{
			case 'f':
				set_descriptors(atoi(optarg));
				break;
			case 'n':
				max_in_flight = atoi(optarg);
				break;
			case 'a':
				allow = strdup(optarg);
				break;
			case 'd':
				add_name(optarg);
				break;
			case 's':
				fire_each_ms();
				break;
			case 'q':
				quiet = true;
				break;
			default:
				die("options");
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	open_transfer();
	began = now();
	while (getline(&line, &room, stdin) > 0)
		obey(line);
	wait_all();
	print_totals(began);
	transfer_close(transfer);
	free(allow);
	free(line);
	return 0;
}
