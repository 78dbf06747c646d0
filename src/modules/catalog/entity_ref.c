/* SPDX-License-Identifier: Apache-2.0
 * Entity references: [kind:][namespace/]name, as Backstage's catalog-model reads and writes them.
 */
#include "modules/catalog/entity.h"

Rc entity_ref_parse(Str text, Str default_kind, Str default_namespace, EntityRef *ret, Error *err)
{
    if (text.len == 0) {
        return error_set(err, RC_INVALID, "Entity reference must not be empty");
    }
    size_t colon = str_find_char(text, ':'), slash = str_find_char(text, '/');
    if (slash != SIZE_MAX && colon != SIZE_MAX && slash < colon) {
        colon = SIZE_MAX; /* the colon belongs to the name */
    }
    size_t after_kind = colon == SIZE_MAX ? 0 : colon + 1;
    bool has_namespace = slash != SIZE_MAX;
    EntityRef ref = {
        .kind = colon == SIZE_MAX ? default_kind : str_sub(text, 0, colon),
        .namespace_ = has_namespace ? str_sub(text, after_kind, slash) : default_namespace,
        .name = str_from_index(text, has_namespace ? slash + 1 : after_kind),
    };
    if (colon == 0 || (has_namespace && ref.namespace_.len == 0) || ref.name.len == 0) {
        return error_set(
            err, RC_INVALID,
            "Entity reference \"%.*s\" was not on the form [<kind>:][<namespace>/]<name>",
            STR_ARG(text));
    }
    if (ref.namespace_.len == 0) {
        ref.namespace_ = STR("default");
    }
    if (ref.kind.len == 0) {
        return error_set(err, RC_INVALID,
                         "Entity reference \"%.*s\" had missing or empty kind (e.g. did not start "
                         "with \"component:\" or "
                         "similar)",
                         STR_ARG(text));
    }
    *ret = ref;
    return RC_OK;
}

Str entity_ref_str(Arena *arena, EntityRef ref)
{
    Str parts[] = {ref.kind, STR(":"), ref.namespace_, STR("/"), ref.name};
    return str_lower_utf8(arena, str_join(arena, parts, ARRAY_LEN(parts), STR_EMPTY));
}

EntityRef entity_ref_of(const Json *entity)
{
    const Json *metadata = json_get(entity, STR("metadata"));
    Str namespace_ = json_str_at(metadata, "namespace");
    return (EntityRef){
        .kind = json_str_at(entity, "kind"),
        .namespace_ = namespace_.len ? namespace_ : STR("default"),
        .name = json_str_at(metadata, "name"),
    };
}

Str entity_ref_of_str(Arena *arena, const Json *entity)
{
    return entity_ref_str(arena, entity_ref_of(entity));
}
