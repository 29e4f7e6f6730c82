/* auth-exec: any program, in any language, as a source of users. restante-auth-exec(7) has the
 * protocol: one line asks, one line answers.
 *
 * The program lives as long as the worker. One that dies, is late or says what it should not is
 * ended and started again when it is needed next; who was waiting for it hears TEMP, never DENY: it
 * has not been found out whether the password is wrong. */
#include "link.h"
#include "wire.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <restante/plugin.h>

enum {
	GRACE_MS = 500,  /* for a program that is asked to end */
	PAUSE_MS = 1000, /* before one is started again that has never answered */
	LEFT_MS = 200    /* of the core's deadline, kept for ending a program that is late */
};

struct exec {
	const struct restante_host *host;
	struct link link;
	bool greeted;
	unsigned can;        /* of enum exec_call, when greeted */
	int64_t not_before;  /* link_now: no start until then */
	int64_t asked, most; /* requests of this program; 0 = any number */
	uint64_t id;
	char out[EXEC_REQUEST_MAX];
	struct exec_reply reply; /* points into link */
};

/* --- the program ------------------------------------------------------------------------------ */

static void describe(int status, char *text, size_t n)
{
	if (WIFSIGNALED(status))
		(void)snprintf(text, n, " (signal %d)", WTERMSIG(status));
	else
		(void)snprintf(text, n, " (status %d)", WEXITSTATUS(status));
}

/* It is no good any more, or was not there. Returns TEMP. */
static int give_up(struct exec *e, const char *during, const char *why)
{
	char how[32] = "";
	int status = link_close(&e->link, LEFT_MS / 2);

	if (status != -1)
		describe(status, how, sizeof(how));
	e->host->log(e->host->c, LOG_ERR, "%s: %s: %s%s",
		e->host->str(e->host->c, e->link.socket[0] != '\0' ? "socket" : "program"), during,
		why, how);
	if (!e->greeted)
		e->not_before = link_now() + PAUSE_MS;
	e->greeted = false;
	return RESTANTE_TEMP;
}

static int64_t deadline(const struct exec *e)
{
	int64_t left = e->host->left_ms(e->host->c) - LEFT_MS;
	int64_t own = e->host->num(e->host->c, "timeout") * 1000;

	return link_now() + (left < own ? left : own);
}

static int greet(struct exec *e, int64_t end)
{
	static const char hello[] = "restante-auth 1\n";
	const char *wrong;
	char *line;
	size_t n;

	wrong = link_talk(&e->link, hello, sizeof(hello) - 1, end, &line, &n);
	if (wrong != NULL)
		return give_up(e, "the greeting", wrong);
	wrong = exec_greeting_read(line, n, &e->can);
	if (wrong != NULL)
		return give_up(e, "expected", wrong);
	e->greeted = true;
	return RESTANTE_OK;
}

static int begin(struct exec *e)
{
	const char *wrong;

	if (link_now() < e->not_before)
		return RESTANTE_TEMP;
	e->id = 0;
	e->asked = 0;
	e->greeted = false;
	wrong = link_open(&e->link);
	return wrong == NULL ? RESTANTE_OK : give_up(e, "the start", wrong);
}

/* Is there one that can be asked? An end between requests hurts nobody, and is not waited for. */
static int ready(struct exec *e, int64_t end)
{
	const char *wrong;

	if (e->link.fd != -1 && e->most > 0 && e->asked >= e->most)
		(void)link_close(&e->link, GRACE_MS);
	if (e->link.fd != -1 && e->greeted && (wrong = link_check(&e->link)) != NULL)
		(void)give_up(e, "between requests", wrong);
	if (e->link.fd == -1 && begin(e) != RESTANTE_OK)
		return RESTANTE_TEMP;
	return e->greeted ? RESTANTE_OK : greet(e, end);
}

/* --- requests --------------------------------------------------------------------------------- */

/* What belongs to a call: the key and the value of its secret or its argument. */
struct question {
	enum exec_call call;
	const struct restante_request *request;
	const char *key, *value; /* key NULL = none */
};

