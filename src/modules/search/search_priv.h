/* SPDX-License-Identifier: Apache-2.0
 * search/search_priv.h - what the files of the module share.
 *
 *   search.c            the module's row, sources, status
 *   search_words.c      texts as words; search_fold.c, search_typos.c, search_synonyms.c
 *   search_tokens.c     a document as the words that it is found by
 *   search_index.c      writing documents, one batch in one transaction
 *   search_follow.c     what events changed; the job for long backlogs
 *   search_rebuild.c    all of it anew
 *   search_query.c      what people type, as terms and filters
 *   search_expr.c       terms and filters as an expression of the database's index of words
 *   search_find.c       from a question to hits: tiers of matches, best first; with search_sql.c,
 *                       search_reach.c, search_infix.c, search_lookup.c, search_rows.c
 *   search_mark.c       where a text matches
 *   search_api.c        GET /api/search
 *   search_backstage.c  GET /api/search/query and the task, as Backstage has them */
#ifndef SEARCH_PRIV_H
#define SEARCH_PRIV_H

#include "base/buf.h"

#include "data/json.h"
#include "modules/search/search.h"
#include "modules/search/search_words.h"
#include "platform/contract/contract.h"
#include "platform/ctx.h"
#include "platform/events/events.h"
#include "platform/jobs/jobs.h"
#include "platform/records/records.h"

/* Rises whenever documents are made into words in another way: what is indexed is then rebuilt. */
enum { SEARCH_FORMAT = 1 };

enum {
    SEARCH_TERMS_MAX = 16, /* of one question; the rest does not count */
    SEARCH_FILTERS_MAX = 20,
    SEARCH_VALUES_MAX = 50,   /* of one filter */
    SEARCH_BASE = 200,        /* matches of a tier that are put in order */
    SEARCH_WINDOW = 1000,     /* as many matches are looked at, ranked and counted */
    SEARCH_DEPTH_MAX = 10000, /* as far as one can page */
    SEARCH_BATCH = 1000,      /* documents of one transaction */
};

/* ---- search.c */
/* Other words for a word. */
void search_synonyms(Str word, SearchStrs *ret);
/* The sources of the enabled modules. */
size_t search_sources(const Platform *platform, const SearchSource **ret, size_t max);
enum { SEARCH_SOURCES_MAX = 16 };
const SearchSource *search_source(const Platform *platform, Str type); /* NULL when unknown */
typedef struct SearchState {
    int slot; /* 0: a, 1: b */
    int64_t generation, position, format, built_at, indexed_at, documents, stale;
} SearchState;
/* for_update: other indexers wait until cx's transaction ends. */
MUST_CHECK Rc search_state(Ctx *cx, bool for_update, SearchState *ret);

/* ---- search_tokens.c */

/* A word is stored with one of these before it: where it stands. */
enum {
    IN_EXACT = '0', /* all of a name as one word */
    IN_NAME = '1',  /* a word of a name */
    IN_START = '2', /* how one begins, but the first */
    IN_SIDE = '3',  /* tag, owner, kind, type, lifecycle, namespace */
    IN_SUMMARY = '4',
    IN_TEXT = '5',
    IN_BEGIN = '6', /* how all of a name begins */
};
typedef struct SearchTokens {
    SearchStrs words; /* in order */
    SearchStrs spelt; /* words that may be meant by mistyped ones */
    Str label;
} SearchTokens;
void search_tokens(Arena *arena, Str type, const SearchDocument *d, SearchTokens *ret);
/* What stands for "this field has this value"; both databases take it as a word. */
Str search_mark(Arena *arena, const char *field, Str value);

/* ---- search_index.c */

/* In cx's write transaction: the documents of these keys are those, and no others. */
MUST_CHECK Rc search_put(Ctx *cx,
                         int slot,
                         const SearchSource *source,
                         const Str *keys,
                         size_t n_keys,
                         const SearchDocuments *documents);
/* Empties a slot, in cx's write transaction; builder: who fills it from now on, "" nobody. */
MUST_CHECK Rc search_clear(Ctx *cx, int slot, Str builder);
Str search_slot_name(int slot);
/* ["a","b"] for statements that take a list. */
Str search_list(Arena *arena, const Str *list, size_t n);

/* ---- search_follow.c */
#define SEARCH_INDEX_JOB "search.index"
/* Events after a position that concern the index; a page of them at most is counted. */
MUST_CHECK Rc search_lag(Ctx *cx, int64_t position, int64_t *ret);
int64_t search_position(Str text); /* of an event */
/* Brings what some events after *position changed into a slot, in cx's write transaction. *ret_n is
 * their number: 0 at the end, and then *position is the newest event. */
