/* SPDX-License-Identifier: Apache-2.0
 * Sealing: round trips, everything that must not open, the key file. */
/* cmocka's macro fail() must come after the function of ctx.h */
/* clang-format off */
#include "platform/secrets/secrets.h"
#include "base/file.h"
#include "base/test.h"
#include "base/thread.h"
/* clang-format on */

#include <sys/stat.h>

#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA="

static char folder[64];

static int setup(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/fairway-secrets-XXXXXX", sizeof("/tmp/fairway-secrets-XXXXXX"));
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return file_remove_tree(folder, NULL) == RC_OK ? 0 : -1;
}

static Secrets *secrets_with(const char *key)
{
    Secrets *s = NULL;
    assert_int_equal(secrets_new("/nonexistent", str_from(key), &s, NULL), RC_OK);
    return s;
}

static void test_round_trip(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Secrets *s = secrets_with(KEY_A);
    const Str plains[] = {STR("hunter2"), STR(""), STR("\0\xff binary"), STR("ünïcode")};
    for (size_t i = 0; i < ARRAY_LEN(plains); i++) {
        Str sealed, again, plain;
        assert_int_equal(secrets_seal(s, arena, plains[i], STR("c"), &sealed, NULL), RC_OK);
        assert_int_equal(secrets_seal(s, arena, plains[i], STR("c"), &again, NULL), RC_OK);
        assert_true(str_starts(sealed, STR("v1:")));
        assert_false(str_eq(sealed, again)); /* a fresh nonce each time */
        assert_true(plains[i].len == 0 || str_find(sealed, plains[i]) == SIZE_MAX);
        assert_int_equal(secrets_open(s, arena, sealed, STR("c"), &plain, NULL), RC_OK);
        assert_str(plain, plains[i]);
    }
    secrets_free(s);
}

static void test_refused(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Secrets *a = secrets_with(KEY_A), *b = secrets_with(KEY_B);
    Str sealed, plain;
    Error err = {0};
    assert_int_equal(secrets_seal(a, arena, STR("hunter2"), STR("t.c.1"), &sealed, NULL), RC_OK);

    assert_int_equal(secrets_open(a, arena, sealed, STR("t.c.2"), &plain, &err), RC_INTERNAL);
    assert_int_equal(secrets_open(b, arena, sealed, STR("t.c.1"), &plain, &err), RC_INTERNAL);
    assert_non_null(strstr(err.message, "another key"));
    for (size_t i = 0; i < sealed.len; i++) { /* each single altered byte is noticed */
        char *text = arena_dup(arena, sealed.ptr, sealed.len);
        text[i] = text[i] == 'A' ? 'B' : 'A';
        assert_int_not_equal(
            secrets_open(a, arena, str_of(text, sealed.len), STR("t.c.1"), &plain, &err), RC_OK);
    }
    static const char *const malformed[] = {"",        "v1", "v1:", "v1::", "v2:00000000:AAAA",
                                            "v1:x:***"};
    for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
        assert_int_equal(secrets_open(a, arena, str_from(malformed[i]), STR("c"), &plain, &err),
                         RC_INTERNAL);
    }
    secrets_free(a);
    secrets_free(b);
}

static void test_bad_keys(void **state)
{
    (void)state;
    static const char *const keys[] = {"short", "AAAA", KEY_A KEY_A, "***************************"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        Secrets *s = NULL;
        Error err = {0};
        assert_int_equal(secrets_new(folder, str_from(keys[i]), &s, &err), RC_INVALID);
        assert_null(strstr(err.message, keys[i])); /* a key is never shown */
    }
}

static void *open_in_folder(void *ret)
{
    Secrets **s = ret;
    IGNORE(secrets_new(folder, STR_EMPTY, s, NULL)); /* told by *s */
    return NULL;
}

static void test_key_file_made_once(void **state)
{
    (void)state;
    enum { THREADS = 8 };
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Thread threads[THREADS];
    Secrets *made[THREADS] = {NULL};
    struct stat st;
    Str sealed, plain;

    for (size_t i = 0; i < THREADS; i++) {
        thread_start(&threads[i], "secrets", open_in_folder, &made[i]);
    }
    for (size_t i = 0; i < THREADS; i++) {
        thread_join(&threads[i]);
        assert_non_null(made[i]);
    }
    const char *path = str_cstr(arena, str_fmt(arena, "%s/secret.key", folder));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(secrets_seal(made[0], arena, STR("x"), STR("c"), &sealed, NULL), RC_OK);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(secrets_open(made[i], arena, sealed, STR("c"), &plain, NULL), RC_OK);
        secrets_free(made[i]);
    }
}

static void test_key_file_refused(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    const char *path = str_cstr(arena, str_fmt(arena, "%s/secret.key", folder));
    Secrets *s = NULL;
    Error err = {0};
    assert_int_equal(file_write_atomic(path, STR(KEY_A), 0644, NULL), RC_OK);
    assert_int_equal(secrets_new(folder, STR_EMPTY, &s, &err), RC_INVALID);
    assert_non_null(strstr(err.message, "chmod 600"));
    assert_int_equal(file_write_atomic(path, STR("half a key"), 0600, NULL), RC_OK);
    assert_int_equal(secrets_new(folder, STR_EMPTY, &s, &err), RC_INVALID);
}

