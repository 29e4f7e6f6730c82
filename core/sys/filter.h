/* System call filters (seccomp). A program is built once and installed as often as needed: a
 * session is forked with the spawner's filter and adds its own with one system call.
 *
 * In a build without libseccomp or with sanitizers all of this does nothing, successfully. */
#ifndef SYS_FILTER_H
#define SYS_FILTER_H

#include <stdint.h>

enum filter_profile {
	FILTER_LOGIN,   /* sockets that it has; OpenSSL; no files */
	FILTER_LMTP,    /* sockets that it has, memory files; no others */
	FILTER_AUTH,    /* messages, timers, the socket that it has; no files */
	FILTER_WORKER,  /* files, as plugins need them */
	FILTER_SPAWNER, /* what itself and all sessions need: messages, fork, uids, files; no
			   socket, no exec */
	/* On top of the spawner's: no fork, no change of uid. To install a second filter costs a
	 * good part of a login; it is worth that where the spawner's is wider than this session's
	 * plugin declares, because another storage needs the network or processes. */
	FILTER_SESSION,
	FILTERS
};

struct filter {
	uint16_t n; /* instructions; 0 = nothing to install */
	void *code;
};

/* Builds the program for a profile. needs: enum restante_needs of all plugins in the process, or'ed
 * (a session: of the one plugin that it uses), widens it. 0, or -1 with errno. */
int filter_build(struct filter *, enum filter_profile, uint32_t needs);
/* With RESTANTE_NEEDS_FORK the filter is that of the programs too that a plugin runs: they cannot
 * leave the role's process group, and in a worker what is not in the list fails with EPERM. */
/* From here on the process (all its threads and children) keeps to it. Sets no-new-privileges. A
 * call that is not in the list kills the process (SIGSYS; the kernel's audit log names the call); a
 * few harmless ones that libraries try (see filter.c) fail with EPERM or ENOSYS instead. 0, or -1
 * with errno. */
int filter_install(const struct filter *);
void filter_free(struct filter *);
/* 1 when this build filters at all; roles say so once in the log where it does not. */
int filter_works(void);

#endif
