/* front - a client behind a proxy: the header by which the proxy says who it is, before the
 * client's first octet.
 *
 * The header is looked at in the socket and taken out of it piece by piece, so that nothing behind
 * it, which may be TLS, is ever read here. From then on the client's address is the one that the
 * proxy has told: for the log, the limits, auth, and all that follows from these. */
#define _GNU_SOURCE
#include "login/login.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include "base/net.h"
#include "login/proxy.h"

_Static_assert((int)PROXY_MAX <= (int)INPUT_MAX, "a header has room in the process's buffer");

bool front_is_trusted(const struct login *l, const struct address *from)
{
	char ip[ADDRESS_TEXT];

	address_text(from, ip, sizeof(ip));
	return net_list_holds(buf_str(&l->settings.trusted), ip);
}

/* Its real address has a limit of its own. False where that is reached. */
static bool count_again(struct client *c, const struct sockaddr *from)
{
	struct login *l = c->l;

	limits_give(&l->limits, c->limit);
	c->limit = limits_key(&l->limits, from);
	c->counted = limits_take(&l->limits, c->limit, l->settings.max_connections,
			     l->settings.max_per_address) == LIMITS_OK;
	return c->counted;
}

static void introduce(struct client *c, const struct proxy *p)
{
	bool tls = c->tls_first;

	c->front_tls = p->tls && c->l->settings.proxy_tls;
	memcpy(c->front_version, p->version, sizeof(c->front_version));
	if (p->from.sa.sa_family != AF_UNSPEC) {
		(void)address_from(&p->from.sa, &c->from);
		(void)address_from(&p->to.sa, &c->to);
		/* The proxy's own machine is only this one where it connects from here. */
		c->loopback = c->loopback && address_is_loopback(&c->from);
		if (!count_again(c, &p->from.sa)) {
			if (tls) { /* as in listen.c: without a word */
				client_close(c, "too many connections from this address");
				return;
			}
			client_reply(c, REPLY_TOO_MANY_FROM_YOU);
			client_end(c, "too many connections from this address");
			return;
		}
	}
	client_begin(c, tls);
}

/* Takes what was looked at out of the socket. */
static bool take(struct client *c, char *to, size_t n)
{
	if (recv(c->stream.fd, to, n, MSG_DONTWAIT) == (ssize_t)n)
		return true;
	client_close(c, "connection lost");
	return false;
}

static void keep(struct client *c, const char *piece, size_t n)
{
	c->header = mem_grow(c->header, c->nheader + n, 1);
	memcpy(c->header + c->nheader, piece, n);
	c->nheader += n;
}

void front_read(struct client *c)
{
	char *all = c->l->input, *piece = all + c->nheader;
	struct proxy p;
	const char *why;
	size_t used;
	ssize_t n;

	if (c->nheader > 0)
		memcpy(all, c->header, c->nheader);
	n = recv(c->stream.fd, piece, PROXY_MAX - c->nheader, MSG_PEEK | MSG_DONTWAIT);
	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			client_close(c, "disconnected");
		return;
	}
	switch (proxy_parse(all, c->nheader + (size_t)n, &p, &used, &why)) {
	case PROXY_MORE:
		if (take(c, piece, (size_t)n))
			keep(c, piece, (size_t)n);
		break;
	case PROXY_OK:
		if (take(c, piece, used - c->nheader))
			introduce(c, &p);
		break;
	case PROXY_BAD:
		client_close(c, why);
		break;
	}
}
