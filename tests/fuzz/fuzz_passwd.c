/* Lines of a users file, and the password fields in them: plugins/auth-passwd-file. Nothing that is
 * slow by intention runs: hashes of crypt(3) are checked, not computed. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../plugins/auth-passwd-file/line.h"
#include "../../plugins/auth-passwd-file/scheme.h"
#include "../../plugins/auth-passwd-file/scram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What line_parse() promises of an entry that it accepts. */
static void check_entry(const struct entry *e, const char *text, size_t n)
{
	const struct scheme *s;
	const char *value;

	if (strlen(e->user) == 0 || strlen(e->user) > 255 || e->user != text)
		abort();
	if (e->nattrs > LINE_MAX_ATTRS || e->attrs[2 * e->nattrs] || scheme_check(e->password))
		abort();
	for (size_t i = 0; i < 2 * e->nattrs; i++)
		if (e->attrs[i] < text || e->attrs[i] + strlen(e->attrs[i]) > text + n)
			abort();
	s = scheme_split(e->password, &value);
	if (scheme_locked(e->password) || !s)
		return;
	if (s->cost && s->cost(value) > strlen(value))
		abort();
	if (!s->cost)
		(void)scheme_verify(e->password, "password");
}

static void one_line(const char *line, size_t n)
{
	static struct entry e;
	char why[LINE_WHY_MAX] = "";
	char *text = malloc(n + 1);

	if (!text)
		abort();
	memcpy(text, line, n);
	if (line_is_blank(text, n)) {
		free(text);
		return;
	}
	if (line_parse(text, n, &e, why) == 0)
		check_entry(&e, text, n);
	else if (strstr(why, ": expected ") == NULL)
		abort();
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl ? nl : end) - p);

		one_line(p, n);
		p += n + 1;
	}
	return 0;
}
