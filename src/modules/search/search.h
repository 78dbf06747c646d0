/* SPDX-License-Identifier: Apache-2.0
 * modules/search/search.h - what a module gives to be found.
 *
 * A module with something to find has a SearchSource in its row (Module.searched). Its documents
 * are indexed soon after the events that it names, many at once, in the transaction that also says
 * how far those events have been read: a crash loses nothing. What the actor may not see is left
 * out by the statements that search. */
#ifndef MODULES_SEARCH_SEARCH_H
#define MODULES_SEARCH_SEARCH_H

#include "base/vec.h"

#include "platform/module.h"

extern const Module search_module;

/* "" is nothing, everywhere. Texts are as people write them; case and accents do not matter. */
typedef struct SearchDocument {
    Str key;            /* unique among the source's, and the subject of its events */
    Str name, title;    /* what it is called */
    const Str *aliases; /* further names: of a person, an address */
    size_t n_aliases;
    Str kind, namespace_, type, lifecycle; /* to filter by */
    Str owner;                             /* as written; owner_ref: in full */
    const Str *tags;
    size_t n_tags;
    Str summary;       /* a description, shown with the hit */
    Str text;          /* all the rest, found last and not kept */
    Str href;          /* path of its page in the portal */
    Str owner_ref, id; /* what decides who sees it: records_owned (platform/records/records.h) */
} SearchDocument;
typedef VEC(SearchDocument) SearchDocuments;

struct SearchSource {
    const char *type;     /* "software-catalog" */
    const char *events;   /* globs of the events whose subjects are keys of documents */
    const char *resource; /* whose permission `read` opens a document: "Entity" */
    /* The documents of these keys, those that are not there left out. In cx's transaction. */
    Rc (*read)(Ctx *cx, const Str *keys, size_t n, SearchDocuments *ret);
    /* The next ones after a key ("": the first), in the order of keys, at most max. */
    Rc (*page)(Ctx *cx, Str after, size_t max, SearchDocuments *ret);
    /* Is much more to come soon, so that a large backlog had better wait? NULL: never. */
    Rc (*is_busy)(Ctx *cx, bool *ret);
};

#endif
