/* SPDX-License-Identifier: Apache-2.0
 * Documents, identifiers and references: from a URI to a place in a tree.
 *
 * A document is looked through once for $id, $anchor and $dynamicAnchor, following only keywords
 * that hold subschemas, so that an "$id" inside an enum or an unknown keyword names nothing. A
 * reference to such an unknown place is followed all the same (an OpenAPI document is all unknown
 * keywords); its identifiers are then read from there. Documents of the registry and the built-in
 * metaschemas are read when a reference first names them. Nothing is fetched. */
#include "data/json_schema_priv.h"

typedef struct SchemaAnchor {
    Str name;
    const Json *json;
    SchemaResource *resource;
    const SchemaLoc *loc;
    bool dynamic;
} SchemaAnchor;

static const struct {
    Str uri;
    unsigned bit;
} vocabularies[] = {
    {STR_INIT("https://json-schema.org/draft/2020-12/vocab/core"),              VOCAB_CORE       },
    {STR_INIT("https://json-schema.org/draft/2020-12/vocab/applicator"),        VOCAB_APPLICATOR },
    {STR_INIT("https://json-schema.org/draft/2020-12/vocab/unevaluated"),       VOCAB_UNEVALUATED},
    {STR_INIT("https://json-schema.org/draft/2020-12/vocab/validation"),        VOCAB_VALIDATION },
    {STR_INIT("https://json-schema.org/draft/2020-12/vocab/meta-data"),         VOCAB_META_DATA  },
    {STR_INIT("https://json-schema.org/draft/2020-12/vocab/format-annotation"),
     VOCAB_FORMAT_ANNOTATION                                                                     },
    {STR_INIT("https://json-schema.org/draft/2020-12/vocab/format-assertion"),
     VOCAB_FORMAT_ASSERTION                                                                      },
    {STR_INIT("https://json-schema.org/draft/2020-12/vocab/content"),           VOCAB_CONTENT    },
};

/* ---- maps keyed by the address of a node ---- */

static Str address_key(const Json *const *address)
{
    return str_of((const char *)address, sizeof *address);
}

static void address_put(SchemaCompiler *c, Map *map, const Json *json, void *value)
{
    const Json **key = arena_dup(c->work, &json, sizeof json);
    IGNORE(map_put(map, address_key(key), value));
}

SchemaResource *jschema_resource_of(SchemaCompiler *c, const Json *json, SchemaResource *parent)
{
    SchemaResource *own = map_get(&c->resource_roots, address_key(&json));
    return own ? own : parent;
}

/* ---- dialects ---- */

static bool draft_of_uri(Str uri, SchemaDraft *ret)
{
    if (str_is(uri, "https://json-schema.org/draft/2020-12/schema")) {
        *ret = DRAFT_2020_12;
        return true;
    }
    if (str_is(uri, "http://json-schema.org/draft-07/schema") ||
        str_is(uri, "https://json-schema.org/draft-07/schema")) {
        *ret = DRAFT_07;
        return true;
    }
    return false;
}

static const Json *registered_document(const SchemaCompiler *c, Str uri)
{
    for (size_t i = 0; i < c->options->n_documents; i++) {
        Str fragment;
        if (str_eq(jschema_uri_cut_fragment(c->options->documents[i].uri, &fragment), uri)) {
            return c->options->documents[i].root;
        }
    }
    return NULL;
}

/* A metaschema of the registry: its own dialect, and the vocabularies it lists. */
static Rc dialect_from_metaschema(SchemaCompiler *c,
                                  SchemaResource *resource,
                                  const Json *at,
                                  const Json *metaschema)
{
    Str fragment;
    Str base = jschema_uri_cut_fragment(json_str_at(metaschema, "$schema"), &fragment);
    if (!draft_of_uri(base, &resource->draft)) {
        return jschema_fail(c, resource->loc, at,
                            "names a metaschema that is not written in draft-07 or 2020-12");
    }
    const Json *listed = json_get_c(metaschema, "$vocabulary");
    if (!json_is(listed, JSON_OBJECT)) {
        return RC_OK;
    }
    resource->vocab = VOCAB_CORE;
    for (uint32_t i = 0; i < listed->n; i++) {
        const JsonMember *member = &listed->members[i];
        unsigned bit = 0;
        for (size_t k = 0; k < ARRAY_LEN(vocabularies); k++) {
            bit |= str_eq(vocabularies[k].uri, member->key) ? vocabularies[k].bit : 0;
        }
        if (bit == 0 && json_bool(member->value, false)) {
            return jschema_fail(c, resource->loc, at, "requires the unknown vocabulary %.*s",
                                STR_ARG(member->key));
        }
        resource->vocab |= bit;
    }
    return RC_OK;
}

