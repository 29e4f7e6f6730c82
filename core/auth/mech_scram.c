/* mech_scram - SCRAM (RFC 5802, RFC 7677), with channel binding in its -PLUS form (RFC 5929
 * section 4: tls-server-end-point; RFC 9266: tls-exporter).
 *
 *	client-first   gs2-header "n=" user ",r=" nonce
 *	server-first   "r=" nonce + ours ",s=" salt ",i=" iterations
 *	client-final   "c=" base64 of gs2-header and binding ",r=" both nonces ",p=" proof
 *	server-final   "v=" signature; the client answers with nothing (RFC 5034 section 4)
 *
 * A user who does not exist, or has no such keys, gets a salt that follows from his name, and fails
 * with the proof. Names are taken as they come: SASLprep (RFC 4013) changes none that is ASCII, and
 * others only where they are not in normal form KC, which what people type is. */
#include "auth/mech.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <restante/plugin.h>
#include "base/wipe.h"
#include "pop3/base64.h"

enum {
	FIRST_MAX = 1024, /* octets of client-first */
	NONCE_LEN = 18,   /* ours, in octets of chance; a multiple of 3 needs no padding */
	SALT_MAX = 1024,
	KEY_MAX = 64,
	MASK_SALT = 16, /* what passwd makes, and others too */
	MASK_ITERATIONS = 4096
};

struct scram {
	struct buf messages; /* AuthMessage, as far as it has gone */
	struct buf nonce;    /* both */
	struct buf binding;  /* what c= has to be, in base64 */
	unsigned char stored[KEY_MAX], server[KEY_MAX];
	size_t key_len;
	int masked; /* there are no keys: the proof is wrong whatever it is */
};

static const EVP_MD *digest(const struct exchange *x)
{
	return strcmp(x->mech->hash, "SHA-1") == 0 ? EVP_sha1() : EVP_sha256();
}

static void add_base64(struct buf *to, const void *p, size_t n)
{
	char *room = buf_room(to, BASE64_ENCODED(n));

	to->len += base64_encode(p, n, room, BASE64_ENCODED(n));
	room[BASE64_ENCODED(n)] = '\0';
}

void scram_free(struct scram *s)
{
	if (s == NULL)
		return;
	buf_wipe(&s->messages);
	buf_wipe(&s->nonce);
	buf_wipe(&s->binding);
	wipe(s, sizeof(*s));
	free(s);
}

/* --- client-first --- */

/* The attribute at *p, "k=value", up to a comma or the end: *p moves behind the comma, to NULL at
 * the end. Returns the octets of the value, or -1. */
static ptrdiff_t attribute(const char **p, const char *end, char key, const char **value)
{
	const char *comma;

	if (*p == NULL || end - *p < 2 || (*p)[0] != key || (*p)[1] != '=')
		return -1;
	*value = *p + 2;
	comma = memchr(*value, ',', (size_t)(end - *value));
	*p = comma != NULL ? comma + 1 : NULL;
	return (comma != NULL ? comma : end) - *value;
}

/* RFC 5802 section 5.1: printable ASCII without a comma. */
static int is_nonce(const char *p, ptrdiff_t n)
{
	for (ptrdiff_t i = 0; i < n; i++)
		if (p[i] < '!' || p[i] > '~' || p[i] == ',')
			return 0;
	return n > 0;
}

/* RFC 5802 section 6. "y": the client could bind and thinks that we could not. When we had offered
 * it, somebody has taken that out of our list. */
static const char *check_flag(const struct exchange *x, const struct gs2 *g)
{
	int bound = (x->mech->flags & MECHANISM_BINDING) != 0;

	if (g->flag == 'y' && (bound || x->client.plus))
		return "downgrade";
	return bound == (g->flag == 'p') ? NULL : "binding";
}

static int is_binding(const struct gs2 *g, const char *name)
{
	return g->binding_len == strlen(name) && memcmp(g->binding, name, g->binding_len) == 0;
}

/* What c= has to be: the header as the client sent it, and what binds to this connection. */
static int expect_binding(struct exchange *x, const struct gs2 *g, const char *header)
{
	struct buf both = {0};
	size_t bound = 0;

	buf_add(&both, header, g->len);
	if (is_binding(g, "tls-exporter")) {
		bound = x->client.exporter_len;
		buf_add(&both, x->client.exporter, bound);
	} else if (is_binding(g, "tls-server-end-point")) {
		bound = x->client.end_point_len;
		buf_add(&both, x->client.end_point, bound);
	}
	add_base64(&x->scram->binding, both.p, both.len);
	buf_free(&both);
	return g->flag == 'p' && bound == 0 ? -1 : 0;
}

