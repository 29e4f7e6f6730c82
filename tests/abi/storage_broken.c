/* storage-broken: a storage that keeps every promise of plugin.h but the one that its setting
 * `fault` names. Without a fault it is right, and as small as one that loses nothing can be.
 *
 * Each message is a file m.NAME in the folder `path`; NAME is its UIDL and sorts in the order of
 * delivery. A file t.* is not finished yet, n.* is a note. A session holds the lock of the file
 * `lock`. Nothing is remembered from one open() to the next. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include <restante/plugin.h>

/* With a header of a later version: values for the members that it has more. */
#ifdef LATER
#define MORE .later_number = ~(uint64_t)0, .later_text = "later"
#define SET_MORE(s)                                       \
	do {                                              \
		if (RESTANTE_FITS(s, later_text)) {       \
			(s)->later_number = ~(uint64_t)0; \
			(s)->later_text = "later";        \
		}                                         \
	} while (0)
#else
#define MORE
#define SET_MORE(s) (void)0
#endif

enum { NAME = 64, NOTE = 65536 };

struct mail {
	char uid[NAME + 16];
	uint64_t octets;
};

struct box {
	const struct restante_host *h;
	const struct restante_user *user;
	const char *path, *fault;
	char home[128];
	uint32_t mode;
	int dir, lock;
	struct mail *mail;
	size_t n;
	char *note;
	/* the body that is open, and the message that is put */
	int fd;
	int unread;
	size_t seen;
	char temp[NAME], name[NAME];
	int put, bad;
};

static int is(const struct box *b, const char *fault)
{
	return strcmp(b->fault, fault) == 0;
}

static int result_of(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG ? RESTANTE_FULL : RESTANTE_TEMP;
}

static int trouble(const struct box *b, const char *what)
{
	int error = errno;

	b->h->log(b->h->c, LOG_ERR, "%s: %s", what, strerror(error));
	return result_of(error);
}

/* --- files --- */

static int write_all(const struct box *b, int fd, const char *p, size_t n, const char *blind)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done == -1 && errno == EIO && is(b, blind))
			return 0;
		if (done == -1 && errno == EFBIG && is(b, "no-room"))
			return 0;
		if (done == -1 && errno != EINTR)
			return -1;
		p += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
	return 0;
}

/* Again after an error, as a program that trusts its disk. */
#define TRY(call)                                 \
	do {                                      \
		if ((call) == -1 && errno == EIO) \
			(void)!(call);            \
	} while (0)

/* The message is taken out of its file and written into it anew. */
static void rewrite(const struct box *b, const char *name)
{
	static char text[1 << 20];
	int fd = openat(b->dir, name, O_RDWR | O_CLOEXEC);
	ssize_t n = fd != -1 ? read(fd, text, sizeof(text)) : -1;

	if (n >= 0) {
		TRY(ftruncate(fd, 0));
		TRY(pwrite(fd, text, (size_t)n, 0));
	}
	if (fd != -1)
		close(fd);
}

static int64_t wire_octets(const struct box *b, int fd)
{
	char piece[8192];
	uint32_t state = 0;
	int64_t octets = 0;
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) > 0) {
		octets += b->h->measure(b->h->c, piece, (size_t)n, &state);
		octets += is(b, "octets") && memchr(piece, 0, (size_t)n) != NULL;
	}
	return n < 0 ? -1 : octets + b->h->measure(b->h->c, NULL, 0, &state);
}

