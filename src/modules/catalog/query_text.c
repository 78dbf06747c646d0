/* SPDX-License-Identifier: Apache-2.0
 * Substrings. Names, titles and descriptions have a trigram index on both databases: it says which
 * entities may match, the columns say which do. */
#include "modules/catalog/query_text.h"

enum { TRIGRAMS_MAX = 3, TRIGRAM = 3 };

static bool is_wild(char c)
{
    return c == '%' || c == '_';
}

static size_t char_end(Str s, size_t at)
{
    at++;
    while (at < s.len && ((unsigned char)s.ptr[at] & 0xc0) == 0x80) {
        at++;
    }
    return at;
}

/* Byte offsets of the characters of s, at most `max`, and its end. */
static size_t offsets(Str s, size_t *out, size_t max)
{
    size_t n = 0;
    for (size_t at = 0; at < s.len && n < max; at = char_end(s, at)) {
        out[n++] = at;
    }
    out[n] = n == max ? out[n - 1] : s.len;
    return n;
}

static void add_trigram(Buf *out, Str s)
{
    buf_put(out, out->len ? STR(" \"") : STR("\""));
    for (size_t i = 0; i < s.len; i++) {
        buf_put(out, s.ptr[i] == '"' ? STR("\"\"") : str_sub(s, i, i + 1));
    }
    buf_char(out, '"');
}

/* A few trigrams that do not overlap: more would cost more than they exclude. */
static Str trigrams_of(Arena *arena, Str term)
{
    Buf out = buf_init(arena, KIB);
    size_t n_out = 0;
    for (size_t from = 0, to; from < term.len && n_out < TRIGRAMS_MAX; from = to + 1) {
        size_t at[64 + 1];
        for (to = from; to < term.len && !is_wild(term.ptr[to]); to++) {
        }
        Str run = str_sub(term, from, to);
        size_t n = offsets(run, at, 64);
        for (size_t i = 0; i + TRIGRAM <= n && n_out < TRIGRAMS_MAX; i += TRIGRAM, n_out++) {
            add_trigram(&out, str_sub(run, at[i], at[i + TRIGRAM]));
        }
        if (n > TRIGRAM && n % TRIGRAM && n_out < TRIGRAMS_MAX) {
            add_trigram(&out, str_sub(run, at[n - TRIGRAM], at[n]));
            n_out++;
        }
    }
    return buf_str(&out);
}

static bool is_text_column(Str key)
{
    return str_is(key, "metadata.name") || str_is(key, "metadata.title") ||
           str_is(key, "metadata.description");
}

TextFilter text_filter(Arena *arena, const EntityQuery *q, Str order_key)
{
    TextFilter text = {0};
    Str term = str_lower_utf8(arena, str_trim(q->term));
    if (!q->has_text || term.len == 0) {
        return text;
    }
    text.active = true;
    text.fields = ARENA_ARRAY(arena, Str, q->n_text_fields + 1);
    for (size_t i = 0; i < q->n_text_fields; i++) {
        text.fields[text.n_fields++] = str_lower_utf8(arena, q->text_fields[i]);
    }
    if (!q->has_text_fields) {
        text.fields[text.n_fields++] = order_key.len ? order_key : STR("metadata.uid");
    }
    bool indexed = text.n_fields > 0;
    for (size_t i = 0; i < text.n_fields; i++) {
        indexed = indexed && is_text_column(text.fields[i]);
    }
    Str parts[] = {STR("%"), term, STR("%")};
    text.pattern = str_join(arena, parts, ARRAY_LEN(parts), STR_EMPTY);
    text.trigrams = indexed ? trigrams_of(arena, term) : STR_EMPTY;
    return text;
}

static void write_pattern(SqlBuild *b, const TextFilter *text)
{
    /* \ escapes on PostgreSQL only, unless it is doubled */
    sql_param(b, P_STR(b->db == DB_POSTGRES
                           ? str_replace(b->arena, text->pattern, STR("\\"), STR("\\\\"))
                           : text->pattern));
}