/* A process that has the file open follows a rotation made by another. */
static void test_rotation_is_followed(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Secrets *server, *command;
    Str old, new, plain;
    char before[SECRET_KEY_ID_SIZE + 1], after[SECRET_KEY_ID_SIZE + 1];
    const char *path = str_cstr(arena, str_fmt(arena, "%s/secret.key", folder));
    assert_int_equal(file_write_atomic(path, STR(KEY_A "\n"), 0600, NULL), RC_OK);
    assert_int_equal(secrets_new(folder, STR_EMPTY, &server, NULL), RC_OK);
    assert_int_equal(secrets_new(folder, STR_EMPTY, &command, NULL), RC_OK);
    assert_int_equal(secrets_seal(server, arena, STR("x"), STR("c"), &old, NULL), RC_OK);
    secrets_key_id(command, before);

    assert_int_equal(secrets_file_add_key(command, NULL), RC_OK);
    secrets_key_id(command, after);
    assert_string_not_equal(before, after);
    assert_int_equal(secrets_seal(command, arena, STR("y"), STR("c"), &new, NULL), RC_OK);
    assert_true(str_starts(new, str_fmt(arena, "v1:%s:", after)));
    assert_int_equal(secrets_open(server, arena, new, STR("c"), &plain, NULL), RC_OK);
    assert_int_equal(secrets_open(server, arena, old, STR("c"), &plain, NULL), RC_OK);
    assert_int_equal(secrets_seal(server, arena, STR("z"), STR("c"), &new, NULL), RC_OK);
    assert_true(str_starts(new, str_fmt(arena, "v1:%s:", after)));
    assert_int_equal(secrets_n_keys(server), 2);

    assert_int_equal(secrets_file_drop_old(command, NULL), RC_OK);
    assert_int_equal(secrets_n_keys(server), 1);
    assert_int_equal(secrets_open(server, arena, old, STR("c"), &plain, NULL), RC_INTERNAL);
    assert_int_equal(secrets_open(server, arena, new, STR("c"), &plain, NULL), RC_OK);
    /* a file that is damaged while we run takes nothing away */
    assert_int_equal(file_write_atomic(path, STR("half a key"), 0600, NULL), RC_OK);
    assert_int_equal(secrets_open(server, arena, new, STR("c"), &plain, NULL), RC_OK);
    assert_int_equal(secrets_seal(server, arena, STR("z"), STR("c"), &new, NULL), RC_OK);
    secrets_free(server);
    secrets_free(command);
}

static void test_at_most_so_many_keys(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Secrets *s;
    Error err = {0};
    const char *path = str_cstr(arena, str_fmt(arena, "%s/secret.key", folder));
    assert_int_equal(file_write_atomic(path, STR(KEY_A), 0600, NULL), RC_OK);
    assert_int_equal(secrets_new(folder, STR_EMPTY, &s, NULL), RC_OK);
    for (size_t n = 1; n < SECRET_KEYS_MAX; n++) {
        assert_int_equal(secrets_file_add_key(s, NULL), RC_OK);
    }
    assert_int_equal(secrets_file_add_key(s, &err), RC_CONFLICT);
    assert_int_equal(secrets_n_keys(s), SECRET_KEYS_MAX);
    secrets_free(s);
}

static void test_old_keys_only_open(void **state)
{
    (void)state;
    CLEANUP(arena_cleanup) Arena *arena = arena_new(0);
    Secrets *a = secrets_with(KEY_A), *b = secrets_with(KEY_B);
    Str sealed, plain;
    Error err = {0};
    assert_int_equal(secrets_seal(a, arena, STR("hunter2"), STR("c"), &sealed, NULL), RC_OK);
    assert_int_equal(secrets_add_old(b, STR("nonsense"), &err), RC_INVALID);
    assert_null(strstr(err.message, "nonsense"));
    assert_int_equal(secrets_add_old(b, STR(" , " KEY_A " ,"), &err), RC_OK);
    assert_int_equal(secrets_open(b, arena, sealed, STR("c"), &plain, NULL), RC_OK);
    assert_str(plain, STR("hunter2"));
    assert_int_equal(secrets_seal(b, arena, STR("x"), STR("c"), &sealed, NULL), RC_OK);
    assert_int_equal(secrets_open(a, arena, sealed, STR("c"), &plain, NULL), RC_INTERNAL);
    secrets_free(a);
    secrets_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_bad_keys),
        cmocka_unit_test(test_key_file_made_once),
        cmocka_unit_test(test_key_file_refused),
        cmocka_unit_test(test_rotation_is_followed),
        cmocka_unit_test(test_at_most_so_many_keys),
        cmocka_unit_test(test_old_keys_only_open),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
