/* SPDX-License-Identifier: Apache-2.0
 * The record Service: a Component entity seen through the view `services`.
 *
 * Reading is the records engine's own business. Writing goes through the catalog: what the change
 * says differently is put into the entity as it stands, so that everything a service has no field
 * for stays, and the catalog validates, relates, indexes and remembers it as it does any entity. */
#include "base/time.h"

#include "modules/catalog/catalog.h"
#include "modules/catalog/entity.h"
#include "modules/services/services_priv.h"
#include "services_q_sql.h"

#include <string.h>

#define SOURCE_LOCATION "backstage.io/source-location"

/* ---- refs */

Str ids_json(Arena *arena, const Str *ids, size_t n)
{
    Json *list = json_array(arena);
    for (size_t i = 0; i < n; i++) {
        json_push(arena, list, json_string(arena, ids[i]));
    }
    return json_to_str(arena, list);
}

Rc service_ref(Ctx *cx, Str id, Str *ret_id, Str *ret_ref)
{
    Str lower = str_lower(cx->arena, id);
    Rc rc = tx_one_str(cx->tx, &services_q_ref_by_id, PARAMS(P_STR(lower)), cx->arena, ret_ref,
                       &cx->error);
    if (rc == RC_NOT_FOUND) {
        return fail(cx, RC_NOT_FOUND, "There is no service with the id \"%.*s\".",
                    STR_ARG(str_sub(id, 0, 64)));
    }
    *ret_id = lower;
    return rc;
}

/* In full, or as it stands when it cannot be read: the catalog then says why. */
static Str full_ref(Arena *arena, Str text, const char *default_kind, Str namespace_)
{
    EntityRef ref;
    if (text.len == 0 ||
        entity_ref_parse(text, str_from(default_kind), namespace_, &ref, NULL) != RC_OK) {
        return text;
    }
    return entity_ref_str(arena, ref);
}

static Str owner_of(Ctx *cx, const Json *service)
{
    return full_ref(cx->arena, json_str_at(service, "owner"), "group",
                    json_str_at(service, "namespace"));
}

/* ---- prepare */

static bool differs(const Json *before, const Json *after, const char *member)
{
    const Json *a = json_get_c(before, member), *b = json_get_c(after, member);
    return (a == NULL) != (b == NULL) || (a && !json_equal(a, b));
}

/* The team is said by the owner's name: either may be given, and they must not contradict. */
static Rc settle_owner(Ctx *cx, const RecordChange *change)
{
    Json *after = change->after;
    Str team = json_str_at(after, "owner_team_id"), owner;
    bool is_new_owner = json_get_c(after, "owner") && differs(change->before, after, "owner");
    bool is_new_team = team.len && differs(change->before, after, "owner_team_id");
    if (!is_new_team && (json_get_c(after, "owner") || team.len == 0)) {
        return json_get_c(after, "owner")
                   ? RC_OK
                   : fail_field(cx, STR("/owner"),
                                "is required: name the owning group, for instance "
                                "group:default/payments, or give owner_team_id");
    }
    TRY(tx_one_str(cx->tx, &services_q_team_ref, PARAMS(P_STR(str_lower(cx->arena, team))),
                   cx->arena, &owner, &cx->error));
    if (is_new_owner && !str_eq(owner_of(cx, after), owner)) {
        return fail_field(cx, STR("/owner_team_id"), "is the team %.*s, and owner names another",
                          STR_ARG(owner));
    }
    json_set_str(cx->arena, after, "owner", owner);
    return RC_OK;
}

/* The catalog would refuse it too, and not say which field it came from. */
static Rc check_ref(Ctx *cx, const Json *service, const char *field, const char *default_kind)
{
    Str text = json_str_at(service, field);
    EntityRef ref;
    Error err = {0};
    if (text.len == 0 || entity_ref_parse(text, str_from(default_kind),
                                          json_str_at(service, "namespace"), &ref, &err) == RC_OK) {
        return RC_OK;
    }
    return fail_field(cx, str_fmt(cx->arena, "/%s", field), "is no entity reference: %s",
                      err.message);
}

