/* load_self.c - restante-load --selftest: a server that keeps to a small script, right in the first
 * case and wrong in one point in each of the others, and a run of the real thing against it. The
 * script is sent in small pieces, so that every reply is cut in many places.
 */
#include "load.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the server says to each command; "" = it closes the connection. */
struct script {
	const char *test, *wanted; /* part of the complaint; NULL = the run must succeed */
	const char *greeting, *pass, *stat, *list, *uidl, *retr1, *retr2, *quit;
};

/* clang-format off */
#define GOOD .greeting = "+OK ready\r\n", .pass = "+OK\r\n", .stat = "+OK 2 20\r\n", \
	.list = "+OK\r\n1 9\r\n2 11\r\n.\r\n", .uidl = "+OK\r\n1 a\r\n2 b\r\n.\r\n", \
	.retr1 = "+OK 9 octets\r\n..do\r\n\r\n\r\n.\r\n", .retr2 = "+OK\r\nlonger\r\n..\r\n.\r\n", \
	.quit = "+OK bye\r\n"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init" /* GOOD, and then what is not */
static const struct script scripts[] = {
	{GOOD, .test = "a server that is right"},
	{GOOD, .test = "no mail service", .greeting = "-ERR go away\r\n", .wanted = "not +OK"},
	{GOOD, .test = "a refused password", .pass = "-ERR [AUTH] no\r\n", .wanted = "not +OK"},
	{GOOD, .test = "a reply that is no status", .pass = "+OKAY\r\n", .wanted = "not +OK"},
	{GOOD, .test = "a status line with a bare LF", .pass = "+OK\n", .wanted = "bare LF"},
	{GOOD, .test = "STAT with other octets than LIST", .stat = "+OK 2 21\r\n", .wanted = "add up"},
	{GOOD, .test = "STAT with more messages", .stat = "+OK 3 20\r\n", .wanted = "different messages"},
	{GOOD, .test = "LIST out of order", .list = "+OK\r\n2 11\r\n1 9\r\n.\r\n", .wanted = "in order"},
	{GOOD, .test = "UIDL with a row missing", .uidl = "+OK\r\n1 a\r\n.\r\n",
		.wanted = "different messages"},
	{GOOD, .test = "an empty UIDL", .uidl = "+OK\r\n1 \r\n2 b\r\n.\r\n", .wanted = "1 to 70"},
	{GOOD, .test = "a UIDL with a blank", .uidl = "+OK\r\n1 a b\r\n2 c\r\n.\r\n", .wanted = "0x21"},
	{GOOD, .test = "a UIDL that comes twice", .uidl = "+OK\r\n1 a\r\n2 a\r\n.\r\n",
		.wanted = "same UIDL"},
	{GOOD, .test = "RETR that is refused", .retr2 = "-ERR gone\r\n", .wanted = "not +OK"},
	{GOOD, .test = "fewer octets than LIST said", .retr2 = "+OK\r\nshort\r\n.\r\n",
		.wanted = "LIST promised"},
	{GOOD, .test = "more octets than LIST said", .retr2 = "+OK\r\nmuch too long\r\n.\r\n",
		.wanted = "LIST promised"},
	{GOOD, .test = "other octets than the first line said", .retr1 = "+OK 8\r\n..do\r\n\r\n\r\n.\r\n",
		.wanted = "first line promised"},
	{GOOD, .test = "a dot that is not stuffed", .retr1 = "+OK\r\n.dot\r\n\r\n\r\n.\r\n",
		.wanted = "not stuffed"},
	{GOOD, .test = "a message with a bare LF", .retr2 = "+OK\r\nlonger\r\n..\n.\r\n",
		.wanted = "bare LF"},
	{GOOD, .test = "a message that is cut off", .retr2 = "+OK\r\nlong", .wanted = "closed"},
	{GOOD, .test = "a message without its last dot", .retr2 = "+OK\r\nlonger\r\n..\r\n",
		.wanted = "closed"},
	{GOOD, .test = "octets after the dot", .retr2 = "+OK\r\nlonger\r\n..\r\n.\r\nmore\r\n",
		.wanted = "connection 0"}, /* before QUIT is asked, or as a reply to it */
	{GOOD, .test = "QUIT that failed", .quit = "-ERR [SYS/TEMP] not deleted\r\n", .wanted = "not +OK"},
	{GOOD, .test = "a line without an end", .pass = "long", .wanted = "without an end"},
};
#pragma GCC diagnostic pop
/* clang-format on */

/* --- the server --- */

static void say(int fd, const char *text)
{
	for (size_t n; *text; text += n) {
		n = strlen(text) < 3 ? strlen(text) : 3;
		if (send(fd, text, n, MSG_NOSIGNAL) < 0)
			_exit(0);
	}
}

