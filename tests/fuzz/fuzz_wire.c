/* Any bytes to the protobuf face: it may refuse, but not read or write where
 * it may not, nor leak, nor use more bytes than there are. And as the body of
 * a frame, with and without a header: what quick.h takes, message.h must read
 * in the same way, and what message.h takes protobuf-c. */
#include "core/call.h"
#include "core/limits.h"
#include "wire/face_wire.h"
#include "wire/frame.h"
#include "wire/meaning.h"
#include "wire/message.h"
#include "wire/quick.h"

#include "support/test.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What tests say goes on there; here the first thing that is not so is the
 * end. */
bool expect_true(bool held, const char *what, const char *file, int line)
{
    if (!held) {
        fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
        abort();
    }
    return held;
}

bool expect_int(int64_t got, int64_t must, const char *what, const char *file,
                int line)
{
    return expect_true(got == must, what, file, line);
}

bool expect_slice(struct slice got, struct slice must, const char *what,
                  const char *file, int line)
{
    return expect_true(slice_equal(got, must), what, file, line);
}

static void compare_bodies(struct slice body)
{
    struct request quick;
    struct request full;
    struct response response = {0};
    struct buffer scratch = {0};
    request_init(&quick);
    request_init(&full);
    if (quick_decode(body, &quick)) {
        CHECK(message_decode_request(body, &scratch, &full, &response) ==
              MESSAGE_READY);
        CHECK(request_is_plain(&full) && full.deadline_ms == 0);
    }
    CHECK(quick.op == full.op && quick.id == full.id);
    CHECK(slice_equal(quick.bank, full.bank));
    CHECK(slice_equal(quick.key, full.key));
    CHECK(slice_equal(quick.value, full.value));
    CHECK(quick.kind == full.kind && quick.is_touch == full.is_touch);
    CHECK(quick.lifetime.rule == full.lifetime.rule);
    CHECK(quick.lifetime.ms == full.lifetime.ms);
    buffer_fini(&scratch);
    response_fini(&response);
    CHECK(meaning_holds(body, false));
}

static void feed(const uint8_t *data, size_t size)
{
    static const struct limits limits = {
        .frame_len_max = 1024 * 1024, .list_len_max = 1000, .batch_max = 1000};
    char *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    struct input input = {.data = copy, .len = size};
    struct buffer out = {0};
    struct call call;
    call_init(&call);
    enum decode decode;
    do {
        call_reset(&call);
        decode = face_wire.decode(NULL, &limits, &input, &call);
        CHECK(input.used <= input.len);
        if (decode == DECODE_READY) {
            request_check(&call.request, &limits, &call.response);
        }
        if (decode == DECODE_ANSWERED) {
            CHECK(!face_wire.encode(NULL, &call, &out));
        }
        input.data += input.used;
        input.len -= input.used;
    } while (decode == DECODE_READY || decode == DECODE_ANSWERED);
    call_fini(&call);
    buffer_fini(&out);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice all = slice_of(data, size);
    compare_bodies(all);
    if (size > FRAME_HEADER_LEN) {
        compare_bodies(slice_after(all, FRAME_HEADER_LEN));
    }
    feed(data, size);
    return 0;
}
