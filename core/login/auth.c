/* auth - every way to log in is one exchange with the auth role.
 *
 * USER and PASS become SASL PLAIN, APOP a mechanism of its own whose initial response is
 * "name digest". What the mechanisms say is not looked at here; a client has one exchange at a
 * time, and while it waits for an answer nothing more is read from it. */
#define _GNU_SOURCE
#include "login/login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/log.h"
#include "base/wipe.h"

void auth_timestamp(const struct client *c, char *to, size_t cap)
{
	snprintf(to, cap, "<%llx.%llx@%s>", (unsigned long long)c->l->started,
		(unsigned long long)c->serial, c->l->settings.hostname);
}

/* --- exchanges under way --- */

static struct client_list *bucket(struct login *l, uint32_t id)
{
	return &l->exchanges[id % EXCHANGE_BUCKETS];
}

static void begin(struct client *c)
{
	struct login *l = c->l;

	if (++l->exchange == 0)
		l->exchange = 1;
	c->id = l->exchange;
	LIST_INSERT_HEAD(bucket(l, c->id), c, exchange);
}

static void finish(struct client *c)
{
	if (c->id == 0)
		return;
	LIST_REMOVE(c, exchange);
	c->id = 0;
}

static struct client *find(struct login *l, uint32_t id)
{
	struct client *c;

	LIST_FOREACH(c, bucket(l, id), exchange)
	if (c->id == id)
		return c;
	return NULL;
}

/* It was not looked at. */
static void not_now(struct client *c, uint32_t result)
{
	c->state = CLIENT_COMMAND;
	if (result == -RESTANTE_FULL) {
		client_reply(c, REPLY_LOGIN_PENALTY);
		client_end(c, "too many failures from this address");
	} else {
		client_error(c, result == -RESTANTE_PERM ? REPLY_LOGIN_PERM : REPLY_LOGIN_TEMP);
	}
}

/* RFC 2449 section 6.5. */
static void too_soon(struct client *c, uint64_t seconds)
{
	char text[REPLY_MAX];

	c->state = CLIENT_COMMAND;
	client_text(c, text,
		reply_format(text, sizeof(text), c->language, REPLY_LOGIN_DELAY, seconds, 0));
	if (++c->failures >= c->l->settings.max_failures)
		client_end(c, "too many failures");
}

/* The result of an attempt. A wrong password is answered late: auth says when. */
static void failed(struct client *c, uint32_t result, uint64_t when)
{
	finish(c);
	switch (result) {
	case -RESTANTE_DENY:
	case -RESTANTE_NONE:
		c->failures++;
		client_delay(c, (int64_t)when);
		break;
	case -RESTANTE_BUSY:
		too_soon(c, when);
		break;
	default:
		not_now(c, result);
		break;
	}
}

void auth_delayed(struct client *c)
{
	c->state = CLIENT_COMMAND;
	if (c->failures < c->l->settings.max_failures) {
		client_reply(c, REPLY_LOGIN_REFUSED);
		return;
	}
	client_reply(c, REPLY_LOGIN_TOO_MANY);
	client_end(c, "too many failures");
}

/* --- to auth --- */

static void ask(struct client *c)
{
	c->state = CLIENT_AUTH;
	if (peer_send(&c->l->auth, c) == -1)
		failed(c, -RESTANTE_TEMP, 0);
}

static void start(struct client *c, enum mechanism id, bool initial, const void *p, size_t n)
{
	struct msg *m = &c->l->send;
	char ip[ADDRESS_TEXT], server_ip[ADDRESS_TEXT], timestamp[TIMESTAMP_MAX] = "";

	begin(c);
	address_text(&c->from, ip, sizeof(ip));
	client_server_ip(c, server_ip, sizeof(server_ip));
	if (c->l->settings.apop)
		auth_timestamp(c, timestamp, sizeof(timestamp));
	msg_start(m, MSG_AUTH_START);
	msg_put_u32(m, c->id);
	msg_put_str(m, mechanisms[id].name);
	msg_put_u32(m, initial);
	msg_put_bytes(m, p, n);
	msg_put_str(m, ip);
	msg_put_str(m, server_ip);
	msg_put_u32(m, client_encrypted(c));
	msg_put_str(m, timestamp);
	mechanism_facts(c, id, m);
	ask(c);
}

