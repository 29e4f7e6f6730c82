/* table - every setting of the core: name, type, default, meaning, range, and the roles that may
 * know it.
 *
 * restante.conf(5), `restantectl config`, the validation and the subset that a role gets all follow
 * from these rows. A setting that no role reads does not belong here. */
#include "conf/table.h"

#include <string.h>
#include "ipc/messages.h"

#define MASTER BIT(ROLE_MASTER)

const struct conf_row conf_table[] = {
	/* the network */
	{{"listen", CONF_ADDRESS, RESTANTE_LIST, "*:110 *:995/tls",
		 "addresses and ports to serve; /tls: TLS from the first octet", NULL},
		MASTER},
	{{"hostname", RESTANTE_STRING, 0, NULL,
		 "name of this server in its greeting; default: the system's", "..255"},
		LOGIN | LMTP},
	{{"language", RESTANTE_ENUM, 0, "i-default",
		 "language of replies until a client asks for another", "i-default|en|de|es"},
		LOGIN},
	/* TLS */
	{{"tls_cert", RESTANTE_PATH, RESTANTE_LIST, NULL,
		 "certificate chains in PEM; the client's SNI chooses by the names in them", NULL},
		MASTER | LOGIN},
	{{"tls_key", RESTANTE_PATH, RESTANTE_LIST, NULL,
		 "private keys in PEM, one for each tls_cert, in its order", NULL},
		MASTER | LOGIN},
	{{"tls_min_protocol", RESTANTE_ENUM, 0, "TLSv1.2", "oldest TLS version that is spoken",
		 "TLSv1.2|TLSv1.3"},
		LOGIN},
	{{"tls_ciphers", RESTANTE_STRING, 0, NULL,
		 "OpenSSL's cipher list for TLS 1.2; default: OpenSSL's", NULL},
		LOGIN},
	{{"tls_ciphersuites", RESTANTE_STRING, 0, NULL,
		 "OpenSSL's cipher suites for TLS 1.3; default: AES-128 first", NULL},
		LOGIN},
	{{"tls_client_ca", RESTANTE_PATH, 0, NULL,
		 "authorities in PEM whose certificates clients may log in with (EXTERNAL)", NULL},
		MASTER | LOGIN},
	{{"tls_client_crl", RESTANTE_PATH, 0, NULL,
		 "revocation lists in PEM of these authorities; default: nothing is revoked", NULL},
		MASTER | LOGIN},
	{{"tls_client_name", RESTANTE_ENUM, 0, "subject-cn",
		 "what of a client's certificate is the user's name",
		 "subject-cn|subject|san-email|san-dns"},
		LOGIN},
	/* logging in */
	{{"plaintext_auth", RESTANTE_ENUM, 0, "tls",
		 "where a password may cross the net unencrypted: tls = nowhere, loopback = on "
		 "this machine",
		 "tls|loopback|always"},
		LOGIN},
	{{"apop", RESTANTE_BOOL, 0, "no", "offer APOP; needs secrets stored in plain text", NULL},
		LOGIN | AUTH},
	{{"auth_mechanisms", RESTANTE_ENUM, RESTANTE_LIST,
		 "PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS EXTERNAL OAUTHBEARER XOAUTH2",
		 "SASL mechanisms to offer where they can work; PLAIN stands for USER and PASS too",
		 "PLAIN|LOGIN|SCRAM-SHA-256|SCRAM-SHA-256-PLUS|SCRAM-SHA-1|SCRAM-SHA-1-PLUS|"
		 "EXTERNAL|OAUTHBEARER|XOAUTH2"},
		LOGIN | AUTH},
	{{"auth", RESTANTE_STRING, RESTANTE_LIST, "passwd-file", "auth plugins, asked in this order",
		 NULL},
		MASTER},
	{{"auth_workers", RESTANTE_INT, 0, "4", "processes that check passwords", "1..64"}, MASTER},
	{{"auth_root", RESTANTE_BOOL, 0, "yes",
		 "let workers run as root if an auth plugin declares that it needs that", NULL},
		MASTER},
	{{"auth_timeout", RESTANTE_SECONDS, 0, "30s", "time that one check of a password may take",
		 "1s..5min"},
		MASTER | AUTH | WORKER},
	{{"auth_failure_delay", RESTANTE_SECONDS, 0, "2s",
		 "delay of the reply to a wrong password; grows with each in a connection",
		 "0..1min"},
		LOGIN | AUTH},
	{{"max_auth_failures", RESTANTE_INT, 0, "5",
		 "wrong passwords before the connection is closed", "1..100"},
		LOGIN},
	{{"first_valid_uid", RESTANTE_INT, 0, "1000", "users with a lower uid are refused",
		 "1..4294967294"},
		AUTH | SESSION},
	/* who may log in at all: mostly set in auth records */
	{{"nologin", RESTANTE_STRING, RESTANTE_PER_USER, NULL,
		 "refuse logins; the text is the reason, for the log", "..200"},
		AUTH},
	{{"allow_nets", CONF_NETS, RESTANTE_PER_USER, NULL,
		 "networks to log in from, with commas between them; default: all", NULL},
		AUTH},
	{{"require_tls", RESTANTE_BOOL, RESTANTE_PER_USER, "no", "refuse logins without TLS", NULL},
		AUTH},
	{{"label", RESTANTE_STRING, RESTANTE_PER_USER, NULL,
		 "for auth plugins: which of a user's passwords it was, for the log", "..64"},
		AUTH | SESSION},
	/* limits */
	{{"login_timeout", RESTANTE_SECONDS, 0, "1min", "time to log in", "1s..1h"}, LOGIN},
	{{"idle_timeout", RESTANTE_SECONDS, 0, "10min",
		 "a session without a command for so long ends (RFC 1939: 10 minutes at least)",
		 "1s..1d"},
		SESSION},
	{{"storage_timeout", RESTANTE_SECONDS, 0, "1min",
		 "time that a storage may take for one command", "1s..1h"},
		SESSION | LMTP},
	{{"max_connections", RESTANTE_INT, 0, "2000",
		 "clients at a time, logged in or not; 0 = no limit", "0..1000000"},
		MASTER | LOGIN},
	{{"max_connections_per_address", RESTANTE_INT, 0, "50",
		 "the same for one IPv4 address or IPv6 /64; 0 = no limit", "0..1000000"},
		LOGIN},
	{{"max_user_connections", RESTANTE_INT, RESTANTE_PER_USER, "0",
		 "sessions of one user at a time; 0 = no limit", "0..1000"},
		SESSION},
	/* mailboxes */
	{{"storage", RESTANTE_STRING, RESTANTE_PER_USER, "maildir",
		 "storage plugin of users whose record names none", "..64"},
		SESSION},
	{{"expire", CONF_DAYS, 0, "never",
		 "days after which the site deletes mail: what EXPIRE of CAPA says", "0..36500"},
		LOGIN | SESSION},
	{{"login_delay", RESTANTE_SECONDS, RESTANTE_PER_USER, "0",
		 "least time between two logins of a user (LOGIN-DELAY of RFC 2449)", "0..1d"},
		LOGIN | AUTH | SESSION},
	{{"login_delay_max", RESTANTE_SECONDS, 0, "0",
		 "the largest login_delay that a record may set; CAPA says it before login",
		 "0..1d"},
		LOGIN | AUTH},
	/* delivery */
	{{"listen_lmtp", CONF_LOCAL, RESTANTE_LIST, NULL,
		 "addresses on this machine where an MTA delivers by LMTP", NULL},
		MASTER},
	{{"lmtp_socket_user", RESTANTE_STRING, 0, NULL,
		 "user that the file of a Unix socket of listen_lmtp belongs to; default: who "
		 "starts the server",
		 "..64"},
		MASTER},
	{{"lmtp_socket_mode", RESTANTE_ENUM, 0, "0600", "and its mode", "0600|0660|0666"}, MASTER},
	{{"message_size_limit", RESTANTE_SIZE, 0, "50MB",
		 "largest message that is delivered, in octets; 0 = no limit", NULL},
		MASTER | LMTP},
	{{"recipient_delimiter", RESTANTE_STRING, 0, "+",
		 "octets that separate a user from an extension in an address; empty = none",
		 "..8"},
		MASTER | LMTP},
	/* processes */
	{{"login_processes", RESTANTE_INT, 0, "0",
		 "processes that speak to clients before login; 0 = one a CPU", "0..30"},
		MASTER},
	{{"login_user", RESTANTE_STRING, 0, "_restante-login", "user that login processes run as",
		 "1..64"},
		MASTER},
	{{"auth_user", RESTANTE_STRING, 0, "_restante-auth",
		 "user that auth and its workers run as", "1..64"},
		MASTER},
	{{"session_user", RESTANTE_STRING, 0, NULL,
		 "the one user that owns all mailboxes; default: each user's own uid", "..64"},
		MASTER},
	{{"plugin_path", RESTANTE_PATH, RESTANTE_LIST, PLUGIN_DIR, "folders to look for plugins in",
		 NULL},
		MASTER},
	{{"runtime_dir", RESTANTE_PATH, 0, RUNTIME_DIR,
		 "folder for the pid file; login processes chroot below it", NULL},
		MASTER},
};
const size_t conf_table_rows = sizeof(conf_table) / sizeof(conf_table[0]);

const struct conf_row *conf_row(const char *name)
{
	for (size_t i = 0; i < conf_table_rows; i++)
		if (strcmp(conf_table[i].s.name, name) == 0)
			return &conf_table[i];
	return NULL;
}
