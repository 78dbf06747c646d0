# SPDX-License-Identifier: Apache-2.0
"""What every test of the real program may ask for.

    server, api             a server on SQLite and its client; one per test file
    server_pg, api_pg       the same on PostgreSQL
    each_server, each_api   every test runs twice: SQLite, then PostgreSQL
    locked, admin           a server that wants credentials, without limits, and its administrator; on both
    new_server(**options)   a server of the test's own (options of FairwayServer; pg=True: PostgreSQL)
    shared                  the folder of test material outside the repository (skips when it is absent)
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pytest  # noqa: E402

from support import server as support_server  # noqa: E402
from support.identity import NO_LIMITS, first_admin  # noqa: E402
from support.postgres import PostgresDatabases  # noqa: E402
from support.server import FairwayServer  # noqa: E402


@pytest.fixture(scope="session")
def binary():
    found = support_server.binary()
    if not found:
        pytest.fail("no program to test: make dev, or set FAIRWAY_BINARY")
    return found


@pytest.fixture(scope="session")
def postgres_databases():
    databases = PostgresDatabases()
    yield databases
    databases.close()


@pytest.fixture(scope="module")
def postgres_url(postgres_databases):
    """An empty database, one per test file."""
    return new_database(postgres_databases)


def new_database(databases):
    try:
        return databases.create()
    except FileNotFoundError as absent:
        pytest.skip(str(absent))


@pytest.fixture(scope="module")
def server(binary):
    with FairwayServer() as running:
        yield running


@pytest.fixture(scope="module")
def server_pg(binary, postgres_url):
    with FairwayServer(database_url=postgres_url) as running:
        yield running


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def each_server(request):
    return request.getfixturevalue("server" if request.param == "sqlite" else "server_pg")


@pytest.fixture
def api(server):
    return server.api


@pytest.fixture
def api_pg(server_pg):
    return server_pg.api


@pytest.fixture
def each_api(each_server):
    return each_server.api


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def locked(request, binary):
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    with FairwayServer(auth=None, database_url=url, env=NO_LIMITS) as running:
        running.admin = first_admin(running)
        yield running


@pytest.fixture
def admin(locked):
    return locked.admin


@pytest.fixture
def new_server(binary, postgres_databases):
    running = []

    def start(pg=False, **options):
        if pg:
            options["database_url"] = new_database(postgres_databases)
        server = FairwayServer(**options)
        running.append(server)
        return server.start()

    yield start
    for server in running:
        server.close()


@pytest.fixture(scope="session")
def shared():
    folder = support_server.shared()
    if not folder.is_dir():
        pytest.skip(f"the shared test material is not here ({folder}); set FAIRWAY_SHARED")
    return folder