void auth_user(struct client *c, struct slice name)
{
	enum reply_id why;

	if (!mechanism_allowed(c, MECHANISM_PLAIN, &why)) {
		client_error(c, why);
		return;
	}
	free(c->user);
	c->user = mem_alloc(name.len + 1, 1);
	memcpy(c->user, name.at, name.len);
	client_reply(c, REPLY_USER);
}

void auth_pass(struct client *c, struct slice password)
{
	char plain[2 * LINE_COMMAND]; /* RFC 4616: [authzid] NUL authcid NUL passwd */
	enum reply_id why;
	size_t user;

	if (!mechanism_allowed(c, MECHANISM_PLAIN, &why)) {
		client_error(c, why);
		return;
	}
	if (c->user == NULL) {
		client_error(c, REPLY_USER_FIRST);
		return;
	}
	user = strlen(c->user);
	plain[0] = '\0';
	memcpy(plain + 1, c->user, user + 1);
	memcpy(plain + user + 2, password.at, password.len);
	free(c->user);
	c->user = NULL;
	start(c, MECHANISM_PLAIN, true, plain, user + 2 + password.len);
	wipe(plain, sizeof(plain));
}

void auth_apop(struct client *c, struct slice name, struct slice digest)
{
	char both[LINE_COMMAND];

	if (!c->l->settings.apop) {
		client_error(c, REPLY_APOP_NONE);
		return;
	}
	memcpy(both, name.at, name.len);
	both[name.len] = ' ';
	memcpy(both + name.len + 1, digest.at, digest.len);
	start(c, MECHANISM_APOP, true, both, name.len + 1 + digest.len);
}

/* --- AUTH (RFC 5034) --- */

static void list_mechanisms(struct client *c)
{
	char text[MECHANISMS_MAX];

	client_reply(c, REPLY_AUTH_LIST);
	mechanisms_list(c, "\r\n", text, sizeof(text));
	client_text(c, text, strlen(text));
	if (text[0] != '\0')
		client_text(c, "\r\n", 2);
	client_text(c, ".\r\n", 3);
}

static void start_with(struct client *c, enum mechanism id, struct slice response)
{
	size_t cap = BASE64_DECODED(response.len) + 1, n;
	unsigned char *data = mem_alloc(cap, 1);

	switch (sasl_initial(response, data, cap, &n)) {
	case SASL_DATA:
		start(c, id, true, data, n);
		break;
	case SASL_CANCEL:
		client_error(c, REPLY_AUTH_CANCELLED);
		break;
	case SASL_BAD:
		client_error(c, REPLY_AUTH_BASE64);
		break;
	}
	wipe(data, cap);
	free(data);
}

void auth_sasl(struct client *c, const struct command *cmd)
{
	enum mechanism id;
	enum reply_id why;

	if (cmd->argc == 0) {
		list_mechanisms(c);
		return;
	}
	id = mechanism_find(cmd->arg[0].at, cmd->arg[0].len);
	if (!mechanism_allowed(c, id, &why))
		client_error(c, why);
	else if (cmd->argc == 1)
		start(c, id, false, "", 0);
	else
		start_with(c, id, cmd->arg[1]);
}

/* The exchange ends without a result. */
static void abandon(struct client *c, enum reply_id id)
{
	auth_forget(c);
	c->state = CLIENT_COMMAND;
	client_error(c, id);
}

