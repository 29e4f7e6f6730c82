/* msg - messages between the roles: encoding, the check against the table, sending, receiving.
 *
 * A message is its type (u32) and its fields: u32 as it is, bytes and strings as a u32 length, the
 * octets and a NUL, so that a reader can point at them where they lie. */
#define _GNU_SOURCE
#include "ipc/msg.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/log.h"

static const struct row {
	const char *name;
	unsigned from, to;
	int fd;
} table[MSG_TYPES] = {
#define X(name, from, to, fd) {#name, from, to, fd},
	MESSAGES(X)
#undef X
};

static const char *const role_names[ROLES] = {"master", "login", "auth", "worker", "session", "lmtp"};

const char *msg_name(enum msg_type type)
{
	return (unsigned)type < MSG_TYPES ? table[type].name : "?";
}

const char *role_name(enum role role)
{
	return (unsigned)role < ROLES ? role_names[role] : "?";
}

static int may_say(enum msg_type type, enum role from, enum role to)
{
	return (table[type].from & BIT(from)) != 0 && (table[type].to & BIT(to)) != 0;
}

int role_peers(enum role a, enum role b)
{
	for (unsigned t = 0; t < MSG_TYPES; t++)
		if (may_say((enum msg_type)t, a, b) || may_say((enum msg_type)t, b, a))
			return 1;
	return 0;
}

/* --- writing --- */

void msg_start(struct msg *m, enum msg_type type)
{
	m->type = type;
	m->fd = -1;
	m->len = 0;
	m->pos = 0;
	m->bad = 0;
	msg_put_u32(m, type);
}

static void put(struct msg *m, const void *p, size_t n)
{
	if (n > MSG_MAX - m->len) {
		m->bad = 1;
		return;
	}
	if (n > 0)
		memcpy(m->data + m->len, p, n);
	m->len += (uint32_t)n;
}

void msg_put_u32(struct msg *m, uint32_t v)
{
	put(m, &v, sizeof(v));
}

void msg_put_u64(struct msg *m, uint64_t v)
{
	put(m, &v, sizeof(v));
}

void msg_put_bytes(struct msg *m, const void *p, size_t n)
{
	if (n > MSG_MAX) {
		m->bad = 1;
		return;
	}
	msg_put_u32(m, (uint32_t)n);
	put(m, p, n);
	put(m, "", 1);
}

void msg_put_str(struct msg *m, const char *s)
{
	msg_put_bytes(m, s, strlen(s));
}

void msg_put_user(struct msg *m, const struct restante_user *u)
{
	uint32_t n = 0;

	msg_put_str(m, u->name != NULL ? u->name : "");
	msg_put_str(m, u->home != NULL ? u->home : "");
	msg_put_u32(m, u->uid);
	msg_put_u32(m, u->gid);
	msg_put_u32(m, u->flags);
	msg_put_u64(m, u->stamp);
	if (u->attrs != NULL)
		while (u->attrs[n] != NULL)
			n++;
	msg_put_u32(m, n);
	for (uint32_t i = 0; i < n; i++)
		msg_put_str(m, u->attrs[i]);
}

int msg_send(const struct channel *c, const struct msg *m)
{
	struct iovec io = {.iov_base = (void *)(uintptr_t)m->data, .iov_len = m->len};
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr h = {.msg_iov = &io, .msg_iovlen = 1};

	if (m->bad) {
		errno = EMSGSIZE;
		return -1;
	}
	if (!may_say(m->type, c->self, c->peer) || table[m->type].fd != (m->fd != -1)) {
		log_line(LOG_ERR, "%s must not send %s to %s like this", role_name(c->self),
			msg_name(m->type), role_name(c->peer));
		errno = EPERM;
		return -1;
	}
	if (m->fd != -1) {
		struct cmsghdr *cm;

		memset(&control, 0, sizeof(control));
		h.msg_control = control.space;
		h.msg_controllen = sizeof(control.space);
		cm = CMSG_FIRSTHDR(&h);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cm), &m->fd, sizeof(int));
	}
	for (;;) {
		if (sendmsg(c->fd, &h, MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno != EINTR)
			return -1;
	}
}

