/* names.c - what the name of a message's file says.
 *
 * Everything here must give the same answer for ever: clients remember messages by what name_uid
 * returns, and its hash is FNV-1a for that reason: short, published, and good enough for names that
 * a delivery agent of this site makes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "names.h"

size_t name_base(const char *name, size_t len)
{
	size_t i = 0;

	while (i < len && name[i] != ',' && name[i] != ':')
		i++;
	return i;
}

size_t name_hints(const char *rest, size_t len)
{
	const char *colon = memchr(rest, ':', len);

	return colon ? (size_t)(colon - rest) : len;
}

/* Reads a decimal number at *p and moves *p behind it, or behind 18 digits of a longer one, which
 * no caller takes then; -1 = none there. */
static int64_t number(const char **p, const char *end)
{
	const char *start = *p;
	int64_t n = 0;

	while (*p < end && **p >= '0' && **p <= '9' && *p - start < 18)
		n = n * 10 + (*(*p)++ - '0');
	return *p == start ? -1 : n;
}

int64_t name_seconds(const char *base, size_t len)
{
	const char *p = base, *end = base + len;
	int64_t n = number(&p, end);
	bool alone = p == end || *p == '.' || *p == '_';

	return alone && n > 0 && n <= TIME_LAST ? n : 0;
}

bool name_sizes(const char *hints, size_t len, uint64_t *stored, uint64_t *wire)
{
	const char *p = hints, *end = hints + len;
	int64_t s = -1, w = -1;

	while (p < end) {
		char key = end - p > 3 && p[0] == ',' && p[2] == '=' ? p[1] : '\0';
		int64_t *value = key == 'S' ? &s : key == 'W' ? &w : NULL;

		p++;
		if (!value)
			continue;
		p += 2;
		*value = number(&p, end);
		if (p < end && *p != ',')
			return false;
	}
	if (s < 0 || w < s || w > 2 * s)
		return false;
	*stored = (uint64_t)s;
	*wire = (uint64_t)w;
	return true;
}

static uint64_t fnv1a(uint64_t h, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)p[i]) * UINT64_C(0x100000001b3);
	return h;
}

static bool legal(const char *uid, size_t len)
{
	if (len < 1 || len > UID_LEN)
		return false;
	for (size_t i = 0; i < len; i++)
		if (uid[i] < 0x21 || uid[i] > 0x7e)
			return false;
	return true;
}

bool name_uid(const char *base, size_t len, const char *salt, char uid[UID_LEN + 1])
{
	/* FNV's offset basis, and the same without its lowest bit for the other half. */
	static const uint64_t basis[2] = {
		UINT64_C(0xcbf29ce484222325), UINT64_C(0xcbf29ce484222324)};
	uint64_t half[2];

	if (!salt && legal(base, len) && base[0] != '~')
		return false;
	for (int i = 0; i < 2; i++) {
		half[i] = fnv1a(basis[i], base, len);
		if (salt) /* '/' is in no file name: no base says the same as a base with a salt */
			half[i] = fnv1a(fnv1a(half[i], "/", 1), salt, strlen(salt));
	}
	snprintf(uid, UID_LEN + 1, "~%016" PRIx64 "%016" PRIx64, half[0], half[1]);
	return true;
}

/* What a name cannot hold, or what would end the hint; and the letters for them. */
static const char special[] = "/,:%", letters[] = "scdp";
static const char hint_key[] = ",UIDL=";
enum { KEY_LEN = sizeof(hint_key) - 1 };

bool name_keep(const char *uid, char hint[KEEP_LEN + 1])
{
	char *to = hint + KEY_LEN;

	if (!legal(uid, strnlen(uid, UID_LEN + 1)))
		return false;
	memcpy(hint, hint_key, KEY_LEN);
	for (; *uid; uid++) {
		const char *s = strchr(special, *uid);

		if (s)
			*to++ = '%';
		*to++ = s ? letters[s - special] : *uid;
	}
	*to = '\0';
	return true;
}

bool name_kept(const char *hints, size_t len, char uid[UID_LEN + 1])
{
	const char *p = hints, *end = hints + len, *letter;
	size_t n = 0;

	while (p < end && ((size_t)(end - p) < KEY_LEN || memcmp(p, hint_key, KEY_LEN) != 0))
		p++;
	if (p == end)
		return false;
	for (p += KEY_LEN; p < end && *p != ','; p++) {
		if (n == UID_LEN)
			return false;
		uid[n] = *p;
		if (*p == '%') {
			letter = ++p < end ? memchr(letters, *p, sizeof(letters) - 1) : NULL;
			if (!letter)
				return false;
			uid[n] = special[letter - letters];
		}
		n++;
	}
	uid[n] = '\0';
	return legal(uid, n);
}

int name_order(int64_t a_seconds, const char *a, size_t a_len, int64_t b_seconds, const char *b,
	size_t b_len)
{
	int order;

	if (a_seconds != b_seconds)
		return a_seconds < b_seconds ? -1 : 1;
	order = memcmp(a, b, a_len < b_len ? a_len : b_len);
	return order ? order : (a_len > b_len) - (a_len < b_len);
}
