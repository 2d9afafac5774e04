/* The configuration file in JSON, as the original has it: one object whose
 * members are strings, numbers, true and false. Main thread. */
#ifndef CACHESERVER_COMPAT_JSON_CONFIG_H
#define CACHESERVER_COMPAT_JSON_CONFIG_H

#include "base/buffer.h"
#include "base/status.h"
#include "core/config.h"

/* A config_read_fn: hands the members of the object in the file `path` to
 * `each`. STATUS_INVALID_ARGUMENT, with the place and the mistake in
 * `reason`, for what is not such an object in strict JSON, and for files
 * beyond JSON_CONFIG_LEN_MAX. */
enum status json_config_read(const char *path, config_pair_fn each, void *arg,
                             struct buffer *reason);

enum { JSON_CONFIG_LEN_MAX = 1024 * 1024 };

#endif
