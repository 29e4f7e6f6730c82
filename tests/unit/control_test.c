/* Questions to a running server: the lines (ipc/control.h), and who may hold up whom
 * (sys/query.h). */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "ipc/control.h"
#include "sys/query.h"

static int parse(const char *line, enum role self, struct control_request *r)
{
	struct buf why = {0};
	int result = control_parse(line, strlen(line), self, r, &why);

	assert_int_equal(result == -1, strncmp(buf_str(&why), CONTROL_ERROR, 6) == 0);
	buf_free(&why);
	return result;
}

static void a_question_is_the_words_of_a_row_and_what_is_behind_a_space(void **state)
{
	struct control_request r;

	(void)state;
	assert_int_equal(parse("who", ROLE_SESSION, &r), 0);
	assert_int_equal(r.question, CONTROL_WHO);
	assert_string_equal(r.argument, "");
	assert_int_equal(parse("auth flush", ROLE_AUTH, &r), 0);
	assert_string_equal(r.argument, "");
	assert_int_equal(parse("auth flush two  words ", ROLE_AUTH, &r), 0);
	assert_int_equal(r.question, CONTROL_AUTH_FLUSH);
	assert_string_equal(r.argument, "two  words ");
}

static void what_is_no_question_to_this_role_is_refused(void **state)
{
	static const char *const wrong[] = {"", " ", "wh", "whom", "who ", "who is", "penalty",
		"penalty clear", "penalty clear ", "penalty list x", "auth flush ", "auth flush\tx",
		"auth flush a\nb", "auth  flush", "AUTH FLUSH"};
	struct control_request r;
	char longest[300] = "auth flush ";

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(parse(wrong[i], ROLE_AUTH, &r), -1);
		assert_int_equal(parse(wrong[i], ROLE_SESSION, &r), -1);
	}
	assert_int_equal(parse("who", ROLE_AUTH, &r), -1);
	assert_int_equal(parse("auth flush", ROLE_SESSION, &r), -1);
	memset(longest + 11, 'x', CONTROL_ARGUMENT_MAX);
	assert_int_equal(parse(longest, ROLE_AUTH, &r), 0);
	longest[11 + CONTROL_ARGUMENT_MAX] = 'x';
	assert_int_equal(parse(longest, ROLE_AUTH, &r), -1);
}

/* --- a server and its clients --- */

struct box {
	struct query q;
	struct sockaddr_un at;
	char folder[32], asked[QUERY_LINE + 1];
	size_t answer; /* octets */
};

static void answer(void *arg, const char *line, size_t n, struct buf *out)
{
	struct box *b = arg;

	snprintf(b->asked, sizeof(b->asked), "%.*s", (int)n, line);
	for (size_t i = 0; i < b->answer; i++)
		buf_add(out, i + 1 < b->answer ? "x" : "\n", 1);
}

static int begin(void **state)
{
	struct box *b = calloc(1, sizeof(*b));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(b->folder, sizeof(b->folder), "/tmp/control_test.XXXXXX");
	b->answer = 5;
	b->at.sun_family = AF_UNIX;
	if (fd == -1 || mkdtemp(b->folder) == NULL)
		return -1;
	snprintf(b->at.sun_path, sizeof(b->at.sun_path), "%s/s", b->folder);
	if (bind(fd, (struct sockaddr *)&b->at, sizeof(b->at)) == -1 || listen(fd, 64) == -1)
		return -1;
	*state = b;
	return query_open(&b->q, fd, geteuid(), answer, b);
}

static int end(void **state)
{
	struct box *b = *state;

	unlink(b->at.sun_path);
	rmdir(b->folder);
	close(b->q.fd);
	close(b->q.listener);
	for (size_t i = 0; i < QUERY_CLIENTS; i++) {
		buf_free(&b->q.clients[i].out);
		if (b->q.clients[i].fd != -1)
			close(b->q.clients[i].fd);
	}
	free(b);
	return 0;
}

static int client(struct box *b)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_int_not_equal(fd, -1);
	assert_int_equal(connect(fd, (struct sockaddr *)&b->at, sizeof(b->at)), 0);
	query_work(&b->q);
	return fd;
}

static void say(struct box *b, int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	query_work(&b->q);
}

static void a_question_may_come_in_pieces_and_gets_one_answer_and_the_end(void **state)
{
	struct box *b = *state;
	int fd = client(b);
	char got[16];

	say(b, fd, "wh");
	assert_int_equal(recv(fd, got, sizeof(got), 0), -1);
	say(b, fd, "o\n");
	assert_string_equal(b->asked, "who");
	assert_int_equal(recv(fd, got, sizeof(got), 0), 5);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 0);
	close(fd);
}

static void a_line_that_is_too_long_ends_the_connection_unheard(void **state)
{
	struct box *b = *state;
	char text[QUERY_LINE + 1], got[16];
	int fd = client(b);

	memset(text, 'x', QUERY_LINE);
	text[QUERY_LINE] = '\0';
	say(b, fd, text);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 0);
	assert_string_equal(b->asked, "");
	close(fd);
}

static void who_is_silent_keeps_a_place_until_another_wants_it(void **state)
{
	struct box *b = *state;
	int silent[3 * QUERY_CLIENTS], fd;
	char got[16];

	for (size_t i = 0; i < 3 * QUERY_CLIENTS; i++)
		silent[i] = client(b);
	assert_int_equal(recv(silent[0], got, sizeof(got), 0), 0);
	assert_int_equal(recv(silent[3 * QUERY_CLIENTS - 1], got, sizeof(got), 0), -1);
	fd = client(b);
	say(b, fd, "who\n");
	assert_int_equal(recv(fd, got, sizeof(got), 0), 5);
	close(fd);
	for (size_t i = 0; i < 3 * QUERY_CLIENTS; i++)
		close(silent[i]);
}

static void an_answer_that_nobody_reads_waits_and_is_whole(void **state)
{
	struct box *b = *state;
	int slow, quick;
	size_t sum = 0;
	ssize_t n;
	char got[4096];

	b->answer = 1 << 20;
	slow = client(b);
	say(b, slow, "who\n");
	query_work(&b->q);
	b->answer = 5;
	quick = client(b);
	say(b, quick, "who\n");
	assert_int_equal(recv(quick, got, sizeof(got), 0), 5);
	while ((n = recv(slow, got, sizeof(got), 0)) != 0) {
		if (n > 0)
			sum += (size_t)n;
		query_work(&b->q);
	}
	assert_int_equal(sum, 1 << 20);
	close(slow);
	close(quick);
}

static void without_a_socket_nobody_asks(void **state)
{
	struct query q;

	(void)state;
	assert_int_equal(query_open(&q, -1, 0, answer, NULL), 0);
	assert_int_equal(q.fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_is_the_words_of_a_row_and_what_is_behind_a_space),
		cmocka_unit_test(what_is_no_question_to_this_role_is_refused),
		cmocka_unit_test_setup_teardown(
			a_question_may_come_in_pieces_and_gets_one_answer_and_the_end, begin, end),
		cmocka_unit_test_setup_teardown(
			a_line_that_is_too_long_ends_the_connection_unheard, begin, end),
		cmocka_unit_test_setup_teardown(
			who_is_silent_keeps_a_place_until_another_wants_it, begin, end),
		cmocka_unit_test_setup_teardown(
			an_answer_that_nobody_reads_waits_and_is_whole, begin, end),
		cmocka_unit_test(without_a_socket_nobody_asks),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
