/* SPDX-License-Identifier: Apache-2.0
 * Entity to record. A batch of User and Group entities becomes rows of users and teams in a fixed
 * number of statements: what is there, what differs, written at once.
 *
 * An entity is a person by its name (users.entity_ref). One whose address belongs to somebody who
 * was made here, or who has just vanished, is that person: they are found by it once, and by the
 * name from then on. */
#include "base/hash.h"
#include "base/log.h"

#include "modules/access/access.h"
#include "modules/catalog/catalog.h"
#include "modules/identity/identity.h"
#include "modules/organizations/organizations.h"
#include "modules/people/people_priv.h"
#include "people_q_sql.h"
#include "platform/audit/audit.h"
#include "platform/mail/mail.h"

enum { NAME_CHARS_MAX = 100, SLUG_MAX = 63, URL_MAX_LEN = 2000, DESCRIPTION_MAX = 1000 };

/* As the row has them. claim: the address that the entity said last. */
typedef struct Person {
    Str id, ref, name, email, claim, avatar_url, source;
    bool is_vanished, is_deactivated;
} Person;

typedef struct Follow {
    Ctx *cx;
    FollowedEntity *entities;
    size_t n;
    Map rows;                        /* ref -> Person or Group as stored */
    Map by_email;                    /* address -> Person who may be linked */
    Map linked;                      /* ids that got another entity in this batch */
    Strs refs;                       /* of all */
    Strs created, updated, vanished; /* ids of users */
    Strs teams_created, teams_updated, teams_vanished;
    Strs old_refs; /* entities of ours that another takes the place of */
    Map administrators;
    int64_t now;
} Follow;

/* ---- what an entity says */

/* At most max bytes, cut at a character. */
static Str cut(Str text, size_t max)
{
    size_t bad;
    text = str_trim(str_sub(text, 0, max));
    return str_is_utf8(text, &bad) ? text : str_sub(text, 0, bad);
}

/* A record's name has 1 to 100 characters; bytes are a bound that is never too long. */
static Str name_of(const FollowedEntity *f)
{
    Str name = followed_text(f, "spec.profile.displayname");
    name = name.len ? name : f->entity->title;
    name = cut(name, NAME_CHARS_MAX);
    return name.len ? name : str_from_index(f->ref, str_find_char(f->ref, '/') + 1);
}

static bool has_email(const FollowedEntity *f)
{
    return followed_text(f, "spec.profile.email").len > 0;
}

static Str email_of(Ctx *cx, const FollowedEntity *f)
{
    Str email = str_lower_utf8(cx->arena, str_trim(followed_text(f, "spec.profile.email")));
    return mail_address_is_valid(email) ? email : STR_EMPTY;
}

static Str avatar_of(const FollowedEntity *f)
{
    Str url = followed_text(f, "spec.profile.picture");
    return str_starts(url, STR("https://")) && url.len <= URL_MAX_LEN ? url : STR_EMPTY;
}

/* The location that owns the fields; none for what is written by API. */
static Str source_of(const FollowedEntity *f)
{
    return str_starts(f->location, STR("api:")) ? STR_EMPTY : f->location;
}

static bool is_user(const FollowedEntity *f)
{
    return str_is(f->kind, "user");
}

/* ---- may they? */

/* Sources are trusted by the configuration (catalog.rules). Whoever writes or removes such entities
 * by hand changes people, and must be allowed to. */
static Rc check_rights(Follow *f)
{
    bool users = false, groups = false;
    if (f->cx->actor.kind == ACTOR_SYSTEM) {
        return RC_OK;
    }
    for (size_t i = 0; i < f->n; i++) {
        users |= is_user(&f->entities[i]);
        groups |= !is_user(&f->entities[i]);
    }
    if (users) {
        TRY(access_check(f->cx, STR("update"), STR("User"), STR("platform"), STR_EMPTY));
    }
    return groups ? access_check(f->cx, STR("update"), STR("Team"), STR("platform"), STR_EMPTY)
                  : RC_OK;
}

/* ---- users: what is there */

static Str text_of(Follow *f, Rows *rows, int column)
{
    return rows_dup(rows, column, f->cx->arena);
}

