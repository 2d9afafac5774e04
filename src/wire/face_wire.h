/* The native protocol as a face: frames of protobuf messages. Connection
 * thread. */
#ifndef CACHESERVER_WIRE_FACE_WIRE_H
#define CACHESERVER_WIRE_FACE_WIRE_H

#include "server/face.h"

extern const struct face face_wire;

#endif
