/* SPDX-License-Identifier: Apache-2.0
 * From a question to hits. Ways of matching are tried one after the other, the best first, each as
 * a statement that ends when it has enough; a document belongs to the first tier that finds it. So
 * the work is bounded for words that half of the index has, and what is called exactly as asked is
 * never lost among them.
 *
 * Within a tier the first SEARCH_BASE rows are put in order (short names first, kinds that people
 * look for before those that they do not), the others follow as they come: a page further on sees
 * the same order. */
#include "base/map.h"

#include "modules/search/search_priv.h"
#include "search_q_sql.h"

#include <stdlib.h>

enum { INFIX_MIN = 3 };

typedef enum TierKind { TIER_EXACT, TIER_BEGIN, TIER_WORDS, TIER_INFIX, TIER_LIST } TierKind;
typedef struct Tier {
    TierKind kind;
    SearchPlaces places;
    double score;
    bool if_none; /* only when nothing was found before */
} Tier;

/* clang-format off */
#define P(w, s, t, l) {.words = (w), .synonyms = (s), .typos = (t), .longer = (l)}
static const Tier tiers[] = {
    {.kind = TIER_EXACT, .places = P("", "", "", ""), .score = 1},
    {.kind = TIER_BEGIN, .places = P("", "", "", ""), .score = 0.9},
    {.kind = TIER_WORDS, .places = P("1", "", "", ""), .score = 0.8},
    {.kind = TIER_WORDS, .places = P("126", "", "", ""), .score = 0.7},
    {.kind = TIER_WORDS, .places = P("126", "1", "", ""), .score = 0.65},
    {.kind = TIER_INFIX, .places = P("", "", "", ""), .score = 0.6},
    {.kind = TIER_WORDS, .places = P("1263", "13", "", "13"), .score = 0.5},
    {.kind = TIER_WORDS, .places = P("1263", "13", "13", "13"), .score = 0.4},
    {.kind = TIER_WORDS, .places = P("12634", "134", "13", "134"), .score = 0.3},
    {.kind = TIER_WORDS, .places = P("126345", "1345", "1345", "1345"), .score = 0.2},
    {.kind = TIER_WORDS,
     .places = {.words = "126345", .synonyms = "1345", .typos = "13", .longer = "", .any_term = true},
     .score = 0.1,
     .if_none = true},
};
/* clang-format on */
static const Tier list_tier = {.kind = TIER_LIST, .places = P("", "", "", ""), .score = 0};
enum { FIRST_WITH_SYNONYMS = 4, FIRST_WITH_LONGER = 6, FIRST_WITH_TYPOS = 7 };

typedef struct Find {
    Ctx *cx;
    SearchQuery *q;
    SearchFound *found;
    DbKind db;
    Map seen; /* numbers */
    const OwnedReach *reach[SEARCH_SOURCES_MAX];
    bool is_restricted;
    Str owner_marks; /* an expression; "" when it would be too long, or everything is seen */
    size_t want;
} Find;

typedef struct Sql {
    Buf text;
    VEC(Param) params;
} Sql;

/* ---- who sees what */

static void put_list(const Find *f, Sql *s, const char *column, Str list)
{
    VEC_PUSH(&s->params, P_STR(list));
    buf_fmt(&s->text,
            f->db == DB_POSTGRES ? "%s IN (SELECT jsonb_array_elements_text($%zu::jsonb))"
                                 : "%s IN (SELECT value FROM json_each($%zu))",
            column, s->params.n);
}

static void put_either(const Find *f, Sql *s, Str owners, Str ids)
{
    if (owners.len > 0) {
        put_list(f, s, "d.owner_ref", owners);
    }
    if (ids.len > 0) {
        buf_put(&s->text, owners.len ? STR(" OR ") : STR_EMPTY);
        put_list(f, s, "d.auth_id", ids);
    }
    if (owners.len == 0 && ids.len == 0) {
        buf_lit(&s->text, "1 = 0");
    }
}

