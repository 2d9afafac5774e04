#include "store/epoch.h"

#include "base/memory.h"
#include "support/starve.h"
#include "support/test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { ALIVE = 0x600d, POISON = 0xdead, ALL = 1000 };

/* Something that readers look at; poisoned before it is freed. */
struct object {
    struct retired retired;
    _Atomic unsigned state;
};

static struct object *create_object(void)
{
    struct object *object = memory_alloc_or_die(sizeof *object);
    object->state = ALIVE;
    return object;
}

/* `arg` counts. */
static void release_object(struct retired *retired, void *arg)
{
    struct object *object = (struct object *)(void *)retired;
    object->state = POISON;
    memory_free(object);
    ++*(size_t *)arg;
}

static void retire_one(struct epochs *epochs)
{
    epochs_retire(epochs, &create_object()->retired, release_object);
}

static void what_is_retired_is_released_by_the_second_call(void)
{
    size_t released = 0;
    struct epochs *epochs = epochs_create(&released);
    EXPECT(!epochs_have_retired(epochs));
    retire_one(epochs);
    EXPECT(epochs_have_retired(epochs));
    EXPECT(!epochs_release(epochs, ALL));
    EXPECT_INT(released, 0);
    EXPECT(!epochs_release(epochs, ALL));
    EXPECT_INT(released, 1);
    EXPECT(!epochs_have_retired(epochs));
    epochs_free(&epochs);
    EXPECT(epochs == NULL);
    epochs_free(&epochs);
}

static void a_pause_lets_releases_go_on_however_deep_it_is(void)
{
    size_t released = 0;
    struct epochs *epochs = epochs_create(&released);
    EXPECT_INT(epochs_pause(epochs), 0);
    epochs_resume(epochs, 0);
    REQUIRE(epochs_enter(epochs));
    REQUIRE(epochs_enter(epochs));
    retire_one(epochs);
    unsigned depth = epochs_pause(epochs);
    EXPECT_INT(depth, 2);
    epochs_release(epochs, ALL);
    epochs_release(epochs, ALL);
    EXPECT_INT(released, 1);
    epochs_resume(epochs, depth);
    epochs_leave(epochs);
    epochs_leave(epochs);
    EXPECT_INT(epochs_pause(epochs), 0);
    epochs_free(&epochs);
}

static void no_more_than_count_is_released_at_once(void)
{
    size_t released = 0;
    struct epochs *epochs = epochs_create(&released);
    for (int i = 0; i < 5; i++) {
        retire_one(epochs);
    }
    epochs_release(epochs, 2);
    EXPECT(epochs_release(epochs, 2));
    EXPECT_INT(released, 2);
    EXPECT(epochs_release(epochs, 2));
    EXPECT_INT(released, 4);
    EXPECT(!epochs_release(epochs, 2));
    EXPECT_INT(released, 5);
    epochs_free(&epochs);
}

static void free_releases_what_is_left(void)
{
    size_t released = 0;
    struct epochs *epochs = epochs_create(&released);
    for (int i = 0; i < 3; i++) {
        retire_one(epochs);
        epochs_release(epochs, 0);
    }
    EXPECT_INT(released, 0);
    epochs_free(&epochs);
    EXPECT_INT(released, 3);
}

struct chain {
    struct object object;
    struct epochs *epochs;
};

static void release_chain(struct retired *retired, void *arg)
{
    struct chain *chain = (struct chain *)(void *)retired;
    retire_one(chain->epochs);
    ++*(size_t *)arg;
}

static void a_release_may_retire_more(void)
{
    size_t released = 0;
    struct chain chain = {.epochs = epochs_create(&released)};
    epochs_retire(chain.epochs, &chain.object.retired, release_chain);
    for (int i = 0; i < 4; i++) {
        epochs_release(chain.epochs, ALL);
    }
    EXPECT_INT(released, 2);
    epochs_retire(chain.epochs, &chain.object.retired, release_chain);
    epochs_free(&chain.epochs);
    EXPECT_INT(released, 4);
}

/* A reader on a thread of its own that does as it is told, step by step. */
struct puppet {
    struct epochs *epochs;
    pthread_t thread;
    pthread_barrier_t turn;
    enum step { STEP_ENTER, STEP_LEAVE, STEP_END } order;
};

