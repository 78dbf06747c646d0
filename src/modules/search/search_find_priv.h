/* SPDX-License-Identifier: Apache-2.0
 * search/search_find_priv.h - what the files that find share: one question under way, and the text
 * of a statement with its values. */
#ifndef SEARCH_FIND_PRIV_H
#define SEARCH_FIND_PRIV_H

#include "base/map.h"

#include "modules/search/search_priv.h"

typedef struct SearchFind {
    Ctx *cx;
    SearchQuery *q;
    SearchFound *found;
    DbKind db;
    Map seen; /* numbers */
    const OwnedReach *reach[SEARCH_SOURCES_MAX];
    bool is_restricted;
    Str owner_marks; /* an expression; "" when it would be too long, or everything is seen */
    size_t want;     /* so many hits, and no more */
} SearchFind;

typedef struct SearchSql {
    Buf text;
    VEC(Param) params;
} SearchSql;

/* ---- search_reach.c */
MUST_CHECK Rc search_load_reach(SearchFind *f);
/* " AND (…)" on a row `d`: what the actor may see. */
void search_sql_reach(const SearchFind *f, SearchSql *s);

/* ---- search_sql.c */
SearchSql search_sql(const SearchFind *f);
void search_sql_param(SearchSql *s, const char *before, Str value, const char *after);
void search_sql_columns(const SearchFind *f, SearchSql *s);
/* "… WHERE" and the condition that the words fit. */
void search_sql_match(const SearchFind *f, SearchSql *s, Str expr);
void search_sql_in_label(const SearchFind *f, SearchSql *s, Str word);
void search_sql_limit(SearchSql *s, size_t limit);
/* Adds the rows that no tier before has found. */
MUST_CHECK Rc search_run(SearchFind *f, const SearchSql *s, unsigned tier, bool sorted);

/* ---- search_infix.c */
MUST_CHECK Rc search_run_infix(SearchFind *f, unsigned at);
bool search_has_conditions(const SearchQuery *q);

/* ---- search_lookup.c: other words for those of the question */
void search_look_up_synonyms(SearchFind *f);
MUST_CHECK Rc search_look_up_longer(SearchFind *f);
MUST_CHECK Rc search_look_up_typos(SearchFind *f);

#endif
