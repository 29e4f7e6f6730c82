/* lines.c - the one pass over all octets of an mbox.
 *
 * A block of octets is compared with the block that begins an octet earlier: what follows a line
 * end, and which line ends have no CR. Lines of interest are rare, so a block that has one
 * is searched octet by octet. */
#include "lines.h"

#include <stdbool.h>
#include <string.h>

static inline bool begins(const unsigned char *p)
{
	return p[-1] == '\n' && (*p == 'F' || *p == '>' || *p == '.');
}

static inline const unsigned char *by_octet(
	const unsigned char *p, const unsigned char *end, uint64_t *bare)
{
	for (; p < end && !begins(p); p++)
		*bare += *p == '\n' && p[-1] != '\r';
	return p;
}

#if LINES_LEVEL > 0

typedef uint8_t vector __attribute__((vector_size(32)));

enum { VECTORS = 4, BLOCK = VECTORS * sizeof(vector), ROUNDS = 255 / VECTORS };

static inline __attribute__((always_inline)) bool any(const vector *v)
{
	uint64_t word[sizeof(*v) / sizeof(uint64_t)];

	memcpy(word, v, sizeof(*v));
	return (word[0] | word[1] | word[2] | word[3]) != 0;
}

/* Goes on as long as blocks are without a line of interest. */
static inline __attribute__((always_inline)) const unsigned char *by_block(
	const unsigned char *p, const unsigned char *end, uint64_t *bare)
{
	bool found = false;

	while (!found && (size_t)(end - p) >= BLOCK) {
		vector sum = {0}; /* a lane holds up to 255 */

		for (int round = 0; round < ROUNDS && (size_t)(end - p) >= BLOCK; round++) {
			vector count = {0}, hit = {0};

			for (int i = 0; i < VECTORS; i++) {
				vector here, before;

				memcpy(&here, p + i * (int)sizeof(vector), sizeof(here));
				memcpy(&before, p + i * (int)sizeof(vector) - 1, sizeof(before));
				count -= (vector)((here == '\n') & (before != '\r'));
				hit |= (vector)((before == '\n') &
						((here == 'F') | (here == '>') | (here == '.')));
			}
			found = any(&hit);
			if (found)
				break;
			sum += count;
			p += BLOCK;
		}
		for (size_t i = 0; i < sizeof(sum); i++)
			*bare += sum[i];
	}
	return p;
}

static const unsigned char *blocks(const unsigned char *p, const unsigned char *end, uint64_t *bare)
{
	return by_block(p, end, bare);
}

#if LINES_LEVEL > 1
__attribute__((target("avx2"))) static const unsigned char *blocks_avx2(
	const unsigned char *p, const unsigned char *end, uint64_t *bare)
{
	return by_block(p, end, bare);
}
#endif

#endif

const unsigned char *lines_next(const unsigned char *p, const unsigned char *end, uint64_t *bare)
{
#if LINES_LEVEL > 1
	if (__builtin_cpu_supports("avx2"))
		return by_octet(blocks_avx2(p, end, bare), end, bare);
#endif
#if LINES_LEVEL > 0
	p = blocks(p, end, bare);
#endif
	return by_octet(p, end, bare);
}
