/* restante-check - from the configuration file to the effective configuration.
 *
 *	restante-check [-q] [-c FILE]
 *
 * Writes the effective configuration in wire form (core/conf/wire.h) to descriptor 1 and exits with
 * 0; or exits with 1, with the reasons on descriptor 2. The master and restantectl run it, so that
 * neither links the parser or meets a plugin that crashes while it is loaded.
 *
 * With -q plugins are neither tried in a child nor asked for their opinion. A delivery agent wants
 * it so: it starts for each message, and the master checks the configuration.
 *
 * As root it reads the files, with all that they include, and then becomes the user of the login
 * processes, before anything of a plugin runs. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "check/check.h"
#include "conf/build.h"
#include "conf/conf.h"
#include "conf/table.h"
#include "conf/wire.h"
#include "plug/host.h"
#include "plug/plug.h"
#include "sys/drop.h"

#define NOBODY 65534
#define CHECK_MS 2000

struct checker {
	const char *file;
	bool quick;
	struct sources sources;
	struct section *candidates, *sections;
	size_t ncandidates, nsections;
	struct parsed free_form, given;
};

void say(const char *text)
{
	if (log_is_syslog())
		log_line(LOG_ERR, "%s", text);
	else
		dprintf(STDERR_FILENO, "%s\n", text);
}

/* Returns -1, for `return fail(...)`. */
static int fail(const char *what, const char *reason)
{
	struct buf text = {0};

	buf_printf(&text, "%s: %s", what, reason);
	say(text.p);
	buf_free(&text);
	return -1;
}

/* --- the steps -------------------------------------------------------------------------------- */

/* The grammar of all files; each round may find more of them. */
static int read_files(struct checker *c)
{
	struct buf why = {0};
	size_t before, scanned = 0;

	if (source_add(&c->sources, c->file, &why) == -1) {
		say(why.p);
		buf_free(&why);
		return -1;
	}
	do {
		before = c->sources.n;
		for (; scanned < before; scanned++)
			parse_candidates(
				&c->sources.list[scanned], &c->candidates, &c->ncandidates);
		parse_free(&c->free_form);
		if (parse(&c->sources, 1, c->candidates, c->ncandidates, say, &c->free_form) == -1)
			return -1;
	} while (c->sources.n > before);
	return 0;
}

/* Plugins are met as the login user; with the right to read any folder, which roles have too when
 * they load them, so that a build tree in root's home works. */
static int drop_root(const struct checker *c)
{
	const struct given *g = parse_find(&c->free_form, "", "login_user");
	const char *name = g != NULL && g->n > 0 ? g->items[0] : conf_row("login_user")->s.fallback;
	uid_t uid = NOBODY;
	gid_t gid = NOBODY;

	if (geteuid() != 0)
		return 0;
	(void)drop_lookup(name, &uid, &gid);
	if (uid == 0)
		return fail(c->file, "login_user must not be root");
	if (drop_exec(uid, gid, DROP_SEARCH) == -1)
		return fail("cannot give up root's rights", strerror(errno));
	return 0;
}

struct asked {
	const struct plug *plug;
};

static int ask_plugin(void *arg, struct buf *why)
{
	const struct asked *a = arg;
	struct host host;
	int result;

	(void)why;
	if (host_open(&host, a->plug, NULL) != RESTANTE_OK)
		return -1;
	host_deadline(&host, CHECK_MS);
	result = a->plug->entry->check(&host.api);
	host_close(&host);
	return result == RESTANTE_OK ? 0 : -1;
}

/* Where its settings are, as "file:line: section storage-mbox". */
static void where(const struct parsed *given, const char *name, struct buf *text)
{
	const struct given *g = parse_find(given, name, NULL);

	if (g != NULL)
		buf_printf(text, "%s:%d: section ", g->file, g->line);
	buf_printf(text, "%s", name);
}

/* Each plugin's own check(), in a child. The number of those that refuse. */
static int ask_plugins(const struct conf *conf, const struct parsed *given)
{
	int refused = 0;

	for (size_t i = 0; i < conf_plugins(conf); i++) {
		struct plug plug = {.conf = conf_plugin(conf, i)};
		struct asked a = {&plug};
		struct buf why = {0}, name = {0};

		where(given, plug.conf->name, &name);
		plug.entry = plug_load(plug.conf->name, plug.conf->file, &why);
		if (plug.entry == NULL) {
			fail(name.p, buf_str(&why));
			refused++;
		} else if (plug.entry->check != NULL &&
			   plug_guard(ask_plugin, &a, CHECK_MS, &why) != 0) {
			fail(name.p, why.len > 0 ? why.p : "refuses its settings");
			refused++;
		}
		buf_free(&name);
		buf_free(&why);
	}
	return refused;
}

static struct conf *check(struct checker *c)
{
	struct conf *conf;
	int missing;

	if (read_files(c) == -1 || drop_root(c) == -1)
		return NULL;
	plugins_gather(&c->free_form, c->candidates, c->ncandidates, !c->quick, &c->sections,
		&c->nsections);
	missing = plugins_missing(&c->free_form, c->sections, c->nsections, c->file);
	if (parse(&c->sources, 0, c->sections, c->nsections, say, &c->given) == -1)
		return NULL;
	conf = build(&c->given, c->sections, c->nsections, c->file, say);
	if (conf == NULL)
		return NULL;
	missing += files_missing(conf, &c->given);
	if (!c->quick)
		missing += ask_plugins(conf, &c->given);
	return missing == 0 ? conf : NULL;
}

static int put_out(int fd, const struct conf *conf)
{
	struct buf out = {0};
	size_t done = 0;

	conf_encode(conf, CONF_ALL, NULL, &out);
	while (done < out.len) {
		ssize_t n = write(fd, out.p + done, out.len - done);

		if (n == -1 && errno != EINTR)
			return fail("cannot write the configuration", strerror(errno));
		done += n > 0 ? (size_t)n : 0;
	}
	buf_wipe(&out);
	return 0;
}

int main(int argc, char **argv)
{
	struct checker c = {.file = SYSCONF_DIR "/restante.conf"};
	struct conf *conf;
	int option, out;

	while ((option = getopt(argc, argv, "c:q")) != -1) {
		if (option == 'c') {
			c.file = optarg;
		} else if (option == 'q') {
			c.quick = true;
		} else {
			dprintf(STDERR_FILENO, "usage: restante-check [-q] [-c FILE]\n");
			return 2;
		}
	}
	/* Plugins' constructors may print: not into the configuration. */
	out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	conf = check(&c);
	if (conf == NULL)
		return EXIT_FAILURE;
	if (out == -1 || isatty(out))
		return EXIT_SUCCESS; /* it is not for reading */
	return put_out(out, conf) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
