/* Secrets: forgetting them, comparing them. */
#ifndef BASE_WIPE_H
#define BASE_WIPE_H

#include <stddef.h>

/* Overwrites n octets; not optimised away. */
void wipe(void *p, size_t n);
/* 1 when n octets are the same, in a time that does not depend on where they differ. */
int same_secret(const void *a, const void *b, size_t n);

#endif
