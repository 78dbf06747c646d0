/* SPDX-License-Identifier: Apache-2.0
 * Queries against both databases: what SQL says must be what a naive look at every entity says. */
/* cmocka's macro fail() must come after the function of ctx.h */
/* clang-format off */
#include "modules/catalog/catalog.h"
#include "modules/catalog/catalog_priv.h"
#include "modules/catalog/facets.h"
#include "modules/catalog/query_entity.h"
#include "modules/catalog/query_text.h"
#include "test_platform.h"
#include "base/test.h"
/* clang-format on */

#include "base/file.h"
#include "base/log.h"
#include "base/map.h"

#include <stdlib.h>

enum { ENTITIES = 160, ROUNDS = 250, SEED = 20261121 };

typedef struct Bench {
    TestPlatform *test;
    Ctx *cx;
    Arena *arena;             /* of the entities */
    Json *entities[ENTITIES]; /* as served, in the order they were added */
    size_t n;
} Bench;

static uint64_t seed;

static unsigned roll(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % n;
}

static void must(Rc rc, const Ctx *cx, const char *what)
{
    if (rc != RC_OK) {
        fail_msg("%s: %s (%s)", what, cx->error.message, cx->error.detail);
    }
}

/* ---- the bench */

static Str read_sql(Arena *arena, const char *name)
{
    Error err = {0};
    Str text = STR_EMPTY;
    Str path = str_fmt(arena, "%s/db/migrations/%s", TEST_SOURCE_DIR, name);
    IGNORE(file_read(arena, path.ptr, MIB, &text, &err)); /* not every one has a .pg.sql */
    return text;
}

static void migrate(Db *db)
{
    static const char *const names[] = {"0001_platform", "0002_events_jobs", "0010_catalog",
                                        "0011_entity_tails"};
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Migration migrations[ARRAY_LEN(names)];
    Error err = {0};
    size_t applied;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        Str sql = read_sql(arena, str_fmt(arena, "%s.sql", names[i]).ptr);
        Str pg = read_sql(arena, str_fmt(arena, "%s.pg.sql", names[i]).ptr);
        migrations[i] = (Migration){names[i], str_cstr(arena, sql), pg.len ? pg.ptr : NULL};
    }
    if (db_migrate(db, migrations, ARRAY_LEN(names), &applied, &err) != RC_OK) {
        fail_msg("%s (%s)", err.message, err.detail);
    }
}

static const char *const kinds[] = {"Component", "API", "System", "Group"};
static const char *const words[] = {
    "alpha", "Beta", "cart", "delta", "store front", "\xc3\x9c\x62\x65r",
    "100%",  "a_b",  "true", "1.5"};

static Str word(void)
{
    return str_from(words[roll(ARRAY_LEN(words))]);
}

/* Small worlds: few words, so that conditions meet. */
static Str random_entity(Arena *arena, size_t i)
{
    Buf out = buf_init(arena, MIB);
    buf_fmt(&out,
            "{\"apiVersion\":\"backstage.io/v1alpha1\",\"kind\":\"%s\",\"metadata\":{"
            "\"name\":\"%s-%zu\"",
            kinds[i % ARRAY_LEN(kinds)], i % 3 ? "Unit" : "cart", i);
    if (roll(2)) {
        buf_fmt(&out, ",\"title\":\"%.*s %u\"", STR_ARG(word()), roll(5));
    }
    if (roll(2)) {
        buf_fmt(&out, ",\"description\":\"%.*s and %.*s\"", STR_ARG(word()), STR_ARG(word()));
    }
    if (roll(2)) {
        buf_fmt(&out, ",\"tags\":[\"go\"%s]", roll(2) ? ",\"web\"" : "");
    }
    if (roll(2)) {
        buf_fmt(&out, ",\"labels\":{\"tier\":\"%u\"}", roll(3));
    }
    buf_fmt(
        &out,
        "},\"spec\":{\"type\":\"%.*s\",\"lifecycle\":\"l%u\",\"owner\":\"team-%u\",\"children\":"
        "[],\"definition\":\"d\",\"size\":%u,\"flag\":%s,\"list\":[\"x\",\"Y\",{\"deep\":%u}],"
        "\"none\":null",
        STR_ARG(word()), roll(3), roll(3), roll(4), roll(2) ? "true" : "false", roll(3));
    if (i % ARRAY_LEN(kinds) == 0 && roll(2)) {
        buf_fmt(&out, ",\"dependsOn\":[\"component:cart-%u\"]", 3 * roll(20));
    }
    buf_lit(&out, "}}");
    return buf_str(&out);
}

