/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base_test.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/test.h"
#include "base/time.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Every test has a folder of its own, with room for its results. */
typedef struct Room {
    Arena *arena;
    char dir[64];
    Error err;
} Room;

static int room_open(void **state)
{
    Arena *arena = arena_new(0);
    Room *room = ARENA_NEW(arena, Room);

    room->arena = arena;
    memcpy(room->dir, "/tmp/fairway-base-XXXXXX", 25);
    *state = room;
    return mkdtemp(room->dir) ? 0 : -1;
}

static int room_close(void **state)
{
    Room *room = *state;
    Rc rc = file_remove_tree(room->dir, NULL);
    bool is_gone = !file_exists(room->dir);

    arena_free(room->arena);
    return rc == RC_OK && is_gone ? 0 : -1;
}

static const char *in_room(const Room *room, const char *name)
{
    return str_fmt(room->arena, "%s/%s", room->dir, name).ptr;
}

static void put_file(Room *room, const char *name, Str bytes)
{
    Str path = str_from(in_room(room, name));

    assert_int_equal(file_make_dirs(str_cstr(room->arena, path_dir(path)), 0755, &room->err),
                     RC_OK);
    assert_int_equal(file_write_atomic(path.ptr, bytes, 0644, &room->err), RC_OK);
}

static void file_write_then_read(void **state)
{
    Room *room = *state;
    const char *path = in_room(room, "a.bin");
    struct stat st;
    Str got;

    assert_int_equal(file_write_atomic(path, STR("one\0two"), 0600, &room->err), RC_OK);
    assert_int_equal(file_read(room->arena, path, 7, &got, &room->err), RC_OK);
    assert_str(got, STR("one\0two"));
    assert_int_equal(got.ptr[got.len], 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);

    assert_int_equal(file_write_atomic(path, STR_EMPTY, 0640, &room->err), RC_OK);
    assert_int_equal(file_read(room->arena, path, 0, &got, &room->err), RC_OK);
    assert_int_equal(got.len, 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static void file_read_refuses_what_it_should_not_read(void **state)
{
    Room *room = *state;
    Str got = STR("untouched");

    put_file(room, "a", STR("12345678"));
    assert_int_equal(mkfifo(in_room(room, "fifo"), 0600), 0);
    const struct {
        const char *name;
        size_t max;
        Rc rc;
    } cases[] = {
        {"a",       8,   RC_OK       },
        {"a",       7,   RC_LIMIT    },
        {"a",       0,   RC_LIMIT    },
        {"missing", 100, RC_NOT_FOUND},
        {"a/b",     100, RC_NOT_FOUND},
        {".",       100, RC_INVALID  },
        {"fifo",    100, RC_INVALID  },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Str text = got;
        Rc rc =
            file_read(room->arena, in_room(room, cases[i].name), cases[i].max, &text, &room->err);
        assert_int_equal(rc, cases[i].rc);
        if (rc != RC_OK) {
            assert_ptr_equal(text.ptr, got.ptr);
            assert_non_null(strstr(room->err.message, room->dir));
        }
    }
    /* Files of the kernel say size 0 and still have contents. */
    assert_int_equal(file_read(room->arena, "/proc/self/status", MIB, &got, &room->err), RC_OK);
    assert_true(str_starts(got, STR("Name:")));
    assert_int_equal(file_read(room->arena, "/proc/self/status", 5, &got, &room->err), RC_LIMIT);
}

static void file_read_meets_every_size(void **state)
{
    Room *room = *state;
    static char bytes[20000];

    memset(bytes, 'z', sizeof(bytes));
    for (size_t n = 4090; n < 4100; n++) {
        Str got;
        put_file(room, "sized", str_of(bytes, n));
        assert_int_equal(file_read(room->arena, in_room(room, "sized"), n, &got, &room->err),
                         RC_OK);
        assert_int_equal(got.len, n);
    }
}

static void file_write_fails_without_traces(void **state)
{
    Room *room = *state;
    Str *found;
    size_t n;
    Str got;

    put_file(room, "folder/keep", STR("old"));
    /* A folder stands where the file should go, so the final rename fails. */
    assert_int_equal(file_write_atomic(in_room(room, "folder"), STR("x"), 0600, &room->err),
                     RC_INTERNAL);
    assert_int_equal(file_write_atomic(in_room(room, "no/such"), STR("x"), 0600, &room->err),
                     RC_NOT_FOUND);
    assert_int_equal(file_read(room->arena, in_room(room, "folder/keep"), 10, &got, &room->err),
                     RC_OK);
    assert_str(got, STR("old"));
    Str all = str_from(in_room(room, "**"));
    assert_int_equal(file_glob(room->arena, all, 10, &found, &n, &room->err), RC_OK);
    assert_int_equal(n, 1);

    char too_long[PATH_MAX + 10];
    memset(too_long, 'a', sizeof(too_long) - 1);
    too_long[sizeof(too_long) - 1] = '\0';
    assert_int_equal(file_write_atomic(too_long, STR("x"), 0600, &room->err), RC_INTERNAL);
    assert_int_equal(file_make_dirs(too_long, 0700, &room->err), RC_INVALID);
    assert_int_equal(file_make_dirs("", 0700, &room->err), RC_INVALID);
}

static void file_write_tells_a_full_disk(void **state)
{
    Room *room = *state;
    const char *path = in_room(room, "a");
    struct rlimit limit, small;
    put_file(room, "a", STR("old"));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 16;
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    Rc rc = file_write_atomic(path, STR("longer than sixteen bytes"), 0600, &room->err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_true(signal(SIGXFSZ, SIG_DFL) != SIG_ERR);
    assert_int_equal(rc, RC_FULL);
    Str kept;
    assert_int_equal(file_read(room->arena, path, 100, &kept, &room->err), RC_OK);
    assert_true(str_is(kept, "old"));
}

static void file_make_dirs_makes_all(void **state)
{
    Room *room = *state;

    assert_int_equal(file_make_dirs(in_room(room, "a/b//c/"), 0755, &room->err), RC_OK);
    assert_true(file_exists(in_room(room, "a/b/c")));
    assert_int_equal(file_make_dirs(in_room(room, "a/b/c"), 0755, &room->err), RC_OK);
    put_file(room, "plain", STR("x"));
    assert_int_equal(file_make_dirs(in_room(room, "plain"), 0755, &room->err), RC_INTERNAL);
    assert_int_equal(file_make_dirs(in_room(room, "plain/below"), 0755, &room->err), RC_INTERNAL);
}

static void file_remove_tree_follows_no_link(void **state)
{
    Room *room = *state;
    /* Only paths inside the room: were the guard broken, "/" or ".." would be removed in earnest.
     */
    static const char *const refused[] = {"tree/..", "tree/.", "tree/./", "tree/../"};

    put_file(room, "outside/keep", STR("x"));
    put_file(room, "tree/a/b/c", STR("x"));
    put_file(room, "tree/.hidden", STR("x"));
    assert_int_equal(symlink(in_room(room, "outside"), in_room(room, "tree/link")), 0);
    assert_int_equal(symlink("nowhere", in_room(room, "tree/dangling")), 0);
    assert_int_equal(symlink(in_room(room, "outside"), in_room(room, "link")), 0);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        assert_int_equal(file_remove_tree(in_room(room, refused[i]), &room->err), RC_INVALID);
        assert_true(file_exists(in_room(room, "tree/a/b/c")));
    }
    assert_int_equal(file_remove_tree("", &room->err), RC_INVALID);
    assert_int_equal(file_remove_tree(in_room(room, "tree"), &room->err), RC_OK);
    assert_false(file_exists(in_room(room, "tree")));
    assert_int_equal(file_remove_tree(in_room(room, "link"), &room->err), RC_OK);
    assert_false(file_exists(in_room(room, "link")));
    assert_true(file_exists(in_room(room, "outside/keep")));
    assert_int_equal(file_remove_tree(in_room(room, "missing"), &room->err), RC_OK);
    assert_int_equal(file_remove_tree(in_room(room, "outside/keep/x"), &room->err), RC_OK);
    assert_int_equal(file_remove_tree(in_room(room, "outside/keep"), &room->err), RC_OK);
    assert_false(file_exists(in_room(room, "outside/keep")));
}

static void file_remove_tree_has_a_depth(void **state)
{
    Room *room = *state;
    Str deep = str_from("deep");

    for (int i = 0; i < 100; i++) {
        deep = str_fmt(room->arena, "%.*s/d", STR_ARG(deep));
    }
    const char *middle = in_room(room, deep.ptr);
    for (int i = 0; i < 100; i++) {
        deep = str_fmt(room->arena, "%.*s/d", STR_ARG(deep));
    }
    assert_int_equal(file_make_dirs(in_room(room, deep.ptr), 0755, &room->err), RC_OK);
    assert_int_equal(file_remove_tree(in_room(room, "deep"), &room->err), RC_INTERNAL);
    assert_true(file_exists(in_room(room, deep.ptr)));
    assert_int_equal(file_remove_tree(middle, &room->err), RC_OK);
    assert_int_equal(file_remove_tree(in_room(room, "deep"), &room->err), RC_OK);
}

static void paths_are_joined_as_text(void **state)
{
    Room *room = *state;
    static const struct {
        const char *base, *rel, *result;
    } cases[] = {
        {"/a/b",  "../c",         "/a/c"    },
        {"/a/b",  "c/d",          "/a/b/c/d"},
        {"/a/b/", "./c/",         "/a/b/c"  },
        {"/a//b", "",             "/a/b"    },
        {"/a",    "../../../x",   "/x"      },
        {"/",     "..",           "/"       },
        {"/a",    "/etc/../x",    "/x"      },
        {"a",     "b",            "a/b"     },
        {"a",     "..",           "."       },
        {"a",     "../../b",      "../b"    },
        {"a",     "../../../b",   "../../b" },
        {"",      "",             "."       },
        {"",      "x",            "x"       },
        {"..",    "x",            "../x"    },
        {".",     "..x/...",      "..x/..." },
        {"a/b",   "../../../../", "../.."   },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Str joined = path_join(room->arena, str_from(cases[i].base), str_from(cases[i].rel));
        assert_str(joined, str_from(cases[i].result));
        assert_int_equal(joined.ptr[joined.len], 0);
    }
}

static void paths_are_split(void **state)
{
    static const struct {
        const char *path, *dir, *base;
    } cases[] = {
        {"/a/b",  "/a", "b"},
        {"/a/b/", "/a", "b"},
        {"/a",    "/",  "a"},
        {"//a",   "/",  "a"},
        {"/",     "/",  "/"},
        {"//",    "/",  "/"},
        {"b",     ".",  "b"},
        {"b/",    ".",  "b"},
        {"a//b",  "a",  "b"},
        {"",      ".",  "" },
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_str(path_dir(str_from(cases[i].path)), str_from(cases[i].dir));
        assert_str(path_base(str_from(cases[i].path)), str_from(cases[i].base));
    }
}

static void path_is_inside_looks_through_links(void **state)
{
    Room *room = *state;
    static const struct {
        const char *root, *path;
        bool is_inside;
    } cases[] = {
        {"root",    "root",            true },
        {"root",    "root/a/b",        true },
        {"root",    "root/a/../a/b",   true },
        {"root/",   "root/a",          true },
        {"root",    "root/../root2/x", false},
        {"root",    "root2/x",         false}, /* a common prefix is not enough */
        {"root",    "root/out/x",      false}, /* a link that leads out */
        {"root",    "root/in/b",       true },
        {"alias",   "root/a",          true },
        {"root",    "root/missing",    false},
        {"missing", "root",            false},
        {"root/a",  "root",            false},
    };

    put_file(room, "root/a/b", STR("x"));
    put_file(room, "root2/x", STR("x"));
    assert_int_equal(symlink("../root2", in_room(room, "root/out")), 0);
    assert_int_equal(symlink("a", in_room(room, "root/in")), 0);
    assert_int_equal(symlink("root", in_room(room, "alias")), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *root = in_room(room, cases[i].root);
        const char *path = in_room(room, cases[i].path);
        if (path_is_inside(root, path) != cases[i].is_inside) {
            fail_msg("%s in %s", cases[i].path, cases[i].root);
        }
    }
    assert_true(path_is_inside("/", room->dir));
}

static void globs_match_by_segment(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"",                    "",         true },
        {"",                    "a",        false},
        {"abc",                 "abc",      true },
        {"abc",                 "abcd",     false},
        {"*",                   "",         true },
        {"*",                   "abc",      true },
        {"*",                   "a/b",      false},
        {"a*c",                 "abbc",     true },
        {"a*c",                 "abbd",     false},
        {"*.yaml",              ".yaml",    true },
        {"a?c",                 "abc",      true },
        {"a?c",                 "a/c",      false},
        {"a?c",                 "ac",       false},
        {"a?c",
         "a\xC3\xA9"
         "c",                               true }, /* one character, two bytes */
        {"a?c",
         "a\xFF"
         "c",                               true },
        {"[a-c]x",              "bx",       true },
        {"[a-c]x",              "dx",       false},
        {"[!a-c]x",             "dx",       true },
        {"[^a-c]x",             "bx",       false},
        {"[]]",                 "]",        true },
        {"[a-]",                "-",        true },
        {"[-a]",                "-",        true },
        {"[z-a]",               "m",        false},
        {"[!/]",                "/",        false},
        {"[!x]",                "/",        false},
        {"[\xC3\xA0-\xC3\xBF]", "\xC3\xA9", true },
        {"[abc",                "[abc",     true }, /* nothing closes it: itself */
        {"[abc",                "a",        false},
        {"**",                  "a/b/c",    true },
        {"**",                  "",         true },
        {"**/x",                "x",        true },
        {"**/x",                "a/b/x",    true },
        {"**/x",                "a/bx",     false},
        {"a/**/b",              "a/b",      true },
        {"a/**/b",              "a/x/y/b",  true },
        {"a/**/b",              "ab",       false},
        {"a/**/b",              "a/xb",     false},
        {"a/**",                "a/b/c",    true },
        {"a/**",                "a",        false},
        {"**/**/x",             "x",        true },
        {"a,**/b",              "a,b",      false}, /* a comma outside braces begins no segment */
        {"a,**/b",              "a,x/b",    true },
        {"a**b",                "a/x/b",    true },
        {"{a,b}",               "a",        true },
        {"{a,b}",               "b",        true },
        {"{a,b}",               "c",        false},
        {"{a,b}",               "ab",       false},
        {"x{,y}z",              "xz",       true },
        {"x{,y}z",              "xyz",      true },
        {"*.{yaml,yml}",        "c.yml",    true },
        {"*.{yaml,yml}",        "c.json",   false},
        {"{a,{b,c}d}e",         "cde",      true },
        {"{a,{b,c}d}e",         "ce",       false},
        {"{a/b,c}/*",           "a/b/x",    true },
        {"{**/a,b}/c",          "x/y/a/c",  true },
        {"{**/a,b}/c",          "a/c",      true },
        {"x{**/a,b}",           "xa",       false},
        {"{a}",                 "{a}",      true }, /* one alternative is none */
        {"{a,b",                "{a,b",     true },
        {"a}",                  "a}",       true },
        {"{[,],x}",             ",",        true },
        {"{[}],x}y",            "}y",       true },
        {"{a*,b?}c",            "axxc",     true },
        {"a\\*",                "a\\b",     true }, /* a backslash is itself */
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (glob_match(str_from(cases[i].pattern), str_from(cases[i].text)) != cases[i].matches) {
            fail_msg("%s on %s", cases[i].pattern, cases[i].text);
        }
    }
}

