# plugins/storage-mbox
pkglib_LTLIBRARIES += storage-mbox.la
PLUGINS += storage-mbox
dist_man_MANS += plugins/storage-mbox/restante-storage-mbox.7

storage_mbox_sources = \
	plugins/storage-mbox/body.c \
	plugins/storage-mbox/copy.c \
	plugins/storage-mbox/deliver.c \
	plugins/storage-mbox/dotlock.c plugins/storage-mbox/dotlock.h \
	plugins/storage-mbox/from.c plugins/storage-mbox/from.h \
	plugins/storage-mbox/groups.c plugins/storage-mbox/groups.h \
	plugins/storage-mbox/header.c plugins/storage-mbox/header.h \
	plugins/storage-mbox/index.c plugins/storage-mbox/index.h \
	plugins/storage-mbox/journal.c plugins/storage-mbox/journal.h \
	plugins/storage-mbox/keep.c \
	plugins/storage-mbox/lines.c plugins/storage-mbox/lines.h \
	plugins/storage-mbox/lock.c \
	plugins/storage-mbox/mailbox.c plugins/storage-mbox/mbox.h \
	plugins/storage-mbox/maintain.c \
	plugins/storage-mbox/notes.c \
	plugins/storage-mbox/plugin.c \
	plugins/storage-mbox/quote.c plugins/storage-mbox/quote.h \
	plugins/storage-mbox/record.c \
	plugins/storage-mbox/refresh.c \
	plugins/storage-mbox/remove.c \
	plugins/storage-mbox/replay.c \
	plugins/storage-mbox/rewrite.c plugins/storage-mbox/rewrite.h \
	plugins/storage-mbox/scan.c \
	plugins/storage-mbox/session.c \
	plugins/storage-mbox/sip.c plugins/storage-mbox/sip.h \
	plugins/storage-mbox/state.c \
	plugins/storage-mbox/store.c \
	plugins/storage-mbox/uidl.c plugins/storage-mbox/uidl.h

storage_mbox_la_SOURCES = $(storage_mbox_sources)
storage_mbox_la_CPPFLAGS = -I$(top_srcdir)/include -DVERSION='"$(VERSION)"'
storage_mbox_la_LDFLAGS = $(AM_LDFLAGS) $(plugin_link)