static void *obey(void *arg)
{
    struct puppet *puppet = arg;
    bool has_ended = false;
    while (!has_ended) {
        pthread_barrier_wait(&puppet->turn);
        if (puppet->order == STEP_ENTER) {
            EXPECT(epochs_enter(puppet->epochs));
        } else if (puppet->order == STEP_LEAVE) {
            epochs_leave(puppet->epochs);
        }
        has_ended = puppet->order == STEP_END;
        pthread_barrier_wait(&puppet->turn);
    }
    return NULL;
}

static void start_puppet(struct puppet *puppet, struct epochs *epochs)
{
    puppet->epochs = epochs;
    pthread_barrier_init(&puppet->turn, NULL, 2);
    EXPECT_INT(pthread_create(&puppet->thread, NULL, obey, puppet), 0);
}

static void tell(struct puppet *puppet, enum step order)
{
    puppet->order = order;
    pthread_barrier_wait(&puppet->turn);
    pthread_barrier_wait(&puppet->turn);
}

static void stop_puppet(struct puppet *puppet)
{
    tell(puppet, STEP_END);
    pthread_join(puppet->thread, NULL);
    pthread_barrier_destroy(&puppet->turn);
}

static void release_often(struct epochs *epochs)
{
    for (int i = 0; i < 10; i++) {
        epochs_release(epochs, ALL);
    }
}

static void nothing_is_released_while_a_reader_is_inside(void)
{
    size_t released = 0;
    struct epochs *epochs = epochs_create(&released);
    struct puppet reader;
    start_puppet(&reader, epochs);
    tell(&reader, STEP_ENTER);
    retire_one(epochs);
    release_often(epochs);
    EXPECT_INT(released, 0);
    EXPECT(epochs_have_retired(epochs));
    tell(&reader, STEP_LEAVE);
    epochs_release(epochs, ALL);
    epochs_release(epochs, ALL);
    EXPECT_INT(released, 1);
    stop_puppet(&reader);
    epochs_free(&epochs);
}

static void what_was_retired_before_a_reader_came_needs_one_epoch_more(void)
{
    size_t released = 0;
    struct epochs *epochs = epochs_create(&released);
    struct puppet reader;
    start_puppet(&reader, epochs);
    retire_one(epochs);
    epochs_release(epochs, ALL);
    tell(&reader, STEP_ENTER); /* Too late to find it. */
    epochs_release(epochs, ALL);
    EXPECT_INT(released, 1);
    retire_one(epochs);
    release_often(epochs);
    EXPECT_INT(released, 1);
    tell(&reader, STEP_LEAVE);
    stop_puppet(&reader);
    epochs_free(&epochs);
}

static void readers_that_come_and_go_do_not_hold_releases_up(void)
{
    size_t released = 0;
    struct epochs *epochs = epochs_create(&released);
    struct puppet readers[2];
    start_puppet(&readers[0], epochs);
    start_puppet(&readers[1], epochs);
    retire_one(epochs);
    for (int i = 0; i < 3; i++) { /* At each call somebody is inside. */
        tell(&readers[i % 2], STEP_ENTER);
        epochs_release(epochs, ALL);
        if (i > 0) {
            tell(&readers[(i - 1) % 2], STEP_LEAVE);
        }
    }
    EXPECT_INT(released, 1);
    tell(&readers[0], STEP_LEAVE);
    stop_puppet(&readers[0]);
    stop_puppet(&readers[1]);
    epochs_free(&epochs);
}

static void who_enters_twice_is_inside_until_the_second_leave(void)
{
    size_t released = 0;
    struct epochs *epochs = epochs_create(&released);
    struct puppet reader;
    start_puppet(&reader, epochs);
    tell(&reader, STEP_ENTER);
    retire_one(epochs);
    epochs_release(epochs, ALL);
    tell(&reader, STEP_ENTER); /* Must not be seen as a new enter. */
    release_often(epochs);
    tell(&reader, STEP_LEAVE);
    release_often(epochs);
    EXPECT_INT(released, 0);
    tell(&reader, STEP_LEAVE);
    release_often(epochs);
    EXPECT_INT(released, 1);
    stop_puppet(&reader);
    epochs_free(&epochs);
}

