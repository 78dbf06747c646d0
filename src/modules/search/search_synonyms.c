/* SPDX-License-Identifier: Apache-2.0
 * Words that mean the same in the trade. */
#include "base/map.h"

#include "modules/search/search_words.h"

struct SearchSynonyms {
    Arena *arena;
    Map groups; /* word -> SearchStrs: the others */
};

enum { GROUPS_MAX = 1000, GROUP_MAX = 20 };

/* Groups are separated by semicolons, words by spaces or commas. */
static const char builtin[] =
    "db database; k8s kubernetes; auth authentication; authz authorization; authn authentication; "
    "repo repository; config configuration; svc service; app application; env environment; "
    "infra infrastructure; msg message; doc documentation docs; dev development; "
    "prod production; spec specification; lib library; mgmt management; admin administration; "
    "ui frontend; fe frontend; deploy deployment; obs observability; notif notification; "
    "perf performance; sec security; pg postgres postgresql; mongo mongodb; es elasticsearch; "
    "mq queue; lb loadbalancer; gw gateway; cert certificate; pwd password; "
    "org organization organisation; dept department; acct account; txn transaction; "
    "cust customer; sso login; signin login; js javascript; ts typescript; py python; golang go; "
    "gha github; gh github; gl gitlab; tf terraform; vm virtualmachine; mail email; img image";

static void link_words(SearchSynonyms *s, Str word, Str other)
{
    SearchStrs *others = map_get(&s->groups, word);
    if (!others) {
        others = ARENA_NEW(s->arena, SearchStrs);
        others->arena = s->arena;
        map_put(&s->groups, word, others);
    }
    if (others->n < GROUP_MAX) {
        VEC_PUSH(others, other);
    }
}

static void add_group(SearchSynonyms *s, Str text)
{
    SearchWords words;
    search_words(s->arena, text, false, GROUP_MAX, &words);
    for (size_t i = 0; i < words.n; i++) {
        for (size_t k = 0; k < words.n; k++) {
            if (i != k) {
                link_words(s, words.at[i].word, words.at[k].word);
            }
        }
    }
}

static void add_groups(SearchSynonyms *s, Str text)
{
    Str part;
    for (size_t n = 0; n < GROUPS_MAX && text.len > 0 && str_split(&text, ';', &part); n++) {
        add_group(s, part);
    }
}

SearchSynonyms *search_synonyms_new(Arena *arena, Str more)
{
    SearchSynonyms *s = ARENA_NEW(arena, SearchSynonyms);
    s->arena = arena;
    s->groups = map_init(arena);
    add_groups(s, str_from(builtin));
    add_groups(s, more);
    return s;
}

void search_synonyms_of(const SearchSynonyms *s, Str word, SearchStrs *ret)
{
    const SearchStrs *others = map_get(&s->groups, word);
    for (size_t i = 0; others && i < others->n; i++) {
        VEC_PUSH(ret, others->at[i]);
    }
}