static void apply_marked(Bench *b, const Str *texts, size_t n, bool unstitched)
{
    const Kinds *known = catalog_kinds(b->cx->platform);
    ApplyEntity *upserts = ARENA_ARRAY(b->arena, ApplyEntity, n);
    for (size_t i = 0; i < n; i++) {
        Json *entity;
        must(json_parse(b->arena, texts[i], NULL, &entity, &b->cx->error), b->cx, "parse");
        upserts[i] =
            (ApplyEntity){.source_id = STR("s"), .location = STR("l"), .parent_ref = STR("")};
        must(entity_prepare(known, entity, STR("l"), b->arena, b->arena, &upserts[i].prepared,
                            &b->cx->error),
             b->cx, "prepare");
    }
    ApplyBatch batch = {.upserts = upserts, .n_upserts = n, .unstitched = unstitched};
    ApplyResult result;
    must(ctx_begin(b->cx), b->cx, "begin");
    must(catalog_apply(b->cx, known, &batch, &result), b->cx, "apply");
    must(ctx_commit(b->cx), b->cx, "commit");
}

static void apply_texts(Bench *b, const Str *texts, size_t n)
{
    apply_marked(b, texts, n, false);
}

static bool add_entity(void *user, const EntityRow *row)
{
    Bench *b = user;
    Str text = entity_text(b->arena, row->body, row->errors, row->tail);
    assert_int_equal(json_parse(b->arena, text, NULL, &b->entities[b->n++], NULL), RC_OK);
    return true;
}

static Bench *bench_new(DbKind kind)
{
    const char *url = test_database_url(kind);
    if (!url) {
        return NULL;
    }
    Bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->arena = arena_new(0);
    b->test = test_platform_new(url, &catalog_module);
    migrate(b->test->platform.db);
    b->cx = ctx_new_system(&b->test->platform, "test");
    must(catalog_kinds_reload(b->cx), b->cx, "kinds");
    ctx_end(b->cx);
    Str texts[ENTITIES];
    seed = SEED;
    for (size_t i = 0; i < ENTITIES; i++) {
        texts[i] = random_entity(b->arena, i);
    }
    apply_texts(b, texts, ENTITIES);
    EntityQuery everything = {0};
    EntityScan scan = {.query = &everything, .limit = ENTITIES, .total = -1};
    must(query_scan(b->cx, &scan, add_entity, b), b->cx, "scan");
    assert_int_equal(b->n, ENTITIES);
    ctx_reset(b->cx);
    return b;
}

static int set_up_sqlite(void **state)
{
    log_configure(LOG_OFF, LOG_TEXT);
    *state = bench_new(DB_SQLITE);
    return 0;
}

static int set_up_postgres(void **state)
{
    log_configure(LOG_OFF, LOG_TEXT);
    *state = bench_new(DB_POSTGRES);
    return 0;
}

static int tear_down(void **state)
{
    Bench *b = *state;
    if (b) {
        ctx_free(b->cx);
        catalog_module.stop(&b->test->platform);
        test_platform_free(b->test);
        arena_free(b->arena);
        free(b);
    }
    return 0;
}

static Bench *need(void **state)
{
    if (!*state) {
        print_message("PostgreSQL is not installed\n");
        skip();
    }
    return *state;
}

/* ---- random questions */