static void hostile_globs_cost_little(void **state)
{
    Room *room = *state;
    static const char *const units[] = {"*a", "**/", "{a,a}", "{a,b,{a,b}}", "?*", "[a-z]*"};
    static char text[5000];
    static char deep[6000];
    int64_t start = time_monotonic_us();

    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        Buf pattern = buf_init(room->arena, 100000);
        for (int k = 0; k < 80; k++) {
            buf_put(&pattern, str_from(units[i]));
        }
        buf_char(&pattern, 'b');
        assert_false(glob_match(buf_str(&pattern), str_of(text, 2000)));
    }
    /* Backtracking would take longer than the universe has; the limit only has to tell them apart.
     */
    assert_true(time_monotonic_us() - start < 20 * US_PER_SECOND);
    Buf branches = buf_init(room->arena, 1000);
    buf_lit(&branches, "{x");
    for (int k = 0; k < 100; k++) {
        buf_lit(&branches, ",x");
        if (k == 50) {
            assert_true(
                glob_match(str_fmt(room->arena, "%.*s}", STR_ARG(buf_str(&branches))), STR("x")));
        }
    }
    buf_lit(&branches, "}");
    assert_false(glob_match(buf_str(&branches), STR("x")));
    assert_false(glob_match(str_of(text, 5000), str_of(text, 5000))); /* beyond the limit */
    assert_true(glob_match(str_of(text, 1000), str_of(text, 1000)));
    memset(deep, '{', 3000);
    assert_false(glob_match(str_of(deep, 4000), STR("x")));
    for (size_t i = 0; i < 3000; i += 2) {
        memcpy(deep + i, "{,", 2);
        memcpy(deep + 3000 + i, "}}", 2);
    }
    assert_false(glob_match(str_of(deep, 4000), STR("x")));
    assert_false(glob_match(str_of(deep + 2960, 60), STR("x")));
}

