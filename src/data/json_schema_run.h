/* SPDX-License-Identifier: Apache-2.0
 * data/json_schema_run.h - what the files of a run share; private to json_schema_*.c.
 *
 *   json_schema_validate.c  nodes and the keywords that combine them; the design of a run
 *   json_schema_values.c    type, numbers, strings, enum and const
 *   json_schema_arrays.c, json_schema_objects.c
 *   json_schema_run.c       violations, time, marks
 *   json_schema_issues.c    order and texts of what was found */
#ifndef DATA_JSON_SCHEMA_RUN_H
#define DATA_JSON_SCHEMA_RUN_H

#include "data/json_schema_priv.h"

enum {
    MARKS_INLINE = 4, /* words; 256 children */
    MATCH_MEMORY = 512,
    TICKS_PER_CLOCK = 4096, /* nodes between two looks at the clock; a pattern counts for more */
    BYTES_PER_TICK = 64,
};

typedef struct SchemaFrame { /* a step from the root of the instance */
    const struct SchemaFrame *up;
    uint32_t index; /* of the item or member */
} SchemaFrame;

typedef struct SchemaFinding { /* an issue before its texts are made */
    const SchemaNode *node;
    Str keyword, message, property;
    const Json *instance;
    uint32_t *steps; /* indexes from the root of the instance */
    uint32_t n_steps;
    uint32_t order;
} SchemaFinding;

typedef struct SchemaFindings {
    Arena *arena;
    VEC(SchemaFinding) list;
    size_t max;
    size_t bytes; /* of their texts */
    const SchemaFrame *frame;
} SchemaFindings;

/* False when there is no room for more. */
bool jschema_finding_add(SchemaFindings *findings, SchemaFinding finding);
/* Orders by place in the instance and makes the texts of the first max. */
size_t jschema_findings_finish(SchemaFindings *findings,
                               const Json *instance,
                               size_t max,
                               JsonSchemaIssue **ret);

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

/* ---- nodes ---- */

bool jschema_eval(Run *run, const SchemaNode *node, const Json *v, Marks *marks);
bool jschema_eval_child(Run *run, const SchemaNode *node, const Json *child, uint32_t index);
bool jschema_eval_type(Run *run, const SchemaNode *node, const Json *v);
bool jschema_eval_number(Run *run, const SchemaNode *node, const Json *v);
bool jschema_eval_string(Run *run, const SchemaNode *node, const Json *v);
bool jschema_eval_values(Run *run, const SchemaNode *node, const Json *v); /* const, enum */
bool jschema_eval_array(Run *run, const SchemaNode *node, const Json *v, Marks *marks);
bool jschema_eval_object(Run *run, const SchemaNode *node, const Json *v, Marks *marks);
bool jschema_eval_unevaluated_items(Run *run, const SchemaNode *node, const Json *v, Marks *marks);
bool jschema_eval_unevaluated_properties(Run *run,
                                         const SchemaNode *node,
                                         const Json *v,
                                         Marks *marks);
bool jschema_pattern_matches(
    Run *run, const SchemaNode *node, const char *keyword, const SchemaPattern *pattern, Str s);

/* ---- violations ---- */

/* Whether to look further: nothing is wrong yet, or all that is wrong is wanted. */
static inline bool run_goes_on(const Run *run, bool ok)
{
    return ok || run->gathering;
}

/* All return false, so that a check reads "return ok ? true : jschema_violation(...)". */
bool jschema_violation(
    Run *run, const SchemaNode *node, const char *keyword, const Json *v, Str text);
/* For one with a property, or whose keyword is not a literal. */
bool jschema_note(Run *run, SchemaFinding finding);
/* Ends the whole run. */
bool jschema_stop(Run *run, const SchemaNode *node, const char *keyword, const Json *v, Str text);
bool jschema_stop_for_time(Run *run, const SchemaNode *node, const char *keyword, const Json *v);

/* A violation whose text is made only when it is noted. */
#define VIOLATION(run, node, keyword, v, ...)                                                      \
    jschema_violation((run), (node), (keyword), (v),                                               \
                      (run)->gathering ? str_fmt((run)->scratch, __VA_ARGS__) : STR_EMPTY)

/* ---- time ---- */

bool jschema_clock_look(Run *run); /* false when the run's time is over */

/* False when the run's time is over: call jschema_stop_for_time. */
static inline bool run_spend(Run *run, int ticks)
{
    run->ticks -= ticks;
    return run->ticks > 0 || jschema_clock_look(run);
}

/* Work on that many bytes; the next run_spend() looks at what came together. */
static inline void run_spend_bytes(Run *run, size_t n)
{
    run->ticks -= (int)MIN(n / BYTES_PER_TICK, (size_t)TICKS_PER_CLOCK);
}

/* A linear search among the members of an object. */
static inline bool run_spend_search(Run *run, const Json *v)
{
    return run_spend(run, 1 + (int)(v->n / 16));
}

/* ---- marks; NULL when nobody asks ---- */

void jschema_marks_begin(Run *run, Marks *marks, const Json *v);
void jschema_marks_end(Run *run, Marks *marks);

static inline void marks_set(Marks *marks, uint32_t index)
{
    if (marks != NULL) {
        marks->bits[index / 64] |= UINT64_C(1) << (index % 64);
    }
}

static inline void marks_set_all(Marks *marks)
{
    if (marks != NULL) {
        marks->all = true;
    }
}

static inline bool marks_has(const Marks *marks, uint32_t index)
{
    return marks->all || (marks->bits[index / 64] >> (index % 64) & 1) != 0;
}

static inline void marks_add(Marks *to, const Marks *from)
{
    if (to != NULL) {
        to->all = to->all || from->all;
        for (size_t i = 0; i < to->words; i++) {
            to->bits[i] |= from->bits[i];
        }
    }
}

#endif
