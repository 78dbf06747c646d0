/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "base/base_test.h"
#include "base/map.h"
#include "base/test.h"
#include "base/vec.h"

#include <string.h>

static bool is_zero(const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static void arena_gives_aligned_zeroed_distinct_memory(void **state)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 255, 1024, 5000, 3 * 1024 * 1024, 0, 8};
    CLEANUP(arena_cleanup) Arena *a = arena_new(300);
    char *got[ARRAY_LEN(sizes)];
    (void)state;

    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            got[i] = arena_alloc(a, sizes[i]);
            assert_int_equal((uintptr_t)got[i] % 16, 0);
            assert_true(is_zero(got[i], sizes[i]));
            memset(got[i], 0x40 + (int)i, sizes[i]);
        }
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            for (size_t k = 0; k < sizes[i]; k++) {
                assert_int_equal(got[i][k], 0x40 + (int)i);
            }
            for (size_t k = 0; k < i; k++) {
                assert_ptr_not_equal(got[i], got[k]);
            }
        }
        arena_reset(a);
        assert_int_equal(arena_used(a), 0);
    }
}

static void arena_counts_what_it_hands_out(void **state)
{
    CLEANUP(arena_cleanup) Arena *a = arena_new(0);
    (void)state;

    char *p = arena_alloc(a, 100);
    size_t first = arena_used(a);
    assert_in_range(first, 100, 112);
    p = arena_grow(a, p, 100, 200);
    assert_in_range(arena_used(a), 200, 208);
    for (int i = 0; i < 1000; i++) {
        arena_alloc(a, 64);
    }
    assert_in_range(arena_used(a), 64200, 64208);
    assert_non_null(p);
}

static void arena_reset_keeps_the_first_block(void **state)
{
    CLEANUP(arena_cleanup) Arena *a = arena_new(4096);
    (void)state;

    const void *first = arena_alloc(a, 32);
    arena_alloc(a, 100000);
    for (int i = 0; i < 500; i++) {
        arena_alloc(a, 512);
    }
    arena_reset(a);
    assert_ptr_equal(arena_alloc(a, 32), first);
}

static void arena_goes_on_in_the_open_block_after_a_large_piece(void **state)
{
    CLEANUP(arena_cleanup) Arena *a = arena_new(4096);
    (void)state;

    char *before = arena_alloc(a, 16);
    arena_alloc(a, 1024 * 1024);
    char *after = arena_alloc(a, 16);
    assert_in_range((uintptr_t)after, (uintptr_t)before, (uintptr_t)before + 64);
}

static void arena_grow_keeps_contents(void **state)
{
    CLEANUP(arena_cleanup) Arena *a = arena_new(0);
    (void)state;

    char *p = arena_dup(a, "0123456789", 10);
    char *grown = arena_grow(a, p, 10, 40);
    assert_ptr_equal(grown, p); /* the newest one grows in place */
    assert_memory_equal(grown, "0123456789", 10);
    assert_true(is_zero(grown + 10, 30));

    arena_alloc(a, 1);
    char *moved = arena_grow(a, grown, 40, 60);
    assert_ptr_not_equal(moved, grown);
    assert_memory_equal(moved, "0123456789", 10);
    assert_true(is_zero(moved + 10, 50));

    char *large = arena_grow(a, moved, 60, 100000);
    assert_memory_equal(large, "0123456789", 10);
    assert_true(is_zero(large + 10, 99990));
    assert_ptr_equal(arena_grow(a, large, 100000, 5), large); /* shrinking is no work */
    assert_non_null(arena_grow(a, NULL, 0, 8));

    /* After a shrink the caller's size is smaller than the piece; growing must still be right. */
    char *q = arena_dup(a, "abcdef", 6);
    q = arena_grow(a, q, 6, 64);
    memset(q, 'x', 64);
    q = arena_grow(a, q, 64, 3);
    q = arena_grow(a, q, 3, 48);
    assert_memory_equal(q, "xxx", 3);
    assert_true(is_zero(q + 3, 45));
    char *next = arena_alloc(a, 16);
    assert_true(next >= q + 48 || next < q);
}

static char defer_order[8];

static void note_defer(void *user)
{
    size_t n = strlen(defer_order);

    defer_order[n] = *(const char *)user;
    defer_order[n + 1] = '\0';
}

static void arena_defer_runs_last_first_once(void **state)
{
    Arena *a = arena_new(0);
    (void)state;

    defer_order[0] = '\0';
    arena_defer(a, note_defer, arena_dup(a, "a", 2));
    arena_defer(a, note_defer, arena_dup(a, "b", 2));
    arena_reset(a);
    assert_string_equal(defer_order, "ba");
    arena_defer(a, note_defer, arena_dup(a, "c", 2));
    arena_free(a);
    assert_string_equal(defer_order, "bac");
    arena_free(NULL);
}

