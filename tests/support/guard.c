#include "support/guard.h"

#include "base/check.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page_len(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* The length of the readable pages that `len` bytes need. */
static size_t readable_len(size_t len)
{
    size_t page = page_len();
    return (len + page) / page * page;
}

struct slice guard_copy(struct slice bytes)
{
    size_t readable = readable_len(bytes.len);
    char *pages = mmap(NULL, readable + page_len(), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED);
    CHECK(mprotect(pages + readable, page_len(), PROT_NONE) == 0);
    char *data = pages + readable - bytes.len;
    if (bytes.len) {
        memcpy(data, bytes.data, bytes.len);
    }
    return slice_of(data, bytes.len);
}

void guard_free(struct slice bytes)
{
    size_t readable = readable_len(bytes.len);
    uintptr_t end = (uintptr_t)bytes.data + bytes.len;
    munmap((void *)(end - readable), readable + page_len());
}