/* --- the list --- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct mail *)a)->uid, ((const struct mail *)b)->uid);
}

static int add(struct box *b, const char *name)
{
	struct mail *more = realloc(b->mail, (b->n + 1) * sizeof(*more));
	int fd = openat(b->dir, name, O_RDONLY | O_CLOEXEC);
	int64_t octets = fd != -1 ? wire_octets(b, fd) : -1;
	int error = errno;

	if (fd != -1)
		close(fd);
	if (more != NULL)
		b->mail = more;
	if (more == NULL || octets < 0) {
		errno = error;
		return fd == -1 && error == ENOENT ? 0 : -1;
	}
	snprintf(more[b->n].uid, sizeof(more[0].uid), "%s", name + 2);
	more[b->n++].octets = (uint64_t)octets;
	return 0;
}

static int scan(struct box *b)
{
	int fd = openat(b->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), bad = 0;
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	const struct dirent *e;

	if (d == NULL) {
		if (fd != -1)
			close(fd);
		return is(b, "no-files") && errno == EMFILE ? 0 : -1;
	}
	while (!bad && (errno = 0, e = readdir(d)) != NULL)
		if (strncmp(e->d_name, "m.", 2) == 0)
			bad = add(b, e->d_name);
	bad = bad || errno != 0;
	closedir(d);
	if (b->n > 0)
		qsort(b->mail, b->n, sizeof(*b->mail), by_name);
	return bad ? -1 : 0;
}

/* --- open and close --- */

