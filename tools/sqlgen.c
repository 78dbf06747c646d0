/* SPDX-License-Identifier: Apache-2.0
 * tools/sqlgen.c - SQL files to C constants.
 *
 *   fairway-sqlgen queries PREFIX IN.sql OUT.h OUT.c
 *   fairway-sqlgen migrations OUT.h OUT.c [NNNN_name.sql NNNN_name.pg.sql ...]
 *
 * A query file holds blocks "-- name: x", each optionally followed by "-- for: pg" and the text for
 * PostgreSQL. They become `const Query PREFIX_x` (named "PREFIX.x") and `PREFIX_queries[]`. Lines
 * that are only a comment are dropped, and so is a last semicolon: one query is one statement.
 *
 * Migrations are kept byte for byte, since their digest is recorded when they are applied. */
#include "tool_io.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ITEMS = 2000, MAX_NAME = 64 };

typedef struct Item {
    char name[MAX_NAME];
    int line;
    char *sql, *sql_pg; /* owned; sql_pg NULL when there is no variant */
    size_t len, len_pg;
} Item;

static Item items[MAX_ITEMS];
static size_t n_items;

static void items_free(void)
{
    for (size_t i = 0; i < n_items; i++) {
        free(items[i].sql);
        free(items[i].sql_pg);
    }
}

static Item *item_add(const char *file, int line, const char *name, size_t len)
{
    bool valid = len > 0 && len < MAX_NAME;
    for (size_t i = 0; valid && i < len; i++) {
        valid =
            islower((unsigned char)name[i]) || name[i] == '_' || isdigit((unsigned char)name[i]);
    }
    if (!valid) {
        tool_fail(file, line, "\"%.*s\" is not a name: use at most %d of a-z 0-9 _", (int)len, name,
                  MAX_NAME - 1);
    }
    if (n_items == MAX_ITEMS) {
        tool_fail(file, line, "more than %d entries", MAX_ITEMS);
    }
    for (size_t i = 0; i < n_items; i++) {
        if (strlen(items[i].name) == len && memcmp(items[i].name, name, len) == 0) {
            tool_fail(file, line, "\"%s\" is already there, line %d", items[i].name, items[i].line);
        }
    }
    Item *item = &items[n_items++];
    memcpy(item->name, name, len);
    item->line = line;
    return item;
}

static void *xmalloc(size_t size)
{
    void *p = malloc(size);
    if (!p) {
        tool_fail("fairway-sqlgen", 0, "out of memory");
    }
    return p;
}

/* ---- queries ---- */

/* The rest of the line after a directive such as "-- name:", trimmed; NULL if it is not one. */
static const char *directive(const char *line, size_t len, const char *which, size_t *ret_len)
{
    size_t at = 0;
    size_t n = strlen(which);
    while (at < len && (line[at] == ' ' || line[at] == '\t')) {
        at++;
    }
    if (len - at < n || memcmp(line + at, which, n) != 0) {
        return NULL;
    }
    at += n;
    while (at < len && isspace((unsigned char)line[at])) {
        at++;
    }
    while (len > at && isspace((unsigned char)line[len - 1])) {
        len--;
    }
    *ret_len = len - at;
    return line + at;
}

static bool is_blank_or_comment(const char *line, size_t len)
{
    size_t at = 0;
    while (at < len && isspace((unsigned char)line[at])) {
        at++;
    }
    return at == len || (len - at >= 2 && line[at] == '-' && line[at + 1] == '-');
}

/* A body being gathered: room for the rest of the file, cut to its text at the end. */
typedef struct Body {
    Item *item;
    char *text;
    size_t len;
    bool for_pg;
    int line;
} Body;

static void body_end(Body *body, const char *file)
{
    if (!body->item) {
        return;
    }
    while (body->len > 0 && (isspace((unsigned char)body->text[body->len - 1]) ||
                             body->text[body->len - 1] == ';')) {
        body->len--;
    }
    if (body->len == 0) {
        tool_fail(file, body->line, "\"%s\" has no SQL", body->item->name);
    }
    if (body->for_pg) {
        body->item->sql_pg = body->text;
        body->item->len_pg = body->len;
    } else {
        body->item->sql = body->text;
        body->item->len = body->len;
    }
    body->text = NULL;
}

