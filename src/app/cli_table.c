/* SPDX-License-Identifier: Apache-2.0
 * Tables for people: as wide as their content, cut to the screen, one line per item.
 *
 * The widths are those of the first page; longer cells of later pages push their line out. Text of
 * the server is data: control characters never reach the terminal. */
#include "base/utf8.h"

#include "app/cli.h"

#include <ctype.h>
#include <wchar.h>

enum { CELL_MAX = 64 * 1024, COLUMNS_MAX = 64, GUESSED_COLUMNS = 8, CELL_LEAST = 8, GAP = 2 };

/* ---- text */

static bool is_control(uint32_t cp)
{
    bool is_direction = (cp >= 0x202A && cp <= 0x202E) || (cp >= 0x2066 && cp <= 0x2069);
    return cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || is_direction;
}

static void put_clean(Buf *out, Str text)
{
    for (size_t i = 0; i < text.len && out->len < CELL_MAX;) {
        uint32_t cp = 0xFFFD;
        size_t n = utf8_decode(text.ptr + i, text.len - i, &cp);
        if (n == 0 || is_control(cp)) {
            buf_char(out, ' ');
        } else {
            buf_put(out, str_sub(text, i, i + n));
        }
        i += n ? n : 1;
    }
}

static void put_list(Arena *arena, Buf *out, const Json *list)
{
    for (uint32_t i = 0; i < list->n; i++) {
        const Json *item = list->items[i];
        buf_put(out, i ? STR(", ") : STR_EMPTY);
        put_clean(out, item->type == JSON_STRING ? item->text : json_to_str(arena, item));
    }
}

Str cli_cell(Arena *arena, const Json *value)
{
    Buf out = buf_init(arena, 4 * CELL_MAX);
    if (!value || value->type == JSON_NULL) {
        buf_char(&out, '-');
    } else if (value->type == JSON_STRING) {
        put_clean(&out, value->text);
    } else if (value->type == JSON_ARRAY) {
        put_list(arena, &out, value);
    } else {
        put_clean(&out, json_to_str(arena, value));
    }
    return buf_str(&out);
}

static size_t width_of(uint32_t cp)
{
    int width = wcwidth((wchar_t)cp);
    return width < 0 ? 1 : (size_t)width;
}

/* Columns of a screen that the text takes. */
static size_t text_width(Str text)
{
    size_t width = 0;
    for (size_t i = 0; i < text.len;) {
        uint32_t cp = 0;
        size_t n = utf8_decode(text.ptr + i, text.len - i, &cp);
        width += width_of(cp);
        i += n ? n : 1;
    }
    return width;
}

static void put_cut(Buf *out, Str text, size_t width)
{
    if (text_width(text) <= width) {
        buf_put(out, text);
        return;
    }
    size_t used = 0, i = 0;
    while (i < text.len) {
        uint32_t cp = 0;
        size_t n = utf8_decode(text.ptr + i, text.len - i, &cp);
        if (used + width_of(cp) + 1 > width) {
            break;
        }
        used += width_of(cp);
        i += n ? n : 1;
    }
    buf_put(out, str_sub(text, 0, i));
    buf_lit(out, "…");
}

/* ---- columns */

static void add_names(CliStrs *to, const Json *names)
{
    for (uint32_t i = 0; json_is(names, JSON_ARRAY) && i < names->n && to->n < COLUMNS_MAX; i++) {
        VEC_PUSH(to, json_str(names->items[i]));
    }
}

static bool has_column(const CliStrs *columns, const char *name)
{
    for (size_t i = 0; i < columns->n; i++) {
        if (str_is(columns->at[i], name)) {
            return true;
        }
    }
    return false;
}

static void columns_of_record(CliPrinter *p, const Operation *op)
{
    if (op->verb == VERB_HISTORY) {
        VEC_PUSH(&p->columns, STR("at"));
        VEC_PUSH(&p->columns, STR("action"));
        VEC_PUSH(&p->columns, STR("actor_name"));
        VEC_PUSH(&p->columns, STR("request_id"));
        return;
    }
    const Json *schema = contract_schema_json(p->cli->contract, op->record_name);
    add_names(&p->columns, json_path(schema, "x-record", "list", NULL));
    if (p->columns.n && !has_column(&p->columns, "id")) {
        VEC_PUSH(&p->columns, STR("id"));
    }
}

