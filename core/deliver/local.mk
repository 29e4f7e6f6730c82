# core/deliver: restante-deliver, the delivery agent and ROLE lmtp.
# The dialogue and the text behind DATA: pure, for the unit tests and the fuzzer too.
lmtp_sources = \
	core/deliver/data.c core/deliver/data.h \
	core/deliver/lmtp.c core/deliver/lmtp.h

pkglibexec_PROGRAMS += restante-deliver
restante_deliver_SOURCES = \
	core/deliver/command.c \
	core/deliver/conn.c \
	core/deliver/deliver.h \
	core/deliver/main.c \
	core/deliver/server.c core/deliver/server.h \
	$(lmtp_sources)
restante_deliver_CFLAGS = $(AM_CFLAGS) $(LIBEVENT_CFLAGS)
restante_deliver_LDFLAGS = $(AM_LDFLAGS) $(plug_preload)
restante_deliver_LDADD = core/mail/libmail.a $(tool_libs) $(plug_libs) $(LIBEVENT_LIBS) \
	$(SECCOMP_LIBS)
dist_man_MANS += core/deliver/restante-deliver.8
EXTRA_restante_deliver_DEPENDENCIES = $(plug_preload_files)
