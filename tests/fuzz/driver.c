/* SPDX-License-Identifier: Apache-2.0
 * Feeds files to a fuzz target without libFuzzer: fuzz_x PATH…, each a file or a folder of files.
 * Every text is also tried cut off in its middle. */
#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { INPUT_MAX = 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Both in memory of exactly their size, so that a sanitizer sees a read behind their end. */
static void feed_copy(Str text)
{
    uint8_t *copy = malloc(MAX(text.len, (size_t)1));
    ASSERT(copy != NULL);
    memcpy(copy, text.ptr, text.len);
    IGNORE(LLVMFuzzerTestOneInput(copy, text.len)); /* always 0 */
    free(copy);
}

static bool feed_file(const char *path)
{
    Arena *arena = arena_new(0);
    Str text;
    Error err = {0};
    Rc rc = file_read(arena, path, INPUT_MAX, &text, &err);
    if (rc == RC_OK) {
        feed_copy(text);
        feed_copy(str_sub(text, 0, text.len / 2));
    } else {
        fprintf(stderr, "%s: %s\n", path, err.message);
    }
    arena_free(arena);
    return rc == RC_OK;
}

/* Gives the number of files, or -1. */
static long feed_folder(const char *path, DIR *folder)
{
    long n = 0;
    const struct dirent *entry;
    while (n >= 0 && (entry = readdir(folder))) {
        char name[4096];
        int len = snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.') {
            n = len < (int)sizeof name && feed_file(name) ? n + 1 : -1;
        }
    }
    return n;
}

int main(int argc, char **argv)
{
    long n = 0;
    for (int i = 1; i < argc && n >= 0; i++) {
        DIR *folder = opendir(argv[i]);
        long fed = folder ? feed_folder(argv[i], folder) : feed_file(argv[i]) ? 1 : -1;
        n = fed < 0 ? -1 : n + fed;
        if (folder) {
            closedir(folder);
        }
    }
    printf("%ld inputs\n", n);
    return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
