/* SPDX-License-Identifier: Apache-2.0
 * platform/contract/contract_schema.c - schemas of the contract, compiled when first needed.
 *
 * A process uses few of the hundreds of schemas; compiling all would cost more than the rest of the
 * start. Lookups are lock-free; a compilation takes the lock. */
#include "platform/contract/contract_priv.h"

enum { FIRST_SLOTS = 256, MAX_POINTER = 1024 };

static SchemaTable *table_new(Arena *arena, size_t n_slots)
{
    SchemaTable *table = ARENA_NEW(arena, SchemaTable);
    table->mask = n_slots - 1;
    table->slots = ARENA_ARRAY(arena, SchemaSlot, n_slots);
    return table;
}

void schemas_init(Contract *contract)
{
    atomic_store(&contract->schemas, table_new(contract->arena, FIRST_SLOTS));
}

static size_t first_slot(const SchemaTable *table, const Json *key)
{
    uint64_t h = (uint64_t)(uintptr_t)key * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(h >> 32) & table->mask;
}

static const JsonSchema *table_get(const SchemaTable *table, const Json *key)
{
    for (size_t i = first_slot(table, key);; i = (i + 1) & table->mask) {
        const Json *at = atomic_load_explicit(&table->slots[i].key, memory_order_acquire);
        if (at == key) {
            return atomic_load_explicit(&table->slots[i].schema, memory_order_relaxed);
        }
        if (!at) {
            return NULL;
        }
    }
}

static void table_put(SchemaTable *table, const Json *key, const JsonSchema *schema)
{
    size_t i = first_slot(table, key);
    while (atomic_load_explicit(&table->slots[i].key, memory_order_relaxed)) {
        i = (i + 1) & table->mask;
    }
    atomic_store_explicit(&table->slots[i].schema, schema, memory_order_relaxed);
    atomic_store_explicit(&table->slots[i].key, key, memory_order_release);
    table->used++;
}

static void put(Contract *contract, const Json *key, const JsonSchema *schema)
{
    SchemaTable *table = atomic_load(&contract->schemas);
    if (table->used * 2 > table->mask) {
        SchemaTable *larger = table_new(contract->arena, (table->mask + 1) * 2);
        for (size_t i = 0; i <= table->mask; i++) {
            const Json *at = atomic_load(&table->slots[i].key);
            if (at) {
                table_put(larger, at, atomic_load(&table->slots[i].schema));
            }
        }
        atomic_store_explicit(&contract->schemas, larger, memory_order_release);
        table = larger;
    }
    table_put(table, key, schema);
}

static void put_key(Buf *out, Str key)
{
    buf_char(out, '/');
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];
        if (c == '~' || c == '/') {
            buf_put(out, c == '~' ? STR("~0") : STR("~1"));
        } else {
            buf_char(out, c);
        }
    }
}

/* The pointer of `target`, by walking the document: once per schema that is not a component. */
static bool find_pointer(const Json *v, const Json *target, Buf *out)
{
    if (v == target) {
        return true;
    }
    size_t len = out->len;
    for (uint32_t i = 0; (v->type == JSON_OBJECT || v->type == JSON_ARRAY) && i < v->n; i++) {
        const Json *child = v->type == JSON_ARRAY ? v->items[i] : v->members[i].value;
        if (v->type == JSON_ARRAY) {
            buf_fmt(out, "/%u", i);
        } else {
            put_key(out, v->members[i].key);
        }
        if (find_pointer(child, target, out)) {
            return true;
        }
        out->len = len;
    }
    return false;
}

static Str pointer_of(const Contract *contract, Arena *arena, const Json *schema)
{
    const Json *schemas = json_path(contract->doc, "components", "schemas", NULL);
    Buf out = buf_init(arena, MAX_POINTER);
    for (uint32_t i = 0; json_is(schemas, JSON_OBJECT) && i < schemas->n; i++) {
        if (schemas->members[i].value == schema) {
            buf_lit(&out, "/components/schemas");
            put_key(&out, schemas->members[i].key);
            return buf_str(&out);
        }
    }
    ASSERT(find_pointer(contract->doc, schema, &out) && buf_ok(&out));
    return buf_str(&out);
}

const JsonSchema *contract_compile(Contract *contract, const Json *schema)
{
    SchemaTable *table = atomic_load_explicit(&contract->schemas, memory_order_acquire);
    const JsonSchema *compiled = table_get(table, schema);
    if (compiled) {
        return compiled;
    }
    mutex_lock(&contract->lock);
    compiled = table_get(atomic_load(&contract->schemas), schema);
    if (!compiled) {
        JsonSchemaOptions options = {.dialect = JSON_SCHEMA_2020_12, .assert_format = true};
        Error err = {0};
        Str pointer = pointer_of(contract, contract->arena, schema);
        /* the build has compiled every schema of the document */
        ASSERT(json_schema_compile_at(contract->arena, contract->doc, pointer, &options, &compiled,
                                      &err) == RC_OK);
        put(contract, schema, compiled);
    }
    mutex_unlock(&contract->lock);
    return compiled;
}

const Json *contract_schema_json(const Contract *contract, Str name)
{
    return json_get(json_path(contract->doc, "components", "schemas", NULL), name);
}

const JsonSchema *contract_schema(Contract *contract, Str name)
{
    const Json *schema = contract_schema_json(contract, name);
    return schema ? contract_compile(contract, schema) : NULL;
}
