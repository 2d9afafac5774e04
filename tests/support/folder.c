#include "support/folder.h"

#include "base/check.h"

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { NESTING_MAX = 16 };

static char file_path[2 * FOLDER_PATH_MAX];

void folder_init(struct folder *folder)
{
    const char *base = getenv("TMPDIR");
    int len = snprintf(folder->path, sizeof folder->path,
                       "%s/cacheserver-test-XXXXXX", base ? base : "/tmp");
    CHECK(len > 0 && (size_t)len < sizeof folder->path);
    bool is_made = mkdtemp(folder->path);
    CHECK(is_made);
}

static int remove_one(const char *path, const struct stat *what, int flag,
                      struct FTW *where)
{
    (void)what;
    (void)flag;
    (void)where;
    return remove(path);
}

void folder_fini(struct folder *folder)
{
    nftw(folder->path, remove_one, NESTING_MAX, FTW_DEPTH | FTW_PHYS);
    folder->path[0] = '\0';
}

static void make_folders_above(char *path, size_t from)
{
    for (char *slash = strchr(path + from, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
}

const char *folder_write(const struct folder *folder, const char *name,
                         const void *bytes, unsigned long len)
{
    int path_len =
        snprintf(file_path, sizeof file_path, "%s/%s", folder->path, name);
    CHECK(path_len > 0 && (size_t)path_len < sizeof file_path);
    make_folders_above(file_path, strlen(folder->path) + 1);
    FILE *file = fopen(file_path, "w");
    CHECK(file);
    CHECK(fwrite(bytes, 1, len, file) == len);
    CHECK(fclose(file) == 0);
    return file_path;
}

const char *folder_write_text(const struct folder *folder, const char *name,
                              const char *text)
{
    return folder_write(folder, name, text, strlen(text));
}
