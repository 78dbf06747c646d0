/* SPDX-License-Identifier: Apache-2.0
 * Writing the index. A batch of documents is a fixed number of statements, whatever its size.
 *
 * SQLite keeps the words in a table of its own without their text, from which nothing can be taken
 * out again; so a document that changes gets a new number, and what is left of the old one is never
 * found, since its row is gone. PostgreSQL keeps the words in the row. */
#include "base/map.h"

#include "modules/search/search_priv.h"
#include "search_q_sql.h"

enum { DOCUMENT_COLUMNS = 17, SUMMARY_BYTES = 8192, KEYS_AT_ONCE = 20000 };

/* Statements of slot a, then of slot b. */
#define SLOTS(id, text, text_pg)                                                                   \
    static const Query id[2] = {                                                                   \
        {#id "_a", text("a"), text_pg("a")},                                                       \
        {#id "_b", text("b"), text_pg("b")},                                                       \
    };

#define COLUMNS                                                                                    \
    "n, type, key, label, name, title, alias, kind, namespace, ctype, lifecycle, owner, tags, "    \
    "summary, href, owner_ref, auth_id"
#define VALUES_17 "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17"
#define INSERT(s) "INSERT INTO search_documents_" s " (" COLUMNS ") VALUES (" VALUES_17 ")"
#define INSERT_PG(s)                                                                               \
    "INSERT INTO search_documents_" s " (" COLUMNS ", words) VALUES (" VALUES_17 ", $18)"
SLOTS(search_insert, INSERT, INSERT_PG)

#define REMOVE(s)                                                                                  \
    "DELETE FROM search_documents_" s                                                              \
    " WHERE type = $1 AND key IN (SELECT value FROM json_each($2))"
#define REMOVE_PG(s)                                                                               \
    "DELETE FROM search_documents_" s                                                              \
    " WHERE type = $1 AND key = ANY (ARRAY(SELECT jsonb_array_elements_text($2::jsonb)))"
SLOTS(search_remove, REMOVE, REMOVE_PG)

#define WORDS(s) "INSERT INTO search_words_" s " (rowid, words) VALUES ($1, $2)"
#define GRAMS(s) "INSERT INTO search_grams_" s " (rowid, label) VALUES ($1, $2)"
#define NO_PG(s) NULL
SLOTS(search_words_add, WORDS, NO_PG)
SLOTS(search_grams_add, GRAMS, NO_PG)

#define NEW_TERMS(s)                                                                               \
    "SELECT value FROM json_each($1) WHERE value NOT IN (SELECT term FROM search_terms_" s         \
    " WHERE term IN (SELECT value FROM json_each($1)))"
#define NEW_TERMS_PG(s)                                                                            \
    "SELECT value FROM jsonb_array_elements_text($1::jsonb) value WHERE NOT EXISTS (SELECT 1 "     \
    "FROM search_terms_" s " t WHERE t.term = value)"
SLOTS(search_new_terms, NEW_TERMS, NEW_TERMS_PG)

#define TERM(s) "INSERT INTO search_terms_" s " (term) VALUES ($1) ON CONFLICT DO NOTHING"
#define TYPO(s) "INSERT INTO search_typos_" s " (key, term) VALUES ($1, $2) ON CONFLICT DO NOTHING"
SLOTS(search_term_add, TERM, TERM)
SLOTS(search_typo_add, TYPO, TYPO)

static const char *const clear_sqlite[2][5] = {
    {"DELETE FROM search_documents_a",
     "INSERT INTO search_words_a (search_words_a) VALUES ('delete-all')", "INSERT INTO search_grams_a (search_grams_a) VALUES ('delete-all')",
     "DELETE FROM search_terms_a", "DELETE FROM search_typos_a"},
    {"DELETE FROM search_documents_b",
     "INSERT INTO search_words_b (search_words_b) VALUES ('delete-all')", "INSERT INTO search_grams_b (search_grams_b) VALUES ('delete-all')",
     "DELETE FROM search_terms_b", "DELETE FROM search_typos_b"},
};
static const char *const clear_pg[2] = {
    "TRUNCATE search_documents_a, search_terms_a, search_typos_a",
    "TRUNCATE search_documents_b, search_terms_b, search_typos_b",
};

Str search_slot_name(int slot)
{
    return slot ? STR("b") : STR("a");
}

typedef VEC(Param) Params;

Str search_list(Arena *arena, const Str *list, size_t n)
{
    Buf out = buf_init(arena, SIZE_MAX / 4);
    buf_char(&out, '[');
    for (size_t i = 0; i < n; i++) {
        buf_put(&out, i ? STR(",") : STR_EMPTY);
        buf_json_str(&out, list[i]);
    }
    buf_char(&out, ']');
    return buf_str(&out);
}

/* ---- documents */

/* "1pay 4x", or '1pay':1 '4x':2 as PostgreSQL has it. */
static Str words_text(Arena *arena, const SearchStrs *words, DbKind db)
{
    enum { POSITION_MAX = 16383 };
    Buf out = buf_init(arena, SIZE_MAX / 4);
    buf_reserve(&out, 12 * words->n + 1);
    for (size_t i = 0; i < words->n; i++) {
        if (db == DB_POSTGRES) {
            buf_fmt(&out, "'%.*s':%zu ", STR_ARG(words->at[i]), MIN(i + 1, (size_t)POSITION_MAX));
        } else {
            buf_put(&out, words->at[i]);
            buf_char(&out, ' ');
        }
    }
    return buf_str(&out);
}

/* At most max bytes, cut at a character. */
static Str cut(Str text, size_t max)
{
    size_t bad;
    text = str_sub(text, 0, max);
    return str_is_utf8(text, &bad) ? text : str_sub(text, 0, bad);
}

static void push_document(Params *params, int64_t n, Str type, const SearchDocument *d, Str label)
{
    Arena *arena = params->arena;
    const Param row[DOCUMENT_COLUMNS] = {
        P_I64(n),
        P_STR(type),
        P_STR(d->key),
        P_STR(label.ptr ? label : STR("")),
        P_STR(d->name.ptr ? d->name : STR("")),
        P_STR_OR_NULL(d->title),
        P_STR_OR_NULL(d->n_aliases ? d->aliases[0] : STR_EMPTY),
        P_STR_OR_NULL(d->kind),
        P_STR_OR_NULL(d->namespace_),
        P_STR_OR_NULL(d->type),
        P_STR_OR_NULL(d->lifecycle),
        P_STR_OR_NULL(d->owner),
        P_STR_OR_NULL(str_join(arena, d->tags, d->n_tags, STR(" "))),
        P_STR_OR_NULL(cut(d->summary, SUMMARY_BYTES)),
        P_STR(d->href.ptr ? d->href : STR("")),
        P_STR_OR_NULL(d->owner_ref),
        P_STR_OR_NULL(d->id),
    };
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        VEC_PUSH(params, row[i]);
    }
}

static Rc write_documents(
    Ctx *cx, int slot, Str type, const SearchDocuments *docs, int64_t first_n, Map *spelt)
{
    Arena *a = cx->arena;
    DbKind db = db_kind(cx->platform->db);
    Params rows = {.arena = a}, words = {.arena = a}, grams = {.arena = a};
    for (size_t i = 0; i < docs->n; i++) {
        SearchTokens tokens;
        int64_t n = first_n + (int64_t)i;
        search_tokens(a, type, &docs->at[i], &tokens);
        push_document(&rows, n, type, &docs->at[i], tokens.label);
        Param text = P_STR(words_text(a, &tokens.words, db));
        if (db == DB_POSTGRES) {
            VEC_PUSH(&rows, text);
        } else {
            VEC_PUSH(&words, P_I64(n));
            VEC_PUSH(&words, text);
            VEC_PUSH(&grams, P_I64(n));
            VEC_PUSH(&grams, P_STR(tokens.label));
        }
        for (size_t k = 0; k < tokens.spelt.n; k++) {
            map_put(spelt, tokens.spelt.at[k], spelt);
        }
    }
    size_t columns = DOCUMENT_COLUMNS + (db == DB_POSTGRES ? 1 : 0);
    TRY(tx_exec_many(cx->tx, &search_insert[slot], rows.at, columns, docs->n, &cx->error));
    if (db == DB_POSTGRES) {
        return RC_OK;
    }
    TRY(tx_exec_many(cx->tx, &search_words_add[slot], words.at, 2, docs->n, &cx->error));
    return tx_exec_many(cx->tx, &search_grams_add[slot], grams.at, 2, docs->n, &cx->error);
}

/* ---- words that may be meant */

static Rc find_new(Ctx *cx, int slot, const Map *spelt, SearchStrs *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    SearchStrs all = {.arena = cx->arena};
    *ret = (SearchStrs){.arena = cx->arena};
    for (const MapEntry *e = map_first(spelt); e; e = map_next(spelt, e)) {
        VEC_PUSH(&all, e->key);
    }
    if (all.n == 0) {
        return RC_OK;
    }
    TRY(tx_query(cx->tx, &search_new_terms[slot],
                 PARAMS(P_STR(search_list(cx->arena, all.at, all.n))), &rows, &cx->error));
    while (rows_next(rows)) {
        VEC_PUSH(ret, rows_dup(rows, 0, cx->arena));
    }
    return rows_error(rows, &cx->error);
}

static Rc flush_keys(Ctx *cx, int slot, Params *keys)
{
    Rc rc = keys->n
                ? tx_exec_many(cx->tx, &search_typo_add[slot], keys->at, 2, keys->n / 2, &cx->error)
                : RC_OK;
    keys->n = 0;
    return rc;
}

static Rc write_terms(Ctx *cx, int slot, const Map *spelt)
{
    SearchStrs fresh;
    Params terms = {.arena = cx->arena}, keys = {.arena = cx->arena};
    TRY(find_new(cx, slot, spelt, &fresh));
    for (size_t i = 0; i < fresh.n; i++) {
        SearchKeys of;
        VEC_PUSH(&terms, P_STR(fresh.at[i]));
        search_typo_keys(cx->arena, fresh.at[i], search_letters(fresh.at[i]) >= 7 ? 2 : 1, &of);
        for (size_t k = 0; k < of.n; k++) {
            VEC_PUSH(&keys, P_I64(of.at[k]));
            VEC_PUSH(&keys, P_STR(fresh.at[i]));
        }
        if (keys.n > KEYS_AT_ONCE) {
            TRY(flush_keys(cx, slot, &keys));
        }
    }
    TRY(flush_keys(cx, slot, &keys));
    return terms.n ? tx_exec_many(cx->tx, &search_term_add[slot], terms.at, 1, terms.n, &cx->error)
                   : RC_OK;
}

/* ---- a batch */

Rc search_put(Ctx *cx,
              int slot,
              const SearchSource *source,
              const Str *keys,
              size_t n_keys,
              const SearchDocuments *documents)
{
    Str type = str_from(source->type);
    Map spelt = map_init(cx->arena);
    int64_t removed = 0, next_n;
    ASSERT(tx_is_write(cx->tx));
    if (n_keys > 0) {
        TRY(tx_exec(cx->tx, &search_remove[slot],
                    PARAMS(P_STR(type), P_STR(search_list(cx->arena, keys, n_keys))), &removed,
                    &cx->error));
    }
    TRY(tx_one_i64(cx->tx, &search_q_take_numbers,
                   PARAMS(P_STR(search_slot_name(slot)), P_I64(documents->n), P_I64(removed)),
                   &next_n, &cx->error));
    if (documents->n == 0) {
        return RC_OK;
    }
    TRY(write_documents(cx, slot, type, documents, next_n - (int64_t)documents->n, &spelt));
    return write_terms(cx, slot, &spelt);
}

Rc search_clear(Ctx *cx, int slot, Str builder)
{
    bool pg = db_kind(cx->platform->db) == DB_POSTGRES;
    for (size_t i = 0; i < (pg ? 1 : ARRAY_LEN(clear_sqlite[0])); i++) {
        const char *text = pg ? clear_pg[slot] : clear_sqlite[slot][i];
        TRY(tx_exec_sql(cx->tx, str_from(text), NO_PARAMS, NULL, &cx->error));
    }
    return tx_exec(cx->tx, &search_q_clear_slot,
                   PARAMS(P_STR(search_slot_name(slot)), P_STR_OR_NULL(builder)), NULL, &cx->error);
}
