/* Counts what a message is on the wire: its octets and one more for each LF without a CR before it.
 *
 * Opening a mailbox for the first time goes over every octet in it here, so this runs at the speed
 * of the memory: each vector of octets is compared with the one that begins an octet earlier.
 */
#include "pop3/encode.h"

#include <string.h>

#include "pop3/vector.h"

typedef uint8_t vector __attribute__((vector_size(32)));

/* *state: 0 at the start of a line, else this and the last octet. */
enum { IN_LINE = 0x100 };

/* The octets of p[0..n) that are an LF and do not follow a CR; p[-1] is in memory. */
static inline __attribute__((always_inline)) size_t count_lf(const unsigned char *p, size_t n)
{
	size_t count = 0;

	while (n >= sizeof(vector)) {
		vector sum = {0};

		/* A lane of sum holds up to 255. */
		for (int i = 0; i < 255 && n >= sizeof(vector); i++) {
			vector here, before;

			memcpy(&here, p, sizeof(here));
			memcpy(&before, p - 1, sizeof(before));
			sum -= (vector)((here == '\n') & (before != '\r'));
			p += sizeof(vector);
			n -= sizeof(vector);
		}
		for (size_t i = 0; i < sizeof(vector); i++)
			count += sum[i];
	}
	for (; n > 0; n--, p++)
		count += p[0] == '\n' && p[-1] != '\r';
	return count;
}

#if VECTOR_LEVEL > 1
__attribute__((target("avx2"))) static size_t count_lf_avx2(const unsigned char *p, size_t n)
{
	return count_lf(p, n);
}
#endif

static size_t count_lf_any(const unsigned char *p, size_t n)
{
#if VECTOR_LEVEL > 1
	if (__builtin_cpu_supports("avx2"))
		return count_lf_avx2(p, n);
#endif
	return count_lf(p, n);
}

int64_t measure(const void *octets, size_t n, uint32_t *state)
{
	const unsigned char *p = octets;

	if (n == 0)
		return *state ? 2 : 0;

	size_t added = p[0] == '\n' && *state != (IN_LINE | '\r');

	added += count_lf_any(p + 1, n - 1);
	*state = p[n - 1] == '\n' ? 0 : IN_LINE | p[n - 1];
	return (int64_t)(n + added);
}
