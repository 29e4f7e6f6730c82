/* backends - calls into auth plugins, each under a deadline.
 *
 * A plugin is told how long it has (left_ms) and should give up by itself. One that does not is
 * killed, with the whole worker, by a signal that cannot be caught: there is no other way to get
 * out of somebody else's code. */
#include "auth/backends.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"

enum {
	GRACE_MS = 1000, /* between left_ms() == 0 and the end */
	CLOSE_MS = 1000  /* for close(): the master waits for the worker to end */
};

static void arm(struct backends *b, int64_t ms)
{
	const struct itimerspec t = {
		.it_value = {(time_t)(ms / 1000), (long)(ms % 1000 * 1000000)}};

	if (timer_settime(b->deadline, 0, &t, NULL) == -1)
		die("cannot set a deadline: %m");
}

static void begin(struct backends *b, struct backend *k, int64_t ms)
{
	host_deadline(&k->host, ms);
	arm(b, ms + GRACE_MS);
}

static void end(struct backends *b)
{
	arm(b, 0);
}

int backends_load(struct backends *b, const struct conf *c, struct buf *why)
{
	struct sigevent kill = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};

	b->timeout_ms = conf_num(c, "auth_timeout") * 1000;
	b->n = conf_plugins(c);
	if (plug_load_all(c, &b->plugs, why) == -1)
		return -1;
	b->list = mem_alloc(b->n, sizeof(*b->list));
	for (size_t i = 0; i < b->n; i++) {
		struct backend *k = &b->list[i];

		k->plug = &b->plugs[i];
		k->auth = k->plug->entry->auth;
		b->needs |= k->plug->conf->needs;
		if (k->auth == NULL || !RESTANTE_HAS(k->auth, open)) {
			buf_printf(why, "%s: expected an auth plugin", k->plug->conf->name);
			return -1;
		}
		if (host_open(&k->host, k->plug, NULL) != RESTANTE_OK) {
			buf_printf(why, "%s: its settings cannot be used", k->plug->conf->name);
			return -1;
		}
	}
	if (timer_create(CLOCK_MONOTONIC, &kill, &b->deadline) == -1) {
		buf_printf(why, "cannot make a timer");
		return -1;
	}
	return 0;
}

int backends_open(struct backends *b, struct buf *why)
{
	for (size_t i = 0; i < b->n; i++) {
		struct backend *k = &b->list[i];
		int rc;

		begin(b, k, b->timeout_ms);
		rc = k->auth->open(&k->host.api, &k->au);
		end(b);
		if (rc != RESTANTE_OK) {
			buf_printf(
				why, "%s: cannot be opened; the log says why", k->plug->conf->name);
			return -1;
		}
	}
	return 0;
}

void backends_close(struct backends *b)
{
	for (size_t i = 0; i < b->n; i++) {
		struct backend *k = &b->list[i];

		begin(b, k, CLOSE_MS);
		k->auth->close(k->au);
		end(b);
	}
}

/* --- questions: each NONE where the plugin has no answer to such a question --- */

struct question {
	const struct restante_request *request;
	const char *secret;
	struct restante_user *user;
	struct buf *extra;
};

static int password(struct backend *k, const struct question *q)
{
	if (!RESTANTE_HAS(k->auth, verify))
		return RESTANTE_NONE;
	return k->auth->verify(k->au, q->request, q->secret, q->user);
}

static int lookup(struct backend *k, const struct question *q)
{
	if (!RESTANTE_HAS(k->auth, lookup))
		return RESTANTE_NONE;
	return k->auth->lookup(k->au, q->request, q->user);
}

/* The secret goes into extra before lookup, which may overwrite what the plugin returned. */
static int apop(struct backend *k, const struct question *q)
{
	const char *shared = NULL;
	int rc;

	if (!RESTANTE_HAS(k->auth, apop))
		return RESTANTE_NONE;
	rc = k->auth->apop(k->au, q->request, &shared);
	if (rc != RESTANTE_OK)
		return rc;
	if (shared == NULL)
		return RESTANTE_PERM;
	buf_add(q->extra, shared, strlen(shared));
	return lookup(k, q);
}

static int scram(struct backend *k, const struct question *q)
{
	struct restante_scram s = {.size = sizeof(s)};
	int rc;

	if (!RESTANTE_HAS(k->auth, scram))
		return RESTANTE_NONE;
	rc = k->auth->scram(k->au, q->request, q->secret, &s);
	if (rc != RESTANTE_OK)
		return rc;
	if (s.salt_len > 1024 || s.key_len > 64 || s.salt == NULL || s.stored == NULL ||
		s.server == NULL)
		return RESTANTE_PERM;
	buf_add(q->extra, &s.iterations, sizeof(s.iterations));
	buf_add(q->extra, &s.salt_len, sizeof(s.salt_len));
	buf_add(q->extra, &s.key_len, sizeof(s.key_len));
	buf_add(q->extra, s.salt, s.salt_len);
	buf_add(q->extra, s.stored, s.key_len);
	buf_add(q->extra, s.server, s.key_len);
	return lookup(k, q);
}

static int token(struct backend *k, const struct question *q)
{
	if (!RESTANTE_HAS(k->auth, token))
		return RESTANTE_NONE;
	return k->auth->token(k->au, q->request, q->secret, q->user);
}

static int (*const ask[VERIFY_COUNT])(struct backend *, const struct question *) = {
	[VERIFY_PASSWORD] = password,
	[VERIFY_LOOKUP] = lookup,
	[VERIFY_APOP] = apop,
	[VERIFY_SCRAM] = scram,
	[VERIFY_TOKEN] = token,
};

/* What a plugin may not say is trouble with the plugin. */
static int checked(const struct backend *k, int rc)
{
	switch (rc) {
	case RESTANTE_OK:
	case RESTANTE_TEMP:
	case RESTANTE_PERM:
	case RESTANTE_DENY:
	case RESTANTE_NONE:
		return rc;
	default:
		log_line(LOG_ERR, "%s: result %d is none that an auth plugin may give",
			k->plug->conf->name, rc);
		return RESTANTE_PERM;
	}
}

/* One after the other until one knows. */
static int ask_all(struct backends *b, enum verify_what what, const struct question *q)
{
	int rc = RESTANTE_NONE;

	for (size_t i = 0; i < b->n && rc == RESTANTE_NONE; i++) {
		*q->user = (struct restante_user){.size = sizeof(*q->user)};
		begin(b, &b->list[i], b->timeout_ms);
		rc = checked(&b->list[i], ask[what](&b->list[i], q));
		b->answered = (uint32_t)i;
		end(b);
	}
	if (rc == RESTANTE_OK && (q->user->name == NULL || q->user->name[0] == '\0'))
		q->user->name = q->request->user;
	return rc;
}

/* A plugin that knows who it is, and no more, leaves the rest to whoever has the record. */
static int complete(struct backends *b, const struct question *q)
{
	struct restante_request request = *q->request;
	struct question record = *q;

	if (str_copy(b->name, sizeof(b->name), q->user->name) == -1 || b->name[0] == '\0')
		return RESTANTE_PERM;
	request.user = b->name;
	record.request = &request;
	return ask_all(b, VERIFY_LOOKUP, &record);
}

int backends_ask(struct backends *b, enum verify_what what, const struct restante_request *request,
	const char *secret, struct restante_user *user, struct buf *extra)
{
	struct question q = {request, secret, user, extra};
	int rc = ask_all(b, what, &q);

	if (rc == RESTANTE_OK && (user->flags & RESTANTE_USER_NAME_ONLY) != 0)
		rc = complete(b, &q);
	return rc;
}
