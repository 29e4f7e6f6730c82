# Builds and installs the plugins with make alone:
#
#	make -f plain.mk
#	make -f plain.mk check
#	make -f plain.mk install
#
# -z defs: a symbol that nobody has is an error here, and not when a server is started.
CFLAGS ?= -O2 -g -Wall -Wextra
LDFLAGS ?=
PKG_CONFIG ?= pkg-config
plugindir ?= $(shell $(PKG_CONFIG) --variable=plugindir restante)

plugins = storage-eml.so auth-one.so

all: $(plugins)

%.so: %.c
	$(CC) $(CPPFLAGS) $(shell $(PKG_CONFIG) --cflags restante) $(CFLAGS) -fPIC -fvisibility=hidden \
		$(LDFLAGS) -shared -Wl,-z,defs -Wl,-z,now -Wl,-z,relro -o $@ $< $(LIBS)

auth-one.so: LIBS = -lcrypt

check: all
	restante-plugin-test ./storage-eml.so
	restante-plugin-test ./auth-one.so path=$(CURDIR)/one user=joe password=secret

install: all
	install -d $(DESTDIR)$(plugindir)
	install -m 644 $(plugins) $(DESTDIR)$(plugindir)

clean:
	rm -f $(plugins)

.PHONY: all check install clean
