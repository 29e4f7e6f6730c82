# core/ctl: restantectl.
sbin_PROGRAMS += restantectl
restantectl_SOURCES = \
	core/ctl/auth.c \
	core/ctl/config.c \
	core/ctl/control.c \
	core/ctl/ctl.h \
	core/ctl/mailbox.c \
	core/ctl/main.c \
	core/ctl/passwd.c \
	core/ctl/plugins.c \
	core/ctl/secret.c \
	core/ctl/user.c \
	$(passwd_scheme_sources)
restantectl_LDFLAGS = $(AM_LDFLAGS) $(plug_preload)
restantectl_LDADD = $(tool_libs) $(plug_libs) $(passwd_file_libs)
EXTRA_restantectl_DEPENDENCIES = $(plug_preload_files)
dist_man_MANS += core/ctl/restantectl.8
