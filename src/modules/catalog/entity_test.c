/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "base/time.h"

#include "data/yaml.h"
#include "modules/catalog/entity.h"
#include "modules/catalog/kinds.h"

static Arena *arena;
static Kinds *kinds;

static int setup(void **state)
{
    (void)state;
    Error err = {0};
    arena = arena_new(0);
    Rc rc = kinds_new(NULL, 0, &kinds, &err);
    if (rc != RC_OK) {
        print_error("%s\n", err.message);
    }
    return rc == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    kinds_free(kinds);
    arena_free(arena);
    return 0;
}

static Json *parse(const char *yaml)
{
    Json *v = NULL;
    Error err = {0};
    if (yaml_parse(arena, str_from(yaml), NULL, &v, &err) != RC_OK) {
        fail_msg("%s: %s", yaml, err.message);
    }
    return v;
}

#define HEAD "apiVersion: backstage.io/v1alpha1\nkind: Component\n"
#define SPEC "spec: {type: service, lifecycle: x, owner: me}\n"
#define LEARN                                                                                      \
    " To learn more about catalog file format, visit: "                                            \
    "https://github.com/backstage/backstage/blob/master/docs/architecture-decisions/"              \
    "adr002-default-catalog-file-format.md"
#define NAME_RULE                                                                                  \
    "a string that is sequences of [a-zA-Z0-9] separated by any of [-_.], at most 63 characters "  \
    "in total"

typedef struct ValidateCase {
    const char *yaml, *name, *message, *cause;
    uint32_t line;
} ValidateCase;

static const ValidateCase validate_cases[] = {
    {HEAD "metadata: {name: v}\n" SPEC,                                          NULL,         NULL, NULL,                                                                 0},
    {"metadata: {name: v}\n",                                                    "TypeError",
     "<root> must have required property 'apiVersion' - missingProperty: apiVersion",                "",                                                                   1},
    {HEAD "metadata: {name: v}\nspec: {type: service, lifecycle: x}\n",          "InputError",
     "Processor BuiltinKindsEntityProcessor threw an error while validating the entity "
     "component:default/v; caused by "
     "TypeError: /spec must have required property 'owner' - missingProperty: owner",                "/spec must have required property 'owner' - missingProperty: owner", 4},
    {HEAD "metadata: {name: 'bad name!'}\n" SPEC,                                "InputError",
     "Policy check failed for component:default/bad name!; caused by Error: \"metadata.name\" is "
     "not valid; expected " NAME_RULE " but found \"bad name!\"." LEARN,
     "\"metadata.name\" is not valid; expected " NAME_RULE " but found \"bad name!\"." LEARN,                                                                              3},
    {"apiVersion: a.b/v1\nkind: Spaceship\nmetadata: {name: v}\n",               "InputError",
     "No processor recognized the entity spaceship:default/v as valid, possibly caused by a "
     "foreign kind or apiVersion",                                                                   "",                                                                   2},
    {"apiVersion: backstage.io/v9\nkind: Component\nmetadata: {name: v}\n" SPEC, "InputError",
     "No processor recognized the entity component:default/v as valid, possibly caused by a "
     "foreign kind or apiVersion",                                                                   "",                                                                   1},
    {HEAD "metadata: {name: v, tags: [ok, Not_OK]}\n" SPEC,                      "InputError",
     "Policy check failed for component:default/v; caused by Error: \"tags.1\" is not valid;" LEARN,
     "\"tags.1\" is not valid;" LEARN,                                                                                                                                     3},
    {HEAD "metadata:\n  name: v\n  labels:\n    'a/b/c': x\n" SPEC,              "InputError",
     "Policy check failed for component:default/v; caused by Error: \"labels.a/b/c\" is not valid; "
     "expected a valid prefix "
     "and/or suffix but found \"a/b/c\"." LEARN,
     NULL,                                                                                                                                                                 6},
    {HEAD "metadata: {name: v, namespace: Upper}\n" SPEC,                        "InputError", NULL, NULL,                                                                 3},
    {HEAD "metadata: {name: v, links: [{url: 'not a url'}]}\n" SPEC,             "InputError", NULL, NULL,                                                                 3},
    {HEAD "metadata: {name: v, annotations: {'example.com/x': 1}}\n" SPEC,       "InputError", NULL, NULL,
     3                                                                                                                                                                      },
    {HEAD "metadata: {name: v}\nextra: 1\n" SPEC,                                "InputError",
     "Policy check failed for component:default/v; caused by Error: Unknown field extra",            "Unknown field extra",                                                4},
    {HEAD "metadata: {name: v, tags: ['c#', 'c++', 'a:b']}\n" SPEC,              NULL,         NULL, NULL,                                                                 0},
    {HEAD "metadata: {name: v}\nspec: {type: '', lifecycle: x, owner: me}\n",    "InputError", NULL,
     "/spec/type must NOT have fewer than 1 characters - limit: 1",                                                                                                        4},
    {HEAD "metadata: {name: v}\nspec: {type: [a], lifecycle: x, owner: me}\n",   "InputError", NULL,
     "/spec/type must be string - type: string",                                                                                                                           4},
    {"apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {name: a}\nspec: {type: mcp-server, "
     "lifecycle: x, owner: me, "
     "remotes: [{type: streamable-http, url: 'https://h/mcp'}]}\n",         NULL,         NULL, NULL,                                                                 0},
    {"apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {name: a}\nspec: {type: grpc, "
     "lifecycle: x, owner: me}\n",                                          "InputError",
     "Processor BuiltinKindsEntityProcessor threw an error while validating the entity "
     "api:default/a; caused by TypeError: "
     "/spec must have required property 'definition' - missingProperty: definition",                 NULL,                                                                 4},
    {"apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata: {name: t}\nspec: "
     "{type: s, steps: [{action: a}]}\n",                                   NULL,         NULL, NULL,                                                                 0},
};

