/* commands - what a client may say before it is logged in. */
#define _GNU_SOURCE
#include "login/login.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HTTP_ERRORS = 3 }; /* what is left of MAX_ERRORS after a line of HTTP */

void command_greet(struct client *c)
{
	char text[REPLY_MAX], timestamp[TIMESTAMP_MAX];

	c->greeted = true;
	if (!c->l->settings.apop) {
		client_reply(c, REPLY_GREETING);
		return;
	}
	auth_timestamp(c, timestamp, sizeof(timestamp));
	client_text(c, text,
		reply_format_text(
			text, sizeof(text), c->language, REPLY_GREETING_APOP, timestamp, 0));
}

static void do_user(struct client *c, const struct command *cmd)
{
	auth_user(c, cmd->arg[0]);
}

static void do_pass(struct client *c, const struct command *cmd)
{
	auth_pass(c, cmd->arg[0]);
}

static void do_apop(struct client *c, const struct command *cmd)
{
	auth_apop(c, cmd->arg[0], cmd->arg[1]);
}

static void do_capa(struct client *c, const struct command *cmd)
{
	const struct settings *set = &c->l->settings;
	char sasl[MECHANISMS_MAX];
	/* RFC 2449 section 6.5: before login the largest that a user may have */
	bool differs = set->login_delay_max > set->login_delay;
	const struct capa_facts facts = {
		.state = POP3_AUTHORIZATION,
		.tls_available = c->l->tls != NULL,
		.tls_active = client_encrypted(c),
		.password = mechanism_allowed(c, MECHANISM_PLAIN, NULL),
		.utf8 = true,
		.utf8_user = true,
		.mechanisms = sasl,
		.expire_days = set->expire_days,
		.login_delay = differs ? set->login_delay_max : set->login_delay,
		.login_delay_user = differs,
		.implementation = "Restante",
	};
	char text[CAPA_MAX];

	(void)cmd;
	mechanisms_list(c, " ", sasl, sizeof(sasl));
	client_text(c, text, capa_format(text, sizeof(text), c->language, &facts));
}

static void do_stls(struct client *c, const struct command *cmd)
{
	(void)cmd;
	if (client_encrypted(c)) {
		client_error(c, REPLY_TLS_ACTIVE);
		return;
	}
	if (c->l->tls == NULL) {
		client_error(c, REPLY_TLS_NONE);
		return;
	}
	client_reply(c, REPLY_TLS_BEGIN);
	/* RFC 2595 section 4: nothing of before counts; but guesses do */
	free(c->user);
	c->user = NULL;
	c->utf8 = false;
	c->language = (uint8_t)c->l->settings.language;
	client_start_tls(c);
}

static void do_utf8(struct client *c, const struct command *cmd)
{
	(void)cmd;
	c->utf8 = true;
	client_reply(c, REPLY_UTF8);
}

static void do_lang(struct client *c, const struct command *cmd)
{
	char text[LANGUAGE_LIST_MAX];
	enum language language;

	if (cmd->argc == 0) {
		client_text(c, text, language_list(text, sizeof(text), c->language));
		return;
	}
	if (!language_find(cmd->arg[0], c->l->settings.language, &language)) {
		client_error(c, REPLY_LANG_UNKNOWN);
		return;
	}
	c->language = (uint8_t)language;
	client_text(c, text,
		reply_format_text(
			text, sizeof(text), language, REPLY_LANG_SET, language_tag(language), 0));
}

static void do_quit(struct client *c, const struct command *cmd)
{
	(void)cmd;
	client_reply(c, REPLY_BYE);
	client_end(c, "quit");
}

static void (*const commands[COMMAND_COUNT])(struct client *, const struct command *) = {
	[COMMAND_APOP] = do_apop,
	[COMMAND_AUTH] = auth_sasl,
	[COMMAND_CAPA] = do_capa,
	[COMMAND_LANG] = do_lang,
	[COMMAND_PASS] = do_pass,
	[COMMAND_QUIT] = do_quit,
	[COMMAND_STLS] = do_stls,
	[COMMAND_USER] = do_user,
	[COMMAND_UTF8] = do_utf8,
};

/* A browser, a proxy or a scanner: it sends many lines at once, and none is for us. */
static bool is_http(struct slice line)
{
	static const char *const verbs[] = {
		"GET ", "POST ", "HEAD ", "PUT ", "OPTIONS ", "CONNECT "};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (line.len > strlen(verbs[i]) &&
			strncasecmp(line.at, verbs[i], strlen(verbs[i])) == 0)
			return true;
	return false;
}

static void do_unknown(struct client *c, struct slice line)
{
	if (is_http(line) && c->errors < MAX_ERRORS - HTTP_ERRORS)
		c->errors = MAX_ERRORS - HTTP_ERRORS;
	client_error(c, REPLY_UNKNOWN_COMMAND);
}

void command_line(struct client *c, struct slice line)
{
	struct command cmd;

	switch (command_parse(line, POP3_AUTHORIZATION, &cmd)) {
	case COMMAND_OK:
		if (commands[cmd.id] != NULL)
			commands[cmd.id](c, &cmd);
		else
			client_error(c, REPLY_LOG_IN_FIRST);
		break;
	case COMMAND_UNKNOWN:
		do_unknown(c, line);
		break;
	case COMMAND_WRONG_STATE:
		client_error(c, REPLY_LOG_IN_FIRST);
		break;
	case COMMAND_BAD_ARGS:
		client_error(c, REPLY_BAD_ARGS);
		break;
	case COMMAND_BAD_NUMBER:
		client_error(c, REPLY_BAD_NUMBER);
		break;
	}
}