static enum mech_result client_first(struct exchange *x, const char *in, size_t n)
{
	const char *end = in + n, *p, *user, *nonce, *why;
	ptrdiff_t user_len, nonce_len;
	struct gs2 g;

	if (n > FIRST_MAX || gs2_parse(&g, in, n) == -1)
		return mech_bad(x, "syntax");
	p = in + g.len;
	user_len = attribute(&p, end, 'n', &user); /* "m=" in its place: RFC 5802 wants failure */
	nonce_len = attribute(&p, end, 'r', &nonce);
	if (user_len < 0 || nonce_len < 0 || !is_nonce(nonce, nonce_len) ||
		gs2_name(x->user, MECH_USER_MAX, user, (size_t)user_len) == -1)
		return mech_bad(x, "syntax");
	why = check_flag(x, &g);
	if (why != NULL)
		return mech_bad(x, why);
	if (g.authzid[0] != '\0' && strcmp(g.authzid, x->user) != 0)
		return mech_bad(x, "authzid");
	x->scram = mem_alloc(1, sizeof(*x->scram));
	if (expect_binding(x, &g, in) == -1)
		return mech_bad(x, "binding");
	buf_add(&x->scram->messages, in + g.len, n - g.len);
	buf_add(&x->scram->nonce, nonce, (size_t)nonce_len);
	if (mech_take_secret(x, MECH_SECRET_MAX, x->mech->hash, strlen(x->mech->hash)) == -1)
		return mech_bad(x, "backend");
	return mech_ask(x);
}

/* --- server-first --- */

struct keys {
	uint32_t iterations, salt_len, key_len;
	unsigned char salt[SALT_MAX];
};

static const unsigned char *take(void *to, const unsigned char *p, size_t n)
{
	memcpy(to, p, n);
	return p + n;
}

/* The layout is that of backend.c. 0, or -1. */
static int read_keys(struct exchange *x, struct keys *k, const unsigned char *p, size_t n)
{
	const size_t head = 3 * sizeof(uint32_t);

	if (n < head)
		return -1;
	p = take(&k->iterations, p, sizeof(k->iterations));
	p = take(&k->salt_len, p, sizeof(k->salt_len));
	p = take(&k->key_len, p, sizeof(k->key_len));
	if (k->salt_len == 0 || k->salt_len > SALT_MAX || k->iterations == 0 ||
		k->key_len != (uint32_t)EVP_MD_get_size(digest(x)) ||
		n != head + k->salt_len + 2 * (size_t)k->key_len)
		return -1;
	p = take(k->salt, p, k->salt_len);
	p = take(x->scram->stored, p, k->key_len);
	(void)take(x->scram->server, p, k->key_len);
	return 0;
}

/* The same for each try, and nothing that the name alone tells. */
static int mask_keys(struct exchange *x, struct keys *k)
{
	const struct mech_mask *m = x->mask;
	unsigned len = 0;

	x->scram->masked = 1;
	k->iterations = m->iterations != 0 ? m->iterations : MASK_ITERATIONS;
	k->key_len = (uint32_t)EVP_MD_get_size(digest(x));
	k->salt_len = m->salt_len != 0 ? m->salt_len : MASK_SALT;
	for (uint32_t at = 0; at < k->salt_len; at += len) {
		unsigned char block[EVP_MAX_MD_SIZE];
		struct buf text = {0};

		buf_printf(&text, "%s,%u,%s", x->mech->hash, at, x->user);
		if (HMAC(EVP_sha256(), m->key, sizeof(m->key), (unsigned char *)text.p, text.len,
			    block, &len) == NULL)
			len = 0;
		buf_free(&text);
		if (len == 0)
			return -1;
		memcpy(k->salt + at, block, len < k->salt_len - at ? len : k->salt_len - at);
	}
	return 0;
}

static void learn(struct mech_mask *m, const struct keys *k)
{
	if (m->iterations != 0)
		return;
	m->iterations = k->iterations;
	m->salt_len = k->salt_len;
}

static int add_nonce(struct buf *nonce, const char *known)
{
	unsigned char chance[NONCE_LEN];

	if (known != NULL) {
		buf_add(nonce, known, strlen(known));
		return 0;
	}
	if (getrandom(chance, sizeof(chance), 0) != (ssize_t)sizeof(chance))
		return -1;
	add_base64(nonce, chance, sizeof(chance));
	return 0;
}

static enum mech_result server_first(struct exchange *x, const struct keys *k)
{
	struct scram *s = x->scram;
	struct buf first = {0};
	enum mech_result result;

