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

# What third parties do and should not do, with plugins that the tests make.
ABI_TESTS = tests/abi/test_bad.py tests/abi/test_broken.py tests/abi/test_stability.py
EXTRA_DIST += $(ABI_TESTS) tests/abi/conftest.py tests/abi/third_party.py \
	tests/abi/1.0 tests/abi/layout.h tests/abi/header.py \
	tests/abi/auth_broken.c tests/abi/storage_broken.c tests/abi/twin.c
if SHARED
if HAVE_PYTEST
TESTS += $(ABI_TESTS)
endif
endif
