# SPDX-License-Identifier: Apache-2.0
"""Jobs over HTTP: lists, filters, logs, cancelling, running again, schedules; and what a crash leaves."""
import itertools

import pytest

from support.receiver import Receiver
from support.wait import until

_names = itertools.count(1)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def api(request, binary):
    from support.server import FairwayServer
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    with FairwayServer(database_url=url, env={"FAIRWAY_WEBHOOKS_ALLOW": "127.0.0.1"}) as server:
        yield server.api


def webhook(api, url):
    answer = api.post("/api/webhooks", {"name": f"hook {next(_names)}", "url": url, "types": ["teams.never"]})
    assert answer.status == 201, answer
    return answer.json()["id"]


def delivery_job(api, webhook_id, *states):
    """Sends a test event; gives its job once it is in one of the states."""
    delivery = api.post(f"/api/webhooks/{webhook_id}/test").json()["id"]

    def found():
        for job in api.get("/api/jobs", query={"type": "webhook.deliver"}).json()["items"]:
            if job["payload"]["delivery"] == delivery and job["state"] in states:
                return job
        return None
    return until(found, what=f"a job in {states}")


def wait_state(api, job, state):
    return until(lambda: (j := api.get(f"/api/jobs/{job['id']}").json())["state"] == state and j, what=state)


def test_list_and_filters(api):
    with Receiver() as receiver:
        hook = webhook(api, receiver.url)
        jobs = [delivery_job(api, hook, "succeeded") for _ in range(3)]
    found = api.get("/api/jobs", query={"type": "webhook.deliver", "state": "succeeded", "limit": 2}).json()
    assert len(found["items"]) == 2 and found["next_cursor"]
    ids = [j["id"] for j in api.pages("/api/jobs", {"type": "webhook.deliver"}, limit=2)]
    assert set(j["id"] for j in jobs) <= set(ids) and len(ids) == len(set(ids))
    assert all(j["state"] == "queued" for j in api.get("/api/jobs", query={"state": "queued"}).json()["items"])
    one = api.get(f"/api/jobs/{jobs[0]['id']}")
    assert one.json()["attempt"] == 1 and one.json()["finished_at"] >= one.json()["started_at"]
    assert api.get(f"/api/jobs/{jobs[0]['id']}", headers={"If-None-Match": one.headers["ETag"]}).status == 304


def test_log(api):
    with Receiver() as receiver:
        hook = webhook(api, receiver.url)
        job = delivery_job(api, hook, "succeeded")
        lines = api.get(f"/api/jobs/{job['id']}/log").json()["items"]
    assert [(line["line"], line["attempt"]) for line in lines] == [(1, 1)]
    assert lines[0]["message"] == f"{receiver.url}: delivered"
    assert api.get(f"/api/jobs/{job['id']}/log", query={"after": 1}).json()["items"] == []
    assert api.get("/api/jobs/0192a3b4-c5d6-7e8f-9012-3456789abcde/log").status == 404
    assert api.get("/api/jobs/nonsense/log").status == 404


def test_cancel_and_retry(api):
    with Receiver(lambda *_: 500) as receiver:
        hook = webhook(api, receiver.url)
        job = delivery_job(api, hook, "failed")
        assert job["error"] == "the receiver answered 500" and job["attempt"] == 1
        path = f"/api/jobs/{job['id']}"
        cancelled = api.post(path + "/cancel")
        assert (cancelled.status, cancelled.json()["state"]) == (200, "cancelled"), cancelled
        again = api.post(path + "/cancel")
        assert again.status == 409 and "cancelled" in again.json()["detail"]
        receiver.answer = lambda *_: 204
        retried = api.post(path + "/retry")
        assert (retried.status, retried.json()["state"], retried.json()["attempt"]) == (200, "queued", 0), retried
        wait_state(api, job, "succeeded")
        refused = api.post(path + "/retry")
        assert refused.status == 409 and "succeeded" in refused.json()["detail"]
        assert api.post(path + "/cancel").status == 409
    events = until(lambda: api.get("/api/events", query={"types": "jobs.*", "subject": job["id"]}).json()["items"])
    assert [e["type"] for e in events] == ["jobs.cancelled"]  # not one per run


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_unknown(api, verb):
    for name in ("0192a3b4-c5d6-7e8f-9012-3456789abcde", "x", "%20"):
        assert api.post(f"/api/jobs/{name}/{verb}").status == 404


def test_cannot_be_written(api):
    assert api.post("/api/jobs", {"type": "x"}).status == 405
    job = api.get("/api/jobs", query={"limit": 1}).json()["items"][0]
    assert api.delete(f"/api/jobs/{job['id']}").status == 405


def test_schedules(api):
    schedules = {s["name"]: s for s in api.get("/api/job-schedules").json()["items"]}
    assert schedules["events.prune"]["every_seconds"] == 3600
    until(lambda: api.get("/api/jobs", query={"schedule": "events.prune", "state": "succeeded"}).json()["items"])
    now = {s["name"]: s for s in api.get("/api/job-schedules").json()["items"]}["events.prune"]
    assert now["next_at"] > now["last_at"]


@pytest.mark.parametrize("pg", [False, True], ids=["sqlite", "postgresql"])
def test_a_job_outlives_a_crash(new_server, pg):
    """The job that ran when the process was killed runs again, and says which attempt it is: at once on SQLite,
    where the dead process can be told from a living one, and when its lease has run out on PostgreSQL."""
    server = new_server(pg=pg, env={"FAIRWAY_WEBHOOKS_ALLOW": "127.0.0.1"})
    with Receiver() as receiver:
        hook = webhook(server.api, receiver.url)

        def kill_it(_, n):
            if n == 0:
                server.kill()
            return 204
        receiver.answer = kill_it
        server.api.post(f"/api/webhooks/{hook}/test")
        until(lambda: server.process is None)
        server.start()
        jobs = server.api.get("/api/jobs", query={"type": "webhook.deliver"}).json()["items"]
        assert len(jobs) == 1 and (jobs[0]["state"] == "running" or not pg)
        done = until(lambda: (j := server.api.get(f"/api/jobs/{jobs[0]['id']}").json())["state"] == "succeeded" and j,
                     deadline_s=60 if pg else 15)
        assert done["attempt"] == 2
        assert len({m.id for m in receiver.messages}) == 1 and len(receiver.messages) == 2
