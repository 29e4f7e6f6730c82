/* home - where a virtual user lives. The name comes from a client: it must not become a path. */
#include "home.h"

#include <string.h>

static int add(char **to, size_t *left, const char *from, size_t n)
{
	if (n >= *left)
		return -1;
	memcpy(*to, from, n);
	*to += n;
	*left -= n;
	return 0;
}

static int add_part(char **to, size_t *left, const char *from, size_t n)
{
	if (n == 0 || from[0] == '.' || memchr(from, '/', n) != NULL)
		return -1;
	return add(to, left, from, n);
}

int pam_home_expand(const char *form, const char *user, char *out, size_t cap)
{
	size_t local = strcspn(user, "@"), all = strlen(user);
	const char *domain = user + local + (user[local] == '@');
	int bad = 0;

	for (; *form != '\0' && !bad; form++) {
		if (*form != '%') {
			bad = add(&out, &cap, form, 1);
			continue;
		}
		switch (*++form) {
		case 'u':
			bad = add_part(&out, &cap, user, all);
			break;
		case 'n':
			bad = add_part(&out, &cap, user, local);
			break;
		case 'd':
			bad = add_part(&out, &cap, domain, strlen(domain));
			break;
		case '%':
			bad = add(&out, &cap, form, 1);
			break;
		default:
			return -1;
		}
	}
	if (bad || cap == 0)
		return -1;
	*out = '\0';
	return 0;
}
