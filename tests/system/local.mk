# The system tests: pytest, one server for each file. tap.py runs a file and prints TAP.
#
# `make check TESTS=tests/system/test_tls.py` runs one of them; /usr/bin/python3 -m pytest in this
# folder works as well and takes the server from ../../build.
SYSTEM_TESTS = \
	tests/system/test_octets.py \
	tests/system/test_commands.py \
	tests/system/test_sessions.py \
	tests/system/test_maildir.py \
	tests/system/test_mbox.py \
	tests/system/test_mailbox.py \
	tests/system/test_mbox_mta.py \
	tests/system/test_archive.py \
	tests/system/test_deliver.py \
	tests/system/test_plugin_calls.py \
	tests/system/test_plugin_kit.py \
	tests/system/test_mta.py \
	tests/system/test_login.py \
	tests/system/test_sasl.py \
	tests/system/test_pam.py \
	tests/system/test_exec.py \
	tests/system/test_proxy.py \
	tests/system/test_tls.py \
	tests/system/test_limits.py \
	tests/system/test_abuse.py \
	tests/system/test_attack.py \
	tests/system/test_policy.py \
	tests/system/test_control.py \
	tests/system/test_fail2ban.py \
	tests/system/test_server.py \
	tests/system/test_master.py \
	tests/system/test_privileges.py \
	tests/system/test_tools.py \
	tests/system/test_clients.py \
	tests/system/test_random.py \
	tests/system/test_load.py

PY_LOG_COMPILER = $(PYTEST) $(top_srcdir)/tests/system/tap.py
EXTRA_DIST += $(SYSTEM_TESTS) tests/samples \
	tests/system/tap.py tests/system/conftest.py tests/system/restante.py tests/system/archive_reader.py tests/system/mta.py tests/system/relay.py
if SHARED # what test_plugin_calls.py configures
check_LTLIBRARIES += storage-telling.la
storage_telling_la_SOURCES = tests/abi/storage_telling.c
storage_telling_la_LDFLAGS = $(plugin_link) -rpath $(pkglibdir)
endif
if HAVE_PYTEST
TESTS += $(SYSTEM_TESTS)
endif
