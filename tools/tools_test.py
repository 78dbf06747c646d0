#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the build tools: tools_test.py FAIRWAY_EMBED FAIRWAY_SQLGEN CC SRC"""
import os
import subprocess
import sys
import tempfile
import unittest

EMBED, SQLGEN, CC, SRC = sys.argv[1:5]


def run(*args):
    return subprocess.run(args, capture_output=True, text=True)


class Tools(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory()
        self.addCleanup(self.tmp.cleanup)

    def path(self, name):
        return os.path.join(self.tmp.name, name)

    def write(self, name, text):
        with open(self.path(name), "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        return self.path(name)

    def compile_and_run(self, main, *sources):
        main = self.write("main.c", main)
        built = run(CC, "-std=gnu17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", SRC, "-I",
                    self.tmp.name, "-o", self.path("main"), main, *sources)
        self.assertEqual(built.returncode, 0, built.stderr)
        ran = subprocess.run([self.path("main")], capture_output=True)
        self.assertEqual(ran.returncode, 0)
        return ran.stdout

    def queries(self, text):
        src = self.write("q.sql", text)
        return run(SQLGEN, "queries", "q", src, self.path("q_sql.h"), self.path("q_sql.c"))

    def test_embed_keeps_every_byte(self):
        data = bytes(range(256)) * 300 + b"??/ \\0 1\x001\n7" + b"a" * 9000
        src = self.write("in.bin", data)
        self.assertEqual(run(EMBED, "web_page", src, self.path("out.c")).returncode, 0)
        out = self.compile_and_run(
            "#include <stdio.h>\nextern const unsigned char web_page_data[];\n"
            "extern const size_t web_page_len;\n"
            "int main(void) { fwrite(web_page_data, 1, web_page_len, stdout);"
            " return web_page_data[web_page_len]; }\n", self.path("out.c"))
        self.assertEqual(out, data)

    def test_embed_of_nothing(self):
        src = self.write("empty", b"")
        self.assertEqual(run(EMBED, "e", src, self.path("out.c")).returncode, 0)
        self.compile_and_run("#include <stddef.h>\nextern const size_t e_len;\n"
                             "int main(void) { return (int)e_len; }\n", self.path("out.c"))

    def test_embed_refuses(self):
        self.assertEqual(run(EMBED, "not-a-symbol", "/dev/null", self.path("o.c")).returncode, 2)
        gone = run(EMBED, "x", self.path("gone"), self.path("o.c"))
        self.assertEqual(gone.returncode, 1)
        self.assertIn("gone: cannot be read", gone.stderr)

    def test_queries(self):
        made = self.queries("-- the head is dropped\n\n-- name: one\n-- a comment\nSELECT '\"??'\n"
                            "  FROM a;\n-- for: pg\nSELECT 2\n-- name: two\nSELECT 3 -- kept\n")
        self.assertEqual(made.returncode, 0, made.stderr)
        out = self.compile_and_run(
            '#include "q_sql.h"\n#include <stdio.h>\n'
            "int main(void) { for (size_t i = 0; i < q_n_queries; i++)"
            ' printf("%s|%s|%s\\n", q_queries[i]->name, q_queries[i]->sql,'
            ' q_queries[i]->sql_pg ? q_queries[i]->sql_pg : "-");'
            " return q_queries[1] != &q_two; }\n", self.path("q_sql.c"))
        self.assertEqual(out, b"q.one|SELECT '\"??'\n  FROM a|SELECT 2\nq.two|SELECT 3 -- kept|-\n")

    def test_queries_refuses(self):
        for text, message in [
            ("SELECT 1\n", "q.sql:1: SQL before the first"),
            ("-- nothing\n", "no \"-- name:\" block"),
            ("-- name: a\n-- name: b\nSELECT 1\n", "q.sql:1: \"a\" has no SQL"),
            ("-- name: a\nSELECT 1\n-- name: a\nSELECT 2\n", "q.sql:3: \"a\" is already there, line 1"),
            ("-- name: A-b\nSELECT 1\n", "q.sql:1: \"A-b\" is not a name"),
            ("-- for: pg\nSELECT 1\n", "q.sql:1: \"-- for: pg\" must follow"),
            ("-- name: a\nSELECT 1\n-- for: oracle\nSELECT 2\n", "q.sql:3: only"),
            ("-- name: a\nSELECT 1\0\n", "NUL"),
        ]:
            with self.subTest(text=text):
                made = self.queries(text)
                self.assertEqual(made.returncode, 1)
                self.assertIn(message, made.stderr)

    def migrations(self, files):
        paths = [self.write(name, text) for name, text in files.items()]
        return run(SQLGEN, "migrations", self.path("migrations.h"), self.path("migrations.c"), *paths)

    def test_migrations(self):
        big = "-- " + "x" * 10000 + "\nCREATE TABLE b(id TEXT);\n"
        made = self.migrations({"0002_b.sql": big, "0001_a.pg.sql": "pg", "0001_a.sql": "lite;\n"})
        self.assertEqual(made.returncode, 0, made.stderr)
        out = self.compile_and_run(
            '#include "migrations.h"\n#include <stdio.h>\n'
            "int main(void) { for (size_t i = 0; i < fairway_n_migrations; i++) {"
            " const Migration *m = &fairway_migrations[i];"
            ' printf("%s|%s|%s|", m->name, m->sql, m->sql_pg ? m->sql_pg : "-"); } return 0; }\n',
            self.path("migrations.c"))
        self.assertEqual(out.decode(), "0001_a|lite;\n|pg|0002_b|" + big + "|-|")

    def test_no_migrations(self):
        self.assertEqual(self.migrations({}).returncode, 0)
        self.compile_and_run('#include "migrations.h"\nint main(void) { return (int)fairway_n_migrations; }\n',
                             self.path("migrations.c"))

    def test_migrations_refuses(self):
        for files, message in [
            ({"0001_a.sql": "x", "0001_b.sql": "y"}, "0001_b: has the number of 0001_a"),
            ({"0001_a.pg.sql": "x"}, "0001_a: has a .pg.sql but no .sql"),
            ({"1_a.sql": "x"}, "is named NNNN_name.sql"),
            ({"0001_A.sql": "x"}, "is not a name"),
        ]:
            with self.subTest(files=files):
                made = self.migrations(files)
                self.assertEqual(made.returncode, 1)
                self.assertIn(message, made.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
