/* storage-step: one step of a storage plugin's life in a process of its own, for the fault tests to
 * stop wherever they like.
 *
 *	storage-step PLUGIN.so PATH [SETTING=VALUE...] STEP
 *
 *	list		a line for each message: UIDL octets digest
 *	delete UIDL...	a session that deletes them and quits
 *	deliver FILE [UIDL]	one delivery, which may bring its UIDL
 *	maintain	clean, check and repair
 *	compact		gives back what deleted mail takes
 *	note [TEXT]	writes the note "test", or prints it
 *
 * Exit status: 0 = the plugin said OK, otherwise 10 - its result (11 = TEMP ...); 2 = wrong use, 3
 *= the plugin broke a promise (a body that is not as long as it says). */
#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/plugin_host.h"

enum { SETTINGS = 8 };

struct step {
	const struct restante_storage *storage;
	struct restante_user user;
	struct plugin_host host;
	void *mailbox;
	char **uids;
	size_t nuids, nkeys;
	uint64_t keys[4096];
};

static int broken(const char *what)
{
	printf("broken: %s\n", what);
	exit(3);
}

/* The piece that begins off octets behind the message's beginning. */
static int64_t read_body(const struct restante_body *b, char *buf, size_t n, uint64_t off)
{
	if (b->fd < 0)
		return b->read(b->b, buf, n);
	if (n > b->len - off)
		n = (size_t)(b->len - off);
	return pread(b->fd, buf, n, (off_t)(b->off + off));
}

/* FNV-1a of what a client would get, and its length. 0 = it could not be read. */
static uint64_t digest(const struct restante_body *b, uint64_t *octets)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325), len = 0;
	uint32_t state = 0;
	char buf[65536];
	int64_t n;

	*octets = 0;
	while ((n = read_body(b, buf, sizeof(buf), len)) > 0) {
		for (int64_t i = 0; i < n; i++)
			h = (h ^ (unsigned char)buf[i]) * UINT64_C(0x100000001b3);
		*octets += (uint64_t)plugin_host_measure(NULL, buf, (size_t)n, &state);
		len += (uint64_t)n;
	}
	*octets += (uint64_t)plugin_host_measure(NULL, NULL, 0, &state);
	if (n == 0 && b->fd >= 0 && len != b->len)
		broken("len");
	return n < 0 ? 0 : h;
}

static int print(void *arg, const struct restante_message *m)
{
	struct step *s = arg;
	struct restante_body body = {.size = sizeof(body)};
	uint64_t octets, sum;
	int bad = s->storage->body(s->mailbox, m->key, &body);

	if (bad)
		return bad;
	sum = digest(&body, &octets);
	if (body.release)
		body.release(body.b);
	if (!sum)
		return RESTANTE_TEMP;
	if (octets != body.octets)
		return broken("octets");
	printf("%s %" PRIu64 " %016" PRIx64 "\n", m->uid, m->octets, sum);
	return 0;
}

static int choose(void *arg, const struct restante_message *m)
{
	struct step *s = arg;

	for (size_t i = 0; i < s->nuids; i++)
		if (strcmp(s->uids[i], m->uid) == 0 && s->nkeys < 4096)
			s->keys[s->nkeys++] = m->key;
	return 0;
}

static int open_mailbox(struct step *s, uint32_t mode)
{
	return s->storage->open(&s->host.api, &s->user, mode, &s->mailbox);
}

static int list(struct step *s)
{
	int bad = open_mailbox(s, RESTANTE_SESSION);

	if (bad)
		return bad;
	bad = s->storage->list(s->mailbox, print, s);
	s->storage->close(s->mailbox);
	return bad;
}

static int delete (struct step *s)
{
	int bad = open_mailbox(s, RESTANTE_SESSION);

	if (bad)
		return bad;
	bad = s->storage->list(s->mailbox, choose, s);
	if (!bad)
		bad = s->storage->remove(s->mailbox, s->keys, s->nkeys);
	s->storage->close(s->mailbox);
	return bad;
}

