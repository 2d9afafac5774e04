#include "first_store/agenda.h"

#include "base/check.h"

void agenda_init(struct agenda *agenda)
{
    *agenda = (struct agenda){0};
    CHECK(pthread_mutex_init(&agenda->lock, NULL) == 0);
}

void agenda_fini(struct agenda *agenda)
{
    cells_fini(&agenda->alarms.heap);
    pthread_mutex_destroy(&agenda->lock);
}

static enum status set(struct expiry *alarms, struct timer *alarm, uint64_t due)
{
    if (due == NEVER) {
        expiry_remove(alarms, alarm);
        return STATUS_OK;
    }
    if (!timer_is_set(alarm)) {
        return expiry_add(alarms, alarm, due);
    }
    expiry_move(alarms, alarm, due);
    return STATUS_OK;
}

enum status agenda_set(struct agenda *agenda, struct timer *alarm, uint64_t due)
{
    pthread_mutex_lock(&agenda->lock);
    enum status status = set(&agenda->alarms, alarm, due);
    pthread_mutex_unlock(&agenda->lock);
    return status;
}

struct timer *agenda_first_due(struct agenda *agenda, uint64_t now_ms)
{
    pthread_mutex_lock(&agenda->lock);
    struct timer *first = expiry_first(&agenda->alarms);
    bool is_due = first && first->due <= now_ms;
    pthread_mutex_unlock(&agenda->lock);
    return is_due ? first : NULL;
}
