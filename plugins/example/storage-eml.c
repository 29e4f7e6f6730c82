/* storage-eml - a folder of .eml files as a mailbox that nobody can change.
 *
 * For notices to all users, an archive, or what another program exports: each file NAME.eml is a
 * message, the oldest first, and NAME is its UIDL. Files come and go by rename; a text that changes
 * gets another name, for a client that has seen a UIDL never fetches it again. Nothing is removed,
 * so any number of sessions may have the same folder open, and none has to lock it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>
#include <restante/plugin.h>

enum { UID_MAX = 70, PIECE = 65536 };

struct letter {
	char file[UID_MAX + sizeof(".eml")], uid[UID_MAX + 1];
	struct stat st;
	uint64_t octets;
};

struct box {
	const struct restante_host *host;
	int folder; /* -1 = there is none, and so no mail */
	size_t n;
	struct letter *letters;
};

/* "NAME.eml" where NAME is a UIDL: RFC 1939 section 7. */
static int is_letter(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	if (n <= 4 || n > UID_MAX + 4 || strcmp(d->d_name + n - 4, ".eml") != 0)
		return 0;
	for (const char *p = d->d_name; *p != '\0'; p++)
		if (*p < 0x21 || *p > 0x7e)
			return 0;
	return d->d_type == DT_REG || d->d_type == DT_UNKNOWN;
}

/* A descriptor; -1 with errno, EINVAL for what is no file: to open a FIFO must not hang. */
static int open_letter(const struct box *b, const struct letter *l, struct stat *st)
{
	int flags = O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, error = EINVAL;
	int fd = openat(b->folder, l->file, flags);

	if (fd == -1)
		return -1;
	if (fstat(fd, st) == -1)
		error = errno;
	else if (S_ISREG(st->st_mode))
		return fd;
	close(fd);
	errno = error;
	return -1;
}

/* The octets on the wire, where line ends are others than in a file. 0, or -1 with errno. */
static int count(const struct restante_host *host, int fd, uint64_t *octets)
{
	uint32_t state = 0;
	char buf[PIECE];
	ssize_t n;

	*octets = 0;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		*octets += (uint64_t)host->measure(host->c, buf, (size_t)n, &state);
	*octets += (uint64_t)host->measure(host->c, NULL, 0, &state);
	return n == 0 ? 0 : -1;
}

/* Appends a letter, if it is one. 0, or -1 with errno. */
static int add(struct box *b, const char *file)
{
	struct letter *l = &b->letters[b->n];
	int fd, result;

	snprintf(l->file, sizeof(l->file), "%.*s", UID_MAX + 4, file);
	snprintf(l->uid, sizeof(l->uid), "%.*s", (int)strlen(file) - 4, file);
	fd = open_letter(b, l, &l->st);
	if (fd == -1)
		return errno == ENOENT || errno == EINVAL ? 0 : -1;
	result = count(b->host, fd, &l->octets);
	close(fd);
	b->n += result == 0;
	return result;
}

static int by_age(const void *a, const void *b)
{
	const struct letter *x = a, *y = b;

	if (x->st.st_mtime != y->st.st_mtime)
		return x->st.st_mtime < y->st.st_mtime ? -1 : 1;
	return strcmp(x->uid, y->uid);
}

static int complain(const struct box *b, const char *file)
{
	b->host->log(b->host->c, LOG_ERR, "%s/%s: expected what this user may read: %s",
		b->host->str(b->host->c, "path"), file, strerror(errno));
	return RESTANTE_TEMP;
}

/* What the session sees is settled here: all is counted, oldest first. */
static int read_folder(struct box *b)
{
	struct dirent **files;
	int n = scandir(b->host->str(b->host->c, "path"), &files, is_letter, alphasort),
	    result = RESTANTE_OK;

	if (n == -1)
		return complain(b, "");
	b->letters = b->host->alloc(b->host->c, (size_t)n * sizeof(struct letter));
	for (int i = 0; i < n; i++) {
		if (b->host->left_ms(b->host->c) == 0)
			result = RESTANTE_TEMP;
		else if (result == RESTANTE_OK && add(b, files[i]->d_name) == -1)
			result = complain(b, files[i]->d_name);
		free(files[i]);
	}
	free(files);
	qsort(b->letters, b->n, sizeof(struct letter), by_age);
	return result;
}

static void eml_close(void *st)
{
	struct box *b = st;

	if (b->folder != -1)
		close(b->folder);
}

static int eml_open(const struct restante_host *host, const struct restante_user *user,
	uint32_t mode, void **st)
{
	struct box *b;
	int result = RESTANTE_OK;

	(void)user; /* whose mailbox it is is in the path */
	if (mode != RESTANTE_SESSION && mode != RESTANTE_MAINTAIN)
		return RESTANTE_PERM;
	*st = b = host->alloc(host->c, sizeof(*b));
	b->host = host;
	b->folder = open(host->str(host->c, "path"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->folder != -1)
		result = read_folder(b);
	else if (errno != ENOENT)
		result = complain(b, "");
	if (result != RESTANTE_OK)
		eml_close(b);
	return result;
}

static int eml_list(void *st, int (*each)(void *, const struct restante_message *), void *arg)
{
	const struct box *b = st;
	int result = RESTANTE_OK;

	for (size_t i = 0; i < b->n && result == RESTANTE_OK; i++) {
		const struct letter *l = &b->letters[i];
		const struct restante_message m = {.size = sizeof(m),
			.key = i,
			.octets = l->octets,
			.received = l->st.st_mtime,
			.uid = l->uid};

		result = each(arg, &m);
	}
	return result;
}

static void release(void *fd)
{
	close((int)(intptr_t)fd);
}

/* The file as it was when it was counted, or none. The core reads it. */
static int eml_body(void *st, uint64_t key, struct restante_body *out)
{
	const struct box *b = st;
	struct stat now;
	int fd;

	if (key >= b->n)
		return RESTANTE_GONE;
	fd = open_letter(b, &b->letters[key], &now);
	if (fd == -1)
		return errno == ENOENT || errno == EINVAL ? RESTANTE_GONE
							  : complain(b, b->letters[key].file);
	if (now.st_size != b->letters[key].st.st_size ||
		memcmp(&now.st_mtim, &b->letters[key].st.st_mtim, sizeof(now.st_mtim)) != 0) {
		close(fd);
		return RESTANTE_GONE;
	}
	out->fd = fd;
	out->len = (uint64_t)now.st_size;
	out->octets = b->letters[key].octets;
	out->b = (void *)(intptr_t)fd;
	out->release = release;
	return RESTANTE_OK;
}

static int eml_remove(void *st, const uint64_t *keys, size_t n)
{
	(void)st, (void)keys;
	return n == 0 ? RESTANTE_OK : RESTANTE_PERM;
}

static const struct restante_setting settings[] = {
	{"path", RESTANTE_PATH, RESTANTE_PER_USER | RESTANTE_READ_ONLY, "~/eml",
		"the folder of .eml files: the same for all users, or one for each", NULL},
};

static const struct restante_storage storage = {.size = sizeof(storage),
	.open = eml_open,
	.close = eml_close,
	.list = eml_list,
	.body = eml_body,
	.remove = eml_remove};

RESTANTE_PLUGIN(storage_eml) = {.magic = RESTANTE_MAGIC,
	.size = sizeof(struct restante_plugin),
	.setting_size = sizeof(struct restante_setting),
	.nsettings = sizeof(settings) / sizeof(settings[0]),
	.name = "storage-eml",
	.version = "1",
	.doc = "a folder of .eml files as a mailbox that nobody can change",
	.settings = settings,
	.storage = &storage};
