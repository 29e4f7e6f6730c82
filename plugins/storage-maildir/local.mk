# plugins/storage-maildir
pkglib_LTLIBRARIES += storage-maildir.la
PLUGINS += storage-maildir
dist_man_MANS += plugins/storage-maildir/restante-storage-maildir.7

storage_maildir_sources = \
	plugins/storage-maildir/body.c \
	plugins/storage-maildir/deliver.c \
	plugins/storage-maildir/index.c plugins/storage-maildir/index.h \
	plugins/storage-maildir/lock.c \
	plugins/storage-maildir/mailbox.c plugins/storage-maildir/maildir.h \
	plugins/storage-maildir/maintain.c \
	plugins/storage-maildir/measure.c \
	plugins/storage-maildir/merge.c \
	plugins/storage-maildir/names.c plugins/storage-maildir/names.h \
	plugins/storage-maildir/notes.c \
	plugins/storage-maildir/plugin.c \
	plugins/storage-maildir/refresh.c \
	plugins/storage-maildir/remove.c \
	plugins/storage-maildir/scan.c \
	plugins/storage-maildir/store.c \
	plugins/storage-maildir/unique.c

storage_maildir_la_SOURCES = $(storage_maildir_sources)
storage_maildir_la_CPPFLAGS = -I$(top_srcdir)/include -DVERSION='"$(VERSION)"'
storage_maildir_la_LDFLAGS = $(AM_LDFLAGS) $(plugin_link)
