#include "base/status.h"

#include "base/check.h"

static const struct {
    int code;
    const char *text;
} outcomes[] = {
#define STATUS(name, code, text) {code, text},
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
