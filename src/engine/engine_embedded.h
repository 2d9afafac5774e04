/* The engine that is this process: calls go to the bank store and are done
 * at once. */
#ifndef CACHESERVER_ENGINE_ENGINE_EMBEDDED_H
#define CACHESERVER_ENGINE_ENGINE_EMBEDDED_H

struct engine;
struct store;

/* *Gives* a handle on `store`, which it borrows until closed; NULL without
 * memory. Any number of handles share a store. */
struct engine *engine_embedded_open(struct store *store);

#endif
