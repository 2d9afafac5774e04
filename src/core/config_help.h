/* The texts of --help and --check-config, made from core/config.def. Main
 * thread. */
#ifndef CACHESERVER_CORE_CONFIG_HELP_H
#define CACHESERVER_CORE_CONFIG_HELP_H

#include "base/buffer.h"
#include "core/config.h"

/* Appends the version, in a line. */
void config_help_version(struct buffer *out);

/* Appends what --help prints. */
void config_help_usage(struct buffer *out);

/* Appends the settings in effect and where each came from; `path` is the
 * file that was read, NULL when none was. */
void config_help_effect(const struct config *config, const char *path,
                        struct buffer *out);

/* Appends the row of `key` in README.md's table, without a newline. */
void config_help_readme(enum config_key key, struct buffer *out);

#endif
