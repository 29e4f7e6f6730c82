# plugins/example: what third parties start from. Built out of tree, against the installed files, by
# tests/system/test_plugin_kit.py, and never here. Installed with their guide, include/restante/PLUGINS.
dist_doc_DATA = include/restante/PLUGINS
exampledir = $(docdir)/examples
dist_example_DATA = \
	plugins/example/README \
	plugins/example/auth-one.c \
	plugins/example/storage-eml.c \
	plugins/example/one \
	plugins/example/plain.mk \
	plugins/example/configure.ac \
	plugins/example/Makefile.am \
	plugins/example/storage-cpp.cc \
	plugins/example/storage-rust.rs
aclocaldir = $(datadir)/aclocal
dist_aclocal_DATA = m4/restante-plugin.m4