static bool write_request(struct exec *e, const struct question *q, struct exec_request *out)
{
	const struct restante_request *r = q->request;

	out->text = e->out;
	exec_request_begin(out, ++e->id, q->call);
	exec_request_put(out, "user", r->user);
	if (q->key != NULL)
		exec_request_put(out, q->key, q->value);
	exec_request_put(out, "service", r->service);
	exec_request_put(out, "client", r->client_ip);
	exec_request_put(out, "server", r->server_ip);
	exec_request_put(out, "tls", (r->flags & RESTANTE_REQUEST_TLS) != 0 ? "yes" : "no");
	return exec_request_end(out);
}

static int exchange(struct exec *e, const struct exec_request *out, int64_t end)
{
	const char *wrong;
	char *line;
	size_t n;

	e->asked++;
	wrong = link_talk(&e->link, out->text, out->len, end, &line, &n);
	if (wrong != NULL)
		return give_up(e, "a request", wrong);
	wrong = exec_reply_read(line, n, &e->reply);
	if (wrong == NULL && e->reply.id != e->id)
		wrong = "the number of the request that was asked last";
	if (wrong != NULL)
		return give_up(e, "expected", wrong);
	if (e->reply.value[EXEC_TEXT].given)
		e->host->log(e->host->c, LOG_NOTICE, "the program says: %s",
			e->reply.value[EXEC_TEXT].text);
	return e->reply.result;
}

/* An enum restante_result; on OK e->reply is what the program said. */
static int ask(struct exec *e, const struct question *q)
{
	struct exec_request out;
	int64_t end = deadline(e);
	int result = ready(e, end);

	if (result != RESTANTE_OK)
		return result;
	if ((e->can & 1u << q->call) == 0)
		return RESTANTE_NONE;
	/* Nobody has so long a name, nor so long a password. */
	result = write_request(e, q, &out) ? exchange(e, &out, end) : RESTANTE_NONE;
	explicit_bzero(e->out, out.len);
	return result;
}

/* --- what a reply means ----------------------------------------------------------------------- */

static int incomplete(const struct exec *e, enum exec_call call, const char *expected)
{
	e->host->log(e->host->c, LOG_ERR, "the reply to %s: expected %s", exec_call_name(call),
		expected);
	return RESTANTE_TEMP;
}

static int give_user(struct exec *e, enum exec_call call, struct restante_user *out)
{
	const struct exec_value *v = e->reply.value;
	bool ids = v[EXEC_UID].given && v[EXEC_GID].given;

	if (!ids && (call == EXEC_LOOKUP || v[EXEC_UID].given || v[EXEC_GID].given))
		return incomplete(e, call, "uid and gid");
	if (call == EXEC_TOKEN && !v[EXEC_NAME].given)
		return incomplete(e, call, "the name of the user whose token it is");
	out->flags = ids ? 0 : RESTANTE_USER_NAME_ONLY;
	out->uid = (uint32_t)v[EXEC_UID].number;
	out->gid = (uint32_t)v[EXEC_GID].number;
	out->name = v[EXEC_NAME].text;
	out->home = v[EXEC_HOME].text;
	out->stamp = v[EXEC_STAMP].number;
	out->attrs = e->reply.nattrs > 0 ? e->reply.attrs : NULL;
	return RESTANTE_OK;
}

static int exec_verify(
	void *au, const struct restante_request *r, const char *password, struct restante_user *out)
{
	struct exec *e = au;
	const struct question q = {EXEC_VERIFY, r, "password", password};
	int result = ask(e, &q);

	return result == RESTANTE_OK ? give_user(e, EXEC_VERIFY, out) : result;
}

static int exec_lookup(void *au, const struct restante_request *r, struct restante_user *out)
{
	struct exec *e = au;
	const struct question q = {EXEC_LOOKUP, r, NULL, NULL};
	int result = ask(e, &q);

	return result == RESTANTE_OK ? give_user(e, EXEC_LOOKUP, out) : result;
}

static int exec_token(
	void *au, const struct restante_request *r, const char *token, struct restante_user *out)
{
	struct exec *e = au;
	const struct question q = {EXEC_TOKEN, r, "token", token};
	int result = ask(e, &q);

	return result == RESTANTE_OK ? give_user(e, EXEC_TOKEN, out) : result;
}

static int exec_apop(void *au, const struct restante_request *r, const char **shared_secret)
{
	struct exec *e = au;
	const struct question q = {EXEC_APOP, r, NULL, NULL};
	int result = ask(e, &q);

	if (result == RESTANTE_OK && !e->reply.value[EXEC_SECRET].given)
		return incomplete(e, EXEC_APOP, "secret");
	*shared_secret = e->reply.value[EXEC_SECRET].text;
	return result;
}

