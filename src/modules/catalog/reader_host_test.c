/* SPDX-License-Identifier: Apache-2.0
 * Pages of code hosts: what people paste, and the links that Backstage derives from it. */
#include "base/test.h"

#include "modules/catalog/reader_host.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

static Arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static ScmHost host_of(const char *page)
{
    Url url;
    ScmHost scm;
    Json *integrations = NULL;
    Str text =
        STR("{\"gitea\":[{\"host\":\"gitea.corp\"}],\"github\":[{\"host\":\"ghe.corp:8443\"}]}");
    assert_int_equal(json_parse(arena, text, NULL, &integrations, NULL), RC_OK);
    assert_true(url_parse(str_from(page), &url));
    assert_true(scm_host(integrations, url.host, url.port, &scm));
    return scm;
}

static void assert_text(Str found, const char *expected)
{
    assert_string_equal(str_cstr(arena, found), expected);
}

typedef struct LinkCase {
    const char *page, *edit, *folder;
} LinkCase;

static const LinkCase link_cases[] = {
    {"https://github.com/o/r/blob/main/a/c.yaml",                          "https://github.com/o/r/edit/main/a/c.yaml",
     "https://github.com/o/r/tree/main/a/"                                                                                                                                             },
    {"https://github.com/o/r/tree/main/a/c.yaml",                          "https://github.com/o/r/edit/main/a/c.yaml",
     "https://github.com/o/r/tree/main/a/"                                                                                                                                             },
    {"https://ghe.corp:8443/o/r/blob/main/c.yaml",                         "https://ghe.corp:8443/o/r/edit/main/c.yaml",
     "https://ghe.corp:8443/o/r/tree/main/"                                                                                                                                            },
    {"https://github.com/o/r/blob/" COMMIT "/c.yaml",                      "",
     "https://github.com/o/r/tree/" COMMIT "/"                                                                                                                                         },
    {"https://github.com/o/r/blob/" COMMIT "x/c.yaml",
     "https://github.com/o/r/edit/" COMMIT "x/c.yaml",                                                                   "https://github.com/o/r/tree/" COMMIT "x/"                    },
    {"https://gitlab.com/g/s/r/-/blob/main/a/c.yaml",
     "https://gitlab.com/g/s/r/-/edit/main/a/c.yaml",                                                                    "https://gitlab.com/g/s/r/-/blob/main/a/"                     },
    {"https://bitbucket.org/o/r/src/main/a/c.yaml",
     "https://bitbucket.org/o/r/src/main/a/c.yaml?mode=edit&at=main",                                                    "https://bitbucket.org/o/r/src/main/a/"                       },
    {"https://gitea.corp/o/r/src/branch/main/a/c.yaml",
     "https://gitea.corp/o/r/_edit/main/a/c.yaml",                                                                       "https://gitea.corp/o/r/src/branch/main/a/"                   },
    {"https://dev.azure.com/o/p/_git/r?path=%2Fa%2Fc.yaml&version=GBmain",
     "https://dev.azure.com/o/p/_git/r?path=%2Fa%2Fc.yaml&version=GBmain",                                               "https://dev.azure.com/o/p/_git/r?path=%2Fa%2F&version=GBmain"},
};

static void links_are_those_of_backstage(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(link_cases); i++) {
        const LinkCase *c = &link_cases[i];
        ScmHost scm = host_of(c->page);
        assert_text(scm_edit_url(&scm, str_from(c->page), arena), c->edit);
        assert_text(scm_folder_url(&scm, str_from(c->page), arena), c->folder);
    }
}

typedef struct PageCase {
    const char *page, *root, *owner, *name, *ref, *path, *clone, *file;
} PageCase;

static const PageCase page_cases[] = {
    {"https://github.com/o/r",                                             "https://github.com/o/r",    "o",   "r", "",     "",
     "https://github.com/o/r.git",                                                                                                                                       "https://github.com/o/r/blob/b/x/c.yaml"                         },
    {"https://github.com/o/r.git/",                                        "https://github.com/o/r",    "o",   "r", "",     "",
     "https://github.com/o/r.git",                                                                                                                                       "https://github.com/o/r/blob/b/x/c.yaml"                         },
    {"https://github.com/o/r/tree/main",                                   "https://github.com/o/r",    "o",   "r", "main", "",
     "https://github.com/o/r.git",                                                                                                                                       "https://github.com/o/r/blob/b/x/c.yaml"                         },
    {"https://gitlab.com/g/s/r/-/blob/main/a/c.yaml",                      "https://gitlab.com/g/s/r",  "g/s", "r",
     "main",                                                                                                                "a/c.yaml", "https://gitlab.com/g/s/r.git",
     "https://gitlab.com/g/s/r/-/blob/b/x/c.yaml"                                                                                                                                                                                         },
    {"https://gitlab.com/g/s/r",                                           "https://gitlab.com/g/s/r",  "g/s", "r", "",     "",
     "https://gitlab.com/g/s/r.git",                                                                                                                                     "https://gitlab.com/g/s/r/-/blob/b/x/c.yaml"                     },
    {"https://bitbucket.org/o/r/src/main/c.yaml",                          "https://bitbucket.org/o/r", "o",   "r", "main",
     "c.yaml",                                                                                                                          "https://bitbucket.org/o/r.git", "https://bitbucket.org/o/r/src/b/x/c.yaml"                       },
    {"https://gitea.corp/o/r/src/branch/main/c.yaml",                      "https://gitea.corp/o/r",    "o",   "r", "main",
     "c.yaml",                                                                                                                          "https://gitea.corp/o/r.git",    "https://gitea.corp/o/r/src/branch/b/x/c.yaml"                   },
    {"https://dev.azure.com/o/p/_git/r?path=%2Fa%2Fc.yaml&version=GBmain",
     "https://dev.azure.com/o/p/_git/r",                                                                "p",   "r", "main", "a/c.yaml",
     "https://dev.azure.com/o/p/_git/r",                                                                                                                                 "https://dev.azure.com/o/p/_git/r?path=%2Fx%2Fc.yaml&version=GBb"},
};

