/* auth-one - one user, from a file of one line.
 *
 *	name:password:uid:gid:comment:home
 *
 * as in passwd(5), with the password as `restantectl passwd -s CRYPT` or mkpasswd(1) makes it. For
 * a machine with one mailbox. The file is read at each login, so a change counts at once. */
#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>
#include <restante/plugin.h>

enum { NAME, PASSWORD, UID, GID, COMMENT, HOME, FIELDS, LINE = 1024 };

struct desk {
	const struct restante_host *host;
	char line[LINE], *field[FIELDS]; /* what the caller gets points here, until the next call */
	uint64_t stamp;
	struct crypt_data crypt;
};

/* The file's octets, or -1 with errno. It may be a FIFO: to open that must not hang. */
static ssize_t read_line(const char *path, char line[LINE])
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	ssize_t n = -1;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < LINE)
		n = read(fd, line, LINE - 1);
	else
		errno = EINVAL;
	close(fd);
	return n;
}

/* Cuts the line into fields. How many there are. */
static int split(char *line, char *field[FIELDS])
{
	char *save = line;
	int n = 0;

	line[strcspn(line, "\r\n")] = '\0';
	while (n < FIELDS && save != NULL)
		field[n++] = strsep(&save, ":");
	return n;
}

static int take_id(const char *text, uint32_t *id)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	*id = (uint32_t)value;
	return *text >= '0' && *text <= '9' && *end == '\0' && value < UINT32_MAX;
}

/* The record; TEMP when there is none that could be used, never DENY: that is not the user's fault.
 */
static int load(struct desk *d, struct restante_user *out)
{
	const char *path = d->host->str(d->host->c, "path");
	ssize_t n = read_line(path, d->line);

	d->line[n > 0 ? n : 0] = '\0';
	if (n == -1) {
		d->host->log(d->host->c, LOG_ERR, "%s: expected a readable file of one line: %s",
			path, strerror(errno));
		return RESTANTE_TEMP;
	}
	d->stamp = 0xcbf29ce484222325u; /* another one for another line: FNV-1a */
	for (const char *p = d->line; *p != '\0'; p++)
		d->stamp = (d->stamp ^ (unsigned char)*p) * 0x100000001b3u;
	if (split(d->line, d->field) < FIELDS || d->field[NAME][0] == '\0' ||
		!take_id(d->field[UID], &out->uid) || !take_id(d->field[GID], &out->gid) ||
		d->field[HOME][0] != '/') {
		d->host->log(d->host->c, LOG_ERR,
			"%s: expected name:password:uid:gid:comment:/home", path);
		return RESTANTE_TEMP;
	}
	out->name = d->field[NAME];
	out->home = d->field[HOME];
	out->stamp = d->stamp;
	return RESTANTE_OK;
}

/* In a time that says nothing about where they differ. */
static int same(const char *a, const char *b)
{
	size_t n = strlen(a);
	int differ = 0;

	if (strlen(b) != n)
		return 0;
	for (size_t i = 0; i < n; i++)
		differ |= a[i] ^ b[i];
	return differ == 0;
}

static int one_open(const struct restante_host *host, void **au)
{
	struct desk *d = host->alloc(host->c, sizeof(*d));

	d->host = host;
	*au = d; /* the file is read when somebody asks: a missing one is no reason not to start */
	return RESTANTE_OK;
}

static void one_close(void *au)
{
	explicit_bzero(au, sizeof(struct desk));
}

static int one_verify(
	void *au, const struct restante_request *r, const char *password, struct restante_user *out)
{
	struct desk *d = au;
	int result = load(d, out), right;
	const char *made;

	if (result != RESTANTE_OK)
		return result;
	/* For every name, so that the time does not tell which one is right. */
	made = crypt_r(password, d->field[PASSWORD], &d->crypt);
	right = made != NULL && made[0] != '*' && same(made, d->field[PASSWORD]);
	explicit_bzero(&d->crypt, sizeof(d->crypt));
	if (strcmp(r->user, d->field[NAME]) != 0)
		return RESTANTE_NONE;
	return right ? RESTANTE_OK : RESTANTE_DENY;
}

static int one_lookup(void *au, const struct restante_request *r, struct restante_user *out)
{
	struct desk *d = au;
	int result = load(d, out);

	return result == RESTANTE_OK && strcmp(r->user, d->field[NAME]) != 0 ? RESTANTE_NONE
									     : result;
}

static const struct restante_setting settings[] = {
	{"path", RESTANTE_PATH, RESTANTE_READ_ONLY | RESTANTE_IN_FOLDER, "/etc/restante/one",
		"the file: name:password:uid:gid:comment:home", NULL},
};

static const struct restante_auth auth = {.size = sizeof(auth),
	.open = one_open,
	.close = one_close,
	.verify = one_verify,
	.lookup = one_lookup};

RESTANTE_PLUGIN(auth_one) = {.magic = RESTANTE_MAGIC,
	.size = sizeof(struct restante_plugin),
	.setting_size = sizeof(struct restante_setting),
	.nsettings = sizeof(settings) / sizeof(settings[0]),
	.name = "auth-one",
	.version = "1",
	.doc = "one user, from a file of one line",
	.settings = settings,
	.auth = &auth};
