/* mech_gs2 - the header of RFC 5801 section 4, which says whether the client binds the exchange to
 * its TLS, and for whom it wants to act:
 *
 *	("n" / "y" / "p=" name) "," ["a=" saslname] "," */
#include "auth/mech.h"

#include <string.h>

int gs2_name(char *to, size_t max, const char *from, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		char c = from[i];

		if (c == ',' || c == '\0')
			return -1;
		if (c == '=') {
			if (n - i < 3 || from[i + 1] != (from[i + 2] == 'C' ? '2' : '3') ||
				(from[i + 2] != 'C' && from[i + 2] != 'D'))
				return -1;
			c = from[i + 2] == 'C' ? ',' : '=';
			i += 2;
		}
		if (len == max)
			return -1;
		to[len++] = c;
	}
	to[len] = '\0';
	return len > 0 ? 0 : -1;
}

/* RFC 5056 section 7: letters, digits, "." and "-". */
static int is_binding_name(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((p[i] < 'a' || p[i] > 'z') && (p[i] < 'A' || p[i] > 'Z') &&
			(p[i] < '0' || p[i] > '9') && p[i] != '.' && p[i] != '-')
			return 0;
	return n > 0;
}

int gs2_parse(struct gs2 *g, const char *in, size_t n)
{
	const char *end = in + n, *comma = memchr(in, ',', n), *last;
	size_t flag = comma != NULL ? (size_t)(comma - in) : 0;

	*g = (struct gs2){.binding = "", .flag = flag > 0 ? in[0] : '\0'};
	if (g->flag == 'p' && flag > 2 && in[1] == '=' && is_binding_name(in + 2, flag - 2)) {
		g->binding = in + 2;
		g->binding_len = flag - 2;
	} else if ((g->flag != 'n' && g->flag != 'y') || flag != 1) {
		return -1;
	}
	comma++;
	last = memchr(comma, ',', (size_t)(end - comma));
	if (last == NULL)
		return -1;
	g->len = (size_t)(last + 1 - in);
	if (last == comma)
		return 0;
	if (last - comma < 2 || memcmp(comma, "a=", 2) != 0)
		return -1;
	return gs2_name(g->authzid, MECH_USER_MAX, comma + 2, (size_t)(last - comma - 2));
}