/* Of an operation that does not say: what the first item has and a line can show. */
static void guess_columns(CliPrinter *p, const Json *item)
{
    if (json_path(item, "metadata", "name", NULL) && json_get_c(item, "kind")) {
        static const char *const entity[] = {"metadata.name", "metadata.namespace", "kind",
                                             "spec.type",     "spec.lifecycle",     "spec.owner"};
        for (size_t i = 0; i < ARRAY_LEN(entity); i++) {
            VEC_PUSH(&p->columns, str_from(entity[i]));
        }
        return;
    }
    for (uint32_t i = 0;
         json_is(item, JSON_OBJECT) && i < item->n && p->columns.n < GUESSED_COLUMNS; i++) {
        if (item->members[i].value->type != JSON_OBJECT || item->n == 1) {
            VEC_PUSH(&p->columns, str_dup(p->cli->arena, item->members[i].key));
        }
    }
}

static void choose_columns(CliPrinter *p, const Json *items)
{
    const Operation *op = p->args->operation->op;
    if (p->columns.n) {
        return; /* chosen by the caller */
    }
    Str rest = p->args->columns, part;
    while (rest.len && str_split(&rest, ',', &part) && p->columns.n < COLUMNS_MAX) {
        VEC_PUSH(&p->columns, str_trim(part));
    }
    if (p->columns.n == 0) {
        add_names(&p->columns, json_path(op->json, "x-cli", "output", NULL));
    }
    if (p->columns.n == 0 && op->record_name.len) {
        columns_of_record(p, op);
    }
    if (p->columns.n == 0 && items->n) {
        guess_columns(p, items->items[0]);
    }
}

static Str heading(Arena *arena, Str path)
{
    size_t at = str_rfind_char(path, str_starts(path, STR("/")) ? '/' : '.');
    Str name = at == SIZE_MAX ? path : str_from_index(path, at + 1);
    Buf out = buf_init(arena, name.len);
    for (size_t i = 0; i < name.len; i++) {
        buf_char(&out, name.ptr[i] == '_' ? ' ' : (char)toupper((unsigned char)name.ptr[i]));
    }
    return buf_str(&out);
}

/* ---- widths */

static size_t total_width(const CliPrinter *p)
{
    size_t total = 0;
    for (size_t i = 0; i < p->columns.n; i++) {
        total += p->widths[i] + (i ? GAP : 0);
    }
    return total;
}

/* Takes from the widest until all fit the screen or nothing more can be taken. */
static void fit_screen(CliPrinter *p)
{
    while (p->screen && total_width(p) > p->screen) {
        size_t widest = 0;
        for (size_t i = 1; i < p->columns.n; i++) {
            widest = p->widths[i] > p->widths[widest] ? i : widest;
        }
        if (p->widths[widest] <= CELL_LEAST) {
            return;
        }
        p->widths[widest]--;
    }
}

static void measure(CliPrinter *p, Arena *arena, Str *cells, size_t rows)
{
    size_t n = p->columns.n;
    p->widths = ARENA_ARRAY(p->cli->arena, size_t, n);
    for (size_t c = 0; c < n; c++) {
        p->widths[c] = p->args->quiet ? 0 : text_width(heading(arena, p->columns.at[c]));
        for (size_t r = 0; r < rows; r++) {
            p->widths[c] = MAX(p->widths[c], text_width(cells[r * n + c]));
        }
    }
    fit_screen(p);
}

static void print_row(CliPrinter *p, Arena *arena, const Str *cells)
{
    Buf line = buf_init(arena, (size_t)4 * CELL_MAX * COLUMNS_MAX);
    for (size_t c = 0; c < p->columns.n; c++) {
        bool is_last = c + 1 == p->columns.n;
        size_t start = line.len;
        if (p->screen) {
            put_cut(&line, cells[c], p->widths[c]);
        } else {
            buf_put(&line, cells[c]);
        }
        size_t used = text_width(str_from_index(buf_str(&line), start));
        for (; !is_last && used < p->widths[c] + GAP; used++) {
            buf_char(&line, ' ');
        }
    }
    fprintf(p->out, "%.*s", STR_ARG(buf_str(&line)));
}

