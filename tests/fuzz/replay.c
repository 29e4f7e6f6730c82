/* The main() of a fuzz target in a build without libFuzzer.
 *
 * Hands each file named as an argument to the target, or without arguments every file of
 * $RESTANTE_SOURCE/tests/fuzz/seeds/<what>, <what> being the program's name after "fuzz-". What
 * the fuzzers have found once is so tried again by every make check. Prints TAP. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input is a block of exactly its own size, so that a sanitizer sees one octet too far. */
static int replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	long size;
	uint8_t *data;

	if (!f || fseek(f, 0, SEEK_END) || (size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET)) {
		perror(path);
		return -1;
	}
	data = malloc(size ? (size_t)size : 1);
	if (!data || fread(data, 1, (size_t)size, f) != (size_t)size) {
		perror(path);
		return -1;
	}
	fclose(f);
	LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
	return 0;
}

static int replay_folder(const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	char path[4000 + 256 + 2];
	int n = 0;

	if (!d) {
		perror(folder);
		return -1;
	}
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		if (snprintf(path, sizeof path, "%s/%s", folder, e->d_name) >= (int)sizeof path ||
			replay(path))
			return -1;
		n++;
	}
	closedir(d);
	return n;
}

int main(int argc, char **argv)
{
	const char *source = getenv("RESTANTE_SOURCE"), *slash = strrchr(argv[0], '/');
	const char *name = slash ? slash + 1 : argv[0], *what = strstr(name, "fuzz-");
	char folder[4000];
	int n = argc - 1;

	puts("1..1");
	fflush(stdout);
	if (argc > 1) {
		for (int i = 1; i < argc; i++)
			if (replay(argv[i]))
				n = -1;
	} else {
		snprintf(folder, sizeof folder, "%s/tests/fuzz/seeds/%s", source ? source : ".",
			 what ? what + strlen("fuzz-") : name);
		n = replay_folder(folder);
	}
	printf("%sok 1 - %s stands its seeds (%d)\n", n > 0 ? "" : "not ", name, n);
	return n > 0 ? 0 : 1;
}
