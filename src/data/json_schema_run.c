/* SPDX-License-Identifier: Apache-2.0
 * Violations, time and marks of a run. */
#include "data/json_schema_run.h"

#include <time.h>

static const int64_t CPU_LIMIT_NS = INT64_C(2000000000);

static void note(Run *run, SchemaFinding finding)
{
    run->findings.frame = run->frame;
    if (!jschema_finding_add(&run->findings, finding)) {
        run->gathering = false; /* full: unwind */
    }
}

bool jschema_note(Run *run, SchemaFinding finding)
{
    if (run->gathering) {
        note(run, finding);
    }
    return false;
}

bool jschema_violation(
    Run *run, const SchemaNode *node, const char *keyword, const Json *v, Str text)
{
    return jschema_note(run, (SchemaFinding){.node = node,
                                             .keyword = str_from(keyword),
                                             .message = text,
                                             .property = STR(""),
                                             .instance = v});
}

bool jschema_stop(Run *run, const SchemaNode *node, const char *keyword, const Json *v, Str text)
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

bool jschema_clock_look(Run *run)
{
    int64_t now = cpu_now_ns();
    run->ticks = TICKS_PER_CLOCK;
    if (run->deadline_ns == 0) {
        run->deadline_ns = now + CPU_LIMIT_NS;
    }
    return now < run->deadline_ns;
}

bool jschema_stop_for_time(Run *run, const SchemaNode *node, const char *keyword, const Json *v)
{
    return jschema_stop(
        run, node, keyword, v,
        STR("must be checkable within 2 seconds; the schema is too costly for this value"));
}

void jschema_marks_begin(Run *run, Marks *marks, const Json *v)
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

void jschema_marks_end(Run *run, Marks *marks)
{
    if (marks->bits != marks->own) {
        MarksBlock *block = (MarksBlock *)((char *)marks->bits - offsetof(MarksBlock, bits));
        block->next = run->spare;
        run->spare = block;
    }
}