static void step(struct client *c, const void *p, size_t n)
{
	struct msg *m = &c->l->send;

	if (c->id == 0) { /* auth was restarted meanwhile */
		failed(c, -RESTANTE_TEMP, 0);
		return;
	}
	msg_start(m, MSG_AUTH_STEP);
	msg_put_u32(m, c->id);
	msg_put_bytes(m, p, n);
	ask(c);
}

void auth_line(struct client *c, struct slice line)
{
	size_t cap = BASE64_DECODED(line.len) + 1, n;
	unsigned char *data = mem_alloc(cap, 1);

	switch (sasl_response(line, data, cap, &n)) {
	case SASL_DATA:
		step(c, data, n);
		break;
	case SASL_CANCEL:
		abandon(c, REPLY_AUTH_CANCELLED);
		break;
	case SASL_BAD:
		abandon(c, REPLY_AUTH_BASE64);
		break;
	}
	wipe(data, cap);
	free(data);
}

void auth_bad_line(struct client *c, enum reply_id id)
{
	abandon(c, id);
}

static void abort_exchange(struct client *c)
{
	struct peer *p = &c->l->auth;
	struct msg *m = &c->l->send;

	msg_start(m, MSG_AUTH_ABORT);
	msg_put_u32(m, c->id);
	/* where this is lost, auth's own time limit ends the exchange */
	if (p->channel.fd != -1)
		(void)msg_send(&p->channel, m);
}

void auth_forget(struct client *c)
{
	if (c->state == CLIENT_HANDOVER)
		peer_forget(&c->l->session, c);
	if (c->id == 0)
		return;
	peer_forget(&c->l->auth, c);
	abort_exchange(c);
	finish(c);
}

void auth_lost(struct login *l)
{
	struct client *c, *next;

	for (c = LIST_FIRST(&l->clients); c != NULL; c = next) {
		next = LIST_NEXT(c, link);
		if (c->id == 0 || peer_holds(c, MSG_AUTH_START))
			continue;
		peer_forget(&l->auth, c);
		if (c->state == CLIENT_AUTH)
			failed(c, -RESTANTE_TEMP, 0);
		else
			finish(c);
		client_resume(c);
		client_settle(c);
	}
}

void auth_unsent(struct client *c)
{
	failed(c, -RESTANTE_TEMP, 0);
}

/* --- from auth --- */

static void on_continue(struct client *c, const unsigned char *challenge, size_t n)
{
	size_t cap = SASL_CHALLENGE(n);
	char *text = mem_alloc(cap, 1);

	client_text(c, text, sasl_challenge(challenge, n, text, cap));
	free(text);
	c->state = CLIENT_SASL;
}

/* One of the three answers, all of it checked before any of it is used. */
static void on_answer(struct client *c, struct msg *m)
{
	const unsigned char *data = (const unsigned char *)"";
	uint32_t result = 0;
	uint64_t when = 0;
	size_t n = 0;

	if (m->type == MSG_AUTH_FAIL) {
		result = msg_get_u32(m);
		when = msg_get_u64(m);
	} else {
		data = msg_get_bytes(m, &n);
	}
	if (m->type != MSG_AUTH_CONTINUE)
		(void)msg_get_str(m); /* the user: logged by auth */
	if (!msg_end(m) || (m->type == MSG_AUTH_OK && n != TICKET_LEN)) {
		failed(c, -RESTANTE_TEMP, 0);
	} else if (m->type == MSG_AUTH_CONTINUE) {
		on_continue(c, data, n);
	} else if (m->type == MSG_AUTH_OK) {
		finish(c);
		handover(c, data);
	} else {
		failed(c, result, when);
	}
}

void auth_message(struct login *l)
{
	struct msg *m = &l->msg;
	struct client *c = find(l, msg_get_u32(m));

	/* an answer that crossed an abort is for nobody */
	if (c == NULL || c->state != CLIENT_AUTH)
		return;
	peer_answered(&l->auth, c);
	on_answer(c, m);
	client_resume(c);
	client_settle(c);
}