static void print_heading(CliPrinter *p, Arena *arena)
{
    Str *names = ARENA_ARRAY(arena, Str, p->columns.n);
    for (size_t c = 0; c < p->columns.n; c++) {
        names[c] = heading(arena, p->columns.at[c]);
    }
    fputs(p->colour ? "\x1b[1m" : "", p->out);
    print_row(p, arena, names);
    fputs(p->colour ? "\x1b[0m\n" : "\n", p->out);
}

void cli_print_table(CliPrinter *p, const Json *items)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    bool first = p->widths == NULL;
    if (first) {
        choose_columns(p, items);
    }
    if (items->n == 0 || p->columns.n == 0) {
        if (first && !p->args->quiet && p->n_items == 0 && !p->args->follow) {
            fprintf(stderr, "There is nothing.\n");
        }
        return;
    }
    size_t n = p->columns.n;
    Str *cells = ARENA_ARRAY(arena, Str, items->n * n);
    for (uint32_t r = 0; r < items->n; r++) {
        for (size_t c = 0; c < n; c++) {
            cells[r * n + c] = cli_cell(arena, cli_at(items->items[r], p->columns.at[c]));
        }
    }
    if (first) {
        measure(p, arena, cells, items->n);
        if (!p->args->quiet) {
            print_heading(p, arena);
        }
    }
    for (uint32_t r = 0; r < items->n; r++) {
        print_row(p, arena, &cells[r * n]);
        fputc('\n', p->out);
    }
}

/* One thing: a line per member, then its lists of things. */
static void print_member(CliPrinter *p, Arena *arena, Str name, const Json *value, size_t width)
{
    Str cell = cli_cell(arena, value);
    Buf line = buf_init(arena, 5 * CELL_MAX);
    buf_put(&line, name);
    for (size_t used = text_width(name); used < width + GAP; used++) {
        buf_char(&line, ' ');
    }
    if (p->screen > width + GAP) {
        put_cut(&line, cell, p->screen - width - GAP);
    } else {
        buf_put(&line, cell);
    }
    fprintf(p->out, "%.*s\n", STR_ARG(buf_str(&line)));
}

static bool is_table(const Json *value)
{
    return json_is(value, JSON_ARRAY) && value->n > 0 && value->items[0]->type == JSON_OBJECT;
}

/* A list of things inside a thing: a table of its own below. */
static void print_inner_table(CliPrinter *p, Str name, const Json *items)
{
    CliArgs args = *p->args;
    CliPrinter inner = {.cli = p->cli,
                        .args = &args,
                        .out = p->out,
                        .columns = {.arena = p->cli->arena},
                        .colour = p->colour,
                        .screen = p->screen};
    args.columns = STR_EMPTY;
    guess_columns(&inner, items->items[0]);
    fprintf(p->out, "\n%.*s\n", STR_ARG(name));
    cli_print_table(&inner, items);
}

/* Members, and those of inner objects under "outer.inner". */
static Json *flatten(Arena *arena, const Json *object)
{
    Json *flat = json_object(arena);
    for (uint32_t i = 0; i < object->n; i++) {
        const JsonMember *m = &object->members[i];
        if (m->value->type != JSON_OBJECT || m->value->n == 0) {
            json_set(arena, flat, cli_cell(arena, json_string(arena, m->key)), m->value);
            continue;
        }
        for (uint32_t j = 0; j < m->value->n; j++) {
            const JsonMember *inner = &m->value->members[j];
            Str name = str_fmt(arena, "%.*s.%.*s", STR_ARG(m->key), STR_ARG(inner->key));
            json_set(arena, flat, cli_cell(arena, json_string(arena, name)), inner->value);
        }
    }
    return flat;
}

void cli_print_fields(CliPrinter *p, const Json *object)
{
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    size_t width = 0;
    const Json *flat = flatten(arena, object);
    for (uint32_t i = 0; i < flat->n; i++) {
        if (!is_table(flat->members[i].value)) {
            width = MAX(width, text_width(flat->members[i].key));
        }
    }
    for (uint32_t i = 0; i < flat->n; i++) {
        if (!is_table(flat->members[i].value)) {
            print_member(p, arena, flat->members[i].key, flat->members[i].value, width);
        }
    }
    for (uint32_t i = 0; i < flat->n; i++) {
        if (is_table(flat->members[i].value)) {
            print_inner_table(p, flat->members[i].key, flat->members[i].value);
        }
    }
}
