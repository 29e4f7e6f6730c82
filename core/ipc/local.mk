# core/ipc: typed messages between the roles, and how a role begins.
noinst_LIBRARIES += core/ipc/libipc.a
core_ipc_libipc_a_SOURCES = \
	core/ipc/control.c core/ipc/control.h \
	core/ipc/limits.c core/ipc/limits.h \
	core/ipc/messages.h \
	core/ipc/mechanisms.c core/ipc/mechanisms.h \
	core/ipc/msg.c core/ipc/msg.h \
	core/ipc/role.c core/ipc/role.h
