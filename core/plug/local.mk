# core/plug: finding, vetting, loading plugins; what they get from the core. A program that uses it
# links $(plug_libs), and $(plug_preload) for a build with --disable-shared.
noinst_LIBRARIES += core/plug/libplug.a
core_plug_libplug_a_SOURCES = \
	core/plug/become.c core/plug/become.h \
	core/plug/expand.c core/plug/expand.h \
	core/plug/find.c \
	core/plug/guard.c \
	core/plug/host.c core/plug/host.h \
	core/plug/linked.c core/plug/linked.h \
	core/plug/load.c \
	core/plug/plug.h \
	core/plug/vet.c

plug_libs = core/plug/libplug.a core/conf/libconf.a core/pop3/libpop3.a core/sys/libsys.a \
	core/base/libbase.a $(LTDL_LIBS)

# Of a program prog: prog_LDFLAGS = $(AM_LDFLAGS) $(plug_preload)
#                    prog_LDADD = ... $(plug_libs)
#                    EXTRA_prog_DEPENDENCIES = $(plug_preload_files)
if SHARED
plug_preload =
plug_preload_files =
else
plug_preload = $(pkglib_LTLIBRARIES:%=-dlpreopen %)
plug_preload_files = $(pkglib_LTLIBRARIES)
endif
