/* SPDX-License-Identifier: Apache-2.0
 * Every change of a record: the new state, its checks, hooks, row, audit row and event, in the
 * caller's transaction. The steps come in the same order for all five verbs; what differs is how
 * the new state is made. */
#include "base/time.h"

#include "platform/audit/audit.h"
#include "platform/events/events.h"
#include "platform/records/records_priv.h"

static const char *verb_done(RecordVerb verb)
{
    switch (verb) {
    case VERB_CREATE:
        return "created";
    case VERB_REPLACE:
    case VERB_PATCH:
        return "updated";
    case VERB_DELETE:
        return "deleted";
    case VERB_RESTORE:
        return "restored";
    case VERB_NONE:
    case VERB_LIST:
    case VERB_GET:
    case VERB_HISTORY:
        break;
    }
    ASSERT(false);
}

/* ---- places */

Str record_collection_path(Arena *arena, const RecordSpec *spec, const Json *record)
{
    Buf out = buf_init(arena, 4 * KIB);
    Str rest = spec->type.path, part;
    bool is_first = true;
    while (str_split(&rest, '/', &part)) {
        buf_put(&out, is_first ? STR("") : STR("/"));
        is_first = false;
        if (str_starts(part, STR("{"))) {
            buf_url(&out, json_str(json_get(record, str_sub(part, 1, part.len - 1))));
        } else {
            buf_put(&out, part);
        }
    }
    return buf_str(&out);
}

bool row_fits_path(const RecordSpec *spec, const Row *row, const HttpPair *fixed, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (spec_column(spec, fixed[i].name) &&
            !str_eq(json_str(json_get(row->json, fixed[i].name)), fixed[i].value)) {
            return false;
        }
    }
    return true;
}

/* ---- the row itself */

static Rc run_insert(Ctx *cx, const RecordSpec *spec, const Json *after)
{
    Param params[RECORD_COLUMNS_MAX + COLUMN_DELETED_BY + 2];
    TRY(row_params(cx, spec, after, 1, NULL, params));
    return tx_exec_sql(cx->tx, sql_for(&spec->insert, cx->tx), params, spec->n_columns, NULL,
                       &cx->error);
}

static Rc expect_one(Ctx *cx, Rc rc, int64_t changed)
{
    if (rc == RC_OK &&
        changed != 1) { /* the row was locked: only an outsider's write can do this */
        return fail(cx, RC_BUSY,
                    "The record was changed by someone else at the same moment; try again.");
    }
    return rc;
}

static Rc run_update(Ctx *cx, const RecordSpec *spec, const Row *before, const Json *after)
{
    Param params[RECORD_COLUMNS_MAX + COLUMN_DELETED_BY + 2];
    int64_t changed = 0;
    TRY(row_params(cx, spec, after, before->revision + 1, before, params));
    params[spec->n_columns] = P_I64(before->revision);
    Rc rc = tx_exec_sql(cx->tx, sql_for(&spec->update, cx->tx), params, spec->n_columns + 1,
                        &changed, &cx->error);
    return expect_one(cx, rc, changed);
}

static Rc run_remove(Ctx *cx, const RecordSpec *spec, const Row *before)
{
    int64_t changed = 0;
    Rc rc = tx_exec_sql(cx->tx, sql_for(&spec->remove, cx->tx),
                        PARAMS(P_STR(json_str_at(before->json, "id")), P_I64(before->revision)),
                        &changed, &cx->error);
    return expect_one(cx, rc, changed);
}

/* ---- one change */

typedef struct Write {
    Ctx *cx;
    const RecordSpec *spec;
    RecordChange change;
    Row before;  /* json NULL on create */
    Json *after; /* NULL when the row goes; with soft delete the row that stays */
} Write;

static Rc run_prepare(Write *w)
{
    const RecordHooks *hooks = w->spec->type.hooks;
    if (!hooks || !hooks->prepare) {
        return RC_OK;
    }
    TRY(hooks->prepare(w->cx, &w->change));
    if (w->change.after) { /* the hook may have set members, with nulls and in any order */
        w->after = normalise(w->cx->arena, w->spec, w->change.after);
        w->change.after = w->after;
    }
    return RC_OK;
}

