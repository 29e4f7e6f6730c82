# core/ctl: restantectl.
sbin_PROGRAMS += restantectl
restantectl_SOURCES = \
	core/ctl/ask.c \
	core/ctl/auth.c \
	core/ctl/config.c \
	core/ctl/control.c \
	core/ctl/ctl.h \
	core/ctl/mailbox.c core/ctl/mailbox.h \
	core/ctl/mailbox_convert.c \
	core/ctl/mailbox_export.c \
	core/ctl/mailbox_import.c \
	core/ctl/mailbox_open.c \
	core/ctl/mailbox_stat.c \
	core/ctl/main.c \
	core/ctl/mbox_in.c core/ctl/mbox_in.h \
	core/ctl/mbox_out.c core/ctl/mbox_out.h \
	core/ctl/passwd.c \
	core/ctl/plugins.c \
	core/ctl/progress.c core/ctl/progress.h \
	core/ctl/secret.c \
	core/ctl/source.c core/ctl/source.h \
	core/ctl/user.c \
	core/ctl/wire.c core/ctl/wire.h \
	plugins/storage-mbox/from.c plugins/storage-mbox/from.h \
	$(passwd_scheme_sources)
restantectl_LDFLAGS = $(AM_LDFLAGS) $(plug_preload)
restantectl_LDADD = $(tool_libs) $(plug_libs) $(passwd_file_libs)
EXTRA_restantectl_DEPENDENCIES = $(plug_preload_files)
dist_man_MANS += core/ctl/restantectl.8