static void body_begin(Body *body, Item *item, bool for_pg, int line, size_t room)
{
    *body = (Body){.item = item, .text = xmalloc(room + 1), .for_pg = for_pg, .line = line};
}

static void
parse_line(Body *body, const char *file, int n, const char *line, size_t len, size_t room)
{
    size_t name_len;
    const char *name = directive(line, len, "-- name:", &name_len);
    if (name) {
        body_end(body, file);
        body_begin(body, item_add(file, n, name, name_len), false, n, room);
        return;
    }
    const char *dialect = directive(line, len, "-- for:", &name_len);
    if (dialect) {
        if (name_len != 2 || memcmp(dialect, "pg", 2) != 0) {
            tool_fail(file, n, "only \"-- for: pg\" is known");
        }
        if (!body->item || body->for_pg) {
            tool_fail(file, n, "\"-- for: pg\" must follow the block it is a variant of");
        }
        Item *item = body->item;
        body_end(body, file);
        body_begin(body, item, true, n, room);
        return;
    }
    if (is_blank_or_comment(line, len)) {
        return;
    }
    if (!body->item) {
        tool_fail(file, n, "SQL before the first \"-- name:\"");
    }
    memcpy(body->text + body->len, line, len);
    body->len += len;
}

static void parse_queries(const char *file)
{
    size_t len;
    char *text = tool_read(file, &len);
    Body body = {0};
    int n = 0;

    if (memchr(text, 0, len)) {
        tool_fail(file, 0, "holds a NUL byte");
    }
    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t line_len = end ? (size_t)(end - (text + at)) + 1 : len - at;
        parse_line(&body, file, ++n, text + at, line_len, len - at);
        at += line_len;
    }
    body_end(&body, file);
    free(text);
    if (n_items == 0) {
        tool_fail(file, 0, "has no \"-- name:\" block");
    }
}

static void write_head(FILE *out, const char *from)
{
    fprintf(out,
            "/* Generated by fairway-sqlgen from %s; do not edit. */\n"
            "#pragma GCC diagnostic ignored \"-Woverlength-strings\"\n",
            from);
}

