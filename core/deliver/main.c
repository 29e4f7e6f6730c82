/* restante-deliver - mail comes in. As a command it delivers the message on its standard input; as
 * a role of the server, with no words behind its name and restanted at descriptor 3, it speaks
 * LMTP. */
#include "deliver/deliver.h"

#include <sys/socket.h>
#include "deliver/server.h"

static int is_role(int argc)
{
	int type = 0;
	socklen_t n = sizeof(type);

	return argc == 1 && getsockopt(ROLE_FD, SOL_SOCKET, SO_TYPE, &type, &n) == 0 &&
	       type == SOCK_SEQPACKET;
}

int main(int argc, char **argv)
{
	return is_role(argc) ? server_run() : command_run(argc, argv);
}
