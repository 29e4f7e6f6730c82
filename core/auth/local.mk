# core/auth: who may log in (auth), and who checks the password (worker).
noinst_LIBRARIES += core/auth/libmech.a
core_auth_libmech_a_SOURCES = core/auth/mech.c core/auth/mech.h core/auth/mech_apop.c \
	core/auth/mech_gs2.c core/auth/mech_oauth.c core/auth/mech_scram.c
core_auth_libmech_a_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)

pkglibexec_PROGRAMS += restante-auth restante-worker
restante_auth_SOURCES = \
	core/auth/main.c core/auth/auth.h \
	core/auth/cache.c core/auth/cache.h \
	core/auth/control.c \
	core/auth/grant.c \
	core/auth/keyed.c core/auth/keyed.h \
	core/auth/lookup.c \
	core/auth/memory.c core/auth/memory.h \
	core/auth/outbox.c core/auth/outbox.h \
	core/auth/policy.c core/auth/policy.h \
	core/auth/penalty.c core/auth/penalty.h \
	core/auth/pool.c \
	core/auth/record.c core/auth/record.h \
	core/auth/refuse.c \
	core/auth/request.c \
	core/auth/rows.c core/auth/rows.h
restante_auth_CFLAGS = $(AM_CFLAGS) $(LIBEVENT_CFLAGS) $(CRYPTO_CFLAGS)
restante_auth_LDADD = core/auth/libmech.a core/pop3/libpop3.a core/conf/libconf.a core/ipc/libipc.a core/sys/libsys.a \
	core/base/libbase.a $(LIBEVENT_LIBS) $(CRYPTO_LIBS) $(SECCOMP_LIBS)

# What fail2ban needs to read the log goes with the other documentation, to be copied to /etc/fail2ban.
fail2banfilterdir = $(docdir)/fail2ban/filter.d
dist_fail2banfilter_DATA = packaging/fail2ban/filter.d/restante.conf
fail2banjaildir = $(docdir)/fail2ban/jail.d
dist_fail2banjail_DATA = packaging/fail2ban/jail.d/restante.conf

restante_worker_SOURCES = \
	core/auth/worker.c \
	core/auth/backend.c core/auth/backend.h
restante_worker_LDFLAGS = $(AM_LDFLAGS) $(plug_preload)
restante_worker_LDADD = core/plug/libplug.a core/pop3/libpop3.a core/conf/libconf.a core/ipc/libipc.a core/sys/libsys.a \
	core/base/libbase.a $(LTDL_LIBS) $(SECCOMP_LIBS)
EXTRA_restante_worker_DEPENDENCIES = $(plug_preload_files)
if SANITIZED
# The sanitizer's crypt_r() looks for the real one when the program starts: pam_unix, loaded later,
# would call nothing.
restante_worker_LDADD += $(CRYPT_LIBS)
endif
