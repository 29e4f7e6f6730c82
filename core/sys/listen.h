/* Addresses to listen on. */
#ifndef SYS_LISTEN_H
#define SYS_LISTEN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <sys/un.h>

struct listen_address {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} addr;
	socklen_t len;
	int tls;   /* "/tls" at the end: TLS from the first octet */
	int proxy; /* "/proxy" at the end: a header of the PROXY protocol comes before that */
	int both;  /* "*": one IPv6 socket that takes IPv4 too */
};

/* Parses "192.0.2.1:110", "[::]:995/tls", "*:110", "127.0.0.1:1110/tls/proxy". 0, or -1 with *why,
 * a constant text: what was expected. Port 0 (any free one) is for tests. */
int listen_parse(const char *text, struct listen_address *out, const char **why);
/* The same for addresses that only this machine can reach: "unix:/run/restante/lmtp",
 * "127.0.0.1:24", "[::1]:24". */
int listen_parse_local(const char *text, struct listen_address *out, const char **why);
/* A bound, listening, non-blocking socket; connections inherit TCP_NODELAY from it. -1 with errno.
 * "*" falls back to IPv4 where there is no IPv6. The file of a Unix socket is made for its owner
 * alone (mode 0600); one that nobody listens at any more is replaced. */
int listen_open(const struct listen_address *, int backlog);

/* Is it the file of a Unix socket that nobody listens at any more? */
int listen_is_stale(const struct listen_address *);
/* Removes the file of a Unix socket; of others nothing. */
void listen_remove(const struct listen_address *);

/* Sockets that systemd passed (LISTEN_FDS); fills fds with up to cap, returns how many. Marks them
 * close-on-exec and removes the variables from the environment. */
size_t listen_inherited(int *fds, size_t cap);
/* 1 when both mean the same socket; tls and proxy do not matter. */
int listen_same(const struct listen_address *, const struct listen_address *);
/* 1 when fd is a socket bound to that address. */
int listen_is(int fd, const struct listen_address *);

/* Several processes wait for one listener, each with an event library that knows no EPOLLEXCLUSIVE
 * and does not tell its epoll descriptor. Makes the registration of fd in this process's epoll an
 * exclusive one, so that a connection wakes one process and not all; the event's data is fd, as
 * before. Returns the epoll descriptor, or -1 where fd is in none: then nothing has changed. */
int listen_exclusive(int fd);
/* Of the processes that are idle the kernel wakes always the one that has waited longest, even if
 * it has just taken a connection. Puts this one behind the others. */
void listen_yield(int epfd, int fd);
/* Takes one connection: non-blocking, close-on-exec. -1 with errno (EAGAIN: another process was
 * faster). */
int listen_accept(int fd, struct sockaddr_storage *from, socklen_t *len);

#endif
