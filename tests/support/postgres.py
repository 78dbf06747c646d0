# SPDX-License-Identifier: Apache-2.0
"""One PostgreSQL for a whole test run, with a new database for everyone who asks."""
import itertools
import subprocess

from support.pg import PrivatePostgres


class PostgresDatabases:
    def __init__(self):
        self._server = None
        self._numbers = itertools.count(1)

    @property
    def server(self):
        if self._server is None:
            # Durability is proven by the tests that crash the server; they make their own.
            self._server = PrivatePostgres(settings=["fsync=off", "max_connections=400"])
        return self._server

    def create(self):
        """The URL of a new empty database. FileNotFoundError: PostgreSQL is not installed."""
        name = f"fairway_{next(self._numbers)}"
        subprocess.run([self.server.bin + "/psql", "-q", "-X", "-d", self.server.url, "-c",
                        f"CREATE DATABASE {name}"], check=True, stdin=subprocess.DEVNULL)
        return self.server.url.rsplit("/", 1)[0] + "/" + name

    def close(self):
        if self._server:
            self._server.close()
