/* Sockets to listen on, the pid file, the service manager. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "sys/listen.h"
#include "sys/notify.h"
#include "sys/pidfile.h"
#include "sys/program.h"

/* --- listen --- */

static int port_of(int fd)
{
	struct sockaddr_in6 in;
	socklen_t n = sizeof(in);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	return ntohs(in.sin6_port); /* at the same place in sockaddr_in */
}

static void parse(const char *host, int port, struct listen_address *a)
{
	char text[64];
	const char *why;

	snprintf(text, sizeof(text), "%s:%d", host, port);
	assert_int_equal(listen_parse(text, a, &why), 0);
}

static int connect_to(const char *ip, int port)
{
	struct listen_address to;
	int fd;

	parse(ip, port, &to);
	fd = socket(to.addr.sa.sa_family, SOCK_STREAM, 0);
	assert_int_not_equal(fd, -1);
	if (connect(fd, &to.addr.sa, to.len) == 0)
		return fd;
	close(fd);
	return -1;
}

static int open_at(const char *host)
{
	struct listen_address a;

	parse(host, 0, &a);
	return listen_open(&a, 16);
}

static void addresses_are_numeric_with_a_port(void **state)
{
	static const char *const bad[] = {"", "110", "192.0.2.1", "192.0.2.1:", ":110", "1.2.3:110",
		"localhost:110", "::1:110", "[::1:110", "[]:110", "[::1]", "192.0.2.1:65536",
		"192.0.2.1:4294967406", "192.0.2.1:-1", "192.0.2.1:110/", "192.0.2.1:110/ssl",
		"192.0.2.1:110/tls/tls", "192.0.2.1:110/proxy/tls", "192.0.2.1:110/proxyx",
		"192.0.2.1:/tls", "192.0.2.1: 110", "**:110",
		"[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb]:110"};
	struct listen_address a;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = NULL;
		assert_int_equal(listen_parse(bad[i], &a, &why), -1);
		assert_non_null(why);
	}
	assert_int_equal(listen_parse("192.0.2.1:110", &a, &why), 0);
	assert_int_equal(a.addr.sa.sa_family, AF_INET);
	assert_int_equal(ntohs(a.addr.in.sin_port), 110);
	assert_int_equal(a.tls, 0);
	assert_int_equal(listen_parse("[2001:db8::1]:995/tls", &a, &why), 0);
	assert_int_equal(a.addr.sa.sa_family, AF_INET6);
	assert_int_equal(ntohs(a.addr.in6.sin6_port), 995);
	assert_int_equal(a.tls, 1);
	assert_int_equal(a.proxy, 0);
	assert_int_equal(a.both, 0);
	assert_int_equal(listen_parse("127.0.0.1:1110/proxy", &a, &why), 0);
	assert_int_equal(a.tls, 0);
	assert_int_equal(a.proxy, 1);
	assert_int_equal(listen_parse("*:1995/tls/proxy", &a, &why), 0);
	assert_int_equal(a.tls, 1);
	assert_int_equal(a.proxy, 1);
}

static void an_ipv6_listener_leaves_ipv4_to_others(void **state)
{
	int fd = open_at("[::]");

	(void)state;
	if (fd == -1)
		skip();
	assert_int_equal(connect_to("127.0.0.1", port_of(fd)), -1);
	close(fd);
}

static void a_star_takes_both_families(void **state)
{
	int fd = open_at("*");
	int client = connect_to("127.0.0.1", port_of(fd));

	(void)state;
	assert_int_not_equal(client, -1);
	close(client);
	close(fd);
}

static void a_port_in_use_is_an_error(void **state)
{
	int fd = open_at("127.0.0.1");
	struct listen_address a;

	(void)state;
	parse("127.0.0.1", port_of(fd), &a);
	assert_int_equal(listen_open(&a, 16), -1);
	assert_int_equal(errno, EADDRINUSE);
	assert_true(listen_is(fd, &a));
	a.addr.in.sin_port = 0;
	assert_false(listen_is(fd, &a));
	close(fd);
}

/* getsockname(2) does not tell "[::]" from "*". */
static void a_socket_for_ipv6_alone_is_not_taken_for_one_of_both(void **state)
{
	int both = open_at("*"), only = open_at("[::]");
	struct listen_address a;

	(void)state;
	if (only == -1)
		skip();
	parse("*", port_of(both), &a);
	assert_true(listen_is(both, &a));
	parse("[::]", port_of(both), &a);
	assert_false(listen_is(both, &a));
	parse("[::]", port_of(only), &a);
	assert_true(listen_is(only, &a));
	parse("*", port_of(only), &a);
	assert_false(listen_is(only, &a));
	close(both);
	close(only);
}

static void a_connection_sends_small_replies_at_once(void **state)
{
	int fd = open_at("127.0.0.1"), client = connect_to("127.0.0.1", port_of(fd)), taken, on = 0;
	struct sockaddr_storage from;
	socklen_t n;

	(void)state;
	assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 5000), 1);
	taken = listen_accept(fd, &from, &n);
	assert_int_not_equal(taken, -1);
	assert_int_equal(fcntl(taken, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	n = sizeof(on);
	assert_int_equal(getsockopt(taken, IPPROTO_TCP, TCP_NODELAY, &on, &n), 0);
	assert_int_not_equal(on, 0);
	close(taken);
	close(client);
	close(fd);
}

/* One of the processes below: counts the connections that it is woken for; an octet says that it
 * has taken one and stepped back. */
static _Noreturn void take_connections(int fd, int done)
{
	struct epoll_event e = {.events = EPOLLIN};
	int epfd = epoll_create1(0), count = 0;
	struct sockaddr_storage from;
	socklen_t n;

	if (epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &e) == -1 || listen_exclusive(fd) != epfd ||
		write(done, "", 1) != 1)
		_exit(100);
	while (epoll_wait(epfd, &e, 1, 1000) == 1) {
		count++;
		if (listen_accept(fd, &from, &n) == -1)
			_exit(101);
		listen_yield(epfd, fd);
		if (write(done, "", 1) != 1)
			_exit(102);
	}
	_exit(count);
}