static int exec_scram(
	void *au, const struct restante_request *r, const char *hash, struct restante_scram *out)
{
	struct exec *e = au;
	const struct question q = {EXEC_SCRAM, r, "hash", hash};
	const struct exec_value *v = e->reply.value;
	int result = ask(e, &q);

	if (result != RESTANTE_OK)
		return result;
	if (!v[EXEC_ITERATIONS].given || !v[EXEC_SALT].given || !v[EXEC_STORED].given ||
		!v[EXEC_SERVER].given || v[EXEC_STORED].len != v[EXEC_SERVER].len)
		return incomplete(e, EXEC_SCRAM, "iterations, salt, stored and server");
	out->iterations = (uint32_t)v[EXEC_ITERATIONS].number;
	out->salt_len = (uint32_t)v[EXEC_SALT].len;
	out->key_len = (uint32_t)v[EXEC_STORED].len;
	out->salt = v[EXEC_SALT].text;
	out->stored = v[EXEC_STORED].text;
	out->server = v[EXEC_SERVER].text;
	return RESTANTE_OK;
}

/* --- open, close, check ----------------------------------------------------------------------- */

/* The program is started here, and greeted when it is asked for the first time: meanwhile it has
 * got ready. */
static int exec_open(const struct restante_host *host, void **au)
{
	struct exec *e = host->alloc(host->c, sizeof(*e));
	int result;

	e->host = host;
	e->most = host->num(host->c, "requests");
	result = link_prepare(&e->link, host);
	if (result != RESTANTE_OK)
		return result;
	(void)begin(e);
	*au = e;
	return RESTANTE_OK;
}

static void exec_close(void *au)
{
	struct exec *e = au;

	(void)link_close(&e->link, GRACE_MS);
	explicit_bzero(e, sizeof(*e));
}

static int refuse(const struct restante_host *host, const char *text)
{
	host->log(host->c, LOG_ERR, "%s", text);
	return RESTANTE_PERM;
}

static int exec_check(const struct restante_host *host)
{
	const char *program = host->str(host->c, "program"), *path = host->str(host->c, "socket");

	if ((program[0] == '\0') == (path[0] == '\0'))
		return refuse(host, "expected one of the settings program and socket");
	if (path[0] != '\0' && host->list(host->c, "arguments")[0] != NULL)
		return refuse(host, "arguments: expected only with program");
	if (program[0] != '/' && path[0] != '/')
		return refuse(host, "program, socket: expected an absolute path");
	return RESTANTE_OK;
}

static const struct restante_setting settings[] = {
	{"program", RESTANTE_PATH, RESTANTE_READ_ONLY, NULL,
		"the program that is asked, run by each worker", NULL},
	{"arguments", RESTANTE_STRING, RESTANTE_LIST, NULL, "its arguments", "1..4096"},
	{"socket", RESTANTE_PATH, 0, NULL, "instead: where a program listens that runs by itself",
		NULL},
	{"timeout", RESTANTE_SECONDS, 0, "10s", "time for one answer", "1s..5min"},
	{"requests", RESTANTE_INT, 0, "0", "the program is started anew after so many; 0: never",
		"0..1000000000"},
};

static const struct restante_auth auth = {
	.size = sizeof(auth),
	.open = exec_open,
	.close = exec_close,
	.verify = exec_verify,
	.lookup = exec_lookup,
	.scram = exec_scram,
	.apop = exec_apop,
	.token = exec_token,
};

/* The program lives in the worker's sandbox: these are its needs. */
RESTANTE_PLUGIN(auth_exec) = {
	.magic = RESTANTE_MAGIC,
	.size = sizeof(struct restante_plugin),
	.setting_size = sizeof(struct restante_setting),
	.needs = RESTANTE_NEEDS_NETWORK | RESTANTE_NEEDS_THREADS | RESTANTE_NEEDS_FORK,
	.nsettings = sizeof(settings) / sizeof(settings[0]),
	.name = "auth-exec",
	.version = "1",
	.doc = "users as a program of yours knows them, which is asked line by line",
	.settings = settings,
	.auth = &auth,
	.check = exec_check,
};
