/* user - what a login would get. */
#include <stdio.h>
#include <stdlib.h>
#include "ctl/ctl.h"
#include "plug/host.h"

static void print_settings(const struct host *h)
{
	const struct conf_plugin *p = h->plug->conf;

	for (size_t i = 0; i < p->nsettings; i++)
		printf("%s.%s = %s\n", p->name, p->settings[i].name,
			p->settings[i].type == RESTANTE_SECRET ? "(secret)" : host_value(h, i));
}

static int print_storage(const struct conf *c, const struct restante_user *u)
{
	const struct plug plug = {.conf = conf_user_storage(c, u)};
	struct host host;

	printf("storage = %s\n", conf_user_str(c, u, "storage"));
	if (plug.conf == NULL || host_open(&host, &plug, u) != RESTANTE_OK)
		return -1;
	print_settings(&host);
	host_close(&host);
	return 0;
}

struct record *ctl_record(const struct ctl *ctl, const char *user, struct conf **conf)
{
	struct record *r = mem_alloc(1, sizeof(*r));
	struct conf *c = *conf = tool_conf(ctl->file, false);

	if (c != NULL && record_find(c, "pop3", user, NULL, NULL, r) == 0) {
		if (r->result == RESTANTE_OK)
			return r;
		if (r->result == RESTANTE_NONE)
			complain("%s: no auth plugin knows this user", user);
		else
			complain("%s: %s: %s", user, r->plugin, record_text(r->result));
	}
	free(r);
	return NULL;
}

int ctl_user(const struct ctl *ctl, int argc, char **argv)
{
	struct buf why = {0};
	struct record *r;
	struct conf *c;

	if (argc != 1)
		return USAGE;
	r = ctl_record(ctl, argv[0], &c);
	if (r == NULL)
		return EXIT_FAILURE;
	printf("user = %s\nuid = %u\ngid = %u\nhome = %s\nauth = %s\n", r->user.name, r->user.uid,
		r->user.gid, r->user.home, r->plugin);
	if (record_check(c, &r->user, &why) == -1)
		return complain("%s: a login would be refused: %s", argv[0], why.p);
	if (print_storage(c, &r->user) == -1)
		return complain("%s: a login would be refused", argv[0]);
	return EXIT_SUCCESS;
}
