/* files - are the files there that roles will ask for? */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "check/check.h"

static int is_missing(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd != -1)
		close(fd);
	/* Whoever runs this may not be who runs the server. */
	return fd == -1 && errno != EACCES && errno != EPERM;
}

int files_missing(const struct conf *c, const struct parsed *given)
{
	static const char *const names[] = {
		"tls_cert", "tls_key", "tls_client_ca", "tls_client_crl"};
	int missing = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct given *g = parse_find(given, "", names[i]);

		for (size_t j = 0; g != NULL && j < conf_count(c, names[i]); j++) {
			const char *path = conf_item(c, names[i], j);
			struct buf text = {0};

			if (!is_missing(path))
				continue;
			buf_printf(&text, "%s:%d: %s = \"%s\": %s", g->file, g->line, names[i],
				path, strerror(errno));
			say(text.p);
			buf_free(&text);
			missing++;
		}
	}
	return missing;
}