MUST_CHECK Rc search_put_events(Ctx *cx, int slot, int64_t *position, size_t *ret_n);
Rc search_index_run(Ctx *cx, Job *job);
extern const Subscription search_subscriptions[2];
/* Queues what is to be done at the start. Own transactions. */
MUST_CHECK Rc search_check(Ctx *cx);

/* ---- search_rebuild.c */
extern const JobType search_job_types[4];
extern const JobSchedule search_schedules[1];
/* Queues a rebuild, in cx's write transaction. */
MUST_CHECK Rc search_queue_rebuild(Ctx *cx, Uuid *ret_id);

/* ---- search_query.c */

typedef struct SearchTerm {
    SearchStrs words; /* one; of a phrase, several */
    bool is_phrase, is_excluded;
    const char *only; /* places where it must stand; NULL: as the tier says */
    /* filled in when it is looked up */
    SearchStrs synonyms, typos, longer;
} SearchTerm;
typedef struct SearchFilter {
    const char *field; /* a row of search_fields */
    SearchStrs values; /* as given; one of them */
    bool is_excluded;
} SearchFilter;
typedef struct SearchQuery {
    VEC(SearchTerm) terms;
    VEC(SearchFilter) filters;
    const SearchSource *sources[SEARCH_SOURCES_MAX]; /* whose documents */
    size_t n_sources;
    bool is_all_sources;
    bool is_nothing; /* a filter that no document has: nothing fits */
    Str joined;      /* all that is wanted, as one word */
    int64_t offset, limit;
    bool wants_total;  /* looks at SEARCH_WINDOW matches rather than SEARCH_BASE */
    bool wants_facets; /* hits have what facets count */
    size_t base;       /* set by search_find */
} SearchQuery;
/* NULL-terminated: "kind", "type", "owner", … */
extern const char *const search_fields[];
const char *search_field(Str name); /* NULL: there is no such field */
/* operators: "phrases", -without, field:value; else all is words. */
void search_parse(Arena *arena, Str text, bool operators, SearchQuery *ret);
/* Words that a field must have. */
void search_add_words(SearchQuery *q, Str text, bool in_name);
SearchFilter *search_add_filter(SearchQuery *q, const char *field, Str value, bool is_excluded);

/* ---- search_expr.c */

typedef struct SearchExpr {
    Arena *arena;
    DbKind db;
    Buf text;
} SearchExpr;
/* Where a word may stand and what it may be. */
typedef struct SearchPlaces {
    const char *words;    /* places of the word itself: "126" */
    const char *synonyms; /* "" none; likewise below */
    const char *typos;
    const char *longer;
    bool any_term; /* one of the terms is enough */
} SearchPlaces;
/* False: nothing can match. */
bool search_expr(SearchExpr *e, const SearchQuery *q, const SearchPlaces *places, Str owner_marks);
/* The same with one token instead of the terms; "" for none. */
bool search_expr_token(SearchExpr *e, const SearchQuery *q, Str token, Str owner_marks);
/* "a or b or c" of tokens. */
void search_expr_any(SearchExpr *e, const Str *tokens, size_t n);

/* ---- search_find.c */

typedef struct SearchHit {
    int64_t n;
    unsigned tier;
    int order; /* in its tier */
    Str label, kind, type, owner, lifecycle, tags;
    Str source;
} SearchHit;
typedef struct SearchFound {
    VEC(SearchHit) hits; /* best first */
    int64_t total;
    bool is_exact; /* else there are more */
    int slot;
} SearchFound;
/* Opens a read scope if there is none. Terms of q get their synonyms and corrections. */
MUST_CHECK Rc search_find(Ctx *cx, SearchQuery *q, SearchFound *ret);
double search_score(const SearchHit *hit);

typedef struct SearchRow {
    Str type, key, name, title, alias, kind, namespace_, ctype, lifecycle, owner, tags, summary,
        href;
} SearchRow;
/* Some of the hits, in their order; those that are gone meanwhile have no key. */
MUST_CHECK Rc
search_rows(Ctx *cx, const SearchFound *found, size_t from, size_t n, SearchRow **ret);

/* ---- search_mark.c */

typedef struct SearchSpan {
    size_t from, to;
} SearchSpan;
typedef VEC(SearchSpan) SearchSpans;
/* Places of a text that match, in order, not overlapping. */
void search_spans(Arena *arena, const SearchQuery *q, Str text, SearchSpans *ret);
/* [{"text":"pay","match":true},…] of a text, or of max bytes around the first match. */
Json *search_pieces(Arena *arena, Str text, const SearchSpans *spans, size_t max);

#endif