static void put_part(const Find *f, Sql *s, const OwnedPart *p)
{
    if (!p->is_all) {
        buf_lit(&s->text, " AND (");
        put_either(f, s, p->owners, p->ids);
        buf_lit(&s->text, ")");
    }
    if (p->no_owners.len > 0 || p->no_ids.len > 0) { /* NULL, nobody's, is not "no" */
        buf_lit(&s->text, " AND NOT COALESCE(");
        put_either(f, s, p->no_owners, p->no_ids);
        buf_lit(&s->text, ", FALSE)");
    }
}

/* " AND (…)" on a row `d`. */
static void put_reach(const Find *f, Sql *s)
{
    const SearchQuery *q = f->q;
    for (size_t i = 0; f->is_restricted && i < q->n_sources; i++) {
        buf_put(&s->text, i == 0 ? STR(" AND (") : STR(" OR "));
        VEC_PUSH(&s->params, P_CSTR(q->sources[i]->type));
        buf_fmt(&s->text, "(d.type = $%zu", s->params.n);
        for (size_t k = 0; f->reach[i] && k < f->reach[i]->n_parts; k++) {
            put_part(f, s, &f->reach[i]->parts[k]);
        }
        buf_lit(&s->text, ")");
    }
    buf_put(&s->text, f->is_restricted ? STR(")") : STR_EMPTY);
}

/* What a few owners have is found by their marks, however many documents there are. */
static Str owner_marks_of(Find *f)
{
    enum { OWNERS_MAX = 64 };
    const OwnedReach *reach = f->q->n_sources == 1 ? f->reach[0] : NULL;
    SearchStrs marks = {.arena = f->cx->arena};
    if (!reach || reach->parts[0].is_all || reach->parts[0].ids.len > 0 ||
        !reach->parts[0].sets[0] || reach->parts[0].sets[0]->n_live > OWNERS_MAX) {
        return STR_EMPTY;
    }
    for (const MapEntry *e = map_first(reach->parts[0].sets[0]); e;
         e = map_next(reach->parts[0].sets[0], e)) {
        VEC_PUSH(&marks, search_mark(f->cx->arena, "owner", e->key));
    }
    SearchExpr out = {.arena = f->cx->arena, .db = f->db, .text = buf_init(f->cx->arena, 64 * KIB)};
    search_expr_any(&out, marks.at, marks.n);
    return buf_str(&out.text);
}

static Rc load_reach(Find *f)
{
    for (size_t i = 0; i < f->q->n_sources; i++) {
        TRY(records_owned(f->cx, str_from(f->q->sources[i]->resource), &f->reach[i]));
        f->is_restricted = f->is_restricted || f->reach[i];
    }
    f->owner_marks = owner_marks_of(f);
    return RC_OK;
}

/* ---- statements */

static Sql sql_new(const Find *f)
{
    return (Sql){.text = buf_init(f->cx->arena, MIB), .params = {.arena = f->cx->arena}};
}

static void put_param(Sql *s, const char *before, Str value, const char *after)
{
    VEC_PUSH(&s->params, P_STR(value));
    buf_fmt(&s->text, "%s$%zu%s", before, s->params.n, after);
}

static void put_columns(const Find *f, Sql *s)
{
    buf_put(&s->text, f->q->wants_facets
                          ? STR("SELECT d.n, d.label, d.kind, d.type, d.ctype, d.owner, "
                                "d.lifecycle, d.tags FROM ")
                          : STR("SELECT d.n, d.label, d.kind FROM "));
}

/* "… WHERE" and the condition that the words fit. */
static void put_match(const Find *f, Sql *s, Str expr)
{
    const char *slot = f->found->slot ? "b" : "a";
    if (f->db == DB_POSTGRES) {
        buf_fmt(&s->text, "search_documents_%s d WHERE d.words @@ ", slot);
        put_param(s, "", expr, "::tsquery");
    } else {
        buf_fmt(&s->text,
                "search_words_%s CROSS JOIN search_documents_%s d ON d.n = search_words_%s.rowid "
                "WHERE search_words_%s MATCH ",
                slot, slot, slot, slot);
        put_param(s, "", expr, "");
    }
}

static void put_limit(Sql *s, size_t limit)
{
    VEC_PUSH(&s->params, P_I64(limit));
    buf_fmt(&s->text, " LIMIT $%zu", s->params.n);
}