static const char *answer(const struct script *s, const char *command)
{
	const struct {
		const char *command, *reply;
	} table[] = {
		{"USER u\r\n", "+OK\r\n"},
		{"PASS p\r\n", s->pass},
		{"STAT\r\n", s->stat},
		{"LIST\r\n", s->list},
		{"UIDL\r\n", s->uidl},
		{"RETR 1\r\n", s->retr1},
		{"RETR 2\r\n", s->retr2},
		{"QUIT\r\n", s->quit},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(command, table[i].command) == 0)
			return table[i].reply;
	return "";
}

/* Nothing follows a reply that has no end: a message needs its dot, all others a line's end. */
static bool over(const char *command, const char *reply)
{
	const char *end = strncmp(command, "RETR", 4) == 0 && *reply == '+' ? "\r\n.\r\n" : "\n";

	return !strstr(reply, end);
}

static _Noreturn void serve(int listener, const struct script *s)
{
	char line[COMMAND_MAX];
	int fd = accept(listener, NULL, NULL), on = 1;
	FILE *in = fdopen(fd, "r");

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	say(fd, s->greeting);
	while (in && fgets(line, sizeof(line), in)) {
		const char *reply = answer(s, line);
		for (int i = 0; i < 200 && strcmp(reply, "long") == 0;
			i++) /* more than a line has */
			say(fd, reply);
		say(fd, reply);
		if (over(line, reply) || strcmp(line, "QUIT\r\n") == 0)
			break;
	}
	/* close() with unread commands would be a reset: the client must find an end. */
	shutdown(fd, SHUT_WR);
	while (in && fgets(line, sizeof(line), in))
		;
	_exit(0);
}

/* --- the client --- */

static _Noreturn void client(int listener, int complaints, unsigned pipeline)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	char port[8], users[] = "/tmp/restante-load.XXXXXX";
	int fd = mkstemp(users);

	if (fd < 0 || write(fd, "u p\n", 4) != 4 ||
		getsockname(listener, (struct sockaddr *)&a, &len) != 0)
		die("selftest: %s", strerror(errno));
	dup2(fd, STDIN_FILENO); /* run_all() reads the file by name: it must outlive the unlink() */
	unlink(users);
	snprintf(port, sizeof(port), "%u", (unsigned)ntohs(a.sin_port));
	dup2(complaints, STDERR_FILENO);
	dup2(complaints, STDOUT_FILENO);
	struct load_options o = {.host = "127.0.0.1",
		.port = port,
		.users = "/dev/stdin",
		.mode = mode_find("check"),
		.connections = 1,
		.pipeline = pipeline,
		.timeout = 5};
	lseek(STDIN_FILENO, 0, SEEK_SET);
	run_all(&o);
	exit(0);
}

static int listen_somewhere(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 1) != 0)
		die("selftest: %s", strerror(errno));
	return fd;
}

static bool passes(const struct script *s, unsigned pipeline)
{
	char text[2048];
	size_t used = 0;
	ssize_t n;
	int fds[2], listener = listen_somewhere(), status;

	if (pipe(fds) != 0)
		die("selftest: %s", strerror(errno));
	fflush(stdout);
	pid_t server = fork();
	if (server == 0)
		serve(listener, s);
	pid_t load = fork();
	if (load == 0)
		client(listener, fds[1], pipeline);
	close(listener);
	close(fds[1]);
	while (used < sizeof(text) - 1 &&
		(n = read(fds[0], text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	close(fds[0]);
	waitpid(load, &status, 0);
	waitpid(server, NULL, 0);
	bool ok =
		s->wanted
			? WIFEXITED(status) && WEXITSTATUS(status) == 1 && strstr(text, s->wanted)
			: WIFEXITED(status) && WEXITSTATUS(status) == 0 && strstr(text, "units=2 ");
	if (!ok)
		printf("# status %#x: %s", (unsigned)status, text);
	return ok;
}

int self_test(void)
{
	const unsigned pipelines[] = {1, 8};
	size_t count = sizeof(scripts) / sizeof(scripts[0]), n = 0;
	bool ok = true;

	printf("1..%zu\n", 2 * count);
	for (size_t p = 0; p < 2; p++)
		for (size_t i = 0; i < count; i++) {
			bool passed = passes(&scripts[i], pipelines[p]);
			ok = ok && passed;
			printf("%sok %zu - %s, pipeline %u\n", passed ? "" : "not ", ++n,
				scripts[i].test, pipelines[p]);
		}
	return ok ? 0 : 1;
}
