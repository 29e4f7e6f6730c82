dnl RESTANTE_FLAGS
dnl Warnings and hardening as the default of every build; --enable-werror and --enable-sanitize=LIST
dnl are for CI. Each flag is tried, so that an older compiler builds with what it has.
AC_DEFUN([RESTANTE_TRY_FLAGS], [
	for restante_flag in m4_normalize([$2]); do
		AC_MSG_CHECKING([whether $CC takes $restante_flag])
		restante_saved="$CFLAGS"; CFLAGS="$CFLAGS -Werror $restante_flag"
		AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
			[AC_MSG_RESULT([yes]); $1="$$1 $restante_flag"], [AC_MSG_RESULT([no])])
		CFLAGS="$restante_saved"
	done])

AC_DEFUN([RESTANTE_FLAGS], [
	AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [warnings are errors])], [], [enable_werror=no])
	AC_ARG_ENABLE([sanitize], [AS_HELP_STRING([--enable-sanitize=LIST], [build with -fsanitize=LIST])],
		[], [enable_sanitize=no])
	AC_ARG_ENABLE([hardening], [AS_HELP_STRING([--disable-hardening], [no hardening flags])],
		[], [enable_hardening=yes])
	WARN_CFLAGS= HARD_CFLAGS= HARD_LDFLAGS=
	RESTANTE_TRY_FLAGS([WARN_CFLAGS], [-std=gnu11 -Wall -Wextra -Wshadow -Wconversion
		-Wstrict-prototypes -Wformat=2 -Wmissing-prototypes -Wvla -Wundef -Wcast-qual
		-Wwrite-strings])
	AS_IF([test "$enable_werror" = yes], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
	AS_IF([test "$enable_sanitize" != no], [
		HARD_CFLAGS="-fsanitize=$enable_sanitize -fno-omit-frame-pointer -fno-sanitize-recover=all"
		HARD_LDFLAGS="-fsanitize=$enable_sanitize"
		AC_DEFINE([SANITIZED], [1], [Define in a build with sanitizers: no system call filter, no Landlock])
	], [test "$enable_hardening" = yes], [
		RESTANTE_TRY_FLAGS([HARD_CFLAGS], [-D_FORTIFY_SOURCE=2 -fstack-protector-strong
			-fstack-clash-protection -fcf-protection])
		RESTANTE_TRY_FLAGS([HARD_LDFLAGS], [-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
			-Wl,--as-needed])
	])
	AM_CONDITIONAL([SANITIZED], [test "$enable_sanitize" != no])
	AC_SUBST([WARN_CFLAGS])
	AC_SUBST([HARD_CFLAGS])
	AC_SUBST([HARD_LDFLAGS])
])
