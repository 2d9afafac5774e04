#include "support/store_model.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "core/number.h"

#define FOR_EVER UINT64_MAX

struct model_entry {
    struct model_entry *next;
    struct buffer key;
    struct buffer value;
    enum value_kind kind;
    uint64_t lifetime_ms; /* 0: none */
    uint64_t over_at;
};

struct model_bank {
    struct model_bank *next;
    struct buffer name;
    struct model_entry *entries;
};

struct store_model {
    struct model_bank *banks;
};

static struct buffer copy_of(struct slice bytes)
{
    struct buffer copy = {0};
    CHECK(buffer_append(&copy, bytes) == STATUS_OK);
    return copy;
}

static void unlink_entry(struct model_entry **link)
{
    struct model_entry *entry = *link;
    *link = entry->next;
    buffer_fini(&entry->key);
    buffer_fini(&entry->value);
    memory_free(entry);
}

struct store_model *store_model_create(void)
{
    return memory_alloc_or_die(sizeof(struct store_model));
}

static void forget_entries(struct model_bank *bank)
{
    while (bank->entries) {
        unlink_entry(&bank->entries);
    }
}

void store_model_free(struct store_model **model)
{
    while ((*model)->banks) {
        struct model_bank *bank = (*model)->banks;
        (*model)->banks = bank->next;
        forget_entries(bank);
        buffer_fini(&bank->name);
        memory_free(bank);
    }
    memory_free(*model);
    *model = NULL;
}

static struct model_bank *find_bank(struct store_model *model,
                                    struct slice name)
{
    struct model_bank *bank = model->banks;
    while (bank && !slice_equal(buffer_peek(&bank->name), name)) {
        bank = bank->next;
    }
    return bank;
}

static struct model_bank *need_bank(struct store_model *model,
                                    struct slice name)
{
    struct model_bank *bank = find_bank(model, name);
    if (!bank) {
        bank = memory_alloc_or_die(sizeof *bank);
        bank->name = copy_of(name);
        bank->next = model->banks;
        model->banks = bank;
    }
    return bank;
}

/* Forgets what is over, all of it, before anything is looked for. */
static void let_time_pass(struct model_bank *bank)
{
    struct model_entry **link = &bank->entries;
    while (*link) {
        if ((*link)->over_at <= clock_now_ms()) {
            unlink_entry(link);
        } else {
            link = &(*link)->next;
        }
    }
}

static struct model_entry **find_link(struct model_bank *bank, struct slice key)
{
    let_time_pass(bank);
    struct model_entry **link = &bank->entries;
    while (*link && !slice_equal(buffer_peek(&(*link)->key), key)) {
        link = &(*link)->next;
    }
    return link;
}

static struct model_entry **find_entry(struct store_model *model,
                                       struct slice bank, struct slice key)
{
    struct model_bank *found = find_bank(model, bank);
    struct model_entry **link = found ? find_link(found, key) : NULL;
    return link && *link ? link : NULL;
}

static void set_lifetime(struct model_entry *entry, struct lifetime lifetime)
{
    if (lifetime.rule == LIFETIME_NEW) {
        entry->lifetime_ms = lifetime.ms >= LIFETIME_MS_MAX ? 0 : lifetime.ms;
    }
    if (lifetime.rule == LIFETIME_FOREVER) {
        entry->lifetime_ms = 0;
    }
    entry->over_at =
        entry->lifetime_ms ? clock_now_ms() + entry->lifetime_ms : FOR_EVER;
}

enum status store_model_put(struct store_model *model, struct slice bank,
                            struct slice key, const struct store_value *value)
{
    struct model_bank *found = need_bank(model, bank);
    struct model_entry **link = find_link(found, key);
    if (*link) {
        unlink_entry(link);
    }
    if (value->lifetime.rule == LIFETIME_OVER) {
        return STATUS_OK;
    }
    struct model_entry *entry = memory_alloc_or_die(sizeof *entry);
    entry->key = copy_of(key);
    entry->value = copy_of(value->bytes);
    entry->kind = value->kind;
    set_lifetime(entry, value->lifetime);
    entry->next = found->entries;
    found->entries = entry;
    return STATUS_OK;
}

enum status store_model_get(struct store_model *model, struct slice bank,
                            struct slice key, struct slice *bytes,
                            enum value_kind *kind)
{
    struct model_entry **link = find_entry(model, bank, key);
    if (!link) {
        return STATUS_NOT_FOUND;
    }
    *bytes = buffer_peek(&(*link)->value);
    *kind = (*link)->kind;
    return STATUS_OK;
}

enum status store_model_touch(struct store_model *model, struct slice bank,
                              struct slice key, struct lifetime lifetime)
{
    struct model_entry **link = find_entry(model, bank, key);
    if (!link) {
        return STATUS_NOT_FOUND;
    }
    if (lifetime.rule == LIFETIME_OVER) {
        unlink_entry(link);
    } else {
        set_lifetime(*link, lifetime);
    }
    return STATUS_OK;
}

enum status store_model_incr(struct store_model *model, struct slice bank,
                             struct slice key, const struct number *delta,
                             struct number *sum)
{
    struct model_entry **link = find_entry(model, bank, key);
    if (!link) {
        return STATUS_NOT_FOUND;
    }
    struct buffer *value = &(*link)->value;
    enum status status =
        number_add((*link)->kind, buffer_peek(value), delta, sum);
    if (!status) {
        char text[NUMBER_TEXT_MAX];
        size_t len = number_print_json(sum, text);
        buffer_fini(value);
        *value = copy_of(slice_of(text, len));
        (*link)->kind = VALUE_JSON;
    }
    return status;
}

void store_model_bank_reset(struct store_model *model, struct slice bank)
{
    struct model_bank *found = find_bank(model, bank);
    if (found) {
        forget_entries(found);
    }
}

size_t store_model_count_keys(struct store_model *model, struct slice bank,
                              struct slice prefix)
{
    size_t count = 0;
    struct model_bank *found = find_bank(model, bank);
    if (!found) {
        return 0;
    }
    let_time_pass(found);
    for (struct model_entry *entry = found->entries; entry;
         entry = entry->next) {
        count += slice_starts_with(buffer_peek(&entry->key), prefix);
    }
    return count;
}

size_t store_model_count_entries(struct store_model *model)
{
    size_t count = 0;
    for (struct model_bank *bank = model->banks; bank; bank = bank->next) {
        count += store_model_count_keys(model, buffer_peek(&bank->name),
                                        slice_of("", 0));
    }
    return count;
}

size_t store_model_count_banks(struct store_model *model)
{
    size_t count = 0;
    for (struct model_bank *bank = model->banks; bank; bank = bank->next) {
        count++;
    }
    return count;
}
