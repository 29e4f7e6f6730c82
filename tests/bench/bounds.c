/* restante-bounds - what this machine can do at best, for the table of make bench.
 *
 *   restante-bounds fork              forks a second, CPU us of one
 *   restante-bounds trip              request-response pairs a second over loopback TCP, CPU us of
 * one restante-bounds ask FOLDER N      the first N files of FOLDER/NNNN/NNNNNN: a request, then
 * open, read, LF to CRLF, one write; messages/s, MB/s, CPU us of the sender restante-bounds send
 * FOLDER N     the same, without waiting for requests restante-bounds gcm               AES-256-GCM
 * of 16 KiB records, MB/s
 *
 * No POP3, no index, no checks: a server can come near these figures and not pass them.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 0.5
#define TRIP 32 /* octets of a request, and of a response of "trip" */
#define CHUNK (256 * 1024)

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_us(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "restante-bounds: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void bound_fork(void)
{
	double start = now(), used;
	unsigned n = 0;

	for (; now() - start < SECONDS; n++) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(0);
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			die("fork");
	}
	used = cpu_us(RUSAGE_SELF) + cpu_us(RUSAGE_CHILDREN);
	printf("%.1f %.2f\n", n / (now() - start), used / n);
}

/* --- over loopback --- */

/* Two ends of one TCP connection over loopback; Nagle's algorithm is off, as in the servers. */
static void loopback(int ends[2])
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (l < 0 || ends[0] < 0 || bind(l, (struct sockaddr *)&a, sizeof(a)) != 0 ||
		listen(l, 1) != 0 || getsockname(l, (struct sockaddr *)&a, &len) != 0 ||
		connect(ends[0], (struct sockaddr *)&a, len) != 0)
		die("loopback");
	ends[1] = accept(l, NULL, NULL);
	if (ends[1] < 0)
		die("accept");
	close(l);
	for (int i = 0; i < 2; i++)
		setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static bool read_all(int fd, char *p, size_t n)
{
	while (n > 0) {
		ssize_t got = read(fd, p, n);
		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
	}
	return true;
}

static void write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t got = write(fd, p, n);
		if (got < 0)
			die("write");
		p += got;
		n -= (size_t)got;
	}
}

static void bound_trip(void)
{
	char b[TRIP] = {0};
	int ends[2];
	unsigned n = 0;
	double start;

	loopback(ends);
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		while (read_all(ends[1], b, TRIP))
			write_all(ends[1], b, TRIP);
		_exit(0);
	}
	close(ends[1]);
	for (start = now(); now() - start < SECONDS; n++) {
		write_all(ends[0], b, TRIP);
		if (!read_all(ends[0], b, TRIP))
			die("read");
	}
	double rate = n / (now() - start);
	close(ends[0]);
	waitpid(pid, NULL, 0);
	printf("%.1f %.2f\n", rate, (cpu_us(RUSAGE_SELF) + cpu_us(RUSAGE_CHILDREN)) / n);
}

/* --- files --- */

/* Reads a message and gives each LF its CR; the first 8 octets hold the length, so that the reader
 * knows where it ends. Returns the octets. */
static size_t convert(const char *folder, unsigned n, char **in, char **out, size_t *room)
{
	char path[4096];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%04u/%06u", folder, n / 1000, n);
	int fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st) != 0)
		die(path);
	size_t size = (size_t)st.st_size, len = sizeof(uint64_t);
	if (size > *room) {
		*room = size;
		*in = realloc(*in, size);
		*out = realloc(*out, 2 * size + len);
	}
	if (!*in || !*out || !read_all(fd, *in, size))
		die(path);
	close(fd);
	for (const char *p = *in, *end = p + size; p < end;) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		size_t line = (size_t)((lf ? lf : end) - p);
		memcpy(*out + len, p, line);
		len += line;
		if (lf) {
			memcpy(*out + len, "\r\n", 2);
			len += 2;
		}
		p += line + (lf ? 1 : 0);
	}
	uint64_t body = len - sizeof(body);
	memcpy(*out, &body, sizeof(body));
	return len;
}

static _Noreturn void sender(int fd, const char *folder, unsigned files, bool asked)
{
	char request[TRIP], *in = NULL, *out = NULL;
	size_t room = 0;

	for (unsigned n = 0; n < files; n++) {
		if (asked && !read_all(fd, request, TRIP))
			die("read");
		size_t len = convert(folder, n, &in, &out, &room);
		write_all(fd, out, len);
	}
	_exit(0);
}

static void bound_files(const char *folder, unsigned files, bool asked)
{
	static char b[CHUNK];
	char request[TRIP] = {0};
	int ends[2];
	double octets = 0;

	loopback(ends);
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		sender(ends[1], folder, files, asked);
	}
	close(ends[1]);
	double start = now();
	for (unsigned n = 0; n < files; n++) {
		uint64_t left;
		if (asked)
			write_all(ends[0], request, TRIP);
		if (!read_all(ends[0], (char *)&left, sizeof(left)))
			die("read");
		octets += (double)left;
		for (; left > 0; left -= left < CHUNK ? left : CHUNK)
			if (!read_all(ends[0], b, left < CHUNK ? left : CHUNK))
				die("read");
	}
	double seconds = now() - start;
	waitpid(pid, NULL, 0);
	printf("%.1f %.1f %.2f\n", files / seconds, octets / 1e6 / seconds,
		cpu_us(RUSAGE_CHILDREN) / files);
}

static void bound_gcm(void)
{
	static unsigned char in[16384], out[16384 + 16], key[32], iv[12];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	double start = now(), octets = 0;
	int n;

	if (!c || EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, iv) != 1)
		die("AES-256-GCM");
	while (now() - start < SECONDS) {
		EVP_EncryptInit_ex(c, NULL, NULL, NULL, iv);
		EVP_EncryptUpdate(c, out, &n, in, sizeof(in));
		EVP_EncryptFinal_ex(c, out, &n);
		octets += sizeof(in);
	}
	printf("%.1f\n", octets / 1e6 / (now() - start));
	EVP_CIPHER_CTX_free(c);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "fork") == 0) {
		bound_fork();
	} else if (strcmp(what, "trip") == 0) {
		bound_trip();
	} else if (strcmp(what, "gcm") == 0) {
		bound_gcm();
	} else if ((strcmp(what, "ask") == 0 || strcmp(what, "send") == 0) && argc == 4) {
		bound_files(argv[2], (unsigned)strtoul(argv[3], NULL, 10), *what == 'a');
	} else {
		fputs("usage: restante-bounds fork | trip | gcm | ask FOLDER N | send FOLDER N\n",
			stderr);
		return 2;
	}
	return 0;
}
