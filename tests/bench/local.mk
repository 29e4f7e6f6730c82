# restante-load (a load generator that checks every reply), restante-bounds (what the machine can do
# at best), and `make bench`, which compares the servers; flags for it: make bench BENCH="--quick".
EXTRA_PROGRAMS = restante-bounds
check_PROGRAMS += restante-load
restante_load_SOURCES = tests/bench/load.c tests/bench/load.h tests/bench/load_run.c \
	tests/bench/load_conn.c tests/bench/load_mode.c tests/bench/load_reply.c \
	tests/bench/load_self.c
restante_load_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
restante_load_LDADD = $(OPENSSL_LIBS)
restante_bounds_SOURCES = tests/bench/bounds.c
restante_bounds_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
restante_bounds_LDADD = $(OPENSSL_LIBS)

TESTS += tests/bench/load_test
EXTRA_DIST += tests/bench/load_test tests/bench/bench.py tests/bench/rows.py \
	tests/bench/mailboxes.py tests/bench/servers.py

bench: all restante-load restante-bounds boundary-bench storage-memory.la
	python3 $(srcdir)/tests/bench/bench.py --tools $(builddir) $(BENCH)
	python3 $(srcdir)/tests/bench/mbox.py --tools $(builddir) $(BENCH)
	python3 $(srcdir)/tests/bench/boundary.py --tools $(builddir) $(BENCH)
	python3 $(srcdir)/tests/bench/archive.py --tools $(builddir) $(BENCH)
CLEANFILES += restante-bounds
.PHONY: bench

# encode-bench: the encoder beside memcpy().
check_PROGRAMS += encode-bench
encode_bench_SOURCES = tests/bench/encode_bench.c
encode_bench_LDADD = core/pop3/libpop3.a

# mbox files alone, with popa3d beside Dovecot.
EXTRA_DIST += tests/bench/mbox.py
bench-mbox: all restante-load
	python3 $(srcdir)/tests/bench/mbox.py --tools $(builddir) $(BENCH)
.PHONY: bench-mbox

# Can it be told from the time of a refusal why? make timing TIMING="--tries 100".
EXTRA_DIST += tests/bench/timing.py
timing: all
	RESTANTE_SOURCE=$(abs_top_srcdir) RESTANTE_BUILD=$(abs_top_builddir) \
		python3 $(srcdir)/tests/bench/timing.py $(TIMING)
.PHONY: timing

# What a user notices of 500 wrong logins a second; flags: make attack ATTACK="--seconds 5".
EXTRA_DIST += tests/bench/attack.py
attack: all
	RESTANTE_SOURCE=$(abs_top_srcdir) RESTANTE_BUILD=$(abs_top_builddir) \
		python3 $(srcdir)/tests/bench/attack.py $(ATTACK)
.PHONY: attack

# The plugin boundary alone: a storage in memory, called by name and through the ABI.
EXTRA_PROGRAMS += boundary-bench
EXTRA_LTLIBRARIES += storage-memory.la
boundary_bench_SOURCES = tests/bench/boundary_bench.c tests/bench/memory.c tests/bench/memory.h
boundary_bench_CFLAGS = $(AM_CFLAGS)
storage_memory_la_SOURCES = tests/bench/memory.c tests/bench/memory.h
storage_memory_la_CFLAGS = $(AM_CFLAGS)
storage_memory_la_LDFLAGS = $(plugin_link) -rpath $(pkglibdir)
CLEANFILES += boundary-bench storage-memory.la
EXTRA_DIST += tests/bench/boundary.py
bench-boundary: all restante-load boundary-bench storage-memory.la
	python3 $(srcdir)/tests/bench/boundary.py --tools $(builddir) $(BENCH)
.PHONY: bench-boundary

# Archives alone, beside our Maildir and Dovecot's of gzip files.
EXTRA_DIST += tests/bench/archive.py
bench-archive: all restante-load
	python3 $(srcdir)/tests/bench/archive.py --tools $(builddir) $(BENCH)
.PHONY: bench-archive
