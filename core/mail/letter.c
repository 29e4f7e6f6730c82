/* letter - from a memory file into a storage. */
#define _GNU_SOURCE
#include "mail/letter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "mail/trace.h"
#include "pop3/encode.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

enum { PIECE = 1 << 20, MSGID_MAX = 200 };

/* --- the memory file ---------------------------------------------------------------------------
 */

int letter_new(void)
{
	return memfd_create("restante-message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

int letter_write(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done == -1 && errno != EINTR)
			return -1;
		if (done > 0) {
			p += done;
			n -= (size_t)done;
		}
	}
	return 0;
}

int letter_seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, SEALS);
}

int letter_map(int fd, struct letter *l)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *p;

	if (fstat(fd, &st) == -1)
		return -1;
	if (seals == -1 || (seals & SEALS) != SEALS || st.st_size < 0) {
		errno = EINVAL;
		return -1;
	}
	*l = (struct letter){"", (size_t)st.st_size};
	if (l->len == 0)
		return 0;
	p = mmap(NULL, l->len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -1;
	l->text = p;
	return 0;
}

/* --- delivery ----------------------------------------------------------------------------------
 */

static int put_pieces(const struct restante_storage *s, void *put, const char *p, size_t n)
{
	int result = RESTANTE_OK;

	while (n > 0 && result == RESTANTE_OK) {
		size_t piece = n < PIECE ? n : PIECE;

		result = s->put_data(put, p, piece);
		p += piece;
		n -= piece;
	}
	return result;
}

/* In two parts: what the delivery puts in front, and the letter. */
static int put_parts(const struct restante_storage *s, void *st, const char *sender,
	const struct letter *head, const struct letter *text)
{
	struct restante_put what = {.size = sizeof(what), .sender = sender};
	uint32_t state = 0;
	void *handle;
	int result, end;

	what.octets = (uint64_t)measure(head->text, head->len, &state);
	what.octets += (uint64_t)measure(text->text, text->len, &state);
	what.octets += (uint64_t)measure(NULL, 0, &state);
	result = s->put_begin(st, &what, &handle);
	if (result != RESTANTE_OK)
		return result;
	result = put_pieces(s, handle, head->text, head->len);
	if (result == RESTANTE_OK)
		result = put_pieces(s, handle, text->text, text->len);
	end = s->put_end(handle, result == RESTANTE_OK);
	return result == RESTANTE_OK ? end : result;
}

static int put(const struct letter *l, const struct envelope *e, const struct trace *t,
	const struct restante_storage *s, void *st)
{
	struct letter head, text = {l->text + t->skip, l->len - t->skip};
	struct buf trace = {0};
	int result;

	trace_write(t, e->sender, e->address, &trace);
	head = (struct letter){buf_str(&trace), trace.len};
	result = put_parts(s, st, e->sender, &head, &text);
	buf_free(&trace);
	return result;
}

static int open_and_put(const struct letter *l, const struct envelope *e, const struct trace *t,
	const struct restante_user *u, const struct host *host)
{
	const struct restante_storage *s = host->plug->entry->storage;
	void *st;
	int result = s->open(&host->api, u, RESTANTE_DELIVER, &st);

	if (result != RESTANTE_OK)
		return result;
	result = put(l, e, t, s, st);
	s->close(st);
	return result;
}

void letter_report(const struct letter *l, const struct envelope *e, const char *user,
	const char *storage, unsigned result)
{
	char msgid[MSGID_MAX + 1];
	struct buf line = {0};
	struct trace t;

	trace_read(l->text, l->len, "", &t);
	memcpy(msgid, t.msgid, t.msgid_len < MSGID_MAX ? t.msgid_len : MSGID_MAX);
	msgid[t.msgid_len < MSGID_MAX ? t.msgid_len : MSGID_MAX] = '\0';
	buf_printf(&line, "delivery");
	log_field(&line, "user", user);
	log_field(&line, "to", e->address);
	log_field(&line, "from", e->sender);
	buf_printf(&line, " octets=%zu", l->len);
	log_field(&line, "msgid", msgid);
	log_field(&line, "storage", storage);
	log_field(&line, "result", mail_result(result)->word);
	log_line(result == MAIL_OK ? LOG_INFO : LOG_NOTICE, "%s", buf_str(&line));
	buf_free(&line);
}

enum mail_result letter_deliver(const struct letter *l, const struct envelope *e,
	const struct restante_user *u, const struct host *host)
{
	enum mail_result result = MAIL_LOOP;
	struct trace t;

	trace_read(l->text, l->len, e->address, &t);
	if (!t.loop)
		result = mail_result_of(open_and_put(l, e, &t, u, host));
	/* What a storage may not say is trouble with the storage, and never the sender's. */
	if (result == MAIL_NO_USER || result == MAIL_REFUSED)
		result = MAIL_SETUP;
	return result;
}
