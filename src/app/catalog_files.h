/* SPDX-License-Identifier: Apache-2.0
 * app/catalog_files.h - catalog files on this machine, checked as the catalog would: what validate
 * tells about and import sends. */
#ifndef APP_CATALOG_FILES_H
#define APP_CATALOG_FILES_H

#include "base/error.h"

#include "data/json.h"

#include <stdio.h>

typedef struct CatalogFiles CatalogFiles;

/* Lives in the arena but for the kinds: catalog_files_free. */
MUST_CHECK Rc catalog_files_new(Arena *arena, CatalogFiles **ret, Error *err);
void catalog_files_free(CatalogFiles *files); /* NULL is fine */
/* A file, a folder, a glob, or "-". Fails RC_NOT_FOUND when it stands for nothing. */
MUST_CHECK Rc catalog_files_add(CatalogFiles *files, const char *argument, Error *err);
/* Reads and checks all, and the files that their Locations name. Gives the number of problems. */
size_t catalog_files_check(CatalogFiles *files);
/* A URL that a placeholder names and that was not read; "" when there is none. */
Str catalog_files_unread(const CatalogFiles *files);
size_t catalog_files_count(const CatalogFiles *files);
/* "file:line:column: ref: message", one a line; unless quiet a sum at the end. */
void catalog_files_print(const CatalogFiles *files, bool quiet, FILE *out);
void catalog_files_print_json(const CatalogFiles *files, FILE *out);
/* The entities without a problem, placeholders filled in, without Locations of files that were
 * followed. */
const Json *const *catalog_files_entities(const CatalogFiles *files, size_t *ret_n);

#endif
