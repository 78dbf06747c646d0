# SPDX-License-Identifier: Apache-2.0
"""A start on an empty database is cut off at random moments; two processes start at once."""
import random
import time

import database
import pytest
from support import wait
from support.server import FairwayServer

ROUNDS = 12
TABLES = "SELECT name FROM schema_migrations ORDER BY name"


def time_of_start(server):
    begin = time.monotonic()
    server.start()
    took = time.monotonic() - begin
    server.stop()
    return took


@pytest.fixture
def empty_server(binary, postgres_databases, tmp_path):
    def make(pg, folder):
        url = postgres_databases.create() if pg else None
        path = tmp_path / folder
        path.mkdir()
        return FairwayServer(database_url=url, dir=path)

    return make


@pytest.mark.parametrize("pg", [False, True], ids=["sqlite", "postgresql"])
def test_an_interrupted_migration_leaves_nothing_behind(empty_server, pg):
    took = time_of_start(empty_server(pg, "whole"))
    for number in range(ROUNDS):
        server = empty_server(pg, f"cut-{number}")
        outside = database.of(server)
        try:
            server.spawn()
            time.sleep(random.uniform(0, took))  # the moment of the crash is what is random here
            server.kill()
            outside.after_kill()
            server.start()
            assert outside.problems() == []
            assert server.api.get("/api/organizations").json()["items"][0]["slug"] == "default"
            applied = outside.rows(TABLES)
            assert len(applied) == len(set(applied)) > 3
            server.stop()
        finally:
            server.kill()


def test_two_processes_start_on_one_empty_database(binary, postgres_databases, tmp_path):
    url = postgres_databases.create()
    servers = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        servers.append(FairwayServer(database_url=url, dir=tmp_path / name))
    try:
        for server in servers:
            server.spawn()
        for server in servers:
            wait.until(lambda: b"ready at" in server.stdout_path.read_bytes() or server.process.poll() is not None,
                       deadline_s=60, what="the start of a server")
            assert server.process.poll() is None, server.log()
        applied = database.of(servers[0]).rows(TABLES)
        assert len(applied) == len(set(applied)) > 3
    finally:
        for server in servers:
            server.kill()
