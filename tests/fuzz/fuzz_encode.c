/* The encoder, cut into pieces as the input says, against the plain reference.
 *
 * The first octet: 255 is RETR, else the lines of TOP. The second: the largest piece, the third:
 * the most room. The rest is the message. */
#include <stdint.h>
#include <stdlib.h>

#include "../unit/encode_reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t seed = 88172645463325252u;

	if (size < 3)
		return 0;

	const uint8_t *in = data + 3;
	size_t n = size - 3;
	int64_t top = data[0] == 255 ? WHOLE : data[0];

	if (!as_reference(in, n, top, &seed, data[1], data[2]))
		abort();

	struct encoded whole = reference(in, n, WHOLE);
	if (measured(in, n, &seed, data[1]) != whole.octets)
		abort();
	free(whole.p);
	return 0;
}