void text_where_value(SqlBuild *b, const TextFilter *text, const char *what)
{
    buf_fmt(&b->sql, "%s LIKE ", what);
    write_pattern(b, text);
}

static void write_relation(SqlBuild *b, const TextFilter *text, Str key)
{
    Str type;
    bool forward, both;
    if (!predicate_relation(b->kinds, key, &type, &forward, &both)) {
        buf_lit(&b->sql, "1 = 0");
        return;
    }
    for (int side = forward || both ? 0 : 1; side <= (forward && !both ? 0 : 1); side++) {
        buf_put(&b->sql, side && both ? STR(" OR ") : STR_EMPTY);
        buf_fmt(&b->sql, "e.ref IN (SELECT %s FROM entity_relations r WHERE r.type = ",
                side ? "r.target_ref" : "r.source_ref");
        sql_param(b, P_STR(type));
        buf_lit(&b->sql, " AND ");
        text_where_value(b, text, side ? "r.source_ref" : "r.target_ref");
        buf_char(&b->sql, ')');
    }
}

static void write_field(SqlBuild *b, const TextFilter *text, Str key)
{
    const char *column = predicate_column(key);
    if (column) {
        text_where_value(b, text, column);
    } else if (is_text_column(key)) {
        text_where_value(b, text,
                         str_is(key, "metadata.title") ? "fw_lower(e.title)"
                                                       : "fw_lower(e.description)");
    } else if (str_starts(key, STR("relations."))) {
        write_relation(b, text, key);
    } else if (entity_key_is_indexed(key)) {
        buf_lit(&b->sql, "e.n IN (SELECT f.n FROM entity_fields f WHERE ");
        sql_key(b, "f", key);
        buf_lit(&b->sql, " AND ");
        text_where_value(b, text, "f.value");
        buf_lit(&b->sql, " AND f.value <> ");
        sql_param(b, P_STR(STR(ENTITY_FIELD_NULL)));
        buf_char(&b->sql, ')');
    } else {
        b->inexact = true;
        buf_lit(&b->sql, "1 = 1");
    }
}

/* What the trigram index knows. */
static void write_index(SqlBuild *b, const TextFilter *text)
{
    if (b->db == DB_POSTGRES) {
        text_where_value(
            b, text,
            "fw_lower(e.name || ' ' || coalesce(e.title, '') || ' ' || coalesce(e.description, "
            "''))");
    } else {
        buf_lit(&b->sql, "e.n IN (SELECT rowid FROM entity_text WHERE entity_text MATCH ");
        sql_param(b, P_STR(text->trigrams));
        buf_char(&b->sql, ')');
    }
    buf_lit(&b->sql, " AND ");
}

void text_where(SqlBuild *b, const TextFilter *text)
{
    buf_char(&b->sql, '(');
    if (text->trigrams.len && !b->probe) {
        write_index(b, text);
    }
    buf_char(&b->sql, '(');
    for (size_t i = 0; i < text->n_fields; i++) {
        buf_put(&b->sql, i ? STR(" OR ") : STR_EMPTY);
        write_field(b, text, text->fields[i]);
    }
    buf_put(&b->sql, text->n_fields ? STR("))") : STR("1 = 0))"));
}

bool text_matches(Arena *arena, const TextFilter *text, const Json *entity)
{
    for (size_t i = 0; text->active && i < text->n_fields; i++) {
        EntityFields values;
        if (str_is(text->fields[i], "metadata.description")) { /* long ones too */
            Str whole = json_str(json_path(entity, "metadata", "description", NULL));
            if (text_is_like(str_lower_utf8(arena, whole), text->pattern)) {
                return true;
            }
            continue;
        }
        entity_values(entity, text->fields[i], arena, &values);
        for (size_t k = 0; k < values.n; k++) {
            if (!str_is(values.at[k].value, ENTITY_FIELD_NULL) &&
                text_is_like(values.at[k].value, text->pattern)) {
                return true;
            }
        }
    }
    return !text->active;
}