static void validates_as_backstage_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(validate_cases); i++) {
        const ValidateCase *c = &validate_cases[i];
        EntityProblem problem;
        bool ok = entity_validate(kinds, parse(c->yaml), arena, &problem);
        if (ok != (c->name == NULL)) {
            fail_msg("case %zu: %s %.*s", i, ok ? "accepted" : "refused", STR_ARG(problem.message));
        }
        if (ok) {
            continue;
        }
        assert_string_equal(str_cstr(arena, problem.name), c->name);
        if (c->message) {
            assert_string_equal(str_cstr(arena, problem.message), c->message);
        }
        if (c->cause) {
            assert_string_equal(str_cstr(arena, problem.cause_message), c->cause);
        }
        assert_int_equal(problem.line, c->line);
    }
}

typedef struct RefCase {
    const char *text, *kind, *namespace_, *result; /* result NULL: refused */
} RefCase;

static const RefCase ref_cases[] = {
    {"cart",               "component", "",     "component:default/cart"},
    {"Shop/Cart",          "Component", "",     "component:shop/cart"   },
    {"API:Finance/Ledger", "component", "x",    "api:finance/ledger"    },
    {"cart",               "Component", "shop", "component:shop/cart"   },
    {"a:b:c",              "",          "",     "a:default/b:c"         },
    {"a/b/c",              "k",         "",     "k:a/b/c"               },
    {"a/b:c",              "k",         "",     "k:a/b:c"               },
    {"cart",               "",          "",     NULL                    },
    {"",                   "k",         "",     NULL                    },
    {":x",                 "k",         "",     NULL                    },
    {"k:/x",               "",          "",     NULL                    },
    {"k:ns/",              "",          "",     NULL                    },
};

static void reads_references(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ref_cases); i++) {
        const RefCase *c = &ref_cases[i];
        EntityRef ref, again;
        Error err = {0};
        Rc rc = entity_ref_parse(str_from(c->text), str_from(c->kind), str_from(c->namespace_),
                                 &ref, &err);
        assert_int_equal(rc == RC_OK, c->result != NULL);
        if (rc == RC_OK) {
            Str text = entity_ref_str(arena, ref);
            assert_string_equal(text.ptr, c->result);
            assert_int_equal(entity_ref_parse(text, STR_EMPTY, STR_EMPTY, &again, &err), RC_OK);
            assert_true(str_eq(entity_ref_str(arena, again), text));
        } else {
            assert_true(err.message[0] != 0);
        }
    }
}

static bool
has_relation(const EntityRelations *all, const char *source, const char *type, const char *target)
{
    for (size_t i = 0; i < all->n; i++) {
        if (str_is(all->at[i].source_ref, source) && str_is(all->at[i].type, type) &&
            str_is(all->at[i].target_ref, target)) {
            return true;
        }
    }
    return false;
}

