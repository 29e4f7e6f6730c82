/* restante-deliver - mail comes in. As a command it delivers the message on its standard input; as
 * a role of the server, with restanted at descriptor 3 and no words behind its name, it speaks
 * LMTP. */
#include "deliver/deliver.h"

int main(int argc, char **argv)
{
	return command_run(argc, argv);
}
