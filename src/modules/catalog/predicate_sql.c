/* SPDX-License-Identifier: Apache-2.0
 * A predicate as an SQL condition over `entities e`, its index rows and relations. Values are only
 * bound.
 *
 * A key that the index does not hold cannot be answered in SQL: there the condition says too much,
 * never too little (under a $not that is the other way round), and `inexact` has the caller test
 * each entity. */
#include "modules/catalog/predicate_leaf.h"

#include <string.h>

SqlBuild sql_init(Arena *arena, DbKind db, const Kinds *kinds)
{
    return (SqlBuild){
        .arena = arena,
        .sql = buf_init(arena, 4 * MIB),
        .params = {.arena = arena},
        .db = db,
        .kinds = kinds,
    };
}

void sql_param(SqlBuild *b, Param value)
{
    VEC_PUSH(&b->params, value);
    buf_fmt(&b->sql, "$%zu", b->params.n);
}

void sql_list(SqlBuild *b, const Str *list, size_t n)
{
    Buf text = buf_init(b->arena, 16 * MIB);
    buf_char(&text, '[');
    for (size_t i = 0; i < n; i++) {
        buf_put(&text, i ? STR(",") : STR_EMPTY);
        buf_json_str(&text, list[i]);
    }
    buf_char(&text, ']');
    bool pg = b->db == DB_POSTGRES;
    buf_put(&b->sql,
            pg ? STR("(SELECT jsonb_array_elements_text(") : STR("(SELECT value FROM json_each("));
    sql_param(b, P_STR(buf_str(&text)));
    buf_put(&b->sql, pg ? STR("::jsonb))") : STR("))"));
}

void sql_key(SqlBuild *b, const char *alias, Str key)
{
    buf_fmt(&b->sql, "%s.key_id = (SELECT id FROM entity_keys WHERE key = ", alias);
    sql_param(b, P_STR(key));
    buf_char(&b->sql, ')');
}

const char *predicate_column(Str key)
{
    static const char *const columns[][2] = {
        {"kind",               "e.kind"     },
        {"metadata.name",      "e.name"     },
        {"metadata.namespace", "e.namespace"},
        {"metadata.uid",       "e.id"       },
    };
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        if (str_is(key, columns[i][0])) {
            return columns[i][1];
        }
    }
    return NULL;
}

bool predicate_relation(
    const Kinds *kinds, Str key, Str *ret_type, bool *ret_is_forward, bool *ret_both)
{
    Str type = str_from_index(key, sizeof("relations.") - 1);
    size_t n;
    const Kind *list = kinds_list(kinds, &n);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < list[i].n_relations; k++) {
            const RelationPair *pair = &list[i].relations[k].pair;
            bool forward = str_eq_nocase(pair->forward, type);
            if (forward || str_eq_nocase(pair->reverse, type)) {
                *ret_type = pair->forward;
                *ret_is_forward = forward;
                *ret_both = str_eq(pair->forward, pair->reverse);
                return true;
            }
        }
    }
    return false;
}

/* " = $1", " IN (…)" or a range, of the values in `what`. */
static void write_values(SqlBuild *b, const char *what, const Leaf *leaf)
{
    if (leaf->op == LEAF_PREFIX) { /* up to the last character there is */
        Str parts[] = {leaf->prefix, STR("\xf4\x8f\xbf\xbf")};
        buf_fmt(&b->sql, "%s >= ", what);
        sql_param(b, P_STR(leaf->prefix.ptr ? leaf->prefix : STR("")));
        buf_fmt(&b->sql, " AND %s < ", what);
        sql_param(b, P_STR(str_join(b->arena, parts, 2, STR_EMPTY)));
    } else if (leaf->n_values == 1) {
        buf_fmt(&b->sql, "%s = ", what);
        sql_param(b, P_STR(leaf->values[0]));
    } else {
        buf_fmt(&b->sql, "%s IN ", what);
        sql_list(b, leaf->values, leaf->n_values);
    }
}

static void write_relation_side(SqlBuild *b, const Leaf *leaf, Str type, bool forward)
{
    const char *own = forward ? "r.source_ref" : "r.target_ref";
    const char *other = forward ? "r.target_ref" : "r.source_ref";
    if (b->probe) {
        buf_fmt(&b->sql,
                "EXISTS (SELECT 1 FROM entity_relations r WHERE %s = e.ref AND r.type = ", own);
    } else {
        buf_fmt(&b->sql, "e.ref IN (SELECT %s FROM entity_relations r WHERE r.type = ", own);
    }
    sql_param(b, P_STR(type));
    if (leaf->op != LEAF_EXISTS) {
        buf_lit(&b->sql, " AND ");
        write_values(b, other, leaf);
    }
    buf_char(&b->sql, ')');
}

static void write_relation(SqlBuild *b, const Leaf *leaf)
{
    Str type;
    bool forward, both;
    if (!predicate_relation(b->kinds, leaf->key, &type, &forward, &both)) {
        buf_lit(&b->sql, "1 = 0");
        return;
    }
    buf_char(&b->sql, '(');
    write_relation_side(b, leaf, type, forward);
    if (both) {
        buf_lit(&b->sql, " OR ");
        write_relation_side(b, leaf, type, false);
    }
    buf_char(&b->sql, ')');
}

