/* SPDX-License-Identifier: Apache-2.0
 * Keywords: from a place in a schema document to a SchemaNode.
 *
 * A node is made empty and queued; the queue is worked off one node at a time, so that references,
 * cycles among them included, need no recursion. The table below is the list of keywords: a row
 * says in which drafts and vocabulary it is one, where it holds subschemas, and how it compiles.
 * To add one, add a row (sorted by name) and what it needs in json_schema_validate.c. */
#include "data/json_schema_priv.h"

/* ---- places and messages ---- */

const SchemaLoc *jschema_loc_below(Arena *arena, const SchemaLoc *up, Str keyword, const Str *key)
{
    SchemaLoc *loc = ARENA_NEW(arena, SchemaLoc);
    *loc = (SchemaLoc){.up = up, .name = keyword, .has_key = key != NULL};
    if (key != NULL) {
        loc->key = *key;
    }
    return loc;
}

static void pointer_token_write(Buf *out, Str token)
{
    buf_char(out, '/');
    for (size_t i = 0; i < token.len; i++) {
        if (token.ptr[i] == '~') {
            buf_lit(out, "~0");
        } else if (token.ptr[i] == '/') {
            buf_lit(out, "~1");
        } else {
            buf_char(out, token.ptr[i]);
        }
    }
}

void jschema_loc_write(Buf *out, const SchemaLoc *loc)
{
    if (loc->up != NULL) {
        jschema_loc_write(out, loc->up); /* as deep as the document nests: SCHEMA_MAX_NESTING */
    }
    if (loc->raw) {
        buf_put(out, loc->name);
    } else {
        pointer_token_write(out, loc->name);
    }
    if (loc->has_key) {
        pointer_token_write(out, loc->key);
    }
}

Rc jschema_fail(SchemaCompiler *c, const SchemaLoc *loc, const Json *at, const char *fmt, ...)
{
    enum { PLACE_MAX = 160 };
    Buf place = buf_init(c->work, SIZE_MAX / 2);
    jschema_loc_write(&place, loc);
    Str shown = str_sub(buf_str(&place), 0, PLACE_MAX);
    va_list ap;
    va_start(ap, fmt);
    error_vset(c->err, RC_INVALID, fmt, ap);
    va_end(ap);
    error_prefix(c->err, "Schema at %.*s%s", STR_ARG(shown), place.len > PLACE_MAX ? "..." : "");
    if (c->err != NULL) {
        c->err->line = at->line;
        c->err->column = at->column;
    }
    return RC_INVALID;
}

/* "Schema at #/x: "minLength" must be ..." */
static Rc fail_value(SchemaCompiler *c, const SchemaNode *node, const Json *value, const char *what)
{
    return jschema_fail(c, node->loc, value, "\"%.*s\" %s", STR_ARG(c->keyword), what);
}

/* ---- nodes ---- */

Rc jschema_node_of(SchemaCompiler *c, const SchemaTarget *target, SchemaNode **ret)
{
    struct SchemaNodeId id = {target->json, target->resource};
    SchemaNode *node = map_get(&c->nodes, str_of((const char *)&id, sizeof id));
    if (node != NULL) {
        *ret = node;
        return RC_OK;
    }
    if (c->queue.n >= SCHEMA_MAX_NODES) {
        return jschema_fail(c, target->loc, target->json, "is one of more than %d subschemas",
                            SCHEMA_MAX_NODES);
    }
    if (target->json->type != JSON_OBJECT && target->json->type != JSON_BOOL) {
        return jschema_fail(c, target->loc, target->json, "must be an object or a boolean");
    }
    node = ARENA_NEW(c->arena, SchemaNode);
    node->id = id;
    node->loc = target->loc;
    IGNORE(map_put(&c->nodes, str_of((const char *)&node->id, sizeof node->id), node));
    VEC_PUSH(&c->queue, node);
    *ret = node;
    return RC_OK;
}

