/* What every engine is held to, whatever carries its calls out. To run it on
 * an engine: describe that by a `struct engine_kind` and make a suite of it
 *
 *     static const struct engine_kind kind = { ... };
 *     #define CONTRACT(op, name)                                           \
 *         static void name(void) { contract_##name(&kind); }
 *     #include "engine/engine_contract.def"
 *     #undef CONTRACT
 *
 * and list the same names as cases. */
#ifndef CACHESERVER_TESTS_ENGINE_ENGINE_CONTRACT_H
#define CACHESERVER_TESTS_ENGINE_ENGINE_CONTRACT_H

#include <stdint.h>

struct engine;
struct store_options;

struct engine_kind {
    /* *Gives* an engine over nothing yet, within limits. */
    struct engine *(*open)(const struct store_options *options);

    /* Goes on until no call is pending. */
    void (*run)(struct engine *engine);

    /* *Takes* the engine and what it is over. */
    void (*close)(struct engine **engine);
};

#define CONTRACT(op, name) void contract_##name(const struct engine_kind *kind);
#include "engine/engine_contract.def"
#undef CONTRACT

#endif