static void file_glob_finds_files_sorted(void **state)
{
    Room *room = *state;
    static const char *const files[] = {"b.yaml",
                                        "a.yaml",
                                        "c.yml",
                                        "d.txt",
                                        ".hidden.yaml",
                                        "sub/a.yaml",
                                        "sub/deep/er/x.yaml",
                                        ".git/config.yaml",
                                        "sub/.env/y.yaml",
                                        "outside/z.yaml"};
    static const struct {
        const char *pattern;
        const char *found; /* joined by ' ' */
    } cases[] = {
        {"*.yaml",             "a.yaml b.yaml link.yaml"      },
        {"*.{yaml,yml}",       "a.yaml b.yaml c.yml link.yaml"},
        {"[ab].yaml",          "a.yaml b.yaml"                },
        {"sub/**/*.yaml",      "sub/a.yaml sub/deep/er/x.yaml"},
        {"**/a.yaml",          "a.yaml sub/a.yaml"            },
        {"{sub/deep,sub}/*",   "sub/a.yaml"                   },
        {"sub/*/*/x.yaml",     "sub/deep/er/x.yaml"           },
        {".*.yaml",            ".hidden.yaml"                 },
        {".git/*",             ".git/config.yaml"             },
        {".*/*",               ".git/config.yaml"             },
        {"[.]hidden.yaml",     ""                             },
        {"?hidden.yaml",       ""                             },
        {"sub/.env/*",         "sub/.env/y.yaml"              },
        {"a.yaml",             "a.yaml"                       },
        {"nothing.yaml",       ""                             },
        {"nothing/*.yaml",     ""                             },
        {"a.yaml/*",           ""                             },
        {"sub",                ""                             }, /* a folder */
        {"folder-link/*.yaml", "folder-link/z.yaml"           },
        {"*-link/*.yaml",      ""                             },
        {"outs*/*",            "outside/z.yaml"               },
        {"{a,a}.yaml",         "a.yaml"                       }, /* once */
    };

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        put_file(room, files[i], STR("x"));
    }
    assert_int_equal(symlink("outside", in_room(room, "folder-link")), 0);
    assert_int_equal(symlink("outside/z.yaml", in_room(room, "link.yaml")), 0);
    assert_int_equal(symlink("nowhere", in_room(room, "dangling.yaml")), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Str *found;
        size_t n;
        Str pattern = str_from(in_room(room, cases[i].pattern));
        assert_int_equal(file_glob(room->arena, pattern, 20, &found, &n, &room->err), RC_OK);
        for (size_t k = 0; k < n; k++) {
            assert_true(str_starts(found[k], str_from(room->dir)));
            found[k] = str_from_index(found[k], strlen(room->dir) + 1);
        }
        assert_str(str_join(room->arena, found, n, STR(" ")), str_from(cases[i].found));
    }
}

