#define _GNU_SOURCE
#include "base/wipe.h"

#include <string.h>

void wipe(void *p, size_t n)
{
	explicit_bzero(p, n);
}

int same_secret(const void *a, const void *b, size_t n)
{
	const volatile unsigned char *x = a, *y = b;
	unsigned char diff = 0;

	for (size_t i = 0; i < n; i++)
		diff |= (unsigned char)(x[i] ^ y[i]);
	return diff == 0;
}
