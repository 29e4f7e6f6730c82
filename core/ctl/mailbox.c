/* mailbox list, check, repair, compact - seen with the rights that a session has. */
#define _GNU_SOURCE
#include "ctl/mailbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "ctl/progress.h"

void mailbox_date(int64_t when, char date[MAILBOX_DATE])
{
	time_t t = (time_t)when;
	struct tm tm;

	str_copy(date, MAILBOX_DATE, "-");
	if (when != 0 && localtime_r(&t, &tm) != NULL)
		strftime(date, MAILBOX_DATE, "%Y-%m-%d %H:%M:%S", &tm);
}

static int list(struct mailbox *m)
{
	char date[MAILBOX_DATE];
	struct mails all;

	if (mails_load(&all, m) == -1)
		return EXIT_FAILURE;
	printf("%6s %10s %-19s %s\n", "NUMBER", "OCTETS", "RECEIVED", "UIDL");
	for (size_t i = 0; i < all.n; i++) {
		const struct mail *mail = all.list[i];

		mailbox_date(mail->received, date);
		printf("%6zu %10llu %-19s %s\n", mail->number, (unsigned long long)mail->octets,
			date, mail->uid);
	}
	mails_free(&all);
	return EXIT_SUCCESS;
}

static int maintain(struct mailbox *m, uint32_t tasks)
{
	if (!RESTANTE_HAS(m->api, maintain))
		return RESTANTE_OK;
	return m->api->maintain(m->st, tasks);
}

/* Reads each message. The number of those that cannot be read whole. */
static size_t read_all(struct mailbox *m, const struct mails *all)
{
	struct progress progress;
	size_t damaged = 0;

	progress_begin(&progress, "check", all->n, all->octets);
	for (size_t i = 0; i < all->n; i++) {
		const struct mail *mail = all->list[i];
		int result = mailbox_read(m, mail, NULL, NULL, NULL);

		if (result != RESTANTE_OK && result != RESTANTE_GONE) {
			progress_hide(&progress);
			complain("message %zu (%s) cannot be read whole", mail->number, mail->uid);
			damaged++;
		}
		progress_step(&progress, mail->octets);
	}
	progress_hide(&progress);
	return damaged;
}

static int check(struct mailbox *m)
{
	int result = maintain(m, RESTANTE_CHECK);
	struct mails all;
	size_t damaged;

	if (mails_load(&all, m) == -1)
		return EXIT_FAILURE;
	damaged = read_all(m, &all);
	mails_free(&all);
	if (result != RESTANTE_OK && result != RESTANTE_PERM)
		return mailbox_complain(m, result);
	if (result == RESTANTE_PERM || damaged > 0)
		return complain("the mailbox of %s in %s is damaged", m->user->name, m->name);
	return EXIT_SUCCESS;
}

static int repair(struct mailbox *m)
{
	int result = maintain(m, RESTANTE_CLEAN | RESTANTE_REPAIR);

	if (result == RESTANTE_PERM)
		return complain("the mailbox of %s in %s has damage that cannot be mended",
			m->user->name, m->name);
	return result == RESTANTE_OK ? EXIT_SUCCESS : mailbox_complain(m, result);
}

static int compact(struct mailbox *m)
{
	int result = maintain(m, RESTANTE_CLEAN | RESTANTE_COMPACT);

	return result == RESTANTE_OK ? EXIT_SUCCESS : mailbox_complain(m, result);
}

int ctl_mailbox_list(const struct ctl *ctl, int argc, char **argv)
{
	return argc == 1 ? mailbox_with(ctl, argv[0], list) : USAGE;
}

int ctl_mailbox_check(const struct ctl *ctl, int argc, char **argv)
{
	return argc == 1 ? mailbox_with(ctl, argv[0], check) : USAGE;
}

int ctl_mailbox_repair(const struct ctl *ctl, int argc, char **argv)
{
	return argc == 1 ? mailbox_with(ctl, argv[0], repair) : USAGE;
}

int ctl_mailbox_compact(const struct ctl *ctl, int argc, char **argv)
{
	return argc == 1 ? mailbox_with(ctl, argv[0], compact) : USAGE;
}
