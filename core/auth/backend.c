/* backend - calls into an auth plugin, each under a deadline.
 *
 * The plugin is told how long it has (left_ms) and should give up by itself. One that does not is
 * killed, with the whole worker, by a signal that cannot be caught: there is no other way to get
 * out of somebody else's code. */
#include "auth/backend.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"

enum {
	GRACE_MS = 1000, /* between left_ms() == 0 and the end */
	CLOSE_MS = 1000  /* for close(): the master waits for the worker to end */
};

static void arm(struct backend *b, int64_t ms)
{
	const struct itimerspec t = {
		.it_value = {(time_t)(ms / 1000), (long)(ms % 1000 * 1000000)}};

	if (timer_settime(b->deadline, 0, &t, NULL) == -1)
		die("cannot set a deadline: %m");
}

static void begin(struct backend *b, int64_t ms)
{
	host_deadline(&b->host, ms);
	arm(b, ms + GRACE_MS);
}

static void end(struct backend *b)
{
	arm(b, 0);
}

int backend_load(struct backend *b, const struct conf *c, struct buf *why)
{
	struct sigevent kill = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
	struct plug *plugs;

	b->timeout_ms = conf_num(c, "auth_timeout") * 1000;
	if (conf_plugins(c) != 1) {
		buf_printf(why, "expected one auth plugin, not %zu", conf_plugins(c));
		return -1;
	}
	if (plug_load_all(c, &plugs, why) == -1)
		return -1;
	b->plug = &plugs[0]; /* as long as the process */
	b->auth = b->plug->entry->auth;
	b->needs = b->plug->conf->needs;
	if (b->auth == NULL || !RESTANTE_HAS(b->auth, open)) {
		buf_printf(why, "%s: expected an auth plugin", b->plug->conf->name);
		return -1;
	}
	if (host_open(&b->host, b->plug, NULL) != RESTANTE_OK) {
		buf_printf(why, "%s: its settings cannot be used", b->plug->conf->name);
		return -1;
	}
	if (timer_create(CLOCK_MONOTONIC, &kill, &b->deadline) == -1) {
		buf_printf(why, "cannot make a timer");
		return -1;
	}
	return 0;
}

int backend_open(struct backend *b, struct buf *why)
{
	int rc;

	begin(b, b->timeout_ms);
	rc = b->auth->open(&b->host.api, &b->au);
	end(b);
	if (rc == RESTANTE_OK)
		return 0;
	buf_printf(why, "%s: cannot be opened; the log says why", b->plug->conf->name);
	return -1;
}

void backend_close(struct backend *b)
{
	begin(b, CLOSE_MS);
	b->auth->close(b->au);
	end(b);
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

int backend_ask(struct backend *b, enum verify_what what, const struct restante_request *request,
	const char *secret, struct restante_user *user, struct buf *extra)
{
	const struct question q = {request, secret, user, extra};
	int rc;

	*user = (struct restante_user){.size = sizeof(*user)};
	begin(b, b->timeout_ms);
	rc = checked(b, ask[what](b, &q));
	end(b);
	if (rc == RESTANTE_OK && (user->name == NULL || user->name[0] == '\0'))
		user->name = request->user;
	return rc;
}
