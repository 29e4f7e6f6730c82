# core/mail: a message on its way into a mailbox; for restante-deliver and the session role.
noinst_LIBRARIES += core/mail/libmail.a
core_mail_libmail_a_SOURCES = \
	core/mail/address.c core/mail/address.h \
	core/mail/letter.c core/mail/letter.h \
	core/mail/result.c core/mail/result.h \
	core/mail/trace.c core/mail/trace.h
