/* mbox_box.c - an mbox to play with, and sessions of the plugin on it. */
#define _XOPEN_SOURCE 700 /* nftw() */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mbox_box.h"

bool box_ready(void)
{
	alarm(60);
	return geteuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static int unlock_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)at;
	return type == FTW_D || type == FTW_DNR ? chmod(path, 0700) : 0;
}

int enter(void **state)
{
	char path[] = "/tmp/restante-mbox-XXXXXX";

	if (!mkdtemp(path) || chdir(path))
		return -1;
	*state = strdup(path);
	return mkdir("spool", 0700) || mkdir("state", 0700);
}

int leave(void **state)
{
	int bad = chdir("/");

	nftw(*state, unlock_one, 8, FTW_PHYS);
	bad |= nftw(*state, remove_one, 8, FTW_PHYS | FTW_DEPTH);
	free(*state);
	return bad;
}

static void write_to(const char *path, int flags, const void *octets, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | flags, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, octets, len), len);
	close(fd);
}

void put_octets(const char *path, const void *octets, size_t len)
{
	write_to(path, O_TRUNC, octets, len);
}

void put(const char *path, const char *octets)
{
	put_octets(path, octets, strlen(octets));
}

void append(const char *path, const char *octets)
{
	write_to(path, O_APPEND, octets, strlen(octets));
}

/* The time of change cannot be set: it is waited for. */
void age(const char *path, time_t seconds)
{
	struct timespec t = {.tv_sec = time(NULL) - seconds}, tick = {.tv_nsec = 25000000};

	assert_int_equal(
		utimensat(AT_FDCWD, path, (struct timespec[]){t, t}, AT_SYMLINK_NOFOLLOW), 0);
	nanosleep(&tick, NULL);
}

bool there(const char *path)
{
	return access(path, F_OK) == 0;
}

const char *values[] = {"path", "spool/u", "state", "state", "lock_wait", "0", "quoting", "mboxrd",
	"uidl", "hash", "locks", "dotlock fcntl", NULL};

static int take(void *arg, const struct restante_message *m)
{
	struct session *s = arg;

	assert_true(s->n < 300);
	s->m[s->n++] = *m;
	return 0;
}

int try_open(struct session *s, uint32_t mode)
{
	struct restante_user user = {
		.size = sizeof(user), .uid = geteuid(), .gid = getegid(), .name = "u", .home = "/"};
	int bad;

	memset(s, 0, sizeof(*s));
	plugin_host_init(&s->host, &storage_mbox_LTX_restante_plugin_v1, values);
	bad = storage->open(&s->host.api, &user, mode, &s->st);
	if (bad)
		plugin_host_free(&s->host);
	return bad;
}

void begin(struct session *s)
{
	int bad = try_open(s, RESTANTE_SESSION);

	if (bad)
		print_error("%s", s->host.log);
	assert_int_equal(bad, RESTANTE_OK);
	assert_int_equal(storage->list(s->st, take, s), RESTANTE_OK);
}

void end(struct session *s)
{
	storage->close(s->st);
	plugin_host_free(&s->host);
}

/* Reads all of a body: stored octets. A small buffer, so that every limit of a piece is met. */
static int read_all(struct restante_body *b, char **text, size_t *len)
{
	size_t room = 0, piece = 9 + (size_t)rand() % 9;
	int64_t got;

	*text = NULL;
	for (*len = 0;; *len += (size_t)got) {
		if (*len + piece + 1 > room)
			*text = realloc(*text, room = 2 * room + 100);
		assert_non_null(*text);
		if (b->fd >= 0)
			got = pread(b->fd, *text + *len,
				piece < b->len - *len ? piece : b->len - *len,
				(off_t)(b->off + *len));
		else
			got = b->read(b->b, *text + *len, piece);
		if (got <= 0)
			break;
	}
	(*text)[*len] = '\0';
	return (int)got;
}

int fetch(struct session *s, size_t i, char **text, size_t *len)
{
	struct restante_body b = {.size = sizeof(b)};
	uint32_t state = 0;
	int64_t octets = 0;
	int bad = storage->body(s->st, s->m[i].key, &b);

	*text = NULL;
	if (bad)
		return bad;
	bad = read_all(&b, text, len);
	if (b.release)
		b.release(b.b);
	if (bad)
		return bad;
	if (*len)
		octets = plugin_host_measure(NULL, *text, *len, &state);
	octets += plugin_host_measure(NULL, NULL, 0, &state);
	assert_int_equal(octets, b.octets);
	assert_int_equal(octets, s->m[i].octets);
	return RESTANTE_OK;
}

const char *text(struct session *s, size_t i)
{
	static char *kept;
	size_t len;

	free(kept);
	assert_int_equal(fetch(s, i, &kept, &len), RESTANTE_OK);
	return kept;
}

const char *see_octets(void)
{
	static char line[4096];
	struct session s;
	size_t len = 0;

	begin(&s);
	line[0] = '\0';
	for (size_t i = 0; i < s.n; i++)
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%d ", (int)s.m[i].octets);
	end(&s);
	return line;
}

const char *see(void)
{
	static char line[65536];
	struct session s;
	size_t len = 0;

	begin(&s);
	line[0] = '\0';
	for (size_t i = 0; i < s.n; i++)
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%s|", text(&s, i));
	end(&s);
	return line;
}