static int kind_weight(Str kind)
{
    static const struct {
        const char *kind;
        int weight;
    } weights[] = {
        {"component", 0 },
        {"api",       1 },
        {"system",    1 },
        {"resource",  2 },
        {"domain",    2 },
        {"group",     2 },
        {"user",      2 },
        {"template",  4 },
        {"location",  60},
    };
    for (size_t i = 0; i < ARRAY_LEN(weights); i++) {
        if (str_eq_nocase(kind, str_from(weights[i].kind))) {
            return weights[i].weight;
        }
    }
    return 3;
}

static bool has_one(Str label, const SearchStrs *words)
{
    for (size_t i = 0; i < words->n; i++) {
        if (str_find(label, words->at[i]) != SIZE_MAX) {
            return true;
        }
    }
    return false;
}

/* Less is better: words that the name has itself weigh more than its length. */
static int order_of(const SearchQuery *q, Str label, Str kind)
{
    enum { MISSING = 2000, LENGTH_MAX = 1000 };
    Str name = str_sub(label, 0, MIN(str_find_char(label, '\n'), label.len));
    int missing = 0;
    for (size_t i = 0; i < q->terms.n; i++) {
        const SearchTerm *t = &q->terms.at[i];
        bool is_there = t->is_excluded || has_one(label, &t->words) ||
                        has_one(label, &t->synonyms) || has_one(label, &t->typos);
        missing += is_there ? 0 : MISSING;
    }
    return missing + (int)MIN(name.len, (size_t)LENGTH_MAX) + kind_weight(kind);
}

static SearchHit hit_of(const Find *f, Rows *rows, unsigned tier)
{
    Arena *a = f->cx->arena;
    SearchHit hit = {.n = rows_i64(rows, 0),
                     .tier = tier,
                     .label = rows_dup(rows, 1, a),
                     .kind = rows_dup(rows, 2, a)};
    hit.order = order_of(f->q, hit.label, hit.kind);
    if (f->q->wants_facets) {
        hit.source = rows_dup(rows, 3, a);
        hit.type = rows_dup(rows, 4, a);
        hit.owner = rows_dup(rows, 5, a);
        hit.lifecycle = rows_dup(rows, 6, a);
        hit.tags = rows_dup(rows, 7, a);
    }
    return hit;
}

static bool is_new(Find *f, int64_t n)
{
    Str key = str_of((const char *)&n, sizeof n);
    if (map_has(&f->seen, key)) {
        return false;
    }
    map_put(&f->seen, str_dup(f->cx->arena, key), f);
    return true;
}

static int by_order(const void *left, const void *right)
{
    const SearchHit *a = left, *b = right;
    if (a->order != b->order) {
        return a->order < b->order ? -1 : 1;
    }
    int order = str_cmp(a->label, b->label);
    return order ? order : (a->n > b->n) - (a->n < b->n);
}

static Rc run(Find *f, const Sql *s, unsigned tier, bool sorted)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    size_t before = f->found->hits.n;
    TRY(tx_query_sql(f->cx->tx, buf_str(&s->text), s->params.at, s->params.n, &rows,
                     &f->cx->error));
    while (rows_next(rows)) {
        if (is_new(f, rows_i64(rows, 0))) {
            VEC_PUSH(&f->found->hits, hit_of(f, rows, tier));
        }
    }
    TRY(rows_error(rows, &f->cx->error));
    size_t n = MIN(f->found->hits.n - before, f->q->base);
    if (sorted && n > 1) {
        qsort(f->found->hits.at + before, n, sizeof(SearchHit), by_order);
    }
    return RC_OK;
}

/* ---- tiers */

static size_t limit_of(const Find *f)
{
    size_t missing = f->want > f->found->hits.n ? f->want - f->found->hits.n : 0;
    return MAX(missing, f->q->base) + f->found->hits.n;
}

static void put_in_label(const Find *f, Sql *s, Str word)
{
    if (f->db == DB_POSTGRES) { /* a word has no wildcards */
        put_param(s, " AND d.label LIKE '%' || ", word, " || '%'");
    } else {
        put_param(s, " AND instr(d.label, ", word, ") > 0");
    }
}

