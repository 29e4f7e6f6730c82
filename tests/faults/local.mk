# tests/faults: storage plugins and sessions stopped at every system call in turn.
check_PROGRAMS += storage-step
storage_step_SOURCES = tests/faults/storage_step.c tests/unit/plugin_host.c tests/unit/plugin_host.h
storage_step_LDADD = -ldl

FAULT_TESTS = tests/faults/test_storage.py tests/faults/test_session.py \
	tests/faults/test_mbox.py tests/faults/test_convert.py tests/faults/test_archive.py
EXTRA_DIST += $(FAULT_TESTS) tests/faults/faults.py
# Not with sanitizers: their own system calls would be disturbed too.
if HAVE_PYTEST
if !SANITIZED
TESTS += $(FAULT_TESTS)
endif
endif
