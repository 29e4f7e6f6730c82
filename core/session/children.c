/* children - what the spawner remembers of each session: enough for its log line should the session
 * die before it could write its own, and for the count of connections. */
#define _GNU_SOURCE
#include "session/children.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

static struct child *add(struct children *t, pid_t pid, const char *user, const char *ip)
{
	struct child *c;

	if (t->n == t->cap) {
		t->cap = t->cap > 0 ? t->cap * 2 : 64;
		t->list = mem_grow(t->list, t->cap, sizeof(*t->list));
	}
	c = &t->list[t->n++];
	*c = (struct child){
		.pid = pid, .began = clock_ms(), .user = mem_strdup(user), .ip = mem_strdup(ip)};
	return c;
}

void children_add(struct children *t, pid_t pid, const struct child_session *s)
{
	struct child *c = add(t, pid, s->user, s->ip);

	c->label = mem_strdup(s->label);
	c->tls = mem_strdup(s->tls);
	c->storage = s->storage;
	c->counted = s->counted;
	if (c->counted) {
		c->key = limits_key_text(&t->limits, s->ip);
		(void)limits_take(&t->limits, c->key, 0, 0);
	}
}

void children_add_delivery(
	struct children *t, pid_t pid, const char *user, uint32_t lmtp, uint32_t id)
{
	struct child *c = add(t, pid, user, "");

	c->lmtp = lmtp;
	c->id = id;
}

static int is_delivery(const struct child *c)
{
	return c->ip[0] == '\0';
}

/* Who says QUIT and comes again at once must not meet himself. */
static int is_over(pid_t pid)
{
	siginfo_t info = {.si_pid = 0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid != 0;
}

int children_is_session(const struct child *c)
{
	return !is_delivery(c) && !is_over(c->pid);
}

size_t children_of(const struct children *t, const char *user)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->list[i].user, user) == 0)
			n += (size_t)children_is_session(&t->list[i]);
	return n;
}

/* A process that was killed or crashed: the log line that it could not write. Nothing was deleted.
 */
static void report(const struct child *c, int status)
{
	struct buf line = {0};

	buf_printf(&line, "%s", is_delivery(c) ? "delivery" : "session");
	log_field(&line, "user", c->user);
	if (!is_delivery(c))
		log_field(&line, "ip", c->ip);
	buf_printf(&line, " secs=%lld", (long long)((clock_ms() - c->began + 500) / 1000));
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM)
		buf_printf(&line, " why=shutdown");
	else if (WIFSIGNALED(status))
		buf_printf(&line, " why=crash signal=%d", WTERMSIG(status));
	else
		buf_printf(&line, " why=failed status=%d", WEXITSTATUS(status));
	log_line(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM ? LOG_INFO : LOG_ERR, "%s",
		buf_str(&line));
	buf_free(&line);
}

static void remove_at(struct children *t, size_t i)
{
	struct child *c = &t->list[i];

	if (c->counted)
		limits_give(&t->limits, c->key);
	free(c->user);
	free(c->ip);
	free(c->label);
	free(c->tls);
	t->list[i] = t->list[--t->n];
}

void children_reap(struct children *t,
	void (*delivered)(void *arg, const struct child *, int status), void *arg)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < t->n; i++)
			if (t->list[i].pid == pid) {
				if (is_delivery(&t->list[i]))
					delivered(arg, &t->list[i], status);
				if (!WIFEXITED(status) ||
					(WEXITSTATUS(status) != 0 && !is_delivery(&t->list[i])))
					report(&t->list[i], status);
				remove_at(t, i);
				break;
			}
}

void children_kill(const struct children *t, int signal)
{
	for (size_t i = 0; i < t->n; i++)
		(void)kill(t->list[i].pid, signal);
}
