/* archive_box.c - an archive to play with, and sessions of the plugin on it. */
#define _XOPEN_SOURCE 700 /* nftw() */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive_box.h"

static struct session the_session;
static char last_log[sizeof(the_session.host.log)];

void box_ready(void)
{
	alarm(120);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

int enter(void **state)
{
	char path[] = "/tmp/restante-archive-XXXXXX";

	if (!mkdtemp(path) || chdir(path))
		return -1;
	*state = strdup(path);
	values[SEGMENT_SIZE] = "64MB";
	values[COMPACT] = "50";
	values[PURGE] = "no";
	return 0;
}

int leave(void **state)
{
	int bad = chdir("/");

	bad |= nftw(*state, remove_one, 8, FTW_PHYS | FTW_DEPTH);
	free(*state);
	return bad;
}

uint8_t *slurp(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	uint8_t *p;

	if (fd < 0)
		return NULL;
	assert_int_equal(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	p = malloc(*len + 1);
	assert_non_null(p);
	assert_int_equal(read(fd, p, *len), *len);
	close(fd);
	return p;
}

void write_file(const char *path, const void *octets, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, octets, len), len);
	close(fd);
}

bool there(const char *path)
{
	return access(path, F_OK) == 0;
}

const char *values[] = {"path", "a", "lock_wait", "0", "segment_size", "64MB", "compact", "50",
	"purge", "no", NULL};

static int take(void *arg, const struct restante_message *m)
{
	struct session *s = arg;

	assert_true(s->n < MESSAGES);
	s->m[s->n++] = *m;
	return 0;
}

int try_open(struct session *s, uint32_t mode)
{
	struct restante_user user = {
		.size = sizeof(user), .uid = geteuid(), .gid = getegid(), .name = "u", .home = "/"};
	int bad;

	s->n = 0;
	plugin_host_init(&s->host, &storage_archive_LTX_restante_plugin_v1, values);
	bad = storage->open(&s->host.api, &user, mode, &s->st);
	if (bad)
		plugin_host_free(&s->host);
	return bad;
}

struct session *begin(uint32_t mode)
{
	int bad = try_open(&the_session, mode);

	if (bad)
		print_error("%s", the_session.host.log);
	assert_int_equal(bad, RESTANTE_OK);
	if (mode != RESTANTE_DELIVER)
		assert_int_equal(storage->list(the_session.st, take, &the_session), RESTANTE_OK);
	return &the_session;
}

void end(struct session *s)
{
	storage->close(s->st);
	plugin_host_free(&s->host);
	memcpy(last_log, s->host.log, sizeof(last_log));
}

bool said(const char *text)
{
	return strstr(last_log, text) != NULL;
}

int put_piece(struct session *s, const char *text, size_t len, size_t piece, const char *uid)
{
	const struct restante_put what = {.size = sizeof(what),
		.sender = "a@example.org",
		.uid = uid,
		.received = 1700000000};
	void *put;
	int bad = storage->put_begin(s->st, &what, &put);

	if (bad)
		return bad;
	for (size_t at = 0; at < len && !bad; at += piece)
		bad = storage->put_data(put, text + at, len - at < piece ? len - at : piece);
	if (bad) {
		storage->put_end(put, 0);
		return bad;
	}
	return storage->put_end(put, 1);
}

void deliver_as(const char *text, const char *uid)
{
	struct session *s = begin(RESTANTE_DELIVER);

	assert_int_equal(put_piece(s, text, strlen(text), 100000, uid), RESTANTE_OK);
	end(s);
}

void deliver(const char *text)
{
	deliver_as(text, NULL);
}

int fetch(struct session *s, size_t i, size_t piece, char **text, size_t *len)
{
	struct restante_body b = {.size = sizeof(b)};
	int64_t got, octets = 0;
	uint32_t state = 0;
	size_t room = 0;
	int bad = storage->body(s->st, s->m[i].key, &b);

	*text = NULL;
	*len = 0;
	if (bad)
		return bad;
	assert_int_equal(b.fd, -1);
	assert_int_equal(b.octets, s->m[i].octets);
	do {
		if (*len + piece + 1 > room)
			*text = realloc(*text, room = 2 * room + piece + 100);
		assert_non_null(*text);
		got = b.read(b.b, *text + *len, piece);
		if (got > 0) {
			octets += plugin_host_measure(NULL, *text + *len, (size_t)got, &state);
			*len += (size_t)got;
		}
	} while (got > 0);
	if (b.release)
		b.release(b.b);
	(*text)[*len] = '\0';
	if (got < 0)
		return (int)got;
	octets += plugin_host_measure(NULL, NULL, 0, &state);
	assert_int_equal(octets, b.octets);
	return RESTANTE_OK;
}

const char *see(void)
{
	static char line[65536];
	struct session *s = begin(RESTANTE_SESSION);
	size_t len = 0, n;
	char *text;

	line[0] = '\0';
	for (size_t i = 0; i < s->n; i++) {
		assert_int_equal(fetch(s, i, 65536, &text, &n), RESTANTE_OK);
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%s|", text);
		free(text);
	}
	end(s);
	return line;
}

int expunge(unsigned long which)
{
	struct session *s = begin(RESTANTE_SESSION);
	uint64_t keys[8 * sizeof(which)];
	size_t n = 0;
	int bad;

	for (size_t i = 0; i < s->n && i < 8 * sizeof(which); i++)
		if (which >> i & 1)
			keys[n++] = s->m[i].key;
	bad = storage->remove(s->st, keys, n);
	end(s);
	return bad;
}

int maintain(uint32_t tasks)
{
	struct session *s = begin(RESTANTE_MAINTAIN);
	int bad = storage->maintain(s->st, tasks);

	end(s);
	return bad;
}