/* --- reading --- */

/* The descriptor in the control data, or -1. More than one cannot fit: the kernel closes the rest.
 */
static int take_fd(struct msghdr *h)
{
	struct cmsghdr *cm = CMSG_FIRSTHDR(h);
	int fd = -1;

	if (cm != NULL && cm->cmsg_level == SOL_SOCKET && cm->cmsg_type == SCM_RIGHTS &&
		cm->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(cm), sizeof(int));
	return fd;
}

static enum msg_got refuse(struct msg *m, const struct channel *c, const char *why)
{
	log_line(LOG_ERR, "a message from %s %u was refused: %s", role_name(c->peer), c->number,
		why);
	if (m->fd != -1)
		close(m->fd);
	m->fd = -1;
	return MSG_REFUSED;
}

enum msg_got msg_recv(const struct channel *c, struct msg *m)
{
	struct iovec io = {.iov_base = m->data, .iov_len = sizeof(m->data)};
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr h = {.msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space)};
	ssize_t n = recvmsg(c->fd, &h, MSG_CMSG_CLOEXEC);
	uint32_t type;

	m->fd = -1;
	m->pos = 0;
	m->bad = 0;
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? MSG_NONE : MSG_CLOSED;
	if (n == 0)
		return MSG_CLOSED;
	m->len = (uint32_t)n;
	m->fd = take_fd(&h);
	if ((h.msg_flags & MSG_TRUNC) != 0)
		return refuse(m, c, "too long");
	type = msg_get_u32(m);
	if (m->bad || type >= MSG_TYPES)
		return refuse(m, c, "unknown type");
	m->type = (enum msg_type)type;
	if (!may_say(m->type, c->peer, c->self))
		return refuse(m, c, "not allowed to that role");
	if (table[type].fd != (m->fd != -1))
		return refuse(m, c, "descriptor missing or not wanted");
	return MSG_GOT;
}

static void get(struct msg *m, void *to, uint32_t n)
{
	if (m->bad || m->len - m->pos < n) {
		m->bad = 1;
		return;
	}
	memcpy(to, m->data + m->pos, n);
	m->pos += n;
}

uint32_t msg_get_u32(struct msg *m)
{
	uint32_t v = 0;

	get(m, &v, sizeof(v));
	return v;
}

uint64_t msg_get_u64(struct msg *m)
{
	uint64_t v = 0;

	get(m, &v, sizeof(v));
	return v;
}

const unsigned char *msg_get_bytes(struct msg *m, size_t *n)
{
	uint32_t len = msg_get_u32(m);
	const unsigned char *p = m->data + m->pos;

	if (m->bad || len >= m->len - m->pos || p[len] != '\0') {
		m->bad = 1;
		*n = 0;
		return (const unsigned char *)"";
	}
	m->pos += len + 1;
	*n = len;
	return p;
}

const char *msg_get_str(struct msg *m)
{
	size_t n;
	const char *s = (const char *)msg_get_bytes(m, &n);

	if (strlen(s) != n) {
		m->bad = 1;
		return "";
	}
	return s;
}

void msg_get_user(struct msg *m, struct restante_user *u, const char **attrs, size_t cap)
{
	uint32_t n;

	*u = (struct restante_user){.size = sizeof(*u), .attrs = attrs};
	u->name = msg_get_str(m);
	u->home = msg_get_str(m);
	u->uid = msg_get_u32(m);
	u->gid = msg_get_u32(m);
	u->flags = msg_get_u32(m);
	u->stamp = msg_get_u64(m);
	n = msg_get_u32(m);
	if (n >= cap || n % 2 != 0) {
		m->bad = 1;
		n = 0;
	}
	for (uint32_t i = 0; i < n; i++)
		attrs[i] = msg_get_str(m);
	attrs[n] = NULL;
}

int msg_end(struct msg *m)
{
	if (!m->bad && m->pos == m->len)
		return 1;
	log_line(LOG_ERR, "a %s message was malformed", msg_name(m->type));
	if (m->fd != -1)
		close(m->fd);
	m->fd = -1;
	return 0;
}