static void states_relations_forward(void **state)
{
    (void)state;
    EntityRelations r;
    Error err = {0};
    Json *cart = parse(HEAD "metadata: {name: Cart, namespace: shop}\n"
                            "spec: {type: s, lifecycle: x, owner: team, system: store, dependsOn: "
                            "['resource:db', 'resource:db'],"
                            " dependencyOf: ['component:default/top'], providesApis: [orders]}\n");
    assert_int_equal(entity_relations(kinds, cart, arena, &r, &err), RC_OK);
    assert_int_equal(r.n, 5);
    assert_true(has_relation(&r, "component:shop/cart", "ownedBy", "group:shop/team"));
    assert_true(has_relation(&r, "component:shop/cart", "partOf", "system:shop/store"));
    assert_true(has_relation(&r, "component:shop/cart", "dependsOn", "resource:shop/db"));
    assert_true(has_relation(&r, "component:default/top", "dependsOn", "component:shop/cart"));
    assert_true(has_relation(&r, "component:shop/cart", "providesApi", "api:shop/orders"));

    Json *group = parse("apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: g}\n"
                        "spec: {type: team, parent: p, children: [c], members: [m]}\n");
    assert_int_equal(entity_relations(kinds, group, arena, &r, &err), RC_OK);
    assert_true(has_relation(&r, "group:default/g", "childOf", "group:default/p"));
    assert_true(has_relation(&r, "group:default/c", "childOf", "group:default/g"));
    assert_true(has_relation(&r, "user:default/m", "memberOf", "group:default/g"));

    Json *bad = parse(
        HEAD "metadata: {name: v}\nspec: {type: s, lifecycle: x, owner: me, dependsOn: [bare]}\n");
    assert_int_equal(entity_relations(kinds, bad, arena, &r, &err), RC_INVALID);
    assert_int_equal(err.line, 4);
}

static const Str *field(const EntityFields *fields, const char *key, const char *value)
{
    for (size_t i = 0; i < fields->n; i++) {
        if (str_is(fields->at[i].key, key) && str_is(fields->at[i].value, value)) {
            return &fields->at[i].original;
        }
    }
    return NULL;
}

static void names_what_filters_look_in(void **state)
{
    (void)state;
    EntityFields f;
    Error err = {0};
    Json *e = parse(HEAD "metadata: {name: v, title: Ünï X, description: long, tags: [Java, data, "
                         "data], labels: {Tier: '1'}}\n"
                         "spec: {type: Service, n: 1.50, whole: 2.0, flag: true, nothing: null, "
                         "list: [{a: x}, {a: y}]}\n");
    assert_int_equal(entity_fields(e, arena, &f, &err), RC_OK);
    assert_true(str_is(*field(&f, "spec.type", "service"), "Service"));
    assert_non_null(field(&f, "metadata.title", "ünï x"));
    assert_non_null(field(&f, "metadata.tags", "java"));
    assert_null(field(&f, "metadata.tags.java", "true")); /* asked for as metadata.tags = java */
    Str yes = STR("true");
    assert_true(entity_matches(e, STR("metadata.tags.java"), &yes));
    assert_non_null(field(&f, "metadata.labels.tier", "1"));
    assert_non_null(field(&f, "spec.n", "1.5"));
    assert_non_null(field(&f, "spec.whole", "2"));
    assert_non_null(field(&f, "spec.flag", "true"));
    assert_non_null(field(&f, "spec.nothing", ENTITY_FIELD_NULL));
    assert_non_null(field(&f, "spec.list.a", "x"));
    assert_non_null(field(&f, "spec.list.a", "y"));
    assert_null(field(&f, "metadata.description", "long"));
    assert_null(field(&f, "metadata.name", "v"));
    for (size_t i = 0; i < f.n; i++) {
        for (size_t k = i + 1; k < f.n; k++) {
            assert_false(str_eq(f.at[i].key, f.at[k].key) && str_eq(f.at[i].value, f.at[k].value));
        }
        bool is_null = str_is(f.at[i].value, ENTITY_FIELD_NULL);
        assert_true(entity_matches(e, f.at[i].key, is_null ? NULL : &f.at[i].value));
    }
    Str wanted = STR("long"), other = STR("short"), name = STR("v");
    assert_true(entity_matches(e, STR("metadata.description"), &wanted));
    assert_false(entity_matches(e, STR("metadata.description"), &other));
    assert_true(entity_matches(e, STR("metadata.name"), &name));
    assert_false(entity_key_is_indexed(STR("metadata.description")));

    Json *twins = parse(HEAD "metadata: {name: v}\nspec: {foo: 1, Foo: 2}\n");
    assert_int_equal(entity_fields(twins, arena, &f, &err), RC_INVALID);
    assert_string_equal(err.message,
                        "Entity has duplicate keys that vary only in casing, 'spec.foo'");
}

