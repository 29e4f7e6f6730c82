/* restante-auth and restante-worker as they are, with this test in the place of the master, of
 * login and of the session spawner. The plugins are auth-odd, which misbehaves, and
 * auth-passwd-file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/clock.h"
#include "conf/impl.h"
#include "conf/table.h"
#include "conf/wire.h"
#include "ipc/msg.h"
#include "ipc/role.h"
#include "plug/plug.h"

#define BANNER "<1896.697170952@dbc.mtview.ca.us>"
enum { STEP_MS = 500, DELAY_MS = 2000, TIMEOUT_MS = 1000, ANSWER_MS = 5000, FILE_MAX = 512 };

/* Started by root, the roles run as nobody: without root's help they serve their own uid only. */
enum { NOBODY = 65534 };

struct house {
	char uid[16]; /* of the roles */
	char users[64], file[2][FILE_MAX];
	struct conf *conf;
	pid_t auth, worker[2];                /* one for each plugin */
	struct channel to_auth, to_worker[2]; /* of the master */
	struct channel login, session;        /* of these roles, to auth */
	int64_t when;                         /* of the last AUTH_FAIL */
	char ip[32];                          /* of the client */
	struct msg m, out;
};

/* --- the configuration --- */

static void set(struct conf *c, const char *name, const char *value)
{
	const char **items = mem_alloc(1, sizeof(*items));
	struct buf why = {0};
	size_t bad;

	items[0] = value;
	assert_int_equal(conf_set(c, conf_row(name), items, value != NULL, &bad, &why), 0);
}

static void set_plugins(struct conf *c)
{
	static const char *const names[] = {"odd", "passwd-file"};
	const char **items = mem_alloc(2, sizeof(*items));
	struct buf why = {0};
	size_t bad;

	memcpy(items, names, sizeof(names));
	assert_int_equal(conf_set(c, conf_row("auth"), items, 2, &bad, &why), 0);
}

static void set_mechanisms(struct conf *c)
{
	static const char *const names[] = {"PLAIN", "LOGIN", "SCRAM-SHA-256"};
	const char **items = mem_alloc(3, sizeof(*items));
	struct buf why = {0};
	size_t bad;

	memcpy(items, names, sizeof(names));
	assert_int_equal(conf_set(c, conf_row("auth_mechanisms"), items, 3, &bad, &why), 0);
}

static void add_plugin(struct conf *c, const char *name, char file[FILE_MAX], const char *path)
{
	char cwd[256];
	const struct restante_plugin *entry;
	struct conf_setting *s;
	struct conf_plugin *p;
	struct buf why = {0};

	assert_non_null(getcwd(cwd, sizeof(cwd)));
	snprintf(file, FILE_MAX, "%s/.libs/%s.so", cwd, name);
	entry = plug_load(name, file, &why);
	if (entry == NULL)
		fail_msg("%s", buf_str(&why));
	p = conf_add_plugin(c, entry->nsettings, &s);
	p->name = name;
	p->file = file;
	p->kinds = CONF_AUTH;
	for (size_t i = 0; i < entry->nsettings; i++) {
		const struct restante_setting *row = &entry->settings[i];

		s[i] = (struct conf_setting){.name = row->name,
			.doc = row->doc,
			.type = row->type,
			.fallback = row->fallback,
			.range = row->range,
			.flags = row->flags};
		s[i].value = strcmp(row->name, "path") == 0 ? path : row->fallback;
	}
}

static struct conf *configure(struct house *h)
{
	static const char *const rows[][2] = {{"plaintext_auth", "tls"}, {"apop", "yes"},
		{"auth_workers", "1"}, {"auth_timeout", "1s"}, {"auth_failure_delay", "2s"},
		{"auth_user", "nobody"}, {"runtime_dir", "/"}};
	struct conf *c = conf_new();

	for (size_t i = 0; i < conf_table_rows; i++)
		if ((conf_table[i].s.flags & RESTANTE_LIST) == 0)
			set(c, conf_table[i].s.name, conf_table[i].s.fallback);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		set(c, rows[i][0], rows[i][1]);
	set(c, "first_valid_uid", h->uid);
	set_mechanisms(c);
	set_plugins(c);
	add_plugin(c, "auth-odd", h->file[0], "");
	add_plugin(c, "auth-passwd-file", h->file[1], h->users);
	return c;
}

