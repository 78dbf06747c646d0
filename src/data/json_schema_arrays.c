/* SPDX-License-Identifier: Apache-2.0
 * Keywords on arrays. */
#include "data/json_schema_run.h"

enum { PAIRWISE_MAX = 12 }; /* items that uniqueItems compares pair by pair */

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
    CLEANUP(arena_cleanup) Arena *temporary = arena_new(v->n * sizeof(HashedItem) + KIB);
    HashedItem *items = ARENA_ARRAY(temporary, HashedItem, v->n);
    bool found = false;
    for (uint32_t i = 0; i < v->n; i++) {
        items[i] = (HashedItem){value_hash(run, v->items[i]), i};
    }
    qsort(items, v->n, sizeof items[0], hashed_item_cmp);
    for (uint32_t i = 1; i < v->n; i++) {
        for (uint32_t j = i; j-- > 0 && items[j].hash == items[i].hash;) {
            if (!run_spend(run, 16)) {
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
        return jschema_stop_for_time(run, node, "uniqueItems", v);
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
        if (jschema_eval_child(run, a->contains, v->items[i], i)) {
            marks_set(marks, i);
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
    for (uint32_t i = 0; i < prefix && run_goes_on(run, ok); i++) {
        marks_set(marks, i);
        ok = jschema_eval_child(run, a->prefix.at[i], v->items[i], i) && ok;
    }
    if (a->rest == NULL || prefix == v->n) {
        return ok;
    }
    marks_set_all(marks);
    if (a->rest->kind == SCHEMA_FALSE) {
        return VIOLATION(run, node, a->rest_keyword, v, "must NOT have more than %zu items",
                         a->prefix.n);
    }
    for (uint32_t i = prefix; i < v->n && run_goes_on(run, ok); i++) {
        ok = jschema_eval_child(run, a->rest, v->items[i], i) && ok;
    }
    return ok;
}

bool jschema_eval_array(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    const SchemaArrayRules *a = node->array;
    bool ok = true;
    if (v->n > a->max_items) {
        ok = VIOLATION(run, node, "maxItems", v, "must NOT have more than %llu items",
                       (unsigned long long)a->max_items);
    }
    if (run_goes_on(run, ok) && v->n < a->min_items) {
        ok = VIOLATION(run, node, "minItems", v, "must NOT have fewer than %llu items",
                       (unsigned long long)a->min_items);
    }
    if (run_goes_on(run, ok) && a->unique) {
        ok = eval_unique(run, node, v) && ok;
    }
    if (run_goes_on(run, ok) && (a->prefix.n > 0 || a->rest != NULL)) {
        ok = eval_items(run, node, v, marks) && ok;
    }
    if (run_goes_on(run, ok) && a->contains != NULL) {
        ok = eval_contains(run, node, v, marks) && ok;
    }
    return ok;
}

bool jschema_eval_unevaluated_items(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    const SchemaNode *rest = node->unevaluated_items;
    bool ok = true;
    uint32_t done = 0;
    for (uint32_t i = 0; i < v->n && run_goes_on(run, ok); i++) {
        if (marks_has(marks, i)) {
            done++;
        } else if (rest->kind == SCHEMA_FALSE) {
            while (i + 1 < v->n) {
                done += marks_has(marks, ++i) ? 1 : 0;
            }
            ok = VIOLATION(run, node, "unevaluatedItems", v, "must NOT have more than %u items",
                           (unsigned)done);
        } else {
            ok = jschema_eval_child(run, rest, v->items[i], i) && ok;
        }
    }
    marks->all = true;
    return ok;
}
