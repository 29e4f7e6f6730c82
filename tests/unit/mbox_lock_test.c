/* storage-mbox: the field's locks, against other processes and programs. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dotlock.h"
#include "mbox_box.h"

#define LOCK MBOX ".lock"
#define MAIL FROM "Subject: a\n\ntext\n\n"

/* A process that does something, says so, and stays until it is ended. */
static pid_t start(void (*hold)(void))
{
	int done[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(done), 0);
	pid = fork();
	if (pid == 0) {
		alarm(30);
		hold();
		if (write(done[1], "", 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(read(done[0], &c, 1), 1);
	close(done[0]);
	close(done[1]);
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void nothing(void)
{
}

static pid_t dead_process(void)
{
	pid_t pid = start(nothing);

	stop(pid);
	return pid;
}

static void hold_fcntl(void)
{
	struct flock range = {.l_type = F_WRLCK};

	if (fcntl(open(MBOX, O_RDWR), F_SETLK, &range))
		_exit(1);
}

static void hold_flock(void)
{
	if (flock(open(MBOX, O_RDWR), LOCK_EX))
		_exit(1);
}

/* What a session gets that must lock, because it has never seen the file. */
static int opens(void)
{
	struct session s;
	int bad;

	unlink("state/mbox.index");
	bad = try_open(&s, RESTANTE_SESSION);
	if (!bad)
		end(&s);
	return bad;
}

static void gets(int result)
{
	assert_int_equal(opens(), result);
}

static void a_lock_that_fcntl_took_is_respected(void **state)
{
	pid_t pid;

	(void)state;
	put(MBOX, MAIL);
	pid = start(hold_fcntl);
	gets(RESTANTE_BUSY);
	assert_false(there(LOCK)); /* what was taken before is given back */
	stop(pid);
	gets(RESTANTE_OK);
}

static void a_lock_that_flock_took_is_respected_if_the_setting_says_so(void **state)
{
	pid_t pid;

	(void)state;
	put(MBOX, MAIL);
	pid = start(hold_flock);
	gets(RESTANTE_OK);
	values[LOCKS] = "flock";
	gets(RESTANTE_BUSY);
	stop(pid);
	gets(RESTANTE_OK);
	values[LOCKS] = "dotlock fcntl";
}

static void a_lock_is_waited_for(void **state)
{
	struct timespec start_time, end_time;

	(void)state;
	put(MBOX, MAIL);
	put(LOCK, "");
	values[LOCK_WAIT] = "1";
	clock_gettime(CLOCK_MONOTONIC, &start_time);
	gets(RESTANTE_BUSY);
	clock_gettime(CLOCK_MONOTONIC, &end_time);
	values[LOCK_WAIT] = "0";
	assert_in_range(end_time.tv_sec - start_time.tv_sec, 1, 3);
}

static void a_dotlock_is_left_behind_when_its_process_is_dead(void **state)
{
	char lock[64];

	(void)state;
	put(MBOX, MAIL);
	snprintf(lock, sizeof(lock), "%ld\n", (long)dead_process());
	put(LOCK, lock);
	gets(RESTANTE_OK);
	assert_false(there(LOCK));
}

static void a_dotlock_of_a_living_process_is_respected_however_old(void **state)
{
	char lock[64];
	pid_t pid = start(nothing);

	(void)state;
	put(MBOX, MAIL);
	snprintf(lock, sizeof(lock), "%ld\n", (long)pid);
	put(LOCK, lock);
	age(LOCK, 100000);
	gets(RESTANTE_BUSY);
	assert_true(there(LOCK));
	stop(pid);
}

static void a_dotlock_without_a_process_is_left_behind_after_five_minutes(void **state)
{
	(void)state;
	put(MBOX, MAIL);
	put(LOCK, "0");
	age(LOCK, 280);
	gets(RESTANTE_BUSY);
	age(LOCK, 320);
	gets(RESTANTE_OK);
}

static void a_dotlock_of_another_host_says_nothing_of_processes_here(void **state)
{
	char lock[64];

	(void)state;
	put(MBOX, MAIL);
	snprintf(lock, sizeof(lock), "%ld\nanother.example.org\n", (long)dead_process());
	put(LOCK, lock);
	gets(RESTANTE_BUSY);
	age(LOCK, 320);
	gets(RESTANTE_OK);
}

static void a_session_that_waits_for_commands_holds_no_lock(void **state)
{
	struct session s;
	pid_t pid;

	(void)state;
	put(MBOX, MAIL);
	begin(&s);
	assert_false(there(LOCK));
	pid = start(hold_fcntl);
	stop(pid);
	end(&s);
}

static void without_the_right_to_write_to_the_folder_the_other_locks_serve(void **state)
{
	pid_t pid;

	(void)state;
	put(MBOX, MAIL);
	assert_int_equal(chmod("spool", 0500), 0);
	gets(RESTANTE_OK);
	pid = start(hold_fcntl);
	gets(RESTANTE_BUSY);
	stop(pid);
	values[LOCKS] = "dotlock";
	gets(RESTANTE_PERM); /* nothing would be locked */
	values[LOCKS] = "dotlock fcntl";
}

static void a_setting_that_cannot_be_is_refused(void **state)
{
	static const char *const bad[] = {"", "fcntl fcntl", "dotlock fcntl flock dotlock"};
	struct plugin_host host;

	(void)state;
	put(MBOX, MAIL);
	plugin_host_init(&host, &storage_mbox_LTX_restante_plugin_v1, values);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		values[LOCKS] = bad[i];
		assert_int_equal(
			storage_mbox_LTX_restante_plugin_v1.check(&host.api), RESTANTE_PERM);
		gets(RESTANTE_PERM);
	}
	values[LOCKS] = "flock dotlock fcntl";
	assert_int_equal(storage_mbox_LTX_restante_plugin_v1.check(&host.api), RESTANTE_OK);
	values[LOCKS] = "dotlock fcntl";
	plugin_host_free(&host);
}

static void hold_dotlock(void)
{
	struct plugin_host host;
	struct dotlock d;

	plugin_host_init(&host, &storage_mbox_LTX_restante_plugin_v1, values);
	if (dotlock_take(&host.api, MBOX, &d))
		_exit(1);
}

/* 0 = the command is there and did it. */
static int command(const char *line)
{
	int status = system(line);

	return status == -1 ? -1 : WEXITSTATUS(status);
}

static void dotlockfile_and_ours_keep_each_other_out(void **state)
{
	pid_t pid;

	(void)state;
	if (command("command -v dotlockfile >/dev/null"))
		skip();
	put(MBOX, MAIL);
	assert_int_equal(command("dotlockfile -l -r 0 " LOCK), 0);
	gets(RESTANTE_BUSY);
	assert_int_equal(command("dotlockfile -u " LOCK), 0);
	gets(RESTANTE_OK);
	pid = start(hold_dotlock);
	assert_int_not_equal(command("dotlockfile -l -p -r 0 " LOCK " 2>/dev/null"), 0);
	stop(pid); /* and takes what a crash of ours left behind */
	assert_int_equal(command("dotlockfile -l -p -r 1 " LOCK), 0);
}

static void lockfile_of_procmail_and_ours_keep_each_other_out(void **state)
{
	pid_t pid;

	(void)state;
	if (command("command -v lockfile >/dev/null"))
		skip();
	put(MBOX, MAIL);
	assert_int_equal(command("lockfile -r 0 " LOCK), 0);
	gets(RESTANTE_BUSY);
	assert_int_equal(unlink(LOCK), 0);
	pid = start(hold_dotlock);
	assert_int_not_equal(command("lockfile -r 0 " LOCK " 2>/dev/null"), 0);
	stop(pid);
	gets(RESTANTE_OK);
}

enum { PROCESSES = 4, ROUNDS = 25 };

static void deliver_some(int who)
{
	const struct restante_put from_nobody = plugin_host_from("");
	struct session s;
	char one[64];
	void *p;

	if (try_open(&s, RESTANTE_DELIVER))
		_exit(1);
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(one, sizeof(one), "Subject: %d\n\n%d\n", who, i);
		if (storage->put_begin(s.st, &from_nobody, &p) ||
			storage->put_data(p, one, strlen(one)) || storage->put_end(p, 1))
			_exit(2);
	}
	end(&s);
	_exit(0);
}

static void deliveries_at_once_all_arrive_in_their_order(void **state)
{
	int status, next[PROCESSES] = {0}, who, i;
	struct session s;

	(void)state;
	values[LOCK_WAIT] = "20";
	for (int n = 0; n < PROCESSES; n++)
		if (fork() == 0)
			deliver_some(n);
	for (int n = 0; n < PROCESSES; n++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	begin(&s);
	values[LOCK_WAIT] = "0";
	assert_int_equal(s.n, PROCESSES * ROUNDS);
	for (size_t m = 0; m < s.n; m++) {
		assert_int_equal(sscanf(text(&s, m), "Subject: %d\n\n%d\n", &who, &i), 2);
		assert_int_equal(next[who]++, i);
	}
	end(&s);
	assert_false(there(LOCK));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_lock_that_fcntl_took_is_respected),
		T(a_lock_that_flock_took_is_respected_if_the_setting_says_so),
		T(a_lock_is_waited_for),
		T(a_dotlock_is_left_behind_when_its_process_is_dead),
		T(a_dotlock_of_a_living_process_is_respected_however_old),
		T(a_dotlock_without_a_process_is_left_behind_after_five_minutes),
		T(a_dotlock_of_another_host_says_nothing_of_processes_here),
		T(a_session_that_waits_for_commands_holds_no_lock),
		T(without_the_right_to_write_to_the_folder_the_other_locks_serve),
		T(a_setting_that_cannot_be_is_refused),
		T(dotlockfile_and_ours_keep_each_other_out),
		T(lockfile_of_procmail_and_ours_keep_each_other_out),
		T(deliveries_at_once_all_arrive_in_their_order),
	};

	return box_ready() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