/* --- processes --- */

static void pair(int sv[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
}

static struct channel channel(int fd, enum role self, enum role peer)
{
	return (struct channel){.fd = fd, .self = self, .peer = peer, .number = 1};
}

static int become_nobody(void)
{
	return geteuid() != 0 || setuid(NOBODY) == 0 ? 0 : -1;
}

static pid_t start(const char *program, enum role role, struct channel *to)
{
	int sv[2];
	pid_t pid;

	pair(sv);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(sv[1], ROLE_FD) == ROLE_FD && become_nobody() == 0)
			execl(program, program, (char *)NULL);
		_exit(127);
	}
	close(sv[1]);
	*to = channel(sv[0], ROLE_MASTER, role);
	return pid;
}

static void send_fd(struct house *h, const struct channel *to, int fd)
{
	h->out.fd = fd;
	assert_int_equal(msg_send(to, &h->out), 0);
	close(fd);
}

static void send_peer(
	struct house *h, const struct channel *to, enum role role, uint32_t number, int fd)
{
	msg_start(&h->out, MSG_PEER);
	msg_put_u32(&h->out, role);
	msg_put_u32(&h->out, number);
	send_fd(h, to, fd);
}

static void send_config(struct house *h, const struct channel *to, const struct conf_plugin *only)
{
	msg_start(&h->out, MSG_CONFIG);
	send_fd(h, to, conf_to_fd(h->conf, BIT(to->peer), only));
}

static void send_start(struct house *h, const struct channel *to)
{
	msg_start(&h->out, MSG_START);
	msg_put_u32(&h->out, 0);
	assert_int_equal(msg_send(to, &h->out), 0);
}

/* The next message, or a failure of the test when there is none in time. */
static enum msg_type receive_in(struct house *h, const struct channel *c, int ms)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};

	assert_int_equal(poll(&p, 1, ms), 1);
	assert_int_equal(msg_recv(c, &h->m), MSG_GOT);
	return h->m.type;
}

static enum msg_type receive(struct house *h, const struct channel *c)
{
	return receive_in(h, c, ANSWER_MS);
}

static void start_worker_of(struct house *h, uint32_t i)
{
	struct channel *to = &h->to_worker[i];
	int sv[2];

	pair(sv);
	h->worker[i] = start("./restante-worker", ROLE_WORKER, to);
	send_config(h, to, conf_plugin(h->conf, i));
	send_peer(h, to, ROLE_AUTH, 1, sv[0]);
	send_start(h, to);
	assert_int_equal(receive(h, to), MSG_READY);
	send_peer(h, &h->to_auth, ROLE_WORKER, i, sv[1]);
}

/* Those that are not there: auth-odd's, which is asked first, and that of the passwd-file. */
static void start_workers(struct house *h)
{
	for (uint32_t i = 0; i < 2; i++)
		if (h->worker[i] == 0)
			start_worker_of(h, i);
}

static int silent(const struct channel *c, int ms)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};

	return poll(&p, 1, ms) == 0;
}

static int setup(void **state)
{
	struct house *h = mem_alloc(1, sizeof(*h));
	int login[2], session[2];
	FILE *f;

	snprintf(h->uid, sizeof(h->uid), "%u", geteuid() == 0 ? NOBODY : (unsigned)geteuid());
	snprintf(h->users, sizeof(h->users), "/tmp/restante-roles-%d", (int)getpid());
	f = fopen(h->users, "w");
	assert_non_null(f);
	fprintf(f, "anna:{PLAIN}tanstaaf:%s:2002::/home/anna::storage=mbox\n", h->uid);
	fprintf(f, "mrose:{PLAIN}tanstaaf:%s:2003\n", h->uid);
	fclose(f);
	h->conf = configure(h);
	pair(login);
	pair(session);
	h->auth = start("./restante-auth", ROLE_AUTH, &h->to_auth);
	send_config(h, &h->to_auth, NULL);
	send_peer(h, &h->to_auth, ROLE_LOGIN, 1, login[1]);
	send_peer(h, &h->to_auth, ROLE_SESSION, 1, session[1]);
	send_start(h, &h->to_auth);
	assert_int_equal(receive(h, &h->to_auth), MSG_READY);
	h->login = channel(login[0], ROLE_LOGIN, ROLE_AUTH);
	h->session = channel(session[0], ROLE_SESSION, ROLE_AUTH);
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	struct house *h = *state;
	int status;

	close(h->login.fd);
	close(h->session.fd);
	close(h->to_auth.fd); /* both roles end when their master has gone */
	assert_int_equal(waitpid(h->auth, &status, 0), h->auth);
	assert_int_equal(status, 0);
	for (int i = 0; i < 2; i++) {
		if (h->worker[i] == 0)
			continue;
		close(h->to_worker[i].fd);
		assert_int_equal(waitpid(h->worker[i], &status, 0), h->worker[i]);
		assert_int_equal(status, 0);
	}
	unlink(h->users);
	conf_free(h->conf);
	free(h);
	return 0;
}