/* The subschema `json` under the keyword being compiled; key for members and items. */
static Rc child_node(
    SchemaCompiler *c, const SchemaNode *node, const Json *json, const Str *key, SchemaNode **ret)
{
    SchemaTarget target = {.json = json,
                           .resource = jschema_resource_of(c, json, node->id.resource),
                           .loc = jschema_loc_below(c->arena, node->loc, c->keyword, key)};
    return jschema_node_of(c, &target, ret);
}

#define RULES_OF(c, node, group, Type)                                                             \
    ((node)->group ? (node)->group : ((node)->group = ARENA_NEW((c)->arena, Type)))

static SchemaGeneralRules *general_of(SchemaCompiler *c, SchemaNode *node)
{
    return RULES_OF(c, node, general, SchemaGeneralRules);
}

static SchemaNumberRules *number_of(SchemaCompiler *c, SchemaNode *node)
{
    return RULES_OF(c, node, number, SchemaNumberRules);
}

static SchemaStringRules *string_of(SchemaCompiler *c, SchemaNode *node)
{
    if (node->string == NULL) {
        node->string = ARENA_NEW(c->arena, SchemaStringRules);
        node->string->max_length = UINT64_MAX;
    }
    return node->string;
}

static SchemaArrayRules *array_of(SchemaCompiler *c, SchemaNode *node)
{
    if (node->array == NULL) {
        node->array = ARENA_NEW(c->arena, SchemaArrayRules);
        node->array->max_items = UINT64_MAX;
        node->array->min_contains = 1;
        node->array->max_contains = UINT64_MAX;
    }
    return node->array;
}

static SchemaObjectRules *object_of(SchemaCompiler *c, SchemaNode *node)
{
    if (node->object == NULL) {
        node->object = ARENA_NEW(c->arena, SchemaObjectRules);
        node->object->max_properties = UINT64_MAX;
    }
    return node->object;
}

/* ---- values of keywords ---- */

/* A non-negative integer, "2.0" too; what does not fit counts as the largest. */
static Rc read_count(SchemaCompiler *c, const SchemaNode *node, const Json *value, uint64_t *ret)
{
    int64_t i64;
    if (!json_is(value, JSON_NUMBER) || !json_is_integer(value)) {
        return fail_value(c, node, value, "must be a non-negative integer");
    }
    JsonDecimal decimal = json_decimal(value->text);
    if (decimal.negative && decimal.from < decimal.to) {
        return fail_value(c, node, value, "must be a non-negative integer");
    }
    *ret = json_to_i64(value, &i64) ? (uint64_t)i64 : UINT64_MAX;
    return RC_OK;
}

static Rc read_bound(SchemaCompiler *c, const SchemaNode *node, const Json *value, SchemaBound *ret)
{
    if (!json_is(value, JSON_NUMBER)) {
        return fail_value(c, node, value, "must be a number");
    }
    ret->json = value;
    ret->decimal = json_decimal(value->text);
    ret->is_i64 = jschema_small_int(value->text, &ret->i64);
    return RC_OK;
}

static Rc
read_list(SchemaCompiler *c, const SchemaNode *node, const Json *value, SchemaNodeList *ret)
{
    if (!json_is(value, JSON_ARRAY)) {
        return fail_value(c, node, value, "must be an array of schemas");
    }
    ret->n = value->n;
    ret->at = ARENA_ARRAY(c->arena, SchemaNode *, value->n);
    for (uint32_t i = 0; i < value->n; i++) {
        Str key = str_fmt(c->arena, "%u", (unsigned)i);
        TRY(child_node(c, node, value->items[i], &key, &ret->at[i]));
    }
    return RC_OK;
}

static Rc check_names(SchemaCompiler *c, const SchemaNode *node, const Json *value)
{
    bool ok = json_is(value, JSON_ARRAY);
    for (uint32_t i = 0; ok && i < value->n; i++) {
        ok = value->items[i]->type == JSON_STRING;
    }
    return ok ? RC_OK : fail_value(c, node, value, "must be an array of strings");
}

