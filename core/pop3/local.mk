# core/pop3: the protocol as pure functions. No I/O, no state of its own.
noinst_LIBRARIES += core/pop3/libpop3.a
core_pop3_libpop3_a_SOURCES = \
	core/pop3/base64.c core/pop3/base64.h \
	core/pop3/capa.c core/pop3/capa.h \
	core/pop3/command.c core/pop3/command.h \
	core/pop3/encode.c core/pop3/encode.h \
	core/pop3/line.c core/pop3/line.h \
	core/pop3/measure.c \
	core/pop3/replies.c core/pop3/replies.h \
	core/pop3/reply.c core/pop3/reply.h \
	core/pop3/sasl.c core/pop3/sasl.h \
	core/pop3/slice.h \
	core/pop3/vector.h
