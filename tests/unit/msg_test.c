/* Messages between the roles: what arrives is what was sent, or nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "ipc/msg.h"

struct pair {
	struct channel auth, session;
	struct msg out, in;
};

static int open_pair(void **state)
{
	static struct pair p;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd), 0);
	p.auth = (struct channel){.fd = fd[0], .self = ROLE_AUTH, .peer = ROLE_SESSION};
	p.session = (struct channel){.fd = fd[1], .self = ROLE_SESSION, .peer = ROLE_AUTH};
	*state = &p;
	return 0;
}

static int close_pair(void **state)
{
	struct pair *p = *state;

	close(p->auth.fd);
	close(p->session.fd);
	return 0;
}

static void put_grant(struct msg *m)
{
	static const char *const attrs[] = {"storage", "mbox", NULL};
	struct restante_user user = {.size = sizeof(user),
		.uid = 1001,
		.gid = 1002,
		.stamp = UINT64_C(0x123456789abcdef0),
		.name = "anna",
		.home = "/home/anna",
		.attrs = attrs};

	msg_start(m, MSG_GRANT);
	msg_put_bytes(m, "0123456789abcde", TICKET_LEN);
	msg_put_user(m, &user);
}

static void a_user_record_arrives_as_it_was_sent(void **state)
{
	struct pair *p = *state;
	struct restante_user user;
	const char *attrs[USER_ATTRS];
	size_t n;

	put_grant(&p->out);
	assert_int_equal(msg_send(&p->auth, &p->out), 0);
	assert_int_equal(msg_recv(&p->session, &p->in), MSG_GOT);
	assert_int_equal(p->in.type, MSG_GRANT);
	assert_memory_equal(msg_get_bytes(&p->in, &n), "0123456789abcde", TICKET_LEN);
	msg_get_user(&p->in, &user, attrs, USER_ATTRS);
	assert_true(msg_end(&p->in));
	assert_string_equal(user.name, "anna");
	assert_string_equal(user.home, "/home/anna");
	assert_int_equal(user.uid, 1001);
	assert_int_equal(user.gid, 1002);
	assert_true(user.stamp == UINT64_C(0x123456789abcdef0));
	assert_string_equal(user.attrs[1], "mbox");
	assert_null(user.attrs[2]);
}

static void octets_that_are_left_over_make_a_message_bad(void **state)
{
	struct pair *p = *state;
	size_t n;

	put_grant(&p->out);
	assert_int_equal(msg_send(&p->auth, &p->out), 0);
	assert_int_equal(msg_recv(&p->session, &p->in), MSG_GOT);
	(void)msg_get_bytes(&p->in, &n);
	assert_false(msg_end(&p->in));
}

static void every_cut_message_is_bad(void **state)
{
	struct pair *p = *state;
	struct restante_user user;
	const char *attrs[USER_ATTRS];
	size_t n;

	put_grant(&p->out);
	for (uint32_t cut = 4; cut < p->out.len; cut++) {
		struct msg m = p->out;

		m.len = cut;
		m.pos = 4;
		(void)msg_get_bytes(&m, &n);
		msg_get_user(&m, &user, attrs, USER_ATTRS);
		assert_true(m.bad);
	}
}

static void more_attributes_than_fit_make_a_message_bad(void **state)
{
	struct pair *p = *state;
	struct restante_user user;
	const char *attrs[2];
	size_t n;

	put_grant(&p->out);
	p->out.pos = 4;
	(void)msg_get_bytes(&p->out, &n);
	msg_get_user(&p->out, &user, attrs, 2);
	assert_true(p->out.bad);
	assert_null(attrs[0]);
}

static void a_role_cannot_send_what_is_not_in_its_row(void **state)
{
	struct pair *p = *state;

	msg_start(&p->out, MSG_AUTH_OK);
	assert_int_equal(msg_send(&p->auth, &p->out), -1);
	assert_int_equal(errno, EPERM);
}

static void a_message_from_the_wrong_role_is_refused(void **state)
{
	struct pair *p = *state;
	struct channel liar = p->auth;

	liar.self = ROLE_LOGIN;
	liar.peer = ROLE_AUTH;
	msg_start(&p->out, MSG_AUTH_ABORT);
	msg_put_u32(&p->out, 1);
	assert_int_equal(msg_send(&liar, &p->out), 0);
	assert_int_equal(msg_recv(&p->session, &p->in), MSG_REFUSED);
}

static void a_descriptor_that_is_not_wanted_is_closed(void **state)
{
	struct pair *p = *state;
	int before = dup(0), after;

	close(before);
	put_grant(&p->out);
	{
		struct channel login = {.fd = p->auth.fd, .self = ROLE_LOGIN, .peer = ROLE_SESSION};
		struct channel from_auth = p->session;

		msg_start(&p->out, MSG_HANDOVER);
		p->out.fd = 0;
		assert_int_equal(msg_send(&login, &p->out), 0);
		assert_int_equal(msg_recv(&from_auth, &p->in), MSG_REFUSED);
	}
	after = dup(0);
	assert_int_equal(after, before);
	close(after);
}

static void a_descriptor_travels_with_its_message(void **state)
{
	struct pair *p = *state;
	struct channel login = {.fd = p->auth.fd, .self = ROLE_LOGIN, .peer = ROLE_SESSION};
	struct channel session = {.fd = p->session.fd, .self = ROLE_SESSION, .peer = ROLE_LOGIN};
	int fd[2];
	char c;

	assert_int_equal(pipe(fd), 0);
	msg_start(&p->out, MSG_HANDOVER);
	p->out.fd = fd[0];
	assert_int_equal(msg_send(&login, &p->out), 0);
	close(fd[0]);
	assert_int_equal(msg_recv(&session, &p->in), MSG_GOT);
	assert_int_equal(write(fd[1], "x", 1), 1);
	assert_int_equal(read(p->in.fd, &c, 1), 1);
	assert_int_equal(c, 'x');
	assert_true(fcntl(p->in.fd, F_GETFD) & FD_CLOEXEC);
	close(p->in.fd);
	close(fd[1]);
}

static void more_than_fits_is_an_error_and_not_a_cut(void **state)
{
	struct pair *p = *state;
	static char much[MSG_MAX];

	msg_start(&p->out, MSG_GRANT);
	msg_put_bytes(&p->out, much, sizeof(much));
	assert_int_equal(msg_send(&p->auth, &p->out), -1);
	assert_int_equal(errno, EMSGSIZE);
}

static void a_peer_that_does_not_read_is_eagain(void **state)
{
	struct pair *p = *state;
	int n = 0;

	put_grant(&p->out);
	while (msg_send(&p->auth, &p->out) == 0)
		n++;
	assert_int_equal(errno, EAGAIN);
	assert_true(n > 0);
}

static void a_peer_that_has_gone_is_closed(void **state)
{
	struct pair *p = *state;
	int fd = dup(p->auth.fd);

	close(p->auth.fd);
	close(fd);
	assert_int_equal(msg_recv(&p->session, &p->in), MSG_CLOSED);
	p->auth.fd = -1;
}

static void login_and_worker_do_not_talk(void **state)
{
	(void)state;
	assert_false(role_peers(ROLE_LOGIN, ROLE_WORKER));
	assert_false(role_peers(ROLE_WORKER, ROLE_SESSION));
	assert_true(role_peers(ROLE_LOGIN, ROLE_SESSION));
	assert_true(role_peers(ROLE_AUTH, ROLE_SESSION));
	assert_true(role_peers(ROLE_MASTER, ROLE_WORKER));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, open_pair, close_pair)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_user_record_arrives_as_it_was_sent),
		CASE(octets_that_are_left_over_make_a_message_bad),
		CASE(every_cut_message_is_bad),
		CASE(more_attributes_than_fit_make_a_message_bad),
		CASE(a_role_cannot_send_what_is_not_in_its_row),
		CASE(a_message_from_the_wrong_role_is_refused),
		CASE(a_descriptor_that_is_not_wanted_is_closed),
		CASE(a_descriptor_travels_with_its_message),
		CASE(more_than_fits_is_an_error_and_not_a_cut),
		CASE(a_peer_that_does_not_read_is_eagain),
		CASE(a_peer_that_has_gone_is_closed),
		CASE(login_and_worker_do_not_talk),
	};

	return cmocka_run_group_tests_name("msg", tests, NULL, NULL);
}
