/* listen - sockets that take connections, and how several processes share them. */
#define _GNU_SOURCE
#include "sys/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#define INHERITED_FIRST 3 /* sd_listen_fds(3) */
#define EPOLL_FD_MAX 1024 /* an event loop is made early */

static void any_v4(struct listen_address *a, in_port_t port)
{
	a->addr.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
	a->len = sizeof(a->addr.in);
}

static int parse_host(const char *host, in_port_t port, struct listen_address *a)
{
	size_t n = strlen(host);
	char v6[INET6_ADDRSTRLEN];

	any_v4(a, port);
	if (inet_pton(AF_INET, host, &a->addr.in.sin_addr) == 1)
		return 0;
	a->addr.in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = port};
	a->len = sizeof(a->addr.in6);
	a->both = strcmp(host, "*") == 0;
	if (a->both)
		return 0;
	if (n < 4 || n - 2 >= sizeof(v6) || host[0] != '[' || host[n - 1] != ']')
		return -1;
	memcpy(v6, host + 1, n - 2);
	v6[n - 2] = '\0';
	return inet_pton(AF_INET6, v6, &a->addr.in6.sin6_addr) == 1 ? 0 : -1;
}

/* Takes word from the front of *p. */
static int take(const char **p, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*p, word, n) != 0)
		return 0;
	*p += n;
	return 1;
}

/* Digits up to the end or to "/tls", "/proxy" or both. */
static int parse_port(const char *text, in_port_t *port, struct listen_address *a)
{
	uint32_t n = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9' && n <= UINT16_MAX; p++)
		n = n * 10 + (uint32_t)(*p - '0');
	*port = htons((uint16_t)n);
	if (p == text || n > UINT16_MAX)
		return -1;
	a->tls = take(&p, "/tls");
	a->proxy = take(&p, "/proxy");
	return *p != '\0' ? -1 : 0;
}

int listen_parse(const char *text, struct listen_address *out, const char **why)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2];
	in_port_t port;

	memset(out, 0, sizeof(*out));
	*why = "ADDRESS:PORT, with /tls, /proxy or /tls/proxy behind it";
	if (colon == NULL)
		return -1;
	if (parse_port(colon + 1, &port, out) == -1) {
		*why = "a port (0 to 65535) after the last colon, and at most /tls, /proxy or "
		       "/tls/proxy after it";
		return -1;
	}
	*why = "an IPv4 address, an IPv6 address in brackets or * before the port";
	if ((size_t)(colon - text) >= sizeof(host))
		return -1;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	return parse_host(host, port, out);
}

static int parse_unix(const char *path, struct listen_address *out, const char **why)
{
	size_t n = strlen(path);

	*why = "unix: and a path that begins with / and has at most 107 octets";
	if (path[0] != '/' || n >= sizeof(out->addr.un.sun_path))
		return -1;
	out->addr.un.sun_family = AF_UNIX;
	memcpy(out->addr.un.sun_path, path, n + 1);
	out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	return 0;
}

