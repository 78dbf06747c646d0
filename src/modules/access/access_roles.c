/* SPDX-License-Identifier: Apache-2.0
 * The built-in roles (roles.yaml, embedded) and the permissions of the contract. */
#include "base/time.h"
#include "base/vec.h"

#include "access_q_sql.h"
#include "data/yaml.h"
#include "modules/access/access_priv.h"

extern const unsigned char access_roles_data[];
extern const size_t access_roles_len;

bool access_patterns_of(Arena *arena, const Json *list, AccessRole *role)
{
    uint32_t n = json_is(list, JSON_ARRAY) ? list->n : 0;
    role->patterns = ARENA_ARRAY(arena, AccessPattern, n);
    role->n_patterns = n;
    for (uint32_t i = 0; i < n; i++) {
        Str text = str_dup(arena, json_str(list->items[i]));
        if (!access_pattern_parse(text, &role->patterns[i])) {
            return false;
        }
    }
    return true;
}

static Rc refuse(Error *err, const char *what)
{
    return error_set(err, RC_INVALID, "The built-in roles: %s is no list of permissions.", what);
}

Rc access_built_ins(Arena *arena, AccessBuiltIns *ret, Error *err)
{
    Json *doc;
    TRY(yaml_parse(arena, str_of((const char *)access_roles_data, access_roles_len), NULL, &doc,
                   err));
    const Json *roles = json_get_c(doc, "roles");
    if (!access_patterns_of(arena, json_get_c(doc, "everyone"), &ret->everyone)) {
        return refuse(err, "everyone");
    }
    if (!access_patterns_of(arena, json_get_c(doc, "admin_only"), &ret->admin_only)) {
        return refuse(err, "admin_only");
    }
    ret->n = json_is(roles, JSON_ARRAY) ? roles->n : 0;
    ret->roles = ARENA_ARRAY(arena, AccessBuiltIn, ret->n);
    for (size_t i = 0; i < ret->n; i++) {
        const Json *json = roles->items[i];
        const Json *permissions = json_get_c(json, "permissions");
        AccessBuiltIn *b = &ret->roles[i];
        b->role.id = json_str_at(json, "id");
        b->role.name = json_str_at(json, "name");
        b->description = json_str_at(json, "description");
        if (!access_patterns_of(arena, permissions, &b->role)) {
            return refuse(err, str_cstr(arena, b->role.name));
        }
        b->permissions = json_to_str(arena, permissions);
    }
    return RC_OK;
}

/* ---- into the table */

static Rc is_stored(Ctx *cx, const AccessBuiltIn *b, bool *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &access_q_built_in_get, PARAMS(P_STR(b->role.id)), &rows, &cx->error));
    *ret = rows_next(rows) && str_eq(rows_str(rows, 0), b->role.name) &&
           str_eq(rows_str(rows, 1), b->description) && str_eq(rows_str(rows, 2), b->permissions) &&
           rows_i64(rows, 3) == 1;
    return rows_error(rows, &cx->error);
}

Rc access_sync_roles(Ctx *cx)
{
    AccessBuiltIns all;
    bool is_same = true;
    TRY(access_built_ins(cx->arena, &all, &cx->error));
    TRY(ctx_read_primary(cx));
    for (size_t i = 0; i < all.n && is_same; i++) {
        TRY(is_stored(cx, &all.roles[i], &is_same));
    }
    if (is_same) {
        return RC_OK;
    }
    TRY(ctx_begin(cx));
    TRY(access_touch(cx));
    for (size_t i = 0; i < all.n; i++) {
        const AccessBuiltIn *b = &all.roles[i];
        TRY(is_stored(cx, b, &is_same));
        if (!is_same) {
            TRY(tx_exec(cx->tx, &access_q_built_in_put,
                        PARAMS(P_STR(b->role.id), P_I64(time_now_us()), P_STR(b->role.name),
                               P_STR(b->description), P_STR(b->permissions)),
                        NULL, &cx->error));
        }
    }
    return ctx_commit(cx);
}

/* ---- the contract's permissions */

bool access_pattern_is_known(const Contract *contract, AccessPattern pattern)
{
    size_t n;
    const Operation *ops = contract_operations(contract, &n);
    for (size_t i = 0; i < n; i++) {
        if (access_pattern_covers(pattern, (AccessPattern){ops[i].on, ops[i].action})) {
            return true;
        }
    }
    return false;
}

size_t access_permission(const AccessCatalog *catalog, Str resource, Str action)
{
    for (size_t i = 0; i < catalog->n; i++) {
        if (str_eq(catalog->permissions[i].resource, resource) &&
            str_eq(catalog->permissions[i].action, action)) {
            return i;
        }
    }
    return ACCESS_NONE;
}

static Rc fill(AccessCatalog *c, Error *err)
{
    size_t n;
    const Operation *ops = contract_operations(c->platform->contract, &n);
    AccessBuiltIns built_ins = {0};
    TRY(access_built_ins(c->arena, &built_ins, err));
    c->permissions = ARENA_ARRAY(c->arena, AccessPattern, n);
    c->operations = ARENA_ARRAY(c->arena, struct AccessOperation, n);
    for (size_t i = 0; i < n; i++) {
        if (!ops[i].public_ && access_permission(c, ops[i].on, ops[i].action) == ACCESS_NONE) {
            AccessPattern p = {ops[i].on, ops[i].action};
            if (access_role_covers(&built_ins.everyone, p) && c->n < ACCESS_PERMISSIONS_MAX) {
                c->everyone.words[c->n / 64] |= UINT64_C(1) << (c->n % 64);
            }
            c->permissions[c->n++] = p;
        }
    }
    if (c->n > ACCESS_PERMISSIONS_MAX) {
        return error_set(err, RC_LIMIT, "The contract has %zu permissions; at most %d fit.", c->n,
                         ACCESS_PERMISSIONS_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        const RecordType *type =
            ops[i].record ? ops[i].record : records_type(c->platform->records, ops[i].on);
        c->operations[i] = (struct AccessOperation){
            .permission = access_permission(c, ops[i].on, ops[i].action),
            .read = access_permission(c, ops[i].on, STR("read")),
            .type = type,
            .kind = access_place_kind(type),
            .in_environment = access_place_has_environment(type),
            .reads_owned = str_is(ops[i].on, "Entity") && str_is(ops[i].action, "read"),
        };
    }
    return RC_OK;
}

Rc access_catalog_new(const Platform *platform, AccessCatalog **ret, Error *err)
{
    Arena *arena = arena_new(0);
    AccessCatalog *c = ARENA_NEW(arena, AccessCatalog);
    c->arena = arena;
    c->platform = platform;
    Rc rc = fill(c, err);
    if (rc != RC_OK) {
        arena_free(arena);
        return rc;
    }
    *ret = c;
    return RC_OK;
}
