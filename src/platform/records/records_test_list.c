/* SPDX-License-Identifier: Apache-2.0
 * Lists: every record once and in order whatever the page size, the same order on both databases,
 * few queries, and refusals instead of surprises for hostile queries and cursors. */
#include "base/buf.h"

#include "platform/records/records_test.h"

#include <stdatomic.h>

enum { THINGS = 60 };

/* Values that sort differently under most collations, with duplicates and gaps. */
static void make_things(Bench *b)
{
    static const char *const names[] = {"apple", "Zebra", "zebra", "\u00c9clair", "_x",
                                        "10",    "9",     "a b",   "a-b",         "A"};
    for (int i = 0; i < THINGS; i++) {
        CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
        Buf body = buf_init(arena, KIB);
        buf_fmt(&body, "{\"name\":\"%s\",\"slug\":\"s%02d\",\"active\":%s", names[i % 10],
                (i * 37) % 100, i % 3 ? "true" : "false");
        if (i % 4 != 0) {
            buf_fmt(&body, ",\"size\":%d,\"note\":\"%s\"", i % 7, names[(i / 2) % 10]);
        }
        if (i % 5 != 0) {
            buf_fmt(&body, ",\"weight\":%d.%d,\"due_at\":\"20%02d-01-31T00:00:00.%06dZ\"",
                    i % 4 - 2, i % 10, 10 + i % 9, i);
        }
        buf_lit(&body, "}");
        Answer a = bench_call(b, arena, "POST /api/things", NULL, str_cstr(arena, buf_str(&body)));
        assert_int_equal(a.status, 201);
    }
}

typedef struct Page {
    Json *items;
    Str next;
} Page;

static Page get_page(Bench *b, Arena *arena, Str sort, size_t limit, Str cursor)
{
    Json *page;
    Str call = str_fmt(arena, "GET /api/things?sort=%.*s&limit=%zu%s%.*s", STR_ARG(sort), limit,
                       cursor.len ? "&cursor=" : "", STR_ARG(cursor));
    Answer a = bench_call(b, arena, str_cstr(arena, call), NULL, NULL);
    if (a.status != 200) {
        fail_msg("%.*s: %d %.*s", STR_ARG(call), a.status, STR_ARG(a.body));
    }
    assert_int_equal(json_parse(arena, a.body, NULL, &page, NULL), RC_OK);
    return (Page){json_get_c(page, "items"), json_str_at(page, "next_cursor")};
}

/* The slugs of so many things in their order, through pages of a size. */
static Str walk_some(Bench *b, Arena *arena, Str sort, size_t limit, size_t expected)
{
    Buf out = buf_init(arena, 64 * KIB);
    Str cursor = STR_EMPTY;
    size_t n = 0;
    do {
        Page page = get_page(b, arena, sort, limit, cursor);
        assert_true(page.items->n <= limit);
        for (uint32_t i = 0; i < page.items->n; i++) {
            buf_fmt(&out, "%.*s ", STR_ARG(json_str_at(page.items->items[i], "slug")));
            n++;
        }
        cursor = page.next;
        assert_true(n <= THINGS);
    } while (cursor.len > 0);
    assert_int_equal(n, expected);
    return buf_str(&out);
}

static Str walk(Bench *b, Arena *arena, Str sort, size_t limit)
{
    return walk_some(b, arena, sort, limit, THINGS);
}

static void check_nulls_last(Bench *b, Arena *arena, const char *sort, const char *member)
{
    Page page = get_page(b, arena, str_from(sort), THINGS, STR_EMPTY);
    bool seen_none = false;
    for (uint32_t i = 0; i < page.items->n; i++) {
        const Json *v = json_get_c(page.items->items[i], member);
        bool is_none = !v || v->type == JSON_NULL;
        assert_true(is_none || !seen_none);
        seen_none |= is_none;
    }
    assert_true(seen_none);
}

static const char *const sorts[] = {
    "slug",
    "-slug",
    "name,slug",
    "-name,slug",
    "size,slug",
    "-size,slug",
    "note,-size,slug",
    "-note,size,-slug",
    "due_at,slug",
    "-due_at,-slug",
    "weight,-slug",
    "active,-name,slug",
    "-active,weight,slug",
};

