/* Base64 as clients send it: what is taken must be the one text that stands for its octets. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pop3/base64.h"
#include "pop3/sasl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool true_)
{
	if (!true_)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = {(const char *)data, size};
	size_t cap = BASE64_DECODED(size), len, room = SASL_CHALLENGE(size);
	unsigned char *out = malloc(cap + 1);
	char *again = malloc(room);

	if (sasl_response(text, out, cap, &len) == SASL_DATA) {
		check(len <= cap);
		check(base64_encode(out, len, again, room) == size);
		check(memcmp(again, data, size) == 0);
		check(sasl_initial(text, out, cap, &len) == SASL_DATA);
	} else {
		check(len == 0);
		check((sasl_initial(text, out, cap, &len) == SASL_DATA) ==
			(size == 1 && *data == '='));
	}
	free(out);

	/* And any octets go there and back. */
	check(sasl_challenge(data, size, again, room) == room);
	out = malloc(BASE64_DECODED(room - 4) + 1);
	check(base64_decode(again + 2, room - 4, out, BASE64_DECODED(room - 4), &len));
	check(len == size && memcmp(out, data, size) == 0);
	free(out);
	free(again);
	return 0;
}
