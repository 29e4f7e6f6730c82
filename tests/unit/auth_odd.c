/* auth-odd: an auth plugin that does, user by user, what a plugin should not do. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <restante/plugin.h>

static int odd_open(const struct restante_host *host, void **au)
{
	*au = host->alloc(host->c, 1);
	return RESTANTE_OK;
}

static void odd_close(void *au)
{
	(void)au;
}

static int hang(void)
{
	while (pause() == -1)
		;
	return RESTANTE_OK;
}

static int crash(void)
{
	abort();
}

static void sleep_a_little(void)
{
	const struct timespec t = {0, 300000000};

	nanosleep(&t, NULL);
}

static int slow(void)
{
	sleep_a_little();
	return RESTANTE_OK;
}

static int tardy(void)
{
	sleep_a_little();
	return RESTANTE_DENY;
}

/* Longer than a step of the core's (refuse.c), shorter than auth_timeout. */
static int late(void)
{
	sleep_a_little();
	sleep_a_little();
	sleep_a_little();
	return RESTANTE_DENY;
}

static int ok(void)
{
	return RESTANTE_OK;
}

static int temp(void)
{
	return RESTANTE_TEMP;
}

static int perm(void)
{
	return RESTANTE_PERM;
}

static int nonsense(void)
{
	return 42;
}

/* The ids are the server's own: without root it serves nobody else. */
static uint32_t own(void)
{
	return (uint32_t)getuid();
}

static uint32_t lower(void)
{
	return own() - 1;
}

static uint32_t root(void)
{
	return 0;
}

static const struct {
	const char *user;
	uint32_t (*uid)(void);
	int (*act)(void);
} users[] = {
	{"hang", own, hang},
	{"crash", own, crash},
	{"slow", own, slow},
	{"tardy", own, tardy},
	{"late", own, late},
	{"ok", own, ok},
	{"root", root, ok},
	{"low", lower, ok},
	{"temp", own, temp},
	{"perm", own, perm},
	{"nonsense", own, nonsense},
};

static int odd_verify(void *au, const struct restante_request *req, const char *password,
	struct restante_user *out)
{
	(void)au;
	(void)password;
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
		if (strcmp(req->user, users[i].user) == 0) {
			out->uid = users[i].uid();
			out->gid = 5000;
			return users[i].act();
		}
	return RESTANTE_NONE;
}

static const struct restante_auth auth = {
	.size = sizeof(auth),
	.open = odd_open,
	.close = odd_close,
	.verify = odd_verify,
};

RESTANTE_PLUGIN(auth_odd) = {
	.magic = RESTANTE_MAGIC,
	.size = sizeof(struct restante_plugin),
	.setting_size = sizeof(struct restante_setting),
	.name = "auth-odd",
	.version = "1",
	.doc = "for the tests",
	.auth = &auth,
};
