/* Any octets as a segment: walked from end to end, without a gap, and no member that is there is
 * passed over as damage. Each is inflated: right, or damaged, and then nothing of a small one was
 * given away.
 *
 * The check sums of the headers are put right, at places where one might begin. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "../unit/plugin_host.h"
#include "archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const struct restante_plugin storage_archive_LTX_restante_plugin_v1;

enum { SUM = 20, UID_LEN_AT = 19, LARGE = 1 << 18 };

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void put_sums_right(uint8_t *p, size_t size)
{
	for (size_t at = 0; at + MEMBER_FIXED <= size; at++) {
		uint8_t *head = p + at, state = head[MEMBER_STATE];
		size_t len = MEMBER_FIXED + (size_t)head[UID_LEN_AT];
		uint32_t sum;

		if (memcmp(head, "\x1f\x8b\x08\x04", MEMBER_MAGIC) != 0 || at + len > size)
			continue;
		head[MEMBER_STATE] = 0;
		memset(head + SUM, 0, 4);
		sum = (uint32_t)crc32(0, head, (uInt)len);
		for (int i = 0; i < 4; i++)
			head[SUM + i] = (uint8_t)(sum >> 8 * i);
		head[MEMBER_STATE] = state;
	}
}

static bool member_at(const uint8_t *p, size_t size, size_t at)
{
	struct member m;

	return archive_member_parse(p + at, size - at, &m) && m.len <= size - at;
}

static void inflate_one(struct archive *ar, const struct walk *w)
{
	const char *why = NULL;
	int bad;

	if (w->member.plain > LARGE) /* a bomb is read by pieces, which takes time */
		return;
	bad = archive_verify(ar, w->fd, w->off, &w->member, &why);
	expect(bad == RESTANTE_OK || bad == RESTANTE_PERM);
	expect((bad == RESTANTE_PERM) == (why != NULL));
}

static void walk(struct archive *ar, int fd, const uint8_t *p, size_t size)
{
	enum walked found, last = WALK_MEMBER;
	uint64_t at = 0;
	struct walk w;

	expect(archive_walk_begin(&w, fd, 0, size) == 0);
	while ((found = archive_walk(&w)) != WALK_END) {
		expect(found != WALK_FAILED && w.off == at && w.len > 0 && w.len <= size - at);
		expect(found == WALK_MEMBER || last == WALK_MEMBER);
		expect((found == WALK_MEMBER) == member_at(p, size, w.off));
		at += w.len;
		for (uint64_t i = w.off + 1; found == WALK_DAMAGE && i < at; i++)
			expect(!member_at(p, size, i));
		if (found == WALK_MEMBER)
			inflate_one(ar, &w);
		last = found;
	}
	expect(at == size);
	archive_walk_end(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct archive ar = {.path = "fuzz", .root = -1};
	int fd = memfd_create("segment", MFD_CLOEXEC);
	uint8_t *copy = malloc(size ? size : 1);
	struct plugin_host host;

	expect(fd >= 0 && copy);
	if (size)
		memcpy(copy, data, size);
	put_sums_right(copy, size);
	expect(write(fd, copy, size) == (ssize_t)size);
	plugin_host_init(&host, &storage_archive_LTX_restante_plugin_v1, NULL);
	ar.host = &host.api;
	walk(&ar, fd, copy, size);
	archive_reader_free(&ar);
	plugin_host_free(&host);
	free(copy);
	close(fd);
	return 0;
}
