/* Which certificate a client gets, and the keys of session tickets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>
#include "login/tickets.h"
#include "login/tls.h"

/* A context with a certificate of its own making for these names: "DNS:a.example,DNS:*.b.example".
 */
static SSL_CTX *context(const char *names)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);

	assert_non_null(ctx);
	assert_non_null(san);
	X509_set_version(x, X509_VERSION_3);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	X509_add_ext(x, san, -1);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(ctx, x), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	X509_EXTENSION_free(san);
	X509_free(x);
	EVP_PKEY_free(key);
	return ctx;
}

static SSL_CTX *contexts[3];

static int setup(void **state)
{
	(void)state;
	contexts[0] = context("DNS:mail.example.org");
	contexts[1] = context("DNS:pop.example.com,DNS:pop3.example.com");
	contexts[2] = context("DNS:*.example.net");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		SSL_CTX_free(contexts[i]);
	return 0;
}

static void each_name_of_a_certificate_finds_it(void **state)
{
	(void)state;
	assert_int_equal(tls_choose(contexts, 3, "mail.example.org"), 0);
	assert_int_equal(tls_choose(contexts, 3, "pop.example.com"), 1);
	assert_int_equal(tls_choose(contexts, 3, "POP3.Example.Com"), 1);
}

static void a_wildcard_stands_for_one_label(void **state)
{
	(void)state;
	assert_int_equal(tls_choose(contexts, 3, "any.example.net"), 2);
	assert_int_equal(tls_choose(contexts, 3, "two.labels.example.net"), 0);
	assert_int_equal(tls_choose(contexts, 3, "example.net"), 0);
}

static void an_unknown_name_gets_the_first_certificate(void **state)
{
	(void)state;
	assert_int_equal(tls_choose(contexts, 3, "elsewhere.example"), 0);
	assert_int_equal(tls_choose(contexts, 3, ""), 0);
}

static void fill(unsigned char *p, size_t nkeys)
{
	for (size_t i = 0; i < nkeys * sizeof(struct ticket_key); i++)
		p[i] = (unsigned char)(i / sizeof(struct ticket_key) + 1);
}

static void old_ticket_keys_are_found_behind_the_newest(void **state)
{
	unsigned char p[2 * sizeof(struct ticket_key)], unknown[16] = {9};
	struct tickets t = {0};

	(void)state;
	fill(p, 2);
	assert_int_equal(tickets_set(&t, p, sizeof(p)), 0);
	assert_int_equal(tickets_find(&t, p), 0);
	assert_int_equal(tickets_find(&t, p + sizeof(struct ticket_key)), 1);
	assert_int_equal(tickets_find(&t, unknown), -1);
}

static void keys_of_a_wrong_length_change_nothing(void **state)
{
	unsigned char p[(TICKETS_MAX + 1) * sizeof(struct ticket_key)];
	struct tickets t = {0};

	(void)state;
	fill(p, TICKETS_MAX + 1);
	assert_int_equal(tickets_set(&t, p, sizeof(struct ticket_key)), 0);
	assert_int_equal(tickets_set(&t, p, sizeof(struct ticket_key) + 1), -1);
	assert_int_equal(tickets_set(&t, p, sizeof(p)), -1);
	assert_int_equal(t.n, 1);
	assert_int_equal(tickets_find(&t, p), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			each_name_of_a_certificate_finds_it, setup, teardown),
		cmocka_unit_test_setup_teardown(a_wildcard_stands_for_one_label, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_unknown_name_gets_the_first_certificate, setup, teardown),
		cmocka_unit_test(old_ticket_keys_are_found_behind_the_newest),
		cmocka_unit_test(keys_of_a_wrong_length_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
