# core/conf: the table of settings, validation, the wire form. Needs libsys.a and libbase.a. The
# parser is a library of its own: only restante-check links libconfuse.
noinst_LIBRARIES += core/conf/libconf.a
core_conf_libconf_a_SOURCES = \
	core/conf/conf.c core/conf/conf.h core/conf/impl.h \
	core/conf/override.c \
	core/conf/table.c core/conf/table.h \
	core/conf/transfer.c \
	core/conf/value.c core/conf/value.h \
	core/conf/wire.c core/conf/wire.h

noinst_LIBRARIES += core/conf/libconfparse.a
core_conf_libconfparse_a_SOURCES = \
	core/conf/build.c core/conf/build.h \
	core/conf/parse.c core/conf/parse.h \
	core/conf/source.c core/conf/source.h
core_conf_libconfparse_a_CPPFLAGS = $(AM_CPPFLAGS) $(CONFUSE_CFLAGS)

dist_man_MANS += core/conf/restante.conf.5
EXTRA_DIST += core/conf/restante.conf

# The example becomes the configuration where there is none; an administrator's is never touched.
install-data-local:
	$(MKDIR_P) "$(DESTDIR)$(sysconfdir)/restante/conf.d"
	test -e "$(DESTDIR)$(sysconfdir)/restante/restante.conf" || \
		$(INSTALL_DATA) $(srcdir)/core/conf/restante.conf "$(DESTDIR)$(sysconfdir)/restante/"

uninstall-local:
	! cmp -s $(srcdir)/core/conf/restante.conf "$(DESTDIR)$(sysconfdir)/restante/restante.conf" || \
		rm -f "$(DESTDIR)$(sysconfdir)/restante/restante.conf"