static void file_glob_is_bounded(void **state)
{
    Room *room = *state;
    Str *found = NULL;
    size_t n = 0;
    Str deep = str_from("d");

    put_file(room, "x/1", STR("x"));
    put_file(room, "x/2", STR("x"));
    Str pattern = str_from(in_room(room, "x/*"));
    assert_int_equal(file_glob(room->arena, pattern, 2, &found, &n, &room->err), RC_OK);
    assert_int_equal(n, 2);
    assert_int_equal(file_glob(room->arena, pattern, 1, &found, &n, &room->err), RC_LIMIT);
    assert_int_equal(n, 2); /* outputs untouched */
    assert_int_equal(file_glob(room->arena, STR("a\0*"), 1, &found, &n, &room->err), RC_INVALID);
    for (int i = 0; i < 40; i++) {
        deep = str_fmt(room->arena, "%.*s/d", STR_ARG(deep));
    }
    put_file(room, deep.ptr, STR("x"));
    pattern = str_from(in_room(room, "**/nothing"));
    assert_int_equal(file_glob(room->arena, pattern, 9, &found, &n, &room->err), RC_LIMIT);
    pattern = str_from(in_room(room, "*/*/nothing"));
    assert_int_equal(file_glob(room->arena, pattern, 9, &found, &n, &room->err), RC_OK);
    assert_int_equal(n, 0);
}

int base_test_file(void)
{
#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, room_open, room_close)
    const struct CMUnitTest tests[] = {
        IN_ROOM(file_write_then_read),
        IN_ROOM(file_read_refuses_what_it_should_not_read),
        IN_ROOM(file_read_meets_every_size),
        IN_ROOM(file_write_fails_without_traces),
        IN_ROOM(file_write_tells_a_full_disk),
        IN_ROOM(file_make_dirs_makes_all),
        IN_ROOM(file_remove_tree_follows_no_link),
        IN_ROOM(file_remove_tree_has_a_depth),
        IN_ROOM(paths_are_joined_as_text),
        cmocka_unit_test(paths_are_split),
        IN_ROOM(path_is_inside_looks_through_links),
        cmocka_unit_test(globs_match_by_segment),
        IN_ROOM(hostile_globs_cost_little),
        IN_ROOM(file_glob_finds_files_sorted),
        IN_ROOM(file_glob_is_bounded),
    };
#undef IN_ROOM

    return cmocka_run_group_tests_name("base file", tests, NULL, NULL);
}