	s->key_len = k->key_len;
	buf_printf(&first, "r=%s,s=", buf_str(&s->nonce));
	add_base64(&first, k->salt, k->salt_len);
	buf_printf(&first, ",i=%u", k->iterations);
	buf_printf(&s->messages, ",%s,", first.p);
	result = mech_challenge(x, first.p, first.len);
	buf_free(&first);
	return result;
}

enum mech_result scram_answer(struct exchange *x, int result, const unsigned char *extra, size_t n)
{
	struct keys k;

	if (result == RESTANTE_OK) {
		if (read_keys(x, &k, extra, n) == -1)
			return mech_bad(x, "backend");
		learn(x->mask, &k);
	} else if (mask_keys(x, &k) == -1) {
		return mech_bad(x, "backend");
	}
	/* why the proof will be wrong: for the log */
	x->why = result == RESTANTE_NONE ? "unknown" : "refused";
	if (add_nonce(&x->scram->nonce, x->nonce) == -1)
		return mech_bad(x, "backend");
	return server_first(x, &k);
}

/* --- client-final, server-final --- */

static int keyed(const struct exchange *x, const unsigned char *key, unsigned char out[KEY_MAX])
{
	const struct scram *s = x->scram;

	return HMAC(digest(x), key, (int)s->key_len, (const unsigned char *)s->messages.p,
		       s->messages.len, out, NULL) != NULL
		       ? 0
		       : -1;
}

/* RFC 5802 section 3: proof XOR ClientSignature is ClientKey, and its hash is what is stored. */
static int proved(const struct exchange *x, const unsigned char *proof)
{
	const struct scram *s = x->scram;
	unsigned char key[KEY_MAX], hash[EVP_MAX_MD_SIZE];
	int good = keyed(x, s->stored, key) == 0;

	for (size_t i = 0; i < s->key_len; i++)
		key[i] ^= proof[i];
	good = EVP_Digest(key, s->key_len, hash, NULL, digest(x), NULL) == 1 && good;
	good = same_secret(hash, s->stored, s->key_len) && good;
	wipe(key, sizeof(key));
	return good && !s->masked;
}

static enum mech_result server_final(struct exchange *x)
{
	unsigned char signature[KEY_MAX];
	struct buf final = {0};

	if (keyed(x, x->scram->server, signature) == -1)
		return mech_bad(x, "backend");
	buf_printf(&final, "v=");
	add_base64(&final, signature, x->scram->key_len);
	(void)mech_challenge(x, final.p, final.len);
	buf_free(&final);
	x->verdict = MECH_GOOD;
	return MECH_CONTINUE;
}

static int is_text(const char *p, ptrdiff_t n, const struct buf *b)
{
	return n >= 0 && (size_t)n == b->len && same_secret(p, b->p, b->len);
}

static enum mech_result client_final(struct exchange *x, const char *in, size_t n)
{
	struct scram *s = x->scram;
	const char *end = in + n, *p = in, *binding, *nonce, *proof, *refused = x->why;
	unsigned char decoded[KEY_MAX];
	ptrdiff_t binding_len, nonce_len, proof_len;
	size_t len;

	binding_len = attribute(&p, end, 'c', &binding);
	nonce_len = attribute(&p, end, 'r', &nonce);
	while (p != NULL && end - p >= 2 && p[0] != 'p' && p[1] == '=') { /* extensions */
		char key = *p;

		(void)attribute(&p, end, key, &proof);
	}
	proof = p;
	proof_len = attribute(&p, end, 'p', &proof);
	if (binding_len < 0 || nonce_len < 0 || proof_len < 0 || p != NULL ||
		!base64_decode(proof, (size_t)proof_len, decoded, sizeof(decoded), &len) ||
		len != s->key_len)
		return mech_bad(x, "syntax");
	if (!is_text(binding, binding_len, &s->binding))
		return mech_bad(x, "binding");
	if (!is_text(nonce, nonce_len, &s->nonce))
		return mech_bad(x, "nonce");
	buf_add(&s->messages, in, (size_t)(proof - 3 - in));
	return proved(x, decoded) ? server_final(x) : mech_bad(x, refused);
}

enum mech_result scram_step(struct exchange *x, const char *in, size_t n)
{
	return x->scram == NULL ? client_first(x, in, n) : client_final(x, in, n);
}

/* OpenSSL finds an algorithm when it is first used. */
int scram_prepare(void)
{
	const EVP_MD *const mds[] = {EVP_sha256(), EVP_sha1()};
	unsigned char out[EVP_MAX_MD_SIZE];

	for (size_t i = 0; i < 2; i++)
		if (HMAC(mds[i], "", 0, out, 0, out, NULL) == NULL ||
			EVP_Digest("", 0, out, NULL, mds[i], NULL) != 1)
			return -1;
	return 0;
}
