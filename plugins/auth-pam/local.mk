# plugins/auth-pam: the system's PAM.
if PAM
pkglib_LTLIBRARIES += auth-pam.la
auth_pam_la_SOURCES = plugins/auth-pam/plugin.c \
	plugins/auth-pam/home.c plugins/auth-pam/home.h \
	plugins/auth-pam/stack.c plugins/auth-pam/stack.h
auth_pam_la_CPPFLAGS = $(AM_CPPFLAGS) $(PAM_CPPFLAGS)
auth_pam_la_LDFLAGS = $(plugin_link)
auth_pam_la_LIBADD = $(PAM_LIBS)
dist_man_MANS += plugins/auth-pam/restante-auth-pam.7

# The service file goes with the other documentation: only a packager knows this system's includes.
pamexampledir = $(docdir)/pam.d
dist_pamexample_DATA = packaging/pam.d/restante
endif
