/* One of two storages that define the same symbols, none of them hidden, some with names that the
 * core uses too. A mailbox has one message, whose UIDL and text say which of the two it is: TWIN.
 */
#include <stdlib.h>
#include <string.h>
#include <restante/plugin.h>

const char *whose = "storage-twin";
int count;
const char *name(void);
void die(const char *fmt, ...);
void *mem_alloc(size_t n, size_t size);
int log_line(int priority, const char *fmt, ...);
int host_open(void);

const char *name(void)
{
	count++;
	return whose;
}

void die(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

void *mem_alloc(size_t n, size_t size)
{
	(void)n, (void)size;
	abort();
}

int log_line(int priority, const char *fmt, ...)
{
	(void)priority, (void)fmt;
	abort();
}

int host_open(void)
{
	abort();
}

static int open_it(
	const struct restante_host *h, const struct restante_user *u, uint32_t mode, void **st)
{
	(void)u;
	if (mode < RESTANTE_SESSION || mode > RESTANTE_MAINTAIN)
		return RESTANTE_PERM;
	*st = h->alloc(h->c, sizeof(size_t));
	return RESTANTE_OK;
}

static void close_it(void *st)
{
	(void)st;
}

static int list(void *st, int (*each)(void *, const struct restante_message *), void *arg)
{
	const struct restante_message m = {
		.size = sizeof(m), .octets = strlen(name()) + 2, .uid = name()};

	(void)st;
	return each(arg, &m);
}

static int64_t read_it(void *at, void *buf, size_t n)
{
	size_t len = strlen(name() + *(size_t *)at);

	len = len < n ? len : n;
	memcpy(buf, name() + *(size_t *)at, len);
	*(size_t *)at += len;
	return (int64_t)len;
}

static int body(void *st, uint64_t key, struct restante_body *out)
{
	if (key != 0)
		return RESTANTE_GONE;
	*(size_t *)st = 0;
	out->octets = strlen(name()) + 2;
	out->b = st;
	out->read = read_it;
	return RESTANTE_OK;
}

static int forget(void *st, const uint64_t *keys, size_t n)
{
	(void)st, (void)keys;
	return n == 0 ? RESTANTE_OK : RESTANTE_PERM;
}

const struct restante_storage storage = {.size = sizeof(storage),
	.open = open_it,
	.close = close_it,
	.list = list,
	.body = body,
	.remove = forget};

RESTANTE_PLUGIN(storage_twin) = {.magic = RESTANTE_MAGIC,
	.size = sizeof(struct restante_plugin),
	.setting_size = sizeof(struct restante_setting),
	.name = "storage-twin",
	.version = "1",
	.doc = "one of two",
	.storage = &storage};
