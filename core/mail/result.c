/* result - the table of results. */
#include "mail/result.h"

#include <stddef.h>
#include <sysexits.h>
#include <restante/plugin.h>

static const struct mail_result_row rows[MAIL_RESULTS] = {
	[MAIL_OK] = {"ok", EX_OK, 250, "2.0.0", "delivered"},
	[MAIL_NO_USER] = {"no-user", EX_NOUSER, 550, "5.1.1", "no such user here"},
	[MAIL_REFUSED] = {"refused", EX_NOUSER, 550, "5.2.1", "this user gets no mail here"},
	[MAIL_LOOP] = {"loop", EX_DATAERR, 554, "5.4.6", "mail forwarding loop"},
	[MAIL_TOO_BIG] = {"too-big", EX_DATAERR, 552, "5.3.4", "the message is too big"},
	[MAIL_TEMP] = {"temp", EX_TEMPFAIL, 451, "4.3.0", "try again later"},
	[MAIL_BUSY] = {"busy", EX_TEMPFAIL, 451, "4.2.0", "the mailbox is in use"},
	[MAIL_FULL] = {"full", EX_TEMPFAIL, 452, "4.2.2", "the mailbox or the disk is full"},
	[MAIL_SETUP] = {"setup", EX_TEMPFAIL, 451, "4.3.5",
		"an administrator must act; the log says why"},
};

const struct mail_result_row *mail_result(unsigned result)
{
	return &rows[result < MAIL_RESULTS ? result : MAIL_TEMP];
}

enum mail_result mail_result_of(int restante_result)
{
	switch (restante_result) {
	case RESTANTE_OK:
		return MAIL_OK;
	case RESTANTE_NONE:
		return MAIL_NO_USER;
	case RESTANTE_DENY:
		return MAIL_REFUSED;
	case RESTANTE_BUSY:
		return MAIL_BUSY;
	case RESTANTE_FULL:
		return MAIL_FULL;
	case RESTANTE_PERM:
		return MAIL_SETUP;
	default:
		return MAIL_TEMP;
	}
}
