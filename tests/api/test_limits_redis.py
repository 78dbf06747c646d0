# SPDX-License-Identifier: Apache-2.0
"""Limits that several processes share through a Redis, and what becomes of them when it is away."""
import base64
import re
import threading
import time

import pytest

from support.api import Api
from support.identity import first_admin
from support.redis import Redis
from support.server import FairwayServer
from support.wait import until

ORGANIZATIONS = "/api/organizations"
INLINE = "/api/catalog/entities/by-name/component/default/none"


@pytest.fixture
def redis(request):
    try:
        server = Redis(password=getattr(request, "param", None))
    except FileNotFoundError as absent:
        pytest.skip(str(absent))
    yield server.start()
    server.kill()


def limits(redis, **given):
    settings = {"mode": "on", "address_per_minute": 1, "address_burst": 5} | given
    return {"FAIRWAY_LIMITS_" + name.upper(): str(value) for name, value in settings.items()} | {"FAIRWAY_REDIS_URL": redis.url}


def metric(server, name):
    return int(re.search(rf"^{name} (\d+)$", server.api.get("/metrics").text, re.M).group(1))


def call_from(servers, threads, calls):
    """Statuses of `calls` requests of each thread, half of them to inline operations."""
    statuses, lock = [], threading.Lock()

    def run(i):
        server = servers[i % len(servers)]
        mine = [server.api.get(INLINE if k % 2 else ORGANIZATIONS).status for k in range(calls)]
        with lock:
            statuses.extend(mine)
    running = [threading.Thread(target=run, args=(i,)) for i in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return statuses


def test_two_processes_share_one_limit_exactly(new_server, redis):
    env = limits(redis, address_burst=300)
    servers = [new_server(env=env), new_server(env=env)]
    statuses = call_from(servers, 32, 20)
    assert len(statuses) == 640 and set(statuses) == {200, 404, 429}
    assert len(statuses) - statuses.count(429) == 300
    assert all(server.api.get(ORGANIZATIONS).status == 429 for server in servers)
    asked = sum(metric(server, "fairway_limits_redis_asked_total") for server in servers)
    assert asked < 300, "requests are taken in batches"
    assert all(metric(server, "fairway_limits_alone_total") == 0 for server in servers)


def test_what_one_uses_the_other_lacks(new_server, redis):
    env = limits(redis, address_burst=6)
    first, second = new_server(env=env), new_server(env=env)
    assert [first.api.get(ORGANIZATIONS).status for _ in range(4)] == [200] * 4
    answers = [second.api.get(INLINE) for _ in range(4)]
    assert [a.status for a in answers] == [404, 404, 429, 429]
    assert [a.headers["RateLimit"].split(";")[1] for a in answers] == ["r=1", "r=0", "r=0", "r=0"]
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 60


@pytest.mark.parametrize("redis", ["p@ss:word/"], indirect=True)
def test_password_and_database(new_server, redis):
    redis.url = redis.url.replace("p@ss:word/", "p%40ss%3Aword%2F") + "/3"
    server = new_server(env=limits(redis))
    assert server.api.get(ORGANIZATIONS).status == 200
    assert metric(server, "fairway_limits_redis_up") == 1
    assert b"db3:keys=1" in redis.command("INFO", "keyspace")


def test_scripts_that_were_flushed(new_server, redis):
    server = new_server(env=limits(redis))
    assert server.api.get(ORGANIZATIONS).status == 200
    redis.command("SCRIPT", "FLUSH")
    assert server.api.get(ORGANIZATIONS).headers["RateLimit"].startswith('"address";r=3;')
    assert metric(server, "fairway_limits_redis_up") == 1


def test_killed_under_load_and_back(new_server, redis):
    """Nobody waits and nothing fails: each process counts by itself, and says so once. Then they share again."""
    server = new_server(env=limits(redis, address_per_minute=1000000, address_burst=1000000))
    stop, answers = threading.Event(), []

    def load():
        while not stop.is_set():
            begun = time.monotonic()
            status = server.api.get(INLINE if len(answers) % 2 else ORGANIZATIONS).status
            answers.append((status, time.monotonic() - begun))
    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: len(answers) > 200, what="load")
    redis.kill()
    until(lambda: metric(server, "fairway_limits_redis_up") == 0, what="noticing that Redis is away")
    seen = len(answers)
    until(lambda: len(answers) > seen + 500, what="answers without Redis")
    redis.start()
    until(lambda: metric(server, "fairway_limits_redis_up") == 1, what="noticing that Redis is back")
    stop.set()
    for thread in threads:
        thread.join()
    assert {status for status, _ in answers} == {200, 404}
    assert max(took for _, took in answers) < 5
    assert server.log().count("limits.redis_away") == 1 and server.log().count("limits.redis_back") == 1
    assert metric(server, "fairway_limits_alone_total") > 0