static Rc run_words(Find *f, unsigned at, const Tier *tier)
{
    SearchExpr e = {.arena = f->cx->arena, .db = f->db, .text = buf_init(f->cx->arena, MIB)};
    const SearchQuery *q = f->q;
    char place = tier->kind == TIER_EXACT ? IN_EXACT : IN_BEGIN;
    bool can_match = true;
    Str token = STR_EMPTY;
    if (tier->kind == TIER_WORDS) {
        can_match = search_expr(&e, q, &tier->places, f->owner_marks);
    } else {
        if (tier->kind != TIER_LIST) {
            Str word = place == IN_BEGIN ? q->joined : q->joined;
            token = str_fmt(f->cx->arena, "%c%.*s", place, STR_ARG(word));
            can_match =
                word.len > 0 && (place == IN_EXACT || search_letters(word) <= SEARCH_BEGIN_MAX);
        }
        can_match = can_match && search_expr_token(&e, q, token, f->owner_marks);
    }
    if (!can_match) {
        return RC_OK;
    }
    Sql s = sql_new(f);
    put_columns(f, &s);
    put_match(f, &s, buf_str(&e.text));
    put_reach(f, &s);
    put_limit(&s, limit_of(f));
    return run(f, &s, at, tier->kind != TIER_LIST);
}

/* ---- parts of words */

static void put_grams(Buf *out, Str word)
{
    size_t n = search_letters(word);
    for (size_t i = 0; i < n; i += INFIX_MIN) { /* few that do not overlap, and the last one */
        size_t from = search_prefix(word, MIN(i, n - INFIX_MIN)).len;
        size_t to = search_prefix(word, MIN(i, n - INFIX_MIN) + INFIX_MIN).len;
        buf_fmt(out, "%s\"%.*s\"", out->len ? " " : "", STR_ARG(str_sub(word, from, to)));
    }
}

static bool can_be_infix(const SearchQuery *q)
{
    size_t n = 0;
    for (size_t i = 0; i < q->terms.n; i++) {
        const SearchTerm *term = &q->terms.at[i];
        if (!term->is_excluded) {
            n++;
            if (term->is_phrase || term->only || search_letters(term->words.at[0]) < INFIX_MIN) {
                return false;
            }
        }
    }
    return n > 0;
}

static bool has_excluded(const SearchQuery *q)
{
    for (size_t i = 0; i < q->terms.n; i++) {
        if (q->terms.at[i].is_excluded) {
            return true;
        }
    }
    return false;
}

static bool has_conditions(const SearchQuery *q)
{
    return q->filters.n > 0 || has_excluded(q) || !q->is_all_sources;
}

static void put_column(Sql *s, const char *field, Str value)
{
    if (str_is(str_from(field), "owner")) { /* as written, in full, or its bare name */
        put_param(s, "(fw_lower(d.owner) = ", value, "");
        put_param(s, " OR d.owner_ref = ", value, "");
        put_param(s, " OR d.owner_ref LIKE '%/' || ", value, ")");
    } else if (str_is(str_from(field), "tag")) {
        put_param(s, "(' ' || fw_lower(d.tags) || ' ') LIKE '% ' || ", value, " || ' %'");
    } else {
        buf_fmt(&s->text, "fw_lower(d.%s)",
                str_is(str_from(field), "type")       ? "ctype"
                : str_is(str_from(field), "location") ? "href"
                                                      : field);
        put_param(s, " = ", value, "");
    }
}

/* The filters on a row `d`, for the tier that does not ask the index of words. */
static void put_filters(const Find *f, Sql *s)
{
    for (size_t i = 0; i < f->q->filters.n; i++) {
        const SearchFilter *filter = &f->q->filters.at[i];
        buf_put(&s->text, filter->is_excluded ? STR(" AND NOT COALESCE(") : STR(" AND ("));
        for (size_t k = 0; k < filter->values.n; k++) {
            buf_put(&s->text, k ? STR(" OR ") : STR_EMPTY);
            put_column(s, filter->field, str_lower_utf8(f->cx->arena, filter->values.at[k]));
        }
        buf_put(&s->text, filter->is_excluded ? STR(", FALSE)") : STR(")"));
    }
    for (size_t i = 0; !f->q->is_all_sources && i < f->q->n_sources; i++) {
        put_param(s, i ? ", " : " AND d.type IN (", str_from(f->q->sources[i]->type), "");
    }
    buf_put(&s->text, f->q->is_all_sources ? STR_EMPTY : STR(")"));
}