static Rc read_pattern(
    SchemaCompiler *c, const SchemaNode *node, const Json *at, Str text, const SchemaPattern **ret)
{
    const char *why = "";
    if (jschema_pattern_compile(c, text, ret, &why) != RC_OK) {
        return jschema_fail(c, node->loc, at, "\"%.*s\": the regular expression \"%.*s\" %s",
                            STR_ARG(c->keyword), STR_ARG(str_sub(text, 0, 80)), why);
    }
    return RC_OK;
}

/* The entry of a name in the property table, made when new. The table is at most half full. */
static SchemaProperty *property_of(SchemaObjectRules *o, Str name)
{
    size_t mask = o->n_slots - 1;
    size_t slot = (size_t)str_hash(name) & mask;
    for (; o->slots[slot] != 0; slot = (slot + 1) & mask) {
        SchemaProperty *p = &o->properties[o->slots[slot] - 1];
        if (str_eq(p->name, name)) {
            return p;
        }
    }
    SchemaProperty *made = &o->properties[o->n_properties++];
    made->name = name;
    o->slots[slot] = (uint32_t)o->n_properties;
    return made;
}

static void property_table_init(SchemaCompiler *c, SchemaObjectRules *o, const Json *schema)
{
    const Json *properties = json_get_c(schema, "properties");
    const Json *required = json_get_c(schema, "required");
    size_t names = (properties ? properties->n : 0) + (required ? required->n : 0);
    if (o->slots != NULL) {
        return;
    }
    o->n_slots = 4;
    while (o->n_slots < 2 * names) {
        o->n_slots *= 2;
    }
    o->slots = ARENA_ARRAY(c->arena, uint32_t, o->n_slots);
    o->properties = ARENA_ARRAY(c->arena, SchemaProperty, names);
}

/* ---- keywords ---- */

static Rc compile_ref(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    SchemaTarget target;
    if (!json_is(value, JSON_STRING)) {
        return fail_value(c, node, value, "must be a string");
    }
    TRY(jschema_ref_resolve(c, node, value, &target));
    return jschema_node_of(c, &target, &node->ref);
}

static Rc compile_dynamic_ref(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    SchemaTarget target;
    if (!json_is(value, JSON_STRING)) {
        return fail_value(c, node, value, "must be a string");
    }
    TRY(jschema_ref_resolve(c, node, value, &target));
    node->dynamic_ref = ARENA_NEW(c->arena, SchemaDynamicRef);
    node->dynamic_ref->anchor = target.dynamic_anchor;
    return jschema_node_of(c, &target, &node->dynamic_ref->target);
}

static Rc compile_definitions(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    SchemaNode *unused;
    if (!json_is(value, JSON_OBJECT)) {
        return fail_value(c, node, value, "must be an object of schemas");
    }
    for (uint32_t i = 0; i < value->n; i++) {
        TRY(child_node(c, node, value->members[i].value, &value->members[i].key, &unused));
    }
    return RC_OK;
}

static Rc type_bit(SchemaCompiler *c, const SchemaNode *node, const Json *name, unsigned *types)
{
    static const JsonType all[] = {JSON_NULL,   JSON_BOOL,  JSON_NUMBER,
                                   JSON_STRING, JSON_ARRAY, JSON_OBJECT};
    if (str_is(json_str(name), "integer")) {
        *types |= SCHEMA_TYPE_INTEGER;
        return RC_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (str_is(json_str(name), json_type_name(all[i]))) {
            *types |= 1U << all[i];
            return RC_OK;
        }
    }
    return fail_value(c, node, name,
                      "must name types: null, boolean, integer, number, string, array, object");
}

static Rc compile_type(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    if (!json_is(value, JSON_ARRAY)) {
        return type_bit(c, node, value, &node->types);
    }
    if (value->n == 0) {
        return fail_value(c, node, value, "must name at least one type");
    }
    for (uint32_t i = 0; i < value->n; i++) {
        TRY(type_bit(c, node, value->items[i], &node->types));
    }
    return RC_OK;
}

static Rc compile_enum(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    if (!json_is(value, JSON_ARRAY)) {
        return fail_value(c, node, value, "must be an array");
    }
    general_of(c, node)->one_of_values = value;
    return RC_OK;
}

