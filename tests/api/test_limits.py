# SPDX-License-Identifier: Apache-2.0
"""How often one may call: 429, the fields that tell how much is left, and who counts as one caller."""
import re
import threading

import pytest

from support.server import FairwayServer

ORGANIZATIONS = "/api/organizations"


def limits(**given):
    """The environment of a server with limits: address_burst=5 and the like. A token comes back in a minute,
    long after a test is over, unless it says otherwise."""
    settings = {"mode": "on", "address_per_minute": 1, "address_burst": 5} | given
    return {"FAIRWAY_LIMITS_" + name.upper(): str(value) for name, value in settings.items()}


def fields(answer):
    """RateLimit as name, r and t."""
    found = re.fullmatch(r'"([a-z-]+)";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
    assert found, answer.headers["RateLimit"]
    return found.group(1), int(found.group(2)), int(found.group(3))


def refusals(server, policy):
    found = re.search(rf'^fairway_rate_limited_total{{policy="{policy}"}} (\d+)$', server.api.get("/metrics").text, re.M)
    return int(found.group(1))


def test_burst_then_429(new_server):
    server = new_server(env=limits())
    for left in (4, 3, 2, 1, 0):
        answer = server.api.get(ORGANIZATIONS)
        assert answer.status == 200
        assert answer.headers["RateLimit-Policy"] == '"address";q=5;w=300'
        name, r, t = fields(answer)
        assert (name, r) == ("address", left) and 60 * (5 - left) - 20 <= t <= 60 * (5 - left)
        assert "Retry-After" not in answer.headers
    assert refusals(server, "address") == 0
    answer = server.api.get(ORGANIZATIONS)
    assert answer.status == 429 and answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "rate-limited" and problem["status"] == 429
    wait = int(answer.headers["Retry-After"])
    assert 30 <= wait <= 60 and f"try again in {wait} seconds" in problem["detail"]
    assert fields(answer) == ("address", 0, wait)
    assert answer.headers["RateLimit-Policy"] == '"address";q=5;w=300'
    backstage = server.api.get("/api/catalog/entities")
    assert backstage.status == 429 and backstage.json()["response"]["statusCode"] == 429
    assert "Retry-After" in backstage.headers
    created = server.api.post(ORGANIZATIONS, {"name": "Acme", "slug": "acme"})
    assert created.status == 429  # and nothing was written
    assert refusals(server, "address") == 3


def test_health_and_metrics_are_never_limited(new_server):
    server = new_server(env=limits(address_burst=1))
    assert server.api.get(ORGANIZATIONS).status == 200
    assert server.api.get(ORGANIZATIONS).status == 429
    for path in ("/api/health", "/api/ready", "/metrics", "/.backstage/health/v1/liveness", "/.backstage/health/v1/readiness"):
        answer = server.api.get(path)
        assert answer.status == 200 and "RateLimit" not in answer.headers, path


def test_public_operations_count_by_address(new_server):
    server = new_server(env=limits(address_burst=2))
    statuses = [server.api.get("/api/openapi.json").status for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_open_mode_has_no_limits_by_default(server):
    for _ in range(3):
        answer = server.api.get(ORGANIZATIONS)
        assert answer.status == 200 and "RateLimit" not in answer.headers and "RateLimit-Policy" not in answer.headers


def test_guesses_are_limited_by_default_where_sign_in_is_required(new_server):
    server = new_server(auth="required", env={"FAIRWAY_LIMITS_ADDRESS_BURST": "4", "FAIRWAY_LIMITS_ADDRESS_PER_MINUTE": "1"})
    statuses = [server.api.get(ORGANIZATIONS, headers={"Authorization": f"Bearer {i}"}).status for i in range(6)]
    assert statuses == [401] * 4 + [429] * 2


def test_a_request_that_moves_to_a_worker_counts_once(new_server):
    """On PostgreSQL an inline operation is begun on the I/O thread and run anew on a worker."""
    server = new_server(pg=True, env=limits(address_burst=50))
    lefts = [fields(server.api.get("/api/catalog/entities/by-name/component/default/none"))[1] for _ in range(5)]
    assert lefts == [49, 48, 47, 46, 45]


def test_exact_under_64_clients(new_server):
    server = new_server(env=limits(address_burst=100))
    statuses, lock = [], threading.Lock()

    def call():
        mine = [server.api.get(ORGANIZATIONS).status for _ in range(5)]
        with lock:
            statuses.extend(mine)
    threads = [threading.Thread(target=call) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count(200) == 100 and statuses.count(429) == 64 * 5 - 100
    assert refusals(server, "address") == 64 * 5 - 100


def test_tokens_come_back(new_server):
    """With 60,000 a minute one is back after a millisecond, which is shorter than a request takes to come twice."""
    server = new_server(env=limits(address_per_minute=60000, address_burst=1))
    first = server.api.get(ORGANIZATIONS)
    assert first.status == 200 and first.headers["RateLimit-Policy"] == '"address";q=1;w=1'
    def again():
        return server.api.get(ORGANIZATIONS).status == 200
    assert any(again() for _ in range(50))


def test_a_stream_tells_its_limit(new_server):
    server = new_server(env=limits())
    connection = server.api.connect()
    connection.request("GET", "/api/events", headers={"Accept": "text/event-stream"})
    response = connection.getresponse()
    assert response.status == 200 and response.headers["RateLimit-Policy"] == '"address";q=5;w=300'
    connection.close()


@pytest.mark.parametrize("name, value", [("USER_BURST", "0"), ("ADDRESS_PER_MINUTE", "-1"), ("MODE", "sometimes")])
def test_settings_out_of_bounds(name, value):
    server = FairwayServer(env={"FAIRWAY_LIMITS_" + name: value})
    server.spawn()
    try:
        assert server.wait() == 2
        assert "limits." + name.lower() in server.log()
    finally:
        server.kill()
