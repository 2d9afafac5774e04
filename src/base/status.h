/* What became of a request, or of anything that can fail. One list
 * (base/status.def) gives the name, the code on the wire and the text. */
#ifndef CACHESERVER_BASE_STATUS_H
#define CACHESERVER_BASE_STATUS_H

#include <stdint.h>

/* STATUS_OK is 0, so that `if (status)` reads as "failed". The values are
 * not the codes on the wire: two outcomes may share one code. */
enum status {
#define STATUS(name, code, retry_ms, text) STATUS_##name,
#include "base/status.def"
#undef STATUS
    STATUS_COUNT
};

/* The google.rpc code that `status` has on the wire. */
int status_code(enum status status);

/* The text of `status`, in lower case; static. */
const char *status_text(enum status status);

/* After how many milliseconds a request that came to `status` is worth another
 * try; 0: it is not. */
uint32_t status_retry_ms(enum status status);

#endif
