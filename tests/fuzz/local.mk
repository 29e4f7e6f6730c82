# The libFuzzer targets: a few rows here for each, its seeds in seeds/<what>/.
#
# With --enable-fuzzers (clang) they are fuzzers: `./fuzz-<what> -max_total_time=60 DIR`. In every
# other build replay.c is their main and make check runs each over its seeds.
#
# A target is fuzz_<what>.c, which defines LLVMFuzzerTestOneInput, and these rows:
#
#	FUZZ_TARGETS += fuzz-<what>
#	fuzz_<what>_SOURCES = tests/fuzz/fuzz_<what>.c $(FUZZ_MAIN)
#	fuzz_<what>_LDFLAGS = $(FUZZ_LINK)
#	fuzz_<what>_LDADD = core/<folder>/lib<folder>.a core/base/libbase.a
FUZZ_TARGETS =

if FUZZERS
FUZZ_MAIN =
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
else
FUZZ_MAIN = tests/fuzz/replay.c
FUZZ_LINK = $(AM_LDFLAGS)
TESTS += $(FUZZ_TARGETS)
endif

FUZZ_TARGETS += fuzz-passwd
fuzz_passwd_SOURCES = tests/fuzz/fuzz_passwd.c $(passwd_file_sources) $(FUZZ_MAIN)
fuzz_passwd_LDFLAGS = $(FUZZ_LINK)
fuzz_passwd_LDADD = $(passwd_file_libs)

check_PROGRAMS += $(FUZZ_TARGETS)
fuzzers: $(FUZZ_TARGETS)
.PHONY: fuzzers
EXTRA_DIST += tests/fuzz/seeds tests/fuzz/replay.c

FUZZ_TARGETS += fuzz-msg
fuzz_msg_SOURCES = tests/fuzz/fuzz_msg.c $(FUZZ_MAIN)
fuzz_msg_LDFLAGS = $(FUZZ_LINK)
fuzz_msg_LDADD = core/ipc/libipc.a core/base/libbase.a

FUZZ_TARGETS += fuzz-control
fuzz_control_SOURCES = tests/fuzz/fuzz_control.c $(FUZZ_MAIN)
fuzz_control_LDFLAGS = $(FUZZ_LINK)
fuzz_control_LDADD = core/ipc/libipc.a core/base/libbase.a

FUZZ_TARGETS += fuzz-lmtp
fuzz_lmtp_SOURCES = tests/fuzz/fuzz_lmtp.c $(lmtp_sources) $(FUZZ_MAIN)
fuzz_lmtp_LDFLAGS = $(FUZZ_LINK)
fuzz_lmtp_LDADD = core/mail/libmail.a core/base/libbase.a

FUZZ_TARGETS += fuzz-command
fuzz_command_SOURCES = tests/fuzz/fuzz_command.c $(FUZZ_MAIN)
fuzz_command_LDFLAGS = $(FUZZ_LINK)
fuzz_command_LDADD = core/pop3/libpop3.a
FUZZ_TARGETS += fuzz-encode
fuzz_encode_SOURCES = tests/fuzz/fuzz_encode.c tests/unit/encode_reference.h $(FUZZ_MAIN)
fuzz_encode_LDFLAGS = $(FUZZ_LINK)
fuzz_encode_LDADD = core/pop3/libpop3.a
FUZZ_TARGETS += fuzz-sasl
fuzz_sasl_SOURCES = tests/fuzz/fuzz_sasl.c $(FUZZ_MAIN)
fuzz_sasl_LDFLAGS = $(FUZZ_LINK)
fuzz_sasl_LDADD = core/pop3/libpop3.a

FUZZ_TARGETS += fuzz-mech
fuzz_mech_SOURCES = tests/fuzz/fuzz_mech.c $(FUZZ_MAIN)
fuzz_mech_LDFLAGS = $(FUZZ_LINK)
fuzz_mech_LDADD = core/auth/libmech.a core/pop3/libpop3.a core/ipc/libipc.a core/base/libbase.a $(CRYPTO_LIBS)

FUZZ_TARGETS += fuzz-maildir-index
fuzz_maildir_index_SOURCES = tests/fuzz/fuzz_maildir_index.c plugins/storage-maildir/index.c \
	$(FUZZ_MAIN)
fuzz_maildir_index_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins/storage-maildir
fuzz_maildir_index_LDFLAGS = $(FUZZ_LINK)
FUZZ_TARGETS += fuzz-wire
fuzz_wire_SOURCES = tests/fuzz/fuzz_wire.c $(FUZZ_MAIN)
fuzz_wire_LDFLAGS = $(FUZZ_LINK)
fuzz_wire_LDADD = core/conf/libconf.a core/sys/libsys.a core/base/libbase.a

