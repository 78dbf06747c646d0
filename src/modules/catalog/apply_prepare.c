/* SPDX-License-Identifier: Apache-2.0
 * From a validated entity to what apply writes: JSON text in two parts (uid and etag go between),
 * index rows, relations. */
#include "base/hash.h"

#include "modules/catalog/apply.h"

#define LIMIT_ENTITY_TEXT (8 * MIB)

static Str spec_text(const Json *entity, const char *name)
{
    return json_str_at(json_get(entity, STR("spec")), name);
}

/* The full ref that a relation of this type leads to, or "". */
static Str relation_target(const PreparedEntity *e, const char *type, const char *kind_prefix)
{
    for (size_t i = 0; i < e->relations.n; i++) {
        const EntityRelation *r = &e->relations.at[i];
        if (str_eq(r->source_ref, e->ref) && str_is(r->type, type) &&
            str_starts(r->target_ref, str_from(kind_prefix))) {
            return r->target_ref;
        }
    }
    return STR_EMPTY;
}

/* Where its code is: the source location's URL, else the project slug of a known host. */
static Str repository(const Json *entity, Arena *arena)
{
    const Json *annotations = json_path(entity, "metadata", "annotations", NULL);
    Str location = json_str_at(annotations, "backstage.io/source-location");
    if (str_starts(location, STR("url:"))) {
        return str_dup(arena, str_from_index(location, 4));
    }
    Str slug = json_str_at(annotations, "github.com/project-slug");
    if (slug.len) {
        return str_fmt(arena, "https://github.com/%.*s", STR_ARG(slug));
    }
    slug = json_str_at(annotations, "gitlab.com/project-slug");
    return slug.len ? str_fmt(arena, "https://gitlab.com/%.*s", STR_ARG(slug)) : STR_EMPTY;
}

static void write_member(Buf *out, const JsonMember *member, bool *first)
{
    if (!*first) {
        buf_char(out, ',');
    }
    *first = false;
    buf_json_str(out, member->key);
    buf_char(out, ':');
    json_write(out, member->value);
}

/* metadata's members but uid and etag, with a namespace, then the other roots; the last brace is
 * left to the tail. */
static void write_rest(Buf *out, const Json *entity)
{
    const Json *metadata = json_get(entity, STR("metadata"));
    bool first = true;
    if (!json_get(metadata, STR("namespace"))) {
        buf_lit(out, "\"namespace\":\"default\"");
        first = false;
    }
    for (size_t i = 0; i < metadata->n; i++) {
        Str key = metadata->members[i].key;
        if (!str_is(key, "uid") && !str_is(key, "etag")) {
            write_member(out, &metadata->members[i], &first);
        }
    }
    buf_char(out, '}');
    for (size_t i = 0; i < entity->n; i++) {
        Str key = entity->members[i].key;
        if (str_is(key, "spec")) {
            first = false;
            write_member(out, &entity->members[i], &first);
        }
    }
}

static Str hash_input(const PreparedEntity *e, Str location, Arena *arena, Arena *scratch)
{
    Str parts[] = {e->head, e->rest, location};
    return sha256_hex(arena, str_join(scratch, parts, ARRAY_LEN(parts), STR("\n")));
}

static Rc copy_rows(const Kinds *kinds,
                    const Json *entity,
                    Arena *arena,
                    Arena *scratch,
                    PreparedEntity *ret,
                    Error *err)
{
    EntityFields fields;
    EntityRelations relations;
    TRY(entity_fields(entity, scratch, &fields, err));
    TRY(entity_relations(kinds, entity, scratch, &relations, err));
    ret->fields = (EntityFields){.arena = arena,
                                 .at = ARENA_ARRAY(arena, EntityField, fields.n),
                                 .n = fields.n,
                                 .cap = fields.n};
    for (size_t i = 0; i < fields.n; i++) {
        const EntityField *f = &fields.at[i];
        bool same = str_eq(f->value, f->original);
        ret->fields.at[i] =
            (EntityField){.key = str_dup(arena, f->key), .value = str_dup(arena, f->value)};
        ret->fields.at[i].original =
            same || !f->original.ptr ? STR_EMPTY : str_dup(arena, f->original);
    }
    ret->relations = (EntityRelations){.arena = arena, .n = relations.n, .cap = relations.n};
    ret->relations.at = ARENA_ARRAY(arena, EntityRelation, relations.n);
    for (size_t i = 0; i < relations.n; i++) {
        const EntityRelation *r = &relations.at[i];
        ret->relations.at[i] = (EntityRelation){
            .source_ref =
                str_eq(r->source_ref, ret->ref) ? ret->ref : str_dup(arena, r->source_ref),
            .type = r->type, /* of the Kinds, which outlive the batch */
            .target_ref =
                str_eq(r->target_ref, ret->ref) ? ret->ref : str_dup(arena, r->target_ref),
        };
    }
    return RC_OK;
}

Rc entity_prepare(const Kinds *kinds,
                  const Json *entity,
                  Str location,
                  Arena *arena,
                  Arena *scratch,
                  PreparedEntity *ret,
                  Error *err)
{
    PreparedEntity e = {.ref = entity_ref_of_str(arena, entity)};
    size_t colon = str_find_char(e.ref, ':'), slash = str_find_char(e.ref, '/');
    e.kind = str_sub(e.ref, 0, colon);
    e.namespace_ = str_sub(e.ref, colon + 1, slash);
    e.name = str_from_index(e.ref, slash + 1);
    TRY(copy_rows(kinds, entity, arena, scratch, &e, err));
    const Json *metadata = json_get(entity, STR("metadata"));
    e.title = str_dup(arena, json_str_at(metadata, "title"));
    e.description = str_dup(arena, json_str_at(metadata, "description"));
    e.type = str_dup(arena, spec_text(entity, "type"));
    e.lifecycle = str_dup(arena, spec_text(entity, "lifecycle"));
    e.owner_ref = relation_target(&e, "ownedBy", "");
    e.system_ref = relation_target(&e, "partOf", "system:");
    e.repository_url = repository(entity, arena);
    Buf head = buf_init(scratch, LIMIT_ENTITY_TEXT), rest = buf_init(scratch, LIMIT_ENTITY_TEXT);
    buf_lit(&head, "{\"apiVersion\":");
    buf_json_str(&head, json_str_at(entity, "apiVersion"));
    buf_lit(&head, ",\"kind\":");
    buf_json_str(&head, json_str_at(entity, "kind"));
    buf_lit(&head, ",\"metadata\":{");
    write_rest(&rest, entity);
    if (!buf_ok(&head) || !buf_ok(&rest)) {
        return error_set(err, RC_LIMIT, "the entity %.*s is larger than %zu MiB", STR_ARG(e.ref),
                         LIMIT_ENTITY_TEXT / MIB);
    }
    e.head = str_dup(arena, buf_str(&head));
    e.rest = str_dup(arena, buf_str(&rest));
    e.input_hash = hash_input(&e, location, arena, scratch);
    *ret = e;
    return RC_OK;
}