static void put_infix_terms(const Find *f, Sql *s)
{
    for (size_t i = 0; i < f->q->terms.n; i++) {
        const SearchTerm *term = &f->q->terms.at[i];
        if (!term->is_excluded) {
            put_in_label(f, s, term->words.at[0]);
        }
    }
}

static Rc run_infix(Find *f, unsigned at)
{
    const char *slot = f->found->slot ? "b" : "a";
    Buf grams = buf_init(f->cx->arena, 64 * KIB);
    Sql s = sql_new(f);
    if (!can_be_infix(f->q) || has_excluded(f->q)) {
        return RC_OK;
    }
    for (size_t i = 0; i < f->q->terms.n; i++) {
        if (!f->q->terms.at[i].is_excluded) {
            put_grams(&grams, f->q->terms.at[i].words.at[0]);
        }
    }
    put_columns(f, &s);
    if (f->db == DB_POSTGRES) {
        buf_fmt(&s.text, "search_documents_%s d WHERE 1 = 1", slot);
    } else {
        buf_fmt(&s.text,
                "search_grams_%s CROSS JOIN search_documents_%s d ON d.n = search_grams_%s.rowid "
                "WHERE search_grams_%s MATCH ",
                slot, slot, slot, slot);
        put_param(&s, "", buf_str(&grams), "");
    }
    put_infix_terms(f, &s);
    put_filters(f, &s);
    put_reach(f, &s);
    put_limit(&s, f->found->hits.n + f->q->base);
    return run(f, &s, at, true);
}

/* ---- words that may be meant */

static SearchTerm *last_term(SearchQuery *q)
{
    for (size_t i = q->terms.n; i > 0; i--) {
        if (!q->terms.at[i - 1].is_excluded) {
            return q->terms.at[i - 1].is_phrase ? NULL : &q->terms.at[i - 1];
        }
    }
    return NULL;
}

/* Known words that begin like the last one, which may not be typed to its end yet. */
static Rc look_up_longer(Find *f)
{
    enum { LONGER_MIN = 3, LONGER_MAX = 12 };
    SearchTerm *term = last_term(f->q);
    if (!term || search_letters(term->words.at[0]) < LONGER_MIN) {
        return RC_OK;
    }
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Str word = term->words.at[0];
    Str end = str_fmt(f->cx->arena, "%.*s\xf4\x8f\xbf\xbf", STR_ARG(word));
    Sql s = sql_new(f);
    buf_fmt(&s.text, "SELECT term FROM search_terms_%s", f->found->slot ? "b" : "a");
    put_param(&s, " WHERE term > ", word, "");
    put_param(&s, " AND term < ", end, " ORDER BY term");
    put_limit(&s, LONGER_MAX);
    TRY(tx_query_sql(f->cx->tx, buf_str(&s.text), s.params.at, s.params.n, &rows, &f->cx->error));
    while (rows_next(rows)) {
        VEC_PUSH(&term->longer, rows_dup(rows, 0, f->cx->arena));
    }
    return rows_error(rows, &f->cx->error);
}

static Str keys_json(Find *f)
{
    Buf out = buf_init(f->cx->arena, 64 * KIB);
    for (size_t i = 0; i < f->q->terms.n; i++) {
        const SearchTerm *term = &f->q->terms.at[i];
        unsigned distance = term->is_phrase ? 0 : search_tolerance(term->words.at[0]);
        SearchKeys keys;
        if (term->is_excluded || distance == 0) {
            continue;
        }
        search_typo_keys(f->cx->arena, term->words.at[0], distance, &keys);
        for (size_t k = 0; k < keys.n; k++) {
            buf_fmt(&out, "%s%lld", out.len ? "," : "[", (long long)keys.at[k]);
        }
    }
    buf_put(&out, out.len ? STR("]") : STR_EMPTY);
    return buf_str(&out);
}

