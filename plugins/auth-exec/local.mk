# plugins/auth-exec: users as a program of the administrator's knows them.
auth_exec_sources = \
	plugins/auth-exec/link.c plugins/auth-exec/link.h \
	plugins/auth-exec/program.c plugins/auth-exec/program.h \
	plugins/auth-exec/wire.c plugins/auth-exec/wire.h

pkglib_LTLIBRARIES += auth-exec.la
auth_exec_la_SOURCES = plugins/auth-exec/plugin.c $(auth_exec_sources)
# Flags of its own keep its objects apart from those that tests make of the same sources.
auth_exec_la_CFLAGS = $(AM_CFLAGS)
auth_exec_la_LDFLAGS = $(plugin_link)
dist_man_MANS += plugins/auth-exec/restante-auth-exec.7

execexampledir = $(docdir)/auth-exec
dist_execexample_SCRIPTS = plugins/auth-exec/example.py plugins/auth-exec/example.sh