void test_walks(void **state)
{
    static Arena *kept; /* of the first database; the second one must agree */
    static Str first[ARRAY_LEN(sorts)];
    Bench *b = need_bench(state);
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    make_things(b);
    bool is_first = kept == NULL;
    kept = is_first ? arena_new(0) : kept;
    for (size_t i = 0; i < ARRAY_LEN(sorts); i++) {
        Str sort = str_from(sorts[i]);
        Str whole = walk(b, arena, sort, THINGS + 1);
        static const size_t limits[] = {1, 7, 59, 60};
        for (size_t k = 0; k < ARRAY_LEN(limits); k++) {
            assert_str(walk(b, arena, sort, limits[k]), whole);
        }
        if (is_first) {
            first[i] = str_dup(kept, whole);
        } else {
            assert_str(whole, first[i]);
        }
    }
    check_nulls_last(b, arena, "size", "size");
    check_nulls_last(b, arena, "-size", "size");
    check_nulls_last(b, arena, "-note", "note");
    /* The default sort has no key that is unique but the id. */
    assert_int_equal(get_page(b, arena, STR("-created_at"), 500, STR_EMPTY).items->n, THINGS);
    if (!is_first) {
        arena_free(kept);
        kept = NULL;
    }
}

/* What is written while somebody reads page after page neither hides nor repeats what was there. */
static void check_writes_between_pages(Bench *b, Arena *arena)
{
    Page page = get_page(b, arena, STR("slug"), 10, STR_EMPTY);
    Str last = json_str_at(page.items->items[9], "slug");
    Answer a = bench_call(b, arena, "POST /api/things", NULL, "{\"name\":\"new\",\"slug\":\"a0\"}");
    assert_int_equal(a.status, 201);
    page = get_page(b, arena, STR("slug"), 10, page.next);
    assert_true(str_cmp(json_str_at(page.items->items[0], "slug"), last) > 0);
    for (uint32_t i = 0; i < page.items->n; i++) {
        assert_false(str_is(json_str_at(page.items->items[i], "slug"), "a0"));
    }
}

/* The linker leads the store's statements through these (see CMakeLists.txt). */
static _Atomic int n_statements;

Rc __real_tx_query(
    Tx *tx, const Query *query, const Param *params, size_t n, Rows **ret, Error *err);
Rc __wrap_tx_query(
    Tx *tx, const Query *query, const Param *params, size_t n, Rows **ret, Error *err);
Rc __real_tx_query_sql(Tx *tx, Str sql, const Param *params, size_t n, Rows **ret, Error *err);
Rc __wrap_tx_query_sql(Tx *tx, Str sql, const Param *params, size_t n, Rows **ret, Error *err);
Rc __real_tx_exec(
    Tx *tx, const Query *query, const Param *params, size_t n, int64_t *ret, Error *err);
Rc __wrap_tx_exec(
    Tx *tx, const Query *query, const Param *params, size_t n, int64_t *ret, Error *err);
Rc __real_tx_exec_sql(Tx *tx, Str sql, const Param *params, size_t n, int64_t *ret, Error *err);
Rc __wrap_tx_exec_sql(Tx *tx, Str sql, const Param *params, size_t n, int64_t *ret, Error *err);

Rc __wrap_tx_query(
    Tx *tx, const Query *query, const Param *params, size_t n, Rows **ret, Error *err)
{
    n_statements++;
    return __real_tx_query(tx, query, params, n, ret, err);
}

Rc __wrap_tx_query_sql(Tx *tx, Str sql, const Param *params, size_t n, Rows **ret, Error *err)
{
    n_statements++;
    return __real_tx_query_sql(tx, sql, params, n, ret, err);
}

Rc __wrap_tx_exec(
    Tx *tx, const Query *query, const Param *params, size_t n, int64_t *ret, Error *err)
{
    n_statements++;
    return __real_tx_exec(tx, query, params, n, ret, err);
}

Rc __wrap_tx_exec_sql(Tx *tx, Str sql, const Param *params, size_t n, int64_t *ret, Error *err)
{
    n_statements++;
    return __real_tx_exec_sql(tx, sql, params, n, ret, err);
}

/* Statements of one call; a list's do not grow with its records. */
void test_budget(void **state)
{
    /* clang-format off */
    static const struct {
        const char *call, *header, *body;
        int statements, presents;
    } budgets[] = {
        {"GET /api/things?limit=50", NULL, NULL, 1, 1},
        {"GET /api/things?limit=50&total=true&q=e&size[gte]=1&sort=-name", NULL, NULL, 2, 1},
        {"GET /api/things?fields=name", NULL, NULL, 1, 1},
        /* the row, its audit row, its event; on SQLite also the end of the audit chain, read and written */
        {"POST /api/makers", NULL, "{\"name\":\"m\"}", 3, 0},
        /* the key taken and kept, old keys removed */
        {"POST /api/makers", "Idempotency-Key: b", "{\"name\":\"n\"}", 6, 0},
    };
    /* clang-format on */
    Bench *b = need_bench(state);
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    make_things(b);
    for (size_t i = 0; i < ARRAY_LEN(budgets); i++) {
        int presented = gadget_presented, before = n_statements;
        int status =
            bench_call(b, arena, budgets[i].call, budgets[i].header, budgets[i].body).status;
        assert_true(status == 200 || status == 201);
        bool is_chained = budgets[i].body && db_kind(b->platform.db) == DB_SQLITE;
        assert_in_range(n_statements - before, 1, budgets[i].statements + (is_chained ? 2 : 0));
        assert_int_equal(gadget_presented - presented, budgets[i].presents);
    }
    check_writes_between_pages(b, arena);
}