FUZZ_TARGETS += fuzz-mbox-index
fuzz_mbox_index_SOURCES = tests/fuzz/fuzz_mbox_index.c plugins/storage-mbox/index.c $(FUZZ_MAIN)
fuzz_mbox_index_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins/storage-mbox
fuzz_mbox_index_LDFLAGS = $(FUZZ_LINK)

FUZZ_TARGETS += fuzz-mbox-scan
fuzz_mbox_scan_SOURCES = tests/fuzz/fuzz_mbox_scan.c tests/unit/plugin_host.c tests/unit/plugin_host.h \
	$(storage_mbox_sources) $(FUZZ_MAIN)
fuzz_mbox_scan_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins/storage-mbox -DVERSION='"$(VERSION)"'
fuzz_mbox_scan_LDFLAGS = $(FUZZ_LINK)
FUZZ_TARGETS += fuzz-mbox-in
fuzz_mbox_in_SOURCES = tests/fuzz/fuzz_mbox_in.c core/ctl/mbox_in.c core/ctl/mbox_out.c \
	plugins/storage-mbox/from.c $(FUZZ_MAIN)
fuzz_mbox_in_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_MBOX_IN # objects of its own
fuzz_mbox_in_LDFLAGS = $(FUZZ_LINK)
fuzz_mbox_in_LDADD = core/base/libbase.a
FUZZ_TARGETS += fuzz-mbox-record
fuzz_mbox_record_SOURCES = tests/fuzz/fuzz_mbox_record.c $(storage_mbox_sources) $(FUZZ_MAIN)
fuzz_mbox_record_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins/storage-mbox -DVERSION='"$(VERSION)"'
fuzz_mbox_record_LDFLAGS = $(FUZZ_LINK)
FUZZ_TARGETS += fuzz-mbox-journal
fuzz_mbox_journal_SOURCES = tests/fuzz/fuzz_mbox_journal.c tests/unit/plugin_host.c \
	tests/unit/plugin_host.h $(storage_mbox_sources) $(FUZZ_MAIN)
fuzz_mbox_journal_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins/storage-mbox \
	-DVERSION='"$(VERSION)"'
fuzz_mbox_journal_LDFLAGS = $(FUZZ_LINK)

FUZZ_TARGETS += fuzz-archive-member
fuzz_archive_member_SOURCES = tests/fuzz/fuzz_archive_member.c plugins/storage-archive/member.c $(FUZZ_MAIN)
fuzz_archive_member_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins/storage-archive $(ZLIB_CFLAGS)
fuzz_archive_member_LDFLAGS = $(FUZZ_LINK)
fuzz_archive_member_LDADD = $(ZLIB_LIBS)
FUZZ_TARGETS += fuzz-archive-index
fuzz_archive_index_SOURCES = tests/fuzz/fuzz_archive_index.c plugins/storage-archive/index.c $(FUZZ_MAIN)
fuzz_archive_index_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins/storage-archive
fuzz_archive_index_LDFLAGS = $(FUZZ_LINK)
FUZZ_TARGETS += fuzz-archive-walk
fuzz_archive_walk_SOURCES = tests/fuzz/fuzz_archive_walk.c tests/unit/plugin_host.c \
	tests/unit/plugin_host.h $(storage_archive_sources) $(FUZZ_MAIN)
fuzz_archive_walk_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins/storage-archive \
	$(storage_archive_cppflags)
fuzz_archive_walk_LDFLAGS = $(FUZZ_LINK)
fuzz_archive_walk_LDADD = $(storage_archive_libs)

FUZZ_TARGETS += fuzz-proxy
fuzz_proxy_SOURCES = tests/fuzz/fuzz_proxy.c core/login/proxy.c $(FUZZ_MAIN)
fuzz_proxy_LDFLAGS = $(FUZZ_LINK)

if HAVE_JANSSON
FUZZ_TARGETS += fuzz-oauth2
fuzz_oauth2_SOURCES = tests/fuzz/fuzz_oauth2.c $(oauth2_sources) $(FUZZ_MAIN)
fuzz_oauth2_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins/auth-oauth2
fuzz_oauth2_CFLAGS = $(oauth2_cflags)
fuzz_oauth2_LDFLAGS = $(FUZZ_LINK)
fuzz_oauth2_LDADD = $(oauth2_libs)
endif

FUZZ_TARGETS += fuzz-exec
fuzz_exec_SOURCES = tests/fuzz/fuzz_exec.c plugins/auth-exec/wire.c $(FUZZ_MAIN)
fuzz_exec_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins/auth-exec
fuzz_exec_LDFLAGS = $(FUZZ_LINK)