static Rc compile_const(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    general_of(c, node)->constant = value;
    return RC_OK;
}

static Rc compile_not(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return child_node(c, node, value, NULL, &general_of(c, node)->negated);
}

static Rc compile_combination(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    SchemaGeneralRules *general = general_of(c, node);
    SchemaNodeList *list = str_is(c->keyword, "allOf")   ? &general->all_of
                           : str_is(c->keyword, "anyOf") ? &general->any_of
                                                         : &general->one_of;
    if (json_is(value, JSON_ARRAY) && value->n == 0) {
        return fail_value(c, node, value, "must have at least one schema");
    }
    return read_list(c, node, value, list);
}

static Rc compile_if(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return child_node(c, node, value, NULL, &general_of(c, node)->condition);
}

static Rc compile_then(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return child_node(c, node, value, NULL, &general_of(c, node)->then_node);
}

static Rc compile_else(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return child_node(c, node, value, NULL, &general_of(c, node)->else_node);
}

static Rc compile_minimum(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return read_bound(c, node, value, &number_of(c, node)->minimum);
}

static Rc compile_maximum(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return read_bound(c, node, value, &number_of(c, node)->maximum);
}

static Rc compile_exclusive_minimum(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return read_bound(c, node, value, &number_of(c, node)->exclusive_minimum);
}

static Rc compile_exclusive_maximum(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return read_bound(c, node, value, &number_of(c, node)->exclusive_maximum);
}

static Rc compile_multiple_of(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    SchemaBound *bound = &number_of(c, node)->multiple_of;
    TRY(read_bound(c, node, value, bound));
    if (bound->decimal.from == bound->decimal.to || bound->decimal.negative) {
        return fail_value(c, node, value, "must be a number above 0");
    }
    return RC_OK;
}

static Rc compile_min_length(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return read_count(c, node, value, &string_of(c, node)->min_length);
}

static Rc compile_max_length(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return read_count(c, node, value, &string_of(c, node)->max_length);
}

static Rc compile_pattern(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    if (!json_is(value, JSON_STRING)) {
        return fail_value(c, node, value, "must be a string");
    }
    return read_pattern(c, node, value, value->text, &string_of(c, node)->pattern);
}

static Rc compile_format(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    if (!json_is(value, JSON_STRING)) {
        return fail_value(c, node, value, "must be a string");
    }
    if (c->options->assert_format || (node->id.resource->vocab & VOCAB_FORMAT_ASSERTION)) {
        string_of(c, node)->format = jschema_format_find(value->text);
    }
    return RC_OK;
}

static Rc compile_min_items(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return read_count(c, node, value, &array_of(c, node)->min_items);
}

static Rc compile_max_items(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return read_count(c, node, value, &array_of(c, node)->max_items);
}

static Rc compile_unique_items(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    if (!json_is(value, JSON_BOOL)) {
        return fail_value(c, node, value, "must be true or false");
    }
    array_of(c, node)->unique = value->boolean;
    return RC_OK;
}

static Rc compile_prefix_items(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return read_list(c, node, value, &array_of(c, node)->prefix);
}

static Rc compile_items(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    SchemaArrayRules *array = array_of(c, node);
    if (json_is(value, JSON_ARRAY)) {
        if (node->id.resource->draft != DRAFT_07) {
            return fail_value(c, node, value, "must be a schema; use \"prefixItems\" for a list");
        }
        return read_list(c, node, value, &array->prefix);
    }
    array->rest_keyword = "items";
    return child_node(c, node, value, NULL, &array->rest);
}

/* draft-07: speaks only beside an "items" that is a list. */
static Rc compile_additional_items(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    SchemaNode *additional;
    TRY(child_node(c, node, value, NULL, &additional));
    if (json_is(json_get_c(node->id.json, "items"), JSON_ARRAY)) {
        array_of(c, node)->rest = additional;
        array_of(c, node)->rest_keyword = "additionalItems";
    }
    return RC_OK;
}

static Rc compile_contains(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return child_node(c, node, value, NULL, &array_of(c, node)->contains);
}

