/* SPDX-License-Identifier: Apache-2.0
 * From a question to hits. Ways of matching are tried one after the other, the best first, each as
 * a statement that ends when it has enough; a document belongs to the first tier that finds it. So
 * the work is bounded for words that half of the index has, and what is called exactly as asked is
 * never lost among them.
 *
 * Within a tier the first SEARCH_BASE rows are put in order (short names first, kinds that people
 * look for before those that they do not), the others follow as they come: a page further on sees
 * the same order. */
#include "modules/search/search_find_priv.h"

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
enum { WHOLE_WORDS = 2, FIRST_WITH_SYNONYMS = 4, FIRST_WITH_LONGER = 6, FIRST_WITH_TYPOS = 7 };

/* ---- tiers */

static size_t limit_of(const SearchFind *f)
{
    size_t missing = f->want > f->found->hits.n ? f->want - f->found->hits.n : 0;
    return MAX(missing, f->q->base) + f->found->hits.n;
}

static Rc run_words(SearchFind *f, unsigned at, const Tier *tier)
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
    SearchSql s = search_sql(f);
    search_sql_columns(f, &s);
    search_sql_match(f, &s, buf_str(&e.text));
    search_sql_reach(f, &s);
    search_sql_limit(&s, limit_of(f));
    return search_run(f, &s, at, tier->kind != TIER_LIST);
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
static bool is_same_again(const SearchFind *f, unsigned at)
{
    return (at == WHOLE_WORDS && f->q->terms.n > 1) || /* costly, and the next has them, too */
           (at == FIRST_WITH_SYNONYMS && !has_any(f->q, false)) ||
           (at == FIRST_WITH_TYPOS && !has_any(f->q, true)) ||
           (tiers[at].if_none && f->found->hits.n > 0);
}

static Rc run_tiers(SearchFind *f)
{
    search_look_up_synonyms(f);
    for (unsigned i = 0; i < ARRAY_LEN(tiers) && f->found->hits.n < f->want; i++) {
        if (i == FIRST_WITH_LONGER) {
            TRY(search_look_up_longer(f));
        }
        if (i == FIRST_WITH_TYPOS) {
            TRY(search_look_up_typos(f));
        }
        if (!is_same_again(f, i)) {
            TRY(tiers[i].kind == TIER_INFIX ? search_run_infix(f, i) : run_words(f, i, &tiers[i]));
        }
    }
    f->found->total = (int64_t)f->found->hits.n;
    f->found->is_exact = f->found->hits.n < f->want;
    return RC_OK;
}

static Rc run_list(SearchFind *f, const SearchState *state)
{
    TRY(run_words(f, ARRAY_LEN(tiers), &list_tier));
    f->found->total = (int64_t)f->found->hits.n;
    f->found->is_exact = f->found->hits.n < f->want;
    if (!f->found->is_exact && !f->is_restricted && !search_has_conditions(f->q)) {
        f->found->total = MAX(state->documents, f->found->total);
        f->found->is_exact = true;
    }
    return RC_OK;
}

Rc search_find(Ctx *cx, SearchQuery *q, SearchFound *ret)
{
    SearchState state;
    SearchFind f = {.cx = cx,
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
    TRY(search_load_reach(&f));
    TRY(ctx_read(cx));
    TRY(search_state(cx, false, &state));
    ret->slot = state.slot;
    return has_terms(q) ? run_tiers(&f) : run_list(&f, &state);
}

double search_score(const SearchHit *hit)
{
    return hit->tier < ARRAY_LEN(tiers) ? tiers[hit->tier].score : 0;
}
