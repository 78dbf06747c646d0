/* SPDX-License-Identifier: Apache-2.0
 * Filters, and predicates as JSON: what is accepted can be answered, both ways of answering agree
 * about what they are given, and the SQL has as many values as placeholders. */
#include "modules/catalog/predicate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ENTITY                                                                                     \
    "{\"apiVersion\":\"v1\",\"kind\":\"Component\",\"metadata\":{\"name\":\"a\",\"tags\":[\"b\"]}" \
    ","                                                                                            \
    "\"spec\":{\"c\":1},\"relations\":[{\"type\":\"ownedBy\",\"targetRef\":\"group:default/a\"}]}"

static void answer(Arena *arena, const Json *predicate)
{
    static Kinds *kinds;
    Json *entity = NULL;
    if (!kinds) {
        ASSERT(kinds_new(NULL, 0, &kinds, NULL) == RC_OK);
    }
    ASSERT(json_parse(arena, STR(ENTITY), NULL, &entity, NULL) == RC_OK);
    bool once = predicate_matches(predicate, entity);
    for (int db = 0; db < 2; db++) {
        SqlBuild b = sql_init(arena, db ? DB_POSTGRES : DB_SQLITE, kinds);
        b.probe = once;
        predicate_sql(&b, predicate);
        size_t placeholders = 0;
        Str sql = buf_str(&b.sql);
        for (size_t i = 0; i < sql.len; i++) {
            placeholders += sql.ptr[i] == '$';
        }
        ASSERT(placeholders == b.params.n); /* values are only ever bound, each once */
    }
    Json *opposite = json_object(arena);
    json_set_c(arena, opposite, "$not", json_clone(arena, predicate));
    ASSERT(predicate_matches(opposite, entity) == !once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *arena = arena_new(0);
    Str text = str_dup(arena, str_of((const char *)data, size));
    const Json *predicate = NULL, *issues;
    Json *parsed;
    if (size > 0 && data[0] == '{') {
        if (json_parse(arena, text, NULL, &parsed, NULL) == RC_OK) {
            predicate = shape_check(arena, SHAPE_PREDICATE, parsed, &issues);
            ASSERT(predicate || shape_message(arena, issues).len > 0);
            const Json *again = predicate; /* what is accepted is accepted again, unchanged */
            ASSERT(!predicate ||
                   json_equal(shape_check(arena, SHAPE_PREDICATE, again, &issues), predicate));
        }
    } else if (str_is_utf8(text, NULL) &&
               filter_parse(arena, &text, 1, &predicate, NULL) != RC_OK) {
        predicate = NULL;
    }
    if (predicate && predicate_validate(arena, predicate, NULL) == RC_OK) {
        answer(arena, predicate);
    }
    arena_free(arena);
    return 0;
}
