/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as the query string of a list: filters, search, sort and cursor. Whatever is asked, the
 * statement is made of the contract's own words, every value is bound, and a cursor that the list
 * gives is taken back by it. */
#include "platform/records/records_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAIRS_MAX = 64 };

static const char document[] =
    "{\"openapi\":\"3.1.0\",\"info\":{\"version\":\"2026-11-20\"},\"paths\":{\"/api/"
    "things\":{\"get\":{"
    "\"operationId\":\"things.list\",\"x-public\":true,\"responses\":{},"
    "\"x-records\":{\"schema\":\"Thing\",\"verb\":\"list\"}}}},\"components\":{\"schemas\":{"
    "\"Thing\":{"
    "\"x-record\":{\"table\":\"things\",\"soft_delete\":true,\"search\":[\"name\",\"note\"]},"
    "\"type\":\"object\",\"required\":[\"name\"],\"properties\":{\"id\":{\"type\":\"string\"},"
    "\"name\":{\"type\":\"string\"},\"note\":{\"type\":[\"string\",\"null\"]},"
    "\"size\":{\"type\":\"integer\"},\"weight\":{\"type\":\"number\"},\"active\":{\"type\":"
    "\"boolean\"},"
    "\"at\":{\"type\":\"string\",\"format\":\"date-time\"},\"tags\":{\"type\":\"array\"},"
    "\"token\":{\"type\":\"string\",\"x-secret\":true},\"created_at\":{\"type\":\"string\"}}}}}}";

static const RecordSpec *things(void)
{
    static Records *records;
    if (!records) {
        Contract *contract;
        Error err = {0};
        ASSERT(contract_load(STR(document), NULL, 0, records_serve, &contract, &err) == RC_OK);
        ASSERT(records_new(contract, NULL, 0, &records, &err) == RC_OK);
    }
    return spec_of(records_type(records, STR("Thing")));
}

static Str decode(Arena *arena, Str s)
{
    Buf out = buf_init(arena, MIB);
    return buf_unurl(&out, s, true) ? buf_str(&out) : s;
}

static HttpPair *parse_pairs(Arena *arena, Str text, size_t *ret_n)
{
    HttpPair *pairs = ARENA_ARRAY(arena, HttpPair, PAIRS_MAX);
    Str part;
    *ret_n = 0;
    while (*ret_n < PAIRS_MAX && str_split(&text, '&', &part)) {
        size_t equals = str_find_char(part, '=');
        Str value = equals == SIZE_MAX ? STR_EMPTY : str_from_index(part, equals + 1);
        pairs[(*ret_n)++] =
            (HttpPair){decode(arena, str_sub(part, 0, equals)), decode(arena, value)};
    }
    return pairs;
}

/* Letters of the vocabulary only; each placeholder is bound; quotes and brackets are closed. */
static void check_sql(const ListQuery *q)
{
    static const char allowed[] = " \"()=<>,$_'\\abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    Str sql = buf_str(&q->where);
    long depth = 0;
    size_t quotes = 0;
    for (size_t i = 0; i < sql.len; i++) {
        ASSERT(memchr(allowed, sql.ptr[i], sizeof(allowed) - 1));
        depth += sql.ptr[i] == '(' ? 1 : sql.ptr[i] == ')' ? -1 : 0;
        quotes += sql.ptr[i] == '"' ? 1 : 0;
        ASSERT(depth >= 0);
        if (sql.ptr[i] == '\'') {
            ASSERT(str_starts(str_from_index(sql, i), STR("'\\'")));
            i += 2;
        }
        if (sql.ptr[i] == '$') {
            size_t end = i + 1;
            uint64_t number;
            while (end < sql.len && sql.ptr[end] >= '0' && sql.ptr[end] <= '9') {
                end++;
            }
            ASSERT(str_to_u64(str_sub(sql, i + 1, end), &number));
            ASSERT(number >= 1 && number <= q->params.n);
        }
    }
    ASSERT(depth == 0 && quotes % 2 == 0);
}

static ListQuery query_of(Ctx *cx)
{
    ListQuery q = {.cx = cx, .spec = things(), .params = {.arena = cx->arena}};
    q.where = buf_init(cx->arena, RECORD_SQL_MAX);
    q.canon = buf_init(cx->arena, RECORD_SQL_MAX);
    return q;
}

/* The place of any record in this list is a cursor that this list takes. */
static void check_own_cursor(Ctx *cx, const Call *call)
{
    ListQuery q = query_of(cx);
    ASSERT(list_parse(&q, call, NULL, 0) == RC_OK);
    Json *record;
    Error err = {0};
    ASSERT(
        json_parse(cx->arena,
                   STR("{\"id\":\"0192a3b4-c5d6-7e8f-9012-3456789abcde\",\"name\":\"n\",\"size\":1,"
                       "\"weight\":0.5,\"active\":true,\"at\":\"2026-01-01T00:00:00Z\","
                       "\"created_at\":\"2026-01-01T00:00:00Z\","
                       "\"updated_at\":\"2026-01-01T00:00:00Z\"}"),
                   NULL, &record, &err) == RC_OK);
    Row row = {.json = record, .revision = 1};
    ASSERT(cursor_make(&q, &row, &q.cursor) == RC_OK);
    ASSERT(cursor_apply(&q) == RC_OK);
    check_sql(&q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *arena = arena_new(0);
    Ctx cx = {.arena = arena};
    Call call = {.op = NULL};
    ListQuery q = query_of(&cx);

    q.kind = size % 2 ? DB_POSTGRES : DB_SQLITE;
    call.query = parse_pairs(arena, str_of((const char *)data, size), &call.n_query);
    Rc rc = list_parse(&q, &call, NULL, 0);
    if (rc == RC_OK) {
        ASSERT(q.limit >= 1 && q.limit <= RECORD_LIMIT_MAX);
        check_sql(&q);
        check_own_cursor(&cx, &call);
        rc = cursor_apply(&q);
        check_sql(&q);
    }
    ASSERT(rc == RC_OK || rc == RC_MALFORMED || rc == RC_LIMIT);
    ASSERT(rc == RC_OK || cx.error.message[0] != '\0');
    arena_free(arena);
    return 0;
}