/* The worker that a test has seen die. */
static int killed_by(struct house *h)
{
	int status;

	assert_int_equal(waitpid(h->worker[0], &status, 0), h->worker[0]);
	close(h->to_worker[0].fd);
	h->worker[0] = 0;
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* --- what login says and hears --- */

static void begin(struct house *h, uint32_t id, const char *mech, const char *initial, size_t n)
{
	msg_start(&h->out, MSG_AUTH_START);
	msg_put_u32(&h->out, id);
	msg_put_str(&h->out, mech);
	msg_put_u32(&h->out, initial != NULL);
	msg_put_bytes(&h->out, initial != NULL ? initial : "", n);
	msg_put_str(&h->out, h->ip[0] != '\0' ? h->ip : "192.0.2.1");
	msg_put_str(&h->out, "192.0.2.2");
	msg_put_u32(&h->out, 1);
	msg_put_str(&h->out, BANNER);
	msg_put_bytes(&h->out, "", 0);
	msg_put_bytes(&h->out, "", 0);
	msg_put_str(&h->out, "");
	assert_int_equal(msg_send(&h->login, &h->out), 0);
}

static void plain(struct house *h, uint32_t id, const char *user, const char *password)
{
	char text[256];
	int n = snprintf(text, sizeof(text), "%c%s%c%s", 0, user, 0, password);

	begin(h, id, "PLAIN", text, (size_t)n);
}

static void step(struct house *h, uint32_t id, const char *response)
{
	msg_start(&h->out, MSG_AUTH_STEP);
	msg_put_u32(&h->out, id);
	msg_put_bytes(&h->out, response, strlen(response));
	assert_int_equal(msg_send(&h->login, &h->out), 0);
}

static void abort_it(struct house *h, uint32_t id)
{
	msg_start(&h->out, MSG_AUTH_ABORT);
	msg_put_u32(&h->out, id);
	assert_int_equal(msg_send(&h->login, &h->out), 0);
}

static void expect_fail(struct house *h, uint32_t id, int result)
{
	assert_int_equal(receive(h, &h->login), MSG_AUTH_FAIL);
	assert_int_equal(msg_get_u32(&h->m), id);
	assert_int_equal(-(int)msg_get_u32(&h->m), result);
	h->when = (int64_t)msg_get_u64(&h->m);
	(void)msg_get_str(&h->m);
	assert_true(msg_end(&h->m));
}

/* AUTH_OK and GRANT with one ticket; the GRANT has to be there when AUTH_OK comes. */
static void expect_ok(struct house *h, uint32_t id, const char *user, struct restante_user *u)
{
	static const char *attrs[16];
	static struct msg grant;
	unsigned char ticket[TICKET_LEN];
	const unsigned char *p;
	size_t n;

	assert_int_equal(receive(h, &h->login), MSG_AUTH_OK);
	assert_int_equal(msg_get_u32(&h->m), id);
	p = msg_get_bytes(&h->m, &n);
	assert_int_equal(n, TICKET_LEN);
	memcpy(ticket, p, n);
	assert_string_equal(msg_get_str(&h->m), user);
	assert_true(msg_end(&h->m));
	assert_int_equal(receive_in(h, &h->session, 0), MSG_GRANT);
	grant = h->m;
	p = msg_get_bytes(&grant, &n);
	assert_int_equal(n, TICKET_LEN);
	assert_memory_equal(p, ticket, n);
	assert_int_equal(msg_get_u32(&grant), GRANT_SESSION);
	msg_get_user(&grant, u, attrs, 16);
	assert_true(msg_end(&grant));
}

/* --- the tests --- */

static void a_login_gives_the_session_the_record_and_both_a_ticket(void **state)
{
	struct house *h = *state;
	struct restante_user u;

	start_workers(h);
	plain(h, 7, "anna", "tanstaaf");
	expect_ok(h, 7, "anna", &u);
	assert_string_equal(u.name, "anna");
	assert_string_equal(u.home, "/home/anna");
	assert_int_equal(u.uid, atoi(h->uid));
	assert_int_equal(u.gid, 2002);
	assert_string_equal(u.attrs[0], "storage");
	assert_string_equal(u.attrs[1], "mbox");
	assert_null(u.attrs[2]);
}

static void login_and_apop_work_as_plain_does(void **state)
{
	static const char apop[] = "mrose c4c9334bac560ecc979e58001b3e22fb";
	struct house *h = *state;
	struct restante_user u;

	start_workers(h);
	begin(h, 1, "LOGIN", NULL, 0);
	assert_int_equal(receive(h, &h->login), MSG_AUTH_CONTINUE);
	step(h, 1, "anna");
	assert_int_equal(receive(h, &h->login), MSG_AUTH_CONTINUE);
	step(h, 1, "tanstaaf");
	expect_ok(h, 1, "anna", &u);
	begin(h, 2, "APOP", apop, sizeof(apop) - 1);
	expect_ok(h, 2, "mrose", &u);
	assert_int_equal(u.gid, 2003);
}

static void wrong_unknown_and_malformed_are_denied_and_get_no_grant(void **state)
{
	struct house *h = *state;

	start_workers(h);
	plain(h, 1, "anna", "wrong");
	expect_fail(h, 1, RESTANTE_DENY);
	plain(h, 2, "nobody", "tanstaaf");
	expect_fail(h, 2, RESTANTE_DENY);
	begin(h, 3, "PLAIN", "anna", 4);
	expect_fail(h, 3, RESTANTE_DENY);
	assert_true(silent(&h->session, 0));
}

/* Issue: uid 0 never gets a session; the answer is that of a wrong password. */
static void root_and_low_uids_are_denied(void **state)
{
	struct house *h = *state;

	start_workers(h);
	plain(h, 1, "root", "x");
	expect_fail(h, 1, RESTANTE_DENY);
	plain(h, 2, "low", "x");
	expect_fail(h, 2, RESTANTE_DENY);
	assert_true(silent(&h->session, 0));
}

/* Auth says the moment of the answer, login keeps to it. Each from an address of its own: here a
 * first failure is to be compared with first failures. */
static void every_denial_is_due_at_the_same_time(void **state)
{
	static const char *const users[] = {"anna", "nobody", "root", "tardy"};
	struct house *h = *state;

	start_workers(h);
	for (uint32_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		int64_t began = clock_us();

		snprintf(h->ip, sizeof(h->ip), "192.0.2.%u", i + 1);
		plain(h, i, users[i], "wrong");
		expect_fail(h, i, RESTANTE_DENY);
		assert_in_range(h->when - began, (STEP_MS + DELAY_MS) * 1000,
			(STEP_MS + DELAY_MS + 200) * 1000);
	}
}

/* Its steps, of a first failure. */
static int64_t steps_of(struct house *h, uint32_t id, const char *user)
{
	int64_t began = clock_us();

	snprintf(h->ip, sizeof(h->ip), "192.0.2.%u", id);
	plain(h, id, user, "wrong");
	expect_fail(h, id, RESTANTE_DENY);
	return (h->when - began - DELAY_MS * 1000) / (STEP_MS * 1000);
}

/* Bug class: PAM computes no hash for a user who does not exist or is locked. */
static void a_refusal_that_is_quick_to_find_comes_when_a_slow_one_would(void **state)
{
	struct house *h = *state;
	int64_t slow;

	start_workers(h);
	slow = steps_of(h, 1, "late");
	assert_true(slow >= 2);
	assert_true(steps_of(h, 2, "nobody") >= slow);
}

/* Bug class: a client that waits before its last word has its answer fall on this side of a step or
 * on that, as it wants. */
static void the_time_of_an_answer_counts_from_the_last_word_of_the_client(void **state)
{
	struct house *h = *state;
	int64_t said;

	start_workers(h);
	begin(h, 1, "LOGIN", NULL, 0);
	assert_int_equal(receive(h, &h->login), MSG_AUTH_CONTINUE);
	step(h, 1, "anna");
	assert_int_equal(receive(h, &h->login), MSG_AUTH_CONTINUE);
	assert_true(silent(&h->login, STEP_MS / 2));
	said = clock_us();
	step(h, 1, "wrong");
	expect_fail(h, 1, RESTANTE_DENY);
	assert_true(h->when - said >= (STEP_MS + DELAY_MS) * 1000);
}

static void trouble_is_answered_at_once_and_as_trouble(void **state)
{
	struct house *h = *state;
	int64_t began = clock_ms();

	start_workers(h);
	plain(h, 1, "temp", "x");
	expect_fail(h, 1, RESTANTE_TEMP);
	plain(h, 2, "perm", "x");
	expect_fail(h, 2, RESTANTE_PERM);
	plain(h, 3, "nonsense", "x");
	expect_fail(h, 3, RESTANTE_PERM);
	assert_true(clock_ms() - began < 2 * STEP_MS);
}

static void a_plugin_that_hangs_is_killed_at_its_deadline(void **state)
{
	struct house *h = *state;
	struct restante_user u;
	int64_t began;

	start_workers(h);
	began = clock_ms();
	plain(h, 1, "hang", "x");
	expect_fail(h, 1, RESTANTE_TEMP);
	assert_in_range(clock_ms() - began, TIMEOUT_MS, TIMEOUT_MS + 2000);
	assert_int_equal(killed_by(h), SIGKILL);
	start_workers(h); /* as the master does */
	plain(h, 2, "anna", "tanstaaf");
	expect_ok(h, 2, "anna", &u);
}

static void a_plugin_that_crashes_costs_one_login(void **state)
{
	struct house *h = *state;
	struct restante_user u;

	start_workers(h);
	plain(h, 1, "crash", "x");
	expect_fail(h, 1, RESTANTE_TEMP);
	assert_int_equal(killed_by(h), SIGABRT);
	plain(h, 2, "anna", "tanstaaf"); /* waits for a worker */
	assert_true(silent(&h->login, 100));
	start_workers(h);
	expect_ok(h, 2, "anna", &u);
}

static void logins_queue_behind_a_slow_one(void **state)
{
	struct house *h = *state;
	struct restante_user u;

	start_workers(h);
	plain(h, 1, "slow", "x");
	plain(h, 2, "ok", "x");
	plain(h, 3, "anna", "tanstaaf");
	expect_ok(h, 1, "slow", &u);
	expect_ok(h, 2, "ok", &u);
	expect_ok(h, 3, "anna", &u);
}

static void without_a_worker_a_login_waits_for_a_bounded_time(void **state)
{
	struct house *h = *state;
	int64_t began = clock_ms();

	plain(h, 1, "anna", "tanstaaf");
	expect_fail(h, 1, RESTANTE_TEMP);
	assert_in_range(clock_ms() - began, TIMEOUT_MS, TIMEOUT_MS + 1500);
}

static void what_is_aborted_is_not_answered(void **state)
{
	struct house *h = *state;
	struct restante_user u;

	start_workers(h);
	plain(h, 1, "slow", "x"); /* with the worker */
	plain(h, 2, "ok", "x");   /* queued */
	begin(h, 3, "LOGIN", NULL, 0);
	assert_int_equal(receive(h, &h->login), MSG_AUTH_CONTINUE);
	abort_it(h, 1);
	abort_it(h, 2);
	abort_it(h, 3);
	abort_it(h, 4);                  /* never was */
	plain(h, 1, "anna", "tanstaaf"); /* the number is free again */
	expect_ok(h, 1, "anna", &u);
	assert_string_equal(u.name, "anna");
	assert_true(silent(&h->login, 100) && silent(&h->session, 0));
}

/* Bug class: who hangs up before the answer has guessed for nothing. */
static void a_wrong_password_counts_though_nobody_waits_for_the_answer(void **state)
{
	struct house *h = *state;
	int64_t began;

	start_workers(h);
	plain(h, 1, "tardy", "one");
	abort_it(h, 1);
	plain(h, 2, "ok", "x"); /* behind it: the only worker has answered then */
	assert_int_equal(receive(h, &h->login), MSG_AUTH_OK);
	began = clock_us();
	plain(h, 3, "tardy", "two");
	expect_fail(h, 3, RESTANTE_DENY);
	assert_true(h->when - began > 2 * DELAY_MS * 1000);
}

static void nonsense_from_login_is_refused_and_the_rest_goes_on(void **state)
{
	struct house *h = *state;
	struct restante_user u;

	start_workers(h);
	step(h, 9, "what"); /* no such exchange */
	begin(h, 1, "GSSAPI", "", 0);
	expect_fail(h, 1, RESTANTE_TEMP);
	msg_start(&h->out, MSG_AUTH_START); /* its fields are missing */
	assert_int_equal(msg_send(&h->login, &h->out), 0);
	plain(h, 2, "anna", "tanstaaf");
	expect_ok(h, 2, "anna", &u);
}

static int drain(struct house *h, const struct channel *c, int ms)
{
	int n = 0;

	while (!silent(c, ms)) {
		(void)receive(h, c);
		n++;
	}
	return n;
}

/* In a burst the spawner forks while auth goes on: what does not fit into its socket has to wait,
 * and login must not hear of a ticket that the spawner does not know. */
static void a_session_process_that_is_slow_to_read_loses_no_login(void **state)
{
	enum { LOGINS = 1000, BATCH = 50 };
	struct house *h = *state;
	int answers = 0, grants = 0, held_back = 0;

	start_workers(h);
	for (uint32_t i = 0; i < LOGINS; i++) {
		plain(h, i, "ok", "x");
		if (i % BATCH != BATCH - 1)
			continue;
		answers += drain(h, &h->login, 50);
		held_back = held_back || answers < (int)i + 1;
		for (int tries = 0; tries < 100 && answers < (int)i + 1; tries++) {
			grants += drain(h, &h->session, 50);
			answers += drain(h, &h->login, 50);
		}
		assert_int_equal(answers, i + 1);
	}
	grants += drain(h, &h->session, 50);
	assert_true(held_back);
	assert_int_equal(grants, LOGINS);
}

#define IN_HOUSE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* In a build tree that only root can read nobody cannot run the roles. */
static int possible(void)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(become_nobody() == 0 && access("./restante-worker", X_OK) == 0 ? 0 : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOUSE(a_login_gives_the_session_the_record_and_both_a_ticket),
		IN_HOUSE(login_and_apop_work_as_plain_does),
		IN_HOUSE(wrong_unknown_and_malformed_are_denied_and_get_no_grant),
		IN_HOUSE(root_and_low_uids_are_denied),
		IN_HOUSE(every_denial_is_due_at_the_same_time),
		IN_HOUSE(a_refusal_that_is_quick_to_find_comes_when_a_slow_one_would),
		IN_HOUSE(the_time_of_an_answer_counts_from_the_last_word_of_the_client),
		IN_HOUSE(trouble_is_answered_at_once_and_as_trouble),
		IN_HOUSE(a_plugin_that_hangs_is_killed_at_its_deadline),
		IN_HOUSE(a_plugin_that_crashes_costs_one_login),
		IN_HOUSE(logins_queue_behind_a_slow_one),
		IN_HOUSE(without_a_worker_a_login_waits_for_a_bounded_time),
		IN_HOUSE(what_is_aborted_is_not_answered),
		IN_HOUSE(a_wrong_password_counts_though_nobody_waits_for_the_answer),
		IN_HOUSE(a_session_process_that_is_slow_to_read_loses_no_login),
		IN_HOUSE(nonsense_from_login_is_refused_and_the_rest_goes_on),
	};

	if (!possible()) {
		puts("1..0 # SKIP the build tree is not readable for nobody");
		return 0;
	}
	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
