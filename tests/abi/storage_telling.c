/* A storage of one message that nobody has written, of as many octets as its setting says. It logs
 * how it is called: what the core promises in plugin.h, as a plugin sees it. */
#include <string.h>
#include <syslog.h>
#include <restante/plugin.h>

struct box {
	const struct restante_host *host;
	uint64_t octets, left;
	int calls; /* of read(), for this body */
	/* of the message that is put */
	uint64_t announced;
	int64_t counted;
	uint32_t state;
};

#define TELL(box, ...) (box)->host->log((box)->host->c, LOG_INFO, __VA_ARGS__)

static int open_it(const struct restante_host *host, const struct restante_user *user,
	uint32_t mode, void **st)
{
	struct box *b = host->alloc(host->c, sizeof(*b));

	(void)user;
	if (mode < RESTANTE_SESSION || mode > RESTANTE_MAINTAIN)
		return RESTANTE_PERM;
	b->host = host;
	b->octets = (uint64_t)host->num(host->c, "octets");
	*st = b;
	return RESTANTE_OK;
}

static void close_it(void *st)
{
	const struct box *b = st;

	TELL(b, "close: %s", b->host->left_ms(b->host->c) > 0 ? "in time" : "late");
}

static int list(void *st, int (*each)(void *, const struct restante_message *), void *arg)
{
	const struct box *b = st;
	const struct restante_message m = {
		.size = sizeof(m), .key = 1, .octets = b->octets, .uid = "1"};

	return each(arg, &m);
}

static int64_t read_it(void *body, void *buf, size_t n)
{
	struct box *b = body;

	if (b->host->left_ms(b->host->c) == 0)
		TELL(b, "read: late at once");
	if (n > b->left)
		n = b->left;
	for (size_t i = 0; i < n; i++)
		((char *)buf)[i] = (b->octets - b->left + i) % 64 < 62    ? 'x'
				   : (b->octets - b->left + i) % 64 == 62 ? '\r'
									  : '\n';
	b->left -= n;
	return (int64_t)n;
}

static int body(void *st, uint64_t key, struct restante_body *out)
{
	struct box *b = st;

	TELL(b, "body: flags %u", (unsigned)out->flags);
	if (key != 1)
		return RESTANTE_GONE;
	b->left = b->octets;
	out->flags = RESTANTE_BODY_CRLF | RESTANTE_BODY_NODOT;
	out->octets = b->octets;
	out->b = b;
	out->read = read_it;
	return RESTANTE_OK;
}

static int take(void *st, const uint64_t *keys, size_t n)
{
	(void)keys;
	TELL((struct box *)st, "remove: %zu", n);
	return RESTANTE_OK;
}

static int put_begin(void *st, const struct restante_put *what, void **put)
{
	struct box *b = st;

	b->announced = what->octets;
	b->counted = 0;
	b->state = 0;
	*put = b;
	return RESTANTE_OK;
}

static int put_data(void *put, const void *p, size_t n)
{
	struct box *b = put;

	b->counted += b->host->measure(b->host->c, p, n, &b->state);
	return RESTANTE_OK;
}

static int put_end(void *put, int commit)
{
	struct box *b = put;

	b->counted += b->host->measure(b->host->c, NULL, 0, &b->state);
	TELL(b, "put: commit %d, %llu octets announced, %lld came", commit,
		(unsigned long long)b->announced, (long long)b->counted);
	return RESTANTE_OK;
}

static int keep(void *st)
{
	const struct box *b = st;

	TELL(b, "keep: %s", b->host->left_ms(b->host->c) > 0 ? "in time" : "late");
	return b->host->num(b->host->c, "lost") ? RESTANTE_TEMP : RESTANTE_OK;
}

static const struct restante_storage storage = {.size = sizeof(storage),
	.open = open_it,
	.close = close_it,
	.list = list,
	.body = body,
	.remove = take,
	.put_begin = put_begin,
	.put_data = put_data,
	.put_end = put_end,
	.keep = keep};

static const struct restante_setting settings[] = {
	{"octets", RESTANTE_SIZE, RESTANTE_PER_USER, "6400",
		"octets of the message, a multiple of 64", NULL},
	{"lost", RESTANTE_BOOL, RESTANTE_PER_USER, "no", "whether keep() fails", NULL},
};

RESTANTE_PLUGIN(storage_telling) = {.magic = RESTANTE_MAGIC,
	.size = sizeof(struct restante_plugin),
	.setting_size = sizeof(struct restante_setting),
	.nsettings = sizeof(settings) / sizeof(settings[0]),
	.name = "storage-telling",
	.version = "1",
	.doc = "tells how it is called",
	.settings = settings,
	.storage = &storage};
