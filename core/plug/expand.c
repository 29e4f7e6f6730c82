/* expand - a user's own path from the configured one.
 *
 * The user's name comes from a client. It becomes part of a file's name here, so whatever could
 * turn it into more than one component of a path, or into a hidden one, is refused. */
#include "plug/expand.h"

#include <limits.h>
#include <string.h>

static int put_part(struct buf *out, const char *part, size_t n, char which, struct buf *why)
{
	if (n == 0)
		buf_printf(why, "%%%c is empty", which);
	else if (part[0] == '.')
		buf_printf(why, "%%%c begins with a dot", which);
	else if (memchr(part, '/', n) != NULL)
		buf_printf(why, "%%%c has a slash in it", which);
	else {
		buf_add(out, part, n);
		return 0;
	}
	return -1;
}

static int has_dots(const char *path)
{
	for (const char *p = path; p != NULL; p = strchr(p, '/')) {
		p += *p == '/';
		if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
			return 1;
	}
	return 0;
}

static int put_home(struct buf *out, const char *home, struct buf *why)
{
	if (home == NULL || home[0] != '/' || has_dots(home)) {
		buf_printf(why, "the user's home is not an absolute path");
		return -1;
	}
	buf_add(out, home, strlen(home));
	return 0;
}

static int put(struct buf *out, char which, const struct restante_user *user, struct buf *why)
{
	const char *name = user->name, *at = strchr(name, '@');
	size_t local = at != NULL ? (size_t)(at - name) : strlen(name);

	switch (which) {
	case 'u':
		return put_part(out, name, strlen(name), 'u', why);
	case 'n':
		return put_part(out, name, local, 'n', why);
	case 'd':
		return put_part(
			out, at != NULL ? at + 1 : "", at != NULL ? strlen(at + 1) : 0, 'd', why);
	case 'h':
		return put_home(out, user->home, why);
	default:
		buf_add(out, "%", 1);
		return 0;
	}
}

int expand_path(
	const char *text, const struct restante_user *user, struct buf *out, struct buf *why)
{
	size_t start = out->len;

	if (text[0] == '~') {
		if (put_home(out, user->home, why) == -1)
			return -1;
		text++;
	}
	while (*text != '\0') {
		size_t n = strcspn(text, "%");

		buf_add(out, text, n);
		text += n;
		if (*text == '\0')
			break;
		if (put(out, text[1], user, why) == -1)
			return -1;
		text += text[1] != '\0' ? 2 : 1;
	}
	if (out->len - start >= PATH_MAX) {
		buf_printf(why, "the path is too long");
		return -1;
	}
	return 0;
}