void test_hostile_queries(void **state)
{
    /* clang-format off */
    static const struct {
        const char *query;
        const char *says;
    } cases[] = {
        {"nonsense=1", "query:nonsense"},
        {"revision=1", "query:revision"},
        {"name[nonsense]=1", "no such operator"},
        {"name[]=1", "no such operator"},
        {"name[ne=1", "query:name[ne"},
        {"name;DROP TABLE things=1", "is not known here"},
        {"\"name\"=1", "is not known here"},
        {"size=abc", "must be a whole number"},
        {"size=1.5", "must be a whole number"},
        {"size=99999999999999999999", "must be a whole number"},
        {"size=1%20OR%201=1", "must be a whole number"},
        {"weight=x", "must be a number"},
        {"active=yes", "must be true or false" },
        {"created_at[gt]=yesterday", "must be a time"},
        {"name=%00", "must be text"},
        {"name=%ff", "must be text"},
        {"size[contains]=1", "is for text"},
        {"size[exists]=perhaps", "must be true or false" },
        {"tags=x", "cannot be filtered by" },
        {"token=hunter2", "cannot be filtered by" },
        {"token[prefix]=h", "cannot be filtered by" },
        {"token[exists]=true", "cannot be filtered by" },
        {"sort=token", "names no field"},
        {"sort=tags", "names no field"},
        {"sort=", "names no field"},
        {"sort", "names no field"},
        {"fields=", "names no field"},
        {"fields", "names no field"},
        {"sort=name;--", "names no field"},
        {"sort=name,name,name,name,name", "at most 4"},
        {"sort=name&sort=slug", "given twice"},
        {"fields=nonsense", "names no field"},
        {"limit=0", "from 1 to 500"},
        {"limit=501", "from 1 to 500"},
        {"limit=-1", "from 1 to 500"},
        {"limit=1e2", "from 1 to 500"},
        {"total=1", "must be true or false" },
        {"q=a%20b%20c%20d%20e%20f%20g%20h%20i", "at most 8 words"},
        {"q=%00", "must be text"},
    };
    /* clang-format on */
    Bench *b = need_bench(state);
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *call = str_cstr(arena, str_fmt(arena, "GET /api/things?%s", cases[i].query));
        Answer a = bench_call(b, arena, call, NULL, NULL);
        if (a.status != 400 || str_find(a.body, str_from(cases[i].says)) == SIZE_MAX) {
            fail_msg("%s: %d %.*s", cases[i].query, a.status, STR_ARG(a.body));
        }
    }
    Buf many = buf_init(arena, 64 * KIB);
    buf_lit(&many, "GET /api/things?name=0");
    for (int i = 1; i <= 100; i++) {
        buf_fmt(&many, "&name=%d", i);
    }
    assert_int_equal(bench_call(b, arena, str_cstr(arena, buf_str(&many)), NULL, NULL).status, 400);
    Buf longest = buf_init(arena, 64 * KIB);
    buf_lit(&longest, "GET /api/things?name=");
    for (int i = 0; i < 1025; i++) {
        buf_char(&longest, 'a');
    }
    assert_int_equal(bench_call(b, arena, str_cstr(arena, buf_str(&longest)), NULL, NULL).status,
                     400);
}

static Str base64url(Arena *arena, const char *text)
{
    Buf out = buf_init(arena, 64 * KIB);
    buf_base64url(&out, str_from(text));
    return buf_str(&out);
}

static void refused_cursor(Bench *b, Arena *arena, const char *query, Str cursor)
{
    Str call = str_fmt(arena, "GET /api/things?%s&cursor=%.*s", query, STR_ARG(cursor));
    Answer a = bench_call(b, arena, str_cstr(arena, call), NULL, NULL);
    if (a.status != 400 || str_find(a.body, STR("query:cursor")) == SIZE_MAX) {
        fail_msg("%.*s: %d %.*s", STR_ARG(call), a.status, STR_ARG(a.body));
    }
}