static int is_loopback(const struct listen_address *a)
{
	if (a->addr.sa.sa_family == AF_INET)
		return ntohl(a->addr.in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return !a->both && IN6_IS_ADDR_LOOPBACK(&a->addr.in6.sin6_addr);
}

int listen_parse_local(const char *text, struct listen_address *out, const char **why)
{
	static const char prefix[] = "unix:";

	memset(out, 0, sizeof(*out));
	if (strncmp(text, prefix, strlen(prefix)) == 0)
		return parse_unix(text + strlen(prefix), out, why);
	if (listen_parse(text, out, why) == 0 && !out->tls && is_loopback(out))
		return 0;
	*why = "unix:/PATH, or 127.0.0.1:PORT or [::1]:PORT: whoever reaches it can send mail";
	return -1;
}

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* A socket file that nobody listens at is left by a server that was killed. */
int listen_is_stale(const struct listen_address *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), stale;
	struct stat st;

	if (fd == -1)
		return 0;
	stale = lstat(a->addr.un.sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
		connect(fd, &a->addr.sa, a->len) == -1 && errno == ECONNREFUSED;
	close(fd);
	return stale;
}

static int bind_unix(int fd, const struct listen_address *a)
{
	mode_t before = umask(0177);
	int result;

	if (listen_is_stale(a))
		listen_remove(a);
	result = bind(fd, &a->addr.sa, a->len);
	(void)umask(before);
	return result;
}

void listen_remove(const struct listen_address *a)
{
	if (a->addr.sa.sa_family == AF_UNIX)
		(void)unlink(a->addr.un.sun_path);
}

static int open_one(const struct listen_address *a, int backlog)
{
	int fd = socket(a->addr.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int saved;

	if (fd == -1)
		return -1;
	if (a->addr.sa.sa_family == AF_UNIX && bind_unix(fd, a) == 0 && listen(fd, backlog) == 0)
		return fd;
	if (a->addr.sa.sa_family != AF_UNIX && set(fd, SOL_SOCKET, SO_REUSEADDR, 1) == 0 &&
		set(fd, IPPROTO_TCP, TCP_NODELAY, 1) == 0 &&
		(a->addr.sa.sa_family != AF_INET6 ||
			set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !a->both) == 0) &&
		bind(fd, &a->addr.sa, a->len) == 0 && listen(fd, backlog) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int listen_open(const struct listen_address *a, int backlog)
{
	struct listen_address v4;
	int fd = open_one(a, backlog);

	if (fd != -1 || !a->both || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
		return fd;
	any_v4(&v4, a->addr.in6.sin6_port);
	return open_one(&v4, backlog);
}

size_t listen_inherited(int *fds, size_t cap)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	size_t n = 0;

	if (pid != NULL && count != NULL && strtol(pid, NULL, 10) == getpid()) {
		n = (size_t)strtoul(count, NULL, 10);
		if (n > cap)
			n = cap;
	}
	for (size_t i = 0; i < n; i++) {
		fds[i] = INHERITED_FIRST + (int)i;
		if (fcntl(fds[i], F_SETFD, FD_CLOEXEC) == -1 ||
			fcntl(fds[i], F_SETFL, O_NONBLOCK) == -1)
			return i;
		(void)set(fds[i], IPPROTO_TCP, TCP_NODELAY, 1);
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return n;
}

int listen_same(const struct listen_address *a, const struct listen_address *b)
{
	return a->both == b->both && a->len == b->len &&
	       memcmp(&a->addr, &b->addr, sizeof(a->addr)) == 0;
}

int listen_is(int fd, const struct listen_address *a)
{
	struct listen_address got;
	int only = 0;
	socklen_t n = sizeof(only);

	memset(&got, 0, sizeof(got));
	got.len = sizeof(got.addr);
	if (getsockname(fd, &got.addr.sa, &got.len) == -1)
		return 0;
	if (got.addr.sa.sa_family == AF_INET6) {
		if (getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &n) == -1)
			return 0;
		got.both = !only && IN6_IS_ADDR_UNSPECIFIED(&got.addr.in6.sin6_addr);
	}
	return listen_same(&got, a);
}

static int add_exclusive(int epfd, int fd)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLEXCLUSIVE};

	e.data.fd = fd;
	return epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &e);
}

/* Only the epoll descriptor that has the registration can give it up. A second epoll descriptor
 * with EPOLLEXCLUSIVE inside the library's is no way: what waits there is not a process, and all
 * wake. */
int listen_exclusive(int fd)
{
	for (int epfd = 0; epfd < EPOLL_FD_MAX; epfd++)
		if (epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL) == 0)
			return add_exclusive(epfd, fd) == 0 ? epfd : -1;
	return -1;
}

void listen_yield(int epfd, int fd)
{
	if (epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL) == 0)
		(void)add_exclusive(epfd, fd);
}

int listen_accept(int fd, struct sockaddr_storage *from, socklen_t *len)
{
	*len = sizeof(*from);
	return accept4(fd, (struct sockaddr *)from, len, SOCK_NONBLOCK | SOCK_CLOEXEC);
}