static Rc resource_set_dialect(SchemaCompiler *c, SchemaResource *resource, SchemaDraft otherwise)
{
    const Json *named = json_get_c(resource->root, "$schema");
    resource->draft = otherwise;
    resource->vocab = VOCAB_DEFAULT;
    if (named == NULL) {
        return RC_OK;
    }
    if (!json_is(named, JSON_STRING)) {
        return jschema_fail(c, resource->loc, named, "\"$schema\" must be a string");
    }
    Str fragment;
    Str uri = jschema_uri_cut_fragment(named->text, &fragment);
    if (draft_of_uri(uri, &resource->draft)) {
        return RC_OK;
    }
    const Json *metaschema = registered_document(c, uri);
    if (metaschema == NULL) {
        return jschema_fail(c, resource->loc, named,
                            "\"$schema\" names the unknown dialect %.*s; use "
                            "http://json-schema.org/draft-07/schema# or "
                            "https://json-schema.org/draft/2020-12/schema",
                            STR_ARG(named->text));
    }
    return dialect_from_metaschema(c, resource, named, metaschema);
}

/* ---- looking through a document ---- */

typedef struct Scan {
    const SchemaLoc *loc;
    unsigned depth;
    bool lenient; /* a second document or place that repeats an identifier is ignored */
} Scan;

static Rc scan_schema(SchemaCompiler *c, const Json *json, SchemaResource *resource, Scan at);

static SchemaResource *
resource_new(SchemaCompiler *c, Str uri, const Json *root, const SchemaLoc *loc)
{
    SchemaResource *resource = ARENA_NEW(c->arena, SchemaResource);
    resource->uri = uri;
    resource->root = root;
    resource->loc = loc;
    resource->anchors = map_init(c->work);
    resource->dynamic.arena = c->arena;
    address_put(c, &c->resource_roots, root, resource);
    return resource;
}

static Rc anchor_add(SchemaCompiler *c, SchemaResource *resource, SchemaAnchor anchor, Scan at)
{
    const SchemaAnchor *old = map_get(&resource->anchors, anchor.name);
    if (old != NULL && old->json != anchor.json && !at.lenient) {
        return jschema_fail(c, anchor.loc, anchor.json, "the anchor \"%.*s\" is already taken",
                            STR_ARG(anchor.name));
    }
    if (old == NULL || anchor.dynamic) {
        SchemaAnchor *own = arena_dup(c->arena, &anchor, sizeof anchor);
        IGNORE(map_put(&resource->anchors, own->name, own));
    }
    return RC_OK;
}

/* $id: *resource becomes the new resource, or gains a draft-07 anchor for "#name". */
static Rc scan_id(SchemaCompiler *c, const Json *json, SchemaResource **resource, Scan at)
{
    const Json *id = json_get_c(json, "$id");
    bool draft_07 = (*resource)->draft == DRAFT_07;
    if (id == NULL || (draft_07 && json_get_c(json, "$ref") != NULL)) {
        return RC_OK;
    }
    if (!json_is(id, JSON_STRING)) {
        return jschema_fail(c, at.loc, id, "\"$id\" must be a string");
    }
    Str fragment;
    Str uri = jschema_uri_cut_fragment(id->text, &fragment);
    if (fragment.len > 0 && !draft_07) {
        return jschema_fail(c, at.loc, id, "\"$id\" must have no fragment; use \"$anchor\"");
    }
    if (uri.len > 0 && json != (*resource)->root) {
        SchemaResource *outer = *resource;
        if (uri.len > SCHEMA_MAX_URI_BYTES || c->resource_roots.n_live >= SCHEMA_MAX_RESOURCES) {
            return jschema_fail(c, at.loc, id, "\"$id\" is too long or one of more than %d",
                                SCHEMA_MAX_RESOURCES);
        }
        uri = jschema_uri_resolve(c->arena, outer->uri, uri);
        if (uri.len > SCHEMA_MAX_URI_BYTES) {
            return jschema_fail(c, at.loc, id, "\"$id\" resolves to more than %d bytes",
                                SCHEMA_MAX_URI_BYTES);
        }
        const SchemaResource *old = map_get(&c->resources, uri);
        if (old != NULL && old->root != json && !at.lenient) {
            return jschema_fail(c, at.loc, id, "the \"$id\" %.*s is already taken", STR_ARG(uri));
        }
        *resource = resource_new(c, uri, json, at.loc);
        TRY(resource_set_dialect(c, *resource, outer->draft));
        if (json_get_c(json, "$schema") == NULL) {
            (*resource)->vocab = outer->vocab;
        }
        if (old == NULL) {
            IGNORE(map_put(&c->resources, (*resource)->uri, *resource));
        }
    }
    if (fragment.len > 0) {
        return anchor_add(c, *resource, (SchemaAnchor){fragment, json, *resource, at.loc, false},
                          at);
    }
    return RC_OK;
}