Rc service_prepare(Ctx *cx, RecordChange *change)
{
    if (change->verb == VERB_DELETE) {
        return RC_OK;
    }
    Str name = json_str_at(change->after, "name");
    if (change->before && !str_eq_nocase(name, json_str_at(change->before, "name"))) {
        return fail_field(cx, STR("/name"), "can be set only when the service is created");
    }
    TRY(check_ref(cx, change->after, "owner", "group"));
    TRY(check_ref(cx, change->after, "system", "system"));
    return settle_owner(cx, change);
}

Rc service_lock(Ctx *cx)
{
    int64_t version;
    return tx_one_i64(cx->tx, &services_q_lock_catalog, NO_PARAMS, &version, &cx->error);
}

/* ---- the entity */

typedef struct Mapping {
    const char *field;         /* of the record */
    const char *root, *member; /* of the entity */
    const char *default_kind;  /* of a reference */
} Mapping;

static const Mapping mappings[] = {
    {"name",           "metadata", "name",        NULL    },
    {"namespace",      "metadata", "namespace",   NULL    },
    {"title",          "metadata", "title",       NULL    },
    {"description",    "metadata", "description", NULL    },
    {"tags",           "metadata", "tags",        NULL    },
    {"type",           "spec",     "type",        NULL    },
    {"lifecycle",      "spec",     "lifecycle",   NULL    },
    {"owner",          "spec",     "owner",       "group" },
    {"system",         "spec",     "system",      "system"},
    {"repository_url", "metadata", "annotations", NULL    },
};

static void put_repository(Ctx *cx, Json *entity, const Json *value)
{
    Json *annotations = json_member_object(
        cx->arena, json_member_object(cx->arena, entity, "metadata"), "annotations");
    if (value) {
        json_set_str(cx->arena, annotations, SOURCE_LOCATION,
                     str_fmt(cx->arena, "url:%.*s", STR_ARG(json_str(value))));
    } else {
        json_remove(annotations, STR(SOURCE_LOCATION));
    }
}

/* Says the same in other words? "payments" and "group:default/payments" do. */
static bool means_the_same(Ctx *cx, const Mapping *m, const RecordChange *change)
{
    Str space = json_str_at(change->after, "namespace");
    return m->default_kind &&
           str_eq(full_ref(cx->arena, json_str_at(change->after, m->field), m->default_kind, space),
                  json_str_at(change->before, m->field));
}

static void put_fields(Ctx *cx, const RecordChange *change, Json *entity)
{
    for (size_t i = 0; i < ARRAY_LEN(mappings); i++) {
        const Mapping *m = &mappings[i];
        Json *value = json_get_c(change->after, m->field);
        bool is_name = change->before && (str_is(str_from(m->field), "name") ||
                                          str_is(str_from(m->field), "namespace"));
        if (is_name || !differs(change->before, change->after, m->field) ||
            (change->before && means_the_same(cx, m, change))) {
            continue;
        }
        if (strcmp(m->field, "repository_url") == 0) {
            put_repository(cx, entity, value);
        } else if (value) {
            json_set_c(cx->arena, json_member_object(cx->arena, entity, m->root), m->member, value);
        } else {
            json_remove(json_member_object(cx->arena, entity, m->root), str_from(m->member));
        }
    }
}

/* Errors of the catalog speak of the entity; the client sent a service. */
static void name_fields(Ctx *cx)
{
    for (unsigned i = 0; i < cx->error.n_fields; i++) {
        FieldError *error = &cx->error.fields[i];
        for (size_t m = 0; m < ARRAY_LEN(mappings); m++) {
            Str prefix = str_fmt(cx->arena, "/%s/%s", mappings[m].root, mappings[m].member);
            Str pointer = str_dup(cx->arena, str_from(error->pointer));
            if (str_starts(pointer, prefix)) {
                snprintf(error->pointer, sizeof(error->pointer), "/%s%.*s", mappings[m].field,
                         STR_ARG(str_from_index(pointer, prefix.len)));
                break;
            }
        }
    }
}

