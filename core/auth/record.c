/* record - an exchange that goes on after the user was found (SCRAM) keeps what was found: asked
 * again, another backend might answer. */
#include "auth/record.h"

#include <string.h>
#include "base/buf.h"

static size_t room(const char *s)
{
	return s != NULL ? strlen(s) + 1 : 0;
}

/* Copies s to *at and moves that on; NULL stays NULL. */
static const char *put(char **at, const char *s)
{
	char *to = *at;

	if (s == NULL)
		return NULL;
	memcpy(to, s, room(s));
	*at += room(s);
	return to;
}

struct restante_user *record_keep(const struct restante_user *u)
{
	size_t n = 0, octets = room(u->name) + room(u->home);
	struct restante_user *copy;
	const char **attrs;
	char *at;

	for (; u->attrs != NULL && u->attrs[n] != NULL; n++)
		octets += room(u->attrs[n]);
	copy = mem_alloc(1, sizeof(*copy) + (n + 1) * sizeof(*attrs) + octets);
	attrs = (const char **)(void *)(copy + 1);
	at = (char *)(attrs + n + 1);
	*copy = *u;
	copy->name = put(&at, u->name);
	copy->home = put(&at, u->home);
	for (size_t i = 0; i < n; i++)
		attrs[i] = put(&at, u->attrs[i]);
	copy->attrs = attrs;
	return copy;
}