static Rc scan_anchors(SchemaCompiler *c, const Json *json, SchemaResource *resource, Scan at)
{
    static const char *const keywords[] = {"$anchor", "$dynamicAnchor"};
    if (resource->draft == DRAFT_07) {
        return RC_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        const Json *name = json_get_c(json, keywords[i]);
        if (name == NULL) {
            continue;
        }
        if (!json_is(name, JSON_STRING) || name->text.len == 0) {
            return jschema_fail(c, at.loc, name, "\"%s\" must be a non-empty string", keywords[i]);
        }
        TRY(anchor_add(c, resource, (SchemaAnchor){name->text, json, resource, at.loc, i == 1},
                       at));
    }
    return RC_OK;
}

static Rc scan_children(SchemaCompiler *c,
                        const Json *value,
                        const SchemaKeyword *keyword,
                        SchemaResource *resource,
                        Scan at)
{
    Scan below = at;
    below.depth++;
    bool list = value->type == JSON_ARRAY &&
                (keyword->shape == SHAPE_LIST || keyword->shape == SHAPE_ITEMS);
    bool map = value->type == JSON_OBJECT &&
               (keyword->shape == SHAPE_MAP || keyword->shape == SHAPE_DEPENDENCIES);
    if (keyword->shape == SHAPE_SCHEMA ||
        (keyword->shape == SHAPE_ITEMS && value->type == JSON_OBJECT)) {
        below.loc = jschema_loc_below(c->arena, at.loc, keyword->name, NULL);
        return scan_schema(c, value, resource, below);
    }
    for (uint32_t i = 0; (list || map) && i < value->n; i++) {
        Str key = map ? value->members[i].key : str_fmt(c->arena, "%u", (unsigned)i);
        below.loc = jschema_loc_below(c->arena, at.loc, keyword->name, &key);
        TRY(scan_schema(c, map ? value->members[i].value : value->items[i], resource, below));
    }
    return RC_OK;
}

static Rc scan_schema(SchemaCompiler *c, const Json *json, SchemaResource *resource, Scan at)
{
    if (at.depth > SCHEMA_MAX_NESTING) {
        return jschema_fail(c, at.loc, json, "nests deeper than %d levels", SCHEMA_MAX_NESTING);
    }
    if (json->type != JSON_OBJECT || map_has(&c->seen, address_key(&json))) {
        return RC_OK;
    }
    address_put(c, &c->seen, json, c);
    TRY(scan_id(c, json, &resource, at));
    TRY(scan_anchors(c, json, resource, at));
    for (uint32_t i = 0; i < json->n; i++) {
        const SchemaKeyword *keyword = jschema_keyword_find(resource, json->members[i].key);
        if (keyword != NULL && keyword->shape != SHAPE_NONE) {
            TRY(scan_children(c, json->members[i].value, keyword, resource, at));
        }
    }
    return RC_OK;
}

/* ---- documents ---- */