static Rc write_row(Write *w)
{
    const RecordHooks *hooks = w->spec->type.hooks;
    if (hooks && hooks->store) {
        return hooks->store(w->cx, &w->change);
    }
    Rc rc;
    if (!w->before.json) {
        rc = run_insert(w->cx, w->spec, w->after);
    } else if (w->after) {
        rc = run_update(w->cx, w->spec, &w->before, w->after);
    } else {
        rc = run_remove(w->cx, w->spec, &w->before);
    }
    return explain_conflict(w->cx, w->spec, rc);
}

/* The row as it stands now. A store hook may have written it otherwise than asked: then it is read
 * again. */
static Rc settle(Write *w, Row *ret)
{
    const RecordHooks *hooks = w->spec->type.hooks;
    if (hooks && hooks->store && w->change.verb != VERB_DELETE) {
        Rc rc = row_query(w->cx, w->spec, sql_for(&w->spec->get, w->cx->tx),
                          PARAMS(P_STR(w->change.id)), ret);
        if (rc == RC_NOT_FOUND) {
            return fail(w->cx, RC_INTERNAL, "The %.*s was not stored.", STR_ARG(w->spec->words));
        }
        TRY(rc);
        w->after = ret->json;
    } else {
        if (w->after) {
            mask_secrets(w->cx->arena, w->spec, w->after);
        }
        *ret = (Row){.json = w->after, .revision = w->before.json ? w->before.revision + 1 : 1};
    }
    w->change.after = w->change.verb == VERB_DELETE ? NULL : w->after;
    return RC_OK;
}

static Rc tell(Write *w)
{
    Ctx *cx = w->cx;
    const RecordSpec *spec = w->spec;
    const char *type =
        str_cstr(cx->arena, str_fmt(cx->arena, "%.*s.%s", STR_ARG(spec->type.collection),
                                    verb_done(w->change.verb)));
    Json *record = w->after ? w->after : w->before.json;
    Json *data = json_object(cx->arena);
    json_set_c(cx->arena, data, "record",
               json_clone(cx->arena, without_personal(cx->arena, spec, record, NULL)));
    const char *source = str_cstr(cx->arena, record_collection_path(cx->arena, spec, record));
    TRY(audit_write(cx, type, str_cstr(cx->arena, spec->type.name), w->change.id,
                    without_personal(cx->arena, spec, w->before.json, NULL),
                    without_personal(cx->arena, spec, w->change.after, w->before.json)));
    return events_emit(cx, type, source, w->change.id, data);
}

static Rc perform(Write *w, Row *ret)
{
    const RecordHooks *hooks = w->spec->type.hooks;
    ASSERT(w->cx->tx && tx_is_write(w->cx->tx));
    w->change.before = w->before.json;
    w->change.after = w->change.verb == VERB_DELETE ? NULL : w->after;
    if (w->change.after) {
        TRY(check_schema(w->cx, w->spec, w->after, &w->before));
        TRY(check_references(w->cx, w->spec, w->change.verb == VERB_RESTORE ? NULL : w->before.json,
                             w->after));
    }
    TRY(run_prepare(w));
    TRY(write_row(w));
    TRY(settle(w, ret));
    TRY(tell(w));
    return hooks && hooks->written ? hooks->written(w->cx, &w->change) : RC_OK;
}

/* ---- new states */

static void set_who_and_when(Ctx *cx, Json *record, const char *at, const char *by)
{
    char text[TIME_RFC3339_SIZE];
    json_set_str(cx->arena, record, at, time_rfc3339(time_now_us(), text));
    json_set_c(cx->arena, record, by,
               cx->actor.id.len ? json_string(cx->arena, cx->actor.id) : json_null(cx->arena));
}

static void copy_member(Ctx *cx, const Json *from, Json *to, Str name)
{
    Json *v = json_get(from, name);
    if (v) {
        json_set(cx->arena, to, name, v);
    }
}

/* What a client (or code) gives for a whole record; what it does not give has its default, or what
 * old has. */
