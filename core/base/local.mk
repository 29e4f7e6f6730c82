# core/base: buffers, logging, clock, wiping. Depends on nothing.
noinst_LIBRARIES += core/base/libbase.a
core_base_libbase_a_SOURCES = \
	core/base/buf.c core/base/buf.h \
	core/base/clock.c core/base/clock.h \
	core/base/log.c core/base/log.h \
	core/base/net.c core/base/net.h \
	core/base/wipe.c core/base/wipe.h
