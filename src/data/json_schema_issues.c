/* SPDX-License-Identifier: Apache-2.0
 * What a run found, in order and in words.
 *
 * A finding keeps its place as indexes from the root of the instance: cheap to note, and to sort
 * by. Only what is handed out gets its paths written. Issues stand in the order of the instance: an
 * object's own before its members', members as they come; at one place, as the keywords were
 * checked. */
#include "data/json_schema_run.h"

enum {
    FINDINGS_AT_LEAST = 200, /* gathered before sorting, however few are wanted */
    FINDINGS_BYTES_MAX =
        8 * 1024 * 1024, /* of texts and places, so that long keys cannot multiply */
};

bool jschema_finding_add(SchemaFindings *findings, SchemaFinding finding)
{
    uint32_t n = 0;
    for (const SchemaFrame *f = findings->frame; f != NULL; f = f->up) {
        n++;
    }
    findings->bytes += finding.message.len + n * sizeof(uint32_t);
    if (findings->list.n >= MAX(findings->max, (size_t)FINDINGS_AT_LEAST) ||
        (findings->list.n > 0 && findings->bytes > FINDINGS_BYTES_MAX)) {
        return false;
    }
    finding.n_steps = n;
    finding.steps = ARENA_ARRAY(findings->arena, uint32_t, n);
    for (const SchemaFrame *f = findings->frame; f != NULL; f = f->up) {
        finding.steps[--n] = f->index;
    }
    finding.order = (uint32_t)findings->list.n;
    VEC_PUSH(&findings->list, finding);
    return true;
}

static int finding_cmp(const void *left, const void *right)
{
    const SchemaFinding *a = left;
    const SchemaFinding *b = right;
    for (uint32_t i = 0; i < a->n_steps && i < b->n_steps; i++) {
        if (a->steps[i] != b->steps[i]) {
            return a->steps[i] < b->steps[i] ? -1 : 1;
        }
    }
    if (a->n_steps != b->n_steps) {
        return a->n_steps < b->n_steps ? -1 : 1;
    }
    return (a->order > b->order) - (a->order < b->order);
}

static void instance_path_write(Buf *out, const SchemaFinding *finding, const Json *at)
{
    for (uint32_t i = 0; i < finding->n_steps; i++) {
        uint32_t index = finding->steps[i];
        if (at->type == JSON_OBJECT) {
            SchemaLoc step = {.name = at->members[index].key};
            jschema_loc_write(out, &step);
            at = at->members[index].value;
        } else {
            buf_fmt(out, "/%u", (unsigned)index);
            at = at->items[index];
        }
    }
}

static JsonSchemaIssue
issue_of(const SchemaFindings *findings, const SchemaFinding *finding, const Json *instance)
{
    Buf path = buf_init(findings->arena, SIZE_MAX / 2);
    Buf schema_path = buf_init(findings->arena, SIZE_MAX / 2);
    instance_path_write(&path, finding, instance);
    jschema_loc_write(&schema_path, finding->node->loc);
    buf_char(&schema_path, '/');
    buf_put(&schema_path, finding->keyword);
    return (JsonSchemaIssue){.instance_path = buf_str(&path),
                             .keyword = finding->keyword,
                             .message = finding->message,
                             .schema_path = buf_str(&schema_path),
                             .property = finding->property,
                             .instance = finding->instance,
                             .schema = finding->node->id.json,
                             .params = json_get(finding->node->id.json, finding->keyword)};
}

size_t jschema_findings_finish(SchemaFindings *findings,
                               const Json *instance,
                               size_t max,
                               JsonSchemaIssue **ret)
{
    size_t n = MIN(findings->list.n, max);
    size_t bytes = 0;
    if (n > 0) {
        qsort(findings->list.at, findings->list.n, sizeof findings->list.at[0], finding_cmp);
    }
    JsonSchemaIssue *issues = ARENA_ARRAY(findings->arena, JsonSchemaIssue, n);
    for (size_t i = 0; i < n; i++) {
        issues[i] = issue_of(findings, &findings->list.at[i], instance);
        bytes += issues[i].instance_path.len + issues[i].schema_path.len;
        if (bytes > FINDINGS_BYTES_MAX) {
            n = i + 1;
        }
    }
    *ret = issues;
    return n;
}
