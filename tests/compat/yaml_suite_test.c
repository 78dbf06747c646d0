/* SPDX-License-Identifier: Apache-2.0
 * The official YAML suite (github.com/yaml/yaml-test-suite) against data/yaml.h.
 *
 * Every valid case that has a JSON form must give it; every case marked as failing must be
 * refused. The exceptions below are checked too: one that passes fails the test, so that the list
 * and docs/reference/yaml.md stay true. Skips when the suite is not there. */
#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/test.h"

#include "data/yaml.h"

#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 1000, CASES_LEAST = 400 };

/* All are valid documents that are refused, never read as something else. */
static const struct {
    const char *id, *reason;
} exceptions[] = {
    {"4MUZ/02", "key and colon on different lines of a flow mapping"                 },
    {"5MUD",    "key and colon on different lines of a flow mapping"                 },
    {"9SA2",    "key and colon on different lines of a flow mapping"                 },
    {"K3WX",    "key and colon on different lines of a flow mapping"                 },
    {"NJ66",    "key and colon on different lines of a flow mapping"                 },
    {"UT92",    "key and colon on different lines of a flow mapping"                 },
    {"VJP3/01", "key and colon on different lines of a flow mapping"                 },
    {"58MP",    "plain text that begins with ':' in a flow collection"               },
    {"5T43",    "plain text that begins with ':' in a flow collection"               },
    {"DBG4",    "plain text that begins with ':' in a flow collection"               },
    {"HM87/00", "plain text that begins with ':' in a flow collection"               },
    {"652Z",    "plain text that begins with '?' in a flow collection"               },
    {"HM87/01", "plain text that begins with '?' in a flow collection"               },
    {"6BCT",    "tab between indicators and content"                                 },
    {"A2M4",    "tab between indicators and content"                                 },
    {"DK95/00", "tab between indicators and content"                                 },
    {"Y79Y/10", "tab between indicators and content"                                 },
    {"DK95/04", "line of only a tab inside a block collection"                       },
    {"96NN/00", "tab behind the indentation of a block scalar's first line"          },
    {"R4YG",    "tab behind the indentation of a block scalar's first line"          },
    {"Y79Y/01", "tab behind the indentation of a block scalar's first line"          },
    {"2SXE",    "anchor name with other characters than letters, digits, '-' and '_'"},
    {"8XYN",    "anchor name with other characters than letters, digits, '-' and '_'"},
    {"W5VH",    "anchor name with other characters than letters, digits, '-' and '_'"},
    {"Y2GN",    "anchor name with other characters than letters, digits, '-' and '_'"},
};

typedef struct Tally {
    size_t n_cases, n_json, n_fail, n_exceptions, n_wrong;
} Tally;

/* The suite writes characters that editors would lose as visible marks. */
static Str unmark(Arena *arena, Str s)
{
    static const struct {
        const char *mark, *text;
    } rows[] = {
        {"␣", " "           },
        {"»",  "\t"          },
        {"←", "\r"          },
        {"⇔", "\xEF\xBB\xBF"},
        {"↵", ""            },
    };
    Str end = STR("∎\n");

    if (str_ends(s, end)) {
        s = str_sub(s, 0, s.len - end.len);
    }
    s = str_replace(arena, s, STR("—"), STR("")); /* fills a tab up to its stop */
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        s = str_replace(arena, s, str_from(rows[i].mark), str_from(rows[i].text));
    }
    return s;
}

/* Length of the JSON value at the start of s: brackets are balanced, strings passed over. */
static size_t value_length(Str s)
{
    size_t depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (in_string) {
            i += c == '\\' ? 1 : 0;
            in_string = c != '"';
        } else {
            in_string = c == '"';
            depth += c == '[' || c == '{' ? 1 : 0;
            depth -= (c == ']' || c == '}') && depth > 0 ? 1 : 0;
        }
        if (!in_string && depth == 0 && (i + 1 == s.len || s.ptr[i + 1] == '\n')) {
            return i + 1;
        }
    }
    return s.len;
}

