/*-------------------------------------------------------------------------
 *
 * sink.c
 *	  A receiver of webhooks that answers at once, for the bench.
 *
 *	  sink [PORT]
 *
 * Prints its port, on 127.0.0.1, and then, for each line of its input, how many
 * requests it has taken; ends with its input.  A request for a path that begins
 * with /hang is never answered.  It believes what it is sent: this is no server
 * for strangers.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM (128 * 1024)		/* for a request with its body */

typedef struct Peer
{
	int			fd;
	size_t		length;			/* of what has come and was not answered */
	char		bytes[ROOM + 1];
} Peer;

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	"Content-Length: 2\r\n\r\n{}";

static long taken;

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static int
listen_at(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
	.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t	length = sizeof(address);
	int			on = 1;
	int			fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		bind(fd, (struct sockaddr *) &address, length) < 0 || listen(fd, 1024) < 0 ||
		getsockname(fd, (struct sockaddr *) &address, &length) < 0)
		fail("listen");
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

static void
watch(int epoll, int fd, void *peer)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		fail("epoll_ctl");
}

static void
take_peers(int epoll, int listener)
{
	int			on = 1;
	int			fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
	{
		Peer	   *peer = malloc(sizeof(Peer));

		if (peer == NULL)
			fail("malloc");
		peer->fd = fd;
		peer->length = 0;
		(void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		watch(epoll, fd, peer);
	}
}

/* Length of the request at the start of what has come; 0: it is not all there. */
static size_t
request_length(const Peer *peer)
{
	const char *end = strstr(peer->bytes, "\r\n\r\n");
	const char *field;
	size_t		length;

	if (end == NULL)
		return 0;
	length = end + 4 - peer->bytes;
	field = strcasestr(peer->bytes, "\r\nContent-Length:");
	if (field != NULL && field < end)
		length += strtoul(field + strlen("\r\nContent-Length:"), NULL, 10);
	return length <= peer->length ? length : 0;
}

static bool
shall_hang(const Peer *peer)
{
	const char *path = strchr(peer->bytes, ' ');

	return path != NULL && strncmp(path + 1, "/hang", 5) == 0;
}

/* False: the peer is gone. */
static bool
serve(Peer *peer)
{
	ssize_t		got = read(peer->fd, peer->bytes + peer->length, ROOM - peer->length);
	size_t		request;

	if (got <= 0)
		return got < 0 && errno == EAGAIN;
	peer->length += got;
	peer->bytes[peer->length] = '\0';
	while ((request = request_length(peer)) > 0)
	{
		taken++;
		if (!shall_hang(peer) &&
			write(peer->fd, answer, sizeof(answer) - 1) != sizeof(answer) - 1)
			return false;
		peer->length -= request;
		memmove(peer->bytes, peer->bytes + request, peer->length + 1);
	}
	return peer->length < ROOM;
}

/* A line of the input asks for the count; false at its end. */
static bool
tell(void)
{
	char		line[80];

	if (read(STDIN_FILENO, line, sizeof(line)) <= 0)
		return false;
	printf("%ld\n", taken);
	fflush(stdout);
	return true;
}

int
main(int argc, char **argv)
{
	int			epoll = epoll_create1(0);
	int			listener = listen_at(argc > 1 ? atoi(argv[1]) : 0);
	static char input;			/* stands for standard input */
	struct epoll_event events[256];

	watch(epoll, listener, NULL);
	watch(epoll, STDIN_FILENO, &input);
	for (;;)
	{
		int			n = epoll_wait(epoll, events, 256, -1);

		for (int i = 0; i < n; i++)
		{
			Peer	   *peer = events[i].data.ptr;

			if (peer == NULL)
				take_peers(epoll, listener);
			else if ((void *) peer == &input)
			{
				if (!tell())
					return 0;
			}
			else if (!serve(peer))
			{
				close(peer->fd);
				free(peer);
			}
		}
	}
}
