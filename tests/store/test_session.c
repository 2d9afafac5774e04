#include "store/session.h"

#include "store/store_kit.h"
#include "support/starve.h"

#include <stdio.h>

/* Carries out what has been aimed at, as an engine does. */
static void expect_value(struct session *session, const struct aim *aim,
                         const char *value)
{
    struct buffer bytes = {0};
    enum value_kind kind = VALUE_BYTES;
    enum status status = session_get(session, aim, &bytes, &kind);
    EXPECT_INT(status, value ? STATUS_OK : STATUS_NOT_FOUND);
    EXPECT_TEXT(buffer_peek(&bytes), value ? value : "");
    EXPECT_INT(kind, value ? VALUE_TEXT : VALUE_BYTES);
    buffer_fini(&bytes);
}

static enum status put_text(struct session *session, const struct aim *aim,
                            const char *text)
{
    const struct store_value value = {
        .bytes = slice_of_string(text),
        .kind = VALUE_TEXT,
    };
    return session_put(session, aim, &value);
}

static struct aim aim_at(struct session *session, const char *bank,
                         const char *key)
{
    struct aim aim;
    session_aim(session, slice_of_string(bank), slice_of_string(key), &aim);
    session_fetch(session, &aim);
    return aim;
}

/* All are aimed at before the first is carried out. */
static void what_is_put_is_got_in_the_same_pass(void)
{
    struct store *store = kit_open();
    struct session *session = session_create(store);
    REQUIRE(session_enter(session));
    struct aim first = aim_at(session, "new bank", "key");
    struct aim second = aim_at(session, "new bank", "key");
    struct aim third = aim_at(session, "new bank", "other");
    expect_value(session, &first, NULL);
    EXPECT_INT(put_text(session, &first, "one"), STATUS_OK);
    expect_value(session, &second, "one");
    EXPECT_INT(put_text(session, &second, "two"), STATUS_OK);
    expect_value(session, &first, "two");
    expect_value(session, &third, NULL);
    session_leave(session);
    kit_expect(store, "new bank", "key", "two");
    session_free(&session);
    EXPECT(session == NULL);
    kit_close(store);
}

static void a_removal_by_name_is_seen(void)
{
    struct store *store = kit_open();
    struct session *session = session_create(store);
    REQUIRE(session_enter(session));
    kit_put(store, "bank", "key", "value");
    struct aim aim = aim_at(session, "bank", "key");
    expect_value(session, &aim, "value");
    EXPECT_INT(kit_remove(store, "bank", "key"), STATUS_OK);
    expect_value(session, &aim, NULL);
    kit_put(store, "bank", "key", "again");
    EXPECT_INT(store_bank_reset(store, SLICE_LITERAL("bank")), STATUS_OK);
    expect_value(session, &aim, NULL);
    session_leave(session);
    session_free(&session);
    kit_close(store);
}

/* More banks than a session remembers, so that they take each other's
 * place; all lengths of names, and names that differ in the middle only. */
static void banks_are_told_apart(void)
{
    enum { BANKS = 2000 };
    struct store *store = kit_open();
    struct session *session = session_create(store);
    REQUIRE(session_enter(session));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < BANKS; i++) {
            char name[64];
            char value[16];
            snprintf(name, sizeof name, "%.*s-%d-%s", i % 11, "prefixprefix", i,
                     i % 2 ? "the end of it" : "");
            snprintf(value, sizeof value, "%d", i);
            struct aim aim = aim_at(session, name, "key");
            expect_value(session, &aim, round ? value : NULL);
            EXPECT_INT(put_text(session, &aim, value), STATUS_OK);
        }
    }
    session_leave(session);
    EXPECT_INT(store_usage(store).banks, BANKS);
    session_free(&session);
    kit_close(store);
}

/* The memory that it waits for is held up by nobody else. */
static void a_put_that_needs_memory_finds_it_from_the_inside(void)
{
    enum { LIMIT = 1 << 20, PUTS = 4000 };
    struct store *store = kit_open_limited(LIMIT, 0);
    struct session *session = session_create(store);
    char text[1001] = "";
    memset(text, 't', sizeof text - 1);
    for (int i = 0; i < PUTS; i += 32) {
        REQUIRE(session_enter(session));
        for (int j = i; j < i + 32; j++) {
            char key[16];
            snprintf(key, sizeof key, "%d", j);
            struct aim aim = aim_at(session, "bank", key);
            EXPECT_INT(put_text(session, &aim, text), STATUS_OK);
            expect_value(session, &aim, text);
        }
        session_leave(session);
    }
    EXPECT(store_usage(store).bytes <= LIMIT);
    EXPECT(store_usage(store).entries < PUTS);
    session_free(&session);
    kit_close(store);
}

static void attempt_session(void *arg)
{
    struct session *session = session_create(arg);
    EXPECT_INT(session == NULL, starve_has_struck());
    if (session) {
        session_free(&session);
    }
}

static void a_session_without_memory_is_none(void)
{
    struct store *store = kit_open();
    EXPECT_INT(starve(attempt_session, store), 2);
    kit_close(store);
}

static const struct test_case cases[] = {
    TEST(what_is_put_is_got_in_the_same_pass),
    TEST(a_removal_by_name_is_seen),
    TEST(banks_are_told_apart),
    TEST(a_put_that_needs_memory_finds_it_from_the_inside),
    TEST(a_session_without_memory_is_none),
};
SUITE(store_session, cases);
