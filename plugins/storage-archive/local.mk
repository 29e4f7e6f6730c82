# plugins/storage-archive
pkglib_LTLIBRARIES += storage-archive.la
PLUGINS += storage-archive
dist_man_MANS += plugins/storage-archive/restante-storage-archive.7 \
	plugins/storage-archive/restante-archive.5

storage_archive_sources = \
	plugins/storage-archive/archive.h \
	plugins/storage-archive/body.c \
	plugins/storage-archive/deliver.c \
	plugins/storage-archive/files.c \
	plugins/storage-archive/index.c plugins/storage-archive/index.h \
	plugins/storage-archive/lock.c \
	plugins/storage-archive/mailbox.c \
	plugins/storage-archive/maintain.c \
	plugins/storage-archive/member.c plugins/storage-archive/member.h \
	plugins/storage-archive/notes.c \
	plugins/storage-archive/plugin.c \
	plugins/storage-archive/quote.c plugins/storage-archive/quote.h \
	plugins/storage-archive/refresh.c \
	plugins/storage-archive/remove.c \
	plugins/storage-archive/rewrite.c \
	plugins/storage-archive/segments.c \
	plugins/storage-archive/store.c \
	plugins/storage-archive/tail.c \
	plugins/storage-archive/taken.c \
	plugins/storage-archive/walk.c
storage_archive_cppflags = $(ZLIB_CFLAGS) $(LIBDEFLATE_CFLAGS) -DVERSION='"$(VERSION)"'
storage_archive_libs = $(ZLIB_LIBS) $(LIBDEFLATE_LIBS)

storage_archive_la_SOURCES = $(storage_archive_sources)
storage_archive_la_CPPFLAGS = -I$(top_srcdir)/include $(storage_archive_cppflags)
storage_archive_la_LDFLAGS = $(AM_LDFLAGS) $(plugin_link)
storage_archive_la_LIBADD = $(storage_archive_libs)