static void vec_keeps_all_items(void **state)
{
    CLEANUP(arena_cleanup) Arena *a = arena_new(0);
    VEC(int) v = {.arena = a};
    (void)state;

    for (int i = 0; i < 10000; i++) {
        VEC_PUSH(&v, i);
    }
    assert_int_equal(v.n, 10000);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(v.at[i], i);
    }
}

static void map_finds_replaces_and_keeps_order(void **state)
{
    CLEANUP(arena_cleanup) Arena *a = arena_new(0);
    Map m = map_init(a);
    int values[1000];
    (void)state;

    assert_null(map_get(&m, STR("x")));
    assert_null(map_first(&m));
    assert_false(map_remove(&m, STR("x")));
    for (int i = 0; i < 1000; i++) {
        assert_null(map_put(&m, str_fmt(a, "key-%d", i), &values[i]));
    }
    assert_int_equal(m.n_live, 1000);
    assert_ptr_equal(map_put(&m, STR("key-7"), &values[0]), &values[7]);
    assert_ptr_equal(map_get(&m, STR("key-7")), &values[0]);
    assert_int_equal(m.n_live, 1000);
    int i = 0;
    for (MapEntry *e = map_first(&m); e; e = map_next(&m, e), i++) {
        assert_str(e->key, str_fmt(a, "key-%d", i));
    }
    assert_int_equal(i, 1000);
}

static void map_holds_odd_keys(void **state)
{
    CLEANUP(arena_cleanup) Arena *a = arena_new(0);
    Map m = map_init(a);
    int one = 1;
    int two = 2;
    (void)state;

    /* A value of NULL is present; the empty key is a key, whether its pointer is NULL or not. */
    map_put(&m, STR("null"), NULL);
    assert_true(map_has(&m, STR("null")));
    assert_null(map_get(&m, STR("null")));
    assert_null(map_put(&m, STR_EMPTY, &one));
    assert_ptr_equal(map_put(&m, STR(""), &two), &one);
    assert_true(map_has(&m, STR_EMPTY));
    assert_null(map_put(&m, STR("a\0b"), &one));
    assert_false(map_has(&m, STR("a")));
    assert_false(map_has(&m, STR("a\0c")));
    assert_true(map_remove(&m, STR("")));
    assert_false(map_has(&m, STR_EMPTY));
}

static void map_forgets_removed_keys(void **state)
{
    CLEANUP(arena_cleanup) Arena *a = arena_new(0);
    Map m = map_init(a);
    int value = 0;
    (void)state;

    for (int i = 0; i < 100; i++) {
        map_put(&m, str_fmt(a, "%d", i), &value);
    }
    for (MapEntry *e = map_first(&m); e; e = map_next(&m, e)) {
        int64_t n;
        assert_true(str_to_i64(e->key, &n));
        if (n % 3 != 0) {
            assert_true(map_remove(&m, e->key));
        }
    }
    assert_int_equal(m.n_live, 34);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(map_has(&m, str_fmt(a, "%d", i)), i % 3 == 0);
    }
    map_put(&m, STR("1"), &value);
    MapEntry *last = NULL;
    for (MapEntry *e = map_first(&m); e; e = map_next(&m, e)) {
        last = e;
    }
    assert_non_null(last);
    assert_str(last->key, STR("1")); /* put again after removal: a new place at the end */
}

static void map_stays_small_under_churn(void **state)
{
    CLEANUP(arena_cleanup) Arena *a = arena_new(0);
    Map m = map_init(a);
    static char keys[4][2] = {"a", "b", "c", "d"};
    int value = 0;
    (void)state;

    for (size_t i = 0; i < 100000; i++) {
        map_put(&m, str_from(keys[i % 4]), &value);
        assert_true(map_remove(&m, str_from(keys[i % 4])));
    }
    assert_int_equal(m.n_live, 0);
    assert_in_range(arena_used(a), 0, 4096);
}

int base_test_memory(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_gives_aligned_zeroed_distinct_memory),
        cmocka_unit_test(arena_counts_what_it_hands_out),
        cmocka_unit_test(arena_reset_keeps_the_first_block),
        cmocka_unit_test(arena_goes_on_in_the_open_block_after_a_large_piece),
        cmocka_unit_test(arena_grow_keeps_contents),
        cmocka_unit_test(arena_defer_runs_last_first_once),
        cmocka_unit_test(vec_keeps_all_items),
        cmocka_unit_test(map_finds_replaces_and_keeps_order),
        cmocka_unit_test(map_holds_odd_keys),
        cmocka_unit_test(map_forgets_removed_keys),
        cmocka_unit_test(map_stays_small_under_churn),
    };

    return cmocka_run_group_tests_name("base memory", tests, NULL, NULL);
}