static const char *const keys[] = {
    "kind",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "metadata.title",
    "metadata.tags",
    "metadata.tags.web",
    "metadata.labels.tier",
    "spec.type",
    "Spec.Lifecycle",
    "spec.size",
    "spec.flag",
    "spec.list",
    "spec.list.deep",
    "spec.list.x",
    "spec.none",
    "spec.nothing",
    "metadata.description",
    "apiVersion",
    "spec.definition",
    "relations.ownedBy",
    "relations.ownerOf",
    "relations.dependencyOf",
    "relations",
    "spec.type.cart",
    "metadata.etag",
};
static const char *const values[] = {
    "component",
    "API",
    "cart-3",
    "default",
    "go",
    "WEB",
    "1",
    "0",
    "l1",
    "true",
    "false",
    "x",
    "y",
    "cart",
    "alpha",
    "beta",
    "store front",
    "d",
    "backstage.io/v1alpha1",
    "alpha and beta",
    "group:default/team-1",
    "component:default/cart-6",
    "",
};

static Str random_value(void)
{
    return str_from(values[roll(ARRAY_LEN(values))]);
}

static void write_leaf(Buf *out)
{
    buf_char(out, '{');
    for (unsigned i = 0, n = 1 + roll(2); i < n; i++) {
        buf_fmt(out, "%s\"%s\":", i ? "," : "", keys[(roll(ARRAY_LEN(keys)) & ~1U) + i]);
        switch (roll(8)) {
        case 0:
            buf_fmt(out, "{\"$exists\":%s}", roll(3) ? "true" : "false");
            break;
        case 1:
            buf_fmt(out, "{\"$in\":[\"%.*s\",\"%.*s\",1,true]}", STR_ARG(random_value()),
                    STR_ARG(random_value()));
            break;
        case 2:
            buf_fmt(out, "{\"$hasPrefix\":\"%.*s\"}", STR_ARG(str_sub(random_value(), 0, 2)));
            break;
        case 3:
            buf_fmt(out, "{\"$contains\":\"%.*s\"}", STR_ARG(random_value()));
            break;
        case 4:
            buf_put(out, roll(2) ? STR("1") : STR("true"));
            break;
        default:
            buf_fmt(out, "\"%.*s\"", STR_ARG(random_value()));
            break;
        }
    }
    buf_char(out, '}');
}

static void write_predicate(Buf *out, unsigned depth)
{
    unsigned kind = depth ? roll(6) : 5;
    if (kind <= 2) {
        buf_put(out, kind ? STR("{\"$any\":[") : STR("{\"$all\":["));
        for (unsigned i = 0, n = roll(4); i < n; i++) {
            buf_put(out, i ? STR(",") : STR_EMPTY);
            write_predicate(out, depth - 1);
        }
        buf_lit(out, "]}");
    } else if (kind == 3) {
        buf_lit(out, "{\"$not\":");
        write_predicate(out, depth - 1);
        buf_char(out, '}');
    } else {
        write_leaf(out);
    }
}

static const Json *random_predicate(Arena *arena)
{
    Buf text = buf_init(arena, MIB);
    Json *v;
    Error err = {0};
    write_predicate(&text, 3);
    if (json_parse(arena, buf_str(&text), NULL, &v, &err) != RC_OK) {
        fail_msg("%.*s: %s", STR_ARG(buf_str(&text)), err.message);
    }
    if (predicate_validate(arena, v, &err) != RC_OK) {
        fail_msg("%.*s: %s", STR_ARG(buf_str(&text)), err.message);
    }
    return v;
}

static Json *page(Bench *b, const EntityQuery *q)
{
    Buf out = buf_init(b->cx->arena, 16 * MIB);
    FieldList none = {0};
    Json *v;
    must(query_page(b->cx, q, &none, &out), b->cx, "page");
    ctx_end(b->cx);
    must(json_parse(b->cx->arena, buf_str(&out), NULL, &v, &b->cx->error), b->cx, "page");
    return v;
}

static Str uid_of(const Json *entity)
{
    return json_str(json_path(entity, "metadata", "uid", NULL));
}

