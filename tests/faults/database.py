# SPDX-License-Identifier: Apache-2.0
"""A look into a server's database from outside, beside the server: queries that give rows of text."""
import sqlite3
import subprocess

from support import pg, wait


class SqliteFile:
    def __init__(self, server):
        self.path = server.data / "fairway.db"

    def rows(self, sql):
        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=30)
        try:
            return [tuple("" if v is None else str(v) for v in row) for row in connection.execute(sql)]
        finally:
            connection.close()

    def after_kill(self):
        """Nothing to wait for: the writer died with its process."""

    def problems(self):
        """What SQLite itself finds wrong with the file."""
        broken = [row for row in self.rows("PRAGMA integrity_check") if row != ("ok",)]
        return broken + self.rows("PRAGMA foreign_key_check")


class PostgresDatabase:
    def __init__(self, server):
        self.url = server.database_url

    def rows(self, sql):
        done = subprocess.run([pg.prefix() + "/psql", "-X", "-q", "-A", "-t", "-F", "\t", "-d", self.url, "-c", sql],
                              check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        return [tuple(line.split("\t")) for line in done.stdout.splitlines()]

    def after_kill(self):
        """PostgreSQL may still be finishing what the dead process had asked for."""
        others = ("SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                  " AND backend_type = 'client backend' AND pid <> pg_backend_pid()")
        wait.until(lambda: not self.rows(others), what="the end of the dead server's connections")

    def problems(self):
        return []


def of(server):
    return PostgresDatabase(server) if server.database_url else SqliteFile(server)
