/* tls - one SSL_CTX for each certificate, all alike but for it.
 *
 * The files come as descriptors that the master has opened; this process could not read them. There
 * is no session cache: resumption is by tickets alone, which work across processes. */
#define _GNU_SOURCE
#include "login/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/wipe.h"
#include "login/client_cert.h"

#define FILE_OCTETS_MAX (1 << 20)
#define CACHE_ID "restante"
/* OpenSSL's own, AES-128 with SHA-256 first: it costs a server less than AES-256 with SHA-384. */
#define SUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

const char *tls_reason(void)
{
	unsigned long e = ERR_peek_error();
	const char *text = ERR_reason_error_string(e);

	return e == 0 ? "connection closed" : text != NULL ? text : "unknown error";
}

/* --- choosing --- */

size_t tls_choose(SSL_CTX *const *contexts, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (X509_check_host(SSL_CTX_get0_certificate(contexts[i]), name, 0, 0, NULL) == 1)
			return i;
	return 0;
}

/* RFC 6066 section 3. A name that is in no certificate gets the default one: clients of POP3 often
 * ask for a name of their own making and know best whether to go on. */
static int choose_certificate(SSL *ssl, int *alert, void *arg)
{
	const struct tls *tls = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	if (name == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_SSL_CTX(ssl, tls->contexts[tls_choose(tls->contexts, tls->n, name)]);
	return SSL_TLSEXT_ERR_OK;
}

/* RFC 7301; the name is IANA's. Who offers other protocols only is not talking to us. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *outlen,
	const unsigned char *in, unsigned int inlen, void *arg)
{
	static const unsigned char pop3[] = "\x04pop3";
	unsigned char *found;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&found, outlen, pop3, sizeof(pop3) - 1, in, inlen) !=
		OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = found;
	return SSL_TLSEXT_ERR_OK;
}

/* --- files --- */

static int find_file(const struct role_start *start, const char *setting, size_t index)
{
	for (size_t i = 0; i < start->nfiles; i++)
		if (start->files[i].index == index && strcmp(start->files[i].setting, setting) == 0)
			return (int)i;
	role_fail(start, "%s number %zu has not been opened", setting, index + 1);
}

/* The whole file, behind a NUL; wipe it after use. */
static struct buf read_file(const struct role_start *start, int file)
{
	int fd = start->files[file].fd;
	struct buf b = {0};
	ssize_t n = 0;

	/* from the start: the other login processes got the same open file */
	while (b.len <= FILE_OCTETS_MAX &&
		(n = pread(fd, buf_room(&b, 4096), 4096, (off_t)b.len)) > 0)
		b.len += (size_t)n;
	if (n == -1)
		role_fail(start, "%s: %s: %m", start->files[file].setting, start->files[file].path);
	if (b.len > FILE_OCTETS_MAX)
		role_fail(start, "%s: %s: too large for a PEM file", start->files[file].setting,
			start->files[file].path);
	close(fd);
	return b;
}

static _Noreturn void fail(const struct role_start *start, int file, const char *what)
{
	role_fail(start, "%s: %s: %s: %s", start->files[file].setting, start->files[file].path,
		what, tls_reason());
}

/* The first certificate is the server's, those behind it lead to the root. */
static void load_chain(const struct role_start *start, size_t index, SSL_CTX *ctx)
{
	int file = find_file(start, "tls_cert", index);
	struct buf b = read_file(start, file);
	BIO *pem = BIO_new_mem_buf(buf_str(&b), (int)b.len);
	X509 *x = PEM_read_bio_X509_AUX(pem, NULL, NULL, NULL);

	if (x == NULL || SSL_CTX_use_certificate(ctx, x) != 1)
		fail(start, file, "no usable certificate in PEM");
	X509_free(x);
	while ((x = PEM_read_bio_X509(pem, NULL, NULL, NULL)) != NULL)
		if (SSL_CTX_add0_chain_cert(ctx, x) != 1)
			fail(start, file, "a certificate of the chain");
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		fail(start, file, "a certificate of the chain");
	ERR_clear_error();
	BIO_free(pem);
	buf_free(&b);
}

static int no_passphrase(char *to, int cap, int writing, void *arg)
{
	(void)to;
	(void)cap;
	(void)writing;
	(void)arg;
	return -1;
}

static void load_key(const struct role_start *start, size_t index, SSL_CTX *ctx)
{
	int file = find_file(start, "tls_key", index);
	struct buf b = read_file(start, file);
	BIO *pem = BIO_new_mem_buf(buf_str(&b), (int)b.len);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, no_passphrase, NULL);

	if (key == NULL)
		fail(start, file, "no private key in PEM without a passphrase");
	if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
		role_fail(start, "tls_key: %s is not the key of tls_cert %s (%s)",
			start->files[file].path,
			start->files[find_file(start, "tls_cert", index)].path, tls_reason());
	EVP_PKEY_free(key);
	BIO_free(pem);
	buf_wipe(&b);
}

