# core/testkit: restante-plugin-test, the conformance test for plugins.
bin_PROGRAMS += restante-plugin-test
restante_plugin_test_SOURCES = \
	core/testkit/box.c \
	core/testkit/case_auth.c \
	core/testkit/case_crash.c \
	core/testkit/case_entry.c \
	core/testkit/case_fault.c \
	core/testkit/case_process.c \
	core/testkit/case_read.c \
	core/testkit/case_write.c \
	core/testkit/disturb.c \
	core/testkit/host.c \
	core/testkit/kit.h \
	core/testkit/load.c \
	core/testkit/main.c \
	core/testkit/peer.c \
	core/testkit/run.c \
	core/testkit/samples.c \
	core/testkit/watch.c
restante_plugin_test_LDADD = $(plug_libs) $(SECCOMP_LIBS)
dist_man_MANS += core/testkit/restante-plugin-test.1