static Rc write_entity(Ctx *cx, const Json *entity, RecordChange *change)
{
    Uuid id;
    Rc rc = catalog_write(cx, entity, 0, &id);
    if (rc != RC_OK) {
        name_fields(cx);
        return rc;
    }
    change->id = str_dup(cx->arena, uuid_str(&id)); /* the catalog gives entities their ids */
    return RC_OK;
}

static Rc create_entity(Ctx *cx, RecordChange *change)
{
    Json *entity = json_object(cx->arena);
    Str id;
    json_set_str(cx->arena, entity, "apiVersion", STR("backstage.io/v1alpha1"));
    json_set_str(cx->arena, entity, "kind", STR("Component"));
    json_member_object(cx->arena, entity, "metadata");
    json_member_object(cx->arena, entity, "spec");
    put_fields(cx, change, entity);
    Str ref = entity_ref_of_str(cx->arena, entity);
    Rc rc =
        tx_one_str(cx->tx, &services_q_id_by_ref, PARAMS(P_STR(ref)), cx->arena, &id, &cx->error);
    if (rc == RC_OK) {
        error_field(&cx->error, STR("/name"), "is taken");
        return fail(cx, RC_CONFLICT, "There is already a service %.*s.", STR_ARG(ref));
    }
    if (rc != RC_NOT_FOUND) {
        return rc;
    }
    error_clear(&cx->error);
    return write_entity(cx, entity, change);
}

static Rc load_entity(Ctx *cx, Str id, Json **ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &services_q_entity, PARAMS(P_STR(id)), &rows, &cx->error));
    if (!rows_next(rows)) {
        TRY(rows_error(rows, &cx->error));
        return fail(cx, RC_NOT_FOUND, "The service is gone.");
    }
    if (!str_starts(rows_str(rows, 1), STR("api:"))) {
        return fail(cx, RC_CONFLICT,
                    "%.*s is managed by %.*s: change it there, or unregister that location first.",
                    STR_ARG(rows_str(rows, 2)), STR_ARG(rows_str(rows, 1)));
    }
    TRY(json_parse(cx->arena, rows_str(rows, 0), NULL, ret, &cx->error));
    return rows_error(rows, &cx->error);
}

Rc service_store(Ctx *cx, RecordChange *change)
{
    Json *entity;
    if (change->verb == VERB_CREATE) {
        return create_entity(cx, change);
    }
    TRY(load_entity(cx, change->id, &entity));
    if (change->verb == VERB_DELETE) {
        return catalog_delete(cx, change->id);
    }
    put_fields(cx, change, entity);
    return write_entity(cx, entity, change);
}

/* ---- present */

/* The name as written (its column is in lower case, to sort and compare by), and the uptime. */
Rc service_present(Ctx *cx, Json **records, size_t n)
{
    Map by_id = map_init(cx->arena);
    Str *ids = ARENA_ARRAY(cx->arena, Str, n);
    int64_t since = time_now_us() - US_PER_DAY;
    for (size_t i = 0; i < n; i++) {
        ids[i] = json_str_at(records[i], "id");
        map_put(&by_id, ids[i], records[i]);
        json_set_c(cx->arena, records[i], "uptime_24h", json_null(cx->arena));
    }
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(cx->tx, &services_q_present,
                 PARAMS(P_STR(ids_json(cx->arena, ids, n)), P_I64(since - since % US_PER_HOUR)),
                 &rows, &cx->error));
    while (rows_next(rows)) {
        Json *record = map_get(&by_id, rows_str(rows, 0));
        if (!record) {
            continue;
        }
        json_set_str(cx->arena, record, "name", rows_str(rows, 1));
        if (rows_i64(rows, 2) > 0) {
            double share = (double)rows_i64(rows, 3) / (double)rows_i64(rows, 2);
            json_set_c(cx->arena, record, "uptime_24h", json_double(cx->arena, share));
        }
    }
    return rows_error(rows, &cx->error);
}
