/* storage-memory: mail that was never anywhere, for measuring what lies around a storage. */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include <restante/plugin.h>

/* As the calls of struct restante_storage; boundary-bench has them linked in, to call them
 * directly. */
int memory_open(
	const struct restante_host *, const struct restante_user *, uint32_t mode, void **st);
void memory_close(void *st);
int memory_list(void *st, int (*each)(void *arg, const struct restante_message *), void *arg);
int memory_body(void *st, uint64_t key, struct restante_body *);
int64_t memory_read(void *b, void *buf, size_t n);
void memory_release(void *b);
int memory_remove(void *st, const uint64_t *keys, size_t n);

#endif
