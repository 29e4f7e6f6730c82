/* The mechanisms, fed with responses: the first octet chooses one, each later response ends with
 * 0xff; a leading 0xfe stands for a missing initial response. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/mech.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A response in a block of its own size, so that a sanitizer sees one octet too far. */
static enum mech_result step(struct exchange *x, const uint8_t *p, size_t n)
{
	char *in = malloc(n > 0 ? n : 1);
	enum mech_result result;

	if (in == NULL)
		abort();
	memcpy(in, p, n);
	result = x->mech->step(x, n > 0 && p[0] == 0xfe ? NULL : in, n);
	free(in);
	return result;
}

static void check(const struct exchange *x, enum mech_result result)
{
	size_t user = strnlen(x->user, sizeof(x->user)),
	       secret = strnlen(x->secret, sizeof(x->secret));

	if (user > MECH_USER_MAX || secret > MECH_SECRET_MAX)
		abort();
	if (result == MECH_ASK && (user == 0 || secret == 0))
		abort();
	if (result == MECH_BAD && x->why == NULL)
		abort();
	if (result == MECH_GOOD) /* none is before a worker was asked */
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"PLAIN", "LOGIN", "APOP"};
	const uint8_t *end = data + size;
	struct exchange x;

	if (size == 0)
		return 0;
	mech_begin(&x, mech_find(names[*data++ % 3]), "<1@example.org>");
	for (int round = 0; round < 4; round++) {
		const uint8_t *stop = data < end ? memchr(data, 0xff, (size_t)(end - data)) : NULL;
		size_t n = (size_t)((stop != NULL ? stop : end) - data);
		enum mech_result result = step(&x, data, n);

		check(&x, result);
		if (result == MECH_ASK && x.mech->answer != NULL)
			(void)x.mech->answer(&x, (const unsigned char *)"secret", 6);
		if (result != MECH_CONTINUE || stop == NULL)
			break;
		x.round++;
		data = stop + 1;
	}
	return 0;
}
