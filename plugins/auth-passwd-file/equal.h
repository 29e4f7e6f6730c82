/* Comparisons whose time tells nothing, and base64 (RFC 4648 section 4, padded). */
#ifndef PASSWD_EQUAL_H
#define PASSWD_EQUAL_H

#include <stdbool.h>
#include <stddef.h>

/* The time depends on n only. */
bool equal_octets(const void *a, const void *b, size_t n);

/* Compares strings; the time depends on the length of given, never on secret's content. */
bool equal_strings(const char *given, const char *secret, size_t secret_len);

/* Decodes n characters. The octets written, or -1: not base64, or more than size octets. */
int b64_decode(const char *in, size_t n, unsigned char *out, size_t size);

/* Encodes n octets with a NUL behind them. The characters written, or -1: size is too small. */
int b64_encode(const unsigned char *in, size_t n, char *out, size_t size);

#endif