/* For all contexts together: a file can be read once. */
static void load_client_ca(const struct role_start *start, const struct conf *conf, struct tls *tls)
{
	int lists = conf_count(conf, "tls_client_crl") > 0;
	int file = find_file(start, "tls_client_ca", 0);
	struct buf ca = read_file(start, file), crl = {0};

	if (lists)
		crl = read_file(start, find_file(start, "tls_client_crl", 0));
	for (size_t i = 0; i < tls->n; i++) {
		const char *wrong = client_cert_use(tls->contexts[i], &ca, lists ? &crl : NULL);

		if (wrong != NULL)
			role_fail(start, "tls_client_ca: %s: %s", start->files[file].path, wrong);
	}
	buf_free(&ca);
	buf_free(&crl);
}

/* --- contexts --- */

static void set_versions_and_ciphers(
	const struct role_start *start, const struct conf *conf, SSL_CTX *ctx)
{
	const char *ciphers = conf_str(conf, "tls_ciphers");
	const char *suites = conf_str(conf, "tls_ciphersuites");
	int least = conf_num(conf, "tls_min_protocol") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;

	if (SSL_CTX_set_min_proto_version(ctx, least) != 1)
		role_fail(start, "tls_min_protocol: %s", tls_reason());
	if (*ciphers != '\0' && SSL_CTX_set_cipher_list(ctx, ciphers) != 1)
		role_fail(start, "tls_ciphers: \"%s\": %s", ciphers, tls_reason());
	if (*suites == '\0')
		suites = SUITES;
	if (SSL_CTX_set_ciphersuites(ctx, suites) != 1)
		role_fail(start, "tls_ciphersuites: \"%s\": %s", suites, tls_reason());
}

static SSL_CTX *new_context(
	const struct role_start *start, const struct conf *conf, struct tls *tls, size_t index)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL || tickets_use(&tls->tickets, ctx) == -1)
		role_fail(start, "TLS: %s", tls_reason());
	set_versions_and_ciphers(start, conf, ctx);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_CLEANSE_PLAINTEXT |
					 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_num_tickets(ctx, 1);
	(void)SSL_CTX_set_session_id_context(
		ctx, (const unsigned char *)CACHE_ID, sizeof(CACHE_ID) - 1);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	SSL_CTX_set_tlsext_servername_callback(ctx, choose_certificate);
	SSL_CTX_set_tlsext_servername_arg(ctx, tls);
	load_chain(start, index, ctx);
	load_key(start, index, ctx);
	return ctx;
}

struct tls *tls_load(const struct role_start *start, const struct conf *conf)
{
	size_t n = conf_count(conf, "tls_cert");
	struct tls *tls;

	if (n != conf_count(conf, "tls_key"))
		role_fail(start, "tls_key: %zu keys for %zu certificates in tls_cert",
			conf_count(conf, "tls_key"), n);
	if (n == 0)
		return NULL;
	tls = mem_alloc(1, sizeof(*tls));
	if (tickets_set(&tls->tickets, start->ticket_keys, start->nticket_keys) == -1)
		role_fail(start, "TLS: the ticket keys have a wrong length");
	tls->contexts = mem_alloc(n, sizeof(*tls->contexts));
	tls->n = n;
	for (size_t i = 0; i < n; i++)
		tls->contexts[i] = new_context(start, conf, tls, i);
	if (conf_count(conf, "tls_client_ca") > 0)
		load_client_ca(start, conf, tls);
	return tls;
}

SSL_CTX *tls_context(const struct tls *tls)
{
	return tls->contexts[0];
}
