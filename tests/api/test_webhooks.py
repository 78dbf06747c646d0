# SPDX-License-Identifier: Apache-2.0
"""Webhooks end to end, with a real receiver: signatures, retries, rotation, refusals, crashes."""
import base64
import random
import time

import pytest

from support.receiver import Receiver
from support.wait import until

ALLOW = {"FAIRWAY_WEBHOOKS_ALLOW": "127.0.0.1"}
PATCH = {"Content-Type": "application/merge-patch+json"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def api(request, binary):
    """A server that may send to this machine."""
    from support.server import FairwayServer
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    with FairwayServer(database_url=url, env=ALLOW) as server:
        yield server.api


_names = iter(range(1, 10_000))


def create(api, url, types=("organizations.*",), **more):
    answer = api.post("/api/webhooks", {"name": f"hook {next(_names)}", "url": url, "types": list(types), **more})
    assert answer.status == 201, answer
    return answer.json()


def happen(api):
    slug = f"org-{next(_names)}"
    answer = api.post("/api/organizations", {"name": slug, "slug": slug})
    assert answer.status == 201, answer
    return answer.json()["id"]


def deliveries(api, webhook, **query):
    answer = api.get(f"/api/webhooks/{webhook['id']}/deliveries", query=query)
    assert answer.status == 200, answer
    return answer.json()["items"]


def wait_delivery(api, webhook, **expected):
    def found():
        items = deliveries(api, webhook)
        return items and all(items[0].get(k) == v for k, v in expected.items()) and items[0]
    return until(found, what=f"a delivery with {expected}")


def test_delivers_signed(api):
    with Receiver() as receiver:
        webhook = create(api, receiver.url)
        subject = happen(api)
        delivery = wait_delivery(api, webhook, status="succeeded")
        assert (delivery["attempts"], delivery["response_code"]) == (1, 204)
        (message,) = receiver.messages
        assert message.is_signed_by(webhook["secret"]) and message.is_fresh()
        assert not message.is_signed_by("whsec_" + "A" * 32)
        assert message.headers["Content-Type"] == "application/json"
        assert message.id == delivery["event_id"] == message.event["id"]
        assert message.event["subject"] == subject
        assert message.event["timestamp"] == message.event["time"]
    api.delete(f"/api/webhooks/{webhook['id']}")


def test_secret_is_shown_once(api):
    with Receiver() as receiver:
        given = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        webhook = create(api, receiver.url, secret=given)
        made = create(api, receiver.url)
        assert webhook["secret"] == given
        assert made["secret"].startswith("whsec_") and len(made["secret"]) == 50
        for one in (webhook, made):
            path = f"/api/webhooks/{one['id']}"
            assert api.get(path).json()["secret"] == "********"
            assert one["secret"] not in api.get(path + "/history").text
            assert one["secret"] not in api.get("/api/webhooks").text
            assert one["secret"] not in api.get("/api/events", query={"types": "webhooks.*", "limit": 500}).text
            patched = api.patch(path, {"description": "new"}, headers=PATCH)
            assert patched.json()["secret"] == "********"
        happen(api)
        until(lambda: len(receiver.messages) == 2)
        assert {m.is_signed_by(given) for m in receiver.messages} == {True, False}
    for one in (webhook, made):
        assert api.delete(f"/api/webhooks/{one['id']}").status == 204


def test_rotation_signs_with_both(api):
    with Receiver() as receiver:
        webhook = create(api, receiver.url)
        rotated = api.post(f"/api/webhooks/{webhook['id']}/rotate-secret")
        assert rotated.status == 200, rotated
        assert rotated.headers["Cache-Control"] == "no-store"
        assert rotated.json()["secret"] != webhook["secret"]
        assert rotated.json()["previous_secret_until"] > rotated.json()["updated_at"]
        happen(api)
        until(lambda: receiver.messages)
        message = receiver.messages[0]
        assert len(message.signatures()) == 2
        assert message.is_signed_by(webhook["secret"]) and message.is_signed_by(rotated.json()["secret"])
    api.delete(f"/api/webhooks/{webhook['id']}")


def test_repeats_until_it_arrives(api):
    """A receiver that fails says when to come again; the message stays the same."""
    def answer(_, n):
        return (503, {"Retry-After": "1"}) if n < 2 else 200
    with Receiver(answer) as receiver:
        webhook = create(api, receiver.url)
        happen(api)
        failed = wait_delivery(api, webhook, status="failed")
        assert failed["response_code"] == 503 and failed["next_attempt_at"] > failed["last_attempt_at"]
        assert api.get(f"/api/webhooks/{webhook['id']}").json()["failing_since"]
        delivery = wait_delivery(api, webhook, status="succeeded")
        assert delivery["attempts"] == 3 and "error" not in delivery
        assert len({m.id for m in receiver.messages}) == 1
        assert len({m.body for m in receiver.messages}) == 1
        assert all(m.is_signed_by(webhook["secret"]) for m in receiver.messages)
        assert "failing_since" not in api.get(f"/api/webhooks/{webhook['id']}").json()
    api.delete(f"/api/webhooks/{webhook['id']}")


@pytest.mark.parametrize("status", [301, 400, 500])
def test_other_answers_are_failures(api, status):
    with Receiver(lambda *_: (status, {"Location": "http://127.0.0.1:1/"})) as receiver:
        webhook = create(api, receiver.url)
        happen(api)
        delivery = wait_delivery(api, webhook, status="failed", attempts=1)
        assert delivery["error"] == f"the receiver answered {status}"
    api.delete(f"/api/webhooks/{webhook['id']}")


def test_gone_disables(api):
    with Receiver(lambda *_: 410) as receiver:
        webhook = create(api, receiver.url)
        happen(api)
        wait_delivery(api, webhook, status="dead", response_code=410)
        now = api.get(f"/api/webhooks/{webhook['id']}").json()
        assert now["enabled"] is False and "410" in now["disabled_reason"]
        until(lambda: api.get("/api/events", query={"types": "webhooks.disabled", "subject": webhook["id"]}).json()["items"])
        happen(api)
        time.sleep(0.3)
        assert len(receiver.messages) == 1
        receiver.answer = lambda *_: 204
        answer = api.patch(f"/api/webhooks/{webhook['id']}", {"enabled": True}, headers=PATCH)
        assert "disabled_reason" not in answer.json(), answer
        happen(api)
        wait_delivery(api, webhook, status="succeeded")
    api.delete(f"/api/webhooks/{webhook['id']}")


def test_only_the_types_it_wants(api):
    with Receiver() as receiver:
        webhook = create(api, receiver.url, types=["teams.*", "organizations.updated"])
        org = happen(api)
        api.patch(f"/api/organizations/{org}", {"name": "changed"}, headers=PATCH)
        until(lambda: receiver.messages)
        api.patch(f"/api/webhooks/{webhook['id']}", {"types": ["organizations.deleted"]}, headers=PATCH)
        api.patch(f"/api/organizations/{org}", {"name": "again"}, headers=PATCH)
        api.delete(f"/api/organizations/{org}")
        until(lambda: len(receiver.messages) == 2)
        assert receiver.types() == ["organizations.updated", "organizations.deleted"]
    api.delete(f"/api/webhooks/{webhook['id']}")


def test_test_and_redeliver(api):
    with Receiver() as receiver:
        webhook = create(api, receiver.url, enabled=False)
        answer = api.post(f"/api/webhooks/{webhook['id']}/test")
        assert answer.status == 202, answer
        wait_delivery(api, webhook, status="succeeded", event_type="webhooks.test")
        assert receiver.messages[0].is_signed_by(webhook["secret"])
        path = f"/api/webhooks/{webhook['id']}/deliveries/{answer.json()['id']}"
        again = api.post(path + "/redeliver")
        assert (again.status, again.json()["status"]) == (202, "pending"), again
        wait_delivery(api, webhook, status="succeeded", attempts=2)
        assert receiver.messages[0].id == receiver.messages[1].id
        other = create(api, receiver.url)
        wrong = path.replace(webhook["id"], other["id"])
        assert api.post(wrong + "/redeliver").status == 404
        assert api.get(wrong).status == 404
    for one in (webhook, other):
        assert api.delete(f"/api/webhooks/{one['id']}").status == 204
    assert api.get(path).status == 404


@pytest.mark.parametrize("change,pointer", [
    ({"url": "http://10.1.2.3/x"}, "/url"),
    ({"url": "http://localhost/x"}, "/url"),
    ({"url": "http://[::1]/x"}, "/url"),
    ({"url": "http://user:pw@example.org/"}, "/url"),
    ({"url": "http://exa mple.org/"}, "/url"),
    ({"url": "ftp://example.org/"}, "/url"),
    ({"secret": "whsec_short"}, "/secret"),
    ({"types": []}, "/types"),
    ({"types": ["UPPER"]}, "/types/0"),
    ({"name": ""}, "/name"),
    ({"previous_secret_until": "2026-11-20T00:00:00Z"}, "/previous_secret_until"),
])
def test_refusals(api, change, pointer):
    answer = api.post("/api/webhooks", {"name": "refused", "url": "https://example.org/", **change})
    assert answer.status == 422, answer
    assert pointer in [e["pointer"] for e in answer.json()["errors"]], answer


def test_name_is_taken(api):
    webhook = create(api, "https://example.org/x")
    answer = api.post("/api/webhooks", {"name": webhook["name"], "url": "https://example.org/y"})
    assert answer.status == 409, answer
    api.delete(f"/api/webhooks/{webhook['id']}")


def test_internal_addresses_at_sending(new_server):
    """What was allowed when it was created is judged again at each sending."""
    server = new_server(env=ALLOW)
    with Receiver() as receiver:
        webhook = create(server.api, receiver.url)
        server.env = {}
        server.restart()
        happen(server.api)
        delivery = wait_delivery(server.api, webhook, status="dead")
        assert "127.0.0.1" in delivery["error"] and not receiver.messages
        dead = until(lambda: server.api.get("/api/jobs", query={"state": "dead"}).json()["items"])
        assert [job["type"] for job in dead] == ["webhook.deliver"]


def test_a_dead_delivery_causes_no_other(new_server):
    server = new_server(env=ALLOW)
    with Receiver() as receiver:
        webhook = create(server.api, receiver.url, types=["*"])
        until(lambda: receiver.messages)
        server.env = {}
        server.restart()
        happen(server.api)
        until(lambda: server.api.get("/api/events", query={"types": "jobs.dead"}).json()["items"])
        time.sleep(0.5)
        assert len(deliveries(server.api, webhook, status="dead")) == 1


@pytest.mark.parametrize("pg", [False, True], ids=["sqlite", "postgresql"])
def test_nothing_is_lost_in_crashes(new_server, pg):
    """Events written around a kill arrive, however often the process dies."""
    server = new_server(pg=pg, env=ALLOW)
    with Receiver(lambda *_: random.choice([204, 204, (503, {"Retry-After": "1"})])) as receiver:
        create(server.api, receiver.url)
        subjects = set()
        for _ in range(4):
            for _ in range(10):
                subjects.add(happen(server.api))
            time.sleep(random.random() * 0.05)
            server.kill()
            server.start()
        # Leases of the killed processes run out after 15 s (events) and 30 s (jobs).
        until(lambda: {m.event["subject"] for m in receiver.messages} >= subjects, deadline_s=90)
        assert {m.event["subject"] for m in receiver.messages} == subjects


def test_two_processes_share_the_work(new_server):
    env = {**ALLOW, "FAIRWAY_SECRET_KEY": base64.b64encode(b"k" * 32).decode()}
    first = new_server(pg=True, env=env)
    second = new_server(database_url=first.database_url, env=env)
    with Receiver() as receiver:
        webhook = create(first.api, receiver.url)
        subjects = [happen(server.api) for _ in range(30) for server in (first, second)]
        until(lambda: len(receiver.messages) >= len(subjects))
        until(lambda: len(deliveries(first.api, webhook, status="succeeded", limit=500)) == len(subjects))
        assert sorted(m.event["subject"] for m in receiver.messages) == sorted(subjects)  # each once
