# SPDX-License-Identifier: Apache-2.0
"""The event stream over HTTP: pages, live streams, resuming, several processes, crashes."""
import json
import os
import random
import sqlite3
import statistics
import threading
import time

import pytest

from support.wait import until

ORGANIZATIONS = "/api/organizations"


def create(api, slug, **more):
    answer = api.post(ORGANIZATIONS, {"name": slug, "slug": slug, **more})
    assert answer.status == 201, answer
    return answer.json()["id"]


def all_events(api, **query):
    """Every event, page by page."""
    found, query = [], dict(query, limit=query.get("limit", 500))
    while True:
        answer = api.get("/api/events", query=query)
        assert answer.status == 200, answer
        page = answer.json()
        found += page["items"]
        if not page["more"]:
            return found
        query["after"] = page["position"]


def head(api):
    events = all_events(api)
    return events[-1]["sequence"] if events else "0"


def messages(stream):
    """The events of a stream, without what only moves the position on."""
    for message in stream:
        if "event" in message:
            yield message


def test_pages(each_api):
    after = head(each_api)
    ids = [create(each_api, f"page-{i}") for i in range(5)]
    until(lambda: len(all_events(each_api, after=after)) >= 5)
    events = all_events(each_api, after=after, limit=2)
    assert [e["subject"] for e in events] == ids
    assert [e["sequence"] for e in events] == sorted(e["sequence"] for e in events)
    first = events[0]
    assert first["type"] == "organizations.created"
    assert first["source"] == ORGANIZATIONS
    assert first["specversion"] == "1.0"
    assert first["data"]["record"]["slug"] == "page-0"
    assert all_events(each_api, after=after, subject=ids[3])[0]["data"]["record"]["slug"] == "page-3"
    assert all_events(each_api, after=after, types="teams.*") == []
    assert len(all_events(each_api, after=after, types="teams.*,organizations.cre*")) == 5


@pytest.mark.parametrize("query,status", [
    ({"after": "x"}, 400),
    ({"after": "-1"}, 400),
    ({"limit": 0}, 400),
    ({"types": ",".join(["a"] * 40)}, 422),
    ({"unknown": "1"}, 400),
    ({"after": "999999999999999999"}, 410),
])
def test_refusals(api, query, status):
    answer = api.get("/api/events", query=query)
    assert answer.status == status, answer
    assert answer.json()["detail"]


def test_stream_is_live(each_api):
    with each_api.events() as stream:
        assert stream.status == 200
        assert stream.response.headers["Content-Type"] == "text/event-stream"
        assert stream.response.headers["Cache-Control"] == "no-store"
        incoming = messages(stream)
        delays = []
        for i in range(15):
            sent = time.monotonic()
            subject = create(each_api, f"live-{i}")
            message = next(incoming)
            delays.append(time.monotonic() - sent)
            event = json.loads(message["data"])
            assert (message["event"], event["subject"]) == ("organizations.created", subject)
            assert message["id"] == event["sequence"]
        assert statistics.median(delays) < 0.1, delays


def test_stream_filters(each_api):
    subject = create(each_api, "filtered")
    with each_api.events(query={"types": "organizations.up*"}) as by_type, \
            each_api.events(query={"subject": subject}) as by_subject:
        create(each_api, "filtered-other")
        answer = each_api.patch(f"{ORGANIZATIONS}/{subject}", {"name": "New"},
                                headers={"Content-Type": "application/merge-patch+json"})
        assert answer.status == 200, answer
        assert next(messages(by_type))["event"] == "organizations.updated"
        assert next(messages(by_subject))["event"] == "organizations.updated"


def test_changes_name_types_only(each_api):
    assert each_api.get("/api/events/changes").status == 406
    with each_api.events("/api/events/changes") as stream:
        assert stream.status == 200
        create(each_api, "changes-1")
        told = next(message for message in stream if message["data"])
    assert "event" not in told and "id" not in told
    assert json.loads(told["data"]) == {"types": ["organizations.created"]}


def test_changes_of_a_flood_all_arrive(each_api):
    with each_api.events("/api/events/changes") as stream:
        for i in range(200):
            create(each_api, f"flood-{i}")
        last = create(each_api, "flood-last")
        each_api.delete(f"{ORGANIZATIONS}/{last}")
        for message in stream:
            types = json.loads(message["data"])["types"] if message["data"] else []
            assert len(set(types)) == len(types)
            if "organizations.deleted" in types:
                break


def test_stream_from_a_position(each_api):
    after = head(each_api)
    ids = [create(each_api, f"from-{i}") for i in range(3)]
    with each_api.events(query={"after": after}) as stream:
        incoming = messages(stream)
        got = [next(incoming) for _ in ids]
        assert [json.loads(m["data"])["subject"] for m in got] == ids
    with each_api.events(headers={"Last-Event-ID": got[1]["id"]}, query={"after": "0"}) as stream:
        assert json.loads(next(messages(stream))["data"])["subject"] == ids[2]