Rc jschema_document_add(
    SchemaCompiler *c, Str uri, const Json *root, Str loc_text, SchemaResource **ret)
{
    SchemaLoc *loc = ARENA_NEW(c->arena, SchemaLoc);
    *loc = (SchemaLoc){.name = loc_text, .raw = true};
    bool lenient = c->resources.n_live > 0; /* beside the main document others take what is left */
    SchemaResource *resource = resource_new(c, uri, root, loc);
    TRY(resource_set_dialect(c, resource, c->draft));
    IGNORE(map_put(&c->resources, resource->uri, resource));
    const Json *id = json_get_c(root, "$id");
    bool is_anchor = json_is(id, JSON_STRING) && str_starts(id->text, STR("#"));
    bool hidden = resource->draft == DRAFT_07 && json_get_c(root, "$ref") != NULL;
    if (json_is(id, JSON_STRING) && !is_anchor && !hidden) { /* known by both names */
        Str fragment;
        if (id->text.len > SCHEMA_MAX_URI_BYTES) {
            return jschema_fail(c, loc, id, "\"$id\" is too long");
        }
        resource->uri =
            jschema_uri_resolve(c->arena, uri, jschema_uri_cut_fragment(id->text, &fragment));
        if (!map_has(&c->resources, resource->uri)) {
            IGNORE(map_put(&c->resources, resource->uri, resource));
        }
    }
    *ret = resource;
    return scan_schema(c, root, resource, (Scan){.loc = loc, .lenient = lenient});
}

static Rc document_load(SchemaCompiler *c, Str uri, const Json *root)
{
    SchemaResource *resource;
    if (map_has(&c->resources, uri)) {
        return RC_OK;
    }
    if (!json_is(root, JSON_OBJECT) && !json_is(root, JSON_BOOL)) {
        return error_set(c->err, RC_INVALID, "Schema document %.*s must be an object or a boolean",
                         STR_ARG(uri));
    }
    return jschema_document_add(c, str_dup(c->arena, uri), root,
                                str_fmt(c->arena, "%.*s#", STR_ARG(uri)), &resource);
}

static Rc resource_find(SchemaCompiler *c, Str uri, SchemaResource **ret)
{
    *ret = map_get(&c->resources, uri);
    if (*ret != NULL) {
        return RC_OK;
    }
    const Json *root = registered_document(c, uri);
    if (root == NULL && str_find(uri, STR("://json-schema.org/")) != SIZE_MAX) {
        if (c->metaschemas == NULL) {
            Str text = str_of((const char *)jschema_metaschemas_data, jschema_metaschemas_len);
            TRY(json_parse(c->arena, text, NULL, &c->metaschemas, c->err));
        }
        root = json_get(c->metaschemas, uri);
    }
    if (root != NULL) {
        TRY(document_load(c, uri, root));
    } else if (!c->all_documents_loaded) { /* the URI may be an $id inside one of them */
        c->all_documents_loaded = true;
        for (size_t i = 0; i < c->options->n_documents; i++) {
            Str fragment;
            TRY(document_load(c, jschema_uri_cut_fragment(c->options->documents[i].uri, &fragment),
                              c->options->documents[i].root));
        }
    }
    *ret = map_get(&c->resources, uri);
    return RC_OK;
}

/* ---- references ---- */

/* One step of a JSON Pointer; *token is unescaped in place of its text in the arena. */
static const Json *pointer_step(SchemaCompiler *c, const Json *json, Str raw)
{
    Str token = raw;
    if (str_find_char(raw, '~') != SIZE_MAX) {
        token = str_replace(c->work, raw, STR("~1"), STR("/"));
        token = str_replace(c->work, token, STR("~0"), STR("~"));
    }
    if (json->type == JSON_OBJECT) {
        return json_get(json, token);
    }
    uint64_t index;
    bool canonical = token.len == 1 || (token.len > 1 && token.ptr[0] != '0');
    if (json->type == JSON_ARRAY && canonical && str_to_u64(token, &index) && index < json->n) {
        return json->items[index];
    }
    return NULL;
}

Rc jschema_pointer_follow(
    SchemaCompiler *c, SchemaResource *resource, Str pointer, SchemaTarget *ret, Error *err)
{
    const SchemaResource *named = resource; /* the pointer may end inside another one */
    const Json *json = resource->root;
    Str rest = pointer;
    Str token;
    if (rest.len > 0 && rest.ptr[0] != '/') {
        return error_set(err, RC_INVALID, "\"%.*s\" is not a JSON Pointer", STR_ARG(pointer));
    }
    rest = str_from_index(rest, 1);
    while (pointer.len > 0 && str_split(&rest, '/', &token)) {
        json = pointer_step(c, json, token);
        if (json == NULL) {
            return error_set(err, RC_INVALID, "nothing is at \"%.*s\"", STR_ARG(pointer));
        }
        resource = jschema_resource_of(c, json, resource);
    }
    const SchemaLoc *loc = resource->loc;
    if (json != resource->root) {
        SchemaLoc *below = ARENA_NEW(c->arena, SchemaLoc);
        *below = (SchemaLoc){.up = named->loc, .name = pointer, .raw = true};
        loc = below;
    }
    *ret = (SchemaTarget){.json = json, .resource = resource, .loc = loc};
    return scan_schema(c, json, resource, (Scan){.loc = loc, .lenient = true});
}