static void epochs_do_not_hold_each_other_up(void)
{
    size_t released[2] = {0, 0};
    struct epochs *first = epochs_create(&released[0]);
    struct epochs *second = epochs_create(&released[1]);
    EXPECT(epochs_enter(first));
    EXPECT(epochs_enter(second));
    epochs_leave(second);
    retire_one(first);
    retire_one(second);
    release_often(second);
    EXPECT_INT(released[1], 1);
    EXPECT(epochs_enter(first));
    epochs_leave(first);
    epochs_leave(first);
    release_often(first);
    EXPECT_INT(released[0], 1);
    epochs_free(&first);
    epochs_free(&second);
}

/* The address, and all that a thread remembers of it, may come again. */
static void epochs_made_anew_know_nothing_of_the_old(void)
{
    for (int i = 0; i < 2000; i++) {
        size_t released = 0;
        struct epochs *epochs = epochs_create(&released);
        REQUIRE(epochs != NULL);
        EXPECT(epochs_enter(epochs));
        epochs_leave(epochs);
        retire_one(epochs);
        epochs_release(epochs, ALL);
        epochs_release(epochs, ALL);
        EXPECT_INT(released, 1);
        epochs_free(&epochs);
    }
}

/* The result is NULL if it was refused. */
static void *visit(void *arg)
{
    struct epochs *epochs = arg;
    if (!epochs_enter(epochs)) {
        return NULL;
    }
    epochs_leave(epochs);
    return epochs;
}

static bool visit_from_new_thread(struct epochs *epochs)
{
    pthread_t thread;
    void *result = NULL;
    if (pthread_create(&thread, NULL, visit, epochs) == 0) {
        pthread_join(thread, &result);
    }
    return result != NULL;
}

/* Counted by the gate of base/memory.h. */
static size_t allocation_count;

static bool count_allocation(void *arg)
{
    (void)arg;
    allocation_count++;
    return true;
}

static void threads_that_end_leave_their_record_to_others(void)
{
    size_t released = 0;
    struct epochs *epochs = epochs_create(&released);
    allocation_count = 0;
    memory_set_gate(count_allocation, NULL);
    for (int i = 0; i < 500; i++) {
        EXPECT(visit_from_new_thread(epochs));
    }
    memory_set_gate(NULL, NULL);
    EXPECT_INT(allocation_count, 1);
    retire_one(epochs);
    epochs_release(epochs, ALL);
    epochs_release(epochs, ALL);
    EXPECT_INT(released, 1);
    epochs_free(&epochs);
}

static void attempt_to_visit(void *arg)
{
    size_t *released = arg;
    struct epochs *epochs = epochs_create(released);
    if (!epochs) {
        EXPECT(starve_has_struck());
        return;
    }
    if (epochs_enter(epochs)) {
        epochs_leave(epochs);
    } else {
        EXPECT(starve_has_struck());
        EXPECT(epochs_enter(epochs)); /* There is memory again. */
        epochs_leave(epochs);
    }
    epochs_free(&epochs);
}

static void without_memory_nobody_is_inside(void)
{
    size_t released = 0;
    EXPECT_INT(starve(attempt_to_visit, &released), 3);
}

enum { SLOTS = 4, UNRELEASED_MAX = 500 };

/* Readers look at what writers swap and retire; one thread releases. Counters
 * instead of expectations, which are for one thread. */
struct theatre {
    struct epochs *epochs;
    _Atomic(struct object *) slots[SLOTS];
    _Atomic unsigned bad; /* what was not as it must be */
    _Atomic bool is_over;
    _Atomic int swaps_left;
    _Atomic int unreleased;
};

static void release_in_theatre(struct retired *retired, void *arg)
{
    struct theatre *theatre = arg;
    struct object *object = (struct object *)(void *)retired;
    atomic_store_explicit(&object->state, POISON, memory_order_relaxed);
    memory_free(object);
    atomic_fetch_sub(&theatre->unreleased, 1);
}