static Rc compile_min_contains(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return read_count(c, node, value, &array_of(c, node)->min_contains);
}

static Rc compile_max_contains(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return read_count(c, node, value, &array_of(c, node)->max_contains);
}

static Rc compile_unevaluated_items(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return child_node(c, node, value, NULL, &node->unevaluated_items);
}

static Rc compile_min_properties(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return read_count(c, node, value, &object_of(c, node)->min_properties);
}

static Rc compile_max_properties(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return read_count(c, node, value, &object_of(c, node)->max_properties);
}

static Rc compile_required(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    SchemaObjectRules *object = object_of(c, node);
    TRY(check_names(c, node, value));
    object->required = value;
    property_table_init(c, object, node->id.json);
    for (uint32_t i = 0; i < value->n; i++) {
        SchemaProperty *property = property_of(object, value->items[i]->text);
        object->n_required += property->required ? 0 : 1;
        property->required = true;
    }
    return RC_OK;
}

static Rc compile_properties(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    SchemaObjectRules *object = object_of(c, node);
    if (!json_is(value, JSON_OBJECT)) {
        return fail_value(c, node, value, "must be an object of schemas");
    }
    property_table_init(c, object, node->id.json);
    for (uint32_t i = 0; i < value->n; i++) {
        const JsonMember *member = &value->members[i];
        SchemaProperty *property = property_of(object, member->key);
        TRY(child_node(c, node, member->value, &member->key, &property->node));
    }
    return RC_OK;
}

static Rc compile_pattern_properties(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    SchemaObjectRules *object = object_of(c, node);
    if (!json_is(value, JSON_OBJECT)) {
        return fail_value(c, node, value, "must be an object of schemas");
    }
    object->patterns = ARENA_ARRAY(c->arena, SchemaPatternProperty, value->n);
    object->n_patterns = value->n;
    for (uint32_t i = 0; i < value->n; i++) {
        const JsonMember *member = &value->members[i];
        SchemaPatternProperty *property = &object->patterns[i];
        TRY(read_pattern(c, node, member->value, member->key, &property->pattern));
        TRY(child_node(c, node, member->value, &member->key, &property->node));
    }
    return RC_OK;
}

static Rc compile_additional_properties(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return child_node(c, node, value, NULL, &object_of(c, node)->additional);
}

static Rc compile_property_names(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return child_node(c, node, value, NULL, &object_of(c, node)->names);
}

/* dependencies, dependentSchemas and dependentRequired add to one list. */
static Rc compile_dependencies(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    SchemaObjectRules *object = object_of(c, node);
    bool schemas = !str_is(c->keyword, "dependentRequired");
    bool names = !str_is(c->keyword, "dependentSchemas");
    if (!json_is(value, JSON_OBJECT)) {
        return fail_value(c, node, value, "must be an object");
    }
    object->dependencies = arena_grow(
        c->arena, object->dependencies, object->n_dependencies * sizeof(SchemaDependency),
        (object->n_dependencies + value->n) * sizeof(SchemaDependency));
    for (uint32_t i = 0; i < value->n; i++) {
        const JsonMember *member = &value->members[i];
        SchemaDependency *dependency = &object->dependencies[object->n_dependencies++];
        *dependency = (SchemaDependency){.name = member->key, .keyword = c->keyword};
        if (names && (member->value->type == JSON_ARRAY || !schemas)) {
            TRY(check_names(c, node, member->value));
            dependency->required = member->value;
        } else {
            TRY(child_node(c, node, member->value, &member->key, &dependency->node));
        }
    }
    return RC_OK;
}

static Rc compile_unevaluated_properties(SchemaCompiler *c, SchemaNode *node, const Json *value)
{
    return child_node(c, node, value, NULL, &node->unevaluated_properties);
}

