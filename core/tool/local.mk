# core/tool: what the commands that administrators and MTAs run have in common.
noinst_LIBRARIES += core/tool/libtools.a
core_tool_libtools_a_SOURCES = \
	core/tool/complain.c \
	core/tool/effective.c \
	core/tool/record.c \
	core/tool/tool.h

# For a program that has $(plug_libs) too; stands before it.
tool_libs = core/tool/libtools.a core/ipc/libipc.a
