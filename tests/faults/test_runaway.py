# SPDX-License-Identifier: Apache-2.0
"""A statement that does not end by itself: it must hold up neither a worker for long nor the end of the server."""
import re
import sqlite3
import subprocess
import threading
import time

import pytest
from support import wait

SLUG = "endless"
# What nobody would write on purpose: the insert of one organization takes minutes.
SQLITE = f"""
CREATE VIEW endless AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) AS n FROM c;
CREATE TRIGGER endless BEFORE INSERT ON organizations WHEN NEW.slug = '{SLUG}' BEGIN SELECT n FROM endless; END;
"""
POSTGRES = f"""
CREATE FUNCTION endless() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(300); RETURN NEW; END $$;
CREATE TRIGGER endless BEFORE INSERT ON organizations FOR EACH ROW WHEN (NEW.slug = '{SLUG}') EXECUTE FUNCTION endless();
"""
FASTER_THAN_THE_STATEMENT_S = 20


@pytest.fixture(params=["sqlite", "postgresql"])
def trapped(request, new_server, postgres_databases):
    """Starts a server in whose database the trap is set."""
    is_pg = request.param == "postgresql"

    def start(**env):
        server = new_server(pg=is_pg, env=env)
        if is_pg:
            subprocess.run([postgres_databases.server.bin + "/psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", "-d",
                            server.database_url, "-c", POSTGRES], check=True, stdin=subprocess.DEVNULL)
        else:
            with sqlite3.connect(server.data / "fairway.db") as database:
                database.executescript(SQLITE)
            database.close()
        return server

    return start


def create(api, slug):
    return api.post("/api/organizations", {"name": slug, "slug": slug})


def busy_workers(api):
    return int(re.search(r"^fairway_http_workers_busy (\d+)", api.get("/metrics").text, re.M).group(1))


def test_a_request_is_answered_504_at_its_deadline(trapped):
    server = trapped(FAIRWAY_HTTP_REQUEST_TIMEOUT="500ms")
    started = time.monotonic()
    answer = create(server.api, SLUG)
    assert answer.status == 504 and answer.json()["code"] == "timeout", answer
    assert "database took too long" in answer.json()["detail"], answer
    assert time.monotonic() - started < FASTER_THAN_THE_STATEMENT_S
    assert create(server.api, "after").status == 201
    assert [item["slug"] for item in server.api.pages("/api/organizations")].count(SLUG) == 0


def test_the_end_of_the_server_does_not_wait_for_it(trapped):
    server = trapped(FAIRWAY_SERVER_SHUTDOWN_GRACE="300ms")
    idle = busy_workers(server.api)
    answers = []

    def ask():
        try:
            answers.append(create(server.api, SLUG))
        except OSError:
            answers.append(None)

    asking = threading.Thread(target=ask)
    asking.start()
    wait.until(lambda: busy_workers(server.api) > idle, what="a worker in the endless statement")
    started = time.monotonic()
    server.stop()
    assert time.monotonic() - started < FASTER_THAN_THE_STATEMENT_S
    asking.join()
    assert answers and (answers[0] is None or answers[0].status >= 500), "cut off, or told"
