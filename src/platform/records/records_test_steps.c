/* SPDX-License-Identifier: Apache-2.0
 * Scenarios of calls, each with what must come of it. $a..$z in a call or body stand for ids that
 * earlier steps saved. */
#include "base/buf.h"

#include "platform/records/records_test.h"

typedef struct Step {
    const char *name;
    const char *call;   /* "PATCH /api/things/$t" */
    const char *header; /* one, or NULL */
    const char *body;
    int status;
    char save; /* the id of the answered record goes here */
    const char *has[4];
    const char *lacks[2];
    const char *answer_header; /* "ETag: \"1\"" */
    const char *event;         /* type of the newest event; NULL: as before */
} Step;

/* clang-format off */
static const Step steps[] = {
    /* create */
    {"a record with everything", "POST /api/things", NULL,
     "{\"name\":\"Hammer\",\"slug\":\"hammer\",\"note\":null,\"size\":3,\"weight\":1.5,\"color\":\"red\","
     "\"due_at\":\"2026-01-31T10:00:00+01:00\",\"tags\":[\"x\"],\"settings\":{\"a\":{\"b\":1}},\"origin\":\"DE\"}",
     201, 't', {"\"active\":true", "\"due_at\":\"2026-01-31T09:00:00.000Z\"", "\"note\":null", "\"parts_count\":7"},
     {"\"maker_id\"", "\"status\""}, "ETag: \"1\"", "things.created"},
    {"who and when", "GET /api/things/$t", NULL, NULL, 200, 0,
     {"\"created_by\":\"0192a3b4-c5d6-7e8f-9012-3456789abcde\"", "\"deleted_at\":null"}, {0}, "ETag: \"1\"", NULL},
    {"only what must be", "POST /api/things", NULL, "{\"name\":\"Saw\",\"slug\":\"saw\"}", 201, 's',
     {"\"active\":true"}, {"\"size\"", "\"note\":\""}, NULL, "things.created"},
    {"a field nobody knows", "POST /api/things", NULL, "{\"name\":\"a\",\"slug\":\"a\",\"nonsense\":1}", 422, 0,
     {"/nonsense", "is no field of a thing"}, {0}, NULL, NULL},
    {"a read-only field", "POST /api/things", NULL, "{\"name\":\"a\",\"slug\":\"a\",\"status\":\"x\"}", 422, 0,
     {"/status", "set by the server"}, {0}, NULL, NULL},
    {"a standard field", "POST /api/things", NULL, "{\"name\":\"a\",\"slug\":\"a\",\"id\":\"" ID_OF_NOTHING "\"}", 422, 0,
     {"/id", "set by the server"}, {0}, NULL, NULL},
    {"a computed field", "POST /api/things", NULL, "{\"name\":\"a\",\"slug\":\"a\",\"parts_count\":1}", 422, 0,
     {"/parts_count"}, {0}, NULL, NULL},
    {"revision is no field", "POST /api/things", NULL, "{\"name\":\"a\",\"slug\":\"a\",\"revision\":9}", 422, 0,
     {"/revision"}, {0}, NULL, NULL},
    {"a required field lacks", "POST /api/things", NULL, "{\"name\":\"a\"}", 422, 0, {"/slug"}, {0}, NULL, NULL},
    {"a value breaks its schema", "POST /api/things", NULL, "{\"name\":\"a\",\"slug\":\"A B\"}", 422, 0, {"/slug"},
     {0}, NULL, NULL},
    {"a number too large to store", "POST /api/things", NULL,
     "{\"name\":\"a\",\"slug\":\"a\",\"size\":123456789012345678901234567890}", 422, 0, {"/size"}, {0}, NULL, NULL},
    {"no object", "POST /api/things", NULL, "[1]", 422, 0, {"JSON object"}, {0}, NULL, NULL},
    {"a slug that is taken", "POST /api/things", NULL, "{\"name\":\"a\",\"slug\":\"saw\"}", 409, 0,
     {"Another thing already has this slug", "/slug"}, {0}, NULL, NULL},

    /* references */
    {"a maker", "POST /api/makers", NULL, "{\"name\":\"Acme\"}", 201, 'm', {"Acme"}, {"deleted_at"}, NULL,
     "makers.created"},
    {"a reference", "PATCH /api/things/$s", NULL, "{\"maker_id\":\"$m\"}", 200, 0, {"\"maker_id\":\"$m\""}, {0},
     "ETag: \"2\"", "things.updated"},
    {"a reference to nothing", "PATCH /api/things/$s", NULL, "{\"maker_id\":\"" ID_OF_NOTHING "\"}", 422, 0,
     {"/maker_id", "must be the id of an existing maker"}, {0}, NULL, NULL},
    {"a reference that is no id", "PATCH /api/things/$s", NULL, "{\"maker_id\":\"' OR 1=1\"}", 422, 0, {"/maker_id"},
     {0}, NULL, NULL},
    {"what is referred to stays", "DELETE /api/makers/$m", NULL, NULL, 409, 0, {"still refers to this maker"}, {0},
     NULL, NULL},

    /* patch */
    {"merged, not replaced", "PATCH /api/things/$t", NULL, "{\"settings\":{\"a\":{\"c\":2}},\"size\":null}", 200, 0,
     {"\"settings\":{\"a\":{\"b\":1,\"c\":2}}", "\"name\":\"Hammer\""}, {"\"size\""}, "ETag: \"2\"", "things.updated"},
    {"null where null is a value", "PATCH /api/things/$t", NULL, "{\"note\":\"n\"}", 200, 0, {"\"note\":\"n\""}, {0},
     "ETag: \"3\"", "things.updated"},
    {"and back", "PATCH /api/things/$t", NULL, "{\"note\":null}", 200, 0, {"\"note\":null"}, {0}, "ETag: \"4\"",
     "things.updated"},
    {"nothing changes: no revision, no event", "PATCH /api/things/$t", NULL, "{\"name\":\"Hammer\"}", 200, 0, {0}, {0},
     "ETag: \"4\"", NULL},
    {"the same instant in another zone is no change", "PATCH /api/things/$t", NULL,
     "{\"due_at\":\"2026-01-31T09:00:00Z\"}", 200, 0, {0}, {0}, "ETag: \"4\"", NULL},
    {"what must be cannot be cleared", "PATCH /api/things/$t", NULL, "{\"name\":null}", 422, 0, {"/name"}, {0}, NULL,
     NULL},
    {"set once", "PATCH /api/things/$t", NULL, "{\"origin\":\"FR\"}", 422, 0, {"/origin", "only when"}, {0}, NULL,
     NULL},
    {"set once, sent again", "PATCH /api/things/$t", NULL, "{\"origin\":\"DE\"}", 200, 0, {0}, {0}, "ETag: \"4\"",
     NULL},
    {"a slug taken by a patch", "PATCH /api/things/$t", NULL, "{\"slug\":\"saw\"}", 409, 0, {"/slug"}, {0}, NULL,
     NULL},

    /* replace */
    {"what is left out goes", "PUT /api/things/$t", NULL, "{\"name\":\"Hammer\",\"slug\":\"hammer\",\"size\":5}", 200,
     0, {"\"size\":5", "\"active\":true", "\"origin\":\"DE\""}, {"\"tags\"", "\"weight\""}, "ETag: \"5\"",
     "things.updated"},
    {"a replacement lacks something", "PUT /api/things/$t", NULL, "{\"name\":\"Hammer\"}", 422, 0, {"/slug"}, {0},
     NULL, NULL},

    /* preconditions */
    {"an old revision", "PATCH /api/things/$t", "If-Match: \"4\"", "{\"size\":6}", 412, 0, {"its ETag is now \"5\""},
     {0}, NULL, NULL},
    {"a weak tag never fits", "PATCH /api/things/$t", "If-Match: W/\"5\"", "{\"size\":6}", 412, 0, {0}, {0}, NULL,
     NULL},
    {"one of several", "PATCH /api/things/$t", "If-Match: \"9\", \"5\"", "{\"size\":6}", 200, 0, {0}, {0},
     "ETag: \"6\"", "things.updated"},
    {"any", "PATCH /api/things/$t", "If-Match: *", "{\"size\":7}", 200, 0, {0}, {0}, "ETag: \"7\"", "things.updated"},
    {"delete an old revision", "DELETE /api/things/$t", "If-Match: \"1\"", NULL, 412, 0, {0}, {0}, NULL, NULL},

    /* delete and restore */
    {"restore what is there", "POST /api/things/$t/restore", NULL, NULL, 409, 0, {"is not deleted"}, {0}, NULL, NULL},
    {"delete", "DELETE /api/things/$t", "If-Match: \"7\"", NULL, 204, 0, {0}, {0}, NULL, "things.deleted"},
    {"gone", "GET /api/things/$t", NULL, NULL, 404, 0, {"There is no thing with the id"}, {0}, NULL, NULL},
    {"but not forgotten", "GET /api/things/$t?include_deleted=true", NULL, NULL, 200, 0,
     {"\"deleted_by\":\"0192a3b4", "\"deleted_at\":\"20"}, {0}, "ETag: \"8\"", NULL},
    {"not listed", "GET /api/things", NULL, NULL, 200, 0, {"Saw"}, {"Hammer"}, NULL, NULL},
    {"listed when asked for", "GET /api/things?include_deleted=true", NULL, NULL, 200, 0, {"Hammer", "Saw"}, {0}, NULL,
     NULL},
    {"not changed", "PATCH /api/things/$t", NULL, "{\"size\":1}", 404, 0, {0}, {0}, NULL, NULL},
    {"not deleted twice", "DELETE /api/things/$t", NULL, NULL, 404, 0, {0}, {0}, NULL, NULL},
    {"no parent any more", "POST /api/things/$t/parts", NULL, "{\"name\":\"p\"}", 404, 0, {"its parent"}, {0}, NULL,
     NULL},
    {"its slug is free", "POST /api/things", NULL, "{\"name\":\"Other\",\"slug\":\"hammer\"}", 201, 'o', {0}, {0}, NULL,
     "things.created"},
    {"so it cannot come back", "POST /api/things/$t/restore", NULL, NULL, 409, 0, {"/slug"}, {0}, NULL, NULL},
    {"until the other goes", "DELETE /api/things/$o", NULL, NULL, 204, 0, {0}, {0}, NULL, "things.deleted"},
    {"restore", "POST /api/things/$t/restore", NULL, NULL, 200, 0, {"\"deleted_at\":null", "\"size\":7"}, {0},
     "ETag: \"9\"", "things.restored"},

    /* history */
    {"newest first", "GET /api/things/$t/history?limit=2", NULL, NULL, 200, 0,
     {"\"action\":\"things.restored\"", "\"action\":\"things.deleted\"", "\"after\":null", "\"next_cursor\":\""},
     {"things.created"}, NULL, NULL},
    {"all of it", "GET /api/things/$t/history", NULL, NULL, 200, 0,
     {"\"action\":\"things.created\",\"actor_id\":\"0192a3b4", "\"before\":null", "\"next_cursor\":null"}, {0}, NULL,
     NULL},
    {"of nothing", "GET /api/things/" ID_OF_NOTHING "/history", NULL, NULL, 404, 0, {0}, {0}, NULL, NULL},
    {"a cursor of something else", "GET /api/things/$t/history?cursor=abc", NULL, NULL, 400, 0, {"query:cursor"}, {0},
     NULL, NULL},

    /* under a parent */
    {"a part", "POST /api/things/$t/parts", NULL, "{\"name\":\"Handle\"}", 201, 'p', {"\"thing_id\":\"$t\""}, {0},
     "Location: /api/things/$t/parts/$p", "things.parts.created"},
    {"another parent in the body", "POST /api/things/$t/parts", NULL, "{\"name\":\"x\",\"thing_id\":\"$s\"}", 422, 0,
     {"/thing_id"}, {0}, NULL, NULL},
    {"listed there", "GET /api/things/$t/parts", NULL, NULL, 200, 0, {"Handle"}, {0}, NULL, NULL},
    {"not elsewhere", "GET /api/things/$s/parts", NULL, NULL, 200, 0, {"\"items\":[]"}, {0}, NULL, NULL},
    {"nor under nothing", "GET /api/things/" ID_OF_NOTHING "/parts", NULL, NULL, 404, 0, {"its parent"}, {0}, NULL, NULL},
    {"nor under a parent that is no id", "GET /api/things/%27/parts", NULL, NULL, 404, 0, {"its parent"}, {0}, NULL,
     NULL},
    {"not read under another", "GET /api/things/$s/parts/$p", NULL, NULL, 404, 0, {0}, {0}, NULL, NULL},
    {"not changed under another", "PATCH /api/things/$s/parts/$p", NULL, "{\"name\":\"x\"}", 404, 0, {0}, {0}, NULL,
     NULL},
    {"not deleted under another", "DELETE /api/things/$s/parts/$p", NULL, NULL, 404, 0, {0}, {0}, NULL, NULL},
    {"no history under another", "GET /api/things/$s/parts/$p/history", NULL, NULL, 404, 0, {0}, {0}, NULL, NULL},
    {"both fields of a unique pair", "POST /api/things/$t/parts", NULL, "{\"name\":\"Handle\"}", 409, 0,
     {"this thing_id and name"}, {0}, NULL, NULL},
    {"changed", "PUT /api/things/$t/parts/$p", NULL, "{\"name\":\"Grip\"}", 200, 0, {"\"thing_id\":\"$t\""}, {0},
     "ETag: \"2\"", "things.parts.updated"},
    {"deleted for good", "DELETE /api/things/$t/parts/$p", NULL, NULL, 204, 0, {0}, {0}, NULL, "things.parts.deleted"},
    {"really", "GET /api/things/$t/parts/$p", NULL, NULL, 404, 0, {0}, {0}, NULL, NULL},

    /* ids */
    {"an id in capitals", "GET /api/things/$T", NULL, NULL, 200, 0, {"Hammer"}, {0}, NULL, NULL},
    {"no id", "GET /api/things/1%27%20OR%20%271%27=%271", NULL, NULL, 404, 0, {0}, {0}, NULL, NULL},
    {"a NUL in the id", "GET /api/things/%00", NULL, NULL, 404, 0, {0}, {0}, NULL, NULL},

    /* hooks */
    {"a hook fills in", "POST /api/gadgets", NULL, "{\"name\":\"lamp\"}", 201, 'g', {"\"upper\":\"LAMP\""}, {0},
     "ETag: \"1\"", "gadgets.created"},
    {"and again", "PATCH /api/gadgets/$g", NULL, "{\"name\":\"led\"}", 200, 0, {"\"upper\":\"LED\""}, {0},
     "ETag: \"2\"", "gadgets.updated"},
    {"a hook's own conflict", "POST /api/gadgets", NULL, "{\"name\":\"led\"}", 409, 0, {"has its own words"}, {0}, NULL,
     NULL},
    {"deleted by the hook", "DELETE /api/gadgets/$g", NULL, NULL, 204, 0, {0}, {0}, NULL, "gadgets.deleted"},
    {"it is gone", "GET /api/gadgets/$g", NULL, NULL, 404, 0, {0}, {0}, NULL, NULL},

    /* lists */
    {"equal", "GET /api/things?name=Saw", NULL, NULL, 200, 0, {"Saw"}, {"Hammer"}, NULL, NULL},
    {"one or the other", "GET /api/things?name=Saw&name=Hammer&total=true", NULL, NULL, 200, 0,
     {"Saw", "Hammer", "\"total\":2"}, {0}, NULL, NULL},
    {"not", "GET /api/things?name[ne]=Saw", NULL, NULL, 200, 0, {"Hammer"}, {"Saw"}, NULL, NULL},
    {"neither nor", "GET /api/things?name[ne]=Saw&name[ne]=Hammer&total=true", NULL, NULL, 200, 0,
     {"\"items\":[]", "\"total\":0"}, {0}, NULL, NULL},
    {"not, where there is none", "GET /api/things?size[ne]=7", NULL, NULL, 200, 0, {"Saw"}, {"Hammer"}, NULL, NULL},
    {"less", "GET /api/things?size[lt]=8", NULL, NULL, 200, 0, {"Hammer"}, {"Saw"}, NULL, NULL},
    {"a range", "GET /api/things?size[gte]=7&size[lte]=7", NULL, NULL, 200, 0, {"Hammer"}, {"Saw"}, NULL, NULL},
    {"a number far beyond", "GET /api/things?size[lt]=9223372036854775807", NULL, NULL, 200, 0, {"Hammer"}, {0}, NULL,
     NULL},
    {"a time", "GET /api/things?created_at[gt]=2020-01-01T00:00:00Z", NULL, NULL, 200, 0, {"Hammer", "Saw"}, {0}, NULL,
     NULL},
    {"a boolean", "GET /api/things?active=false", NULL, NULL, 200, 0, {"\"items\":[]"}, {0}, NULL, NULL},
    {"begins", "GET /api/things?name[prefix]=HAM", NULL, NULL, 200, 0, {"Hammer"}, {"Saw"}, NULL, NULL},
    {"contains", "GET /api/things?name[contains]=a&total=true", NULL, NULL, 200, 0, {"\"total\":2"}, {0}, NULL, NULL},
    {"a wildcard is a letter", "GET /api/things?name[contains]=%25", NULL, NULL, 200, 0, {"\"items\":[]"}, {0}, NULL,
     NULL},
    {"exists", "GET /api/things?size[exists]=true", NULL, NULL, 200, 0, {"Hammer"}, {"Saw"}, NULL, NULL},
    {"exists not", "GET /api/things?size[exists]=false", NULL, NULL, 200, 0, {"Saw"}, {"Hammer"}, NULL, NULL},
    {"every word", "GET /api/things?q=ham%20MER", NULL, NULL, 200, 0, {"Hammer"}, {"Saw"}, NULL, NULL},
    {"one word lacks", "GET /api/things?q=ham%20saw", NULL, NULL, 200, 0, {"\"items\":[]"}, {0}, NULL, NULL},
    {"only some members", "GET /api/things?fields=name,parts_count&name=Saw", NULL, NULL, 200, 0,
     {"{\"name\":\"Saw\",\"parts_count\":7}"}, {"slug"}, NULL, NULL},
    {"a page and the next", "GET /api/things?limit=1&sort=name", NULL, NULL, 200, 0, {"Hammer"}, {"Saw"},
     "Link: </api/things?limit=1&sort=name&cursor=", NULL},
};
/* clang-format on */

