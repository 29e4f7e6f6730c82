/* mailbox export - the messages on standard output, as an mbox.
 *
 * Each message is read twice: what is damaged must be known before its first octet goes out, for it
 * is left out, named, and the exit status tells. */
#define _GNU_SOURCE
#include "ctl/mailbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "ctl/mbox_out.h"
#include "ctl/progress.h"

enum { FLUSH_AT = 256 * 1024, NOT_WRITTEN = 1 };

static int write_out(struct mbox_out *o)
{
	for (size_t done = 0; done < o->text.len;) {
		ssize_t n = write(STDOUT_FILENO, o->text.p + done, o->text.len - done);

		if (n == -1 && errno != EINTR)
			return NOT_WRITTEN;
		done += n > 0 ? (size_t)n : 0;
	}
	o->text.len = 0;
	return 0;
}

static int add(void *arg, const void *p, size_t n)
{
	struct mbox_out *o = arg;

	mbox_out_add(o, p, n);
	return o->text.len < FLUSH_AT ? 0 : write_out(o);
}

/* RESTANTE_OK, the storage's error before anything was written, or NOT_WRITTEN. */
static int export_one(struct mbox_out *o, struct mailbox *m, const struct mail *mail)
{
	char sender[SENDER_LEN + 1];
	int result = mailbox_top(m, mail, sender, NULL);

	if (result == RESTANTE_OK)
		result = mailbox_read(m, mail, NULL, NULL, NULL);
	if (result != RESTANTE_OK)
		return result;
	mbox_out_begin(o, sender, mail->received);
	result = mailbox_read(m, mail, NULL, add, o);
	if (result < 0) {
		complain("message %zu (%s) broke off: the output is not whole", mail->number,
			mail->uid);
		return NOT_WRITTEN;
	}
	if (result == RESTANTE_OK) {
		mbox_out_end(o);
		result = o->text.len < FLUSH_AT ? 0 : write_out(o);
	}
	if (result == NOT_WRITTEN)
		complain("cannot write: %m");
	return result;
}

static int export_all(struct mailbox *m, const struct mails *all)
{
	struct mbox_out o = {.place = 0};
	struct progress progress;
	int status = EXIT_SUCCESS, result = 0;

	progress_begin(&progress, "export", all->n, all->octets);
	for (size_t i = 0; i < all->n && result != NOT_WRITTEN; i++) {
		const struct mail *mail = all->list[i];

		result = export_one(&o, m, mail);
		if (result < 0) {
			progress_hide(&progress);
			complain("message %zu (%s) is left out: %s", mail->number, mail->uid,
				mailbox_result(result));
		}
		if (result != RESTANTE_OK && result != RESTANTE_GONE)
			status = EXIT_FAILURE;
		progress_step(&progress, mail->octets);
	}
	progress_hide(&progress);
	if (result != NOT_WRITTEN && write_out(&o) != 0)
		status = complain("cannot write: %m");
	buf_free(&o.text);
	return status;
}

static int run(struct mailbox *m)
{
	struct mails all;
	int status;

	if (mails_load(&all, m) == -1)
		return EXIT_FAILURE;
	status = export_all(m, &all);
	mails_free(&all);
	return status;
}

int ctl_mailbox_export(const struct ctl *ctl, int argc, char **argv)
{
	return argc == 1 ? mailbox_with(ctl, argv[0], run) : USAGE;
}
