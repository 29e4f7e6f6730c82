/* out - the buffer towards the client. */
#define _GNU_SOURCE
#include "session/out.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include "base/log.h"

enum { TRIM_FROM = 8192 };

void out_open(struct out *o, int fd)
{
	*o = (struct out){.fd = fd};
	o->buf = mmap(NULL, OUT_SIZE + PIECE_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (o->buf == MAP_FAILED)
		die("no memory for the output: %m");
	o->piece = o->buf + OUT_SIZE;
}

static int flush(struct out *o, int flags)
{
	size_t done = 0;

	while (done < o->len && o->error == 0) {
		ssize_t n = send(o->fd, o->buf + done, o->len - done, MSG_NOSIGNAL | flags);

		if (n > 0)
			done += (size_t)n;
		else if (errno != EINTR)
			o->error = errno;
	}
	o->written += done;
	if (o->len > o->high)
		o->high = o->len;
	o->len = 0;
	return o->error == 0 ? 0 : -1;
}

int out_flush(struct out *o)
{
	return flush(o, 0);
}

int out_flush_more(struct out *o)
{
	return flush(o, MSG_MORE);
}

unsigned char *out_room(struct out *o, size_t n)
{
	if (OUT_SIZE - o->len < n)
		(void)flush(o, MSG_MORE);
	return o->buf + o->len;
}

void out_trim(struct out *o)
{
	if (o->high > TRIM_FROM)
		(void)madvise(o->buf, OUT_SIZE + PIECE_SIZE, MADV_DONTNEED);
	o->high = 0;
}