static Person *read_person(Follow *f, Rows *rows)
{
    Person *p = ARENA_NEW(f->cx->arena, Person);
    *p = (Person){.ref = text_of(f, rows, 0),
                  .id = text_of(f, rows, 1),
                  .name = text_of(f, rows, 2),
                  .email = text_of(f, rows, 3),
                  .claim = text_of(f, rows, 4),
                  .avatar_url = text_of(f, rows, 5),
                  .is_deactivated = str_is(rows_str(rows, 6), "deactivated"),
                  .source = text_of(f, rows, 7),
                  .is_vanished = !rows_is_null(rows, 8)};
    return p;
}

static Rc load_users(Follow *f, const Strs *refs)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    TRY(tx_query(f->cx->tx, &people_q_users_of_refs, PARAMS(P_STR(people_list(f->cx->arena, refs))),
                 &rows, &f->cx->error));
    while (rows_next(rows)) {
        Person *p = read_person(f, rows);
        map_put(&f->rows, p->ref, p);
    }
    return rows_error(rows, &f->cx->error);
}

/* People with the address of an entity that has no row: those made here, and those who vanished or
 * do so in this batch. */
static Rc load_by_email(Follow *f, const Strs *emails, const Map *gone)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    if (emails->n == 0) {
        return RC_OK;
    }
    TRY(tx_query(f->cx->tx, &people_q_users_of_emails,
                 PARAMS(P_STR(people_list(f->cx->arena, emails))), &rows, &f->cx->error));
    while (rows_next(rows)) {
        Person *p = read_person(f, rows);
        if (p->source.len == 0 || p->is_vanished || map_has(gone, p->ref)) {
            map_put(&f->by_email, p->email, p);
        }
    }
    return rows_error(rows, &f->cx->error);
}

static Rc load_people(Follow *f)
{
    Strs refs = {.arena = f->cx->arena}, emails = {.arena = f->cx->arena};
    Map gone = map_init(f->cx->arena);
    for (size_t i = 0; i < f->n; i++) {
        if (is_user(&f->entities[i])) {
            VEC_PUSH(&refs, f->entities[i].ref);
            if (f->entities[i].is_gone) {
                map_put(&gone, f->entities[i].ref, f);
            }
        }
    }
    TRY(load_users(f, &refs));
    for (size_t i = 0; i < f->n; i++) {
        const FollowedEntity *e = &f->entities[i];
        Str email = is_user(e) && !e->is_gone && !map_has(&f->rows, e->ref) && source_of(e).len
                        ? email_of(f->cx, e)
                        : STR_EMPTY;
        if (email.len > 0) {
            VEC_PUSH(&emails, email);
        }
    }
    return load_by_email(f, &emails, &gone);
}

/* ---- users: what is written */

static Person *person_of(Follow *f, const FollowedEntity *e)
{
    Person *p = map_get(&f->rows, e->ref);
    Str email = email_of(f->cx, e);
    if (p || email.len == 0) {
        return p;
    }
    p = map_get(&f->by_email, email);
    if (p && map_has(&f->linked, p->id)) {
        return NULL; /* of two entities with one address the first is the person */
    }
    if (p) {
        map_put(&f->linked, p->id, p);
        if (p->ref.len > 0 && p->source.len == 0) {
            VEC_PUSH(&f->old_refs, p->ref);
        }
    }
    return p;
}

static bool is_same_person(Follow *f, const Person *p, const FollowedEntity *e)
{
    return str_eq(p->ref, e->ref) && str_eq(p->name, name_of(e)) &&
           str_eq(p->claim, email_of(f->cx, e)) && str_eq(p->avatar_url, avatar_of(e)) &&
           str_eq(p->source, source_of(e)) && !p->is_vanished;
}

static void push_update(Follow *f, Params *params, const Person *p, const FollowedEntity *e)
{
    const Param row[] = {
        P_STR(p->id),
        P_I64(f->now),
        P_STR(name_of(e)),
        P_STR_OR_NULL(email_of(f->cx, e)),
        P_STR_OR_NULL(avatar_of(e)),
        P_STR(e->ref),
        P_STR_OR_NULL(source_of(e)),
    };
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        VEC_PUSH(params, row[i]);
    }
    VEC_PUSH(&f->updated, p->id);
}