/* Those nearest to the word; words that are near it with fewer errors hide the others. */
static void add_typo(SearchTerm *term, Str candidate, unsigned *nearest)
{
    enum { TYPOS_MAX = 8 };
    Str word = term->words.at[0];
    unsigned most = search_tolerance(word);
    unsigned distance = most ? search_distance(word, candidate, most) : 1;
    if (most == 0 || distance == 0 || distance > MIN(most, *nearest)) {
        return;
    }
    if (distance < *nearest) {
        *nearest = distance;
        term->typos.n = 0;
    }
    if (term->typos.n < TYPOS_MAX) {
        VEC_PUSH(&term->typos, candidate);
    }
}

static Rc look_up_typos(Find *f)
{
    enum { CANDIDATES_MAX = 1000 };
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Str keys = keys_json(f);
    unsigned nearest[SEARCH_TERMS_MAX];
    Sql s = sql_new(f);
    if (keys.len == 0) {
        return RC_OK;
    }
    for (size_t i = 0; i < SEARCH_TERMS_MAX; i++) {
        nearest[i] = UINT32_MAX;
    }
    buf_fmt(&s.text, "SELECT DISTINCT term FROM search_typos_%s", f->found->slot ? "b" : "a");
    put_param(&s,
              f->db == DB_POSTGRES ? " WHERE key = ANY (ARRAY(SELECT jsonb_array_elements_text("
                                   : " WHERE key IN (SELECT value FROM json_each(",
              keys, f->db == DB_POSTGRES ? "::jsonb)::bigint))" : "))");
    put_limit(&s, CANDIDATES_MAX);
    TRY(tx_query_sql(f->cx->tx, buf_str(&s.text), s.params.at, s.params.n, &rows, &f->cx->error));
    while (rows_next(rows)) {
        Str candidate = rows_dup(rows, 0, f->cx->arena);
        for (size_t i = 0; i < f->q->terms.n; i++) {
            SearchTerm *term = &f->q->terms.at[i];
            if (!term->is_phrase && !term->is_excluded) {
                add_typo(term, candidate, &nearest[i]);
            }
        }
    }
    return rows_error(rows, &f->cx->error);
}

static void add_synonyms(Find *f)
{
    for (size_t i = 0; i < f->q->terms.n; i++) {
        SearchTerm *term = &f->q->terms.at[i];
        if (!term->is_phrase && !term->is_excluded) {
            search_synonyms(term->words.at[0], &term->synonyms);
        }
    }
}

/* ---- all of it */

static bool has_terms(const SearchQuery *q)
{
    for (size_t i = 0; i < q->terms.n; i++) {
        if (!q->terms.at[i].is_excluded) {
            return true;
        }
    }
    return false;
}

static bool has_any(const SearchQuery *q, bool typos)
{
    for (size_t i = 0; i < q->terms.n; i++) {
        if ((typos ? q->terms.at[i].typos.n : q->terms.at[i].synonyms.n) > 0) {
            return true;
        }
    }
    return false;
}

/* Would it find what the tier before has found? */
static bool is_same_again(const Find *f, unsigned at)
{
    return (at == FIRST_WITH_SYNONYMS && !has_any(f->q, false)) ||
           (at == FIRST_WITH_TYPOS && !has_any(f->q, true)) ||
           (tiers[at].if_none && f->found->hits.n > 0);
}

static Rc run_tiers(Find *f)
{
    add_synonyms(f);
    for (unsigned i = 0; i < ARRAY_LEN(tiers) && f->found->hits.n < f->want; i++) {
        if (i == FIRST_WITH_LONGER) {
            TRY(look_up_longer(f));
        }
        if (i == FIRST_WITH_TYPOS) {
            TRY(look_up_typos(f));
        }
        if (!is_same_again(f, i)) {
            TRY(tiers[i].kind == TIER_INFIX ? run_infix(f, i) : run_words(f, i, &tiers[i]));
        }
    }
    f->found->total = (int64_t)f->found->hits.n;
    f->found->is_exact = f->found->hits.n < f->want;
    return RC_OK;
}

