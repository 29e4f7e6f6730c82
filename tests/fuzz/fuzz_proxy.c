/* The header of the PROXY protocol: what it is does not depend on the pieces in which it comes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "login/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy whole, part;
	size_t used, ignored;
	const char *why;
	enum proxy_result r = proxy_parse(data, size, &whole, &used, &why);

	if ((r == PROXY_BAD) != (why != NULL) || used > size || used > PROXY_MAX)
		abort();
	if (r == PROXY_MORE && size >= PROXY_MAX)
		abort();
	for (size_t i = 0; r == PROXY_OK && i <= used; i++) {
		/* a copy, so that a sanitizer sees the end of the piece */
		uint8_t *piece = malloc(i + 1);

		memcpy(piece, data, i);
		if (proxy_parse(piece, i, &part, &ignored, &why) !=
			(i < used ? PROXY_MORE : PROXY_OK))
			abort();
		free(piece);
	}
	if (r == PROXY_OK && memchr(whole.version, '\0', sizeof(whole.version)) == NULL)
		abort();
	return 0;
}
