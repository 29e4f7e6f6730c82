# tests/unit
if HAVE_CMOCKA
check_PROGRAMS += limits_test
TESTS += limits_test
limits_test_SOURCES = tests/unit/limits_test.c
limits_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
limits_test_LDADD = core/ipc/libipc.a core/base/libbase.a $(CMOCKA_LIBS)

# login: its TLS. Everything else of it is tested from outside.
check_PROGRAMS += login_tls_test
TESTS += login_tls_test
login_tls_test_SOURCES = tests/unit/login_tls_test.c core/login/client_cert.c core/login/tickets.c \
	core/login/tls.c
login_tls_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(OPENSSL_CFLAGS)
login_tls_test_LDADD = core/conf/libconf.a core/sys/libsys.a core/ipc/libipc.a \
	core/base/libbase.a $(OPENSSL_LIBS) $(SECCOMP_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += proxy_test
TESTS += proxy_test
proxy_test_SOURCES = tests/unit/proxy_test.c core/login/proxy.c core/login/proxy.h
proxy_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
proxy_test_LDADD = $(CMOCKA_LIBS)

check_PROGRAMS += base_test msg_test
TESTS += base_test msg_test
base_test_SOURCES = tests/unit/base_test.c
base_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
base_test_LDADD = core/base/libbase.a $(CMOCKA_LIBS)
msg_test_SOURCES = tests/unit/msg_test.c
msg_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
msg_test_LDADD = core/ipc/libipc.a core/base/libbase.a $(CMOCKA_LIBS)

check_PROGRAMS += control_test
TESTS += control_test
control_test_SOURCES = tests/unit/control_test.c
control_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
control_test_LDADD = core/ipc/libipc.a core/sys/libsys.a core/base/libbase.a $(SECCOMP_LIBS) \
	$(CMOCKA_LIBS)

check_PROGRAMS += passwd_scheme_test passwd_line_test passwd_file_test
TESTS += passwd_scheme_test passwd_line_test passwd_file_test
passwd_scheme_test_SOURCES = tests/unit/passwd_scheme_test.c $(passwd_scheme_sources)
passwd_scheme_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
passwd_scheme_test_LDADD = $(passwd_file_libs) $(CMOCKA_LIBS)
passwd_line_test_SOURCES = tests/unit/passwd_line_test.c $(passwd_file_sources)
passwd_line_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
passwd_line_test_LDADD = $(passwd_file_libs) $(CMOCKA_LIBS)
passwd_file_test_SOURCES = tests/unit/passwd_file_test.c plugins/auth-passwd-file/plugin.c \
	$(passwd_file_sources)
passwd_file_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
passwd_file_test_LDADD = $(passwd_file_libs) $(CMOCKA_LIBS)

check_PROGRAMS += sandbox_test sys_test
TESTS += sandbox_test sys_test
sandbox_test_SOURCES = tests/unit/sandbox_test.c
sandbox_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
sandbox_test_LDADD = core/sys/libsys.a $(SECCOMP_LIBS) $(CMOCKA_LIBS) -lpthread
sys_test_SOURCES = tests/unit/sys_test.c
sys_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
sys_test_LDADD = core/sys/libsys.a $(SECCOMP_LIBS) $(CMOCKA_LIBS)

# Delivery.
check_PROGRAMS += lmtp_test
TESTS += lmtp_test
lmtp_test_SOURCES = tests/unit/lmtp_test.c $(lmtp_sources)
lmtp_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
lmtp_test_LDADD = core/mail/libmail.a core/base/libbase.a $(CMOCKA_LIBS)

# The protocol.
check_PROGRAMS += line_test command_test reply_test sasl_test encode_test
TESTS += line_test command_test reply_test sasl_test encode_test
line_test_SOURCES = tests/unit/line_test.c
line_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
line_test_LDADD = core/pop3/libpop3.a $(CMOCKA_LIBS)
command_test_SOURCES = tests/unit/command_test.c
command_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
command_test_LDADD = core/pop3/libpop3.a $(CMOCKA_LIBS)
reply_test_SOURCES = tests/unit/reply_test.c
reply_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
reply_test_LDADD = core/pop3/libpop3.a $(CMOCKA_LIBS)
sasl_test_SOURCES = tests/unit/sasl_test.c
sasl_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
sasl_test_LDADD = core/pop3/libpop3.a $(CMOCKA_LIBS)
encode_test_SOURCES = tests/unit/encode_test.c tests/unit/encode_reference.h
encode_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
encode_test_LDADD = core/pop3/libpop3.a $(CMOCKA_LIBS)

# The same for processors that have less (core/pop3/vector.h).
check_PROGRAMS += encode_level0_test encode_level1_test
TESTS += encode_level0_test encode_level1_test
encode_level_sources = $(encode_test_SOURCES) core/pop3/encode.c core/pop3/measure.c
encode_level0_test_SOURCES = $(encode_level_sources)
encode_level0_test_CPPFLAGS = $(AM_CPPFLAGS) -DVECTOR_LEVEL=0
encode_level0_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
encode_level0_test_LDADD = $(CMOCKA_LIBS)
encode_level1_test_SOURCES = $(encode_level_sources)
encode_level1_test_CPPFLAGS = $(AM_CPPFLAGS) -DVECTOR_LEVEL=1
encode_level1_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
encode_level1_test_LDADD = $(CMOCKA_LIBS)

check_PROGRAMS += mech_test scram_test
TESTS += mech_test scram_test
scram_test_SOURCES = tests/unit/scram_test.c
scram_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
scram_test_LDADD = core/auth/libmech.a core/pop3/libpop3.a core/ipc/libipc.a core/base/libbase.a \
	$(CRYPTO_LIBS) $(CMOCKA_LIBS)
mech_test_SOURCES = tests/unit/mech_test.c
mech_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
mech_test_LDADD = core/auth/libmech.a core/pop3/libpop3.a core/ipc/libipc.a core/base/libbase.a \
	$(CRYPTO_LIBS) $(CMOCKA_LIBS)

# The configuration and plugins.
check_PROGRAMS += conf_value_test conf_test
TESTS += conf_value_test conf_test
conf_value_test_SOURCES = tests/unit/conf_value_test.c
conf_value_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
conf_value_test_LDADD = core/conf/libconf.a core/sys/libsys.a core/base/libbase.a $(CMOCKA_LIBS)
conf_test_SOURCES = tests/unit/conf_test.c
conf_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
conf_test_LDADD = core/conf/libconfparse.a core/conf/libconf.a core/ipc/libipc.a core/sys/libsys.a \
	core/base/libbase.a $(CONFUSE_LIBS) $(CMOCKA_LIBS)

if SHARED
check_PROGRAMS += plug_test
TESTS += plug_test
plug_test_SOURCES = tests/unit/plug_test.c
plug_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
plug_test_LDADD = $(plug_libs) $(CMOCKA_LIBS)
EXTRA_plug_test_DEPENDENCIES = storage-odd.la storage-unresolved.la
check_LTLIBRARIES += storage-odd.la storage-unresolved.la
storage_odd_la_SOURCES = tests/unit/storage_odd.c
storage_odd_la_LDFLAGS = $(plugin_link) -rpath $(pkglibdir)
storage_unresolved_la_SOURCES = tests/unit/storage_unresolved.c
storage_unresolved_la_LDFLAGS = -module -avoid-version -rpath $(pkglibdir) -Wl,-z,lazy
check_PROGRAMS += auth_roles_test
TESTS += auth_roles_test
auth_roles_test_SOURCES = tests/unit/auth_roles_test.c
auth_roles_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
auth_roles_test_LDADD = core/plug/libplug.a core/pop3/libpop3.a core/conf/libconf.a \
	core/ipc/libipc.a core/sys/libsys.a core/base/libbase.a $(LTDL_LIBS) $(SECCOMP_LIBS) \
	$(CMOCKA_LIBS)
auth_roles_test_DEPENDENCIES = core/plug/libplug.a core/pop3/libpop3.a core/conf/libconf.a \
	core/ipc/libipc.a core/sys/libsys.a core/base/libbase.a \
	auth-odd.la auth-passwd-file.la restante-auth restante-worker
check_LTLIBRARIES += auth-odd.la
auth_odd_la_SOURCES = tests/unit/auth_odd.c
auth_odd_la_LDFLAGS = $(plugin_link) -rpath $(pkglibdir)

check_PROGRAMS += auth_memory_test
TESTS += auth_memory_test
auth_memory_test_SOURCES = tests/unit/auth_memory_test.c core/auth/cache.c core/auth/keyed.c \
	core/auth/penalty.c core/auth/rows.c
auth_memory_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
auth_memory_test_LDADD = core/base/libbase.a $(CRYPTO_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += policy_test
TESTS += policy_test
policy_test_SOURCES = tests/unit/policy_test.c core/auth/policy.c
policy_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
policy_test_LDADD = core/conf/libconf.a core/sys/libsys.a core/base/libbase.a $(CMOCKA_LIBS)

check_PROGRAMS += grants_test
TESTS += grants_test
grants_test_SOURCES = tests/unit/grants_test.c core/session/grants.c
grants_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
grants_test_LDADD = core/ipc/libipc.a core/base/libbase.a $(CMOCKA_LIBS)
endif

# auth-oauth2.
if HAVE_JANSSON
check_PROGRAMS += oauth2_test
TESTS += oauth2_test
oauth2_test_SOURCES = tests/unit/oauth2_test.c $(oauth2_sources)
oauth2_test_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins/auth-oauth2
oauth2_test_CFLAGS = $(oauth2_cflags) $(CMOCKA_CFLAGS)
oauth2_test_LDADD = $(oauth2_libs) $(CMOCKA_LIBS)
endif

# auth-exec.
check_PROGRAMS += exec_wire_test exec_test
TESTS += exec_wire_test exec_test
exec_wire_test_SOURCES = tests/unit/exec_wire_test.c plugins/auth-exec/wire.c
exec_wire_test_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins/auth-exec
exec_wire_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
exec_wire_test_LDADD = $(CMOCKA_LIBS)
exec_test_SOURCES = tests/unit/exec_test.c tests/unit/plugin_host.c tests/unit/plugin_host.h \
	plugins/auth-exec/plugin.c $(auth_exec_sources)
exec_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
exec_test_LDADD = $(CMOCKA_LIBS)

# storage-mbox.
mbox_tests = mbox_pure_test mbox_pure_1_test mbox_pure_0_test mbox_read_test mbox_uidl_test \
	mbox_cache_test mbox_lock_test mbox_change_test mbox_keep_test
check_PROGRAMS += $(mbox_tests)
TESTS += $(mbox_tests)
mbox_box_sources = tests/unit/mbox_box.c tests/unit/mbox_box.h \
	tests/unit/plugin_host.c tests/unit/plugin_host.h $(storage_mbox_sources)
mbox_box_cppflags = $(AM_CPPFLAGS) -DVERSION='"$(VERSION)"'
mbox_lock_test_SOURCES = tests/unit/mbox_lock_test.c $(mbox_box_sources)
mbox_lock_test_CPPFLAGS = $(mbox_box_cppflags) -I$(top_srcdir)/plugins/storage-mbox
mbox_lock_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
mbox_lock_test_LDADD = $(CMOCKA_LIBS)
mbox_keep_test_SOURCES = tests/unit/mbox_keep_test.c $(mbox_box_sources)
mbox_keep_test_CPPFLAGS = $(mbox_box_cppflags)
mbox_keep_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
mbox_keep_test_LDADD = $(CMOCKA_LIBS)
mbox_change_test_SOURCES = tests/unit/mbox_change_test.c $(mbox_box_sources)
mbox_change_test_CPPFLAGS = $(mbox_box_cppflags)
mbox_change_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
mbox_change_test_LDADD = $(CMOCKA_LIBS)
mbox_read_test_SOURCES = tests/unit/mbox_read_test.c $(mbox_box_sources)
mbox_read_test_CPPFLAGS = $(mbox_box_cppflags)
mbox_read_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
mbox_read_test_LDADD = $(CMOCKA_LIBS)
mbox_pure_sources = tests/unit/mbox_pure_test.c plugins/storage-mbox/from.c \
	plugins/storage-mbox/lines.c plugins/storage-mbox/quote.c plugins/storage-mbox/sip.c
mbox_pure_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins/storage-mbox
mbox_pure_test_SOURCES = $(mbox_pure_sources)
mbox_pure_test_CPPFLAGS = $(mbox_pure_cppflags)
mbox_pure_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
mbox_pure_test_LDADD = $(CMOCKA_LIBS)
mbox_pure_1_test_SOURCES = $(mbox_pure_sources)
mbox_pure_1_test_CPPFLAGS = $(mbox_pure_cppflags) -DLINES_LEVEL=1
mbox_pure_1_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
mbox_pure_1_test_LDADD = $(CMOCKA_LIBS)
mbox_pure_0_test_SOURCES = $(mbox_pure_sources)
mbox_pure_0_test_CPPFLAGS = $(mbox_pure_cppflags) -DLINES_LEVEL=0
mbox_pure_0_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
mbox_pure_0_test_LDADD = $(CMOCKA_LIBS)
mbox_uidl_test_SOURCES = tests/unit/mbox_uidl_test.c $(mbox_box_sources)
mbox_uidl_test_CPPFLAGS = $(mbox_box_cppflags)
mbox_uidl_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
mbox_uidl_test_LDADD = $(CMOCKA_LIBS)
mbox_cache_test_SOURCES = tests/unit/mbox_cache_test.c $(mbox_box_sources)
mbox_cache_test_CPPFLAGS = $(mbox_box_cppflags) -I$(top_srcdir)/plugins/storage-mbox
mbox_cache_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
mbox_cache_test_LDADD = $(CMOCKA_LIBS)

# storage-archive.
archive_tests = archive_pure_test archive_mail_test archive_damage_test
check_PROGRAMS += $(archive_tests)
TESTS += $(archive_tests)
archive_pure_test_SOURCES = tests/unit/archive_pure_test.c plugins/storage-archive/index.c \
	plugins/storage-archive/member.c plugins/storage-archive/quote.c
archive_pure_test_CPPFLAGS = $(AM_CPPFLAGS) $(ZLIB_CFLAGS) -I$(top_srcdir)/plugins/storage-archive
archive_pure_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
archive_pure_test_LDADD = $(ZLIB_LIBS) $(CMOCKA_LIBS)
archive_box_sources = tests/unit/archive_box.c tests/unit/archive_box.h \
	tests/unit/plugin_host.c tests/unit/plugin_host.h $(storage_archive_sources)
archive_box_cppflags = $(AM_CPPFLAGS) $(storage_archive_cppflags)
archive_mail_test_SOURCES = tests/unit/archive_mail_test.c $(archive_box_sources)
archive_mail_test_CPPFLAGS = $(archive_box_cppflags)
archive_mail_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
archive_mail_test_LDADD = $(storage_archive_libs) $(CMOCKA_LIBS)
archive_damage_test_SOURCES = tests/unit/archive_damage_test.c $(archive_box_sources)
archive_damage_test_CPPFLAGS = $(archive_box_cppflags)
archive_damage_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
archive_damage_test_LDADD = $(storage_archive_libs) $(CMOCKA_LIBS)

# storage-maildir.
maildir_tests = maildir_names_test maildir_index_test maildir_list_test maildir_cache_test \
	maildir_change_test maildir_deliver_test
check_PROGRAMS += $(maildir_tests)
TESTS += $(maildir_tests)
maildir_test_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins/storage-maildir
maildir_names_test_SOURCES = tests/unit/maildir_names_test.c plugins/storage-maildir/names.c
maildir_names_test_CPPFLAGS = $(maildir_test_cppflags)
maildir_names_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
maildir_names_test_LDADD = $(CMOCKA_LIBS)
maildir_index_test_SOURCES = tests/unit/maildir_index_test.c plugins/storage-maildir/index.c
maildir_index_test_CPPFLAGS = $(maildir_test_cppflags)
maildir_index_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
maildir_index_test_LDADD = $(CMOCKA_LIBS)
maildir_box_sources = tests/unit/maildir_box.c tests/unit/maildir_box.h \
	tests/unit/plugin_host.c tests/unit/plugin_host.h $(storage_maildir_sources)
maildir_box_cppflags = $(AM_CPPFLAGS) -DVERSION='"$(VERSION)"'
maildir_list_test_SOURCES = tests/unit/maildir_list_test.c $(maildir_box_sources)
maildir_list_test_CPPFLAGS = $(maildir_box_cppflags)
maildir_list_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
maildir_list_test_LDADD = $(CMOCKA_LIBS)
maildir_cache_test_SOURCES = tests/unit/maildir_cache_test.c $(maildir_box_sources)
maildir_cache_test_CPPFLAGS = $(maildir_box_cppflags)
maildir_cache_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
maildir_cache_test_LDADD = $(CMOCKA_LIBS)
maildir_change_test_SOURCES = tests/unit/maildir_change_test.c $(maildir_box_sources)
maildir_change_test_CPPFLAGS = $(maildir_box_cppflags)
maildir_change_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
maildir_change_test_LDADD = $(CMOCKA_LIBS)
maildir_deliver_test_SOURCES = tests/unit/maildir_deliver_test.c $(maildir_box_sources)
maildir_deliver_test_CPPFLAGS = $(maildir_box_cppflags)
maildir_deliver_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
maildir_deliver_test_LDADD = $(CMOCKA_LIBS)
endif
