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
#include "data/json_schema_run.h"

/* Tries a subschema on the same value: notes nothing, and keeps its marks only when it holds. */
static bool try_eval(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    bool gathering = run->gathering;
    bool ok;
    run->gathering = false;
    if (marks == NULL) {
        ok = jschema_eval(run, node, v, NULL);
    } else {
        Marks own;
        jschema_marks_begin(run, &own, v);
        ok = jschema_eval(run, node, v, &own);
        if (ok) {
            marks_add(marks, &own);
        }
        jschema_marks_end(run, &own);
    }
    run->gathering = gathering && !run->stopped;
    return ok;
}

/* ---- keywords for every type ---- */

/* Runs failed branches once more for their issues. */
static void gather_branches(Run *run, const SchemaNodeList *list, const Json *v)
{
    for (size_t i = 0; i < list->n && run->gathering; i++) {
        IGNORE(jschema_eval(run, list->at[i], v, NULL)); /* known to fail; the notes are wanted */
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
    return found ? true
                 : jschema_violation(run, node, "anyOf", v, STR("must match a schema in anyOf"));
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
               : jschema_violation(run, node, "oneOf", v,
                                   STR("must match exactly one schema in oneOf"));
}

static bool eval_if(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    const SchemaGeneralRules *g = node->general;
    bool holds = try_eval(run, g->condition, v, marks);
    const SchemaNode *next = holds ? g->then_node : g->else_node;
    if (run->stopped) {
        return false;
    }
    if (next == NULL || jschema_eval(run, next, v, marks)) {
        return true;
    }
    return VIOLATION(run, node, "if", v, "must match \"%s\" schema", holds ? "then" : "else");
}

/* In ajv's order: const, enum, not, anyOf, oneOf, allOf, if. */
static bool eval_general(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    const SchemaGeneralRules *g = node->general;
    bool ok = jschema_eval_values(run, node, v);
    if (run_goes_on(run, ok) && g->negated != NULL && try_eval(run, g->negated, v, NULL)) {
        ok = jschema_violation(run, node, "not", v, STR("must NOT be valid"));
    }
    if (run_goes_on(run, ok) && g->any_of.n > 0) {
        ok = eval_any_of(run, node, v, marks) && ok;
    }
    if (run_goes_on(run, ok) && g->one_of.n > 0) {
        ok = eval_one_of(run, node, v, marks) && ok;
    }
    for (size_t i = 0; i < g->all_of.n && run_goes_on(run, ok); i++) {
        ok = jschema_eval(run, g->all_of.at[i], v, marks) && ok;
    }
    if (run_goes_on(run, ok) && g->condition != NULL) {
        ok = eval_if(run, node, v, marks) && ok;
    }
    return ok && !run->stopped;
}

bool jschema_eval_child(Run *run, const SchemaNode *node, const Json *child, uint32_t index)
{
    SchemaFrame frame = {.up = run->frame, .index = index};
    run->frame = &frame;
    bool ok = jschema_eval(run, node, child, NULL);
    run->frame = frame.up;
    return ok;
}

/* ---- nodes ---- */

/* $dynamicRef: the outermost resource in scope that has the anchor decides. */
static const SchemaNode *dynamic_target(Run *run, const SchemaDynamicRef *ref)
{
    const SchemaNode *target = ref->target;
    if (ref->anchor.len == 0) {
        return target;
    }
    for (const Scope *s = run->scope; s != NULL; s = s->up) {
        run->ticks -= (int)(s->resource->dynamic.n / 16);
        for (size_t i = 0; i < s->resource->dynamic.n; i++) {
            if (str_eq(s->resource->dynamic.at[i].name, ref->anchor)) {
                target = s->resource->dynamic.at[i].node;
            }
        }
    }
    return target;
}

static bool eval_by_type(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    switch (v->type) {
    case JSON_NUMBER:
        return node->number == NULL || jschema_eval_number(run, node, v);
    case JSON_STRING:
        return node->string == NULL || jschema_eval_string(run, node, v);
    case JSON_ARRAY:
        return node->array == NULL || jschema_eval_array(run, node, v, marks);
    case JSON_OBJECT:
        return node->object == NULL || jschema_eval_object(run, node, v, marks);
    case JSON_NULL:
    case JSON_BOOL:
        break;
    }
    return true;
}

/* All but the unevaluated keywords. */
static bool eval_rules(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    bool ok = jschema_eval_type(run, node, v);
    if (node->ref != NULL && run_goes_on(run, ok)) {
        ok = jschema_eval(run, node->ref, v, marks) && ok;
    }
    if (node->dynamic_ref != NULL && run_goes_on(run, ok)) {
        ok = jschema_eval(run, dynamic_target(run, node->dynamic_ref), v, marks) && ok;
    }
    if (node->general != NULL && run_goes_on(run, ok)) {
        ok = eval_general(run, node, v, marks) && ok;
    }
    return run_goes_on(run, ok) ? eval_by_type(run, node, v, marks) && ok : ok;
}

static bool eval_with_unevaluated(Run *run, const SchemaNode *node, const Json *v, Marks *outer)
{
    Marks marks;
    jschema_marks_begin(run, &marks, v);
    bool ok = eval_rules(run, node, v, &marks);
    if (node->unevaluated_items != NULL && v->type == JSON_ARRAY && run_goes_on(run, ok)) {
        ok = jschema_eval_unevaluated_items(run, node, v, &marks) && ok;
    }
    if (node->unevaluated_properties != NULL && v->type == JSON_OBJECT && run_goes_on(run, ok)) {
        ok = jschema_eval_unevaluated_properties(run, node, v, &marks) && ok;
    }
    marks_add(outer, &marks);
    jschema_marks_end(run, &marks);
    return ok;
}

bool jschema_eval(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    if (node->kind != SCHEMA_RULES) {
        return node->kind == SCHEMA_TRUE ? !run->stopped
                                         : jschema_violation(run, node, "false schema", v,
                                                             STR("boolean schema is false"));
    }
    if (!run_spend(run, 1)) {
        return jschema_stop_for_time(run, node, "$ref", v);
    }
    if (run->stopped || run->depth == SCHEMA_MAX_EVAL_DEPTH) {
        return jschema_stop(run, node, "$ref", v,
                            STR("must not need so many nested schemas; the schema refers to itself "
                                "without end or too deeply"));
    }
    run->depth++;
    const Scope *outer = run->scope;
    Scope scope = {.up = outer, .resource = node->id.resource};
    if (scope.resource->dynamic.n > 0 && (outer == NULL || outer->resource != scope.resource)) {
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
    bool ok = jschema_eval(&run, schema->root, instance, NULL);
    if (ret_n != NULL) {
        *ret_n = 0;
    }
    if (ret_issues != NULL) {
        *ret_issues = NULL;
    }
    if (ret_issues == NULL || ok) {
        return ok;
    }
    if (!run.stopped) {
        run.gathering = true;
        IGNORE(jschema_eval(&run, schema->root, instance,
                            NULL)); /* known to fail; the notes are wanted */
    }
    size_t n = jschema_findings_finish(&run.findings, instance, max_issues, ret_issues);
    if (ret_n != NULL) {
        *ret_n = n;
    }
    return false;
}
