/* storage-memory - a mailbox of the same message over and over. Nothing is kept: what is deleted is
 * there again at the next open. */
#include "memory.h"

#include <stdio.h>
#include <string.h>

enum { UID_SIZE = 24, LINE = 72 };

struct memory {
	const char *text;
	size_t octets, count;
	char (*uids)[UID_SIZE];
	unsigned char *gone;
	size_t at; /* in the body that is open */
};

int memory_open(const struct restante_host *host, const struct restante_user *user, uint32_t mode,
	void **st)
{
	struct memory *m = host->alloc(host->c, sizeof(*m));
	char *text;

	(void)user;
	if (mode != RESTANTE_SESSION && mode != RESTANTE_MAINTAIN)
		return RESTANTE_PERM;
	m->octets = (size_t)host->num(host->c, "octets");
	m->count = (size_t)host->num(host->c, "messages");
	m->text = text = host->alloc(host->c, m->octets);
	m->uids = host->alloc(host->c, m->count * sizeof(*m->uids));
	m->gone = host->alloc(host->c, m->count);
	for (size_t i = 0; i < m->octets; i++)
		text[i] = (i + 1) % LINE == 0 || i + 1 == m->octets ? '\n' : 'x';
	for (size_t i = 0; i < m->count; i++)
		(void)snprintf(m->uids[i], UID_SIZE, "%zu", i + 1);
	*st = m;
	return RESTANTE_OK;
}

void memory_close(void *st)
{
	(void)st;
}

static uint64_t wire_octets(const struct memory *m)
{
	return m->octets + m->octets / LINE + (m->octets % LINE != 0);
}

int memory_list(void *st, int (*each)(void *arg, const struct restante_message *), void *arg)
{
	const struct memory *m = st;
	int result = 0;

	for (size_t i = 0; i < m->count && result == 0; i++) {
		const struct restante_message message = {.size = sizeof(message),
			.key = i,
			.octets = wire_octets(m),
			.uid = m->uids[i]};

		if (!m->gone[i])
			result = each(arg, &message);
	}
	return result;
}

int memory_body(void *st, uint64_t key, struct restante_body *out)
{
	struct memory *m = st;

	if (m->gone[key])
		return RESTANTE_GONE;
	m->at = 0;
	out->len = m->octets;
	out->octets = wire_octets(m);
	out->b = m;
	out->read = memory_read;
	out->release = memory_release;
	return RESTANTE_OK;
}

int64_t memory_read(void *b, void *buf, size_t n)
{
	struct memory *m = b;
	size_t left = m->octets - m->at;

	if (n > left)
		n = left;
	memcpy(buf, m->text + m->at, n);
	m->at += n;
	return (int64_t)n;
}

void memory_release(void *b)
{
	(void)b;
}

int memory_remove(void *st, const uint64_t *keys, size_t n)
{
	struct memory *m = st;

	for (size_t i = 0; i < n; i++)
		m->gone[keys[i]] = 1;
	return RESTANTE_OK;
}

static const struct restante_setting settings[] = {
	{"messages", RESTANTE_INT, 0, "10000", "so many", "1..1000000"},
	{"octets", RESTANTE_INT, 0, "4096", "the size of each, as stored", "1..100000000"},
};

static const struct restante_storage storage = {
	.size = sizeof(storage),
	.open = memory_open,
	.close = memory_close,
	.list = memory_list,
	.body = memory_body,
	.remove = memory_remove,
};

RESTANTE_PLUGIN(storage_memory) = {
	.magic = RESTANTE_MAGIC,
	.size = sizeof(struct restante_plugin),
	.setting_size = sizeof(struct restante_setting),
	.nsettings = sizeof(settings) / sizeof(settings[0]),
	.name = "storage-memory",
	.version = "1",
	.doc = "the same message over and over, for make bench",
	.settings = settings,
	.storage = &storage,
};
