dnl restante-plugin.m4 - for the configure.ac of a plugin of Restante.
dnl
dnl	AC_PROG_CC
dnl	LT_INIT([disable-static])
dnl	RESTANTE_PLUGIN_INIT([MINIMUM-VERSION])
dnl
dnl finds the header and the folder of plugins through pkg-config, or says what is missing, and
dnl substitutes
dnl
dnl	RESTANTE_CFLAGS		where the header is; only the entry is visible
dnl	RESTANTE_LDFLAGS	for libtool: a module without a version, every symbol of which is found
dnl				when it is linked and not when mail is fetched
dnl	plugindir		where the server looks; --with-plugindir=DIR is another place
dnl
dnl so that a Makefile.am is (automake wants to see -module there)
dnl
dnl	plugin_LTLIBRARIES = storage-my.la
dnl	storage_my_la_SOURCES = my.c
dnl	storage_my_la_CFLAGS = $(RESTANTE_CFLAGS)
dnl	storage_my_la_LDFLAGS = -module $(RESTANTE_LDFLAGS)
dnl
dnl Serial 1.

dnl RESTANTE_PLUGIN_LINK(FLAG): takes the flag where the linker does, when it makes a shared object.
dnl (With a sanitizer -z defs is none that can be used.)
AC_DEFUN([RESTANTE_PLUGIN_LINK], [
	AC_MSG_CHECKING([whether a plugin can be linked with $1])
	restante_cflags="$CFLAGS" restante_ldflags="$LDFLAGS"
	CFLAGS="$CFLAGS -fPIC" LDFLAGS="$LDFLAGS -shared $1"
	AC_LINK_IFELSE([AC_LANG_SOURCE([[#include <stdlib.h>
		void *f(void); void *f(void) { return malloc(1); }]])],
		[AC_MSG_RESULT([yes]); RESTANTE_LDFLAGS="$RESTANTE_LDFLAGS $1"],
		[AC_MSG_RESULT([no])])
	CFLAGS="$restante_cflags" LDFLAGS="$restante_ldflags"
])

AC_DEFUN([RESTANTE_PLUGIN_INIT], [
	AC_REQUIRE([AC_PROG_CC])
	AC_REQUIRE([PKG_PROG_PKG_CONFIG])
	PKG_CHECK_MODULES([RESTANTE], [restante m4_ifval([$1], [>= $1])])
	AC_ARG_WITH([plugindir], [AS_HELP_STRING([--with-plugindir=DIR],
		[install plugins there and not where the server of this system looks])],
		[plugindir="$withval"],
		[plugindir=`$PKG_CONFIG --variable=plugindir restante`])
	AS_IF([test -z "$plugindir"], [AC_MSG_ERROR([restante.pc names no plugindir])])
	AC_SUBST([plugindir])

	AC_LANG_PUSH([C])
	restante_cflags="$CFLAGS"
	CFLAGS="$CFLAGS $RESTANTE_CFLAGS"
	AC_MSG_CHECKING([whether restante/plugin.h can be used])
	AC_COMPILE_IFELSE([AC_LANG_SOURCE([[#include <restante/plugin.h>
		RESTANTE_PLUGIN(storage_test) = {RESTANTE_MAGIC};]])],
		[AC_MSG_RESULT([yes])],
		[AC_MSG_RESULT([no]); AC_MSG_ERROR([restante/plugin.h cannot be compiled; see config.log])])
	AC_MSG_CHECKING([whether $CC takes -fvisibility=hidden])
	CFLAGS="$CFLAGS -Werror -fvisibility=hidden"
	AC_COMPILE_IFELSE([AC_LANG_SOURCE([[int main(void) { return 0; }]])],
		[AC_MSG_RESULT([yes]); RESTANTE_CFLAGS="$RESTANTE_CFLAGS -fvisibility=hidden"],
		[AC_MSG_RESULT([no])])
	CFLAGS="$restante_cflags"
	RESTANTE_LDFLAGS="-module -avoid-version -shared"
	RESTANTE_PLUGIN_LINK([-Wl,-z,defs])
	RESTANTE_PLUGIN_LINK([-Wl,-z,now])
	RESTANTE_PLUGIN_LINK([-Wl,-z,relro])
	AC_LANG_POP([C])
	AC_SUBST([RESTANTE_LDFLAGS])
])