def test_alone_the_limit_still_holds(new_server, redis):
    server = new_server(env=limits(redis, address_burst=3))
    redis.kill()
    assert [server.api.get(ORGANIZATIONS).status for _ in range(5)] == [200] * 3 + [429] * 2
    assert [server.api.get(INLINE).status for _ in range(2)] == [429] * 2


def test_frozen_redis_holds_nobody_up(new_server, redis):
    server = new_server(env=limits(redis, address_per_minute=1000000, address_burst=1000000) | {"FAIRWAY_REDIS_TIMEOUT": "100ms"})
    assert server.api.get(ORGANIZATIONS).status == 200
    redis.freeze()
    try:
        until(lambda: server.api.get(ORGANIZATIONS).status == 200 and metric(server, "fairway_limits_redis_up") == 0,
              what="noticing that Redis is frozen")
        begun = time.monotonic()
        assert server.api.get("/api/health").status == 200
        assert server.api.get(ORGANIZATIONS).status == 200
        assert time.monotonic() - begun < 5
    finally:
        redis.thaw()
    until(lambda: server.api.get(ORGANIZATIONS).status == 200 and metric(server, "fairway_limits_redis_up") == 1,
          what="noticing that Redis answers again")


def test_started_without_redis(new_server, redis):
    redis.kill()
    server = new_server(env=limits(redis, address_burst=2))
    assert [server.api.get(ORGANIZATIONS).status for _ in range(3)] == [200, 200, 429]
    assert server.log().count("limits.redis_away") == 1


@pytest.mark.parametrize("url", ["rediss://127.0.0.1", "http://127.0.0.1", "redis://:6379", "redis://127.0.0.1/x", "redis://127.0.0.1/0?a=b"])
def test_urls_that_are_none(url):
    server = FairwayServer(env={"FAIRWAY_LIMITS_MODE": "on", "FAIRWAY_REDIS_URL": url})
    server.spawn()
    try:
        assert server.wait() == 2
        assert "redis.url" in server.log() and url not in server.log()
    finally:
        server.kill()


def test_a_limit_of_a_key_is_shared(new_server, redis):
    env = {"FAIRWAY_REDIS_URL": redis.url, "FAIRWAY_SECRET_KEY": base64.b64encode(b"k" * 32).decode()}
    first = new_server(pg=True, auth=None, env=env)
    admin = first_admin(first)
    second = new_server(database_url=first.database_url, auth=None, env=env)
    made = admin.post("/api/api-keys", {"name": "k", "scopes": ["Organization:read"],
                                        "rate_limit": {"per_minute": 1, "burst": 6}})
    assert made.status == 201, made
    callers = [Api(server.url, headers={"Authorization": "Bearer " + made.json()["key"]}) for server in (first, second)]
    answers = [callers[i % 2].get(ORGANIZATIONS) for i in range(10)]
    assert [a.status for a in answers] == [200] * 6 + [429] * 4
    assert {a.headers["RateLimit-Policy"] for a in answers} == {'"key";q=6;w=360'}
    redis.kill()
    until(lambda: callers[0].get(ORGANIZATIONS).status == 200, what="each counts by itself")
    assert callers[0].get(ORGANIZATIONS).headers["RateLimit-Policy"] == '"key";q=6;w=360'