static void connections_wake_the_processes_that_share_a_listener_in_turn(void **state)
{
	int fd = open_at("127.0.0.1"), done[2], status, woken = 0;
	pid_t pid[4];
	char octet;

	(void)state;
	assert_int_equal(pipe(done), 0);
	for (size_t i = 0; i < 4; i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			take_connections(fd, done[1]);
		assert_int_equal(read(done[0], &octet, 1), 1);
	}
	usleep(50000); /* until all of them wait */
	for (int i = 0; i < 8; i++) {
		int client = connect_to("127.0.0.1", port_of(fd));

		assert_int_equal(read(done[0], &octet, 1), 1);
		usleep(20000);
		close(client);
	}
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_true(WIFEXITED(status));
		assert_in_range(WEXITSTATUS(status), 1, 8);
		woken += WEXITSTATUS(status);
	}
	assert_int_equal(woken, 8);
	close(done[0]);
	close(done[1]);
	close(fd);
}

/* sd_listen_fds(3): the variables count only for the process that they name. */
static void inherited_sockets_are_taken_once(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		char text[32];
		int fds[8], fd = open_at("127.0.0.1");

		if (fd != 3)
			_exit(dup2(fd, 3) == -1);
		setenv("LISTEN_FDS", "1", 1);
		setenv("LISTEN_PID", "1", 1);
		if (listen_inherited(fds, 8) != 0)
			_exit(1);
		snprintf(text, sizeof(text), "%ld", (long)getpid());
		setenv("LISTEN_FDS", "1", 1);
		setenv("LISTEN_PID", text, 1);
		if (listen_inherited(fds, 8) != 1 || fds[0] != 3 || getenv("LISTEN_FDS") != NULL)
			_exit(2);
		_exit((fcntl(3, F_GETFD) & FD_CLOEXEC) != 0 ? 0 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* --- pid file --- */

static void a_second_instance_learns_the_first_ones_id(void **state)
{
	char path[] = "/tmp/restante-pid-XXXXXX";
	int tmp = mkstemp(path), fd, status;
	pid_t other, pid;

	(void)state;
	close(tmp);
	assert_int_equal(pidfile_read(path), 0);
	fd = pidfile_lock(path, &other);
	assert_int_not_equal(fd, -1);
	assert_int_equal(pidfile_write(fd), 0);
	pid = fork();
	if (pid == 0) {
		if (pidfile_read(path) != getppid())
			_exit(1);
		if (pidfile_lock(path, &other) != -1 || errno != EAGAIN || other != getppid())
			_exit(2);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(fd);
	unlink(path);
}

static void what_a_crash_left_behind_is_no_instance(void **state)
{
	char path[] = "/tmp/restante-pid-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(pidfile_write(fd), 0);
	close(fd);
	assert_int_equal(pidfile_read(path), 0);
	unlink(path);
}

/* --- service manager --- */

static void readiness_is_told_to_the_service_manager(void **state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char text[512];
	ssize_t n;

	(void)state;
	snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/restante-notify-%ld", (long)getpid());
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	setenv("NOTIFY_SOCKET", at.sun_path, 1);
	notify_ready("4 roles");
	n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "READY=1\n"));
	assert_non_null(strstr(text, "STATUS=4 roles"));
	notify_reloading();
	n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "RELOADING=1\nMONOTONIC_USEC="));
	unsetenv("NOTIFY_SOCKET");
	notify_ready(NULL);
	assert_int_equal(recv(fd, text, sizeof(text), MSG_DONTWAIT), -1);
	unlink(at.sun_path);
	close(fd);
}

static void a_role_program_is_looked_for_beside_the_running_one(void **state)
{
	char path[4096];

	(void)state;
	assert_int_equal(program_find("sys_test", path, sizeof(path)), 0);
	assert_int_equal(access(path, X_OK), 0);
	assert_int_equal(program_find("restante-no-such-role", path, sizeof(path)), -1);
	assert_string_equal(path, PROGRAM_DIR "/restante-no-such-role");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_numeric_with_a_port),
		cmocka_unit_test(an_ipv6_listener_leaves_ipv4_to_others),
		cmocka_unit_test(a_star_takes_both_families),
		cmocka_unit_test(a_port_in_use_is_an_error),
		cmocka_unit_test(a_socket_for_ipv6_alone_is_not_taken_for_one_of_both),
		cmocka_unit_test(a_connection_sends_small_replies_at_once),
		cmocka_unit_test(connections_wake_the_processes_that_share_a_listener_in_turn),
		cmocka_unit_test(inherited_sockets_are_taken_once),
		cmocka_unit_test(a_second_instance_learns_the_first_ones_id),
		cmocka_unit_test(what_a_crash_left_behind_is_no_instance),
		cmocka_unit_test(readiness_is_told_to_the_service_manager),
		cmocka_unit_test(a_role_program_is_looked_for_beside_the_running_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