/* Rows of one key of the index. */
static void write_field(SqlBuild *b, const Leaf *leaf)
{
    bool probe = b->probe && leaf->op == LEAF_IN;
    buf_put(&b->sql, probe ? STR("EXISTS (SELECT 1 FROM entity_fields f WHERE f.n = e.n AND ")
                           : STR("e.n IN (SELECT f.n FROM entity_fields f WHERE "));
    sql_key(b, "f", leaf->key);
    if (leaf->op != LEAF_EXISTS) {
        buf_lit(&b->sql, " AND ");
        write_values(b, "f.value", leaf);
        buf_lit(&b->sql, " AND f.value <> ");
        sql_param(b, P_STR(STR(ENTITY_FIELD_NULL)));
    }
    buf_char(&b->sql, ')');
}

/* Objects in every entity: nothing below them is an item of a list. */
static bool is_object_path(Str path)
{
    static const char *const paths[] = {"metadata", "metadata.labels", "metadata.annotations",
                                        "spec"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        if (str_is(path, paths[i])) {
            return true;
        }
    }
    return false;
}

/* Made by the catalog, and not to be asked for as a whole. */
static bool is_never(Str key)
{
    static const char *const keys[] = {"attachments", "relations", "status", "metadata.etag"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (str_is(key, keys[i])) {
            return true;
        }
    }
    return false;
}

bool predicate_may_be_item(Str key)
{
    bool is_below = predicate_column(key) || str_starts(key, STR("relations.")) || is_never(key);
    for (size_t dot = 0; !is_below && dot < key.len; dot++) {
        if (key.ptr[dot] == '.' && !is_object_path(str_sub(key, 0, dot))) {
            return true;
        }
    }
    return false;
}

/* "a.b.c" is there too when the list a.b has the item "c", or the list a the item "b.c". The index
 * does not tell a list from a text, so but for tags the entity has the last word. */
static void write_items(SqlBuild *b, const Leaf *leaf, bool upper)
{
    for (size_t dot = 0; dot < leaf->key.len; dot++) {
        Str path = str_sub(leaf->key, 0, dot), item = str_from_index(leaf->key, dot + 1);
        if (leaf->key.ptr[dot] != '.' || is_object_path(path)) {
            continue;
        }
        bool exact = str_is(path, "metadata.tags");
        b->inexact = b->inexact || !exact;
        if (upper || exact) {
            Leaf part = {.op = LEAF_IN, .key = path, .values = &item, .n_values = 1};
            buf_lit(&b->sql, " OR ");
            write_field(b, &part);
        }
    }
}

static bool asks_for_items(const Leaf *leaf)
{
    bool asks = leaf->op == LEAF_EXISTS ||
                (leaf->op == LEAF_PREFIX && str_starts(STR("true"), leaf->prefix));
    for (size_t i = 0; !asks && i < leaf->n_values; i++) {
        asks = str_is(leaf->values[i], "true");
    }
    return asks;
}

/* The leaf without its negation (an EXISTS that is not wanted). upper: rather too much. */
static void write_leaf(SqlBuild *b, const Leaf *leaf, bool upper)
{
    const char *column = predicate_column(leaf->key);
    if (column && leaf->op == LEAF_EXISTS) {
        buf_lit(&b->sql, "1 = 1");
    } else if (column) {
        buf_char(&b->sql, '(');
        write_values(b, column, leaf);
        buf_char(&b->sql, ')');
    } else if (str_starts(leaf->key, STR("relations."))) {
        write_relation(b, leaf);
    } else if (is_never(leaf->key)) {
        buf_lit(&b->sql, "1 = 0");
    } else if (!entity_key_is_indexed(leaf->key)) {
        b->inexact = true;
        buf_put(&b->sql, upper ? STR("1 = 1") : STR("1 = 0"));
    } else {
        buf_char(&b->sql, '(');
        write_field(b, leaf);
        if (asks_for_items(leaf)) {
            write_items(b, leaf, upper);
        }
        buf_char(&b->sql, ')');
    }
}

static void write(SqlBuild *b, const Json *p, bool upper);

static void write_list(SqlBuild *b, const Json *list, const char *between, bool upper)
{
    for (uint32_t i = 0; i < list->n; i++) {
        buf_put(&b->sql, i ? str_from(between) : STR_EMPTY);
        write(b, list->items[i], upper);
    }
}

static void write(SqlBuild *b, const Json *p, bool upper)
{
    const Json *inner = json_get_c(p, "$not");
    if (inner) {
        buf_lit(&b->sql, "NOT ");
        write(b, inner, !upper);
        return;
    }
    const Json *all = json_get_c(p, "$all"), *any = json_get_c(p, "$any");
    const Json *list = all ? all : any;
    if (list ? list->n == 0 : p->n == 0) {
        buf_put(&b->sql, all || !list ? STR("(1 = 1)") : STR("(1 = 0)"));
        return;
    }
    buf_char(&b->sql, '(');
    if (list) {
        write_list(b, list, all ? " AND " : " OR ", upper);
    }
    for (uint32_t i = 0; !list && i < p->n; i++) {
        Leaf leaf = leaf_read(b->arena, p->members[i].key, p->members[i].value);
        bool negated = leaf.op == LEAF_EXISTS && !leaf.wanted;
        buf_put(&b->sql, i ? STR(" AND ") : STR_EMPTY);
        buf_put(&b->sql, negated ? STR("NOT (") : STR_EMPTY);
        write_leaf(b, &leaf, negated ? !upper : upper);
        buf_put(&b->sql, negated ? STR(")") : STR_EMPTY);
    }
    buf_char(&b->sql, ')');
}

void predicate_sql(SqlBuild *b, const Json *predicate)
{
    if (!predicate) {
        buf_lit(&b->sql, "1 = 1");
        return;
    }
    write(b, predicate, true);
}
