/* SPDX-License-Identifier: Apache-2.0
 * Tells the followers of a batch (apply.c calls catalog_follow, once per batch). */
#include "modules/catalog/follow.h"

#include "modules/catalog/apply_priv.h"
#include "modules/catalog/catalog_priv.h"

Str followed_text(const FollowedEntity *f, const char *key)
{
    const EntityFields *fields = f->entity ? &f->entity->fields : NULL;
    for (size_t i = 0; fields && i < fields->n; i++) {
        const EntityField *field = &fields->at[i];
        if (str_is(field->key, key)) {
            Str text = field->original.len ? field->original : field->value;
            return str_is(text, ENTITY_FIELD_NULL) ? STR_EMPTY : text;
        }
    }
    return STR_EMPTY;
}

static bool names_kind(const EntityFollower *follower, Str kind)
{
    Str rest = str_from(follower->kinds), name;
    while (str_split(&rest, ' ', &name)) {
        if (str_eq(name, kind)) {
            return true;
        }
    }
    return false;
}

typedef VEC(FollowedEntity) FollowedEntities;
typedef VEC(ApplyEntity *) Origins;

static void
collect(Apply *a, const EntityFollower *follower, FollowedEntities *followed, Origins *origins)
{
    for (size_t i = 0; i < a->batch->n_upserts; i++) {
        ApplyEntity *e = &a->batch->upserts[i];
        if (!e->conflicted && names_kind(follower, e->prepared.kind)) {
            VEC_PUSH(followed, ((FollowedEntity){.ref = e->prepared.ref,
                                                 .kind = e->prepared.kind,
                                                 .location = e->location,
                                                 .is_gone = e->is_orphan,
                                                 .entity = &e->prepared}));
            VEC_PUSH(origins, e);
        }
    }
    for (size_t i = 0; i < a->removed.n; i++) {
        Str ref = a->removed.at[i], kind = str_sub(ref, 0, str_find_char(ref, ':'));
        const Existing *old = map_get(&a->existing, ref);
        if (names_kind(follower, kind)) {
            VEC_PUSH(followed, ((FollowedEntity){.ref = ref,
                                                 .kind = kind,
                                                 .location = old ? old->location : STR_EMPTY,
                                                 .is_gone = true}));
            VEC_PUSH(origins, NULL);
        }
    }
}

Rc catalog_follow(Apply *a)
{
    const Platform *platform = a->cx->platform;
    for (size_t m = 0; !a->batch->unfollowed && m < platform->n_modules; m++) {
        const EntityFollower *follower = platform->modules[m]->follower;
        FollowedEntities followed = {.arena = a->arena};
        Origins origins = {.arena = a->arena};
        if (!follower) {
            continue;
        }
        collect(a, follower, &followed, &origins);
        if (followed.n == 0) {
            continue;
        }
        TRY(follower->follow(a->cx, followed.at, followed.n));
        for (size_t i = 0; i < followed.n; i++) {
            if (origins.at[i]) {
                origins.at[i]->problem = followed.at[i].problem;
            }
        }
    }
    return RC_OK;
}

Rc catalog_follow_orphans(Ctx *cx, const Str *refs, size_t n)
{
    const Platform *platform = cx->platform;
    for (size_t m = 0; m < platform->n_modules; m++) {
        const EntityFollower *follower = platform->modules[m]->follower;
        FollowedEntities gone = {.arena = cx->arena};
        for (size_t i = 0; follower && i < n; i++) {
            Str kind = str_sub(refs[i], 0, str_find_char(refs[i], ':'));
            if (names_kind(follower, kind)) {
                VEC_PUSH(&gone, ((FollowedEntity){.ref = refs[i], .kind = kind, .is_gone = true}));
            }
        }
        TRY(gone.n ? follower->follow(cx, gone.at, gone.n) : RC_OK);
    }
    return RC_OK;
}

/* ---- again */

static Rc reread(Ctx *cx, Rows *rows, FollowedEntity *ret)
{
    Json *entity;
    PreparedEntity *prepared = ARENA_NEW(cx->arena, PreparedEntity);
    Str parts[] = {rows_str(rows, 2), STR("}")};
    Str location = rows_dup(rows, 1, cx->arena);
    TRY(json_parse(cx->arena, str_join(cx->arena, parts, 2, STR_EMPTY), NULL, &entity, &cx->error));
    TRY(entity_prepare(catalog_kinds(cx->platform), entity, location, cx->arena, cx->arena,
                       prepared, &cx->error));
    *ret = (FollowedEntity){
        .ref = prepared->ref, .kind = prepared->kind, .location = location, .entity = prepared};
    return RC_OK;
}

Rc catalog_refollow(Ctx *cx,
                    const Query *query,
                    Str after,
                    size_t max,
                    Rc (*follow)(Ctx *cx, FollowedEntity *entities, size_t n),
                    Str *ret_last,
                    size_t *ret_n)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    FollowedEntity *followed = ARENA_ARRAY(cx->arena, FollowedEntity, max);
    size_t n = 0;
    TRY(tx_query(cx->tx, query, PARAMS(P_STR(after), P_I64(max)), &rows, &cx->error));
    while (n < max && rows_next(rows)) {
        TRY(reread(cx, rows, &followed[n]));
        *ret_last = followed[n++].ref;
    }
    TRY(rows_error(rows, &cx->error));
    rows_end(rows);
    rows = NULL;
    *ret_n = n;
    return n ? follow(cx, followed, n) : RC_OK;
}