static Json *whole_state(
    Ctx *cx, const RecordSpec *spec, const Json *values, const Json *old, const WriteOptions *o)
{
    Json *after = json_object(cx->arena);
    for (size_t i = 0; i < spec->type.n_fields; i++) {
        const RecordField *field = &spec->type.fields[i];
        const Json *given = json_get(values, field->name);
        const Json *otherwise = json_get_c(field->schema, "default");
        bool is_kept = old && !given && ((o->by_client && field->read_only) || field->immutable);
        if (is_kept) {
            copy_member(cx, old, after, field->name);
        } else if (given || otherwise) {
            json_set(cx->arena, after, field->name,
                     json_clone(cx->arena, given ? given : otherwise));
        }
    }
    for (size_t i = 0; i < o->n_fixed; i++) {
        if (spec_column(spec, o->fixed[i].name)) {
            json_set(cx->arena, after, o->fixed[i].name, json_string(cx->arena, o->fixed[i].value));
        }
    }
    return after;
}

static const Json *default_of(const RecordSpec *spec, Str name)
{
    for (size_t i = 0; i < spec->type.n_fields; i++) {
        if (str_eq(spec->type.fields[i].name, name)) {
            return json_get_c(spec->type.fields[i].schema, "default");
        }
    }
    return NULL;
}

static Json *patched_state(Ctx *cx, const RecordSpec *spec, const Json *patch, const Json *old)
{
    ASSERT(patch);
    Json *after = json_merge_patch(cx->arena, old, patch);
    /* A merge patch removes members; a record's field that takes null has it as its value, and one
     * with a default has that, as in a whole record that leaves it out. */
    for (uint32_t i = 0; i < patch->n; i++) {
        const Column *column = spec_column(spec, patch->members[i].key);
        if (patch->members[i].value->type != JSON_NULL || !column) {
            continue;
        }
        const Json *otherwise = default_of(spec, column->name);
        if (column->null_is_shown || otherwise) {
            json_set(cx->arena, after, column->name,
                     column->null_is_shown ? json_null(cx->arena)
                                           : json_clone(cx->arena, otherwise));
        }
    }
    return after;
}

static void copy_standard(Ctx *cx, const RecordSpec *spec, const Json *from, Json *to)
{
    for (size_t i = 0; i < spec->n_standard; i++) {
        copy_member(cx, from, to, spec->columns[i].name);
    }
}

static Rc run_lock(Ctx *cx, const RecordSpec *spec)
{
    const RecordHooks *hooks = spec->type.hooks;
    return hooks && hooks->lock ? hooks->lock(cx) : RC_OK;
}

Rc write_create(
    Ctx *cx, const RecordSpec *spec, const Json *values, const WriteOptions *o, Row *ret)
{
    Uuid id = uuid_v7();
    Write w = {
        .cx = cx, .spec = spec, .change = {.type = &spec->type, .verb = VERB_CREATE}
    };
    TRY(check_members(cx, spec, values, o->by_client, NULL));
    TRY(check_fixed(cx, values, o->fixed, o->n_fixed));
    TRY(run_lock(cx, spec));
    Json *after = whole_state(cx, spec, values, NULL, o);
    w.change.id = str_dup(cx->arena, uuid_str(&id));
    json_set_str(cx->arena, after, "id", w.change.id);
    set_who_and_when(cx, after, "created_at", "created_by");
    json_set_c(cx->arena, after, "updated_at", json_get_c(after, "created_at"));
    json_set_c(cx->arena, after, "updated_by", json_get_c(after, "created_by"));
    w.after = normalise(cx->arena, spec, after);
    return perform(&w, ret);
}

/* RFC 9110 section 13.1.1: strong comparison, so a weak tag never matches. */
static Rc check_if_match(Ctx *cx, const RecordSpec *spec, const Row *row, Str header)
{
    Str rest = header, part;
    Str own = str_fmt(cx->arena, "\"%lld\"", (long long)row->revision);
    if (header.len == 0) {
        return RC_OK;
    }
    while (str_split(&rest, ',', &part)) {
        part = str_trim(part);
        if (str_is(part, "*") || str_eq(part, own)) {
            return RC_OK;
        }
    }
    return fail(cx, RC_PRECONDITION,
                "The %.*s has changed since: its ETag is now %.*s. Read it again.",
                STR_ARG(spec->words), STR_ARG(own));
}

