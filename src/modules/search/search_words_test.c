/* SPDX-License-Identifier: Apache-2.0
 * Words, typing errors, questions and their expressions; finding is tests/api/test_search*.py. */
#include "modules/search/search_priv.h"

/* cmocka has a macro fail(): our function is declared before it */
/* clang-format off */
#include "base/test.h"
/* clang-format on */

static Str words_of(Arena *arena, Str text, bool with_parts)
{
    SearchWords words;
    Buf out = buf_init(arena, MIB);
    search_words(arena, text, with_parts, 100, &words);
    for (size_t i = 0; i < words.n; i++) {
        assert_true(words.at[i].from < words.at[i].to && words.at[i].to <= text.len);
        buf_fmt(&out, "%s%.*s", i ? " " : "", STR_ARG(words.at[i].word));
    }
    return buf_str(&out);
}

static void test_words(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"payment-service",        "payment service"               },
        {"paymentService",         "payment service paymentservice"},
        {"HTTPServer",             "http server httpserver"        },
        {"OrdersAPI v2",           "orders api ordersapi v2"       },
        {"user_profile.store",     "user profile store"            },
        {"k8s",                    "k8s"                           },
        {"Café Ångström",       "cafe angstrom"                 },
        {"Straße ŁÓDŹ Søren", "strasse lodz soren"            },
        {"re\xcc\x81sume\xcc\x81", "resume"                        }, /* accents that are characters of their own */
        {"ΑΘΗΝΆ",             "αθηνα"                    },
        {"日本語 text",         "日本語 text"                },
        {"a\xff"
         "b",             "a b"                           }, /* no UTF-8 */
        {"",                       ""                              },
        {" -- !? ",                ""                              },
        {"x",                      "x"                             },
    };
    Arena *arena = arena_new(0);
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_str(words_of(arena, str_from(cases[i].text), true), str_from(cases[i].words));
    }
    assert_str(words_of(arena, STR("paymentService"), false), STR("paymentservice"));
    arena_free(arena);
}

static void test_joined(void **state)
{
    Arena *arena = arena_new(0);
    (void)state;
    assert_str(search_joined(arena, STR("Payment-Service")), STR("paymentservice"));
    assert_str(search_joined(arena, STR("component:default/a_b")), STR("componentdefaultab"));
    assert_str(search_joined(arena, STR(" . ")), STR(""));
    Str prefix = search_prefix(STR("日本語"), 2);
    assert_str(prefix, STR("日本"));
    assert_int_equal(search_letters(STR("日本語x")), 4);
    arena_free(arena);
}

static void test_long_words_are_cut_at_a_letter(void **state)
{
    Arena *arena = arena_new(0);
    SearchWords words;
    size_t bad;
    (void)state;
    search_words(arena,
                 STR("日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語"),
                 true, 10, &words);
    assert_int_equal(words.n, 1);
    assert_true(words.at[0].word.len <= SEARCH_WORD_MAX && words.at[0].word.len > 30);
    assert_true(str_is_utf8(words.at[0].word, &bad));
    arena_free(arena);
}