/* $t -> the id saved as t; $T the same in capitals. */
static const char *fill(Arena *arena, const char *text, const Str ids[26])
{
    Buf out = buf_init(arena, MIB);
    if (!text) {
        return NULL;
    }
    for (const char *c = text; *c; c++) {
        bool is_lower = c[0] == '$' && c[1] >= 'a' && c[1] <= 'z';
        bool is_upper = c[0] == '$' && c[1] >= 'A' && c[1] <= 'Z';
        if (!is_lower && !is_upper) {
            buf_char(&out, *c);
            continue;
        }
        Str id = ids[*++c - (is_lower ? 'a' : 'A')];
        for (size_t i = 0; i < id.len; i++) {
            bool is_digit = id.ptr[i] >= 'a' && id.ptr[i] <= 'f';
            buf_char(&out, (char)(is_upper && is_digit ? id.ptr[i] - 32 : id.ptr[i]));
        }
    }
    return str_cstr(arena, buf_str(&out));
}

static void check_text(const Step *s, Arena *arena, const Answer *a, const Str ids[26])
{
    for (size_t i = 0; i < ARRAY_LEN(s->has) && s->has[i]; i++) {
        if (str_find(a->body, str_from(fill(arena, s->has[i], ids))) == SIZE_MAX) {
            fail_msg("%s: no %s in %.*s", s->name, s->has[i], STR_ARG(a->body));
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(s->lacks) && s->lacks[i]; i++) {
        if (str_find(a->body, str_from(s->lacks[i])) != SIZE_MAX) {
            fail_msg("%s: %s in %.*s", s->name, s->lacks[i], STR_ARG(a->body));
        }
    }
    if (s->answer_header) {
        Str want = str_from(fill(arena, s->answer_header, ids));
        size_t colon = str_find_char(want, ':');
        Str value = answer_header(a, str_cstr(arena, str_sub(want, 0, colon)));
        if (!str_starts(value, str_trim(str_from_index(want, colon + 1)))) {
            fail_msg("%s: header %s is %.*s", s->name, s->answer_header, STR_ARG(value));
        }
    }
}

/* The newest event is the one the step names, with its record, or still the one before. */
static void check_event(const Step *s, Bench *b, Arena *arena, Str *last)
{
    Str newest = bench_text(b, arena, "SELECT id FROM events ORDER BY id DESC LIMIT 1");
    if (!s->event) {
        assert_str(newest, *last);
        return;
    }
    assert_false(str_eq(newest, *last));
    *last = newest;
    assert_str(bench_text(b, arena, "SELECT type FROM events ORDER BY id DESC LIMIT 1"),
               str_from(s->event));
    Str data = bench_text(b, arena, "SELECT data FROM events ORDER BY id DESC LIMIT 1");
    assert_true(str_starts(data, STR("{\"record\":{\"id\":\"")));
    assert_int_equal(bench_count(b, "SELECT COUNT(*) FROM audit_logs"),
                     bench_count(b, "SELECT COUNT(*) FROM events"));
}

void test_steps(void **state)
{
    Bench *b = need_bench(state);
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Str ids[26] = {{0}};
    Str last = STR_EMPTY;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        const Step *s = &steps[i];
        Answer a =
            bench_call(b, arena, fill(arena, s->call, ids), s->header, fill(arena, s->body, ids));
        if (a.status != s->status) {
            fail_msg("%s: %d, not %d: %.*s", s->name, a.status, s->status, STR_ARG(a.body));
        }
        if (s->save) {
            ids[s->save - 'a'] = answer_id(arena, &a);
        }
        check_text(s, arena, &a, ids);
        check_event(s, b, arena, &last);
    }
}
