/* transaction - the commands of TRANSACTION state: a table, and a short function for each. */
#include "session/session.h"

#include <string.h>
#include "conf/conf.h"
#include "pop3/capa.h"

/* The message that the first argument names; NULL when there is none, and the reply is given. */
static struct message *wanted(struct session *s, const struct command *c)
{
	struct message *m = maildrop_at(&s->drop, c->num[0]);

	if (m == NULL)
		session_reply(s, REPLY_NO_MESSAGE, s->drop.n, 0);
	else if (m->deleted)
		session_reply(s, REPLY_IS_DELETED, c->num[0], 0);
	else
		return m;
	return NULL;
}

static uint64_t count_left(const struct session *s)
{
	return s->drop.n - s->drop.ndeleted;
}

static uint64_t octets_left(const struct session *s)
{
	return s->drop.octets - s->drop.deleted_octets;
}

static void reply_left(struct session *s, enum reply_id id)
{
	session_reply(s, id, count_left(s), octets_left(s));
}

/* --- lists: there may be 100,000 lines of them --- */

enum { LINE_LONGEST = REPLY_NUMBER_MAX + 1 + 70 + 2 };

static void list_line(struct session *s, size_t i, int uids)
{
	const struct message *m = &s->drop.list[i];
	char *line = (char *)out_room(&s->out, LINE_LONGEST);
	size_t n = reply_number(line, i + 1);

	line[n++] = ' ';
	if (uids) {
		memcpy(line + n, m->uid, m->uid_len);
		n += m->uid_len;
	} else {
		n += reply_number(line + n, m->octets);
	}
	memcpy(line + n, "\r\n", 2);
	s->out.len += n + 2;
}

static void list_all(struct session *s, int uids)
{
	for (size_t i = 0; i < s->drop.n; i++)
		if (!s->drop.list[i].deleted)
			list_line(s, i, uids);
	memcpy(out_room(&s->out, 3), ".\r\n", 3);
	s->out.len += 3;
}

/* --- the commands --- */

static void do_stat(struct session *s, const struct command *c)
{
	(void)c;
	reply_left(s, REPLY_STAT);
}

static void do_list(struct session *s, const struct command *c)
{
	struct message *m;

	if (c->argc == 0) {
		reply_left(s, REPLY_LIST);
		list_all(s, 0);
	} else if ((m = wanted(s, c)) != NULL) {
		session_reply(s, REPLY_LIST_ONE, c->num[0], m->octets);
	}
}

static void do_uidl(struct session *s, const struct command *c)
{
	struct message *m;

	if (c->argc == 0) {
		reply_left(s, REPLY_UIDL);
		list_all(s, 1);
	} else if ((m = wanted(s, c)) != NULL) {
		unsigned char *to = out_room(&s->out, REPLY_MAX);

		s->out.len += reply_format_text(
			(char *)to, REPLY_MAX, s->language, REPLY_UIDL_ONE, m->uid, c->num[0]);
	}
}

static void do_retr(struct session *s, const struct command *c)
{
	if (wanted(s, c) != NULL)
		send_message(s, c->num[0], SEND_ALL);
}

static void do_top(struct session *s, const struct command *c)
{
	if (wanted(s, c) != NULL)
		send_message(s, c->num[0], c->num[1]);
}

static void do_dele(struct session *s, const struct command *c)
{
	struct message *m = wanted(s, c);

	if (m == NULL)
		return;
	maildrop_delete(&s->drop, m);
	session_reply(s, REPLY_DELE, c->num[0], 0);
}

static void do_noop(struct session *s, const struct command *c)
{
	(void)c;
	session_reply(s, REPLY_NOOP, 0, 0);
}

static void do_rset(struct session *s, const struct command *c)
{
	(void)c;
	maildrop_reset(&s->drop);
	reply_left(s, REPLY_RSET);
}

static void do_quit(struct session *s, const struct command *c)
{
	(void)c;
	update_enter(s);
}

static void do_capa(struct session *s, const struct command *c)
{
	struct capa_facts facts = {
		.state = POP3_TRANSACTION,
		.tls_active = s->client->tls[0] != '\0',
		.utf8 = true,
		.utf8_user = true,
		.expire_days = (int32_t)conf_num(s->conf, "expire"),
		.login_delay = (uint32_t)conf_user_login_delay(s->conf, s->user),
		.implementation = "Restante",
	};
	unsigned char *to = out_room(&s->out, CAPA_MAX);

	(void)c;
	s->out.len += capa_format((char *)to, CAPA_MAX, s->language, &facts);
}

static void do_lang(struct session *s, const struct command *c)
{
	enum language usual = (enum language)conf_num(s->conf, "language");

	if (c->argc == 0) {
		unsigned char *to = out_room(&s->out, LANGUAGE_LIST_MAX);

		s->out.len += language_list((char *)to, LANGUAGE_LIST_MAX, s->language);
	} else if (language_find(c->arg[0], usual, &s->language)) {
		unsigned char *to = out_room(&s->out, REPLY_MAX);

		s->out.len += reply_format_text((char *)to, REPLY_MAX, s->language, REPLY_LANG_SET,
			language_tag(s->language), 0);
	} else {
		session_reply(s, REPLY_LANG_UNKNOWN, 0, 0);
	}
}

static void (*const run[COMMAND_COUNT])(struct session *, const struct command *) = {
	[COMMAND_CAPA] = do_capa,
	[COMMAND_DELE] = do_dele,
	[COMMAND_LANG] = do_lang,
	[COMMAND_LIST] = do_list,
	[COMMAND_NOOP] = do_noop,
	[COMMAND_QUIT] = do_quit,
	[COMMAND_RETR] = do_retr,
	[COMMAND_RSET] = do_rset,
	[COMMAND_STAT] = do_stat,
	[COMMAND_TOP] = do_top,
	[COMMAND_UIDL] = do_uidl,
};

static const enum reply_id error_replies[] = {
	[COMMAND_UNKNOWN] = REPLY_UNKNOWN_COMMAND,
	[COMMAND_WRONG_STATE] = REPLY_LOGGED_IN_ALREADY,
	[COMMAND_BAD_ARGS] = REPLY_BAD_ARGS,
	[COMMAND_BAD_NUMBER] = REPLY_BAD_NUMBER,
};

void transaction_line(struct session *s, struct slice line)
{
	struct command c;
	enum command_error error = command_parse(line, POP3_TRANSACTION, &c);

	if (error == COMMAND_OK)
		run[c.id](s, &c);
	else
		session_reply(s, error_replies[error], 0, 0);
}
