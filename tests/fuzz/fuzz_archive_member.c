/* Any octets as the header of a member: refused, or one whose every field is in its range, and that
 * is written again as it was read.
 *
 * Where only the check sum is wrong it is put right, so that what lies behind it is reached too. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "member.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TIME = 4, SYSTEM = 8, SUM = 20, UID_LEN_AT = 19 };

static void expect(int condition)
{
	if (!condition)
		abort();
}

static void put_sum_right(uint8_t *p, size_t size)
{
	size_t len = size > UID_LEN_AT ? MEMBER_FIXED + (size_t)p[UID_LEN_AT] : 0;
	uint8_t state;
	uint32_t sum;

	if (len < MEMBER_FIXED || len > size)
		return;
	state = p[MEMBER_STATE];
	p[MEMBER_STATE] = 0;
	memset(p + SUM, 0, 4);
	sum = (uint32_t)crc32(0, p, (uInt)len);
	for (int i = 0; i < 4; i++)
		p[SUM + i] = (uint8_t)(sum >> 8 * i);
	p[MEMBER_STATE] = state;
}

/* gzip's own fields (time, system) are not looked at, and so the sum may be another. */
static void look(const uint8_t *p, size_t size)
{
	struct member m, again;
	uint8_t out[MEMBER_HEAD];
	size_t len = archive_member_parse(p, size, &m);

	if (len == 0)
		return;
	expect(len <= size && len == m.head_len && len <= MEMBER_HEAD);
	expect(archive_uid_legal(m.uid, m.uid_len) && strlen(m.uid) == m.uid_len);
	expect(m.len > len + MEMBER_TRAILER && m.len < UINT64_C(1) << 56);
	expect(archive_member_text(&m) <= m.plain && m.plain < UINT64_C(1) << 56);
	again = m;
	expect(archive_member_write(&again, out) == len);
	expect(memcmp(out, p, TIME) == 0);
	expect(memcmp(out + SYSTEM + 2, p + SYSTEM + 2, SUM - SYSTEM - 2) == 0);
	expect(memcmp(out + SUM + 4, p + SUM + 4, len - SUM - 4) == 0);
	expect(archive_member_parse(out, len, &again) == len && strcmp(again.uid, m.uid) == 0);
}

/* The place that is found is the first one there is. */
static void search(const uint8_t *p, size_t size)
{
	size_t at = archive_member_search(p, size), i;

	for (i = 0;
		i + MEMBER_MAGIC <= size && memcmp(p + i, "\x1f\x8b\x08\x04", MEMBER_MAGIC) != 0;
		i++)
		;
	expect(at == i || (i + MEMBER_MAGIC > size && at <= size && at + MEMBER_MAGIC > size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = calloc(1, size + 1);

	if (!copy)
		return 0;
	if (size)
		memcpy(copy, data, size);
	look(copy, size);
	put_sum_right(copy, size);
	look(copy, size);
	search(copy, size);
	free(copy);
	return 0;
}
