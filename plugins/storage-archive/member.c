/* member.c - the header of a member. A check sum that fits is not trusted with memory: lengths that
 * cannot be true of one member are refused. */
#include <string.h>
#include <zlib.h>

#include "member.h"

enum {
	VERSION_1 = 1,
	AT_TIME = 4,
	AT_XLEN = 10,
	AT_LEN = 14,
	AT_VERSION = 16,
	AT_TAIL = 18,
	AT_UID_LEN = 19,
	AT_SUM = 20,
	AT_MEMBER = 24,
	AT_OCTETS = 32,
	AT_PLAIN = 40,
	AT_RECEIVED = 48,
	AT_FROM = 56,
	AT_FLAGS = 58,
	DEFLATE_MIN = 2 /* octets of an empty deflate stream */
};

static const uint8_t magic[MEMBER_MAGIC] = {0x1f, 0x8b, 8, 4};
static const uint64_t too_long = UINT64_C(1) << 56;

static void put_number(uint8_t *out, size_t octets, uint64_t n)
{
	for (; octets--; n >>= 8)
		*out++ = (uint8_t)n;
}

static uint64_t number(const uint8_t *p, size_t octets)
{
	uint64_t n = 0;

	while (octets--)
		n = n << 8 | p[octets];
	return n;
}

/* Of a header, without what is no part of the sum. */
static uint32_t sum(const uint8_t *head, size_t len)
{
	uint8_t copy[MEMBER_HEAD];

	memcpy(copy, head, len);
	copy[MEMBER_STATE] = 0;
	memset(copy + AT_SUM, 0, 4);
	return (uint32_t)crc32(0, copy, (uInt)len);
}

size_t archive_member_write(struct member *m, uint8_t out[MEMBER_HEAD])
{
	size_t len = MEMBER_FIXED + (size_t)m->uid_len;
	bool fits = m->received >= 0 && m->received <= UINT32_MAX;

	memset(out, 0, MEMBER_FIXED);
	memcpy(out, magic, sizeof(magic));
	put_number(out + AT_TIME, 4, fits ? (uint64_t)m->received : 0);
	out[9] = 0xff; /* no system in particular */
	put_number(out + AT_XLEN, 2, len - 12);
	out[12] = 'R';
	out[13] = 'A';
	put_number(out + AT_LEN, 2, len - 16);
	out[AT_VERSION] = VERSION_1;
	out[AT_TAIL] = m->tail;
	out[AT_UID_LEN] = m->uid_len;
	put_number(out + AT_MEMBER, 8, m->len);
	put_number(out + AT_OCTETS, 8, m->octets);
	put_number(out + AT_PLAIN, 8, m->plain);
	put_number(out + AT_RECEIVED, 8, (uint64_t)m->received);
	put_number(out + AT_FROM, 2, m->from_len);
	put_number(out + AT_FLAGS, 2, m->flags);
	memcpy(out + MEMBER_FIXED, m->uid, m->uid_len);
	put_number(out + AT_SUM, 4, sum(out, len));
	out[MEMBER_STATE] = m->state;
	m->head_len = (uint16_t)len;
	return len;
}

bool archive_uid_legal(const char *uid, size_t len)
{
	if (len < 1 || len > UID_LEN)
		return false;
	for (size_t i = 0; i < len; i++)
		if (uid[i] < 0x21 || uid[i] > 0x7e)
			return false;
	return true;
}

static bool sound(const struct member *m)
{
	return m->len < too_long && m->plain < too_long && m->octets < too_long &&
	       m->len >= (uint64_t)m->head_len + DEFLATE_MIN + MEMBER_TRAILER &&
	       m->plain >= (uint64_t)m->from_len + m->tail && archive_uid_legal(m->uid, m->uid_len);
}

size_t archive_member_parse(const void *p, size_t n, struct member *m)
{
	const uint8_t *at = p;
	size_t len;

	if (n < MEMBER_FIXED || memcmp(at, magic, sizeof(magic)) != 0 || at[12] != 'R' ||
		at[13] != 'A' || at[AT_VERSION] != VERSION_1 || at[AT_UID_LEN] > UID_LEN)
		return 0;
	len = MEMBER_FIXED + (size_t)at[AT_UID_LEN];
	if (n < len || number(at + AT_XLEN, 2) != len - 12 || number(at + AT_LEN, 2) != len - 16 ||
		number(at + AT_SUM, 4) != sum(at, len))
		return 0;
	*m = (struct member){
		.len = number(at + AT_MEMBER, 8),
		.octets = number(at + AT_OCTETS, 8),
		.plain = number(at + AT_PLAIN, 8),
		.received = (int64_t)number(at + AT_RECEIVED, 8),
		.from_len = (uint16_t)number(at + AT_FROM, 2),
		.flags = (uint16_t)number(at + AT_FLAGS, 2),
		.head_len = (uint16_t)len,
		.state = at[MEMBER_STATE],
		.tail = at[AT_TAIL],
		.uid_len = at[AT_UID_LEN],
	};
	memcpy(m->uid, at + MEMBER_FIXED, m->uid_len);
	return sound(m) ? len : 0;
}

size_t archive_member_search(const void *p, size_t n)
{
	const uint8_t *at = p, *end = at + n;

	while ((size_t)(end - at) >= MEMBER_MAGIC) {
		at = memchr(at, magic[0], (size_t)(end - at) - MEMBER_MAGIC + 1);
		if (!at)
			return n - MEMBER_MAGIC + 1;
		if (memcmp(at, magic, sizeof(magic)) == 0)
			return (size_t)(at - (const uint8_t *)p);
		at++;
	}
	return (size_t)(at - (const uint8_t *)p);
}
