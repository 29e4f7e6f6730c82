/* The mechanisms, fed with responses: the first octet chooses one, each later response ends with
 * 0xff; a leading 0xfe stands for a missing initial response, a leading 0xfd for a user that no
 * worker knows. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <restante/plugin.h>
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
	result = mech_step(x, n > 0 && p[0] == 0xfe ? NULL : in, n);
	free(in);
	return result;
}

static void check(const struct exchange *x, enum mech_result result, int asked)
{
	size_t user = strnlen(x->user, sizeof(x->user));

	if (user > MECH_USER_MAX || (x->secret != NULL && strlen(x->secret) > MECH_TOKEN_MAX))
		abort();
	if (result == MECH_ASK && user == 0 && x->what != VERIFY_TOKEN)
		abort();
	if (result == MECH_ASK && x->secret == NULL && x->what != VERIFY_LOOKUP)
		abort();
	if (result == MECH_BAD && x->why == NULL)
		abort();
	if (result == MECH_GOOD && !asked)
		abort();
}

/* The user of RFC 7677, or a shared secret. */
static enum mech_result answer(struct exchange *x, int known)
{
	static const unsigned char keys[] = "\0\x10\0\0\x10\0\0\0\x20\0\0\0"
					    "\x5b\x6d\x99\x68\x9d\x12\x35\x8e"
					    "\xec\xa0\x4b\x14\x12\x36\xfa\x81"
					    "\x58\x6e\x5d\xf2\x83\xe6\xdc\xeb"
					    "\x5c\x3e\x79\x1d\x8b\x85\x28\xec"
					    "\x19\x1e\x66\x40\x45\xce\x97\x17"
					    "\x92\xe2\xe6\xb5\xbb\x13\xe2\xa6"
					    "\xc1\xf3\xcb\xc1\xc1\x3a\x9d\x35"
					    "\xa1\x4c\x09\x90\xee\xd9\x76\x29"
					    "\xea\x22\x58\x63\xe5\x66\xa4\x31"
					    "\x4a\xb9\x9f\x3f\x00\xe5\xd9\xd5";
	int scram = x->what == VERIFY_SCRAM;

	mech_asked(x);
	return mech_answer(x, known ? RESTANTE_OK : RESTANTE_NONE,
		scram ? keys : (const unsigned char *)"secret", scram ? sizeof(keys) - 1 : 6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"PLAIN", "LOGIN", "APOP", "SCRAM-SHA-256",
		"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1", "EXTERNAL", "OAUTHBEARER", "XOAUTH2"};
	const struct mech_client client = {.banner = "<1@example.org>",
		.certificate = "ann",
		.exporter_len = MECH_EXPORTER_LEN,
		.end_point_len = 32};
	struct mech_mask mask = {.iterations = 0};
	const uint8_t *end = data + size;
	int asked = 0, known;
	struct exchange x;

	if (size < 2)
		return 0;
	mech_begin(&x, mech_find(names[*data++ % 9]), &client, &mask);
	x.nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
	known = *data != 0xfd;
	data += !known;
	for (int round = 0; round < 5; round++) {
		const uint8_t *stop = data < end ? memchr(data, 0xff, (size_t)(end - data)) : NULL;
		size_t n = (size_t)((stop != NULL ? stop : end) - data);
		enum mech_result result = step(&x, data, n);

		check(&x, result, asked && known);
		if (result == MECH_ASK) {
			asked = 1;
			result = answer(&x, known);
		}
		if (result != MECH_CONTINUE || stop == NULL)
			break;
		x.round++;
		data = stop + 1;
	}
	mech_forget(&x);
	return 0;
}
