/* mailbox list - the messages in a mailbox, seen with the rights that a session has. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "ctl/ctl.h"
#include "plug/become.h"
#include "plug/host.h"

static int become(const struct restante_user *u, const struct host *host)
{
	struct buf why = {0};

	tzset(); /* reads a file */
	if (geteuid() != 0 && geteuid() != u->uid)
		return complain(
			"%s: only root and uid %u may look into this mailbox", u->name, u->uid);
	if (become_owner(u, host, geteuid() == 0, &why) == -1)
		return complain("%s: %s", u->name, why.p);
	return 0;
}

static int print_message(void *arg, const struct restante_message *m)
{
	char date[32] = "-";
	time_t when = (time_t)m->received;
	struct tm tm;

	if (when != 0 && localtime_r(&when, &tm) != NULL)
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	printf("%6zu %10llu %-19s %s\n", ++*(size_t *)arg, (unsigned long long)m->octets, date,
		m->uid);
	return 0;
}

static const char *result_text(int result)
{
	switch (result) {
	case RESTANTE_BUSY:
		return "it is in use";
	case RESTANTE_TEMP:
		return "it cannot be read now";
	default:
		return "it cannot be read";
	}
}

static int list(struct host *host, const struct restante_user *u)
{
	const struct restante_storage *s = host->plug->entry->storage;
	size_t n = 0;
	void *st;
	int result;

	result = s->open(&host->api, u, RESTANTE_MAINTAIN, &st);
	if (result != RESTANTE_OK)
		return complain("the mailbox of %s: %s", u->name, result_text(result));
	printf("%6s %10s %-19s %s\n", "NUMBER", "OCTETS", "RECEIVED", "UIDL");
	result = s->list(st, print_message, &n);
	s->close(st);
	if (result != RESTANTE_OK)
		return complain("the mailbox of %s: %s", u->name, result_text(result));
	return EXIT_SUCCESS;
}

static int open_and_list(const struct conf *c, const struct restante_user *u)
{
	struct plug plug = {.conf = conf_user_storage(c, u)};
	struct buf why = {0};
	struct host host;
	int status;

	plug.entry = plug_load(plug.conf->name, plug.conf->file, &why);
	if (plug.entry == NULL)
		return complain("%s", why.p);
	if (host_open(&host, &plug, u) != RESTANTE_OK)
		return EXIT_FAILURE;
	host_deadline(&host, conf_num(c, "storage_timeout") * 1000);
	status = become(u, &host) == 0 ? list(&host, u) : EXIT_FAILURE;
	host_close(&host);
	return status;
}

int ctl_mailbox_list(const struct ctl *ctl, int argc, char **argv)
{
	struct record *r = mem_alloc(1, sizeof(*r));
	struct buf why = {0};
	struct conf *c;

	if (argc != 1)
		return USAGE;
	c = tool_conf(ctl->file);
	if (c == NULL || record_find(c, "pop3", argv[0], NULL, NULL, r) == -1)
		return EXIT_FAILURE;
	if (r->result != RESTANTE_OK)
		return complain("%s: %s", argv[0], record_text(r->result));
	if (record_check(c, &r->user, &why) == -1)
		return complain("%s: %s", argv[0], why.p);
	return open_and_list(c, &r->user);
}
