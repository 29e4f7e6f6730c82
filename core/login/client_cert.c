/* client_cert - a client's certificate: asked for, verified, and turned into a user's name.
 *
 * Sessions are resumed by tickets, which hold the certificate and what was found about it. So that
 * none outlives the authorities and lists that it was found with, these are part of what a session
 * is good for (its id context). */
#include "login/client_cert.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

/* What is wrong is asked for later: a wrong certificate ends no connection that needs none. */
static int go_on(int ok, X509_STORE_CTX *c)
{
	(void)ok;
	(void)c;
	return 1;
}

static int at_end_of_pem(void)
{
	int end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;

	ERR_clear_error();
	return end;
}

static int add_authorities(SSL_CTX *ctx, BIO *pem)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	int n = 0;
	X509 *x;

	for (; (x = PEM_read_bio_X509(pem, NULL, NULL, NULL)) != NULL; n++) {
		int added =
			X509_STORE_add_cert(store, x) == 1 && SSL_CTX_add_client_CA(ctx, x) == 1;

		X509_free(x);
		if (!added)
			return 0;
	}
	return at_end_of_pem() && n > 0;
}

static int add_lists(SSL_CTX *ctx, BIO *pem)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	int n = 0;
	X509_CRL *x;

	for (; (x = PEM_read_bio_X509_CRL(pem, NULL, NULL, NULL)) != NULL; n++) {
		int added = X509_STORE_add_crl(store, x) == 1;

		X509_CRL_free(x);
		if (!added)
			return 0;
	}
	return at_end_of_pem() && n > 0 && X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) == 1;
}

static int read_pem(SSL_CTX *ctx, const struct buf *b, int (*add)(SSL_CTX *, BIO *))
{
	BIO *pem = BIO_new_mem_buf(buf_str(b), (int)b->len);
	int ok = pem != NULL && add(ctx, pem);

	BIO_free(pem);
	return ok;
}

/* The files, in the place of the plain name that other servers have there. */
static int set_id_context(SSL_CTX *ctx, const struct buf *ca, const struct buf *crl)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned n = 0;
	int ok = c != NULL && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1 &&
		 EVP_DigestUpdate(c, buf_str(ca), ca->len + 1) == 1 &&
		 (crl == NULL || EVP_DigestUpdate(c, buf_str(crl), crl->len) == 1) &&
		 EVP_DigestFinal_ex(c, md, &n) == 1 &&
		 SSL_CTX_set_session_id_context(ctx, md, n) == 1;

	EVP_MD_CTX_free(c);
	return ok;
}

const char *client_cert_use(SSL_CTX *ctx, const struct buf *ca, const struct buf *crl)
{
	if (!read_pem(ctx, ca, add_authorities))
		return "expected certificates in PEM";
	if (crl != NULL && !read_pem(ctx, crl, add_lists))
		return "expected revocation lists in PEM";
	if (!set_id_context(ctx, ca, crl))
		return "OpenSSL has no SHA-256";
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, go_on);
	return NULL;
}

/* --- names --- */

/* Copies a name that can be a user's: no control characters. */
static size_t take_name(const unsigned char *p, int n, char *to, size_t cap)
{
	if (n <= 0 || (size_t)n >= cap)
		return 0;
	for (int i = 0; i < n; i++)
		if (p[i] < ' ' || p[i] == 0x7f)
			return 0;
	memcpy(to, p, (size_t)n);
	to[n] = '\0';
	return (size_t)n;
}

/* The one common name; two would leave open who is meant. */
static size_t common_name(X509 *x, char *to, size_t cap)
{
	const X509_NAME *name = X509_get_subject_name(x);
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	unsigned char *text = NULL;
	size_t n = 0;
	int len;

	if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0)
		return 0;
	len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (len >= 0)
		n = take_name(text, len, to, cap);
	OPENSSL_free(text);
	return n;
}

/* RFC 4514: "CN=ann,O=Example" */
static size_t subject(X509 *x, char *to, size_t cap)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *text = NULL;
	size_t n = 0;

	if (b != NULL && X509_NAME_print_ex(b, X509_get_subject_name(x), 0,
				 XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0) {
		long len = BIO_get_mem_data(b, &text);

		n = take_name((unsigned char *)text, (int)len, to, cap);
	}
	BIO_free(b);
	return n;
}

/* The first alternative name of a type. */
static size_t alternative(X509 *x, int type, char *to, size_t cap)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	size_t n = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
		int is;
		const ASN1_STRING *s = GENERAL_NAME_get0_value(g, &is);

		if (is != type)
			continue;
		n = take_name(ASN1_STRING_get0_data(s), ASN1_STRING_length(s), to, cap);
		break;
	}
	GENERAL_NAMES_free(names);
	return n;
}

size_t client_cert_user(SSL *ssl, enum client_cert_name what, char *to, size_t cap)
{
	X509 *x;

	to[0] = '\0';
	if (ssl == NULL || !SSL_is_init_finished(ssl))
		return 0;
	x = SSL_get0_peer_certificate(ssl);
	if (x == NULL || SSL_get_verify_result(ssl) != X509_V_OK)
		return 0;
	switch (what) {
	case CERT_SUBJECT_CN:
		return common_name(x, to, cap);
	case CERT_SUBJECT:
		return subject(x, to, cap);
	case CERT_SAN_EMAIL:
		return alternative(x, GEN_EMAIL, to, cap);
	case CERT_SAN_DNS:
		return alternative(x, GEN_DNS, to, cap);
	}
	return 0;
}