static bool look_around(struct theatre *theatre)
{
    bool is_good = true;
    if (!epochs_enter(theatre->epochs)) {
        return false;
    }
    for (int i = 0; is_good && i < 200; i++) {
        struct object *object = atomic_load_explicit(
            &theatre->slots[i / 10 % SLOTS], memory_order_acquire);
        is_good =
            atomic_load_explicit(&object->state, memory_order_relaxed) == ALIVE;
    }
    epochs_leave(theatre->epochs);
    return is_good;
}

static void *read_slots(void *arg)
{
    struct theatre *theatre = arg;
    while (!atomic_load(&theatre->is_over)) {
        theatre->bad += !look_around(theatre);
    }
    return NULL;
}

static void *read_among_short_lives(void *arg)
{
    struct theatre *theatre = arg;
    while (!atomic_load(&theatre->is_over)) {
        theatre->bad += !visit_from_new_thread(theatre->epochs);
        theatre->bad += !look_around(theatre);
    }
    return NULL;
}

static void *swap_slots(void *arg)
{
    struct theatre *theatre = arg;
    int left;
    while ((left = atomic_fetch_sub(&theatre->swaps_left, 1)) > 0) {
        struct object *old =
            atomic_exchange(&theatre->slots[left % SLOTS], create_object());
        atomic_fetch_add(&theatre->unreleased, 1);
        epochs_retire(theatre->epochs, &old->retired, release_in_theatre);
        while (atomic_load(&theatre->unreleased) > UNRELEASED_MAX) {
            sched_yield();
        }
    }
    return NULL;
}

static void *release_all(void *arg)
{
    struct theatre *theatre = arg;
    while (!atomic_load(&theatre->is_over)) {
        if (!epochs_release(theatre->epochs, 100)) {
            sched_yield();
        }
    }
    return NULL;
}

static void run_theatre(struct theatre *theatre)
{
    void *(*const roles[])(void *) = {swap_slots,  swap_slots,
                                      read_slots,  read_slots,
                                      release_all, read_among_short_lives};
    enum { ROLES = sizeof roles / sizeof roles[0], WRITERS = 2 };
    pthread_t threads[ROLES];
    for (int i = 0; i < ROLES; i++) {
        EXPECT_INT(pthread_create(&threads[i], NULL, roles[i], theatre), 0);
    }
    for (int i = 0; i < ROLES; i++) {
        theatre->is_over = i >= WRITERS;
        pthread_join(threads[i], NULL);
    }
}

static void readers_never_see_what_is_released(void)
{
    struct theatre theatre = {.swaps_left =
                                  test_is_long() ? 3 * 1000 * 1000 : 20 * 1000};
    theatre.epochs = epochs_create(&theatre);
    for (int i = 0; i < SLOTS; i++) {
        theatre.slots[i] = create_object();
    }
    run_theatre(&theatre);
    EXPECT_INT(theatre.bad, 0);
    epochs_release(theatre.epochs, UNRELEASED_MAX * 2);
    epochs_release(theatre.epochs, UNRELEASED_MAX * 2);
    EXPECT_INT(theatre.unreleased, 0);
    EXPECT(!epochs_have_retired(theatre.epochs));
    epochs_free(&theatre.epochs);
    for (int i = 0; i < SLOTS; i++) {
        memory_free(theatre.slots[i]);
    }
}

static const struct test_case cases[] = {
    TEST(what_is_retired_is_released_by_the_second_call),
    TEST(a_pause_lets_releases_go_on_however_deep_it_is),
    TEST(no_more_than_count_is_released_at_once),
    TEST(free_releases_what_is_left),
    TEST(a_release_may_retire_more),
    TEST(nothing_is_released_while_a_reader_is_inside),
    TEST(what_was_retired_before_a_reader_came_needs_one_epoch_more),
    TEST(readers_that_come_and_go_do_not_hold_releases_up),
    TEST(who_enters_twice_is_inside_until_the_second_leave),
    TEST(epochs_do_not_hold_each_other_up),
    TEST(epochs_made_anew_know_nothing_of_the_old),
    TEST(threads_that_end_leave_their_record_to_others),
    TEST(without_memory_nobody_is_inside),
    TEST(readers_never_see_what_is_released),
};

SUITE(store_epoch, cases);
