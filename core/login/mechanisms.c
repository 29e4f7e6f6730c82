/* mechanisms - what CAPA and AUTH offer is what would work on this connection now: it is asked of
 * the same function that AUTH itself asks. */
#define _GNU_SOURCE
#include "login/login.h"

#include <stdio.h>
#include <string.h>
#include "login/binding.h"

void mechanisms_read(struct settings *s, const struct conf *conf)
{
	s->nmechanisms = 0;
	for (size_t i = 0; i < conf_count(conf, "auth_mechanisms"); i++) {
		const char *name = conf_item(conf, "auth_mechanisms", i);
		enum mechanism id = mechanism_find(name, strlen(name));

		for (size_t j = 0; j < s->nmechanisms; j++)
			if (s->mechanisms[j] == id)
				id = MECHANISM_COUNT; /* named twice */
		if (id < MECHANISM_COUNT)
			s->mechanisms[s->nmechanisms++] = id;
	}
}

static bool offered(const struct settings *s, enum mechanism id)
{
	for (size_t i = 0; i < s->nmechanisms; i++)
		if (s->mechanisms[i] == id)
			return true;
	return false;
}

static bool in_the_clear(const struct client *c)
{
	switch (c->l->settings.plaintext) {
	case PLAINTEXT_ALWAYS:
		return true;
	case PLAINTEXT_LOOPBACK:
		return c->loopback;
	default:
		return false;
	}
}

static bool certified(const struct client *c)
{
	char user[256];

	return client_cert_user(c->stream.ssl, c->l->settings.client_name, user, sizeof(user)) > 0;
}

bool mechanism_allowed(const struct client *c, enum mechanism id, enum reply_id *why)
{
	enum reply_id reason = REPLY_COUNT;
	struct binding b;

	if (!offered(&c->l->settings, id))
		reason = REPLY_AUTH_MECHANISM;
	else if ((mechanisms[id].flags & MECHANISM_PLAINTEXT) != 0 && !client_encrypted(c) &&
		 !in_the_clear(c))
		reason = REPLY_TLS_FIRST;
	else if ((mechanisms[id].flags & MECHANISM_BINDING) != 0 && !binding_get(c->stream.ssl, &b))
		reason = client_encrypted(c) ? REPLY_AUTH_MECHANISM : REPLY_TLS_FIRST;
	else if ((mechanisms[id].flags & MECHANISM_CERTIFICATE) != 0 && !certified(c))
		reason = REPLY_AUTH_MECHANISM;
	if (why != NULL)
		*why = reason;
	return reason == REPLY_COUNT;
}

void mechanisms_list(const struct client *c, const char *separator, char *to, size_t cap)
{
	const struct settings *s = &c->l->settings;
	size_t n = 0;

	to[0] = '\0';
	for (size_t i = 0; i < s->nmechanisms; i++)
		if (mechanism_allowed(c, s->mechanisms[i], NULL) && n < cap)
			n += (size_t)snprintf(to + n, cap - n, "%s%s", n > 0 ? separator : "",
				mechanisms[s->mechanisms[i]].name);
}

void mechanism_facts(const struct client *c, enum mechanism id, struct msg *m)
{
	char user[256] = "";
	struct binding b = {.exporter_len = 0};

	if (mechanisms[id].what == VERIFY_SCRAM)
		(void)binding_get(c->stream.ssl, &b);
	if ((mechanisms[id].flags & MECHANISM_CERTIFICATE) != 0)
		(void)client_cert_user(
			c->stream.ssl, c->l->settings.client_name, user, sizeof(user));
	msg_put_bytes(m, b.exporter, b.exporter_len);
	msg_put_bytes(m, b.end_point, b.end_point_len);
	msg_put_str(m, user);
}
