# core/master: restanted, the supervisor. It links no parser, no plugin loader and no OpenSSL.
sbin_PROGRAMS += restanted
restanted_SOURCES = \
	core/master/check.c \
	core/master/control.c \
	core/master/generation.c \
	core/master/loop.c \
	core/master/main.c \
	core/master/master.h \
	core/master/process.c \
	core/master/resources.c \
	core/master/stop.c \
	core/master/tickets.c
restanted_LDADD = core/conf/libconf.a core/ipc/libipc.a core/sys/libsys.a core/base/libbase.a
dist_man_MANS += core/master/restanted.8