static void write_texts(FILE *out, const Item *item, const char *sql_field, const char *pg_field)
{
    fprintf(out, "    .%s =", sql_field);
    tool_write_literal(out, item->sql, item->len, 0);
    if (item->sql_pg) {
        fprintf(out, ",\n    .%s =", pg_field);
        tool_write_literal(out, item->sql_pg, item->len_pg, 0);
    }
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void
write_queries(const char *prefix, const char *in, const char *h_path, const char *c_path)
{
    FILE *h = tool_create(h_path);
    fprintf(h, "/* Generated by fairway-sqlgen from %s; do not edit. */\n#pragma once\n",
            base_name(in));
    fputs("#include \"store/store.h\"\n\n", h);
    for (size_t i = 0; i < n_items; i++) {
        fprintf(h, "extern const Query %s_%s;\n", prefix, items[i].name);
    }
    fprintf(h, "\nextern const Query *const %s_queries[];\nextern const size_t %s_n_queries;\n",
            prefix, prefix);
    tool_close(h, h_path);

    FILE *c = tool_create(c_path);
    write_head(c, base_name(in));
    fprintf(c, "#include \"%s\"\n\n", base_name(h_path));
    for (size_t i = 0; i < n_items; i++) {
        fprintf(c, "const Query %s_%s = {\n    .name = \"%s.%s\",\n", prefix, items[i].name, prefix,
                items[i].name);
        write_texts(c, &items[i], "sql", "sql_pg");
        fputs(",\n};\n\n", c);
    }
    fprintf(c, "const Query *const %s_queries[] = {\n", prefix);
    for (size_t i = 0; i < n_items; i++) {
        fprintf(c, "    &%s_%s,\n", prefix, items[i].name);
    }
    fprintf(c, "};\nconst size_t %s_n_queries = %zu;\n", prefix, n_items);
    tool_close(c, c_path);
}

/* ---- migrations ---- */

static bool ends_with(const char *s, const char *suffix)
{
    size_t n = strlen(s);
    size_t m = strlen(suffix);
    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

static void read_migration(const char *path)
{
    const char *base = base_name(path);
    bool for_pg = ends_with(base, ".pg.sql");
    size_t name_len = strlen(base) - strlen(for_pg ? ".pg.sql" : ".sql");
    bool numbered = ends_with(base, ".sql") && name_len > 5 && base[4] == '_';
    for (size_t i = 0; numbered && i < 4; i++) {
        numbered = isdigit((unsigned char)base[i]) != 0;
    }
    if (!numbered) {
        tool_fail(path, 0, "a migration is named NNNN_name.sql or NNNN_name.pg.sql");
    }
    Item *item = NULL;
    for (size_t i = 0; i < n_items; i++) {
        if (strlen(items[i].name) == name_len && memcmp(items[i].name, base, name_len) == 0) {
            item = &items[i];
        }
    }
    if (!item) {
        item = item_add(path, 0, base, name_len);
    }
    size_t len;
    char *text = tool_read(path, &len);
    if (memchr(text, 0, len)) {
        tool_fail(path, 0, "holds a NUL byte");
    }
    *(for_pg ? &item->sql_pg : &item->sql) = text;
    *(for_pg ? &item->len_pg : &item->len) = len;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const Item *)a)->name, ((const Item *)b)->name);
}

static void check_migrations(void)
{
    qsort(items, n_items, sizeof(items[0]), by_name);
    for (size_t i = 0; i < n_items; i++) {
        if (!items[i].sql) {
            tool_fail(items[i].name, 0, "has a .pg.sql but no .sql; a comment alone will do");
        }
        if (i > 0 && memcmp(items[i].name, items[i - 1].name, 4) == 0) {
            tool_fail(items[i].name, 0, "has the number of %s; take the next one",
                      items[i - 1].name);
        }
    }
}

static void write_migrations(const char *h_path, const char *c_path)
{
    FILE *h = tool_create(h_path);
    fputs(
        "/* Generated by fairway-sqlgen; do not edit. */\n#pragma once\n"
        "#include \"store/store.h\"\n\n"
        "extern const Migration fairway_migrations[];\nextern const size_t fairway_n_migrations;\n",
        h);
    tool_close(h, h_path);

    FILE *c = tool_create(c_path);
    write_head(c, "the migrations folder");
    fprintf(c, "#include \"%s\"\n\nconst Migration fairway_migrations[] = {\n", base_name(h_path));
    for (size_t i = 0; i < n_items; i++) {
        fprintf(c, "    {.name = \"%s\",\n", items[i].name);
        write_texts(c, &items[i], "sql", "sql_pg");
        fputs("},\n", c);
    }
    if (n_items == 0) {
        fputs("    {.name = NULL},\n", c); /* C has no empty array; the count is 0 */
    }
    fprintf(c, "};\nconst size_t fairway_n_migrations = %zu;\n", n_items);
    tool_close(c, c_path);
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "queries") == 0) {
        parse_queries(argv[3]);
        write_queries(argv[2], argv[3], argv[4], argv[5]);
    } else if (argc >= 4 && strcmp(argv[1], "migrations") == 0) {
        for (int i = 4; i < argc; i++) {
            read_migration(argv[i]);
        }
        check_migrations();
        write_migrations(argv[2], argv[3]);
    } else {
        fputs("usage: fairway-sqlgen queries PREFIX IN.sql OUT.h OUT.c\n"
              "       fairway-sqlgen migrations OUT.h OUT.c [NNNN_name[.pg].sql ...]\n",
              stderr);
        return 2;
    }
    items_free();
    return 0;
}
