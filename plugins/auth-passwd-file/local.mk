# plugins/auth-passwd-file: users and passwords in a file. restantectl compiles passwd_scheme_sources
# too, to make passwords.
passwd_scheme_sources = \
	plugins/auth-passwd-file/equal.c plugins/auth-passwd-file/equal.h \
	plugins/auth-passwd-file/scheme.c plugins/auth-passwd-file/scheme.h \
	plugins/auth-passwd-file/scram.c plugins/auth-passwd-file/scram.h
passwd_file_sources = \
	plugins/auth-passwd-file/file.c plugins/auth-passwd-file/file.h \
	plugins/auth-passwd-file/line.c plugins/auth-passwd-file/line.h \
	plugins/auth-passwd-file/secrets.c plugins/auth-passwd-file/secrets.h \
	$(passwd_scheme_sources)
passwd_file_libs = $(CRYPT_LIBS) $(CRYPTO_LIBS)

pkglib_LTLIBRARIES += auth-passwd-file.la
auth_passwd_file_la_SOURCES = plugins/auth-passwd-file/plugin.c $(passwd_file_sources)
# Flags of its own keep its objects apart from those that other programs make of the same sources.
auth_passwd_file_la_CFLAGS = $(AM_CFLAGS)
auth_passwd_file_la_LDFLAGS = $(plugin_link)
auth_passwd_file_la_LIBADD = $(passwd_file_libs)
dist_man_MANS += plugins/auth-passwd-file/restante-auth-passwd-file.7
