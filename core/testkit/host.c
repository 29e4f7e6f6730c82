/* host - the core that a plugin sees in a case: the server's own (plug/host.h) behind calls that
 * write down what the plugin logs and, in the cases that are about that, which rule it breaks. */
#include "testkit/kit.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

static void breach(const struct kit_host *h, const char *what, const char *which)
{
	if (h->kit->strict)
		fail("%s: %s", what, which);
}

__attribute__((format(printf, 3, 4))) static void kit_log(
	void *c, int priority, const char *fmt, ...)
{
	struct kit_host *h = c;
	va_list ap;

	h->lines++;
	h->errors += priority <= LOG_ERR;
	if (priority < LOG_EMERG || priority > LOG_DEBUG)
		breach(h, "log: a priority that is none of syslog's", fmt);
	printf("log <%d> ", priority);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

/* What kind of question a setting is for. */
static void asked(const struct kit_host *h, const char *setting, bool number, bool list)
{
	const struct conf_setting *s = NULL;

	for (size_t i = 0; s == NULL && i < h->kit->conf.nsettings; i++)
		if (strcmp(h->kit->settings[i].name, setting) == 0)
			s = &h->kit->settings[i];
	if (s == NULL)
		breach(h, "it asks for a setting that is not in its table", setting);
	else if (number && (s->type == RESTANTE_STRING || s->type == RESTANTE_PATH ||
				   s->type == RESTANTE_SECRET))
		breach(h, "num: a setting that is a text", setting);
	else if (list && (s->flags & RESTANTE_LIST) == 0)
		breach(h, "list: a setting that is none", setting);
}

static const char *kit_str(void *c, const char *setting)
{
	struct kit_host *h = c;

	asked(h, setting, false, false);
	return h->inner.api.str(h->inner.api.c, setting);
}

static int64_t kit_num(void *c, const char *setting)
{
	struct kit_host *h = c;

	asked(h, setting, true, false);
	return h->inner.api.num(h->inner.api.c, setting);
}

static const char *const *kit_list(void *c, const char *setting)
{
	struct kit_host *h = c;

	asked(h, setting, false, true);
	return h->inner.api.list(h->inner.api.c, setting);
}

static void *kit_alloc(void *c, size_t n)
{
	struct kit_host *h = c;

	return h->inner.api.alloc(h->inner.api.c, n);
}

static int64_t kit_left_ms(void *c)
{
	struct kit_host *h = c;

	return h->inner.api.left_ms(h->inner.api.c);
}

static int64_t kit_measure(void *c, const void *p, size_t n, uint32_t *state)
{
	struct kit_host *h = c;

	return h->inner.api.measure(h->inner.api.c, p, n, state);
}

static const void *kit_ext(void *c, const char *id)
{
	struct kit_host *h = c;

	return h->inner.api.ext(h->inner.api.c, id);
}

/* What the sandbox does for a FOLDER. */
static int make_folder(void *arg, const char *path, uint32_t flags)
{
	char part[512];

	(void)arg;
	if ((flags & RESTANTE_FOLDER) == 0 || strlen(path) >= sizeof(part) ||
		access(path, F_OK) == 0)
		return 0;
	memcpy(part, path, strlen(path) + 1);
	for (char *p = part + 1; *p != '\0'; p++)
		if (*p == '/') {
			*p = '\0';
			(void)mkdir(part, 0700);
			*p = '/';
		}
	if (mkdir(part, 0700) == -1 && errno != EEXIST)
		skip("cannot make the folder %s: %s", path, strerror(errno));
	return 0;
}

void kit_host_open(struct kit_host *h, const struct kit *k, const struct restante_user *user)
{
	*h = (struct kit_host){.kit = k};
	if (host_open(&h->inner, &k->plug, user) != RESTANTE_OK)
		skip("these settings do not work for this user");
	h->api = (struct restante_host){.size = sizeof(h->api),
		.minor = RESTANTE_MINOR,
		.c = h,
		.log = kit_log,
		.str = kit_str,
		.num = kit_num,
		.alloc = kit_alloc,
		.left_ms = kit_left_ms,
		.measure = kit_measure,
		.ext = kit_ext,
		.list = kit_list};
	host_deadline(&h->inner, (k->ms != 0 ? k->ms : KIT_MS) * k->opt->factor);
	if (user != NULL)
		(void)host_paths(&h->inner, make_folder, NULL);
}

void kit_host_close(struct kit_host *h)
{
	host_close(&h->inner);
}
