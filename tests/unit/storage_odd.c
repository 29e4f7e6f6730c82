/* A storage that misbehaves while it is loaded or asked, as the environment says. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <restante/plugin.h>

static int is(const char *what)
{
	const char *odd = getenv("ODD");

	return odd != NULL && strcmp(odd, what) == 0;
}

__attribute__((constructor)) static void loaded(void)
{
	if (is("crash"))
		raise(SIGSEGV);
	if (is("hang"))
		pause();
	if (is("exit"))
		_exit(0);
	if (is("print"))
		(void)!write(STDOUT_FILENO, "noise\n", 6);
}

static int check(const struct restante_host *host)
{
	(void)host;
	if (is("check-crash"))
		raise(SIGSEGV);
	if (is("check-root"))
		return geteuid() == 0 ? RESTANTE_PERM : RESTANTE_OK;
	return is("check-refuse") ? RESTANTE_PERM : RESTANTE_OK;
}

static int open_it(const struct restante_host *host, const struct restante_user *user,
	uint32_t mode, void **st)
{
	(void)host, (void)user, (void)mode, (void)st;
	return RESTANTE_TEMP;
}

static void close_it(void *st)
{
	(void)st;
}

static int list(void *st, int (*each)(void *, const struct restante_message *), void *arg)
{
	(void)st, (void)each, (void)arg;
	return RESTANTE_OK;
}

static int body(void *st, uint64_t key, struct restante_body *out)
{
	(void)st, (void)key, (void)out;
	return RESTANTE_GONE;
}

static int forget(void *st, const uint64_t *keys, size_t n)
{
	(void)st, (void)keys, (void)n;
	return RESTANTE_OK;
}

static const struct restante_storage storage = {.size = sizeof(storage),
	.open = open_it,
	.close = close_it,
	.list = list,
	.body = body,
	.remove = forget};

RESTANTE_PLUGIN(storage_odd) = {.magic = RESTANTE_MAGIC,
	.size = sizeof(struct restante_plugin),
	.setting_size = sizeof(struct restante_setting),
	.name = "storage-odd",
	.version = "0",
	.doc = "misbehaves",
	.storage = &storage,
	.check = check};
