# core/check: the configuration checker, run by the master and by restantectl.
pkglibexec_PROGRAMS += restante-check
restante_check_SOURCES = core/check/check.h core/check/files.c core/check/main.c \
	core/check/plugins.c
restante_check_LDFLAGS = $(AM_LDFLAGS) $(plug_preload)
restante_check_LDADD = core/conf/libconfparse.a core/ipc/libipc.a $(plug_libs) $(CONFUSE_LIBS)
EXTRA_restante_check_DEPENDENCIES = $(plug_preload_files)
