# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL goes away under load and comes back, orderly and by a crash; Fairway is never restarted."""
import itertools
import signal
import threading

import pytest
from support import wait
from support.pg import PrivatePostgres
from support.server import FairwayServer


@pytest.fixture(scope="module")
def postgres():
    try:
        database = PrivatePostgres()
    except FileNotFoundError as absent:
        pytest.skip(str(absent))
    yield database
    database.close()


@pytest.fixture(scope="module")
def server(binary, postgres):
    with FairwayServer(database_url=postgres.url) as running:
        yield running


DEADLINE_S = 60


class Writer(threading.Thread):
    """Creates organizations until it is ended; remembers which were acknowledged, and other answers."""

    numbers = itertools.count(1)

    def __init__(self, api):
        super().__init__()
        self.api, self.ended = api, threading.Event()
        self.acknowledged, self.refusals = [], []
        self.start()

    def run(self):
        while not self.ended.is_set():
            slug = f"o{next(self.numbers)}"
            answer = self.api.post("/api/organizations", {"name": slug, "slug": slug})
            if answer.status == 201:
                self.acknowledged.append(slug)
            else:
                self.refusals.append(answer)
                self.ended.wait(0.02)

    def end(self):
        self.ended.set()
        self.join()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
def test_the_database_goes_away_and_comes_back(server, postgres, how):
    api = server.api
    writers = [Writer(api) for _ in range(4)]
    try:
        wait.until(lambda: all(len(writer.acknowledged) > 5 for writer in writers), deadline_s=DEADLINE_S, what="writes")
        postgres.stop(how)
        wait.until(lambda: all(writer.refusals for writer in writers), deadline_s=DEADLINE_S, what="refusals")
        check_while_away(api)
        before = [len(writer.acknowledged) for writer in writers]
        assert postgres.start()
        wait.until(lambda: all(len(w.acknowledged) > n + 5 for w, n in zip(writers, before)), deadline_s=DEADLINE_S,
                   what="writes after the return")
        wait.until(lambda: api.get("/api/ready").status == 200, deadline_s=DEADLINE_S,
                   what="readiness after the return")
    finally:
        for writer in writers:
            writer.end()
    for answer in itertools.chain.from_iterable(writer.refusals for writer in writers):
        assert answer.status == 503 and answer.headers["Retry-After"], answer
        assert "postgresql://" not in answer.text, "the address of the database is nobody's business"
    check_nothing_is_lost(api, writers)


def check_while_away(api):
    assert api.get("/api/health").status == 200
    answer = wait.until(lambda: (a := api.get("/api/ready")).status == 503 and a, deadline_s=DEADLINE_S, what="the end of readiness")
    assert [check["name"] for check in answer.json()["checks"] if not check["ready"]][0] == "database"
    assert api.get("/api/organizations").status == 503
    assert api.get("/api/openapi.json").status == 200


def check_nothing_is_lost(api, writers):
    there = {item["slug"] for item in api.pages("/api/organizations", limit=500)}
    for writer in writers:
        assert set(writer.acknowledged) <= there
    wait.until(lambda: len(created_slugs(api)) >= len(there) - 1, deadline_s=DEADLINE_S, what="the last events")
    created = created_slugs(api)
    assert sorted(created) == sorted(there - {"default"}), "one event for each that is there"


def created_slugs(api):
    return [event["data"]["record"]["slug"] for event in all_events(api, "organizations.created")]


def all_events(api, types):
    position = "0"
    while True:
        page = api.get("/api/events", query={"after": position, "types": types, "limit": 500}).json()
        yield from page["items"]
        position = page["position"]
        if not page["more"]:
            return
