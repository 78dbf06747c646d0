# SPDX-License-Identifier: Apache-2.0
"""Two processes on one PostgreSQL tell each other of news. Neither looks by itself here before a minute is over, so
that whatever arrives was told."""
import base64
import itertools
import json
import subprocess
import time

import pytest
from support.receiver import Receiver
from support.wait import until

POLL = "1m"
TOLD_WITHIN_S = 2  # a notice takes milliseconds
AGAIN_WITHIN_S = 20
LISTENERS = "FROM pg_stat_activity WHERE application_name = 'fairway-listen' AND datname = current_database()"

_names = itertools.count(1)


@pytest.fixture
def pair(new_server):
    """The first runs no jobs."""
    env = {"FAIRWAY_DATABASE_POLL": POLL, "FAIRWAY_WEBHOOKS_ALLOW": "127.0.0.1",
           "FAIRWAY_SECRET_KEY": base64.b64encode(b"k" * 32).decode()}
    first = new_server(pg=True, env={**env, "FAIRWAY_JOBS_WORKERS": "0"})
    return first, new_server(database_url=first.database_url, env=env)


@pytest.fixture
def psql(postgres_databases, pair):
    def run(sql):
        command = [postgres_databases.server.bin + "/psql", "-X", "-A", "-t", "-d", pair[0].database_url, "-c", sql]
        return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout.split()

    return run


def create(api):
    slug = f"told-{next(_names)}"
    answer = api.post("/api/organizations", {"name": slug, "slug": slug})
    assert answer.status == 201, answer
    return answer.json()["id"]


def assert_told(writer, incoming, within_s=TOLD_WITHIN_S):
    started = time.monotonic()
    subject = create(writer)
    assert json.loads(next(m for m in incoming if "event" in m)["data"])["subject"] == subject
    assert time.monotonic() - started < within_s


def listeners(psql):
    return set(psql(f"SELECT pid {LISTENERS}"))


def test_an_event_of_one_process_reaches_the_streams_of_the_other(pair, psql):
    first, second = pair
    until(lambda: len(listeners(psql)) == 2, what="both listen")
    with first.api.events() as of_first, second.api.events() as of_second:
        to_first, to_second = iter(of_first), iter(of_second)
        for _ in range(5):
            assert_told(first.api, to_second)
            assert_told(second.api, to_second)  # its own, too, and in order
        for message in itertools.islice((m for m in to_first if "event" in m), 10):
            assert message["event"] == "organizations.created"


def test_it_goes_on_after_the_connections_were_lost(pair, psql):
    first, second = pair
    before = until(lambda: len(found := listeners(psql)) == 2 and found, what="both listen")
    with second.api.events() as stream:
        incoming = iter(stream)
        assert_told(first.api, incoming)
        psql(f"SELECT pg_terminate_backend(pid) {LISTENERS}")
        assert_told(first.api, incoming, within_s=AGAIN_WITHIN_S)  # whoever listens again looks first
        until(lambda: len(found := listeners(psql)) == 2 and not found & before, what="both listen again")
        assert_told(first.api, incoming)


def test_a_job_of_one_process_runs_in_the_other(pair, psql):
    first, _ = pair
    until(lambda: len(listeners(psql)) == 2, what="both listen")
    with Receiver() as receiver:
        hook = first.api.post("/api/webhooks", {"name": "hook", "url": receiver.url, "types": ["teams.never"]}).json()
        for _ in range(3):
            started = time.monotonic()
            delivery = first.api.post(f"/api/webhooks/{hook['id']}/test").json()["id"]

            def is_done(wanted=delivery):
                jobs = first.api.get("/api/jobs", query={"type": "webhook.deliver", "state": "succeeded"}).json()["items"]
                return any(job["payload"]["delivery"] == wanted for job in jobs)

            until(is_done, what="the delivery")
            assert time.monotonic() - started < TOLD_WITHIN_S