static void push_insert(Follow *f, Params *params, const FollowedEntity *e)
{
    Uuid uuid = uuid_v7();
    Str id = str_dup(f->cx->arena, uuid_str(&uuid));
    const Param row[] = {
        P_STR(id),
        P_I64(f->now),
        P_STR(name_of(e)),
        P_STR_OR_NULL(email_of(f->cx, e)),
        P_STR_OR_NULL(avatar_of(e)),
        P_STR(e->ref),
        P_STR_OR_NULL(source_of(e)),
    };
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        VEC_PUSH(params, row[i]);
    }
    VEC_PUSH(&f->created, id);
}

static Rc run_many(Follow *f, const Query *query, const Params *params, size_t columns)
{
    return params->n ? tx_exec_many(f->cx->tx, query, params->at, columns, params->n / columns,
                                    &f->cx->error)
                     : RC_OK;
}

/* An entity that goes never takes the last administrators with it: a source that is emptied by
 * mistake must leave somebody who can mend it. */
static void keep_administrators(Follow *f)
{
    Map going = map_init(f->cx->arena);
    size_t left = f->administrators.n_live, n = 0;
    for (size_t i = 0; i < f->vanished.n; i++) {
        map_put(&going, f->vanished.at[i], f);
        left -= map_has(&f->administrators, f->vanished.at[i]) ? 1 : 0;
    }
    if (left > 0 || f->administrators.n_live == 0) {
        return;
    }
    for (size_t i = 0; i < f->vanished.n; i++) {
        if (!map_has(&f->administrators, f->vanished.at[i])) {
            f->vanished.at[n++] = f->vanished.at[i];
        } else {
            log_error("people.last_administrator_kept", F_STR("user", f->vanished.at[i]));
        }
    }
    f->vanished.n = n;
}

static Rc vanish_users(Follow *f)
{
    if (f->vanished.n == 0) {
        return RC_OK;
    }
    TRY(access_administrators(f->cx, &f->administrators));
    keep_administrators(f);
    if (f->vanished.n == 0) {
        return RC_OK;
    }
    TRY(tx_exec(f->cx->tx, &people_q_users_vanish,
                PARAMS(P_STR(people_list(f->cx->arena, &f->vanished)), P_I64(f->now)), NULL,
                &f->cx->error));
    TRY(tx_exec(f->cx->tx, &people_q_emails_of_vanished,
                PARAMS(P_STR(people_list(f->cx->arena, &f->vanished))), NULL, &f->cx->error));
    return people_end(f->cx, &f->vanished, "left_catalog");
}

static Rc write_users(Follow *f)
{
    enum { COLUMNS = 7 };
    Params inserts = {.arena = f->cx->arena}, updates = {.arena = f->cx->arena};
    TRY(load_people(f));
    for (size_t i = 0; i < f->n; i++) {
        const FollowedEntity *e = &f->entities[i];
        if (!is_user(e) || e->is_gone) {
            continue;
        }
        const Person *p = person_of(f, e);
        if (!p) {
            push_insert(f, &inserts, e);
        } else if (!is_same_person(f, p, e)) {
            push_update(f, &updates, p, e);
            TRY(identity_notice_address(f->cx, p->email, email_of(f->cx, e), p->name));
        }
    }
    for (size_t i = 0; i < f->n; i++) {
        const FollowedEntity *e = &f->entities[i];
        const Person *p = is_user(e) && e->is_gone ? map_get(&f->rows, e->ref) : NULL;
        if (p && !p->is_deactivated && !map_has(&f->linked, p->id)) {
            VEC_PUSH(&f->vanished, p->id);
        }
    }
    TRY(run_many(f, &people_q_user_update, &updates, COLUMNS));
    TRY(run_many(f, &people_q_user_insert, &inserts, COLUMNS));
    if (f->updated.n > 0) {
        identity_changed(f->cx);
        TRY(tx_exec(f->cx->tx, &people_q_emails_release,
                    PARAMS(P_STR(people_list(f->cx->arena, &f->updated))), NULL, &f->cx->error));
    }
    TRY(vanish_users(f));
    return inserts.n + updates.n + f->vanished.n ? people_assign_emails(f->cx) : RC_OK;
}

/* ---- groups */

typedef struct Group {
    Str id, name, slug, description, org_id, source;
    bool is_vanished;
} Group;