static void pages_are_taken_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(page_cases); i++) {
        const PageCase *c = &page_cases[i];
        ScmHost scm = host_of(c->page);
        ScmPage page;
        assert_true(scm_page(&scm, str_from(c->page), arena, &page));
        assert_text(page.root, c->root);
        assert_text(page.owner, c->owner);
        assert_text(page.name, c->name);
        assert_text(page.ref, c->ref);
        assert_text(page.path, c->path);
        assert_text(scm_clone_url(&scm, &page, arena), c->clone);
        assert_text(scm_file_url(&scm, &page, STR("b"), STR("x/c.yaml"), arena), c->file);
    }
    ScmPage page;
    ScmHost scm = host_of("https://github.com/");
    assert_false(scm_page(&scm, STR("https://github.com/"), arena, &page));
    assert_false(scm_page(&scm, STR("https://github.com/only"), arena, &page));
}

typedef struct ResolveCase {
    const char *base, *reference, *resolved;
} ResolveCase;

static const ResolveCase resolve_cases[] = {
    {"https://github.com/o/r/blob/main/a/c.yaml",           "./b.yaml",
     "https://github.com/o/r/tree/main/a/b.yaml"                                                  },
    {"https://github.com/o/r/blob/main/a/c.yaml",           "/b.yaml",
     "https://github.com/o/r/tree/main/b.yaml"                                                    },
    {"https://github.com/o/r/blob/main/a/c.yaml",           "https://h/b.yaml", "https://h/b.yaml"},
    {"https://gitlab.com/g/r/-/blob/main/a/c.yaml",         "../b.yaml",
     "https://gitlab.com/g/r/-/blob/main/b.yaml"                                                  },
    {"https://gitlab.com/g/r/-/blob/main/a/c.yaml",         "/b.yaml",
     "https://gitlab.com/g/r/-/blob/main/b.yaml"                                                  },
    {"https://bitbucket.org/o/r/src/main/a/c.yaml?at=main", "b.yaml",
     "https://bitbucket.org/o/r/src/main/a/b.yaml?at=main"                                        },
    {"https://gitea.corp/o/r/src/branch/main/a/c.yaml",     "/b.yaml",
     "https://gitea.corp/o/r/src/branch/main/b.yaml"                                              },
    {"https://dev.azure.com/o/p/_git/r?path=%2Fa%2Fc.yaml", "./b.yaml",
     "https://dev.azure.com/o/p/_git/r?path=%2Fa%2Fb.yaml"                                        },
    {"https://dev.azure.com/o/p/_git/r?path=%2Fa%2Fc.yaml", "/b.yaml",
     "https://dev.azure.com/o/p/_git/r?path=%2Fb.yaml"                                            },
};

static void references_stay_in_the_repository(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(resolve_cases); i++) {
        const ResolveCase *c = &resolve_cases[i];
        ScmHost scm = host_of(c->base);
        assert_text(scm_resolve(&scm, str_from(c->base), str_from(c->reference), arena),
                    c->resolved);
    }
}

static const struct {
    const char *page, *raw;
} raw_cases[] = {
    {"https://github.com/o/r/tree/main/a/c.yaml",
     "https://raw.githubusercontent.com/o/r/main/a/c.yaml"                                         },
    {"https://ghe.corp:8443/o/r/blob/main/a/c.yaml",
     "https://ghe.corp:8443/api/v3/repos/o/r/contents/a/c.yaml?ref=main"                           },
    {"https://gitlab.com/g/s/r/-/blob/main/a/c.yaml",
     "https://gitlab.com/api/v4/projects/g%2Fs%2Fr/repository/files/a%2Fc.yaml/raw?ref=main"       },
    {"https://bitbucket.org/o/r/src/main/a/c.yaml",
     "https://api.bitbucket.org/2.0/repositories/o/r/src/main/a/c.yaml"                            },
    {"https://gitea.corp/o/r/src/branch/main/a/c.yaml",
     "https://gitea.corp/api/v1/repos/o/r/raw/a/c.yaml?ref=main"                                   },
    {"https://dev.azure.com/o/p/_git/r?path=%2Fa%2Fc.yaml&version=GBmain",
     "https://dev.azure.com/o/p/_apis/git/repositories/r/items?api-version=6.0&path=%2Fa%2Fc.yaml"
     "&versionDescriptor.version=main"                                                             },
    {"https://github.com/o/r",                                             "https://github.com/o/r"},
};

static void pages_become_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(raw_cases); i++) {
        ScmHost scm = host_of(raw_cases[i].page);
        assert_text(scm_raw_url(&scm, str_from(raw_cases[i].page), arena), raw_cases[i].raw);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_are_those_of_backstage),
        cmocka_unit_test(pages_are_taken_apart),
        cmocka_unit_test(references_stay_in_the_repository),
        cmocka_unit_test(pages_become_files),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