def test_stream_after_the_end_or_before_the_beginning(new_server):
    server = new_server()
    for i in range(3):
        create(server.api, f"org-{i}")
    until(lambda: len(all_events(server.api)) >= 3)
    with server.api.events(query={"after": "999999"}) as stream:
        incoming = messages(stream)
        reset = next(incoming)
        assert reset["event"] == "stream.reset"
        create(server.api, "after-reset")
        assert json.loads(next(incoming)["data"])["data"]["record"]["slug"] == "after-reset"
    database = sqlite3.connect(server.data / "fairway.db", timeout=10)
    with database:
        database.execute("DELETE FROM events WHERE position <= 2")
        database.execute("UPDATE event_stream SET pruned = 2")
    database.close()
    assert server.api.get("/api/events", query={"after": "1"}).status == 410
    with server.api.events(query={"after": "1"}) as stream:
        incoming = messages(stream)
        reset = next(incoming)
        assert (reset["event"], json.loads(reset["data"])["from"]) == ("stream.reset", "0000000000000002")
        assert next(incoming)["id"] == "0000000000000003"


class Writers:
    """Threads that create organizations until they are stopped."""

    def __init__(self, apis, prefix):
        self.stopping = threading.Event()
        self.created, self.failures = [], []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(api, f"{prefix}-{i}")) for i, api in enumerate(apis)]

    def run(self, api, prefix):
        n = 0
        while not self.stopping.is_set():
            try:
                made = create(api, f"{prefix}-{n}")
                with self.lock:
                    self.created.append(made)
            except (OSError, AssertionError) as problem:
                with self.lock:
                    self.failures.append(problem)
                return
            n += 1
            time.sleep(random.random() * 0.004)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def test_resume_under_writes(each_api):
    """A client that comes and goes sees each event once, in order, while others write all the time."""
    after = head(each_api)
    got, last = [], after
    with Writers([each_api] * 3, "resume") as writers:
        for _ in range(25):
            with each_api.events(headers={"Last-Event-ID": last}) as stream:
                incoming = messages(stream)
                for _ in range(random.randint(1, 12)):
                    message = next(incoming)
                    got.append(json.loads(message["data"])["subject"])
                    last = message["id"]
    assert not writers.failures
    total = len(writers.created)
    with each_api.events(headers={"Last-Event-ID": last}) as stream:
        incoming = messages(stream)
        while len(got) < total:
            got.append(json.loads(next(incoming)["data"])["subject"])
    assert got == [e["subject"] for e in all_events(each_api, after=after)]
    assert sorted(got) == sorted(writers.created)


def test_joining_many_times_under_writes(each_api):
    """Where reading from the database ends and live delivery begins, nothing is lost or doubled."""
    after = head(each_api)
    with Writers([each_api] * 2, "join"):
        until(lambda: len(all_events(each_api, after=after)) > 20)
        streams = [each_api.events(query={"after": after}) for _ in range(12)]
        received = [[next(incoming)["id"] for _ in range(80)] for incoming in map(messages, streams)]
    truth = [e["sequence"] for e in all_events(each_api, after=after)][:80]
    for got, stream in zip(received, streams):
        assert got == truth
        stream.close()


def test_two_processes(new_server):
    """On one PostgreSQL: each process tells what the other did, all in one order."""
    first = new_server(pg=True)
    second = new_server(database_url=first.database_url)
    after = head(first.api)
    streams = [s.api.events(query={"after": after}) for s in (first, second)]
    with Writers([first.api, second.api, first.api, second.api], "both") as writers:
        until(lambda: len(writers.created) > 200, deadline_s=60)
    assert not writers.failures
    n = len(writers.created)
    received = [[next(incoming)["id"] for _ in range(n)] for incoming in map(messages, streams)]
    assert received[0] == received[1] == [e["sequence"] for e in all_events(first.api, after=after)]
    for stream in streams:
        stream.close()


@pytest.mark.parametrize("pg", [False, True], ids=["sqlite", "postgresql"])
def test_crashes(new_server, pg):
    """Whatever was acknowledged before a kill has its event, once."""
    server = new_server(pg=pg)
    acknowledged = []
    for round_ in range(4):
        with Writers([server.api] * 4, f"crash-{round_}") as writers:
            time.sleep(0.2 + random.random() * 0.2)
            server.kill()
        acknowledged += writers.created
        server.start()
    assert len(acknowledged) > 20
    events = [e["subject"] for e in all_events(server.api, types="organizations.created")]
    assert len(events) == len(set(events))
    assert set(acknowledged) <= set(events)


def test_slow_client(each_server):
    """One that does not read holds up nobody, and gets everything once it does."""
    api = each_server.api
    after = head(api)
    filler = {"settings": {"text": "x" * 60_000}}
    ids = []
    with api.events(query={"after": after}) as slow, api.events(query={"after": after}) as quick:
        incoming = messages(quick)
        for i in range(250):  # more than the buffers of both kernels and of the server
            create(api, f"slow-{i}", **filler)
            ids.append(next(incoming)["id"])
        late = messages(slow)
        assert [next(late)["id"] for _ in ids] == ids


def test_heartbeat_and_idle_streams(server):
    """Idle streams cost nothing but memory; each hears a heartbeat within 15 seconds and a half."""
    streams = [server.api.events(query={"types": "nothing.*"}) for _ in range(100)]
    for stream in streams:
        while stream.response.readline().strip():
            pass  # the greeting
    before = cpu_seconds(server.process.pid)
    started = time.monotonic()
    for stream in streams:
        assert stream.response.readline() == b":\n"
    assert time.monotonic() - started < 16
    assert cpu_seconds(server.process.pid) - before < 1.5
    for stream in streams:
        stream.close()
    until(lambda: "fairway_events_streams 0" in server.api.get("/metrics").text)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_asyncapi(api):
    document = api.get("/api/asyncapi.json").json()
    assert document["asyncapi"] == "3.0.0"
    assert document["channels"]["events"]["address"] == "/api/events"
