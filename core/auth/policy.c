/* policy - the switches of an auth record, one row each. A value that is not well-formed refuses
 * too: the administrator wanted something to be forbidden. */
#include "auth/policy.h"

#include "base/net.h"

static int is_closed(const char *value, const struct policy_client *c)
{
	(void)c;
	return value[0] != '\0';
}

static int is_elsewhere(const char *value, const struct policy_client *c)
{
	return value[0] != '\0' && !net_list_holds(value, c->ip);
}

static const struct {
	const char *setting;
	int (*refuses)(const char *value, const struct policy_client *);
} rows[] = {
	{"nologin", is_closed},
	{"allow_nets", is_elsewhere},
};

int policy_check(const struct conf *conf, const struct restante_user *user,
	const struct policy_client *client, const char **why, const char **note)
{
	*note = NULL;
	*why = "record";
	if (conf_user_check_core(conf, user) != RESTANTE_OK)
		return RESTANTE_PERM;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *value = conf_user_str(conf, user, rows[i].setting);

		*why = rows[i].setting;
		*note = value;
		if (rows[i].refuses(value, client))
			return RESTANTE_DENY;
	}
	*note = NULL;
	*why = "require_tls";
	if (conf_user_num(conf, user, *why) != 0 && !client->tls)
		return RESTANTE_DENY;
	*why = NULL;
	return RESTANTE_OK;
}