static Rc load_groups(Follow *f)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Str list = people_list(f->cx->arena, &f->refs);
    TRY(tx_query(f->cx->tx, &people_q_teams_of_refs, PARAMS(P_STR(list)), &rows, &f->cx->error));
    while (rows_next(rows)) {
        Group *g = ARENA_NEW(f->cx->arena, Group);
        *g = (Group){.id = text_of(f, rows, 1),
                     .name = text_of(f, rows, 2),
                     .slug = text_of(f, rows, 3),
                     .description = text_of(f, rows, 4),
                     .org_id = text_of(f, rows, 5),
                     .source = text_of(f, rows, 6),
                     .is_vanished = !rows_is_null(rows, 7)};
        map_put(&f->rows, text_of(f, rows, 0), g);
    }
    return rows_error(rows, &f->cx->error);
}

/* The organization whose slug is the namespace; else the one that everything belongs to. */
static Rc load_organizations(Follow *f, Map *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Strs spaces = {.arena = f->cx->arena};
    *ret = map_init(f->cx->arena);
    for (size_t i = 0; i < f->n; i++) {
        if (!is_user(&f->entities[i]) && f->entities[i].entity) {
            VEC_PUSH(&spaces, f->entities[i].entity->namespace_);
        }
    }
    TRY(tx_query(f->cx->tx, &people_q_organizations_of_slugs,
                 PARAMS(P_STR(people_list(f->cx->arena, &spaces))), &rows, &f->cx->error));
    while (rows_next(rows)) {
        Str *id = ARENA_NEW(f->cx->arena, Str);
        *id = text_of(f, rows, 1);
        map_put(ret, text_of(f, rows, 0), id);
    }
    return rows_error(rows, &f->cx->error);
}

static Str organization_of(const Map *organizations, const FollowedEntity *e)
{
    const Str *id = str_is(e->entity->namespace_, "default")
                        ? NULL
                        : map_get(organizations, e->entity->namespace_);
    return id ? *id : STR(ORGANIZATION_DEFAULT_ID);
}

/* What a slug may consist of; the name as it is when it may be one. */
static Str slug_of(Arena *arena, const FollowedEntity *e)
{
    Str name = str_sub(e->entity->name, 0, SLUG_MAX);
    char *slug = arena_dup(arena, name.ptr, name.len + 1);
    for (size_t i = 0; i < name.len; i++) {
        bool is_good = (slug[i] >= 'a' && slug[i] <= 'z') || (slug[i] >= '0' && slug[i] <= '9');
        slug[i] = is_good ? slug[i] : '-';
    }
    return str_of(slug, name.len); /* a name begins and ends with a letter or digit */
}

static Str longer_slug(Arena *arena, Str slug, Str ref)
{
    Str hash = sha256_hex(arena, ref);
    return str_fmt(arena, "%.*s-%.*s", STR_ARG(str_sub(slug, 0, SLUG_MAX - 9)),
                   STR_ARG(str_sub(hash, 0, 8)));
}

static Str slug_key(Arena *arena, Str org_id, Str slug)
{
    return str_fmt(arena, "%.*s %.*s", STR_ARG(org_id), STR_ARG(slug));
}

/* "org slug" -> id of the team that has it. */
static Rc load_slugs(Follow *f, Map *ret)
{
    CLEANUP(rows_cleanup) Rows *rows = NULL;
    Strs slugs = {.arena = f->cx->arena};
    *ret = map_init(f->cx->arena);
    for (size_t i = 0; i < f->n; i++) {
        if (!is_user(&f->entities[i]) && f->entities[i].entity) {
            VEC_PUSH(&slugs, slug_of(f->cx->arena, &f->entities[i]));
        }
    }
    TRY(tx_query(f->cx->tx, &people_q_slugs_taken, PARAMS(P_STR(people_list(f->cx->arena, &slugs))),
                 &rows, &f->cx->error));
    while (rows_next(rows)) {
        Str *id = ARENA_NEW(f->cx->arena, Str);
        *id = text_of(f, rows, 2);
        map_put(ret, slug_key(f->cx->arena, rows_str(rows, 0), rows_str(rows, 1)), id);
    }
    return rows_error(rows, &f->cx->error);
}