static void check_same_set(Bench *b, const EntityQuery *q, const Json *items)
{
    Arena *arena = b->cx->arena;
    Map got = map_init(arena);
    TextFilter text = text_filter(arena, q, STR_EMPTY);
    const char *question = q->filter ? str_cstr(arena, json_to_str(arena, q->filter)) : "-";
    for (uint32_t i = 0; i < items->n; i++) {
        map_put(&got, uid_of(items->items[i]), b);
    }
    for (size_t i = 0; i < b->n; i++) {
        bool want = predicate_matches(q->filter, b->entities[i]) &&
                    text_matches(arena, &text, b->entities[i]);
        if (want != map_has(&got, uid_of(b->entities[i]))) {
            fail_msg("%s %.*s: %s is %s", question, STR_ARG(q->term),
                     str_cstr(arena, json_to_str(arena, b->entities[i])),
                     want ? "missing" : "too much");
        }
    }
}

static void test_predicates(void **state)
{
    Bench *b = need(state);
    for (unsigned i = 0; i < ROUNDS; i++) {
        EntityQuery q = {.filter = random_predicate(b->cx->arena), .limit = ENTITIES};
        q.without_total = i % 2; /* both ways of looking for them */
        Json *v = page(b, &q);
        check_same_set(b, &q, json_get_c(v, "items"));
        int64_t total = 0;
        assert_true(json_to_i64(json_get_c(v, "totalItems"), &total));
        assert_int_equal(total, q.without_total ? 0 : json_get_c(v, "items")->n);
        ctx_reset(b->cx);
    }
}

static void test_text(void **state)
{
    Bench *b = need(state);
    static const char *const terms[] = {
        "cart", "STORE FR", "\xc3\xbc\x62\x65r", "a_b", "100%", "ta", "and %", "x",
        "zzz",  " Unit "};
    static const char *const fields[] = {"metadata.name", "metadata.title",  "metadata.description",
                                         "spec.type",     "spec.definition", "relations.ownedby",
                                         "kind"};
    for (unsigned i = 0; i < ROUNDS; i++) {
        Str chosen[3];
        EntityQuery q = {.has_text = true, .has_text_fields = true, .limit = ENTITIES};
        q.term = str_from(terms[roll(ARRAY_LEN(terms))]);
        q.text_fields = chosen;
        q.without_total = i % 2;
        for (q.n_text_fields = 0; q.n_text_fields < 1 + roll(3) && q.n_text_fields < 3;) {
            chosen[q.n_text_fields++] = str_from(fields[roll(i % 4 ? 3 : ARRAY_LEN(fields))]);
        }
        if (roll(2)) {
            q.filter = random_predicate(b->cx->arena);
        }
        check_same_set(b, &q, json_get_c(page(b, &q), "items"));
        ctx_reset(b->cx);
    }
}

/* ---- pages */

static void follow(Bench *b, const char *cursor, EntityQuery *q, int64_t limit)
{
    must(cursor_decode(b->cx->arena, str_from(cursor), q, &b->cx->error), b->cx, "cursor");
    q->limit = limit;
}

static Str names_of(Arena *arena, const Json *v)
{
    Buf out = buf_init(arena, MIB);
    const Json *items = json_get_c(v, "items");
    for (uint32_t i = 0; i < items->n; i++) {
        buf_put(&out, uid_of(items->items[i]));
        buf_char(&out, ' ');
    }
    return buf_str(&out);
}

static const char *cursor_of(Bench *b, const Json *v, const char *name)
{
    Str text = json_str_at(json_get_c(v, "pageInfo"), name);
    return text.len ? str_cstr(b->cx->arena, text) : NULL;
}

