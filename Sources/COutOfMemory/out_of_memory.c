#include "kindred_out_of_memory.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "CKindredKernels.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define KINDRED_SANITIZED 1
#endif
#endif

#if defined(__GLIBC__) && !defined(KINDRED_SANITIZED)

enum { UNAVAILABLE = 69 };

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

int kindred_allocations_are_checked(void) { return 1; }

static void *checked(void *result, size_t size) {
    if (result != NULL || size == 0) return result;
    static const char message[] =
        "error: out of memory; free some, or raise the limit (ulimit -v), and run the same command again\n";
    // Nothing that allocates: what is left may not be enough for it.
    ssize_t written = write(STDERR_FILENO, message, sizeof message - 1);
    (void)written;
    kindred_exit_at_once(UNAVAILABLE);
}

void *malloc(size_t size) { return checked(__libc_malloc(size), size); }

void *calloc(size_t count, size_t size) { return checked(__libc_calloc(count, size), count == 0 ? 0 : size); }

void *realloc(void *old, size_t size) { return checked(__libc_realloc(old, size), size); }

void *memalign(size_t alignment, size_t size) { return checked(__libc_memalign(alignment, size), size); }

void *aligned_alloc(size_t alignment, size_t size) { return checked(__libc_memalign(alignment, size), size); }

int posix_memalign(void **result, size_t alignment, size_t size) {
    if (alignment == 0 || (alignment & (alignment - 1)) != 0 || alignment % sizeof(void *) != 0) return EINVAL;
    *result = checked(__libc_memalign(alignment, size), size);
    return 0;
}

#else

int kindred_allocations_are_checked(void) { return 0; }

#endif
