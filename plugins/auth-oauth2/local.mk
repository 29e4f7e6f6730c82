# plugins/auth-oauth2: bearer tokens. Built where jansson is.
oauth2_sources = \
	plugins/auth-oauth2/jwks.c plugins/auth-oauth2/jwks.h \
	plugins/auth-oauth2/jwt.c plugins/auth-oauth2/jwt.h
oauth2_cflags = $(AM_CFLAGS) $(CRYPTO_CFLAGS) $(JANSSON_CFLAGS)
oauth2_libs = $(CRYPTO_LIBS) $(JANSSON_LIBS)

if HAVE_JANSSON
pkglib_LTLIBRARIES += auth-oauth2.la
auth_oauth2_la_SOURCES = plugins/auth-oauth2/plugin.c $(oauth2_sources)
auth_oauth2_la_CFLAGS = $(oauth2_cflags)
auth_oauth2_la_LDFLAGS = $(plugin_link)
auth_oauth2_la_LIBADD = $(oauth2_libs)
dist_man_MANS += plugins/auth-oauth2/restante-auth-oauth2.7
endif