static Str free_slug(Follow *f, Map *taken, Str org_id, Str id, const FollowedEntity *e)
{
    Str slug = slug_of(f->cx->arena, e), key = slug_key(f->cx->arena, org_id, slug);
    const Str *by = map_get(taken, key);
    if (by && !str_eq(*by, id)) {
        slug = longer_slug(f->cx->arena, slug, e->ref);
        key = slug_key(f->cx->arena, org_id, slug);
    }
    Str *mine = ARENA_NEW(f->cx->arena, Str);
    *mine = id;
    map_put(taken, key, mine);
    return slug;
}

static void push_team(Follow *f, Params *params, const Param *row, size_t n, Strs *ids)
{
    for (size_t i = 0; i < n; i++) {
        VEC_PUSH(params, row[i]);
    }
    VEC_PUSH(ids, row[0].str);
    (void)f;
}

static void write_group(Follow *f,
                        const FollowedEntity *e,
                        const Map *organizations,
                        Map *taken,
                        Params *inserts,
                        Params *updates)
{
    const Group *g = map_get(&f->rows, e->ref);
    Str name = name_of(e), description = cut(e->entity->description, DESCRIPTION_MAX);
    if (!g) {
        Uuid uuid = uuid_v7();
        Str id = str_dup(f->cx->arena, uuid_str(&uuid)), org = organization_of(organizations, e);
        const Param row[] = {P_STR(id),
                             P_I64(f->now),
                             P_STR(org),
                             P_STR(name),
                             P_STR(free_slug(f, taken, org, id, e)),
                             P_STR_OR_NULL(description),
                             P_STR(e->ref),
                             P_STR_OR_NULL(source_of(e))};
        push_team(f, inserts, row, ARRAY_LEN(row), &f->teams_created);
    } else if (!str_eq(g->name, name) || !str_eq(g->description, description) ||
               !str_eq(g->source, source_of(e)) || g->is_vanished) {
        Str slug = g->is_vanished ? free_slug(f, taken, g->org_id, g->id, e) : g->slug;
        const Param row[] = {P_STR(g->id), P_I64(f->now),
                             P_STR(name),  P_STR_OR_NULL(description),
                             P_STR(slug),  P_STR_OR_NULL(source_of(e))};
        push_team(f, updates, row, ARRAY_LEN(row), &f->teams_updated);
    }
}

static Rc write_groups(Follow *f)
{
    enum { INSERT_COLUMNS = 8, UPDATE_COLUMNS = 6 };
    Params inserts = {.arena = f->cx->arena}, updates = {.arena = f->cx->arena};
    Map organizations, taken;
    TRY(load_groups(f));
    TRY(load_organizations(f, &organizations));
    TRY(load_slugs(f, &taken));
    for (size_t i = 0; i < f->n; i++) {
        const FollowedEntity *e = &f->entities[i];
        const Group *g = is_user(e) ? NULL : map_get(&f->rows, e->ref);
        if (!is_user(e) && !e->is_gone) {
            write_group(f, e, &organizations, &taken, &inserts, &updates);
        } else if (g && !g->is_vanished) {
            VEC_PUSH(&f->teams_vanished, g->id);
        }
    }
    TRY(run_many(f, &people_q_team_update, &updates, UPDATE_COLUMNS));
    TRY(run_many(f, &people_q_team_insert, &inserts, INSERT_COLUMNS));
    return f->teams_vanished.n
               ? tx_exec(
                     f->cx->tx, &people_q_teams_vanish,
                     PARAMS(P_STR(people_list(f->cx->arena, &f->teams_vanished)), P_I64(f->now)),
                     NULL, &f->cx->error)
               : RC_OK;
}

/* ---- afterwards */

static Rc show_problems(Follow *f)
{
    Strs wanting;
    Map without = map_init(f->cx->arena);
    TRY(people_read_column(f->cx, &people_q_emails_wanting,
                           PARAMS(P_STR(people_list(f->cx->arena, &f->refs))), &wanting));
    for (size_t i = 0; i < wanting.n; i++) {
        map_put(&without, wanting.at[i], f);
    }
    for (size_t i = 0; i < f->n; i++) {
        FollowedEntity *e = &f->entities[i];
        if (!is_user(e) || e->is_gone) {
            continue;
        }
        if (has_email(e) && email_of(f->cx, e).len == 0) {
            e->problem = STR("spec.profile.email is no address that somebody can sign in with");
        } else if (map_has(&without, e->ref)) {
            e->problem = STR("spec.profile.email is the address of another user already: nobody "
                             "signs in as this one by it");
        }
    }
    return RC_OK;
}