/* Forward to the end, all pages together are the whole list; and back again, page by page. */
static void walk(Bench *b, const EntityQuery *query, int64_t limit)
{
    VEC(Str) pages = {.arena = b->cx->arena};
    EntityQuery q = *query;
    q.limit = ENTITIES * 3; /* several values of a field are several rows */
    Str whole = names_of(b->cx->arena, page(b, &q));
    q.limit = limit;
    Json *v = page(b, &q);
    for (;;) {
        VEC_PUSH(&pages, names_of(b->cx->arena, v));
        const char *next = cursor_of(b, v, "nextCursor");
        if (!next) {
            break;
        }
        follow(b, next, &q, limit);
        v = page(b, &q);
    }
    Str joined = str_join(b->cx->arena, pages.at, pages.n, STR(""));
    assert_str(joined, whole);
    for (size_t i = pages.n - 1; i > 0; i--) {
        const char *previous = cursor_of(b, v, "prevCursor");
        assert_non_null(previous);
        follow(b, previous, &q, limit);
        v = page(b, &q);
        assert_str(names_of(b->cx->arena, v), pages.at[i - 1]);
        assert_non_null(cursor_of(b, v, "nextCursor"));
    }
    assert_null(cursor_of(b, v, "prevCursor"));
}

static void test_pages(void **state)
{
    Bench *b = need(state);
    static const char *const orders[] = {
        "",           "metadata.name",       "kind",         "spec.type",
        "spec.size",  "metadata.tags",       "spec.nothing", "relations.ownedBy",
        "apiVersion", "metadata.description"};
    for (unsigned i = 0; i < 3 * ARRAY_LEN(orders); i++) {
        const char *field = orders[i % ARRAY_LEN(orders)];
        EntityOrder order = {str_from(field), roll(2) ? STR("desc") : STR("asc")};
        EntityQuery q = {.order = &order, .n_order = field[0] ? 1 : 0};
        if (i >= ARRAY_LEN(orders)) {
            q.filter = random_predicate(b->cx->arena);
        }
        q.without_total = i >= 2 * ARRAY_LEN(orders);
        walk(b, &q, 1 + (int64_t)roll(40));
        ctx_reset(b->cx);
    }
}

/* Ordered by the value, lower case, and only entities that have one. */
static void test_order(void **state)
{
    Bench *b = need(state);
    static const char *const orders[] = {"metadata.name", "spec.type", "metadata.title",
                                         "apiVersion"};
    for (unsigned i = 0; i < 2 * ARRAY_LEN(orders); i++) {
        EntityOrder order = {str_from(orders[i / 2]), i % 2 ? STR("desc") : STR("asc")};
        EntityQuery q = {.order = &order, .n_order = 1, .limit = ENTITIES};
        const Json *items = json_get_c(page(b, &q), "items");
        Str key = str_lower(b->cx->arena, order.field), before = STR_EMPTY;
        for (uint32_t k = 0; k < items->n; k++) {
            EntityFields found;
            entity_values(items->items[k], key, b->cx->arena, &found);
            assert_int_equal(found.n, 1);
            int way = str_cmp(before, found.at[0].value);
            assert_true(k == 0 || (i % 2 ? way >= 0 : way <= 0));
            before = found.at[0].value;
        }
        size_t have = 0;
        for (size_t k = 0; k < b->n; k++) {
            EntityFields found;
            entity_values(b->entities[k], key, b->cx->arena, &found);
            have += found.n > 0;
        }
        assert_int_equal(items->n, have);
        ctx_reset(b->cx);
    }
}