static void test_distance(void **state)
{
    static const struct {
        const char *a, *b;
        unsigned distance;
    } cases[] = {
        {"payment",    "payment",    0},
        {"paymnet",    "payment",    1},
        {"paymet",     "payment",    1},
        {"paymeent",   "payment",    1},
        {"poyment",    "payment",    1},
        {"apyment",    "payment",    1},
        {"paymnets",   "payment",    2},
        {"pmt",        "payment",    4},
        {"",           "abc",        3},
        {"kuberentes", "kubernetes", 1},
        {"ca",         "abc",        3},
        {"čaj",       "caj",        1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Str a = str_from(cases[i].a), b = str_from(cases[i].b);
        assert_int_equal(search_distance(a, b, 5), MIN(cases[i].distance, 6));
        assert_int_equal(search_distance(b, a, 5), MIN(cases[i].distance, 6));
        assert_int_equal(search_distance(a, b, 1), MIN(cases[i].distance, 2));
    }
    assert_int_equal(search_tolerance(STR("abc")), 0);
    assert_int_equal(search_tolerance(STR("abcd")), 1);
    assert_int_equal(search_tolerance(STR("abcdefgh")), 2);
}

static bool share_a_key(Arena *arena, Str a, unsigned distance_a, Str b, unsigned distance_b)
{
    SearchKeys x, y;
    search_typo_keys(arena, a, distance_a, &x);
    search_typo_keys(arena, b, distance_b, &y);
    for (size_t i = 0; i < x.n; i++) {
        for (size_t k = 0; k < y.n; k++) {
            if (x.at[i] == y.at[k]) {
                return true;
            }
        }
    }
    return false;
}

/* One change anywhere in a word, and two in a long one, lead to a word that shares a key. */
static void test_keys_find_every_error(void **state)
{
    static const char word[] = "authentication";
    Arena *arena = arena_new(0);
    (void)state;
    for (size_t at = 0; at < sizeof(word) - 1; at++) {
        for (size_t other = 0; other < sizeof(word) - 1; other++) {
            Str whole = str_from(word);
            Str parts[] = {str_sub(whole, 0, at), STR("q"), str_from_index(whole, at + 1)};
            Str once = str_join(arena, parts, 3, STR_EMPTY);
            Str more[] = {str_sub(once, 0, other), str_from_index(once, other + 1)};
            Str twice = str_join(arena, more, 2, STR_EMPTY);
            assert_true(search_distance(twice, whole, 2) <= 2);
            assert_true(share_a_key(arena, once, 2, whole, 2));
            assert_true(share_a_key(arena, twice, 2, whole, 2));
        }
    }
    assert_true(share_a_key(arena, STR("serach"), 1, STR("search"), 1));
    assert_true(share_a_key(arena, STR("hceck"), 1, STR("check"), 1));
    assert_false(share_a_key(arena, STR("payment"), 1, STR("invoice"), 1));
    arena_free(arena);
}

static void test_synonyms(void **state)
{
    Arena *arena = arena_new(0);
    SearchSynonyms *s = search_synonyms_new(arena, STR("crm customers, Clients; ; alone"));
    SearchStrs found = {.arena = arena};
    (void)state;
    search_synonyms_of(s, STR("k8s"), &found);
    assert_int_equal(found.n, 1);
    assert_str(found.at[0], STR("kubernetes"));
    search_synonyms_of(s, STR("clients"), &found);
    assert_int_equal(found.n, 3);
    assert_str(found.at[1], STR("crm"));
    assert_str(found.at[2], STR("customers"));
    search_synonyms_of(s, STR("alone"), &found);
    assert_int_equal(found.n, 3);
    arena_free(arena);
}

/* ---- questions */

static SearchQuery parsed(Arena *arena, const char *text)
{
    SearchQuery q = {0};
    search_parse(arena, str_from(text), true, &q);
    return q;
}

static void test_question(void **state)
{
    Arena *arena = arena_new(0);
    (void)state;
    SearchQuery q =
        parsed(arena, "Pay kind:API -old \"card schemes\" -tag:\"a b\" foo:bar owner:group:x/y");
    assert_int_equal(q.terms.n, 5); /* pay, old, card schemes, foo, bar */
    assert_str(q.terms.at[0].words.at[0], STR("pay"));
    assert_true(q.terms.at[1].is_excluded);
    assert_true(q.terms.at[2].is_phrase);
    assert_int_equal(q.terms.at[2].words.n, 2);
    assert_int_equal(q.filters.n, 3);
    assert_string_equal(q.filters.at[0].field, "kind");
    assert_str(q.filters.at[0].values.at[0], STR("API"));
    assert_true(q.filters.at[1].is_excluded);
    assert_str(q.filters.at[1].values.at[0], STR("a b"));
    assert_str(q.filters.at[2].values.at[0], STR("group:x/y"));
    assert_str(q.joined, STR("paycardschemesfoobar"));
    assert_int_equal(parsed(arena, "kind:").filters.n, 0);
    assert_int_equal(parsed(arena, "\"").terms.n, 0);
    assert_int_equal(parsed(arena, "a b c d e f g h i j k l m n o p q r s t").terms.n,
                     SEARCH_TERMS_MAX);
    arena_free(arena);
}

static void test_expressions(void **state)
{
    static const SearchPlaces places = {.words = "12", .synonyms = "", .typos = "", .longer = ""};
    Arena *arena = arena_new(0);
    SearchQuery q = parsed(arena, "pay \"a b\" -old");
    q.is_all_sources = true;
    SearchExpr lite = {.arena = arena, .db = DB_SQLITE, .text = buf_init(arena, MIB)};
    SearchExpr pg = {.arena = arena, .db = DB_POSTGRES, .text = buf_init(arena, MIB)};
    (void)state;
    assert_true(search_expr(&lite, &q, &places, STR_EMPTY));
    assert_true(search_expr(&pg, &q, &places, STR_EMPTY));
    assert_str(buf_str(&lite.text),
               STR("((\"1pay\" OR \"2pay\") AND ((\"1a\" + \"1b\"))) NOT (\"1old\" OR \"3old\" OR "
                   "\"4old\" OR \"5old\")"));
    assert_str(buf_str(&pg.text),
               STR("(('1pay' | '2pay') & (('1a' <-> '1b'))) & !('1old' | '3old' | '4old' | "
                   "'5old')"));
    arena_free(arena);
}

/* ---- places */

static Str marked(Arena *arena, const SearchQuery *q, const char *text)
{
    SearchSpans spans;
    Buf out = buf_init(arena, MIB);
    Str whole = str_from(text);
    size_t at = 0;
    search_spans(arena, q, whole, &spans);
    for (size_t i = 0; i < spans.n; i++) {
        buf_fmt(&out, "%.*s[%.*s]", STR_ARG(str_sub(whole, at, spans.at[i].from)),
                STR_ARG(str_sub(whole, spans.at[i].from, spans.at[i].to)));
        at = spans.at[i].to;
    }
    buf_put(&out, str_from_index(whole, at));
    return buf_str(&out);
}

static void test_spans(void **state)
{
    Arena *arena = arena_new(0);
    SearchQuery q = parsed(arena, "pay serv -hid");
    (void)state;
    assert_str(marked(arena, &q, "The PaymentService pays"), STR("The [Pay]ment[Serv]ice [pay]s"));
    assert_str(marked(arena, &q, "hidden <b>repay</b>"), STR("hidden <b>re[pay]</b>"));
    assert_str(marked(arena, &q, "nothing"), STR("nothing"));
    q = parsed(arena, "cafe");
    assert_str(marked(arena, &q, "Café & cafés"), STR("[Café] & [cafés]"));
    q = parsed(arena, "strasse");
    assert_str(marked(arena, &q, "Die Straße."), STR("Die [Straße]."));
    arena_free(arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_joined),
        cmocka_unit_test(test_long_words_are_cut_at_a_letter),
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_keys_find_every_error),
        cmocka_unit_test(test_synonyms),
        cmocka_unit_test(test_question),
        cmocka_unit_test(test_expressions),
        cmocka_unit_test(test_spans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
