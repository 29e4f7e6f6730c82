# core/session: ROLE session. One process a logged-in user; loads the storage plugins.
pkglibexec_PROGRAMS += restante-session
restante_session_SOURCES = \
	core/session/main.c core/session/spawner.h \
	core/session/grants.c core/session/grants.h \
	core/session/children.c core/session/children.h \
	core/session/handover.c core/session/delivery.c core/session/child.c \
	core/session/who.c \
	core/session/session.h core/session/serve.c \
	core/session/maildrop.c core/session/maildrop.h \
	core/session/out.c core/session/out.h \
	core/session/transaction.c core/session/send.c core/session/update.c \
	core/session/report.c
restante_session_LDFLAGS = $(AM_LDFLAGS) $(plug_preload)
restante_session_LDADD = core/mail/libmail.a $(plug_libs) core/ipc/libipc.a core/base/libbase.a \
	$(SECCOMP_LIBS)
EXTRA_restante_session_DEPENDENCIES = $(plug_preload_files)