static Rc fragment_follow(
    SchemaCompiler *c, SchemaResource *resource, Str fragment, SchemaTarget *ret, Error *err)
{
    if (fragment.len == 0 || fragment.ptr[0] == '/') {
        return jschema_pointer_follow(c, resource, fragment, ret, err);
    }
    const SchemaAnchor *anchor = map_get(&resource->anchors, fragment);
    if (anchor == NULL) {
        return error_set(err, RC_INVALID, "no anchor is named \"%.*s\"", STR_ARG(fragment));
    }
    *ret = (SchemaTarget){.json = anchor->json,
                          .resource = anchor->resource,
                          .loc = anchor->loc,
                          .dynamic_anchor = anchor->dynamic ? anchor->name : STR_EMPTY};
    return RC_OK;
}

/* The resource that the part of a reference before '#' names; NULL when unknown. */
static Rc ref_resource(SchemaCompiler *c, const SchemaNode *from, Str uri, SchemaResource **ret)
{
    if (uri.len == 0) {
        *ret = from->id.resource;
        return RC_OK;
    }
    Arena *temporary = arena_new(0);
    Rc rc = resource_find(c, jschema_uri_resolve(temporary, from->id.resource->uri, uri), ret);
    arena_free(temporary);
    return rc;
}

Rc jschema_ref_resolve(SchemaCompiler *c,
                       const SchemaNode *from,
                       const Json *ref,
                       SchemaTarget *ret)
{
    Str encoded;
    SchemaResource *resource = NULL;
    Error why = {0};
    Str uri = jschema_uri_cut_fragment(ref->text, &encoded);
    Str shown = str_sub(ref->text, 0, 100);
    Buf fragment = buf_init(c->arena, SCHEMA_MAX_URI_BYTES);
    if (ref->text.len > SCHEMA_MAX_URI_BYTES || !buf_unurl(&fragment, encoded, false)) {
        return jschema_fail(c, from->loc, ref,
                            "\"%.*s\" \"%.*s\" is not a URI reference of up to %d bytes",
                            STR_ARG(c->keyword), STR_ARG(shown), SCHEMA_MAX_URI_BYTES);
    }
    TRY(ref_resource(c, from, uri, &resource));
    if (resource == NULL) {
        return jschema_fail(c, from->loc, ref,
                            "\"%.*s\" \"%.*s\" leads to a document that is not known here; "
                            "nothing is fetched",
                            STR_ARG(c->keyword), STR_ARG(shown));
    }
    if (fragment_follow(c, resource, buf_str(&fragment), ret, &why) != RC_OK) {
        if (why.code == RC_OK) {
            return RC_INVALID; /* the place is there but is no schema: c->err says so */
        }
        return jschema_fail(c, from->loc, ref, "\"%.*s\" \"%.*s\" leads nowhere: %s",
                            STR_ARG(c->keyword), STR_ARG(shown), why.message);
    }
    return RC_OK;
}

/* Anchors are never removed, so those not seen yet are at the end of the map. */
static Rc resource_link(SchemaCompiler *c, SchemaResource *resource)
{
    for (; resource->entered && resource->n_linked < resource->anchors.n; resource->n_linked++) {
        const SchemaAnchor *anchor = resource->anchors.entries[resource->n_linked].value;
        if (anchor->dynamic) {
            SchemaTarget target = {anchor->json, anchor->resource, anchor->loc, STR_EMPTY};
            SchemaDynamicAnchor dynamic = {.name = anchor->name};
            TRY(jschema_node_of(c, &target, &dynamic.node));
            VEC_PUSH(&resource->dynamic, dynamic);
        }
    }
    return RC_OK;
}

Rc jschema_dynamic_anchors_link(SchemaCompiler *c)
{
    for (MapEntry *e = map_first(&c->resource_roots); e; e = map_next(&c->resource_roots, e)) {
        TRY(resource_link(c, e->value));
    }
    return RC_OK;
}
