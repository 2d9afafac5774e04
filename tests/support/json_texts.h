/* JSON that is good and JSON that is not, written to meet every branch of
 * the grammar; no numbers standing alone, which have no end of their own. */
#ifndef CACHESERVER_TESTS_SUPPORT_JSON_TEXTS_H
#define CACHESERVER_TESTS_SUPPORT_JSON_TEXTS_H

#include "base/slice.h"

extern const size_t json_good_count;
extern const size_t json_bad_count;

/* A value, to be found whole when something follows it; terminated. */
struct slice json_good_text(size_t i);

/* No value begins like this, but one may begin like all but its last byte. */
struct slice json_bad_text(size_t i);

#endif
