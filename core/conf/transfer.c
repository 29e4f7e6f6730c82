/* transfer - the wire form through descriptors: a memfd for each role, a pipe from restante-check.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "conf/impl.h"
#include "conf/wire.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t got = write(fd, p, n);

		if (got == -1 && errno != EINTR)
			return -1;
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
	return 0;
}

int conf_to_fd(const struct conf *c, uint32_t roles, const struct conf_plugin *only)
{
	struct buf out = {0};
	int saved, fd = memfd_create("restante-configuration", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1)
		return -1;
	conf_encode(c, roles, only, &out);
	if (write_all(fd, out.p, out.len) == -1 || fcntl(fd, F_ADD_SEALS, SEALS) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		fd = -1;
	}
	buf_wipe(&out);
	return fd;
}

int conf_from_fd(int fd, struct conf **out)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	struct conf *c;
	void *p;
	size_t n;

	/* Unsealed, it could shrink under the mapping. */
	if (seals == -1 || (seals & SEALS) != SEALS || fstat(fd, &st) == -1 || st.st_size <= 0 ||
		st.st_size > CONF_WIRE_MAX) {
		log_line(LOG_ERR, "the configuration that came is not a sealed memory file");
		return -1;
	}
	n = (size_t)st.st_size;
	p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED) {
		log_line(LOG_ERR, "cannot map the configuration: %m");
		return -1;
	}
	c = conf_decode(p, n);
	if (c == NULL) {
		munmap(p, n);
		return -1;
	}
	c->map = p;
	c->map_len = n;
	*out = c;
	return 0;
}

int conf_read(int fd, struct conf **out)
{
	struct buf in = {0};
	ssize_t got = 0;

	while (in.len <= CONF_WIRE_MAX) {
		got = read(fd, buf_room(&in, 4096), 4096);
		if (got == 0 || (got == -1 && errno != EINTR))
			break;
		in.len += got > 0 ? (size_t)got : 0;
	}
	if (got == -1 || in.len > CONF_WIRE_MAX)
		log_line(LOG_ERR, "cannot read the configuration: %s",
			got == -1 ? strerrordesc_np(errno) : "it is too large");
	else if (in.len > 0 && (*out = conf_decode(in.p, in.len)) != NULL) {
		(*out)->block = in.p;
		return 0;
	}
	buf_free(&in);
	return -1;
}
