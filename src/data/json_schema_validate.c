/* SPDX-License-Identifier: Apache-2.0
 * The run of a compiled schema over an instance.
 *
 * First without gathering: the first violation ends it, nothing is allocated but marks for objects
 * of more than 256 members and the sort of long "uniqueItems". Only when that fails and issues are
 * wanted, a second run goes on after violations and notes them. A branch of anyOf or oneOf, or what
 * if, not and contains try, never gathers while it is tried; the branches of a failed anyOf are
 * then run once more to tell why.
 *
 * "unevaluated" keywords need to know which children other keywords have looked at. A node that has
 * one gets a set of marks, and hands it to the subschemas that apply to the same value; a branch
 * that may fail gets its own set, added when it holds. Without such a keyword above, marks are NULL
 * and cost nothing.
 *
 * Time is bounded by the CPU clock of the thread, since a schema can make any other count
 * misleading (patterns, references that double at each level); depth by SCHEMA_MAX_EVAL_DEPTH.
 * Passing either stops the whole run, so that "not" cannot turn it into success. */
#include "data/json_schema_priv.h"

enum {
    MARKS_INLINE = 4, /* words; 256 children */
    MATCH_MEMORY = 512,
    TICKS_PER_CLOCK = 4096, /* nodes between two looks at the clock; a pattern counts for more */
    TICKS_PER_PATTERN = 64,
    BYTES_PER_TICK = 64,
    PAIRWISE_MAX = 12, /* items that uniqueItems compares pair by pair */
};
static const int64_t CPU_LIMIT_NS = INT64_C(2000000000);

typedef struct Marks {
    uint64_t *bits;
    size_t words;
    bool all;
    uint64_t own[MARKS_INLINE];
} Marks;

typedef struct MarksBlock { /* marks that did not fit inline, kept for the next that need some */
    struct MarksBlock *next;
    size_t words;
    uint64_t bits[];
} MarksBlock;

typedef struct Scope { /* a resource entered: what $dynamicRef searches */
    const struct Scope *up;
    const SchemaResource *resource;
} Scope;

typedef struct Run {
    const JsonSchema *schema;
    Arena *scratch;
    const SchemaFrame *frame;
    const Scope *scope;
    MarksBlock *spare;
    unsigned depth;
    int ticks;           /* until the next look at the clock */
    int64_t deadline_ns; /* 0 until the first look */
    bool gathering;      /* go on after a violation and note it */
    bool stopped;
    SchemaFindings findings;
    pcre2_match_data *match;
    size_t match_used;
    _Alignas(16) char match_memory[MATCH_MEMORY];
} Run;

static bool eval(Run *run, const SchemaNode *node, const Json *v, Marks *marks);

/* ---- violations ---- */

static bool goes_on(const Run *run, bool ok)
{
    return ok || run->gathering;
}

static void note(Run *run, SchemaFinding finding)
{
    run->findings.frame = run->frame;
    if (!jschema_finding_add(&run->findings, finding)) {
        run->gathering = false; /* full: unwind */
    }
}

/* All return false, so that a check reads "return ok ? true : violation(...)". */
static bool
violation(Run *run, const SchemaNode *node, const char *keyword, const Json *v, Str text)
{
    if (run->gathering) {
        note(run, (SchemaFinding){.node = node,
                                  .keyword = str_from(keyword),
                                  .message = text,
                                  .property = STR(""),
                                  .instance = v});
    }
    return false;
}

static bool
violation_of(Run *run, const SchemaNode *node, Str keyword, const Json *v, Str property, Str text)
{
    if (run->gathering) {
        note(run, (SchemaFinding){.node = node,
                                  .keyword = keyword,
                                  .message = text,
                                  .property = property,
                                  .instance = v});
    }
    return false;
}

/* A violation whose text is made only when it is noted. */
#define VIOLATION(run, node, keyword, v, ...)                                                      \
    violation((run), (node), (keyword), (v),                                                       \
              (run)->gathering ? str_fmt((run)->scratch, __VA_ARGS__) : STR_EMPTY)

/* Ends the whole run. */
static bool stop(Run *run, const SchemaNode *node, const char *keyword, const Json *v, Str text)
{
    if (!run->stopped) {
        run->stopped = true;
        note(run, (SchemaFinding){.node = node,
                                  .keyword = str_from(keyword),
                                  .message = text,
                                  .property = STR(""),
                                  .instance = v});
    }
    run->gathering = false;
    return false;
}

