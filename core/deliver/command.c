/* command - delivers one message from standard input.
 *
 *	restante-deliver [-c FILE] [-f SENDER] [-a EXTENSION] -d USER [-d USER ...]
 *
 * An MTA reads two things of it: the exit status, and the first line of standard output, which
 * begins with a status code of RFC 3463. What only an administrator can act on goes to the log:
 * syslog, or standard error where that is a terminal or there is no syslog.
 *
 * Each user's storage is opened in a child that has become the user and sees nothing else. A
 * message that is not on disk for all of them is not delivered: the MTA tries again, and users who
 * had it get it twice. MTAs that give one recipient a call have no such trouble. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/log.h"
#include "deliver/deliver.h"
#include "mail/address.h"
#include "mail/letter.h"
#include "plug/become.h"
#include "tool/tool.h"

enum {
	USERS_MAX = 100,
	INPUT = 64 * 1024,
	GRACE = 1 /* seconds between the storage's deadline and the end */
};

struct command {
	const char *file, *sender, *extension;
	const char *users[USERS_MAX];
	size_t nusers;
	struct conf *conf;
	struct letter letter;
};

/* --- the message -------------------------------------------------------------------------------
 */

/* Reads to the end, also where the message is too big: an MTA may take a closed pipe for worse. */
static enum mail_result copy_input(int to, uint64_t limit)
{
	static char piece[INPUT];
	enum mail_result result = MAIL_OK;
	uint64_t total = 0;
	ssize_t n;

	while ((n = read(STDIN_FILENO, piece, sizeof(piece))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			complain("cannot read the message: %m");
			return MAIL_TEMP;
		}
		total += (uint64_t)n;
		if (limit != 0 && total > limit)
			result = MAIL_TOO_BIG;
		if (result == MAIL_OK && letter_write(to, piece, (size_t)n) == -1) {
			complain("cannot keep the message: %m");
			result = MAIL_TEMP;
		}
	}
	return result;
}

static enum mail_result read_message(struct command *c)
{
	int fd = letter_new();
	enum mail_result result;

	if (fd == -1) {
		complain("cannot keep the message: %m");
		return MAIL_TEMP;
	}
	result = copy_input(fd, (uint64_t)conf_num(c->conf, "message_size_limit"));
	if (result == MAIL_OK && (letter_seal(fd) == -1 || letter_map(fd, &c->letter) == -1)) {
		complain("cannot read the message: %m");
		result = MAIL_TEMP;
	}
	close(fd);
	return result;
}

/* --- one user ----------------------------------------------------------------------------------
 */

static enum mail_result deliver(
	const struct command *c, const struct restante_user *u, const struct envelope *e)
{
	int64_t seconds = conf_num(c->conf, "storage_timeout");
	struct plug plug = {.conf = conf_user_storage(c->conf, u)};
	struct buf why = {0};
	struct host host;

	plug.entry = plug_load(plug.conf->name, plug.conf->file, &why);
	if (plug.entry == NULL) {
		complain("%s", why.p);
		return MAIL_SETUP;
	}
	if (host_open(&host, &plug, u) != RESTANTE_OK)
		return MAIL_SETUP;
	tzset(); /* reads a file */
	(void)signal(SIGPIPE, SIG_IGN);
	if (become_owner(u, &host, geteuid() == 0, &why) == -1) {
		complain("%s: %s", u->name, why.p);
		return MAIL_SETUP;
	}
	host_deadline(&host, seconds * 1000);
	alarm((unsigned)seconds + GRACE);
	return letter_deliver(&c->letter, e, u, &host);
}

/* The child's exit status is the result. */
static enum mail_result deliver_in_child(
	const struct command *c, const struct restante_user *u, const struct envelope *e)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit((int)deliver(c, u, e));
	if (pid == -1) {
		complain("cannot start a process: %m");
		return MAIL_TEMP;
	}
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return MAIL_TEMP;
	if (WIFEXITED(status) && WEXITSTATUS(status) < MAIL_RESULTS)
		return (enum mail_result)WEXITSTATUS(status);
	complain("%s: the delivery %s", u->name,
		WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM
			? "did not end within storage_timeout"
			: "crashed");
	return MAIL_TEMP;
}

/* May this process deliver to that user? MAIL_OK, or why not. */
static enum mail_result check_user(const struct command *c, const struct restante_user *u)
{
	const char *refused = conf_user_refused(c->conf, u, 1);
	struct buf why = {0};

	if (refused != NULL) {
		complain("%s: uid %u, gid %u: %s", u->name, u->uid, u->gid, refused);
		return MAIL_REFUSED;
	}
	if (geteuid() != 0 && geteuid() != u->uid) {
		complain("%s: only root and uid %u can deliver to this mailbox, this is uid %u",
			u->name, u->uid, geteuid());
		return MAIL_SETUP;
	}
	if (record_check(c->conf, u, &why) == -1) {
		complain("%s: %s", u->name, why.p);
		return MAIL_SETUP;
	}
	return MAIL_OK;
}