static int deliver(struct step *s)
{
	char buf[3000]; /* several put_data() for a message of some size */
	int fd = open(s->uids[0], O_RDONLY), bad;
	struct restante_put from = plugin_host_from("sender@example.org");
	ssize_t n = 0;
	void *put;

	if (fd < 0)
		return broken("no file to deliver");
	from.uid = s->uids[1];
	bad = open_mailbox(s, RESTANTE_DELIVER);
	if (bad)
		return bad;
	bad = s->storage->put_begin(s->mailbox, &from, &put);
	if (!bad) { /* as a delivery agent does it */
		while (!bad && (n = read(fd, buf, sizeof(buf))) > 0)
			bad = s->storage->put_data(put, buf, (size_t)n);
		if (!bad && n < 0) /* the message did not come whole */
			bad = RESTANTE_TEMP;
		if (bad)
			s->storage->put_end(put, 0);
		else
			bad = s->storage->put_end(put, 1);
	}
	s->storage->close(s->mailbox);
	return bad;
}

static int tend(struct step *s, uint32_t tasks)
{
	int bad = open_mailbox(s, RESTANTE_MAINTAIN);

	if (bad)
		return bad;
	bad = s->storage->maintain(s->mailbox, tasks);
	s->storage->close(s->mailbox);
	return bad;
}

static int maintain(struct step *s)
{
	return tend(s, RESTANTE_CLEAN | RESTANTE_CHECK | RESTANTE_REPAIR);
}

static int compact(struct step *s)
{
	return tend(s, RESTANTE_COMPACT);
}

static int note(struct step *s)
{
	int bad = open_mailbox(s, RESTANTE_SESSION);
	const void *p = NULL;
	size_t n = 0;

	if (bad)
		return bad;
	if (s->nuids) {
		bad = s->storage->note_put(s->mailbox, "test", s->uids[0], strlen(s->uids[0]));
	} else {
		bad = s->storage->note_get(s->mailbox, "test", &p, &n);
		printf("%.*s\n", (int)n, bad ? "" : (const char *)p);
	}
	s->storage->close(s->mailbox);
	return bad;
}

/* The plugin's entry, by its file's name. */
static const struct restante_plugin *load(const char *path)
{
	char symbol[256], *p;
	const char *name = strrchr(path, '/');
	void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const struct restante_plugin *entry = NULL;

	if (!object) {
		fprintf(stderr, "storage-step: %s\n", dlerror());
		exit(2);
	}
	snprintf(symbol, sizeof(symbol), "%s", name ? name + 1 : path);
	symbol[strcspn(symbol, ".")] = '\0';
	for (p = symbol; *p; p++)
		if (*p == '-')
			*p = '_';
	snprintf(p, sizeof(symbol) - (size_t)(p - symbol), "_LTX_restante_plugin_v1");
	entry = dlsym(object, symbol);
	if (!entry || !entry->storage) {
		fprintf(stderr, "storage-step: %s has no %s of a storage\n", path, symbol);
		exit(2);
	}
	return entry;
}

/* Fills values; returns the words behind PATH and the settings. */
static char **settings(char **argv, const char *values[2 * SETTINGS + 3])
{
	char **word = argv + 3;
	size_t n = 0;

	values[n++] = "path";
	values[n++] = argv[2];
	for (char *equals; *word && n < 2 * SETTINGS && (equals = strchr(*word, '=')); word++) {
		*equals = '\0';
		values[n++] = *word;
		values[n++] = equals + 1;
	}
	values[n] = NULL;
	return word;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(struct step *);
		size_t args;
	} steps[] = {{"list", list, 0}, {"delete", delete, 0}, {"deliver", deliver, 1},
		{"maintain", maintain, 0}, {"compact", compact, 0}, {"note", note, 0}};
	static struct step s;
	const char *values[2 * SETTINGS + 3];
	const struct restante_plugin *plugin;
	int bad;

	if (argc < 4)
		return 2;
	plugin = load(argv[1]);
	argv = settings(argv, values);
	if (!argv[0])
		return 2;
	s.storage = plugin->storage;
	s.user = (struct restante_user){.size = sizeof(s.user),
		.uid = (uint32_t)getuid(),
		.gid = (uint32_t)getgid(),
		.name = "test",
		.home = "/nonexistent"};
	s.uids = argv + 1;
	while (s.uids[s.nuids])
		s.nuids++;
	plugin_host_init(&s.host, plugin, values);
	s.host.loud = true;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (strcmp(argv[0], steps[i].name) != 0 || s.nuids < steps[i].args)
			continue;
		bad = steps[i].run(&s);
		plugin_host_free(&s.host);
		return bad ? 10 - bad : 0;
	}
	return 2;
}