static int64_t cpu_now_ns(void)
{
    struct timespec now;
    ASSERT(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* False when the run's time is over. */
static bool spend(Run *run, int ticks)
{
    run->ticks -= ticks;
    if (run->ticks > 0) {
        return true;
    }
    run->ticks = TICKS_PER_CLOCK;
    int64_t now = cpu_now_ns();
    if (run->deadline_ns == 0) {
        run->deadline_ns = now + CPU_LIMIT_NS;
    }
    return now < run->deadline_ns;
}

/* Work on that many bytes; the next spend() looks at what came together. */
static void spend_bytes(Run *run, size_t n)
{
    run->ticks -= (int)MIN(n / BYTES_PER_TICK, (size_t)TICKS_PER_CLOCK);
}

/* A linear search among the members of an object. */
static bool spend_search(Run *run, const Json *v)
{
    return spend(run, 1 + (int)(v->n / 16));
}

static bool stop_for_time(Run *run, const SchemaNode *node, const char *keyword, const Json *v)
{
    return stop(run, node, keyword, v,
                STR("must be checkable within 2 seconds; the schema is too costly for this value"));
}

/* ---- marks ---- */

static void marks_begin(Run *run, Marks *marks, const Json *v)
{
    *marks = (Marks){.words = ((size_t)v->n + 63) / 64};
    marks->bits = marks->own;
    if ((v->type != JSON_ARRAY && v->type != JSON_OBJECT) || marks->words <= MARKS_INLINE) {
        return;
    }
    MarksBlock *block = run->spare;
    if (block != NULL && block->words >= marks->words) {
        run->spare = block->next;
        memset(block->bits, 0, marks->words * sizeof(uint64_t));
    } else {
        block = arena_alloc(run->scratch, sizeof *block + marks->words * sizeof(uint64_t));
        block->words = marks->words;
    }
    marks->bits = block->bits;
}

static void marks_end(Run *run, Marks *marks)
{
    if (marks->bits != marks->own) {
        MarksBlock *block = (MarksBlock *)((char *)marks->bits - offsetof(MarksBlock, bits));
        block->next = run->spare;
        run->spare = block;
    }
}

static void mark(Marks *marks, uint32_t index)
{
    if (marks != NULL) {
        marks->bits[index / 64] |= UINT64_C(1) << (index % 64);
    }
}

static void mark_all(Marks *marks)
{
    if (marks != NULL) {
        marks->all = true;
    }
}

static bool is_marked(const Marks *marks, uint32_t index)
{
    return marks->all || (marks->bits[index / 64] >> (index % 64) & 1) != 0;
}

static void marks_add(Marks *to, const Marks *from)
{
    if (to != NULL) {
        to->all = to->all || from->all;
        for (size_t i = 0; i < to->words; i++) {
            to->bits[i] |= from->bits[i];
        }
    }
}

/* Tries a subschema on the same value: notes nothing, and keeps its marks only when it holds. */
static bool try_eval(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    bool gathering = run->gathering;
    bool ok;
    run->gathering = false;
    if (marks == NULL) {
        ok = eval(run, node, v, NULL);
    } else {
        Marks own;
        marks_begin(run, &own, v);
        ok = eval(run, node, v, &own);
        if (ok) {
            marks_add(marks, &own);
        }
        marks_end(run, &own);
    }
    run->gathering = gathering && !run->stopped;
    return ok;
}

/* ---- type, numbers, strings ---- */

static bool is_integer(const Json *v)
{
    int64_t unused;
    return jschema_small_int(v->text, &unused) || json_is_integer(v);
}

static Str type_list(const Run *run, const SchemaNode *node)
{
    const Json *type = json_get_c(node->id.json, "type");
    Buf out = buf_init(run->scratch, 256);
    buf_lit(&out, "must be ");
    for (uint32_t i = 0; json_is(type, JSON_ARRAY) && i < type->n; i++) {
        buf_put(&out, i > 0 ? STR(",") : STR_EMPTY);
        buf_put(&out, json_str(type->items[i]));
    }
    buf_put(&out, json_str(type));
    return buf_str(&out);
}

static bool eval_type(Run *run, const SchemaNode *node, const Json *v)
{
    if (node->types == 0 || (node->types & (1U << v->type)) != 0 ||
        ((node->types & SCHEMA_TYPE_INTEGER) != 0 && v->type == JSON_NUMBER && is_integer(v))) {
        return true;
    }
    return violation(run, node, "type", v, run->gathering ? type_list(run, node) : STR_EMPTY);
}

typedef struct Number {
    const Json *json;
    int64_t i64;
    bool is_i64;
} Number;

static int bound_cmp(const Number *number, const SchemaBound *bound)
{
    if (number->is_i64 && bound->is_i64) {
        return (number->i64 > bound->i64) - (number->i64 < bound->i64);
    }
    JsonDecimal decimal = json_decimal(number->json->text);
    return jschema_decimal_cmp(&decimal, &bound->decimal);
}

static bool is_multiple(const Number *number, const SchemaBound *bound)
{
    if (number->is_i64 && bound->is_i64) {
        return number->i64 % bound->i64 == 0;
    }
    JsonDecimal decimal = json_decimal(number->json->text);
    return jschema_decimal_is_multiple(&decimal, &bound->decimal);
}

#define BOUND_VIOLATION(run, node, keyword, v, bound, words)                                       \
    VIOLATION((run), (node), (keyword), (v), "must be " words "%.*s", STR_ARG((bound).json->text))

static bool eval_number(Run *run, const SchemaNode *node, const Json *v)
{
    const SchemaNumberRules *n = node->number;
    Number number = {.json = v};
    bool ok = true;
    number.is_i64 = jschema_small_int(v->text, &number.i64);
    if (n->maximum.json && bound_cmp(&number, &n->maximum) > 0) {
        ok = BOUND_VIOLATION(run, node, "maximum", v, n->maximum, "<= ");
    }
    if (goes_on(run, ok) && n->minimum.json && bound_cmp(&number, &n->minimum) < 0) {
        ok = BOUND_VIOLATION(run, node, "minimum", v, n->minimum, ">= ");
    }
    if (goes_on(run, ok) && n->exclusive_maximum.json &&
        bound_cmp(&number, &n->exclusive_maximum) >= 0) {
        ok = BOUND_VIOLATION(run, node, "exclusiveMaximum", v, n->exclusive_maximum, "< ");
    }
    if (goes_on(run, ok) && n->exclusive_minimum.json &&
        bound_cmp(&number, &n->exclusive_minimum) <= 0) {
        ok = BOUND_VIOLATION(run, node, "exclusiveMinimum", v, n->exclusive_minimum, "> ");
    }
    if (goes_on(run, ok) && n->multiple_of.json && !is_multiple(&number, &n->multiple_of)) {
        ok = BOUND_VIOLATION(run, node, "multipleOf", v, n->multiple_of, "multiple of ");
    }
    return ok;
}

static uint64_t code_points(Str s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    return n;
}

static void *match_alloc(size_t size, void *user)
{
    Run *run = user;
    size_t rounded = (size + 15) & ~(size_t)15;
    if (rounded > MATCH_MEMORY - run->match_used) {
        return arena_alloc(run->scratch, size);
    }
    void *block = run->match_memory + run->match_used;
    run->match_used += rounded;
    return block;
}

static void match_free(void *block, void *user)
{
    (void)block; /* goes with the run or its arena */
    (void)user;
}

static bool pattern_matches(
    Run *run, const SchemaNode *node, const char *keyword, const SchemaPattern *pattern, Str s)
{
    spend_bytes(run, s.len);
    if (!spend(run, TICKS_PER_PATTERN)) {
        return stop_for_time(run, node, keyword, NULL);
    }
    if (run->match == NULL) {
        pcre2_general_context *general = pcre2_general_context_create(match_alloc, match_free, run);
        run->match = pcre2_match_data_create(1, general);
        ASSERT(run->match != NULL);
    }
    int rc = pcre2_match(pattern->code, (PCRE2_SPTR)(s.ptr ? s.ptr : ""), s.len, 0, 0, run->match,
                         run->schema->match_context);
    if (rc >= 0 || rc == PCRE2_ERROR_NOMATCH) {
        return rc >= 0;
    }
    if (rc <= PCRE2_ERROR_UTF8_ERR1 && rc >= PCRE2_ERROR_UTF8_ERR21) {
        return false; /* a string made in memory that is no text */
    }
    return stop(run, node, keyword, NULL,
                STR("must be checkable; the pattern takes too many steps for this value"));
}

static bool eval_string(Run *run, const SchemaNode *node, const Json *v)
{
    const SchemaStringRules *s = node->string;
    bool ok = true;
    spend_bytes(run, v->text.len);
    /* code points are at most the bytes, and at least a quarter of them */
    if (v->text.len > s->max_length && code_points(v->text) > s->max_length) {
        ok = VIOLATION(run, node, "maxLength", v, "must NOT have more than %llu characters",
                       (unsigned long long)s->max_length);
    }
    if (goes_on(run, ok) && s->min_length > 0 && v->text.len / 4 < s->min_length &&
        code_points(v->text) < s->min_length) {
        ok = VIOLATION(run, node, "minLength", v, "must NOT have fewer than %llu characters",
                       (unsigned long long)s->min_length);
    }
    if (goes_on(run, ok) && s->pattern != NULL &&
        !pattern_matches(run, node, "pattern", s->pattern, v->text)) {
        ok = VIOLATION(run, node, "pattern", v, "must match pattern \"%.*s\"",
                       STR_ARG(s->pattern->text));
    }
    if (goes_on(run, ok) && s->format != NULL && !s->format(v->text)) {
        ok = VIOLATION(run, node, "format", v, "must match format \"%.*s\"",
                       STR_ARG(json_str_at(node->id.json, "format")));
    }
    return ok;
}

/* ---- keywords for every type ---- */

static bool in_enum(const Json *values, const Json *v)
{
    for (uint32_t i = 0; i < values->n; i++) {
        const Json *value = values->items[i];
        if (value->type == v->type &&
            (v->type == JSON_STRING ? str_eq(value->text, v->text) : json_equal(value, v))) {
            return true;
        }
    }
    return false;
}

static bool eval_values(Run *run, const SchemaNode *node, const Json *v)
{
    const SchemaGeneralRules *g = node->general;
    bool ok = true;
    if (g->constant != NULL && !json_equal(g->constant, v)) {
        ok = violation(run, node, "const", v, STR("must be equal to constant"));
    }
    if (goes_on(run, ok) && g->one_of_values != NULL) {
        if (!spend(run, (int)MIN(g->one_of_values->n, (uint32_t)TICKS_PER_CLOCK))) {
            return stop_for_time(run, node, "enum", v);
        }
        if (!in_enum(g->one_of_values, v)) {
            ok = violation(run, node, "enum", v, STR("must be equal to one of the allowed values"));
        }
    }
    return ok;
}

/* Runs failed branches once more for their issues. */
static void gather_branches(Run *run, const SchemaNodeList *list, const Json *v)
{
    for (size_t i = 0; i < list->n && run->gathering; i++) {
        IGNORE(eval(run, list->at[i], v, NULL)); /* known to fail; the notes are wanted */
    }
}

static bool eval_any_of(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    const SchemaNodeList *list = &node->general->any_of;
    bool found = list->n == 0;
    for (size_t i = 0; i < list->n && (!found || marks != NULL); i++) {
        found = try_eval(run, list->at[i], v, marks) || found;
        if (run->stopped) {
            return false;
        }
    }
    if (!found) {
        gather_branches(run, list, v);
    }
    return found ? true : violation(run, node, "anyOf", v, STR("must match a schema in anyOf"));
}

static bool eval_one_of(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    const SchemaNodeList *list = &node->general->one_of;
    size_t found = 0;
    for (size_t i = 0; i < list->n && found < 2; i++) {
        found += try_eval(run, list->at[i], v, marks) ? 1 : 0;
        if (run->stopped) {
            return false;
        }
    }
    if (found == 0) {
        gather_branches(run, list, v);
    }
    return found == 1 || list->n == 0
               ? true
               : violation(run, node, "oneOf", v, STR("must match exactly one schema in oneOf"));
}

static bool eval_if(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    const SchemaGeneralRules *g = node->general;
    bool holds = try_eval(run, g->condition, v, marks);
    const SchemaNode *next = holds ? g->then_node : g->else_node;
    if (run->stopped) {
        return false;
    }
    if (next == NULL || eval(run, next, v, marks)) {
        return true;
    }
    return VIOLATION(run, node, "if", v, "must match \"%s\" schema", holds ? "then" : "else");
}

/* In ajv's order: const, enum, not, anyOf, oneOf, allOf, if. */
static bool eval_general(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    const SchemaGeneralRules *g = node->general;
    bool ok = eval_values(run, node, v);
    if (goes_on(run, ok) && g->negated != NULL && try_eval(run, g->negated, v, NULL)) {
        ok = violation(run, node, "not", v, STR("must NOT be valid"));
    }
    if (goes_on(run, ok) && g->any_of.n > 0) {
        ok = eval_any_of(run, node, v, marks) && ok;
    }
    if (goes_on(run, ok) && g->one_of.n > 0) {
        ok = eval_one_of(run, node, v, marks) && ok;
    }
    for (size_t i = 0; i < g->all_of.n && goes_on(run, ok); i++) {
        ok = eval(run, g->all_of.at[i], v, marks) && ok;
    }
    if (goes_on(run, ok) && g->condition != NULL) {
        ok = eval_if(run, node, v, marks) && ok;
    }
    return ok && !run->stopped;
}

/* ---- arrays ---- */

static bool eval_child(Run *run, const SchemaNode *node, const Json *child, uint32_t index)
{
    SchemaFrame frame = {.up = run->frame, .index = index};
    run->frame = &frame;
    bool ok = eval(run, node, child, NULL);
    run->frame = frame.up;
    return ok;
}

/* Equal values hash alike: numbers by value, objects whatever their order. */
static uint64_t value_hash(Run *run, const Json *v)
{
    uint64_t h = (uint64_t)v->type * UINT64_C(0x9e3779b97f4a7c15);
    run->ticks--;
    switch (v->type) {
    case JSON_NULL:
        break;
    case JSON_BOOL:
        h += v->boolean ? 1 : 0;
        break;
    case JSON_STRING:
        h ^= str_hash(v->text);
        break;
    case JSON_NUMBER: {
        JsonDecimal d = json_decimal(v->text);
        for (size_t i = d.from; i < d.to; i++) {
            h = h * 31 + (uint64_t)json_decimal_digit(&d, i);
        }
        h = d.from < d.to ? h * 31 + (uint64_t)d.point : h;
        break;
    }
    case JSON_ARRAY:
        for (uint32_t i = 0; i < v->n; i++) {
            h = (h ^ value_hash(run, v->items[i])) * UINT64_C(0x100000001b3);
        }
        break;
    case JSON_OBJECT:
        for (uint32_t i = 0; i < v->n; i++) {
            uint64_t member = value_hash(run, v->members[i].value) * UINT64_C(0x100000001b3);
            h += (member ^ str_hash(v->members[i].key)) * UINT64_C(0x9e3779b97f4a7c15);
        }
        break;
    }
    return h;
}

typedef struct HashedItem {
    uint64_t hash;
    uint32_t index;
} HashedItem;

static int hashed_item_cmp(const void *left, const void *right)
{
    const HashedItem *a = left;
    const HashedItem *b = right;
    if (a->hash != b->hash) {
        return a->hash < b->hash ? -1 : 1;
    }
    return (a->index > b->index) - (a->index < b->index);
}

/* The last item that repeats an earlier one, and the nearest such. */
static bool find_repeated(Run *run, const Json *v, uint32_t *ret_first, uint32_t *ret_second)
{
    if (v->n <= PAIRWISE_MAX) {
        for (uint32_t i = v->n; i-- > 1;) {
            for (uint32_t j = i; j-- > 0;) {
                if (json_equal(v->items[i], v->items[j])) {
                    *ret_first = j;
                    *ret_second = i;
                    return true;
                }
            }
        }
        return false;
    }
    HashedItem *items = ARENA_ARRAY(run->scratch, HashedItem, v->n);
    bool found = false;
    for (uint32_t i = 0; i < v->n; i++) {
        items[i] = (HashedItem){value_hash(run, v->items[i]), i};
    }
    qsort(items, v->n, sizeof items[0], hashed_item_cmp);
    for (uint32_t i = 1; i < v->n; i++) {
        for (uint32_t j = i; j-- > 0 && items[j].hash == items[i].hash;) {
            if (!spend(run, 16)) {
                return true; /* the caller looks at the clock again */
            }
            if (json_equal(v->items[items[i].index], v->items[items[j].index])) {
                if (!found || items[i].index > *ret_second) {
                    *ret_first = items[j].index;
                    *ret_second = items[i].index;
                }
                found = true;
                break;
            }
        }
    }
    return found;
}

static bool eval_unique(Run *run, const SchemaNode *node, const Json *v)
{
    uint32_t first = 0;
    uint32_t second = 0;
    if (!find_repeated(run, v, &first, &second)) {
        return true;
    }
    if (second == 0) {
        return stop_for_time(run, node, "uniqueItems", v);
    }
    return VIOLATION(run, node, "uniqueItems", v,
                     "must NOT have duplicate items (items ## %u and %u are identical)",
                     (unsigned)first, (unsigned)second);
}

static bool eval_contains(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    const SchemaArrayRules *a = node->array;
    uint64_t found = 0;
    bool gathering = run->gathering;
    run->gathering = false;
    for (uint32_t i = 0; i < v->n; i++) {
        if (eval_child(run, a->contains, v->items[i], i)) {
            mark(marks, i);
            found++;
            if (marks == NULL && found >= a->min_contains && a->max_contains == UINT64_MAX) {
                break;
            }
        }
    }
    run->gathering = gathering && !run->stopped;
    if (run->stopped || (found >= a->min_contains && found <= a->max_contains)) {
        return !run->stopped;
    }
    if (a->max_contains == UINT64_MAX) {
        return VIOLATION(run, node, "contains", v, "must contain at least %llu valid item(s)",
                         (unsigned long long)a->min_contains);
    }
    return VIOLATION(run, node, "contains", v,
                     "must contain at least %llu and no more than %llu valid item(s)",
                     (unsigned long long)a->min_contains, (unsigned long long)a->max_contains);
}

static bool eval_items(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    const SchemaArrayRules *a = node->array;
    bool ok = true;
    uint32_t prefix = (uint32_t)MIN(a->prefix.n, (size_t)v->n);
    for (uint32_t i = 0; i < prefix && goes_on(run, ok); i++) {
        mark(marks, i);
        ok = eval_child(run, a->prefix.at[i], v->items[i], i) && ok;
    }
    if (a->rest == NULL || prefix == v->n) {
        return ok;
    }
    mark_all(marks);
    if (a->rest->kind == SCHEMA_FALSE) {
        return violation_of(
            run, node, a->rest_keyword, v, STR(""),
            run->gathering ? str_fmt(run->scratch, "must NOT have more than %zu items", a->prefix.n)
                           : STR_EMPTY);
    }
    for (uint32_t i = prefix; i < v->n && goes_on(run, ok); i++) {
        ok = eval_child(run, a->rest, v->items[i], i) && ok;
    }
    return ok;
}

static bool eval_array(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    const SchemaArrayRules *a = node->array;
    bool ok = true;
    if (v->n > a->max_items) {
        ok = VIOLATION(run, node, "maxItems", v, "must NOT have more than %llu items",
                       (unsigned long long)a->max_items);
    }
    if (goes_on(run, ok) && v->n < a->min_items) {
        ok = VIOLATION(run, node, "minItems", v, "must NOT have fewer than %llu items",
                       (unsigned long long)a->min_items);
    }
    if (goes_on(run, ok) && a->unique) {
        ok = eval_unique(run, node, v) && ok;
    }
    if (goes_on(run, ok) && (a->prefix.n > 0 || a->rest != NULL)) {
        ok = eval_items(run, node, v, marks) && ok;
    }
    if (goes_on(run, ok) && a->contains != NULL) {
        ok = eval_contains(run, node, v, marks) && ok;
    }
    return ok;
}

static bool eval_unevaluated_items(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    const SchemaNode *rest = node->unevaluated_items;
    bool ok = true;
    uint32_t done = 0;
    for (uint32_t i = 0; i < v->n && goes_on(run, ok); i++) {
        if (is_marked(marks, i)) {
            done++;
        } else if (rest->kind == SCHEMA_FALSE) {
            while (i + 1 < v->n) {
                done += is_marked(marks, ++i) ? 1 : 0;
            }
            ok = VIOLATION(run, node, "unevaluatedItems", v, "must NOT have more than %u items",
                           (unsigned)done);
        } else {
            ok = eval_child(run, rest, v->items[i], i) && ok;
        }
    }
    marks->all = true;
    return ok;
}

/* ---- objects ---- */

static const SchemaProperty *find_property(const SchemaObjectRules *o, Str name)
{
    if (o->n_slots == 0) {
        return NULL;
    }
    size_t mask = o->n_slots - 1;
    for (size_t slot = (size_t)str_hash(name) & mask; o->slots[slot] != 0;
         slot = (slot + 1) & mask) {
        const SchemaProperty *p = &o->properties[o->slots[slot] - 1];
        if (p->name.len == name.len && memcmp(p->name.ptr, name.ptr, name.len) == 0) {
            return p;
        }
    }
    return NULL;
}

static bool eval_sizes(Run *run, const SchemaNode *node, const Json *v)
{
    const SchemaObjectRules *o = node->object;
    bool ok = true;
    if (v->n > o->max_properties) {
        ok = VIOLATION(run, node, "maxProperties", v, "must NOT have more than %llu properties",
                       (unsigned long long)o->max_properties);
    }
    if (goes_on(run, ok) && v->n < o->min_properties) {
        ok = VIOLATION(run, node, "minProperties", v, "must NOT have fewer than %llu properties",
                       (unsigned long long)o->min_properties);
    }
    return ok;
}

/* The names that are missing, for a gathering run. */
static bool eval_required(Run *run, const SchemaNode *node, const Json *v)
{
    const Json *required = node->object->required;
    bool ok = true;
    for (uint32_t i = 0; i < required->n && goes_on(run, ok); i++) {
        Str name = required->items[i]->text;
        if (!spend_search(run, v)) {
            return stop_for_time(run, node, "required", v);
        }
        if (json_get(v, name) == NULL) {
            ok = violation_of(
                run, node, STR("required"), v, name,
                str_fmt(run->scratch, "must have required property '%.*s'", STR_ARG(name)));
        }
    }
    return ok;
}

static bool dependency_violation(
    Run *run, const SchemaNode *node, const SchemaDependency *d, const Json *v, Str missing)
{
    if (!run->gathering) {
        return false;
    }
    Buf names = buf_init(run->scratch, 4 * KIB);
    for (uint32_t i = 0; i < d->required->n; i++) {
        buf_put(&names, i > 0 ? STR(", ") : STR_EMPTY);
        buf_put(&names, d->required->items[i]->text);
    }
    Str text = str_fmt(run->scratch, "must have %s %.*s when property %.*s is present",
                       d->required->n == 1 ? "property" : "properties", STR_ARG(buf_str(&names)),
                       STR_ARG(d->name));
    return violation_of(run, node, d->keyword, v, missing, text);
}

static bool eval_dependencies(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    const SchemaObjectRules *o = node->object;
    bool ok = true;
    for (size_t i = 0; i < o->n_dependencies && goes_on(run, ok); i++) {
        const SchemaDependency *d = &o->dependencies[i];
        if (!spend_search(run, v)) {
            return stop_for_time(run, node, "dependencies", v);
        }
        if (json_get(v, d->name) == NULL) {
            continue;
        }
        if (d->node != NULL) {
            ok = eval(run, d->node, v, marks) && ok;
            continue;
        }
        for (uint32_t k = 0; k < d->required->n && goes_on(run, ok); k++) {
            if (json_get(v, d->required->items[k]->text) == NULL) {
                ok = dependency_violation(run, node, d, v, d->required->items[k]->text);
            }
        }
    }
    return ok;
}

static bool eval_names(Run *run, const SchemaNode *node, const Json *v)
{
    const SchemaNode *names = node->object->names;
    bool ok = true;
    for (uint32_t i = 0; i < v->n && goes_on(run, ok); i++) {
        Json on_stack = {.type = JSON_STRING, .text = v->members[i].key};
        Json *name = &on_stack;
        if (run->gathering) { /* issues point to it */
            name = ARENA_NEW(run->scratch, Json);
            *name = on_stack;
        }
        if (!eval(run, names, name, NULL)) {
            ok = violation_of(run, node, STR("propertyNames"), v, v->members[i].key,
                              STR("property name must be valid"));
        }
    }
    return ok;
}

/* One member against properties, patternProperties and additionalProperties. */
static bool eval_member(Run *run,
                        const SchemaNode *node,
                        const Json *v,
                        uint32_t index,
                        const SchemaProperty *property,
                        Marks *marks)
{
    const SchemaObjectRules *o = node->object;
    const JsonMember *member = &v->members[index];
    bool known = property != NULL && property->node != NULL;
    bool ok = true;
    if (known) {
        mark(marks, index);
        ok = eval_child(run, property->node, member->value, index);
    }
    for (size_t i = 0; i < o->n_patterns && goes_on(run, ok); i++) {
        const SchemaPatternProperty *p = &o->patterns[i];
        if (pattern_matches(run, node, "patternProperties", p->pattern, member->key)) {
            known = true;
            mark(marks, index);
            ok = eval_child(run, p->node, member->value, index) && ok;
        }
        ok = ok && !run->stopped;
    }
    if (known || o->additional == NULL || !goes_on(run, ok)) {
        return ok;
    }
    mark(marks, index);
    if (o->additional->kind == SCHEMA_FALSE) {
        return violation_of(run, node, STR("additionalProperties"), v, member->key,
                            STR("must NOT have additional properties"));
    }
    return eval_child(run, o->additional, member->value, index) && ok;
}

static bool eval_members(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    const SchemaObjectRules *o = node->object;
    size_t required = 0;
    bool ok = true;
    for (uint32_t i = 0; i < v->n && goes_on(run, ok); i++) {
        const SchemaProperty *property = find_property(o, v->members[i].key);
        spend_bytes(run, v->members[i].key.len);
        required += property != NULL && property->required ? 1 : 0;
        ok = eval_member(run, node, v, i, property, marks) && ok;
    }
    return ok && required == o->n_required; /* keys are unique in an instance */
}

static bool eval_object(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    const SchemaObjectRules *o = node->object;
    bool ok = eval_sizes(run, node, v);
    if (run->gathering && o->required != NULL) {
        ok = eval_required(run, node, v) && ok;
    }
    if (goes_on(run, ok) && o->n_dependencies > 0) {
        ok = eval_dependencies(run, node, v, marks) && ok;
    }
    if (goes_on(run, ok) && o->names != NULL) {
        ok = eval_names(run, node, v) && ok;
    }
    if (goes_on(run, ok) && (o->n_slots > 0 || o->n_patterns > 0 || o->additional != NULL)) {
        ok = eval_members(run, node, v, marks) && ok;
    }
    return ok;
}

static bool
eval_unevaluated_properties(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    const SchemaNode *rest = node->unevaluated_properties;
    bool ok = true;
    for (uint32_t i = 0; i < v->n && goes_on(run, ok); i++) {
        if (is_marked(marks, i)) {
            continue;
        }
        if (rest->kind == SCHEMA_FALSE) {
            ok = violation_of(run, node, STR("unevaluatedProperties"), v, v->members[i].key,
                              STR("must NOT have unevaluated properties"));
        } else {
            ok = eval_child(run, rest, v->members[i].value, i) && ok;
        }
    }
    marks->all = true;
    return ok;
}

/* ---- nodes ---- */

/* $dynamicRef: the outermost resource in scope that has the anchor decides. */
static const SchemaNode *dynamic_target(const Run *run, const SchemaDynamicRef *ref)
{
    const SchemaNode *target = ref->target;
    if (ref->anchor.len == 0) {
        return target;
    }
    for (const Scope *s = run->scope; s != NULL; s = s->up) {
        for (size_t i = 0; i < s->resource->n_dynamic; i++) {
            if (str_eq(s->resource->dynamic[i].name, ref->anchor)) {
                target = s->resource->dynamic[i].node;
            }
        }
    }
    return target;
}

static bool eval_by_type(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    switch (v->type) {
    case JSON_NUMBER:
        return node->number == NULL || eval_number(run, node, v);
    case JSON_STRING:
        return node->string == NULL || eval_string(run, node, v);
    case JSON_ARRAY:
        return node->array == NULL || eval_array(run, node, v, marks);
    case JSON_OBJECT:
        return node->object == NULL || eval_object(run, node, v, marks);
    case JSON_NULL:
    case JSON_BOOL:
        break;
    }
    return true;
}

/* All but the unevaluated keywords. */
static bool eval_rules(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    bool ok = eval_type(run, node, v);
    if (node->ref != NULL && goes_on(run, ok)) {
        ok = eval(run, node->ref, v, marks) && ok;
    }
    if (node->dynamic_ref != NULL && goes_on(run, ok)) {
        ok = eval(run, dynamic_target(run, node->dynamic_ref), v, marks) && ok;
    }
    if (node->general != NULL && goes_on(run, ok)) {
        ok = eval_general(run, node, v, marks) && ok;
    }
    return goes_on(run, ok) ? eval_by_type(run, node, v, marks) && ok : ok;
}

static bool eval_with_unevaluated(Run *run, const SchemaNode *node, const Json *v, Marks *outer)
{
    Marks marks;
    marks_begin(run, &marks, v);
    bool ok = eval_rules(run, node, v, &marks);
    if (node->unevaluated_items != NULL && v->type == JSON_ARRAY && goes_on(run, ok)) {
        ok = eval_unevaluated_items(run, node, v, &marks) && ok;
    }
    if (node->unevaluated_properties != NULL && v->type == JSON_OBJECT && goes_on(run, ok)) {
        ok = eval_unevaluated_properties(run, node, v, &marks) && ok;
    }
    marks_add(outer, &marks);
    marks_end(run, &marks);
    return ok;
}

static bool eval(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    if (node->kind != SCHEMA_RULES) {
        return node->kind == SCHEMA_TRUE
                   ? !run->stopped
                   : violation(run, node, "false schema", v, STR("boolean schema is false"));
    }
    if (!spend(run, 1)) {
        return stop_for_time(run, node, "$ref", v);
    }
    if (run->stopped || run->depth == SCHEMA_MAX_EVAL_DEPTH) {
        return stop(run, node, "$ref", v,
                    STR("must not need so many nested schemas; the schema refers to itself "
                        "without end or too deeply"));
    }
    run->depth++;
    const Scope *outer = run->scope;
    Scope scope = {.up = outer, .resource = node->id.resource};
    if (scope.resource->n_dynamic > 0 && (outer == NULL || outer->resource != scope.resource)) {
        run->scope = &scope;
    }
    bool ok = node->unevaluated_items != NULL || node->unevaluated_properties != NULL
                  ? eval_with_unevaluated(run, node, v, marks)
                  : eval_rules(run, node, v, marks);
    run->scope = outer;
    run->depth--;
    return ok && !run->stopped;
}

bool json_schema_validate(const JsonSchema *schema,
                          const Json *instance,
                          Arena *scratch,
                          size_t max_issues,
                          JsonSchemaIssue **ret_issues,
                          size_t *ret_n)
{
    Run run = {.schema = schema, .scratch = scratch, .ticks = TICKS_PER_CLOCK};
    run.findings = (SchemaFindings){.arena = scratch, .max = max_issues, .list.arena = scratch};
    bool ok = eval(&run, schema->root, instance, NULL);
    if (ret_n != NULL) {
        *ret_n = 0;
    }
    if (ret_issues == NULL || ok) {
        return ok;
    }
    if (!run.stopped) {
        run.gathering = true;
        IGNORE(eval(&run, schema->root, instance, NULL)); /* known to fail; the notes are wanted */
    }
    size_t n = jschema_findings_finish(&run.findings, instance, max_issues, ret_issues);
    if (ret_n != NULL) {
        *ret_n = n;
    }
    return false;
}