/* Sorted by name. $id, $anchor, $dynamicAnchor, $schema and $vocabulary: json_schema_refs.c. */
static const SchemaKeyword keywords[] = {
    {STR_INIT("$defs"),                 DRAFT_2020_12, VOCAB_CORE,              SHAPE_MAP,          compile_definitions   },
    {STR_INIT("$dynamicRef"),           DRAFT_2020_12, VOCAB_CORE,              SHAPE_NONE,         compile_dynamic_ref   },
    {STR_INIT("$ref"),                  DRAFT_ANY,     VOCAB_CORE,              SHAPE_NONE,         compile_ref           },
    {STR_INIT("additionalItems"),       DRAFT_07,      VOCAB_APPLICATOR,        SHAPE_SCHEMA,
     compile_additional_items                                                                                             },
    {STR_INIT("additionalProperties"),  DRAFT_ANY,     VOCAB_APPLICATOR,        SHAPE_SCHEMA,
     compile_additional_properties                                                                                        },
    {STR_INIT("allOf"),                 DRAFT_ANY,     VOCAB_APPLICATOR,        SHAPE_LIST,         compile_combination   },
    {STR_INIT("anyOf"),                 DRAFT_ANY,     VOCAB_APPLICATOR,        SHAPE_LIST,         compile_combination   },
    {STR_INIT("const"),                 DRAFT_ANY,     VOCAB_VALIDATION,        SHAPE_NONE,         compile_const         },
    {STR_INIT("contains"),              DRAFT_ANY,     VOCAB_APPLICATOR,        SHAPE_SCHEMA,       compile_contains      },
    {STR_INIT("definitions"),           DRAFT_ANY,     VOCAB_CORE,              SHAPE_MAP,          compile_definitions   },
    {STR_INIT("dependencies"),          DRAFT_ANY,     VOCAB_APPLICATOR,        SHAPE_DEPENDENCIES,
     compile_dependencies                                                                                                 },
    {STR_INIT("dependentRequired"),     DRAFT_2020_12, VOCAB_VALIDATION,        SHAPE_NONE,
     compile_dependencies                                                                                                 },
    {STR_INIT("dependentSchemas"),      DRAFT_2020_12, VOCAB_APPLICATOR,        SHAPE_MAP,
     compile_dependencies                                                                                                 },
    {STR_INIT("else"),                  DRAFT_ANY,     VOCAB_APPLICATOR,        SHAPE_SCHEMA,       compile_else          },
    {STR_INIT("enum"),                  DRAFT_ANY,     VOCAB_VALIDATION,        SHAPE_NONE,         compile_enum          },
    {STR_INIT("exclusiveMaximum"),      DRAFT_ANY,     VOCAB_VALIDATION,        SHAPE_NONE,
     compile_exclusive_maximum                                                                                            },
    {STR_INIT("exclusiveMinimum"),      DRAFT_ANY,     VOCAB_VALIDATION,        SHAPE_NONE,
     compile_exclusive_minimum                                                                                            },
    {STR_INIT("format"),                DRAFT_ANY,     VOCAB_FORMAT_ANNOTATION, SHAPE_NONE,         compile_format        },
    {STR_INIT("if"),                    DRAFT_ANY,     VOCAB_APPLICATOR,        SHAPE_SCHEMA,       compile_if            },
    {STR_INIT("items"),                 DRAFT_ANY,     VOCAB_APPLICATOR,        SHAPE_ITEMS,        compile_items         },
    {STR_INIT("maxContains"),           DRAFT_2020_12, VOCAB_VALIDATION,        SHAPE_NONE,         compile_max_contains  },
    {STR_INIT("maxItems"),              DRAFT_ANY,     VOCAB_VALIDATION,        SHAPE_NONE,         compile_max_items     },
    {STR_INIT("maxLength"),             DRAFT_ANY,     VOCAB_VALIDATION,        SHAPE_NONE,         compile_max_length    },
    {STR_INIT("maxProperties"),         DRAFT_ANY,     VOCAB_VALIDATION,        SHAPE_NONE,         compile_max_properties},
    {STR_INIT("maximum"),               DRAFT_ANY,     VOCAB_VALIDATION,        SHAPE_NONE,         compile_maximum       },
    {STR_INIT("minContains"),           DRAFT_2020_12, VOCAB_VALIDATION,        SHAPE_NONE,         compile_min_contains  },
    {STR_INIT("minItems"),              DRAFT_ANY,     VOCAB_VALIDATION,        SHAPE_NONE,         compile_min_items     },
    {STR_INIT("minLength"),             DRAFT_ANY,     VOCAB_VALIDATION,        SHAPE_NONE,         compile_min_length    },
    {STR_INIT("minProperties"),         DRAFT_ANY,     VOCAB_VALIDATION,        SHAPE_NONE,         compile_min_properties},
    {STR_INIT("minimum"),               DRAFT_ANY,     VOCAB_VALIDATION,        SHAPE_NONE,         compile_minimum       },
    {STR_INIT("multipleOf"),            DRAFT_ANY,     VOCAB_VALIDATION,        SHAPE_NONE,         compile_multiple_of   },
    {STR_INIT("not"),                   DRAFT_ANY,     VOCAB_APPLICATOR,        SHAPE_SCHEMA,       compile_not           },
    {STR_INIT("oneOf"),                 DRAFT_ANY,     VOCAB_APPLICATOR,        SHAPE_LIST,         compile_combination   },
    {STR_INIT("pattern"),               DRAFT_ANY,     VOCAB_VALIDATION,        SHAPE_NONE,         compile_pattern       },
    {STR_INIT("patternProperties"),     DRAFT_ANY,     VOCAB_APPLICATOR,        SHAPE_MAP,
     compile_pattern_properties                                                                                           },
    {STR_INIT("prefixItems"),           DRAFT_2020_12, VOCAB_APPLICATOR,        SHAPE_LIST,         compile_prefix_items  },
    {STR_INIT("properties"),            DRAFT_ANY,     VOCAB_APPLICATOR,        SHAPE_MAP,          compile_properties    },
    {STR_INIT("propertyNames"),         DRAFT_ANY,     VOCAB_APPLICATOR,        SHAPE_SCHEMA,       compile_property_names},
    {STR_INIT("required"),              DRAFT_ANY,     VOCAB_VALIDATION,        SHAPE_NONE,         compile_required      },
    {STR_INIT("then"),                  DRAFT_ANY,     VOCAB_APPLICATOR,        SHAPE_SCHEMA,       compile_then          },
    {STR_INIT("type"),                  DRAFT_ANY,     VOCAB_VALIDATION,        SHAPE_NONE,         compile_type          },
    {STR_INIT("unevaluatedItems"),      DRAFT_2020_12, VOCAB_UNEVALUATED,       SHAPE_SCHEMA,
     compile_unevaluated_items                                                                                            },
    {STR_INIT("unevaluatedProperties"), DRAFT_2020_12, VOCAB_UNEVALUATED,       SHAPE_SCHEMA,
     compile_unevaluated_properties                                                                                       },
    {STR_INIT("uniqueItems"),           DRAFT_ANY,     VOCAB_VALIDATION,        SHAPE_NONE,         compile_unique_items  },
};

