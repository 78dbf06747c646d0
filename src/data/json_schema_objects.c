/* SPDX-License-Identifier: Apache-2.0
 * Keywords on objects. */
#include "data/json_schema_run.h"

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
    if (run_goes_on(run, ok) && v->n < o->min_properties) {
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
    for (uint32_t i = 0; i < required->n && run_goes_on(run, ok); i++) {
        Str name = required->items[i]->text;
        if (!run_spend_search(run, v)) {
            return jschema_stop_for_time(run, node, "required", v);
        }
        if (json_get(v, name) == NULL) {
            ok = jschema_note(
                run, (SchemaFinding){.node = node,
                                     .keyword = STR("required"),
                                     .property = name,
                                     .instance = v,
                                     .message =
                                         str_fmt(run->scratch, "must have required property '%.*s'",
                                                 STR_ARG(name))});
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
    return jschema_note(run, (SchemaFinding){.node = node,
                                             .keyword = d->keyword,
                                             .property = missing,
                                             .instance = v,
                                             .message = text});
}

static bool eval_dependencies(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    const SchemaObjectRules *o = node->object;
    bool ok = true;
    for (size_t i = 0; i < o->n_dependencies && run_goes_on(run, ok); i++) {
        const SchemaDependency *d = &o->dependencies[i];
        if (!run_spend_search(run, v)) {
            return jschema_stop_for_time(run, node, "dependencies", v);
        }
        if (json_get(v, d->name) == NULL) {
            continue;
        }
        if (d->node != NULL) {
            ok = jschema_eval(run, d->node, v, marks) && ok;
            continue;
        }
        for (uint32_t k = 0; k < d->required->n && run_goes_on(run, ok); k++) {
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
    for (uint32_t i = 0; i < v->n && run_goes_on(run, ok); i++) {
        Json on_stack = {.type = JSON_STRING, .text = v->members[i].key};
        Json *name = &on_stack;
        if (run->gathering) { /* issues point to it */
            name = ARENA_NEW(run->scratch, Json);
            *name = on_stack;
        }
        if (!jschema_eval(run, names, name, NULL)) {
            ok = jschema_note(run, (SchemaFinding){.node = node,
                                                   .keyword = STR("propertyNames"),
                                                   .property = v->members[i].key,
                                                   .instance = v,
                                                   .message = STR("property name must be valid")});
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
        marks_set(marks, index);
        ok = jschema_eval_child(run, property->node, member->value, index);
    }
    for (size_t i = 0; i < o->n_patterns && run_goes_on(run, ok); i++) {
        const SchemaPatternProperty *p = &o->patterns[i];
        if (jschema_pattern_matches(run, node, "patternProperties", p->pattern, member->key)) {
            known = true;
            marks_set(marks, index);
            ok = jschema_eval_child(run, p->node, member->value, index) && ok;
        }
        ok = ok && !run->stopped;
    }
    if (known || o->additional == NULL || !run_goes_on(run, ok)) {
        return ok;
    }
    marks_set(marks, index);
    if (o->additional->kind == SCHEMA_FALSE) {
        return jschema_note(run,
                            (SchemaFinding){.node = node,
                                            .keyword = STR("additionalProperties"),
                                            .property = member->key,
                                            .instance = v,
                                            .message = STR("must NOT have additional properties")});
    }
    return jschema_eval_child(run, o->additional, member->value, index) && ok;
}

static bool eval_members(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    const SchemaObjectRules *o = node->object;
    size_t required = 0;
    bool ok = true;
    for (uint32_t i = 0; i < v->n && run_goes_on(run, ok); i++) {
        const SchemaProperty *property = find_property(o, v->members[i].key);
        run_spend_bytes(run, v->members[i].key.len);
        required += property != NULL && property->required ? 1 : 0;
        ok = eval_member(run, node, v, i, property, marks) && ok;
    }
    return ok && required == o->n_required; /* keys are unique in an instance */
}

bool jschema_eval_object(Run *run, const SchemaNode *node, const Json *v, Marks *marks)
{
    const SchemaObjectRules *o = node->object;
    bool ok = eval_sizes(run, node, v);
    if (run->gathering && o->required != NULL) {
        ok = eval_required(run, node, v) && ok;
    }
    if (run_goes_on(run, ok) && o->n_dependencies > 0) {
        ok = eval_dependencies(run, node, v, marks) && ok;
    }
    if (run_goes_on(run, ok) && o->names != NULL) {
        ok = eval_names(run, node, v) && ok;
    }
    if (run_goes_on(run, ok) && (o->n_slots > 0 || o->n_patterns > 0 || o->additional != NULL)) {
        ok = eval_members(run, node, v, marks) && ok;
    }
    return ok;
}

bool jschema_eval_unevaluated_properties(Run *run,
                                         const SchemaNode *node,
                                         const Json *v,
                                         Marks *marks)
{
    const SchemaNode *rest = node->unevaluated_properties;
    bool ok = true;
    for (uint32_t i = 0; i < v->n && run_goes_on(run, ok); i++) {
        if (marks_has(marks, i)) {
            continue;
        }
        if (rest->kind == SCHEMA_FALSE) {
            ok = jschema_note(
                run, (SchemaFinding){.node = node,
                                     .keyword = STR("unevaluatedProperties"),
                                     .property = v->members[i].key,
                                     .instance = v,
                                     .message = STR("must NOT have unevaluated properties")});
        } else {
            ok = jschema_eval_child(run, rest, v->members[i].value, i) && ok;
        }
    }
    marks->all = true;
    return ok;
}
