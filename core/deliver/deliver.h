/* restante-deliver: the parts that its files share. */
#ifndef DELIVER_DELIVER_H
#define DELIVER_DELIVER_H

/* command.c: the command that an MTA runs for a message. Returns the exit status, of sysexits.h. */
int command_run(int argc, char **argv);

#endif