static size_t count_messages(const struct box *b)
{
	DIR *d = fdopendir(openat(b->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const struct dirent *e;
	size_t n = 0;

	while (d != NULL && (e = readdir(d)) != NULL)
		n += strncmp(e->d_name, "m.", 2) == 0;
	if (d != NULL)
		closedir(d);
	return n;
}

static int take_lock(struct box *b)
{
	int how = b->mode == RESTANTE_SESSION ? LOCK_EX : LOCK_SH;

	if (b->mode == RESTANTE_MAINTAIN || (b->mode == RESTANTE_DELIVER && !is(b, "beside")))
		return RESTANTE_OK;
	if (is(b, "orphan") && count_messages(b) == 0) {
		b->lock = openat(b->dir, "exclusive", O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		return b->lock != -1 ? RESTANTE_OK : RESTANTE_BUSY;
	}
	b->lock = openat(b->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (b->lock == -1)
		return trouble(b, "lock");
	if (flock(b->lock, how | LOCK_NB) == 0)
		return RESTANTE_OK;
	if (is(b, "lock-late") && b->h->left_ms(b->h->c) < 1500)
		sleep(6);
	return RESTANTE_BUSY;
}

static void close_it(void *st)
{
	struct box *b = st;

	if (is(b, "orphan") && b->lock != -1)
		unlinkat(b->dir, "exclusive", 0);
	if (b->lock != -1)
		close(b->lock);
	if (b->dir != -1)
		close(b->dir);
	free(b->mail);
	free(b->note);
}

static int later_core(const struct restante_host *h)
{
	return h->size > sizeof(*h) || h->minor > RESTANTE_MINOR;
}

/* The faults that are seen from without: what is left behind, what is asked for, what is waited
 * for. */
static int misbehave(struct box *b)
{
	if (is(b, "host-number"))
		(void)b->h->num(b->h->c, "path");
	if (is(b, "host-name"))
		(void)b->h->str(b->h->c, "no_such_setting");
	if (is(b, "host-log"))
		b->h->log(b->h->c, 99, "99");
	if (is(b, "ranges") && b->h->num(b->h->c, "number") == 9)
		abort();
	if (is(b, "fd-leak"))
		(void)!dup(0);
	if (is(b, "mem-leak"))
		(void)!strdup("lost");
	if (is(b, "no-time") && b->h->left_ms(b->h->c) == 0)
		sleep(6);
	if (is(b, "children") && fork() == 0) {
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		pause();
		_exit(0);
	}
	if (is(b, "sandbox") && access("/etc/passwd", R_OK) == 0) {
		int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

		if (fd == -1)
			return trouble(b, "/etc/passwd");
		close(fd);
	}
	return is(b, "later-refuses") && later_core(b->h) ? RESTANTE_PERM : RESTANTE_OK;
}

static int open_it(
	const struct restante_host *h, const struct restante_user *user, uint32_t mode, void **st)
{
	struct box *b = h->alloc(h->c, sizeof(*b));
	int bad;

	*b = (struct box){
		.h = h, .user = user, .mode = mode, .dir = -1, .lock = -1, .fd = -1, .put = -1};
	b->path = h->str(h->c, "path");
	b->fault = h->str(h->c, "fault");
	if ((mode < RESTANTE_SESSION || mode > RESTANTE_MAINTAIN) && !is(b, "modes"))
		return RESTANTE_PERM;
	bad = misbehave(b);
	b->dir = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!bad && b->dir == -1)
		bad = trouble(b, b->path);
	if (!bad)
		bad = take_lock(b);
	if (!bad && mode != RESTANTE_DELIVER && scan(b) == -1)
		bad = trouble(b, "list");
	if (bad) {
		if (is(b, "orphan") && bad == RESTANTE_BUSY)
			b->lock = -1; /* it is another's */
		close_it(b);
		return bad;
	}
	*st = b;
	return RESTANTE_OK;
}

/* --- reading --- */

static int list(void *st, int (*each)(void *, const struct restante_message *), void *arg)
{
	struct box *b = st;
	int stop = 0;

	if (is(b, "copies") && b->user->name[0] != 't')
		abort();
	if (is(b, "lock"))
		flock(b->lock, LOCK_UN);
	for (size_t i = 0; stop == 0 && i < b->n && !(is(b, "many") && i == 120); i++) {
		struct restante_message m = {
			.size = sizeof(m), .key = i, .octets = b->mail[i].octets, MORE};

		m.uid = b->mail[i].uid;
		stop = each(arg, &m);
		if (is(b, "list"))
			stop = 0;
	}
	return stop;
}

static int64_t read_it(void *body, void *buf, size_t n)
{
	struct box *b = body;
	ssize_t got = read(b->fd, buf, n);

	if (got == -1)
		return errno == EIO && is(b, "io-read") ? 0 : trouble(b, "read");
	if (is(b, "pieces") && n == 4097 && got == 4097)
		got--; /* an octet is lost */
	b->unread -= got == 0;
	return got;
}

static void release(void *body)
{
	struct box *b = body;

	close(b->fd);
	b->fd = -1;
}

static int body(void *st, uint64_t key, struct restante_body *out)
{
	struct box *b = st;
	char name[NAME + 24];
	int64_t octets;

	if (key >= b->n && is(b, "gone") && b->n > 0)
		key = 0;
	if (key >= b->n)
		return RESTANTE_GONE;
	if (is(b, "partly") && ++b->unread > 20)
		return RESTANTE_TEMP;
	snprintf(name, sizeof(name), "m.%s", b->mail[key].uid);
	if (is(b, "kill-read"))
		rewrite(b, name);
	b->fd = openat(b->dir, name, O_RDONLY | O_CLOEXEC);
	if (b->fd == -1 && errno == ENOENT)
		return is(b, "remove-gone") ? RESTANTE_TEMP : RESTANTE_GONE;
	if (b->fd == -1)
		return trouble(b, "open");
	octets = wire_octets(b, b->fd);
	if (octets < 0 || lseek(b->fd, 0, SEEK_SET) != 0) {
		int bad = trouble(b, "read");

		release(b);
		return bad;
	}
	if (is(b, "later-writes"))
		memset((char *)out + sizeof(*out), 0, out->size - sizeof(*out));
	out->octets = (uint64_t)octets;
	SET_MORE(out);
	out->flags = is(b, "flags") ? RESTANTE_BODY_CRLF : 0;
	out->b = b;
	out->read = read_it;
	out->release = release;
	return RESTANTE_OK;
}

/* --- deletions --- */

/* All others are put aside, and brought back afterwards. */
static void aside(const struct box *b, const uint64_t *keys, size_t n, int back)
{
	for (size_t i = 0; i < b->n; i++) {
		char here[NAME + 24], there[NAME + 24];
		size_t at = 0;

		while (at < n && keys[at] != i)
			at++;
		if (at < n)
			continue;
		snprintf(here, sizeof(here), "m.%s", b->mail[i].uid);
		snprintf(there, sizeof(there), "x.%s", b->mail[i].uid);
		TRY(renameat(b->dir, back ? there : here, b->dir, back ? here : there));
	}
}

static int forget(void *st, const uint64_t *keys, size_t n)
{
	struct box *b = st;
	int bad = RESTANTE_OK;

	if (n == 0 && is(b, "empty"))
		return RESTANTE_PERM;
	if (n > 0 && b->mode == RESTANTE_MAINTAIN && b->put != -1 && is(b, "mixed"))
		return RESTANTE_PERM;
	if (is(b, "kill-remove"))
		aside(b, keys, n, 0);
	for (size_t i = 0; i < n; i++) {
		char name[NAME + 24];

		if (keys[i] >= b->n)
			continue;
		snprintf(name, sizeof(name), "m.%s", b->mail[keys[i]].uid);
		if (unlinkat(b->dir, name, 0) == -1 && !(errno == EIO && is(b, "io-remove")) &&
			(errno != ENOENT || is(b, "remove-vanished")))
			bad = trouble(b, "unlink");
	}
	if (is(b, "kill-remove"))
		aside(b, keys, n, 1);
	if (fsync(b->dir) == -1)
		bad = trouble(b, "fsync");
	return bad;
}

/* --- deliveries --- */

static int put_begin(void *st, const struct restante_put *p, void **put)
{
	static unsigned count;
	struct box *b = st;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(b->name, sizeof(b->name), "m.%lld.%09ld.%d.%u", (long long)now.tv_sec, now.tv_nsec,
		(int)getpid(), ++count);
	if (is(b, "uidl"))
		memcpy(b->name + strlen(b->name), "\t", 2);
	if (is(b, "keep") && p->uid != NULL)
		snprintf(b->name, sizeof(b->name), "m.%.60s", p->uid);
	if (is(b, "crowd")) {
		b->seen = count_messages(b);
		usleep(5000);
	}
	snprintf(b->temp, sizeof(b->temp), "t.%d.%u", (int)getpid(), ++count);
	if (is(b, "kill-put"))
		memcpy(b->temp, b->name, sizeof(b->temp));
	b->put = openat(b->dir, b->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	b->bad = 0;
	if (b->put == -1)
		return trouble(b, "open");
	*put = b;
	return RESTANTE_OK;
}

static int put_data(void *put, const void *p, size_t n)
{
	struct box *b = put;
	const char *nul = is(b, "content") ? memchr(p, 0, n) : NULL;

	if (nul != NULL)
		n = (size_t)(nul - (const char *)p);
	if (write_all(b, b->put, p, n, "io-put") == -1)
		b->bad = trouble(b, "write");
	return b->bad;
}

static int commit_it(struct box *b)
{
	struct stat st;

	if (is(b, "one") && fstat(b->put, &st) == 0 && st.st_size == 1)
		return RESTANTE_PERM;
	if (is(b, "crowd") && b->seen > 0 && count_messages(b) > b->seen)
		return unlinkat(b->dir, b->temp, 0); /* another was there at the same time */
	if (fsync(b->put) == -1)
		return trouble(b, "fsync");
	if (!is(b, "kill-put") && renameat(b->dir, b->temp, b->dir, b->name) == -1)
		return trouble(b, "rename");
	if (fsync(b->dir) == -1) {
		int bad = trouble(b, "fsync");

		unlinkat(b->dir, b->name, 0);
		return bad;
	}
	return RESTANTE_OK;
}

static int put_end(void *put, int commit)
{
	struct box *b = put;
	int drop = !commit && !(is(b, "drop") && count_messages(b) == 0);
	int result = drop || b->bad != 0 ? b->bad : commit_it(b);

	if (drop || result != RESTANTE_OK)
		unlinkat(b->dir, b->temp, 0);
	close(b->put);
	return commit || result == RESTANTE_OK ? result : RESTANTE_OK;
}

/* --- notes --- */

static int note_get(void *st, const char *name, const void **p, size_t *n)
{
	struct box *b = st;
	char file[NAME];
	int fd;
	ssize_t got;

	snprintf(file, sizeof(file), "n.%s", name);
	fd = openat(b->dir, file, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT ? RESTANTE_NONE : trouble(b, file);
	if (b->note == NULL && (b->note = malloc(NOTE)) == NULL)
		abort();
	got = read(fd, b->note, NOTE);
	close(fd);
	if (got == -1)
		return trouble(b, file);
	*p = b->note;
	*n = (size_t)got;
	return RESTANTE_OK;
}

/* Gone, and written anew. */
static int note_in_place(const struct box *b, const char *file, const void *p, size_t n)
{
	int fd = -1;

	TRY(unlinkat(b->dir, file, 0));
	TRY(fd = openat(b->dir, file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	TRY(pwrite(fd, p, n, 0));
	close(fd);
	return RESTANTE_OK;
}

static int note_put(void *st, const char *name, const void *p, size_t n)
{
	struct box *b = st;
	char file[NAME], temp[NAME];
	int fd, bad = RESTANTE_OK;

	snprintf(file, sizeof(file), "n.%s", name);
	snprintf(temp, sizeof(temp), "t.n%d", (int)getpid());
	if (n == 0 && !is(b, "notes"))
		return unlinkat(b->dir, file, 0) == 0 || errno == ENOENT ? RESTANTE_OK
									 : trouble(b, file);
	if (is(b, "kill-note"))
		return note_in_place(b, file, p, n);
	fd = openat(b->dir, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1)
		return trouble(b, temp);
	if (write_all(b, fd, p, n, "io-note") == -1 || fsync(fd) == -1 ||
		renameat(b->dir, temp, b->dir, file) == -1)
		bad = trouble(b, file);
	close(fd);
	return bad;
}

/* --- maintenance --- */

static int maintain(void *st, uint32_t tasks)
{
	struct box *b = st;
	char name[NAME + 24], octet;

	if (is(b, "maintain") && tasks == RESTANTE_COMPACT)
		return RESTANTE_PERM;
	for (size_t i = 0; i < b->n; i++) {
		int fd;

		snprintf(name, sizeof(name), "m.%s", b->mail[i].uid);
		if (is(b, "kill-maint"))
			rewrite(b, name);
		fd = openat(b->dir, name, O_RDONLY | O_CLOEXEC);
		if (fd != -1 && read(fd, &octet, 1) == -1 && is(b, "io-maint"))
			unlinkat(b->dir, name, 0); /* what cannot be read is no message */
		if (fd != -1)
			close(fd);
	}
	return RESTANTE_OK;
}

static int keep(void *st)
{
	const struct box *b = st;

	return is(b, "keepalive") && b->n > 0 ? RESTANTE_BUSY : RESTANTE_OK;
}

static int check(const struct restante_host *h)
{
	if (strcmp(h->str(h->c, "fault"), "check") != 0)
		return RESTANTE_OK;
	h->log(h->c, LOG_ERR, "fault: refused");
	return RESTANTE_PERM;
}

static const struct restante_setting settings[] = {
	{"path", RESTANTE_PATH, RESTANTE_FOLDER | RESTANTE_PER_USER, "~/mail", "the folder", NULL,
		MORE},
	{"fault", RESTANTE_STRING, 0, "none", "the promise that is not kept", NULL, MORE},
#ifdef BROKEN_SETTINGS
	{"number", RESTANTE_INT, RESTANTE_FOLDER, "1", "a number", "1..9", MORE},
#else
	{"number", RESTANTE_INT, 0, "1", "a number", "1..9", MORE},
#endif
};

static const struct restante_storage storage = {.size = sizeof(storage),
	.open = open_it,
	.close = close_it,
	.list = list,
	.body = body,
	.remove = forget,
	.put_begin = put_begin,
	.put_data = put_data,
	.put_end = put_end,
	.note_get = note_get,
	.note_put = note_put,
	.maintain = maintain,
	.keep = keep,
	MORE};

RESTANTE_PLUGIN(storage_broken) = {.magic = RESTANTE_MAGIC,
	.size = sizeof(struct restante_plugin),
	.setting_size = sizeof(struct restante_setting),
	.needs = RESTANTE_NEEDS_FORK,
	.nsettings = sizeof(settings) / sizeof(settings[0]),
	.name = "storage-broken",
	.version = "1",
#ifdef BROKEN_ENTRY
	.doc = "broken\n",
#else
	.doc = "keeps all promises but one",
#endif
	.settings = settings,
	.storage = &storage,
	.check = check,
	MORE};
