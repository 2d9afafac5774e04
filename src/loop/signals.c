#include "loop/signals.h"

#include "loop/loop.h"

#include <signal.h>

static void on_uv_signal(uv_signal_t *handle, int number)
{
    struct signals *signals = handle->data;
    signals->on_signal(signals->arg, number);
}

enum status signals_open(struct signals *signals, struct loop *loop,
                         signals_fn on_signal, void *arg)
{
    static const int numbers[SIGNALS_COUNT] = {SIGINT, SIGTERM, SIGHUP};
    signals->on_signal = on_signal;
    signals->arg = arg;
    int error = 0;
    for (int i = 0; i < SIGNALS_COUNT && !error; i++) {
        uv_signal_init(loop_uv(loop), &signals->handles[i]);
        signals->handles[i].data = signals;
        error = uv_signal_start(&signals->handles[i], on_uv_signal, numbers[i]);
    }
    return error ? STATUS_UNAVAILABLE : STATUS_OK;
}

void signals_close(struct signals *signals)
{
    for (int i = 0; i < SIGNALS_COUNT; i++) {
        uv_handle_t *handle = (uv_handle_t *)&signals->handles[i];
        if (handle->data && !uv_is_closing(handle)) {
            uv_close(handle, NULL);
        }
    }
}
