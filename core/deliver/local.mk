# core/deliver: restante-deliver, the delivery agent and ROLE lmtp.
pkglibexec_PROGRAMS += restante-deliver
restante_deliver_SOURCES = \
	core/deliver/command.c \
	core/deliver/deliver.h \
	core/deliver/main.c
restante_deliver_LDFLAGS = $(AM_LDFLAGS) $(plug_preload)
restante_deliver_LDADD = core/mail/libmail.a $(tool_libs) $(plug_libs) $(SECCOMP_LIBS)
EXTRA_restante_deliver_DEPENDENCIES = $(plug_preload_files)