void test_hostile_cursors(void **state)
{
    Bench *b = need_bench(state);
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    make_things(b);
    Page page = get_page(b, arena, STR("size"), 5, STR_EMPTY);
    static const char *const others[] = {"sort=-size",    "sort=name",
                                         "limit=5",       "sort=size&name=Zebra",
                                         "sort=size&q=a", "sort=size&include_deleted=true"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        refused_cursor(b, arena, others[i], page.next);
    }
    static const char *const junk[] = {"a", "%25%25", "bnVsbA", "W10", "e30", "AAAA", "____"};
    for (size_t i = 0; i < ARRAY_LEN(junk); i++) {
        refused_cursor(b, arena, "sort=size", str_from(junk[i]));
    }
    /* Every single byte altered: another place of the same list, or a refusal; never anything else.
     */
    for (size_t i = 0; i < page.next.len; i++) {
        char *text = arena_dup(arena, page.next.ptr, page.next.len);
        text[i] = text[i] == 'x' ? 'y' : 'x';
        Str call =
            str_fmt(arena, "GET /api/things?sort=size&cursor=%.*s", (int)page.next.len, text);
        Answer a = bench_call(b, arena, str_cstr(arena, call), NULL, NULL);
        assert_true(a.status == 400 || a.status == 200);
    }
    /* The right hash with wrong values. */
    CLEANUP(buf_done) Buf plain = buf_init(NULL, 64 * KIB);
    assert_true(buf_unbase64(&plain, page.next));
    Str hash = str_sub(buf_str(&plain), 0, str_find(buf_str(&plain), STR("\"v\"")));
    static const char *const values[] = {"\"v\":[]}",
                                         "\"v\":[1]}",
                                         "\"v\":[\"a\",\"b\"]}",
                                         "\"v\":[1,null]}",
                                         "\"v\":[1,2]}",
                                         "\"v\":[1,\"a\",3]}",
                                         "\"v\":{\"a\":1}}",
                                         "\"v\":[[1],\"a\"]}",
                                         "\"v\":[1.5,\"a\"]}",
                                         "\"v\":[99999999999999999999,\"a\"]}"};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        const char *text = str_cstr(arena, str_fmt(arena, "%.*s%s", STR_ARG(hash), values[i]));
        refused_cursor(b, arena, "sort=size", base64url(arena, text));
    }
}

/* ---- what may be seen */

/* Things whose slug begins with less than the text that is bound. */
static Rc below_s50(Ctx *cx, const RecordType *type, size_t first, RecordFilter *ret)
{
    if (str_is(type->name, "Thing")) {
        Param *p = ARENA_NEW(cx->arena, Param);
        *p = P_STR(STR("s50"));
        *ret = (RecordFilter){str_fmt(cx->arena, "slug < $%zu OR slug = $%zu", first, first), p, 1};
    }
    return RC_OK;
}

/* Nothing tells that there is more: neither pages, cursors, totals and filters, nor single ones. */
void test_visible(void **state)
{
    Bench *b = need_bench(state);
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    make_things(b);
    int64_t all = bench_count(b, "SELECT COUNT(*) FROM things");
    int64_t seen = bench_count(b, "SELECT COUNT(*) FROM things WHERE slug <= 's50'");
    const char *hidden = str_cstr(
        arena,
        bench_text(b, arena, "SELECT id FROM things WHERE slug > 's50' ORDER BY slug LIMIT 1"));
    assert_true(seen > 0 && seen < all);
    Str whole = walk(b, arena, STR("slug"), 500);
    records_set_visible(b->platform.records, below_s50);

    Str part = walk_some(b, arena, STR("slug"), 500, (size_t)seen);
    assert_true(part.len < whole.len && str_starts(whole, part));
    assert_str(walk_some(b, arena, STR("slug"), 1, (size_t)seen), part);
    assert_str(walk_some(b, arena, STR("slug"), 7, (size_t)seen), part);
    Answer a = bench_call(b, arena, "GET /api/things?total=true&limit=1", NULL, NULL);
    assert_true(str_find(a.body, str_fmt(arena, "\"total\":%lld", (long long)seen)) != SIZE_MAX);
    a = bench_call(b, arena, "GET /api/things?total=true&slug[gt]=s50&name=A&name=10", NULL, NULL);
    assert_true(str_find(a.body, STR("\"total\":0")) != SIZE_MAX);
    static const char *const reads[] = {"GET /api/things/%s", "GET /api/things/%s/history"};
    for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
        const char *call =
            str_cstr(arena, str_replace(arena, str_from(reads[i]), STR("%s"), str_from(hidden)));
        a = bench_call(b, arena, call, NULL, NULL);
        assert_int_equal(a.status, 404);
        records_set_visible(b->platform.records, NULL);
        assert_int_equal(bench_call(b, arena, call, NULL, NULL).status, 200);
        records_set_visible(b->platform.records, below_s50);
    }
}
