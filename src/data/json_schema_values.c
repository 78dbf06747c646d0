/* SPDX-License-Identifier: Apache-2.0
 * Keywords on one value: type, numbers, strings, const and enum. */
#include "data/json_schema_run.h"

enum { TICKS_PER_PATTERN = 64 };

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

bool jschema_eval_type(Run *run, const SchemaNode *node, const Json *v)
{
    if (node->types == 0 || (node->types & (1U << v->type)) != 0 ||
        ((node->types & SCHEMA_TYPE_INTEGER) != 0 && v->type == JSON_NUMBER && is_integer(v))) {
        return true;
    }
    return jschema_violation(run, node, "type", v,
                             run->gathering ? type_list(run, node) : STR_EMPTY);
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

bool jschema_eval_number(Run *run, const SchemaNode *node, const Json *v)
{
    const SchemaNumberRules *n = node->number;
    Number number = {.json = v};
    bool ok = true;
    number.is_i64 = jschema_small_int(v->text, &number.i64);
    if (n->maximum.json && bound_cmp(&number, &n->maximum) > 0) {
        ok = BOUND_VIOLATION(run, node, "maximum", v, n->maximum, "<= ");
    }
    if (run_goes_on(run, ok) && n->minimum.json && bound_cmp(&number, &n->minimum) < 0) {
        ok = BOUND_VIOLATION(run, node, "minimum", v, n->minimum, ">= ");
    }
    if (run_goes_on(run, ok) && n->exclusive_maximum.json &&
        bound_cmp(&number, &n->exclusive_maximum) >= 0) {
        ok = BOUND_VIOLATION(run, node, "exclusiveMaximum", v, n->exclusive_maximum, "< ");
    }
    if (run_goes_on(run, ok) && n->exclusive_minimum.json &&
        bound_cmp(&number, &n->exclusive_minimum) <= 0) {
        ok = BOUND_VIOLATION(run, node, "exclusiveMinimum", v, n->exclusive_minimum, "> ");
    }
    if (run_goes_on(run, ok) && n->multiple_of.json && !is_multiple(&number, &n->multiple_of)) {
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

bool jschema_pattern_matches(
    Run *run, const SchemaNode *node, const char *keyword, const SchemaPattern *pattern, Str s)
{
    run_spend_bytes(run, s.len);
    if (!run_spend(run, TICKS_PER_PATTERN)) {
        return jschema_stop_for_time(run, node, keyword, NULL);
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
    return jschema_stop(run, node, keyword, NULL,
                        STR("must be checkable; the pattern takes too many steps for this value"));
}

bool jschema_eval_string(Run *run, const SchemaNode *node, const Json *v)
{
    const SchemaStringRules *s = node->string;
    bool ok = true;
    run_spend_bytes(run, v->text.len);
    /* code points are at most the bytes, and at least a quarter of them */
    if (v->text.len > s->max_length && code_points(v->text) > s->max_length) {
        ok = VIOLATION(run, node, "maxLength", v, "must NOT have more than %llu characters",
                       (unsigned long long)s->max_length);
    }
    if (run_goes_on(run, ok) && s->min_length > 0 && v->text.len / 4 < s->min_length &&
        code_points(v->text) < s->min_length) {
        ok = VIOLATION(run, node, "minLength", v, "must NOT have fewer than %llu characters",
                       (unsigned long long)s->min_length);
    }
    if (run_goes_on(run, ok) && s->pattern != NULL &&
        !jschema_pattern_matches(run, node, "pattern", s->pattern, v->text)) {
        ok = VIOLATION(run, node, "pattern", v, "must match pattern \"%.*s\"",
                       STR_ARG(s->pattern->text));
    }
    if (run_goes_on(run, ok) && s->format != NULL && !s->format(v->text)) {
        ok = VIOLATION(run, node, "format", v, "must match format \"%.*s\"",
                       STR_ARG(json_str_at(node->id.json, "format")));
    }
    return ok;
}

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

bool jschema_eval_values(Run *run, const SchemaNode *node, const Json *v)
{
    const SchemaGeneralRules *g = node->general;
    bool ok = true;
    if (g->constant != NULL && !json_equal(g->constant, v)) {
        ok = jschema_violation(run, node, "const", v, STR("must be equal to constant"));
    }
    if (run_goes_on(run, ok) && g->one_of_values != NULL) {
        if (!run_spend(run, (int)MIN(g->one_of_values->n, (uint32_t)TICKS_PER_CLOCK))) {
            return jschema_stop_for_time(run, node, "enum", v);
        }
        if (!in_enum(g->one_of_values, v)) {
            ok = jschema_violation(run, node, "enum", v,
                                   STR("must be equal to one of the allowed values"));
        }
    }
    return ok;
}