static enum mail_result find_and_deliver(
	const struct command *c, struct record *r, const char *name, const struct envelope *e)
{
	enum mail_result result;

	if (record_find(c->conf, "deliver", name, NULL, NULL, r) == -1) {
		r->result = RESTANTE_TEMP;
		return MAIL_TEMP;
	}
	if (r->result != RESTANTE_OK) {
		if (r->result != RESTANTE_NONE)
			complain("%s: %s: %s", name, r->plugin, record_text(r->result));
		return mail_result_of(r->result);
	}
	result = check_user(c, &r->user);
	return result == MAIL_OK ? deliver_in_child(c, &r->user, e) : result;
}

static enum mail_result deliver_to(const struct command *c, struct record *r, const char *name)
{
	const char *delimiters = conf_str(c->conf, "recipient_delimiter"), *storage = "";
	char address[MAIL_ADDRESS];
	const struct envelope e = {.sender = c->sender, .address = address};
	enum mail_result result;

	if (mail_extend(name, c->extension, delimiters, address) == -1 || !mail_address_ok(address))
		return MAIL_NO_USER;
	result = find_and_deliver(c, r, name, &e);
	if (r->result == RESTANTE_OK && conf_user_storage(c->conf, &r->user) != NULL)
		storage = conf_user_storage(c->conf, &r->user)->name;
	letter_report(&c->letter, &e, name, storage, result);
	return result;
}

/* --- all of it ---------------------------------------------------------------------------------
 */

/* 0, or -1: usage. */
static int parse_options(struct command *c, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "a:c:d:f:")) != -1) {
		if (option == 'a')
			c->extension = optarg;
		else if (option == 'c')
			c->file = optarg;
		else if (option == 'f')
			c->sender = optarg;
		else if (option == 'd' && c->nusers < USERS_MAX)
			c->users[c->nusers++] = optarg;
		else
			return -1;
	}
	/* A sender that cannot stand in a header is no reason to refuse the message. */
	if (strcmp(c->sender, "<>") == 0 || !mail_address_ok(c->sender))
		c->sender = "";
	return optind < argc || c->nusers == 0 ? -1 : 0;
}

/* An error that passes outweighs one that does not: the message comes again. */
static enum mail_result worse(enum mail_result a, enum mail_result b)
{
	int temp_a = mail_result(a)->code < 500, temp_b = mail_result(b)->code < 500;

	if (a == MAIL_OK || b == MAIL_OK)
		return a == MAIL_OK ? b : a;
	return temp_b && !temp_a ? b : a;
}

static void say(const char *user, enum mail_result result)
{
	const struct mail_result_row *row = mail_result(result);

	if (result != MAIL_OK)
		printf("%s %s: %s\n", row->dsn, user, row->text);
}

/* The line that decides first: an MTA takes its code from there. */
static enum mail_result deliver_to_all(const struct command *c)
{
	struct record *r = mem_alloc(1, sizeof(*r));
	enum mail_result results[USERS_MAX], all = MAIL_OK;
	size_t first = 0;

	for (size_t i = 0; i < c->nusers; i++) {
		results[i] = deliver_to(c, r, c->users[i]);
		all = worse(all, results[i]);
	}
	while (first < c->nusers && results[first] != all)
		first++;
	say(c->users[first], all);
	for (size_t i = 0; i < c->nusers; i++)
		if (i != first)
			say(c->users[i], results[i]);
	free(r);
	return all;
}

int command_run(int argc, char **argv)
{
	struct command c = {.file = TOOL_CONFIG, .sender = "", .extension = ""};
	enum mail_result result = MAIL_SETUP;

	if (parse_options(&c, argc, argv) == -1) {
		/* temporary: a mistake in the MTA's configuration shall not bounce mail */
		fprintf(stderr, "usage: restante-deliver [-c FILE] [-f SENDER] [-a EXTENSION] "
				"-d USER [-d USER ...]\n");
		return mail_result(MAIL_SETUP)->status;
	}
	if (!isatty(STDERR_FILENO))
		(void)log_to_syslog();
	(void)signal(SIGXFSZ, SIG_IGN); /* a write says so */
	(void)umask(077);
	c.conf = tool_conf(c.file, true);
	if (c.conf != NULL)
		result = read_message(&c);
	if (result == MAIL_OK)
		result = deliver_to_all(&c);
	else
		say(c.users[0], result);
	conf_free(c.conf);
	(void)fflush(stdout);
	return mail_result(result)->status;
}