static Rc
lock_row(Ctx *cx, const RecordSpec *spec, RecordVerb verb, Str id, const WriteOptions *o, Row *ret)
{
    Rc rc = RC_NOT_FOUND;
    id = str_lower(cx->arena, id);
    if (uuid_is_valid(id)) {
        rc = row_query(cx, spec, sql_for(&spec->lock, cx->tx), PARAMS(P_STR(id)), ret);
    }
    if (rc == RC_OK && !row_fits_path(spec, ret, o->fixed, o->n_fixed)) {
        rc = RC_NOT_FOUND;
    }
    if (rc == RC_OK && verb != VERB_RESTORE && spec_is_deleted(spec, ret->json)) {
        rc = RC_NOT_FOUND;
    }
    if (rc == RC_NOT_FOUND) {
        return fail_not_found(cx, spec, id);
    }
    TRY(rc);
    if (verb == VERB_RESTORE && !spec_is_deleted(spec, ret->json)) {
        return fail(cx, RC_CONFLICT, "The %.*s is not deleted.", STR_ARG(spec->words));
    }
    return check_if_match(cx, spec, ret, o->if_match);
}

static bool is_same(const RecordSpec *spec, const Json *a, const Json *b)
{
    for (size_t i = spec->n_standard; i < spec->n_columns; i++) {
        const Json *x = json_get(a, spec->columns[i].name), *y = json_get(b, spec->columns[i].name);
        if ((x == NULL) != (y == NULL) || (x && !json_equal(x, y))) {
            return false;
        }
    }
    return true;
}

/* NULL when nothing is to be stored: a hard delete. */
static Json *next_state(Write *w, const Json *values, const WriteOptions *o)
{
    Ctx *cx = w->cx;
    const Json *old = w->before.json;
    Json *after = NULL;
    switch (w->change.verb) {
    case VERB_REPLACE:
        after = whole_state(cx, w->spec, values, old, o);
        copy_standard(cx, w->spec, old, after);
        break;
    case VERB_PATCH:
        after = patched_state(cx, w->spec, values, old);
        break;
    case VERB_DELETE:
        after = w->spec->type.soft_delete ? json_clone(cx->arena, old) : NULL;
        if (after) {
            set_who_and_when(cx, after, "deleted_at", "deleted_by");
        }
        break;
    case VERB_RESTORE:
        after = json_clone(cx->arena, old);
        json_remove(after, STR("deleted_at"));
        json_remove(after, STR("deleted_by"));
        break;
    case VERB_NONE:
    case VERB_LIST:
    case VERB_CREATE:
    case VERB_GET:
    case VERB_HISTORY:
        ASSERT(false);
    }
    return after ? normalise(cx->arena, w->spec, after) : NULL;
}

Rc write_change(Ctx *cx,
                const RecordSpec *spec,
                RecordVerb verb,
                Str id,
                const Json *values,
                const WriteOptions *o,
                Row *ret)
{
    Write w = {
        .cx = cx, .spec = spec, .change = {.type = &spec->type, .verb = verb}
    };
    TRY(run_lock(cx, spec));
    TRY(lock_row(cx, spec, verb, id, o, &w.before));
    w.change.id = json_str_at(w.before.json, "id");
    if (values) {
        TRY(check_members(cx, spec, values, o->by_client, w.before.json));
        TRY(check_fixed(cx, values, o->fixed, o->n_fixed));
    }
    w.after = next_state(&w, values, o);
    if (values && is_same(spec, w.before.json, w.after)) {
        *ret = w.before;
        return RC_OK; /* nothing changes: no new revision, no event */
    }
    if (w.after) {
        set_who_and_when(cx, w.after, "updated_at", "updated_by");
    }
    return perform(&w, ret);
}
