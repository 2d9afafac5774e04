/* Temporary folders for tests that read files. One thread. */
#ifndef CACHESERVER_TESTS_SUPPORT_FOLDER_H
#define CACHESERVER_TESTS_SUPPORT_FOLDER_H

enum { FOLDER_PATH_MAX = 256 };

/* Owns a folder below TMPDIR and what is in it. */
struct folder {
    char path[FOLDER_PATH_MAX];
};

/* Makes an empty one; ends the program when the system refuses. */
void folder_init(struct folder *folder);

/* Removes it with all that is in it. */
void folder_fini(struct folder *folder);

/* Writes `len` bytes to the file `name`, which may have slashes; what is
 * missing above it is made. Answers its path, *borrowed* until the next
 * call. */
const char *folder_write(const struct folder *folder, const char *name,
                         const void *bytes, unsigned long len);

/* The same for a text. */
const char *folder_write_text(const struct folder *folder, const char *name,
                              const char *text);

#endif
