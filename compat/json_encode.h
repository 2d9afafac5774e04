/* Responses as the original's JSON, byte for byte where it had them. */
#ifndef CACHESERVER_COMPAT_JSON_ENCODE_H
#define CACHESERVER_COMPAT_JSON_ENCODE_H

#include "server/face.h"

struct buffer;
struct call;

/* Appends the answer to `call`, whose request json_decode() made, or a page
 * of it; as struct face says. */
enum encode json_encode(struct call *call, struct buffer *out);

#endif
