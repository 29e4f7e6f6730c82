/* Messages between the roles, as a compromised peer could send them: the octets come through a real
 * socket, then are read as each reader in the house reads them. */
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>
#include "ipc/role.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_as(struct channel *c, const uint8_t *data, size_t size, int other)
{
	static struct msg m;
	struct restante_user user;
	const char *attrs[USER_ATTRS];
	struct channel peer;
	size_t n;

	if (size == 0 || send(other, data, size, MSG_DONTWAIT) == -1)
		return;
	if (msg_recv(c, &m) != MSG_GOT)
		return;
	switch (m.type) {
	case MSG_GRANT:
		(void)msg_get_bytes(&m, &n);
		(void)msg_get_u32(&m);
		msg_get_user(&m, &user, attrs, USER_ATTRS);
		break;
	case MSG_PEER:
		(void)role_peer(&m, c->self, &peer);
		break;
	default:
		while (!m.bad && m.pos < m.len)
			(void)msg_get_str(&m);
	}
	(void)msg_end(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd) == -1)
		return 0;
	for (int self = 0; self < ROLES; self++)
		for (int peer = 0; peer < ROLES; peer++) {
			struct channel c = {
				.fd = fd[0], .self = (enum role)self, .peer = (enum role)peer};

			read_as(&c, data, size, fd[1]);
		}
	close(fd[0]);
	close(fd[1]);
	return 0;
}
