/* The engine that is this process: calls go to the bank store and are done
 * at once. */
#ifndef CACHESERVER_ENGINE_ENGINE_EMBEDDED_H
#define CACHESERVER_ENGINE_ENGINE_EMBEDDED_H

struct bank_file;
struct engine;
struct store;

/* *Gives* a handle on `store` and, unless it is NULL, the banks file that goes
 * with it, both of which it borrows until closed; NULL without memory. Any
 * number of handles share them. */
struct engine *engine_embedded_open(struct store *store,
                                    struct bank_file *bank_file);

#endif
