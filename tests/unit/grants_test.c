/* Tickets: what stands between a login process that an attacker owns and somebody's mailbox. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include "session/grants.h"

enum { NOW = 1000 };

static struct msg in, out;

static void add_for(struct grants *t, char ticket, enum grant_purpose purpose, const char *name,
	int64_t now)
{
	unsigned char octets[TICKET_LEN];
	struct restante_user user = {
		.size = sizeof(user), .uid = 1001, .gid = 1001, .name = name, .home = "/"};

	memset(octets, ticket, sizeof(octets));
	msg_start(&in, MSG_GRANT);
	msg_put_bytes(&in, octets, sizeof(octets));
	msg_put_u32(&in, purpose);
	msg_put_user(&in, &user);
	in.pos = sizeof(uint32_t); /* behind the type, as msg_recv leaves it */
	grants_add(t, &in, now);
}

static void add(struct grants *t, char ticket, const char *name, int64_t now)
{
	add_for(t, ticket, GRANT_SESSION, name, now);
}

/* The name of the user that the ticket is good for, or NULL. */
static const char *take(struct grants *t, char ticket, int64_t now)
{
	unsigned char octets[TICKET_LEN];
	struct restante_user user;
	const char *attrs[USER_ATTRS];

	memset(octets, ticket, sizeof(octets));
	if (!grants_take(t, octets, GRANT_SESSION, now, &out))
		return NULL;
	msg_get_user(&out, &user, attrs, USER_ATTRS);
	assert_true(msg_end(&out));
	return user.name;
}

static void a_ticket_is_good_once(void **state)
{
	struct grants t = {0};

	(void)state;
	add(&t, 'a', "anna", NOW);
	assert_string_equal(take(&t, 'a', NOW), "anna");
	assert_null(take(&t, 'a', NOW));
	free(t.list);
}

static void a_ticket_that_was_never_granted_is_none(void **state)
{
	struct grants t = {0};

	(void)state;
	assert_null(take(&t, 'a', NOW));
	add(&t, 'a', "anna", NOW);
	assert_null(take(&t, 'b', NOW));
	assert_string_equal(take(&t, 'a', NOW), "anna");
	free(t.list);
}

static void a_ticket_whose_time_is_over_is_none(void **state)
{
	struct grants t = {0};

	(void)state;
	add(&t, 'a', "anna", NOW);
	assert_null(take(&t, 'a', NOW + GRANT_MS));
	grants_expire(&t, NOW + GRANT_MS);
	assert_int_equal(t.n, 0);
	free(t.list);
}

static void each_ticket_has_its_own_user_however_many_there_are(void **state)
{
	struct grants t = {0};
	char name[2] = "";

	(void)state;
	for (char c = '0'; c <= 'z'; c++) {
		name[0] = c;
		add(&t, c, name, NOW);
	}
	for (char c = '0'; c <= 'z'; c += 2)
		assert_int_equal(take(&t, c, NOW)[0], c);
	for (char c = '1'; c <= 'z'; c += 2)
		assert_int_equal(take(&t, c, NOW)[0], c);
	assert_int_equal(t.n, 0);
	free(t.list);
}

static void a_malformed_grant_is_none(void **state)
{
	struct grants t = {0};

	(void)state;
	msg_start(&in, MSG_GRANT);
	msg_put_bytes(&in, "short", 5);
	in.pos = sizeof(uint32_t);
	grants_add(&t, &in, NOW);
	assert_int_equal(t.n, 0);
}

static int takes(struct grants *t, char ticket, enum grant_purpose purpose, int64_t now)
{
	unsigned char octets[TICKET_LEN];

	memset(octets, ticket, sizeof(octets));
	return grants_take(t, octets, purpose, now, &out);
}

static void a_ticket_for_a_delivery_opens_no_session_and_the_reverse(void **state)
{
	struct grants t = {0};

	(void)state;
	add(&t, 's', "anna", NOW);
	add_for(&t, 'd', GRANT_DELIVERY, "anna", NOW);
	assert_int_equal(takes(&t, 's', GRANT_DELIVERY, NOW), 0);
	assert_int_equal(takes(&t, 'd', GRANT_SESSION, NOW), 0);
	assert_int_equal(takes(&t, 'd', GRANT_DELIVERY, NOW + GRANT_DELIVERY_MS - 1), 1);
	assert_int_equal(takes(&t, 'd', GRANT_DELIVERY, NOW), 0);
	assert_int_equal(takes(&t, 's', GRANT_SESSION, NOW), 1);
	free(t.list);
}

static void deliveries_that_never_come_do_not_pile_up(void **state)
{
	struct grants t = {0};

	(void)state;
	add(&t, 's', "anna", NOW);
	add_for(&t, 'o', GRANT_DELIVERY, "anna", NOW);
	for (int i = 0; i < GRANT_DELIVERIES + 10; i++)
		add_for(&t, 'd', GRANT_DELIVERY, "anna", NOW + 1);
	assert_int_equal(t.n, GRANT_DELIVERIES + 1);
	assert_int_equal(takes(&t, 'o', GRANT_DELIVERY, NOW), 0);
	assert_int_equal(takes(&t, 's', GRANT_SESSION, NOW), 1);
	grants_expire(&t, NOW + 1 + GRANT_DELIVERY_MS);
	assert_int_equal(t.n, 0);
	assert_int_equal(t.deliveries, 0);
	free(t.list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ticket_is_good_once),
		cmocka_unit_test(a_ticket_that_was_never_granted_is_none),
		cmocka_unit_test(a_ticket_whose_time_is_over_is_none),
		cmocka_unit_test(each_ticket_has_its_own_user_however_many_there_are),
		cmocka_unit_test(a_malformed_grant_is_none),
		cmocka_unit_test(a_ticket_for_a_delivery_opens_no_session_and_the_reverse),
		cmocka_unit_test(deliveries_that_never_come_do_not_pile_up),
	};

	return cmocka_run_group_tests_name("grants", tests, NULL, NULL);
}
