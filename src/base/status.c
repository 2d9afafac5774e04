#include "base/status.h"

#include "base/check.h"

static const struct {
    int code;
    uint32_t retry_ms;
    const char *text;
} outcomes[] = {
#define STATUS(name, code, retry_ms, text) {code, retry_ms, text},
#include "base/status.def"
#undef STATUS
};

int status_code(enum status status)
{
    CHECK((unsigned)status < STATUS_COUNT);
    return outcomes[status].code;
}

const char *status_text(enum status status)
{
    CHECK((unsigned)status < STATUS_COUNT);
    return outcomes[status].text;
}

uint32_t status_retry_ms(enum status status)
{
    CHECK((unsigned)status < STATUS_COUNT);
    return outcomes[status].retry_ms;
}
