/* Assertions that stay on in every build, and typed ways out of `void *`.
 * They state what the program believes of itself; what a peer sends is
 * never asserted but validated. Any thread. */
#ifndef CACHESERVER_BASE_CHECK_H
#define CACHESERVER_BASE_CHECK_H

/* Stops the program with the place and `what` on stderr. */
_Noreturn void check_failed(const char *file, int line, const char *what);

/* The program is wrong if `x` is false. One property each. */
#define CHECK(x) ((x) ? (void)0 : check_failed(__FILE__, __LINE__, #x))

/* A branch that cannot be reached, and why. */
#define UNREACHABLE(why) check_failed(__FILE__, __LINE__, why)

/* An object that travels through `void *` starts with a
 * `struct magic magic`, set by MAGIC_SET(object, TAG), where `TAG` is a
 * four-character constant of its module. CAST is the only way back and
 * stops the program when the object is another or was freed. */
struct magic {
    unsigned value;
};

#define MAGIC_SET(object, tag) ((object)->magic.value = (tag))
#define MAGIC_CLEAR(object)    ((object)->magic.value = 0)
#define MAGIC_IS(object, tag)  ((object)->magic.value == (tag))

/* `pointer` as `type *`, proven by its magic `tag`; never NULL. */
#define CAST(type, pointer, tag)                                               \
    ((type *)check_magic((pointer), (tag), __FILE__, __LINE__))

/* `pointer`, whose first member is a `struct magic` holding `tag`. */
void *check_magic(void *pointer, unsigned tag, const char *file, int line);

#endif