/* GET /entities in pages: everything is there once, those without the field last either way. */
static void test_lists(void **state)
{
    Bench *b = need(state);
    static const char *const orders[] = {"", "metadata.title", "kind", "spec.nothing",
                                         "metadata.description"};
    for (unsigned i = 0; i < 2 * ARRAY_LEN(orders); i++) {
        const char *field = orders[i / 2];
        EntityOrder order[] = {
            {str_from(field),      i % 2 ? STR("desc") : STR("asc")},
            {STR("metadata.name"), STR("asc")                      }
        };
        EntityList list = {.has_limit = true, .limit = 7};
        list.query = (EntityQuery){.order = order, .n_order = field[0] ? 1 + i % 2 : 0};
        if (i % 3 == 0) { /* what SQL cannot say */
            Json *filter;
            must(json_parse(b->cx->arena, STR("{\"metadata.description\":{\"$exists\":true}}"),
                            NULL, &filter, &b->cx->error),
                 b->cx, "filter");
            list.query.filter = filter;
        }
        Map seen = map_init(b->cx->arena);
        bool more = true, ended = false;
        Str before = STR_EMPTY, after;
        while (more) {
            Buf out = buf_init(b->cx->arena, 16 * MIB);
            Json *v;
            must(list_page(b->cx, &list, &out, &more, &after), b->cx, "list");
            ctx_end(b->cx);
            must(json_parse(b->cx->arena, buf_str(&out), NULL, &v, &b->cx->error), b->cx, "list");
            assert_true(v->n == 7 || !more);
            for (uint32_t k = 0; k < v->n; k++) {
                EntityFields found;
                assert_null(map_put(&seen, uid_of(v->items[k]), b));
                entity_values(v->items[k], order[0].field, b->cx->arena, &found);
                bool has = found.n > 0 && entity_key_is_indexed(order[0].field);
                int way = has ? str_cmp(before, found.at[0].value) : 0;
                assert_false(has && ended);
                assert_true(before.len == 0 || !has || (i % 2 ? way >= 0 : way <= 0));
                before = has ? found.at[0].value : before;
                ended = !has;
            }
            must(list_after(b->cx->arena, after, &list, &b->cx->error), b->cx, "after");
        }
        size_t want = 0;
        for (size_t k = 0; k < b->n; k++) {
            want += predicate_matches(list.query.filter, b->entities[k]);
        }
        assert_int_equal(seen.n_live, want);
        ctx_reset(b->cx);
    }
}

/* ---- facets */

static int64_t count_of(const Json *list, Str value)
{
    for (uint32_t i = 0; i < list->n; i++) {
        int64_t n = 0;
        if (str_eq(json_str_at(list->items[i], "value"), value) &&
            json_to_i64(json_get_c(list->items[i], "count"), &n)) {
            return n;
        }
    }
    return 0;
}

static void check_facet(Bench *b, Str facet, const Json *filter)
{
    Arena *arena = b->cx->arena;
    Str answer;
    Json *v;
    must(facets_answer(b->cx, &facet, 1, &(EntityQuery){.filter = filter}, &answer), b->cx,
         "facets");
    ctx_end(b->cx);
    must(json_parse(arena, answer, NULL, &v, &b->cx->error), b->cx, "facets");
    const Json *list = json_get(json_get_c(v, "facets"), facet);
    int64_t sum = 0, total = 0;
    Str key = str_lower(arena, facet);
    for (size_t i = 0; i < b->n; i++) {
        EntityFields found;
        entity_values(b->entities[i], key, arena, &found);
        for (size_t k = 0; predicate_matches(filter, b->entities[i]) && k < found.n; k++) {
            if (str_is(found.at[k].value, ENTITY_FIELD_NULL)) {
                continue;
            }
            sum++;
            if (count_of(list, found.at[k].original) == 0) {
                fail_msg("%.*s lacks %.*s", STR_ARG(facet), STR_ARG(found.at[k].original));
            }
        }
    }
    for (uint32_t i = 0; i < list->n; i++) {
        total += count_of(list, json_str_at(list->items[i], "value"));
        assert_true(i == 0 || str_cmp(json_str_at(list->items[i - 1], "value"),
                                      json_str_at(list->items[i], "value")) < 0);
    }
    assert_int_equal(total, sum);
}

static void test_facets(void **state)
{
    Bench *b = need(state);
    static const char *const facets[] = {"kind",
                                         "metadata.name",
                                         "spec.type",
                                         "metadata.tags",
                                         "Spec.Size",
                                         "relations.ownedBy",
                                         "relations.ownerOf",
                                         "apiVersion",
                                         "metadata.namespace",
                                         "spec.none"};
    for (unsigned i = 0; i < 6 * ARRAY_LEN(facets); i++) {
        const Json *filter = i < ARRAY_LEN(facets) ? NULL : random_predicate(b->cx->arena);
        check_facet(b, str_from(facets[i % ARRAY_LEN(facets)]), filter);
        ctx_reset(b->cx);
    }
}

/* ---- caches, budgets, statements */

