/* binding - what SCRAM-...-PLUS binds to.
 *
 * tls-unique is not here: TLS 1.3 has none, and in 1.2 it is weaker than these two. */
#include "login/binding.h"

#include <openssl/x509.h>

enum { EXPORTER_LEN = 32 };

/* RFC 9266 section 2: a context of no octets. Section 4.2: in TLS 1.2 only with the extended master
 * secret, without which two connections may share their secrets. */
static size_t exporter(SSL *ssl, unsigned char out[BINDING_MAX])
{
	static const char label[] = "EXPORTER-Channel-Binding";

	if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1)
		return 0;
	return SSL_export_keying_material(ssl, out, EXPORTER_LEN, label, sizeof(label) - 1,
		       (const unsigned char *)"", 0, 1) == 1
		       ? EXPORTER_LEN
		       : 0;
}

/* The certificate's digest, by the hash of its own signature; where that is MD5 or SHA-1, by
 * SHA-256. A signature without a hash of its own (Ed25519) leaves this binding undefined. */
static size_t end_point(SSL *ssl, unsigned char out[BINDING_MAX])
{
	X509 *x = SSL_get_certificate(ssl);
	int md = NID_undef;
	unsigned n = 0;

	if (x == NULL || X509_get_signature_info(x, &md, NULL, NULL, NULL) != 1 || md == NID_undef)
		return 0;
	if (md == NID_md5 || md == NID_sha1)
		md = NID_sha256;
	return EVP_get_digestbynid(md) != NULL &&
			       X509_digest(x, EVP_get_digestbynid(md), out, &n) == 1
		       ? n
		       : 0;
}

int binding_get(SSL *ssl, struct binding *b)
{
	*b = (struct binding){.exporter_len = 0};
	if (ssl == NULL || !SSL_is_init_finished(ssl))
		return 0;
	b->exporter_len = exporter(ssl, b->exporter);
	b->end_point_len = end_point(ssl, b->end_point);
	return b->exporter_len > 0 || b->end_point_len > 0;
}