/* A case's JSON is one value per document, each ending at the end of a line. */
static bool is_json_stream(Arena *arena, Str stream, const YamlDocument *documents, size_t n)
{
    Str rest = str_trim(stream);
    size_t i = 0;

    for (; rest.len > 0; i++) {
        size_t length = value_length(rest);
        Json *want;
        assert_int_equal(json_parse(arena, str_sub(rest, 0, length), NULL, &want, NULL), RC_OK);
        if (i >= n || !json_equal(want, documents[i].root)) {
            return false;
        }
        rest = str_trim(str_from_index(rest, length));
    }
    return i == n;
}

static const char *exception_for(Str id)
{
    for (size_t i = 0; i < ARRAY_LEN(exceptions); i++) {
        if (str_is(id, exceptions[i].id)) {
            return exceptions[i].reason;
        }
    }
    return NULL;
}

static void run_case(Arena *arena, Str id, const Json *item, Tally *tally)
{
    bool must_fail = json_bool(json_get_c(item, "fail"), false);
    const Json *json = json_get_c(item, "json");
    Str text = unmark(arena, json_str_at(item, "yaml"));
    const char *reason = exception_for(id);
    YamlDocument *documents;
    Error err = {0};
    size_t n;

    Rc rc = yaml_parse_all(arena, text, NULL, &documents, &n, &err);
    bool is_right = true;
    if (must_fail) {
        tally->n_fail++;
        is_right = rc != RC_OK;
    } else if (json_is(json, JSON_STRING)) {
        tally->n_json++;
        is_right = rc == RC_OK && is_json_stream(arena, json_str(json), documents, n);
    }
    tally->n_cases++;
    tally->n_exceptions += reason ? 1 : 0;
    /* An exception must be refused: reading it as something else would be worse. */
    if (reason ? is_right || rc == RC_OK : !is_right) {
        tally->n_wrong++;
        print_error("%.*s: %s %u:%u %s%s\n%.*s\n", STR_ARG(id), rc_name(rc), err.line, err.column,
                    err.message, reason ? " (listed as an exception)" : "", STR_ARG(text));
    }
}

static void run_file(Str path, Tally *tally)
{
    Arena *arena = arena_new(0);
    Error err = {0};
    Json *cases;
    Str text;

    assert_int_equal(file_read(arena, str_cstr(arena, path), MIB, &text, &err), RC_OK);
    if (yaml_parse(arena, text, NULL, &cases, &err) != RC_OK) {
        fail_msg("%.*s: %u:%u %s", STR_ARG(path), err.line, err.column, err.message);
    }
    Str name = path_base(path);
    name = str_sub(name, 0, name.len - strlen(".yaml"));
    for (uint32_t i = 0; i < cases->n; i++) {
        Str id = cases->n > 1 ? str_fmt(arena, "%.*s/%02u", STR_ARG(name), i) : name;
        run_case(arena, id, cases->items[i], tally);
    }
    arena_free(arena);
}

static void the_official_suite_is_read_as_it_says(void **state)
{
    Arena *arena = arena_new(0);
    const char *shared = getenv("FAIRWAY_SHARED");
    Str folder =
        str_fmt(arena, "%s/corpus/yaml/src", shared ? shared : TEST_SOURCE_DIR "/../shared");
    Tally tally = {0};
    Str *paths;
    size_t n;

    (void)state;
    if (!file_exists(str_cstr(arena, folder))) {
        print_message("skipped: no YAML suite at %.*s\n", STR_ARG(folder));
        arena_free(arena);
        skip();
    }
    Str pattern = str_fmt(arena, "%.*s/*.yaml", STR_ARG(folder));
    assert_int_equal(file_glob(arena, pattern, FILES_MAX, &paths, &n, NULL), RC_OK);
    for (size_t i = 0; i < n; i++) {
        run_file(paths[i], &tally);
    }
    print_message("YAML suite: %zu cases, %zu with JSON, %zu that must fail, %zu exceptions, "
                  "%zu wrong\n",
                  tally.n_cases, tally.n_json, tally.n_fail, tally.n_exceptions, tally.n_wrong);
    assert_int_equal(tally.n_wrong, 0);
    assert_true(tally.n_cases >= CASES_LEAST);
    assert_int_equal(tally.n_exceptions, ARRAY_LEN(exceptions));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_official_suite_is_read_as_it_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
