# SPDX-License-Identifier: Apache-2.0
"""Every event relayed to a topic exchange of a real RabbitMQ: shape, order, nothing lost while broker or
server are away."""
import json
import re

import pytest

from support.rabbitmq import RabbitMq
from support.server import FairwayServer
from support.wait import until

EXCHANGE = "fairway.events"


@pytest.fixture(scope="module")
def broker():
    try:
        running = RabbitMq()
    except FileNotFoundError as absent:
        pytest.skip(str(absent))
    try:
        yield running.start()
    finally:
        running.close()


@pytest.fixture
def queue(broker, request):
    """A queue of the test's own that gets everything."""
    name = re.sub(r"\W", "-", request.node.name)
    broker.declare(name, EXCHANGE)
    broker.take(name)
    return name


def relaying(new_server, broker, **options):
    env = {"FAIRWAY_AMQP_URL": broker.url, **options.pop("env", {})}
    return new_server(env=env, **options)


def create(api, names):
    for name in names:
        answer = api.post("/api/organizations", {"name": name, "slug": name})
        assert answer.status == 201, answer


def names(prefix, n):
    return [f"{prefix}-{i:03d}" for i in range(n)]


def created(messages):
    """Slugs of the organizations whose making was told, in order, each once."""
    found = {}
    for message in messages:
        event = json.loads(message["payload"])
        if event["type"] == "organizations.created":
            found.setdefault(message["properties"]["message_id"], event["data"]["record"]["slug"])
    return list(found.values())


def receive(broker, queue, wanted, deadline_s=60):
    messages = []

    def all_there():
        messages.extend(broker.take(queue))
        return set(wanted) <= set(created(messages))

    until(all_there, deadline_s=deadline_s, every_s=0.1, what="the relayed events")
    return messages


def published(api):
    events, after = [], "0000000000000000"
    while True:
        page = api.get("/api/events", query={"after": after, "limit": 100},
                       headers={"Accept": "application/json"}).json()
        events += page["items"]
        if not page["items"]:
            return events
        after = page["items"][-1]["sequence"]


def test_message(new_server, broker, queue):
    server = relaying(new_server, broker)
    create(server.api, ["one"])
    message = [m for m in receive(broker, queue, ["one"]) if m["routing_key"] == "organizations.created"][0]
    event = json.loads(message["payload"])
    assert event in published(server.api), "the body is the event as the API tells it"
    assert message["exchange"] == EXCHANGE
    properties = message["properties"]
    assert properties["content_type"] == "application/cloudevents+json"
    assert properties["message_id"] == event["id"]
    assert properties["delivery_mode"] == 2
    assert properties["type"] == event["type"]
    assert properties["app_id"] == "fairway"
    assert properties["headers"] == {"cloudEvents_" + k: event[k]
                                     for k in ("specversion", "id", "type", "source", "time", "subject")}
    status, exchange = broker.call("GET", f"/exchanges/%2F/{EXCHANGE}")
    assert (status, exchange["type"], exchange["durable"]) == (200, "topic", True)


def test_exchange_is_declared_when_it_is_not_there(new_server, broker):
    server = relaying(new_server, broker, env={"FAIRWAY_AMQP_EXCHANGE": "of.my.own"})
    create(server.api, ["two"])
    until(lambda: broker.call("GET", "/exchanges/%2F/of.my.own")[0] == 200, what="the exchange")
    assert broker.call("GET", "/exchanges/%2F/of.my.own")[1]["durable"]
    until(lambda: "\nfairway_amqp_connected 1\n" in server.api.get("/metrics").text)


def test_all_events_in_order(new_server, broker, queue):
    server = relaying(new_server, broker)
    wanted = names("ordered", 150)
    create(server.api, wanted)
    messages = receive(broker, queue, wanted)
    told = [json.loads(m["payload"]) for m in messages]
    assert created(messages) == wanted
    assert [e["id"] for e in told] == [e["id"] for e in published(server.api)][-len(told):]
    until(lambda: f"\nfairway_amqp_published_total {len(told)}\n" in server.api.get("/metrics").text)


def test_routing_key_selects(new_server, broker, queue):
    broker.declare("only-deletions", EXCHANGE, key="*.deleted")
    server = relaying(new_server, broker)
    made = server.api.post("/api/organizations", {"name": "gone", "slug": "gone"})
    answer = server.api.delete("/api/organizations/" + made.json()["id"],
                               headers={"If-Match": made.headers.get("ETag") or "*"})
    assert answer.status in (200, 204), answer
    got = []
    until(lambda: got.extend(broker.take("only-deletions")) or got, what="the deletion")
    assert [m["routing_key"] for m in got] == ["organizations.deleted"]


def test_broker_restart(new_server, broker, queue):
    """The server serves on, and tells in order what happened meanwhile; the broker kept what it had."""
    server = relaying(new_server, broker)
    before, meanwhile, after = names("before", 20), names("meanwhile", 20), names("after", 20)
    create(server.api, before)
    until(lambda: broker.call("GET", f"/queues/%2F/{queue}")[1].get("messages", 0) >= 20,
          deadline_s=30, what="the messages in the queue")
    broker.stop()
    create(server.api, meanwhile)
    until(lambda: "events.delivery_failed" in server.log(), what="a failed attempt in the log")
    assert server.api.get("/api/ready").status == 200
    broker.start()
    messages = receive(broker, queue, before + meanwhile)
    create(server.api, after)
    messages += receive(broker, queue, after)
    assert created(messages) == before + meanwhile + after
    assert "guest:guest" not in server.log()


def test_server_killed(new_server, broker, queue):
    server = relaying(new_server, broker)
    wanted = names("killed", 60)
    create(server.api, wanted)
    server.kill()  # somewhere on its way
    server.start()
    later = names("later", 5)
    create(server.api, later)
    assert created(receive(broker, queue, wanted + later)) == wanted + later


def test_refused_sign_in(new_server, broker):
    server = relaying(new_server, broker, env={"FAIRWAY_AMQP_URL": broker.url.replace("guest@", "s3cret-pw@")})
    create(server.api, ["three"])
    until(lambda: "events.delivery_failed" in server.log(), what="the failure in the log")
    assert "s3cret-pw" not in server.log()
    assert server.api.get("/api/ready").status == 200
    assert "\nfairway_amqp_connected 0\n" in server.api.get("/metrics").text


@pytest.mark.parametrize("env, problem", [
    ({"AMQP_URL": "http://user:s3cret-pw@host"}, "amqp.url must look like"),
    ({"AMQP_URL": "amqp://127.0.0.1", "FAIRWAY_AMQP_EXCHANGE": "x" * 128}, "amqp.exchange must have"),
])
def test_settings_are_checked_at_the_start(binary, tmp_path, env, problem):
    server = FairwayServer(dir=tmp_path, env=env)
    server.spawn()
    assert server.wait() == 2
    assert problem in server.log()
    assert "s3cret-pw" not in server.log()


def test_off_by_default(server):
    assert "fairway_amqp" not in server.api.get("/metrics").text
