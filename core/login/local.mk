# core/login: the role that speaks to clients before they are logged in.
pkglibexec_PROGRAMS += restante-login
restante_login_SOURCES = \
	core/login/address.c \
	core/login/auth.c \
	core/login/binding.c core/login/binding.h \
	core/login/client.c \
	core/login/client_cert.c core/login/client_cert.h \
	core/login/commands.c \
	core/login/front.c \
	core/login/handover.c \
	core/login/listen.c \
	core/login/login.h \
	core/login/main.c \
	core/login/mechanisms.c \
	core/login/peers.c \
	core/login/proxy.c core/login/proxy.h \
	core/login/relay.c \
	core/login/report.c \
	core/login/stream.c core/login/stream.h \
	core/login/tickets.c core/login/tickets.h \
	core/login/tls.c core/login/tls.h
restante_login_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS) $(LIBEVENT_CFLAGS)
restante_login_LDADD = \
	core/conf/libconf.a core/sys/libsys.a core/pop3/libpop3.a core/ipc/libipc.a \
	core/base/libbase.a $(OPENSSL_LIBS) $(LIBEVENT_LIBS) $(SECCOMP_LIBS)
