/* What an LMTP client sends, through the dialogue as conn.c drives it, in pieces of any size; then
 * the message's front. The first octet says how large the pieces are and who is a user. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "deliver/data.h"
#include "deliver/lmtp.h"
#include "mail/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
	if (!holds)
		abort();
}

static void look_up(struct lmtp *l, unsigned seed, struct buf *out)
{
	char names[MAIL_CANDIDATES][MAIL_ADDRESS];
	size_t n = mail_candidates(l->plain, "+", names);

	must(n <= MAIL_CANDIDATES && mail_address_ok(l->address));
	for (size_t i = 0; i < n; i++)
		must(names[i][0] != '\0' && strlen(names[i]) < MAIL_ADDRESS);
	lmtp_found(l, (enum mail_result)(seed % MAIL_RESULTS), out);
}

static void end(struct lmtp *l, const struct buf *message, struct buf *out)
{
	struct trace t;
	struct buf head = {0};

	must(mail_address_ok(l->sender) && l->recipients > 0 && l->recipients <= LMTP_RECIPIENTS);
	trace_read(buf_str(message), message->len, "ann@x", &t);
	must(t.skip <= message->len && t.msgid_len <= message->len);
	trace_write(&t, l->sender, "ann@x", &head);
	must(memchr(head.p, '\0', head.len) == NULL);
	buf_free(&head);
	lmtp_result(l->address, MAIL_OK, out);
	lmtp_reset(l);
}

/* Each line of the output ends with CRLF and has no other control octet. */
static void check(const struct buf *out)
{
	for (size_t i = 0; i < out->len; i++)
		must((unsigned char)out->p[i] >= ' ' ||
			(out->p[i] == '\r' && out->p[i + 1] == '\n') ||
			(out->p[i] == '\n' && i > 0 && out->p[i - 1] == '\r'));
}

/* The message at p. Octets that it has. */
static size_t take_message(const char *p, size_t n, size_t piece, struct buf *message, int *ended)
{
	struct data d = {.state = DATA_START};
	size_t at = 0;

	while (at < n && !d.end) {
		size_t part = n - at < piece ? n - at : piece, made;
		char *to = buf_room(message, part + DATA_MORE);

		at += data_take(&d, p + at, part, to, &made);
		must(made <= part + DATA_MORE);
		message->len += made;
	}
	buf_add(message, "", 0);
	*ended = d.end;
	return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lmtp l = {.hostname = "x", .size_limit = 1000};
	struct buf out = {0}, message = {0};
	const char *p = (const char *)data + 1;
	size_t n = size > 0 ? size - 1 : 0;
	unsigned seed = size > 0 ? data[0] : 0;

	while (n > 0) {
		const char *lf = memchr(p, '\n', n);
		size_t len = lf != NULL ? (size_t)(lf - p) : n, used = len + (lf != NULL);
		int ended;

		switch (lmtp_line(&l, p, len > 0 && p[len - 1] == '\r' ? len - 1 : len, &out)) {
		case LMTP_LOOK_UP:
			look_up(&l, seed, &out);
			seed /= 2;
			break;
		case LMTP_DATA:
			message.len = 0;
			used += take_message(p + used, n - used, 1 + seed % 16, &message, &ended);
			if (ended)
				end(&l, &message, &out);
			break;
		default:
			break;
		}
		p += used;
		n -= used;
	}
	check(&out);
	buf_free(&out);
	buf_free(&message);
	return 0;
}