static Rc
read_file(void *user, Str base, Str target, Arena *into, Str *ret, Str *ret_location, Error *err)
{
    Str *seen = user, location;
    TRY(location_resolve(into, base, target, &location, err));
    *ret_location = location;
    *seen = str_dup(into, location);
    if (str_is(location, "url:https://h/x/def.txt")) {
        *ret = STR("hello");
        return RC_OK;
    }
    if (str_is(location, "url:https://h/a.json")) {
        *ret = STR("{\"k\": [1]}");
        return RC_OK;
    }
    return error_set(err, RC_NOT_FOUND, "no such file");
}

static void replaces_placeholders(void **state)
{
    (void)state;
    Error err = {0};
    Str seen;
    Json *e = parse("a: {$text: ./def.txt}\nb: [{$json: /a.json}]\nc: {$ref: '#/x'}\n"
                    "d: {$text: x, more: {$text: ./def.txt}}\n");
    assert_int_equal(
        entity_substitute(&e, STR("url:https://h/x/main.yaml"), read_file, &seen, arena, &err),
        RC_OK);
    assert_string_equal(json_to_str(arena, e).ptr,
                        "{\"a\":\"hello\",\"b\":[{\"k\":[1]}],\"c\":{\"$ref\":\"#/"
                        "x\"},\"d\":{\"$text\":\"x\",\"more\":{\"$text\":\"./def.txt\"}}}");
    e = parse("a:\n  b: {$text: ./gone}\n");
    assert_int_equal(
        entity_substitute(&e, STR("url:https://h/x/main.yaml"), read_file, &seen, arena, &err),
        RC_NOT_FOUND);
    assert_string_equal(err.message,
                        "Placeholder $text could not read location ./gone, Error: no such file");
    assert_int_equal(err.line, 2);
    e = parse("a: {$text: [x]}\n");
    assert_int_equal(
        entity_substitute(&e, STR("url:https://h/x/main.yaml"), read_file, &seen, arena, &err),
        RC_INVALID);
}

typedef struct BundleFile {
    const char *location, *text;
} BundleFile;

static const BundleFile bundle_files[] = {
    {"url:https://h/a/main.yaml",    "a: {$ref: './b.yaml#/x'}\nb: {$ref: '#/a'}\nc: {$ref: "
                                  "'./b.yaml#/x'}\nd: [{$ref: sub/c.json}]\n"},
    {"url:https://h/a/b.yaml",
     "x: {p: {$ref: '#/y'}, q: {$ref: 'main.yaml#/b'}}\ny: {self: {$ref: '#/x'}}\n"                           },
    {"url:https://h/a/sub/c.json",   "{\"up\": {\"$ref\": \"../b.yaml#/y\"}}"                                 },
    {"url:https://h/a/plain.yaml",   "a: {$ref: '#/b'} # as written\nb: 1\n"                                  },
    {"url:https://h/a/nowhere.yaml", "a: {$ref: './b.yaml#/z'}\n"                                             },
    {"url:https://h/a/broken.yaml",  "a: {$ref: './worse.yaml'}\n"                                            },
    {"url:https://h/a/worse.yaml",   "a: [\n"                                                                 },
};

static Rc
read_bundle(void *user, Str base, Str target, Arena *into, Str *ret, Str *ret_location, Error *err)
{
    (void)user;
    TRY(location_resolve(into, base, target, ret_location, err));
    for (size_t i = 0; i < ARRAY_LEN(bundle_files); i++) {
        if (str_is(*ret_location, bundle_files[i].location)) {
            *ret = str_from(bundle_files[i].text);
            return RC_OK;
        }
    }
    return error_set(err, RC_NOT_FOUND, "no such file");
}

static Json *openapi_of(const char *file, Rc expected, Error *err)
{
    Json *e = parse(str_fmt(arena, "a: {$openapi: %s}\n", file).ptr);
    Rc rc = entity_substitute(&e, STR("url:https://h/a/e.yaml"), read_bundle, NULL, arena, err);
    if (rc != expected) {
        fail_msg("%s: %s", file, err->message);
    }
    return e;
}

