/* sip.c - SipHash-2-4 with 128 bits. The authors' test vectors are in the unit test. */
#include "sip.h"

#include <string.h>

static uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static inline void rounds(uint64_t v[4], int n)
{
	for (; n > 0; n--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32) + v[3];
		v[2] += v[1];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[2] = rotate(v[2], 32);
	}
}

/* Little-endian on every machine; compilers make one load of it. */
static inline uint64_t word_at(const unsigned char *p)
{
	uint64_t word = 0;

	for (int i = 7; i >= 0; i--)
		word = word << 8 | p[i];
	return word;
}

static void put_word(uint8_t *p, uint64_t word)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(word >> 8 * i);
}

static inline void take(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	rounds(v, 2);
	v[0] ^= word;
}

void sip_start(struct sip *s, const uint64_t key[2])
{
	*s = (struct sip){.v = {
				  key[0] ^ UINT64_C(0x736f6d6570736575),
				  key[1] ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
				  key[0] ^ UINT64_C(0x6c7967656e657261),
				  key[1] ^ UINT64_C(0x7465646279746573),
			  }};
}

void sip_add(struct sip *s, const void *octets, size_t n)
{
	const unsigned char *p = octets, *end = p + n;
	uint64_t v[4];

	for (; s->len % 8 && p < end; p++) {
		s->part[s->len++ % 8] = *p;
		if (s->len % 8 == 0)
			take(s->v, word_at(s->part));
	}
	memcpy(v, s->v, sizeof(v)); /* in registers */
	for (; end - p >= 8; p += 8, s->len += 8)
		take(v, word_at(p));
	memcpy(s->v, v, sizeof(v));
	for (; p < end; p++)
		s->part[s->len++ % 8] = *p;
}

void sip_end(struct sip *s, uint8_t out[16])
{
	memset(s->part + s->len % 8, 0, 8 - s->len % 8);
	s->part[7] = (unsigned char)s->len;
	take(s->v, word_at(s->part));
	s->v[2] ^= 0xee;
	rounds(s->v, 4);
	put_word(out, s->v[0] ^ s->v[1] ^ s->v[2] ^ s->v[3]);
	s->v[1] ^= 0xdd;
	rounds(s->v, 4);
	put_word(out + 8, s->v[0] ^ s->v[1] ^ s->v[2] ^ s->v[3]);
}