static int keyword_cmp(const void *name, const void *row)
{
    const Str *s = name;
    const SchemaKeyword *keyword = row;
    size_t n = MIN(s->len, keyword->name.len);
    int cmp = n > 0 ? memcmp(s->ptr, keyword->name.ptr, n) : 0;
    return cmp != 0 ? cmp : (s->len > keyword->name.len) - (s->len < keyword->name.len);
}

const SchemaKeyword *jschema_keyword_find(const SchemaResource *resource, Str name)
{
    const SchemaKeyword *k =
        bsearch(&name, keywords, ARRAY_LEN(keywords), sizeof keywords[0], keyword_cmp);
    if (k == NULL || (k->drafts & resource->draft) == 0) {
        return NULL;
    }
    unsigned wanted = k->vocab;
    if (wanted == VOCAB_FORMAT_ANNOTATION) {
        wanted |= VOCAB_FORMAT_ASSERTION; /* both vocabularies know "format" */
    }
    return resource->vocab & wanted ? k : NULL;
}

static Rc node_compile(SchemaCompiler *c, SchemaNode *node)
{
    const Json *json = node->id.json;
    if (json->type == JSON_BOOL) {
        node->kind = json->boolean ? SCHEMA_TRUE : SCHEMA_FALSE;
        return RC_OK;
    }
    node->id.resource->entered = true;
    const Json *ref = json_get_c(json, "$ref");
    if (ref != NULL && node->id.resource->draft == DRAFT_07) { /* hides its siblings */
        c->keyword = STR("$ref");
        return compile_ref(c, node, ref);
    }
    for (uint32_t i = 0; i < json->n; i++) {
        const SchemaKeyword *keyword =
            jschema_keyword_find(node->id.resource, json->members[i].key);
        if (keyword != NULL) {
            c->keyword = keyword->name;
            TRY(keyword->compile(c, node, json->members[i].value));
        }
    }
    return RC_OK;
}

