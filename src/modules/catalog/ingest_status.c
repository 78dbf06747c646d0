/* SPDX-License-Identifier: Apache-2.0
 * What could not be read, on the Location that names it: where Backstage shows it, too. */
#include "catalog_ingest_sql.h"
#include "modules/catalog/ingest.h"

enum { ITEMS_MAX = 20 }; /* shown on one Location; all are among the problems of the source */

void ingest_status_item(Buf *out, const Problem *p)
{
    Buf text = buf_init(out->arena, MIB);
    buf_put(&text, p->name);
    buf_lit(&text, ": ");
    buf_put(&text, p->message);
    buf_lit(out, "{\"type\":\"backstage.io/catalog-processing\",\"level\":\"error\",\"message\":");
    buf_json_str(out, buf_str(&text));
    buf_lit(out, ",\"error\":{\"name\":");
    buf_json_str(out, p->name);
    buf_lit(out, ",\"message\":");
    buf_json_str(out, p->message);
    buf_lit(out, "}}");
}

typedef struct Shown {
    Buf items;
    unsigned n;
} Shown;

/* The Location that a problem is told on: the one that names a document of which nothing can be
 * said, or the one whose targets are not known. "" when it is told on an entity of the document. */
static Str location_of(const Problem *p)
{
    if (p->document) {
        return p->entity_ref.len ? STR_EMPTY : p->document->parent_ref;
    }
    return p->entity_ref;
}

static void collect(Ingest *ingest, Map *by_location)
{
    for (size_t i = 0; i < ingest->problems.n; i++) {
        const Problem *p = &ingest->problems.at[i];
        Str ref = location_of(p);
        if (ref.len == 0) {
            continue;
        }
        Shown *shown = map_get(by_location, ref);
        if (!shown) {
            shown = ARENA_NEW(ingest->arena, Shown);
            *shown = (Shown){.items = buf_init(ingest->arena, MIB)};
            map_put(by_location, ref, shown);
        }
        if (shown->n++ < ITEMS_MAX) {
            buf_char(&shown->items, shown->n == 1 ? '[' : ',');
            ingest_status_item(&shown->items, p);
        }
    }
}

Rc ingest_show_on_locations(Ingest *ingest, bool *ret_changed)
{
    Ctx *cx = ingest->cx;
    Map by_location = map_init(ingest->arena);
    int64_t changed, total = 0;
    Buf refs = buf_init(ingest->arena, SIZE_MAX / 4);
    collect(ingest, &by_location);
    buf_char(&refs, '[');
    for (MapEntry *entry = map_first(&by_location); entry; entry = map_next(&by_location, entry)) {
        Shown *shown = entry->value;
        buf_put(&refs, refs.len > 1 ? STR(",") : STR_EMPTY);
        buf_json_str(&refs, entry->key);
        buf_char(&shown->items, ']');
        TRY(tx_exec(
            cx->tx, &catalog_ingest_show_on_location,
            PARAMS(P_STR(entry->key), P_STR(buf_str(&shown->items)), P_STR(ingest->source->id)),
            &changed, &cx->error));
        total += changed;
    }
    buf_char(&refs, ']');
    TRY(tx_exec(cx->tx, &catalog_ingest_clear_locations,
                PARAMS(P_STR(ingest->source->id), P_STR(buf_str(&refs))), &changed, &cx->error));
    *ret_changed = total + changed > 0;
    return RC_OK;
}