static void test_fresh(void **state)
{
    Bench *b = need(state);
    Str text, ref = STR("component:default/fresh");
    Str facet = STR("spec.lifecycle");
    for (int i = 0; i < 5; i++) {
        Str entity = str_fmt(b->arena,
                             "{\"apiVersion\":\"backstage.io/v1alpha1\",\"kind\":\"Component\","
                             "\"metadata\":{\"name\":\"fresh\"},\"spec\":{\"type\":\"t\","
                             "\"lifecycle\":\"round%d\",\"owner\":\"o\"}}",
                             i);
        Str wanted = str_fmt(b->arena, "\"round%d\"", i);
        apply_texts(b, &entity, 1);
        for (int k = 0; k < 2; k++) { /* the second time from the cache */
            must(text_by_ref(b->cx, ref, &text), b->cx, "by ref");
            assert_true(str_find(text, wanted) != SIZE_MAX);
            must(facets_answer(b->cx, &facet, 1, &(EntityQuery){0}, &text), b->cx, "facets");
            assert_true(str_find(text, wanted) != SIZE_MAX);
            ctx_end(b->cx);
        }
    }
    must(ctx_begin(b->cx), b->cx, "begin");
    must(text_by_ref(b->cx, ref, &text), b->cx, "by ref");
    ApplyBatch batch = {.remove_refs = &ref, .n_remove_refs = 1};
    ApplyResult result;
    must(catalog_apply(b->cx, catalog_kinds(b->cx->platform), &batch, &result), b->cx, "apply");
    assert_int_equal(text_by_ref(b->cx, ref, &text), RC_NOT_FOUND);
    must(ctx_commit(b->cx), b->cx, "commit");
    assert_int_equal(text_by_ref(b->cx, ref, &text), RC_NOT_FOUND);
    ctx_reset(b->cx);
}

static size_t stitch_rounds(Bench *b)
{
    size_t rounds = 0;
    for (bool more = true; more; rounds++) {
        must(ctx_begin(b->cx), b->cx, "begin");
        must(catalog_stitch(b->cx, catalog_kinds(b->cx->platform), &more), b->cx, "stitch");
        must(ctx_commit(b->cx), b->cx, "commit");
    }
    return rounds;
}

/* What a large read leaves to do is done later, by whoever comes: the marks are rows. */
static void test_stitched_later(void **state)
{
    enum { UNITS = 2100 /* more than are made in one go */ };
    Bench *b = need(state);
    Str *texts = ARENA_ARRAY(b->arena, Str, UNITS + 1), text;
    Str hub = STR("group:default/hub"), last = STR("component:default/later-2099");
    Str owns = STR("{\"type\":\"ownerOf\",\"targetRef\":\"component:default/later-2099\"}");
    Str owned = STR(",\"relations\":[{\"type\":\"ownedBy\",\"targetRef\":\"group:default/hub\"}]}");
    Str none = STR(",\"relations\":[]}");
    for (size_t i = 0; i <= UNITS; i++) {
        texts[i] =
            str_fmt(b->arena,
                    "{\"apiVersion\":\"backstage.io/v1alpha1\",\"kind\":\"%s\",\"metadata\":{"
                    "\"name\":\"%s%zu\"},\"spec\":{\"type\":\"t\",\"lifecycle\":\"l\","
                    "\"owner\":\"hub\",\"children\":[]}}",
                    i ? "Component" : "Group", i ? "later-" : "hub", i);
    }
    texts[0] =
        STR("{\"apiVersion\":\"backstage.io/v1alpha1\",\"kind\":\"Group\",\"metadata\":{\"name\":"
            "\"hub\"},\"spec\":{\"type\":\"t\",\"children\":[]}}");
    apply_texts(b, texts, 1);
    apply_marked(b, texts + 1, UNITS - 1, true);
    must(text_by_ref(b->cx, hub, &text), b->cx, "by ref");
    assert_true(str_find(text, owns) == SIZE_MAX);
    must(text_by_ref(b->cx, last, &text), b->cx, "by ref");
    assert_true(str_ends(text, none));
    ctx_end(b->cx);
    assert_int_equal(stitch_rounds(b), 2);
    must(text_by_ref(b->cx, hub, &text), b->cx, "by ref");
    assert_true(str_find(text, owns) != SIZE_MAX);
    must(text_by_ref(b->cx, last, &text), b->cx, "by ref");
    assert_true(str_ends(text, owned));
    /* another source's read has stitched between two batches of this one */
    ctx_end(b->cx);
    apply_marked(b, texts + UNITS, 1, true);
    assert_int_equal(stitch_rounds(b), 1);
    must(text_by_ref(b->cx, hub, &text), b->cx, "by ref");
    assert_true(str_find(text, STR("component:default/later-2100")) != SIZE_MAX);
    ctx_reset(b->cx);
}