static Rc run_list(Find *f, const SearchState *state)
{
    TRY(run_words(f, ARRAY_LEN(tiers), &list_tier));
    f->found->total = (int64_t)f->found->hits.n;
    f->found->is_exact = f->found->hits.n < f->want;
    if (!f->found->is_exact && !f->is_restricted && !has_conditions(f->q)) {
        f->found->total = MAX(state->documents, f->found->total);
        f->found->is_exact = true;
    }
    return RC_OK;
}

Rc search_find(Ctx *cx, SearchQuery *q, SearchFound *ret)
{
    SearchState state;
    Find f = {.cx = cx,
              .q = q,
              .found = ret,
              .db = db_kind(cx->platform->db),
              .seen = map_init(cx->arena)};
    *ret = (SearchFound){.hits = {.arena = cx->arena}, .is_exact = true};
    q->base = q->wants_total ? SEARCH_WINDOW : SEARCH_BASE;
    f.want = MAX(q->wants_total ? (size_t)SEARCH_WINDOW : 0, (size_t)(q->offset + q->limit + 1));
    if (q->is_nothing || q->n_sources == 0) {
        return RC_OK;
    }
    TRY(load_reach(&f));
    TRY(ctx_read(cx));
    TRY(search_state(cx, false, &state));
    ret->slot = state.slot;
    return has_terms(q) ? run_tiers(&f) : run_list(&f, &state);
}

double search_score(const SearchHit *hit)
{
    return hit->tier < ARRAY_LEN(tiers) ? tiers[hit->tier].score : 0;
}

/* ---- what a page shows */

static Str numbers_json(Arena *arena, const SearchFound *found, size_t from, size_t n)
{
    Buf out = buf_init(arena, SIZE_MAX / 4);
    buf_char(&out, '[');
    for (size_t i = 0; i < n; i++) {
        buf_fmt(&out, "%s%lld", i ? "," : "", (long long)found->hits.at[from + i].n);
    }
    buf_char(&out, ']');
    return buf_str(&out);
}

static SearchRow row_of(Rows *rows, Arena *a)
{
    return (SearchRow){
        .type = rows_dup(rows, 1, a),
        .key = rows_dup(rows, 2, a),
        .name = rows_dup(rows, 3, a),
        .title = rows_dup(rows, 4, a),
        .alias = rows_dup(rows, 5, a),
        .kind = rows_dup(rows, 6, a),
        .namespace_ = rows_dup(rows, 7, a),
        .ctype = rows_dup(rows, 8, a),
        .lifecycle = rows_dup(rows, 9, a),
        .owner = rows_dup(rows, 10, a),
        .tags = rows_dup(rows, 11, a),
        .summary = rows_dup(rows, 12, a),
        .href = rows_dup(rows, 13, a),
    };
}

Rc search_rows(Ctx *cx, const SearchFound *found, size_t from, size_t n, SearchRow **ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    bool pg = db_kind(cx->platform->db) == DB_POSTGRES;
    *ret = ARENA_ARRAY(cx->arena, SearchRow, n);
    if (n == 0) {
        return RC_OK;
    }
    Str sql = str_fmt(cx->arena,
                      "SELECT n, type, key, name, title, alias, kind, namespace, ctype, lifecycle, "
                      "owner, tags, summary, href FROM search_documents_%s WHERE %s",
                      found->slot ? "b" : "a",
                      pg ? "n = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)::bigint))"
                         : "n IN (SELECT value FROM json_each($1))");
    TRY(tx_query_sql(cx->tx, sql, PARAMS(P_STR(numbers_json(cx->arena, found, from, n))), &rows,
                     &cx->error));
    while (rows_next(rows)) {
        for (size_t i = 0; i < n; i++) {
            if (found->hits.at[from + i].n == rows_i64(rows, 0)) {
                (*ret)[i] = row_of(rows, cx->arena);
                break;
            }
        }
    }
    return rows_error(rows, &cx->error);
}