/* ---- entry points ---- */

static void match_context_free(void *context)
{
    pcre2_match_context_free(context);
}

static void pattern_contexts_init(SchemaCompiler *c, JsonSchema *schema)
{
    c->pattern_context = pcre2_compile_context_create(NULL);
    schema->match_context = pcre2_match_context_create(NULL);
    ASSERT(c->pattern_context != NULL && schema->match_context != NULL);
    IGNORE(pcre2_set_match_limit(schema->match_context, SCHEMA_MATCH_LIMIT)); /* never fail */
    IGNORE(pcre2_set_depth_limit(schema->match_context, SCHEMA_MATCH_DEPTH));
    IGNORE(pcre2_set_heap_limit(schema->match_context, SCHEMA_MATCH_HEAP_KIB));
    arena_defer(c->arena, match_context_free, schema->match_context);
}

static Rc compile_all(SchemaCompiler *c, const Json *root, Str pointer, JsonSchema *schema)
{
    SchemaResource *resource;
    SchemaTarget target;
    Str fragment;
    Str base = jschema_uri_cut_fragment(c->options->base_uri, &fragment);
    TRY(jschema_document_add(c, base, root, STR("#"), &resource));
    TRY(jschema_pointer_follow(c, resource, pointer, &target, c->err));
    TRY(jschema_node_of(c, &target, &schema->root));
    while (c->next < c->queue.n) {
        TRY(node_compile(c, c->queue.at[c->next++]));
        if (c->next == c->queue.n) {
            TRY(jschema_dynamic_anchors_link(c)); /* may queue more */
        }
    }
    return RC_OK;
}

Rc json_schema_compile_at(Arena *arena,
                          const Json *root,
                          Str pointer,
                          const JsonSchemaOptions *options,
                          const JsonSchema **ret,
                          Error *err)
{
    static const JsonSchemaOptions no_options = {.dialect = JSON_SCHEMA_2020_12};
    Error unseen;
    if (!json_is(root, JSON_OBJECT) && !json_is(root, JSON_BOOL)) {
        return error_set(err, RC_INVALID, "A schema must be an object or a boolean");
    }
    Arena *work = arena_new(16 * KIB);
    JsonSchema *schema = ARENA_NEW(arena, JsonSchema);
    SchemaCompiler c = {.arena = arena,
                        .work = work,
                        .err = err ? err : &unseen,
                        .options = options ? options : &no_options,
                        .queue = {.arena = work}};
    c.draft = c.options->dialect == JSON_SCHEMA_DRAFT_07 ? DRAFT_07 : DRAFT_2020_12;
    c.resources = map_init(work);
    c.resource_roots = map_init(work);
    c.seen = map_init(work);
    c.nodes = map_init(work);
    c.patterns = map_init(work);
    pattern_contexts_init(&c, schema);
    Rc rc = compile_all(&c, root, pointer, schema);
    pcre2_compile_context_free(c.pattern_context);
    arena_free(work);
    if (rc == RC_OK) {
        *ret = schema;
    }
    return rc;
}

Rc json_schema_compile(Arena *arena,
                       const Json *root,
                       const JsonSchemaOptions *options,
                       const JsonSchema **ret,
                       Error *err)
{
    return json_schema_compile_at(arena, root, STR_EMPTY, options, ret, err);
}
