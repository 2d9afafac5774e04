/* The face that the original's clients speak to: one JSON object a request,
 * one a response, in order, with nothing between them. */
#ifndef CACHESERVER_COMPAT_FACE_JSON_H
#define CACHESERVER_COMPAT_FACE_JSON_H

struct face;

extern const struct face face_json;

#endif