/* Who was made here and is linked to an entity of a source: teams made here name them from now on,
 * since their own entity cannot; and the entity they were goes. */
static Rc finish_links(Follow *f)
{
    Strs ids = {.arena = f->cx->arena}, teams;
    for (MapEntry *entry = map_first(&f->linked); entry; entry = map_next(&f->linked, entry)) {
        VEC_PUSH(&ids, entry->key);
    }
    if (ids.n == 0) {
        return RC_OK;
    }
    TRY(people_read_column(f->cx, &people_q_own_teams,
                           PARAMS(P_STR(people_list(f->cx->arena, &ids))), &teams));
    TRY(people_write_teams(f->cx, &teams));
    return catalog_remove_own(f->cx, f->old_refs.at, f->old_refs.n);
}

static void put_count(Ctx *cx, Json *what, const char *name, size_t n)
{
    json_set_c(cx->arena, what, name, json_int(cx->arena, (int64_t)n));
}

/* One row of the audit trail for the batch; who was let out is named. */
static Rc tell(Follow *f)
{
    Ctx *cx = f->cx;
    Json *what = json_object(cx->arena), *gone = json_array(cx->arena);
    TRY(people_tell(cx, "users.created", "/api/users", &f->created));
    TRY(people_tell(cx, "users.updated", "/api/users", &f->updated));
    TRY(people_tell(cx, "users.updated", "/api/users", &f->vanished));
    TRY(people_tell(cx, "teams.created", "/api/teams", &f->teams_created));
    TRY(people_tell(cx, "teams.updated", "/api/teams", &f->teams_updated));
    TRY(people_tell(cx, "teams.deleted", "/api/teams", &f->teams_vanished));
    put_count(cx, what, "users_created", f->created.n);
    put_count(cx, what, "users_updated", f->updated.n);
    put_count(cx, what, "teams_created", f->teams_created.n);
    put_count(cx, what, "teams_updated", f->teams_updated.n);
    put_count(cx, what, "teams_deleted", f->teams_vanished.n);
    for (size_t i = 0; i < f->vanished.n; i++) {
        json_push(cx->arena, gone, json_string(cx->arena, f->vanished.at[i]));
    }
    json_set_c(cx->arena, what, "users_deactivated", gone);
    return audit_write(cx, "people.followed", "Catalog", STR("people"), NULL, what);
}

static bool has_changed(const Follow *f)
{
    return f->created.n + f->updated.n + f->vanished.n + f->teams_created.n + f->teams_updated.n +
               f->teams_vanished.n >
           0;
}

static Rc run(Follow *f)
{
    bool in_other_teams;
    TRY(check_rights(f));
    TRY(catalog_lock(f->cx));
    for (size_t i = 0; i < f->n; i++) {
        VEC_PUSH(&f->refs, f->entities[i].ref);
    }
    TRY(write_groups(f));
    TRY(write_users(f));
    TRY(finish_links(f));
    TRY(people_settle_relations(f->cx, &f->refs, &in_other_teams));
    TRY(show_problems(f));
    if (in_other_teams || f->teams_updated.n + f->teams_vanished.n > 0) {
        TRY(access_touch(f->cx));
    }
    return has_changed(f) || in_other_teams ? tell(f) : RC_OK;
}

Rc people_follow(Ctx *cx, FollowedEntity *entities, size_t n)
{
    Arena *a = cx->arena;
    Follow f = {.cx = cx,
                .entities = entities,
                .n = n,
                .rows = map_init(a),
                .by_email = map_init(a),
                .linked = map_init(a),
                .refs = {.arena = a},
                .created = {.arena = a},
                .updated = {.arena = a},
                .vanished = {.arena = a},
                .teams_created = {.arena = a},
                .teams_updated = {.arena = a},
                .teams_vanished = {.arena = a},
                .old_refs = {.arena = a},
                .administrators = map_init(a),
                .now = time_now_us()};
    return run(&f);
}
