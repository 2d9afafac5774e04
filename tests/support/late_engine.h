/* An engine for tests that answers late and out of order. Requests are
 * carried out by an embedded engine when they are submitted, in their order;
 * the answers wait until late_engine_deliver() lets some of them go, in an
 * order drawn from a seed. Some requests are answered at once, as an engine
 * may. Holds whoever submits to the contract: a request must be there
 * unchanged until it is answered. */
#ifndef CACHESERVER_TESTS_SUPPORT_LATE_ENGINE_H
#define CACHESERVER_TESTS_SUPPORT_LATE_ENGINE_H

#include <stddef.h>
#include <stdint.h>

struct engine;
struct store;

/* *Gives* an engine on `store`, which it borrows until closed. It uses no
 * loop; the thread that submits also delivers. */
struct engine *late_engine_open(struct store *store, uint64_t seed);

/* Finishes up to `count` of the calls that are pending. Those that a
 * callback submits may be among them. Answers how many are pending then. */
size_t late_engine_deliver(struct engine *engine, size_t count);

#endif