static void test_by_refs(void **state)
{
    Bench *b = need(state);
    Str refs[] = {STR("component:default/cart-0"), STR("API:default/unit-1"),
                  STR("api:default/unit-1"), STR("nothing"), STR("component:default/cart-0")};
    for (int i = 0; i < 2; i++) {
        Buf out = buf_init(b->cx->arena, MIB);
        FieldList fields;
        Str list = STR("metadata.name");
        assert_int_equal(fields_parse(b->cx->arena, &list, 1, &fields, NULL), RC_OK);
        must(entities_by_refs(b->cx, refs, ARRAY_LEN(refs), NULL, &fields, &out), b->cx, "refs");
        assert_str(buf_str(&out),
                   STR("{\"items\":[{\"metadata\":{\"name\":\"cart-0\"}},null,{\"metadata\":{"
                       "\"name\":\"Unit-1\"}},null,{\"metadata\":{\"name\":\"cart-0\"}}]}"));
        ctx_reset(b->cx);
    }
}

static void test_graph(void **state)
{
    Bench *b = need(state);
    Str texts[4], types[] = {STR("dependsOn")};
    static const char *const needs[][2] = {
        {"g0", "g1"},
        {"g1", "g0"},
        {"g2", "g1"},
        {"g3", "g2"}
    };
    for (size_t i = 0; i < ARRAY_LEN(needs); i++) { /* g0 and g1 need each other */
        texts[i] = str_fmt(b->arena,
                           "{\"apiVersion\":\"backstage.io/v1alpha1\",\"kind\":\"Component\","
                           "\"metadata\":{\"name\":\"%s\"},\"spec\":{\"type\":\"t\",\"lifecycle\":"
                           "\"l\",\"owner\":\"o\",\"dependsOn\":[\"component:%s\"]}}",
                           needs[i][0], needs[i][1]);
    }
    apply_texts(b, texts, ARRAY_LEN(texts));
    static const struct {
        bool up, down;
        unsigned depth;
        size_t max, want;
        bool truncated;
    } cases[] = {
        {true,  false, 9, 100, 2, false},
        {false, true,  9, 100, 4, false},
        {true,  true,  9, 100, 4, false},
        {false, true,  1, 100, 1, false},
        {true,  true,  9, 3,   3, true },
        {true,  true,  0, 100, 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CatalogEdge *edges;
        size_t n;
        bool truncated;
        must(catalog_graph(b->cx, STR("Component:default/G0"), types, 1, cases[i].up, cases[i].down,
                           cases[i].depth, cases[i].max, &edges, &n, &truncated),
             b->cx, "graph");
        assert_int_equal(n, cases[i].want);
        assert_int_equal(truncated, cases[i].truncated);
        ctx_reset(b->cx);
    }
}

#define BOTH(test)                                                                                 \
    cmocka_unit_test_setup_teardown(test, set_up_sqlite, tear_down),                               \
        cmocka_unit_test_setup_teardown(test, set_up_postgres, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_predicates), BOTH(test_text),           BOTH(test_pages), BOTH(test_order),
        BOTH(test_lists),      BOTH(test_facets),         BOTH(test_fresh), BOTH(test_by_refs),
        BOTH(test_graph),      BOTH(test_stitched_later),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_database_end();
    return failed;
}