static void puts_files_of_an_api_together(void **state)
{
    (void)state;
    Error err = {0};
    Json *whole = parse(str_cstr(arena, json_str_at(openapi_of("main.yaml", RC_OK, &err), "a")));
    assert_string_equal(json_to_str(arena, whole).ptr,
                        "{\"a\":{\"p\":{\"self\":{\"$ref\":\"#/a\"}},\"q\":{\"$ref\":\"#/b\"}},"
                        "\"b\":{\"$ref\":\"#/a\"},\"c\":{\"$ref\":\"#/a\"},"
                        "\"d\":[{\"up\":{\"$ref\":\"#/a/p\"}}]}");
    assert_string_equal(str_cstr(arena, json_str_at(openapi_of("plain.yaml", RC_OK, &err), "a")),
                        bundle_files[3].text);
    openapi_of("nowhere.yaml", RC_NOT_FOUND, &err);
    assert_string_equal(err.message,
                        "Placeholder $openapi: url:https://h/a/b.yaml has nothing at #/z");
    assert_int_equal(err.line, 1);
    openapi_of("broken.yaml", RC_MALFORMED, &err);
    assert_non_null(strstr(err.message, "could not be parsed: url:https://h/a/worse.yaml, line 2"));
}

static void takes_kinds_of_people(void **state)
{
    (void)state;
    Error err = {0};
    Kinds *own;
    const Json *rows[] = {parse("name: Rocket\napi_versions: [example.com/v1]\n"
                                "schema: {required: [spec], properties: {spec: {required: "
                                "[thrust], properties: {thrust: {type: number}}}}}\n"
                                "relations: [{field: spec.pad, type: launchedFrom, inverse: "
                                "launches, default_kind: Resource}]\n")};
    assert_int_equal(kinds_new(rows, 1, &own, &err), RC_OK);
    EntityProblem problem;
    Json *good = parse("apiVersion: example.com/v1\nkind: Rocket\nmetadata: {name: r}\nspec: "
                       "{thrust: 1, pad: p}\n");
    assert_true(entity_validate(own, good, arena, &problem));
    EntityRelations r;
    assert_int_equal(entity_relations(own, good, arena, &r, &err), RC_OK);
    assert_true(has_relation(&r, "rocket:default/r", "launchedFrom", "resource:default/p"));
    Json *bad = parse(
        "apiVersion: example.com/v1\nkind: Rocket\nmetadata: {name: r}\nspec: {thrust: much}\n");
    assert_false(entity_validate(own, bad, arena, &problem));
    Str forward, reverse;
    bool is_forward;
    assert_true(kinds_relation(own, STR("launches"), &forward, &reverse, &is_forward));
    assert_false(is_forward);
    kinds_free(own);
    rows[0] = parse("name: component\napi_versions: [x/v1]\n");
    assert_int_equal(kinds_new(rows, 1, &own, &err), RC_CONFLICT);
    rows[0] = parse("name: K\napi_versions: [x/v1]\nrelations: [{field: spec.a, type: dependsOn, "
                    "inverse: ownerOf}]\n");
    assert_int_equal(kinds_new(rows, 1, &own, &err), RC_INVALID);
}

static void is_quick(void **state)
{
    (void)state;
    Json *e = parse(
        HEAD
        "metadata: {name: component-00001, title: violet topaz 1, description: a b c d e f g h i j,"
        " labels: {tier: '1'}, tags: [data, java, web], annotations: {example.com/project-slug: "
        "org/c},"
        " links: [{url: 'https://example.com/c', title: Dashboard}]}\n"
        "spec: {type: service, lifecycle: production, owner: team-1, system: system-1, "
        "providesApis: [api-1],"
        " consumesApis: [api-2, api-3], dependsOn: ['component:a', 'component:b']}\n");
    CLEANUP(arena_cleanup) Arena *scratch = arena_new(64 * KIB);
    int64_t start = time_monotonic_us();
    enum { ROUNDS = 2000 };
    for (int i = 0; i < ROUNDS; i++) {
        EntityProblem problem;
        EntityRelations r;
        EntityFields f;
        assert_true(entity_validate(kinds, e, scratch, &problem));
        assert_int_equal(entity_relations(kinds, e, scratch, &r, NULL), RC_OK);
        assert_int_equal(entity_fields(e, scratch, &f, NULL), RC_OK);
        arena_reset(scratch);
    }
    print_message("# %.1f us per entity\n", (double)(time_monotonic_us() - start) / ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(validates_as_backstage_does),
        cmocka_unit_test(reads_references),
        cmocka_unit_test(states_relations_forward),
        cmocka_unit_test(names_what_filters_look_in),
        cmocka_unit_test(replaces_placeholders),
        cmocka_unit_test(puts_files_of_an_api_together),
        cmocka_unit_test(takes_kinds_of_people),
        cmocka_unit_test(is_quick),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
