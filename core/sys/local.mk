# core/sys: what differs by operating system.
noinst_LIBRARIES += core/sys/libsys.a
core_sys_libsys_a_SOURCES = \
	core/sys/drop.c core/sys/drop.h \
	core/sys/filter.c core/sys/filter.h \
	core/sys/landlock.c core/sys/landlock.h \
	core/sys/listen.c core/sys/listen.h \
	core/sys/notify.c core/sys/notify.h \
	core/sys/pidfile.c core/sys/pidfile.h \
	core/sys/program.c core/sys/program.h \
	core/sys/query.c core/sys/query.h
core_sys_libsys_a_CPPFLAGS = $(AM_CPPFLAGS) $(SECCOMP_CFLAGS)
