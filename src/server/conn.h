/* One client's connection: its bytes become calls, its calls bytes. It picks
 * the face by the first byte, keeps the answers in order where the face wants
 * that, stops reading when too much is owed, and frees itself when it is
 * closed and owes nothing.
 *
 *   OPEN ------> ENDING ------> CLOSING ------> (freed)
 *     reads        answers        waits for its handles
 *     and answers  what is owed   and its pending calls
 */
#ifndef CACHESERVER_SERVER_CONN_H
#define CACHESERVER_SERVER_CONN_H

#include "server/stream.h"

struct lane;
struct list;

/* *Takes* the connected socket `fd` and serves it on `lane`. Without memory
 * the socket is closed. Loop thread, as all here. */
void conn_open(struct lane *lane, int fd, enum stream_kind kind);

/* The connection's next round, by its link in the lane's ready list. */
void conn_turn(struct list *ready_link);

/* Puts the requests that came in with this round of the loop in the lane's
 * batch. By its link in the lane's list of those with such. */
void conn_serve(struct list *turn_link);

/* The turn that so began ends: they have been carried out. By the same link. */
void conn_end_turn(struct list *turn_link);

/* Reads nothing more, serves what was read, and ends it after what it owes;
 * by its link in the lane's list. */
void conn_end(struct list *link);

/* Closes it at once. */
void conn_close(struct list *link);

#endif
