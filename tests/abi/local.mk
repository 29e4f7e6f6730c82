# tests/abi: do plugins keep the interface, and does the interface keep its promises?
#
# A plugin's .conform file has the arguments of restante-plugin-test for it; see conform.
CONFORM = \
	tests/abi/auth-exec.conform \
	tests/abi/auth-oauth2.conform \
	tests/abi/auth-pam.conform \
	tests/abi/auth-passwd-file.conform \
	tests/abi/storage-archive.conform \
	tests/abi/storage-maildir.conform \
	tests/abi/storage-mbox.conform
EXTRA_DIST += tests/abi/conform $(CONFORM)
CONFORM_LOG_DRIVER = $(TAP_DRIVER)
CONFORM_LOG_COMPILER = $(SHELL) $(top_srcdir)/tests/abi/conform
if SHARED
TESTS += $(CONFORM)
endif
