/* serve - a session from the opening of the maildrop to the log line.
 *
 * The client's socket blocks; its time-outs are the session's: a read that times out after a
 * moment gives the memory of an idle session back, and after idle_timeout ends it. */
#define _GNU_SOURCE
#include "session/session.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"

enum {
	MOMENT_MS = 1000, /* a client that is silent for so long is idle */
	KEEP_MS = 60000,  /* between two calls of a storage's keep(), and at most a quarter of */
	KEEPS = 4,        /* idle_timeout */
	INPUT = 4096
};

static void set_timeout(const struct session *s, int option, int64_t ms)
{
	struct timeval t = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	if (setsockopt(s->client->fd, SOL_SOCKET, option, &t, sizeof(t)) == -1)
		log_line(LOG_ERR, "cannot set a time-out on the client's socket: %m");
}

/* --- opening --- */

static void close_maildrop(struct session *s)
{
	host_deadline(&s->host, s->storage_ms);
	s->storage->close(s->st);
}

static int open_maildrop(struct session *s)
{
	int result;

	host_deadline(&s->host, s->storage_ms);
	result = s->storage->open(&s->host.api, s->user, RESTANTE_SESSION, &s->st);
	if (result != RESTANTE_OK)
		return result;
	host_deadline(&s->host, s->storage_ms);
	result = maildrop_load(&s->drop, s->storage, s->st);
	if (result != RESTANTE_OK)
		close_maildrop(s);
	return result;
}

static void refuse(struct session *s, int result)
{
	switch (result) {
	case RESTANTE_BUSY:
		session_reply(s, REPLY_OPEN_IN_USE, 0, 0);
		s->end = END_IN_USE;
		break;
	case RESTANTE_PERM:
		session_reply(s, REPLY_OPEN_PERM, 0, 0);
		s->end = END_OPEN_PERM;
		break;
	default:
		session_reply(s, REPLY_OPEN_TEMP, 0, 0);
		s->end = END_OPEN_TEMP;
	}
}

/* --- reading --- */

/* Lets the storage renew what lapses of itself. Most have nothing that does. errno stays. */
static void keep(struct session *s)
{
	int saved = errno;

	if (!RESTANTE_HAS(s->storage, keep) || clock_ms() - s->kept < s->keep_ms)
		return;
	host_deadline(&s->host, s->storage_ms);
	if (s->storage->keep(s->st) != RESTANTE_OK)
		s->end = END_LOST;
	s->kept = clock_ms();
	errno = saved;
}

/* The client was silent for a moment: keep no more memory than needed, wait for the rest of the
 * time. */
static ssize_t read_idle(struct session *s, char *to, size_t room)
{
	int64_t left = s->idle_ms > MOMENT_MS ? s->idle_ms - MOMENT_MS : 1, turn = left;
	ssize_t n;

	out_trim(&s->out);
	if (RESTANTE_HAS(s->storage, keep) && turn > s->keep_ms)
		turn = s->keep_ms;
	do {
		set_timeout(s, SO_RCVTIMEO, turn < left ? turn : left);
		n = read(s->client->fd, to, room);
		left -= turn;
		keep(s);
	} while (n == -1 && errno == EAGAIN && left > 0 && s->end == END_NOT_YET);
	if (n > 0)
		set_timeout(s, SO_RCVTIMEO, MOMENT_MS);
	return n;
}

/* Waits for more of the client's commands. Sets the end where none will come. */
static void read_more(struct session *s)
{
	size_t room;
	char *to = line_space(&s->in, &room);
	ssize_t n = read(s->client->fd, to, room);

	if (n == -1 && errno == EAGAIN)
		n = read_idle(s, to, room);
	else
		keep(s);
	if (s->end != END_NOT_YET) {
		/* the storage has the last word */
	} else if (n > 0) {
		line_fill(&s->in, (size_t)n);
	} else if (n == -1 && errno == EAGAIN) {
		s->end = END_IDLE; /* without a word: RFC 1939 section 3 */
	} else if (n == 0 || errno != EINTR) {
		s->end = END_DISCONNECT;
	}
}

static void run_lines(struct session *s)
{
	struct slice line;
	enum line_event event;

	while (s->end == END_NOT_YET &&
		(event = line_next(&s->in, LINE_COMMAND, &line)) != LINE_MORE) {
		host_deadline(&s->host, s->storage_ms);
		if (event == LINE_READY)
			transaction_line(s, line);
		else
			session_reply(
				s, event == LINE_NUL ? REPLY_LINE_NUL : REPLY_LINE_TOO_LONG, 0, 0);
		if (s->out.len >= OUT_FULL)
			(void)out_flush(&s->out);
		if (s->out.error != 0 && s->end == END_NOT_YET)
			s->end = s->out.error == EAGAIN ? END_STALLED : END_DISCONNECT;
	}
}

/* The last replies are left in the buffer. */
static void transaction(struct session *s)
{
	for (;;) {
		run_lines(s);
		if (s->end != END_NOT_YET)
			return;
		if (out_flush(&s->out) == -1)
			s->end = s->out.error == EAGAIN ? END_STALLED : END_DISCONNECT;
		else
			read_more(s);
	}
}

/* --- all of it --- */

/* The input buffer begins with what login had read behind the PASS. */
static void take_ahead(struct session *s, char *buf, size_t size)
{
	size_t room;

	line_attach(&s->in, buf, size);
	if (s->client->nahead > 0) {
		memcpy(line_space(&s->in, &room), s->client->ahead, s->client->nahead);
		line_fill(&s->in, s->client->nahead);
	}
}

static void set_up(struct session *s)
{
	s->kept = s->began;
	s->language = s->client->language;
	s->idle_ms = conf_num(s->conf, "idle_timeout") * 1000;
	s->storage_ms = conf_num(s->conf, "storage_timeout") * 1000;
	s->keep_ms = s->idle_ms / KEEPS < KEEP_MS ? s->idle_ms / KEEPS : KEEP_MS;
	out_open(&s->out, s->client->fd);
	if (fcntl(s->client->fd, F_SETFL, O_RDWR) == -1)
		log_line(LOG_ERR, "cannot make the client's socket block: %m");
	set_timeout(s, SO_RCVTIMEO, s->idle_ms < MOMENT_MS ? s->idle_ms : MOMENT_MS);
	set_timeout(s, SO_SNDTIMEO, s->idle_ms);
}

void session_serve(struct session *s, const struct plug *plug)
{
	char small[INPUT], *input = small;
	size_t size = sizeof(small);
	int result;

	if (s->client->nahead > INPUT - LINE_COMMAND) {
		size = s->client->nahead + LINE_COMMAND;
		input = mem_alloc(size, 1);
	}
	set_up(s);
	take_ahead(s, input, size);
	s->storage = plug->entry->storage;
	result = open_maildrop(s);
	if (result == RESTANTE_OK) {
		session_reply(s, REPLY_OPEN, s->drop.n, s->drop.octets);
		transaction(s);
		/* before the last reply goes out: who has it may log in again at once */
		close_maildrop(s);
	} else {
		refuse(s, result);
	}
	(void)out_flush(&s->out);
	close(s->client->fd); /* the client need not wait for the end of this process */
	session_report(s);
}
