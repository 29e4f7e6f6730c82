/* maildir_box.c - a Maildir to play with, and sessions of the plugin on it. */
#define _XOPEN_SOURCE 700 /* nftw() */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "maildir_box.h"

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
	char path[] = "/tmp/restante-maildir-XXXXXX";

	if (!mkdtemp(path) || chdir(path))
		return -1;
	*state = strdup(path);
	return mkdir("box", 0700) || mkdir("box/new", 0700) || mkdir("box/cur", 0700) ||
	       mkdir("box/tmp", 0700);
}

int leave(void **state)
{
	int bad = chdir("/");

	nftw(*state, unlock_one, 8, FTW_PHYS);
	bad |= nftw(*state, remove_one, 8, FTW_PHYS | FTW_DEPTH);
	free(*state);
	return bad;
}

void put_octets(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

void put(const char *path, const char *text)
{
	put_octets(path, text, strlen(text));
}

void age(const char *path, time_t seconds)
{
	struct timespec t = {.tv_sec = time(NULL) - seconds};

	assert_int_equal(
		utimensat(AT_FDCWD, path, (struct timespec[]){t, t}, AT_SYMLINK_NOFOLLOW), 0);
}

void settle(void)
{
	age("box/new", 1000);
	age("box/cur", 1000);
}

bool there(const char *path)
{
	return access(path, F_OK) == 0;
}

size_t names_in(const char *path, char name[256])
{
	DIR *d = opendir(path);
	struct dirent *e;
	size_t n = 0;

	assert_non_null(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.') {
			snprintf(name, 256, "%s", e->d_name);
			n++;
		}
	closedir(d);
	return n;
}

const char *values[] = {"path", "box", "lock_wait", "0", "check_sizes", "2MB", NULL};

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
	int64_t left_ms = s->host.left_ms;
	int bad;

	memset(s, 0, sizeof(*s));
	plugin_host_init(&s->host, &storage_maildir_LTX_restante_plugin_v1, values);
	if (left_ms)
		s->host.left_ms = left_ms < 0 ? 0 : left_ms;
	bad = storage->open(&s->host.api, &user, mode, &s->st);
	if (bad)
		plugin_host_free(&s->host);
	return bad;
}

void begin(struct session *s)
{
	s->host.left_ms = 0;
	assert_int_equal(try_open(s, RESTANTE_SESSION), RESTANTE_OK);
	assert_int_equal(storage->list(s->st, take, s), RESTANTE_OK);
}

void end(struct session *s)
{
	storage->close(s->st);
	plugin_host_free(&s->host);
}

struct restante_body body(struct session *s, size_t i)
{
	struct restante_body b = {.size = sizeof(b)};

	assert_int_equal(storage->body(s->st, s->m[i].key, &b), RESTANTE_OK);
	return b;
}

const char *text(struct session *s, size_t i)
{
	static char buf[100];
	struct restante_body b = body(s, i);
	ssize_t n = pread(b.fd, buf, sizeof(buf) - 1, (off_t)b.off);

	assert_true(n >= 0);
	buf[n] = '\0';
	b.release(b.b);
	return buf;
}

const char *see(void)
{
	static char line[4096];
	struct session s;
	size_t len = 0;

	begin(&s);
	line[0] = '\0';
	for (size_t i = 0; i < s.n; i++)
		len += (size_t)snprintf(
			line + len, sizeof(line) - len, "%s %d|", s.m[i].uid, (int)s.m[i].octets);
	end(&s);
	return line;
}
